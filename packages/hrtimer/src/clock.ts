/*P:210
 * What time is it?
 *
 * Three answers. Monotonic time only goes forward and starts nowhere in particular. Real time is the wall's: seconds
 * since 1970, and somebody may set it. Virtual time moves when it is told to, so that a test runs the same twice. All
 * count nanoseconds, as bigint, because nanoseconds since 1970 do not fit a double.
 */
import { HrtimerError } from './error.js';

/** Nanoseconds. */
export type Nanoseconds = bigint;

/** Told that a clock jumped, after it did, and how far: negative is back. */
export type StepListener = (delta: Nanoseconds) => void;

/** A source of time. */
export interface Clock {
  /** The time. Never earlier than before, but for steps. */
  now(): Nanoseconds;
  /** Tell `listener` whenever the clock jumps (is stepped) rather than runs. Returns a function that ends this. */
  onStep?(listener: StepListener): () => void;
}

const nanosecondsPerMillisecond = 1_000_000;

/** Milliseconds with a fraction, as performance.now() gives them, in nanoseconds. */
function fromMilliseconds(milliseconds: number): Nanoseconds {
  return BigInt(Math.round(milliseconds * nanosecondsPerMillisecond));
}

/** The host's wall clock, now. Its resolution is a millisecond. */
function hostTime(): Nanoseconds {
  return BigInt(Date.now()) * BigInt(nanosecondsPerMillisecond);
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
  readonly #listeners = new Set<StepListener>();

  /** @param base what it runs with, and @param start the time it shows now; by default the host's. */
  constructor(base: Clock = new MonotonicClock(), start: Nanoseconds = hostTime()) {
    this.#base = base;
    this.#offset = start - base.now();
  }

  now(): Nanoseconds {
    return this.#base.now() + this.#offset;
  }

  /** Move the clock forward, or back with a negative number. Absolute timers on it see the new time at once. */
  step(delta: Nanoseconds): void {
    if (delta === 0n) return;
    this.#offset += delta;
    for (const listener of this.#listeners) listener(delta);
  }

  /** Set the clock: a step to `time`, by default to the host's, for a host that was stepped itself or was asleep. */
  set(time: Nanoseconds = hostTime()): void {
    this.step(time - this.now());
  }

  /** Steps of the clock it runs with are its own, too. */
  onStep(listener: StepListener): () => void {
    const endBase = this.#base.onStep?.(listener);
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      endBase?.();
    };
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

  /** Move forward. @throws HrtimerError `clock-cannot-go-back` for a negative number: time goes one way. */
  advance(delta: Nanoseconds): void {
    if (delta < 0n) throw new HrtimerError('clock-cannot-go-back', `a virtual clock cannot go back (by ${-delta} ns); advance it by 0 or more`);
    this.#now += delta;
  }

  /** Move forward to a moment; nothing happens if it has passed. */
  advanceTo(time: Nanoseconds): void {
    if (time > this.#now) this.#now = time;
  }
}
