/*D:230
 * A disk.
 *
 * A request is a header (read or write, and which sector), the data, and a byte for the device to say how it went. What
 * the disk is made of is the backend's business: a file, a file nobody may change, memory. Backends answer at once, so
 * a request is done when the kick returns.
 */
import {
  VIRTIO_BLK_ID_BYTES, VIRTIO_BLK_SECTOR_BYTES, VirtioBlkConfig, VirtioBlkFeature, VirtioBlkHeader, VirtioBlkStatus, VirtioBlkType, VirtioId,
} from '@lguest/lg-host/abi';
import type { DeviceModel } from './bus.js';
import type { Chain, Virtqueue } from './virtqueue.js';

/** What a disk is made of. Offsets and sizes in bytes; throws where the medium fails. */
export interface BlockBackend {
  readonly name: string;
  readonly bytes: number;
  readonly readOnly: boolean;
  read(into: Uint8Array, offset: number): void;
  write(data: Uint8Array, offset: number): void;
  /** Make what was written last. */
  flush(): void;
  close(): void;
}

/** Segments of data in one request at most: the ring less header and status. */
const mostSegments = 254;
/** A request longer than this cannot be honest. */
const mostRequestBytes = 64 << 20;

/** Make a disk. */
export function createBlock({ backend, index = 0 }: { backend: BlockBackend; index?: number }): DeviceModel & {
  state(): null; restore(state: null): void;
} {
  let queues: readonly Virtqueue[] = [];
  const config = new Uint8Array(VirtioBlkConfig.bytes);
  const view = new DataView(config.buffer);
  view.setBigUint64(VirtioBlkConfig.capacity, BigInt(Math.floor(backend.bytes / VIRTIO_BLK_SECTOR_BYTES)), true);
  view.setUint32(VirtioBlkConfig.segMax, mostSegments, true);

  /** Returns status and number of data bytes written to the Guest. */
  function serve(queue: Virtqueue, chain: Chain): { status: number; written: number } {
    const header = new DataView(queue.read(chain, 0, VirtioBlkHeader.bytes).buffer);
    const type = header.getUint32(VirtioBlkHeader.type, true);
    const sector = header.getBigUint64(VirtioBlkHeader.sector, true);
    const room = chain.writableBytes - 1;
    const failed = { status: VirtioBlkStatus.ioError, written: 0 };
    if (Math.max(room, chain.readableBytes) > mostRequestBytes) return failed;
    switch (type) {
      case VirtioBlkType.flush:
        backend.flush();
        return { status: VirtioBlkStatus.ok, written: 0 };
      case VirtioBlkType.getId: {
        const id = new Uint8Array(Math.min(room, VIRTIO_BLK_ID_BYTES));
        new TextEncoder().encodeInto(`lguest-disk-${index}`, id);
        return { status: VirtioBlkStatus.ok, written: queue.write(chain, id) };
      }
      case VirtioBlkType.in: {
        const offset = rangeStart(sector, room);
        if (offset < 0) return failed;
        const data = new Uint8Array(room);
        backend.read(data, offset);
        return { status: VirtioBlkStatus.ok, written: queue.write(chain, data) };
      }
      case VirtioBlkType.out: {
        const length = chain.readableBytes - VirtioBlkHeader.bytes;
        const offset = rangeStart(sector, length);
        if (offset < 0 || backend.readOnly) return failed;
        backend.write(queue.read(chain, VirtioBlkHeader.bytes, length), offset);
        return { status: VirtioBlkStatus.ok, written: 0 };
      }
      default:
        return { status: VirtioBlkStatus.unsupported, written: 0 };
    }
  }

  /** Offset of a request in the medium, or -1 when it is not whole sectors of it. */
  function rangeStart(sector: bigint, length: number): number {
    const offset = Number(sector) * VIRTIO_BLK_SECTOR_BYTES;
    const end = Math.floor(backend.bytes / VIRTIO_BLK_SECTOR_BYTES) * VIRTIO_BLK_SECTOR_BYTES;
    return length % VIRTIO_BLK_SECTOR_BYTES === 0 && offset + length <= end ? offset : -1;
  }

  return {
    type: VirtioId.block,
    name: `block device ${index}`,
    queues: 1,
    features: [VirtioBlkFeature.segMax, VirtioBlkFeature.flush, ...(backend.readOnly ? [VirtioBlkFeature.readOnly] : [])],
    config,
    attach: (made) => { queues = made; },
    handleQueue: () => {
      const queue = queues[0]!;
      for (let chain = queue.take(); chain; chain = queue.take()) {
        // without a header or a place for the status there is nothing to answer
        if (chain.readableBytes < VirtioBlkHeader.bytes || chain.writableBytes < 1) {
          queue.give(chain, 0);
          continue;
        }
        let answer = { status: VirtioBlkStatus.ioError as number, written: 0 };
        try {
          answer = serve(queue, chain);
        } catch {
          // the medium failed: the Guest learns it as an I/O error, as from any disk
        }
        queue.write(chain, Uint8Array.of(answer.status), chain.writableBytes - 1);
        queue.give(chain, answer.written + 1);
      }
      queue.announce();
    },
    state: () => null,
    restore: () => undefined,
    dispose: () => backend.close(),
  };
}
