/*P:210
 * What time is it?
 *
 * Three answers. Monotonic time only goes forward and starts nowhere in particular. Real time is the wall's: seconds
 * since 1970, and somebody may set it. Virtual time moves when it is told to, so that a test runs the same twice. All
 * count nanoseconds, as bigint, because nanoseconds since 1970 do not fit a double.
 */

/** Nanoseconds. */
export type Nanoseconds = bigint;

/** A source of time. */
export interface Clock {
  now(): Nanoseconds;
  /** Tell `listener` whenever the clock jumps (is stepped) rather than runs. Returns a function that ends this. */
  onStep?(listener: () => void): () => void;
}

const nanosecondsPerMillisecond = 1_000_000;

/** Milliseconds with a fraction, as performance.now() gives them, in nanoseconds. */
function fromMilliseconds(milliseconds: number): Nanoseconds {
  return BigInt(Math.round(milliseconds * nanosecondsPerMillisecond));
}

/** Time since some fixed moment; it never goes back. Resolution is that of performance.now(). */
export class MonotonicClock implements Clock {
  now(): Nanoseconds {
    return fromMilliseconds(performance.now());
  }
}

/** Nanoseconds since the epoch: the host's wall clock when made, running with monotonic time, and stepped by hand. */
export class RealtimeClock implements Clock {
  #offset: Nanoseconds;
  readonly #base: Clock;
  readonly #listeners = new Set<() => void>();

  /** @param base what it runs with, and @param start the time it shows now; by default the host's. */
  constructor(base: Clock = new MonotonicClock(), start: Nanoseconds = BigInt(Date.now()) * BigInt(nanosecondsPerMillisecond)) {
    this.#base = base;
    this.#offset = start - base.now();
  }

  now(): Nanoseconds {
    return this.#base.now() + this.#offset;
  }

  /** Set the clock forward, or back with a negative number. Absolute timers on it see the new time at once. */
  step(delta: Nanoseconds): void {
    this.#offset += delta;
    for (const listener of this.#listeners) listener();
  }

  onStep(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** Time that stands still until it is moved. */
export class VirtualClock implements Clock {
  #now: Nanoseconds;

  constructor(start: Nanoseconds = 0n) {
    this.#now = start;
  }

  now(): Nanoseconds {
    return this.#now;
  }

  /** Move forward. @throws RangeError for a negative number: time goes one way. */
  advance(delta: Nanoseconds): void {
    if (delta < 0n) throw new RangeError(`a virtual clock cannot go back (by ${-delta} ns)`);
    this.#now += delta;
  }

  /** Move forward to a moment; nothing happens if it has passed. */
  advanceTo(time: Nanoseconds): void {
    if (time > this.#now) this.#now = time;
  }
}
