/*
 * Sleeping in a page or a worker: nested timeouts are clamped to four milliseconds, but a message to oneself comes at
 * once.
 */
import { Sleeper } from './sleeper.js';

/** A sleeper for browsers and workers. */
export function createSleeper(): Sleeper {
  const { port1, port2 } = new MessageChannel();
  let pending: (() => void) | undefined;
  port1.onmessage = () => {
    const callback = pending;
    pending = undefined;
    callback?.();
  };
  return new Sleeper({
    margin: 5,
    later: (milliseconds, callback) => {
      const timer = setTimeout(callback, milliseconds);
      return () => clearTimeout(timer);
    },
    soon: (callback) => {
      pending = callback;
      port2.postMessage(0);
      return () => { pending = undefined; };
    },
  });
}
