/*P:200
 * Wake me at…
 *
 * A timer is a callback and a moment. Timers wait in a queue on a clock, earliest first; somebody who watches the
 * clock runs the queue, and what is due fires. That somebody may be an event loop (see the sleeper), or a virtual
 * machine that looks between two stretches of guest code. The rules are those of Linux's hrtimers: absolute or relative
 * start, a callback may restart its timer, and forward() moves an expiry over the periods that were missed.
 *
 * When the clock is stepped, an absolute timer still means what it said: nine o'clock is now sooner, or later. A
 * relative one still means its distance: ten seconds are ten seconds, whatever the wall says.
 */
import type { Clock, Nanoseconds } from './clock.js';
import { HrtimerError } from './error.js';
import { Heap } from './heap.js';
import { type TimerEntry, TimerNode } from './timer-node.js';

/** How start() understands its number. */
export type TimerMode = 'absolute' | 'relative';

/** What a callback wants next: 'restart' puts the timer back at its (forwarded) expiry. */
export type TimerVerdict = 'restart' | 'norestart';

/**
 * Called when a timer fires, with the timer. It may start, cancel or forward any timer, this one too. One that returns
 * nothing means 'norestart'.
 */
export type TimerCallback = ((timer: Timer) => TimerVerdict) | ((timer: Timer) => void);

/** Timers on one clock. */
export class TimerQueue {
  readonly clock: Clock;
  readonly #waiting = new Heap<TimerNode>();
  /** Started by callbacks of the run that is going on, and due already: they wait for the next run. */
  readonly #late = new Heap<TimerNode>();
  /** While running: what is due by this time fires. */
  #dueUntil: Nanoseconds | undefined;
  /** The timer whose callback is being called. It lies in no heap, but a step concerns it. */
  #firing: TimerNode | undefined;
  #sequence = 0;
  #listener: (() => void) | undefined;
  readonly #endSteps: (() => void) | undefined;

  constructor(clock: Clock) {
    this.clock = clock;
    this.#endSteps = clock.onStep?.((delta) => this.#stepped(delta));
  }

  /** When the next timer is due, or undefined. O(1). */
  nextExpiry(): Nanoseconds | undefined {
    const first = this.#waiting.first?.key;
    const late = this.#late.first?.key;
    return first === undefined || (late !== undefined && late < first) ? late : first;
  }

