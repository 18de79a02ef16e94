/*L:310
 * We are guests ourselves: of an event loop that has keys, timers and other people's work to deliver. After every few
 * milliseconds of Guest it must get its turn, and it should be a cheap one.
 */
import { Sleeper } from '@lguest/hrtimer';

/** setTimeout() may be this late, in milliseconds; the rest of a sleep is slept in turns of the event loop. */
const TIMEOUT_MARGIN = 2;

/** Call back in the next turn of the event loop, after waiting events were served. Returns a function that calls it off. */
export function soon(callback: () => void): () => void {
  if (typeof setImmediate === 'function') {
    const immediate = setImmediate(callback);
    return () => clearImmediate(immediate);
  }
  // a page or a worker: timeouts are clamped to milliseconds, messages are not
  const { port1, port2 } = new MessageChannel();
  let cancelled = false;
  port1.onmessage = () => {
    port1.close();
    if (!cancelled) callback();
  };
  port2.postMessage(0);
  return () => { cancelled = true; };
}

/** Let the event loop breathe. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => { soon(resolve); });
}

/** A sleeper that works everywhere. Hosts with better ones can pass them to bootGuest(). */
export function anywhereSleeper(): Sleeper {
  return new Sleeper({
    margin: TIMEOUT_MARGIN,
    later: (milliseconds, callback) => {
      const timer = setTimeout(callback, milliseconds);
      return () => clearTimeout(timer);
    },
    soon,
  });
}
