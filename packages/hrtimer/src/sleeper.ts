/*P:220
 * Sleeping until a moment.
 *
 * Event loops sleep in whole milliseconds and wake late. So a sleep has two parts: a timeout that ends a little early,
 * and then turns of the event loop, each as short as the host can make it, until the moment has come. Other events are
 * served all the while. How much early, and how a short turn is made, differ by host: the sub-path entries know.
 */
import type { Clock, Nanoseconds } from './clock.js';

/** What a host must provide. */
export interface SleepHost {
  /** Call back after at least so many milliseconds. Returns a function that calls it off. */
  later(milliseconds: number, callback: () => void): () => void;
  /** Call back in the next turn of the event loop. Returns a function that calls it off. */
  soon(callback: () => void): () => void;
  /** A timeout is asked to end so many milliseconds before the moment. */
  readonly margin: number;
}

/** Why a sleep ended. */
export type SleepEnd = 'elapsed' | 'woken';

const nanosecondsPerMillisecond = 1_000_000n;
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

  /**
   * Resolve when the clock has reached `deadline` (undefined: never), or wake() is called.
   * @throws Error when a sleep is going on already.
   */
  sleepUntil(clock: Clock, deadline: Nanoseconds | undefined): Promise<SleepEnd> {
    if (this.#finish) throw new Error('a Sleeper sleeps one sleep at a time; make another one, or wake() this one first');
    return new Promise((resolve) => {
      this.#finish = resolve;
      this.#wait(clock, deadline);
    });
  }

  #wait(clock: Clock, deadline: Nanoseconds | undefined): void {
    const remaining = deadline === undefined ? longestTimeout : Number((deadline - clock.now()) / nanosecondsPerMillisecond);
    if (deadline !== undefined && deadline <= clock.now()) {
      this.#end('elapsed');
      return;
    }
    const again = (): void => this.#wait(clock, deadline);
    const timeout = remaining - this.#host.margin;
    this.#cancel = timeout >= 1 ? this.#host.later(Math.min(timeout, longestTimeout), again) : this.#host.soon(again);
  }

  /** End the sleep now. Nothing happens if there is none. */
  wake(): void {
    if (!this.#finish) return;
    this.#cancel?.();
    this.#end('woken');
  }

  #end(end: SleepEnd): void {
    const finish = this.#finish!;
    this.#finish = undefined;
    this.#cancel = undefined;
    finish(end);
  }
}