  /** Timers waiting. */
  get size(): number { return this.#waiting.size + this.#late.size; }

  /** Called when nextExpiry() may have come closer, or the clock was stepped: for whoever sleeps until then. */
  onChange(listener: (() => void) | undefined): void {
    this.#listener = listener;
  }

  /** Let go of the clock. For queues that end before their clock does. */
  dispose(): void {
    this.#endSteps?.();
  }

  /**
   * Fire what is due, in the order of expiry, equals in the order they were started. A timer that is started in the
   * past by a callback waits for the next run, so a run always ends. Returns the number fired. If a callback throws,
   * its timer has fired, and the others wait for the next run.
   * @throws HrtimerError `run-inside-run` from a callback.
   */
  run(): number {
    if (this.#dueUntil !== undefined) throw new HrtimerError('run-inside-run', 'a timer\'s callback cannot run the queue; start the timer you want to fire, and return');
    if (this.#waiting.first === undefined) return 0;
    let fired = 0;
    this.#dueUntil = this.clock.now();
    try {
      for (let node = this.#waiting.first; node !== undefined && node.key <= this.#dueUntil; node = this.#waiting.first) {
        this.remove(node);
        fired++;
        this.#firing = node;
        node.entry.fire();
      }
    } finally {
      this.#dueUntil = undefined;
      this.#firing = undefined;
      for (let node = this.#late.first; node !== undefined; node = this.#late.first) {
        this.#late.remove(node);
        this.#put(node, this.#waiting);
      }
    }
    return fired;
  }

  /** @internal A timer was started: behind all others of the same expiry. */
  insert(node: TimerNode): void {
    node.sequence = this.#sequence++;
    this.put(node);
  }

  /** @internal Queue a node with the place among equals that it has. */
  put(node: TimerNode): void {
    const late = this.#dueUntil !== undefined && node.key <= this.#dueUntil;
    this.#put(node, late ? this.#late : this.#waiting);
    if (node.slot === 0) this.#listener?.();
  }

  /** @internal */
  remove(node: TimerNode): void {
    node.heap!.remove(node);
    node.heap = undefined;
  }

  #put(node: TimerNode, heap: Heap<TimerNode>): void {
    node.heap = heap;
    heap.insert(node);
  }

  #stepped(delta: Nanoseconds): void {
    const keepDistance = (node: TimerNode): void => {
      if (node.relative) node.key += delta;
    };
    this.#waiting.rekey(keepDistance);
    this.#late.rekey(keepDistance);
    // one that started itself again was in a heap already
    if (this.#firing !== undefined && this.#firing.heap === undefined) keepDistance(this.#firing);
    if (this.#dueUntil !== undefined) this.#dueUntil = this.clock.now();
    this.#listener?.();
  }
}

/** One timer. Made idle. */
export class Timer implements TimerEntry {
  readonly queue: TimerQueue;
  readonly #callback: TimerCallback;
  readonly #node = new TimerNode(this);
  #firing = false;
  /** cancel() was called since it fired. */
  #cancelled = false;

  constructor(queue: TimerQueue, callback: TimerCallback) {
    this.queue = queue;
    this.#callback = callback;
  }

  /** Start it, or start it anew. A moment in the past is due at once, at the next run of the queue. */
  start(expires: Nanoseconds, mode: TimerMode = 'absolute'): void {
    this.cancel();
    this.#node.relative = mode === 'relative';
    this.#node.key = mode === 'relative' ? this.queue.clock.now() + expires : expires;
    this.queue.insert(this.#node);
  }

  /** Stop it. Returns whether it was waiting. From inside its callback: it will not be restarted. */
  cancel(): boolean {
    const { active } = this;
    if (active) this.queue.remove(this.#node);
    this.#cancelled = true;
    return active;
  }

  /** True while it waits. In its callback it does not. */
  get active(): boolean { return this.#node.heap !== undefined; }

  /** When it fires; in its callback, when it should have fired; undefined while it is idle. On the queue's clock. */
  get expires(): Nanoseconds | undefined {
    return this.active || this.#firing ? this.#node.key : undefined;
  }

  /** How long it still waits; negative when it is overdue; undefined while it is idle. */
  get remaining(): Nanoseconds | undefined {
    return this.active ? this.#node.key - this.queue.clock.now() : undefined;
  }

  /**
   * Move the expiry forward by whole intervals until it lies after `now`. Returns by how many: more than one means
   * that ticks were missed. For periodic timers, in the callback, before 'restart'.
   * @throws HrtimerError `bad-interval` for an interval that is not positive.
   */
  forward(interval: Nanoseconds, now: Nanoseconds = this.queue.clock.now()): bigint {
    if (interval <= 0n) throw new HrtimerError('bad-interval', `a timer is forwarded by a positive interval, not by ${interval} ns`);
    const node = this.#node;
    if (node.key > now) return 0n;
    const overruns = (now - node.key) / interval + 1n;
    const { active } = this;
    if (active) this.queue.remove(node);
    node.key += overruns * interval;
    if (active) this.queue.put(node);
    return overruns;
  }

  /** @internal The queue took it out because it is due. */
  fire(): void {
    this.#cancelled = false;
    this.#firing = true;
    try {
      const verdict = this.#callback(this);
      if (verdict === 'restart' && !this.#cancelled && !this.active) this.queue.insert(this.#node);
    } finally {
      this.#firing = false;
    }
  }
}
