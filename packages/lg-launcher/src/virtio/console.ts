/*D:220
 * The console: bytes in, bytes out.
 *
 * Output is served at once, because the driver spins until its buffer comes back. Input waits here until the Guest has
 * posted a buffer for it; nothing typed is lost.
 */
import { VirtioConsoleQueue, VirtioId } from '@lguest/lg-host/abi';
import type { DeviceModel } from './bus.js';
import type { Virtqueue } from './virtqueue.js';

/** How a console is connected. */
export interface ConsoleBackend {
  /** The Guest printed. */
  write(bytes: Uint8Array): void;
}

/** A console device. */
export interface ConsoleDevice extends DeviceModel {
  /** Somebody typed. */
  input(bytes: Uint8Array): void;
  /** Bytes typed that the Guest has not taken yet. */
  readonly waiting: number;
  state(): { waiting: number[] };
  restore(state: { waiting: number[] }): void;
}

/** Make a console. */
export function createConsole({ backend }: { backend: ConsoleBackend }): ConsoleDevice {
  let queues: readonly Virtqueue[] = [];
  let waiting: Uint8Array[] = [];

  function deliver(): void {
    const queue = queues[VirtioConsoleQueue.input];
    if (!queue) return;
    while (waiting.length > 0) {
      const chain = queue.take();
      if (!chain) break;
      let written = 0;
      while (waiting.length > 0 && written < chain.writableBytes) {
        const data = waiting[0]!;
        const done = queue.write(chain, data, written);
        written += done;
        if (done === data.length) waiting.shift();
        else waiting[0] = data.subarray(done);
      }
      queue.give(chain, written);
    }
    queue.announce();
  }

  function print(): void {
    const queue = queues[VirtioConsoleQueue.output]!;
    for (let chain = queue.take(); chain; chain = queue.take()) {
      if (chain.readableBytes > 0) backend.write(queue.read(chain));
      queue.give(chain, 0);
    }
    queue.announce();
  }

  return {
    type: VirtioId.console,
    name: 'the console',
    queues: 2,
    features: [],
    config: new Uint8Array(0),
    attach: (made) => { queues = made; },
    handleQueue: (queue) => (queue === VirtioConsoleQueue.input ? deliver() : print()),
    input: (bytes) => {
      if (bytes.length > 0) waiting.push(bytes.slice());
      deliver();
    },
    get waiting() { return waiting.reduce((sum, part) => sum + part.length, 0); },
    state: () => ({ waiting: waiting.flatMap((part) => [...part]) }),
    restore: (state) => { waiting = state.waiting.length > 0 ? [Uint8Array.from(state.waiting)] : []; },
    dispose: () => { waiting = []; },
  };
}
