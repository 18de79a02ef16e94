/*D:240
 * Random numbers: the Guest hands over an empty buffer, we hand it back full.
 *
 * A Guest needs CONFIG_HW_RANDOM and CONFIG_HW_RANDOM_VIRTIO; it then has /dev/hwrng.
 */
import { VirtioId } from '@lguest/lg-host/abi';
import { forEachPiece } from '../bus/scatter.js';
import { type Device, type DeviceOptions, DeviceQueues } from './device.js';

/** Where random bytes come from. */
export interface RandomSource {
  /** Fill the whole of `target`. */
  fill(target: Uint8Array): void;
}

/** Most bytes given for one request; drivers ask again for the rest. */
export const RNG_BYTES_PER_REQUEST = 64 << 10;

/** A virtio entropy device. */
export function createRng({ memory, irq, backend }: DeviceOptions<RandomSource>): Device {
  const queues = new DeviceQueues();
  const statistics = { requests: 0, bytes: 0 };

  return {
    type: VirtioId.rng,
    name: 'rng',
    queueCount: 1,
    features: [],
    config: new Uint8Array(0),
    activate: (given) => queues.activate(given),
    handleQueue: (n) => {
      const queue = queues.at(n);
      let used = false;
      for (let chain = queue?.pop(); chain !== undefined; chain = queue?.pop()) {
        const filled = forEachPiece(chain.writable, 0, Math.min(chain.writableBytes, RNG_BYTES_PER_REQUEST), (address, bytes) => {
          backend.fill(memory.bytes.subarray(address, address + bytes));
          memory.invalidate(address, bytes);
        });
        statistics.requests++;
        statistics.bytes += filled;
        queue!.push(chain, filled);
        used = true;
      }
      if (used && queue!.wantsInterrupt) irq(n);
      return false;
    },
    reset: () => queues.reset(),
    state: () => queues.state(),
    restore: (state, given) => queues.restore(state, given),
    statistics,
    dispose: () => queues.reset(),
  };
}
