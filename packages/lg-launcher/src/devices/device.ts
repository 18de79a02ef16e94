/*D:210
 * What all devices have in common.
 *
 * A device knows its queues, the memory, how to raise an interrupt, and a backend that does the real thing (a terminal,
 * a file). It does not know where its record lies or which irq it was given; the bus does. So a device can be driven by
 * a test with nothing but a ring and an array of bytes.
 */
import type { GuestMemory } from '../memory.js';
import type { Virtqueue, VirtqueueState } from '../bus/virtqueue.js';

/** What every createX() is given. */
export interface DeviceOptions<Backend> {
  readonly memory: GuestMemory;
  /** Raise the interrupt of a queue. */
  readonly irq: (queue: number) => void;
  readonly backend: Backend;
}

/** Everything of a device that is worth saving. Plain data. */
export interface DeviceState {
  /** The driver has said it is there. */
  readonly active: boolean;
  readonly queues: readonly VirtqueueState[];
}

/** Counts that end up in the statistics. */
export type DeviceStatistics = Record<string, number>;

/** A device on the lguest bus. */
export interface Device {
  /** A VirtioId. */
  readonly type: number;
  /** What people call it: "console". */
  readonly name: string;
  readonly queueCount: number;
  /** Feature bit numbers it offers. */
  readonly features: readonly number[];
  /** Its configuration space. */
  readonly config: Uint8Array;
  /** The driver is there: these are the queues. */
  activate(queues: readonly Virtqueue[]): void;
  /**
   * Work on queue `n`. Bounded: true means that there is more to do, call again when others had their turn.
   */
  handleQueue(n: number): boolean;
  /** The driver reset the device (or the Guest starts anew): forget the queues. The backend stays. */
  reset(): void;
  state(): DeviceState;
  /** Continue from a state; the queues are those activate() would be given. */
  restore(state: DeviceState, queues: readonly Virtqueue[]): void;
  readonly statistics: DeviceStatistics;
  /** Let go of the backend. */
  dispose(): void;
}

/** How many bytes a device moves in one go before others get their turn. */
export const BYTES_PER_TURN = 16 << 20;

/** The queues of a device, once there are any. Shared by all devices; holds no secrets. */
export class DeviceQueues {
  #queues: readonly Virtqueue[] = [];

  get active(): boolean {
    return this.#queues.length > 0;
  }

  activate(queues: readonly Virtqueue[]): void {
    this.#queues = queues;
  }

  at(n: number): Virtqueue | undefined {
    return this.#queues[n];
  }

  reset(): void {
    this.#queues = [];
  }

  state(): DeviceState {
    return { active: this.active, queues: this.#queues.map((queue) => queue.state()) };
  }

  restore(state: DeviceState, queues: readonly Virtqueue[]): void {
    this.#queues = state.active ? queues : [];
    state.queues.forEach((saved, n) => queues[n]?.restore(saved));
  }
}
