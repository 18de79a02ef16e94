/*P:220
 * Sleeping until a moment.
 *
 * Event loops sleep in whole milliseconds and wake late. So a sleep has two parts: a timeout that ends a little early,
 * and then turns of the event loop, each as short as the host can make it, until the moment has come. Other events are
 * served all the while. How much early, and how a short turn is made, differ by host: the sub-path entries know.
 */
import type { Clock, Nanoseconds } from './clock.js';
import { HrtimerError } from './error.js';

/** What a host must provide. */
export interface SleepHost {
  /** Call back after at least so many milliseconds. Returns a function that calls it off. */
  later(milliseconds: number, callback: () => void): () => void;
  /** Call back in the next turn of the event loop. Returns a function that calls it off. */
  soon(callback: () => void): () => void;
  /** A timeout is asked to end so many milliseconds before the moment. */
  readonly margin: number;
}

/** Why a sleep ended: its moment came, or somebody called wake() or aborted the signal. */
export type SleepEnd = 'elapsed' | 'woken';

const nanosecondsPerMillisecond = 1_000_000;
/** Hosts' timeouts are 32-bit; longer sleeps are slept in parts. */
const longestTimeout = 2 ** 31 - 1;

/** Sleeps one sleep at a time. */
export class Sleeper {
  readonly #host: SleepHost;
  #cancel: (() => void) | undefined;
  #finish: ((end: SleepEnd) => void) | undefined;

  constructor(host: SleepHost) {
    this.#host = host;
  }

  /** True while it sleeps. */
  get sleeping(): boolean { return this.#finish !== undefined; }

  /**
   * Resolve when the clock has reached `deadline` (undefined: never), wake() is called, or `signal` aborts. A clock that
   * is stepped meanwhile is minded.
   * @throws HrtimerError `already-sleeping`.
   */
  sleepUntil(clock: Clock, deadline: Nanoseconds | undefined, signal?: AbortSignal): Promise<SleepEnd> {
    if (this.#finish) throw new HrtimerError('already-sleeping', 'a Sleeper sleeps one sleep at a time; make another one, or wake() this one first');
    return new Promise((resolve) => {
      const wake = (): void => this.wake();
      const endSteps = clock.onStep?.(() => {
        this.#cancel?.();
        this.#wait(clock, deadline);
      });
      this.#finish = (end) => {
        endSteps?.();
        signal?.removeEventListener('abort', wake);
        resolve(end);
      };
      if (signal?.aborted) return this.wake();
      signal?.addEventListener('abort', wake);
      this.#wait(clock, deadline);
    });
  }

  /** End the sleep now. Nothing happens if there is none. */
  wake(): void {
    if (!this.#finish) return;
    this.#cancel?.();
    this.#end('woken');
  }

  #wait(clock: Clock, deadline: Nanoseconds | undefined): void {
    const remaining = deadline === undefined ? undefined : deadline - clock.now();
    if (remaining !== undefined && remaining <= 0n) return this.#end('elapsed');
    const timeout = remaining === undefined ? longestTimeout : Number(remaining) / nanosecondsPerMillisecond - this.#host.margin;
    const again = (): void => this.#wait(clock, deadline);
    // a timeout of less than a millisecond is made a whole one
    this.#cancel = timeout >= 1 ? this.#host.later(Math.min(Math.floor(timeout), longestTimeout), again) : this.#host.soon(again);
  }

  #end(end: SleepEnd): void {
    const finish = this.#finish!;
    this.#finish = undefined;
    this.#cancel = undefined;
    finish(end);
  }
}
