/*P:200
 * Wake me at…
 *
 * A timer is a callback and a moment. Timers wait in a queue on a clock, earliest first; somebody who watches the
 * clock runs the queue, and what is due fires. That somebody may be an event loop (see the sleeper), or a virtual
 * machine that looks between two stretches of guest code. The rules are those of Linux's hrtimers: absolute or relative
 * start, a callback may restart its timer, and forward() moves an expiry over the periods that were missed.
 */
import type { Clock, Nanoseconds } from './clock.js';
import { Heap, type HeapNode } from './heap.js';

/** How start() understands its number. */
export type TimerMode = 'absolute' | 'relative';

/** What a callback wants next: 'restart' puts the timer back at its (forwarded) expiry. Nothing means 'norestart'. */
export type TimerVerdict = 'restart' | 'norestart' | void;

/** Called when a timer fires, with the timer. It may start, cancel or forward any timer, this one too. */
export type TimerCallback = (timer: Timer) => TimerVerdict;

/** Timers on one clock. */
export class TimerQueue {
  readonly clock: Clock;
  /** @internal */
  readonly heap = new Heap<TimerNode>();
  #sequence = 0;
  #listener: (() => void) | undefined;

  constructor(clock: Clock) {
    this.clock = clock;
    clock.onStep?.(() => this.#listener?.());
  }

  /** When the next timer is due, or undefined. O(1). */
  nextExpiry(): Nanoseconds | undefined {
    return this.heap.first?.key;
  }

  /** Timers waiting. */
  get size(): number { return this.heap.size; }

  /** Called when nextExpiry() may have come closer, or the clock was stepped: for whoever sleeps until then. */
  onChange(listener: (() => void) | undefined): void {
    this.#listener = listener;
  }

  /**
   * Fire what is due, in the order of expiry, equals in the order they were started. A timer that is restarted in the
   * past by its callback waits for the next run, so a run always ends. Returns the number fired.
   */
  run(): number {
    const first = this.heap.first;
    if (first === undefined) return 0;
    const now = this.clock.now();
    const end = this.#sequence;
    let fired = 0;
    let postponed: TimerNode[] | undefined;
    for (let node = this.heap.first; node !== undefined && node.key <= now; node = this.heap.first) {
      this.heap.remove(node);
      if (node.sequence >= end) {
        (postponed ??= []).push(node);
        continue;
      }
      fired++;
      node.timer.fire();
    }
    for (const node of postponed ?? []) if (node.slot < 0 && node.waiting) this.heap.insert(node);
    return fired;
  }

  /** @internal */
  insert(node: TimerNode): void {
    node.sequence = this.#sequence++;
    node.waiting = true;
    this.heap.insert(node);
    if (this.heap.first === node) this.#listener?.();
  }
}

/** @internal A timer's place in the queue. */
export interface TimerNode extends HeapNode {
  readonly timer: Timer;
  /** Started and neither fired nor cancelled; true also while run() holds it back. */
  waiting: boolean;
}

/** One timer. Made idle. */
export class Timer {
  readonly queue: TimerQueue;
  readonly #callback: TimerCallback;
  readonly #node: TimerNode = { timer: this, key: 0n, sequence: 0, slot: -1, waiting: false };

  constructor(queue: TimerQueue, callback: TimerCallback) {
    this.queue = queue;
    this.#callback = callback;
  }

  /** Start it, or start it anew. A moment in the past is due at once, at the next run of the queue. */
  start(expires: Nanoseconds, mode: TimerMode = 'absolute'): void {
    this.cancel();
    this.#node.key = mode === 'relative' ? this.queue.clock.now() + expires : expires;
    this.queue.insert(this.#node);
  }

  /** Stop it. Returns whether it was waiting. From inside its callback: it will not be restarted. */
  cancel(): boolean {
    const { waiting } = this.#node;
    this.#node.waiting = false;
    if (this.#node.slot >= 0) this.queue.heap.remove(this.#node);
    this.#cancelled = true;
    return waiting;
  }
  #cancelled = false;

  /** True while it waits. */
  get active(): boolean { return this.#node.waiting; }

  /** When it fires, or fired last; undefined while it is idle. */
  get expires(): Nanoseconds | undefined {
    return this.#node.waiting || this.#firing ? this.#node.key : undefined;
  }
  #firing = false;

  /**
   * Move the expiry forward by whole intervals until it lies after `now`. Returns by how many: more than one means
   * that ticks were missed. For periodic timers, in the callback, before 'restart'.
   * @throws RangeError for an interval that is not positive.
   */
  forward(interval: Nanoseconds, now: Nanoseconds = this.queue.clock.now()): bigint {
    if (interval <= 0n) throw new RangeError(`a timer is forwarded by a positive interval, not by ${interval} ns`);
    const node = this.#node;
    if (node.key > now) return 0n;
    const overruns = (now - node.key) / interval + 1n;
    const key = node.key + overruns * interval;
    if (node.slot >= 0) this.queue.heap.remove(node);
    node.key = key;
    if (node.waiting) this.queue.heap.insert(node);
    return overruns;
  }

  /** @internal The queue took it out because it is due. */
  fire(): void {
    this.#node.waiting = false;
    this.#cancelled = false;
    this.#firing = true;
    try {
      const verdict = this.#callback(this);
      if (verdict === 'restart' && !this.#cancelled && !this.#node.waiting) this.queue.insert(this.#node);
    } finally {
      this.#firing = false;
    }
  }
}
