/*
 * Sleeping in Node.js: timeouts may be a millisecond late, and a turn of the event loop takes microseconds.
 */
import { clearImmediate, clearTimeout, setImmediate, setTimeout } from 'node:timers';
import { Sleeper } from './sleeper.js';

/** A sleeper for Node.js. */
export function createSleeper(): Sleeper {
  return new Sleeper({
    margin: 1.5,
    later: (milliseconds, callback) => {
      const timer = setTimeout(callback, milliseconds);
      return () => clearTimeout(timer);
    },
    soon: (callback) => {
      const immediate = setImmediate(callback);
      return () => clearImmediate(immediate);
    },
  });
}
