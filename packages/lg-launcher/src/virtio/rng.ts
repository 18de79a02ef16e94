/*D:240
 * Entropy: the Guest asks for random bytes, and gets them.
 */
import { VirtioId } from '@lguest/lg-host/abi';
import type { DeviceModel } from './bus.js';
import type { Virtqueue } from './virtqueue.js';

/** Where the bytes come from. */
export interface RngBackend {
  /** Fill with random bytes. */
  fill(bytes: Uint8Array): void;
}

/** Most bytes for one request: what the host's generator gives at once. */
const mostBytes = 65536;

/** The host's own generator. */
export const hostRandom: RngBackend = { fill: (bytes) => void crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>) };

/** A generator that gives the same bytes each time: for runs that must repeat. (xorshift32; not for secrets.) */
export function seededRandom(seed = 0x2545_f491): RngBackend {
  let state = seed | 0 || 1;
  return {
    fill: (bytes) => {
      for (let i = 0; i < bytes.length; i++) {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        bytes[i] = state >>> 24;
      }
    },
  };
}

/** Make an entropy source. */
export function createRng({ backend }: { backend: RngBackend }): DeviceModel & { state(): null; restore(state: null): void } {
  let queues: readonly Virtqueue[] = [];
  return {
    type: VirtioId.rng,
    name: 'the entropy source',
    queues: 1,
    features: [],
    config: new Uint8Array(0),
    attach: (made) => { queues = made; },
    handleQueue: () => {
      const queue = queues[0]!;
      for (let chain = queue.take(); chain; chain = queue.take()) {
        const bytes = new Uint8Array(Math.min(chain.writableBytes, mostBytes));
        backend.fill(bytes);
        queue.give(chain, queue.write(chain, bytes));
      }
      queue.announce();
    },
    state: () => null,
    restore: () => undefined,
    dispose: () => undefined,
  };
}
