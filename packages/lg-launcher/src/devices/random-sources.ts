/*
 * Two sources of random bytes: the real one, and one that says the same every time, for virtual time.
 */
import type { RandomSource } from './rng.js';

/** Most bytes crypto.getRandomValues() gives at once. */
const CRYPTO_CHUNK = 65_536;

/** The host's cryptographic random numbers. */
export function cryptoRandom(): RandomSource {
  return {
    fill: (target) => {
      for (let at = 0; at < target.length; at += CRYPTO_CHUNK) {
        // the target is a view of WebAssembly memory, which getRandomValues() does not take everywhere
        const chunk = crypto.getRandomValues(new Uint8Array(Math.min(CRYPTO_CHUNK, target.length - at)));
        target.set(chunk, at);
      }
    },
  };
}

/** Constants of the 32-bit finaliser of MurmurHash3 and of the golden-ratio sequence that feeds it. */
const GOLDEN = 0x9e37_79b9;
const MIX_1 = 0x85eb_ca6b;
const MIX_2 = 0xc2b2_ae35;

/** The same bytes for the same seed, whatever the sizes they are asked for in. Not for secrets. */
export function seededRandom(seed: number): RandomSource {
  let counter = seed >>> 0;
  let word = 0;
  let left = 0;
  return {
    fill: (target) => {
      for (let at = 0; at < target.length; at++) {
        if (left === 0) {
          counter = (counter + GOLDEN) >>> 0;
          word = Math.imul(counter ^ (counter >>> 16), MIX_1);
          word = Math.imul(word ^ (word >>> 13), MIX_2);
          word ^= word >>> 16;
          left = 4;
        }
        target[at] = word & 0xff;
        word >>>= 8;
        left--;
      }
    },
  };
}
