/*D:230
 * The disk. A request is a header (what, and where on the disk), data, and one byte for us to say how it went.
 *
 * Where the pieces of a request begin and end is the driver's business, so the header may be cut in two and the status
 * byte may follow the data in the same piece. Sectors are counted from the Guest's numbers, which can be anything: a
 * request that leaves the disk fails as it would on a real one, and nothing else happens.
 *
 * A Guest needs CONFIG_VIRTIO_BLK; the disks are /dev/vda, /dev/vdb and so on.
 */
import {
  VIRTIO_BLK_ID_BYTES, VIRTIO_BLK_SECTOR_BYTES, VirtioBlkConfig, VirtioBlkFeature, VirtioBlkHeader, VirtioBlkStatus,
  VirtioBlkType, VirtioId, VIRTQUEUE_SIZE,
} from '@lguest/lg-host/abi';
import { forEachPiece, gather, scatter } from '../bus/scatter.js';
import type { Chain } from '../bus/virtqueue.js';
import { BYTES_PER_TURN, type Device, type DeviceOptions, DeviceQueues } from './device.js';

/** What a disk is kept in. All offsets and lengths are whole sectors, inside the disk. An exception is an I/O error. */
export interface Disk {
  /** Bytes, a multiple of 512. */
  readonly size: number;
  readonly readOnly: boolean;
  /** At most 20 bytes are told to the Guest. */
  readonly serial: string;
  /** Fill `target` from `offset`. */
  read(offset: number, target: Uint8Array): void;
  write(offset: number, source: Uint8Array): void;
  /** Make what was written last. */
  flush(): void;
  close(): void;
}

/** Segments of data a request may have: the header and the status byte need a descriptor each. */
const SEG_MAX = VIRTQUEUE_SIZE - 2;
/** Sector numbers beyond this are no disk's, and would not be exact as a double in bytes. */
const HIGHEST_SECTOR_HIGH_WORD = 0xffff;
const WORD = 2 ** 32;

/** A virtio block device. */
export function createBlock({ memory, irq, backend: disk }: DeviceOptions<Disk>): Device {
  const queues = new DeviceQueues();
  const statistics = { requests: 0, bytesRead: 0, bytesWritten: 0, flushes: 0, errors: 0 };
  const config = new Uint8Array(VirtioBlkConfig.bytes);
  const view = new DataView(config.buffer);
  view.setBigUint64(VirtioBlkConfig.capacity, BigInt(disk.size / VIRTIO_BLK_SECTOR_BYTES), true);
  view.setUint32(VirtioBlkConfig.segMax, SEG_MAX, true);

  /** Whether `bytes` from `sector` are whole sectors of this disk; the offset in bytes if so. */
  function place(header: DataView, bytes: number): number | undefined {
    const high = header.getUint32(VirtioBlkHeader.sector + 4, true);
    if (high > HIGHEST_SECTOR_HIGH_WORD || bytes % VIRTIO_BLK_SECTOR_BYTES !== 0) return undefined;
    const offset = (high * WORD + header.getUint32(VirtioBlkHeader.sector, true)) * VIRTIO_BLK_SECTOR_BYTES;
    return offset <= disk.size - bytes ? offset : undefined;
  }

  /** Carry out a request whose data has these places. Returns status and bytes written into guest memory. */
  function carryOut(header: DataView, chain: Chain): { status: number; written: number } {
    const failed = { status: VirtioBlkStatus.ioError, written: 0 };
    const outBytes = chain.readableBytes - VirtioBlkHeader.bytes;
    const inBytes = chain.writableBytes - 1;
    switch (header.getUint32(VirtioBlkHeader.type, true)) {
      case VirtioBlkType.in: {
        let offset = place(header, inBytes);
        if (offset === undefined) return failed;
        forEachPiece(chain.writable, 0, inBytes, (address, bytes) => {
          disk.read(offset!, memory.bytes.subarray(address, address + bytes));
          memory.invalidate(address, bytes);
          offset! += bytes;
        });
        statistics.bytesRead += inBytes;
        return { status: VirtioBlkStatus.ok, written: inBytes };
      }
      case VirtioBlkType.out: {
        let offset = place(header, outBytes);
        if (offset === undefined || disk.readOnly) return failed;
        forEachPiece(chain.readable, VirtioBlkHeader.bytes, outBytes, (address, bytes) => {
          disk.write(offset!, memory.bytes.subarray(address, address + bytes));
          offset! += bytes;
        });
        statistics.bytesWritten += outBytes;
        return { status: VirtioBlkStatus.ok, written: 0 };
      }
      case VirtioBlkType.flush:
        disk.flush();
        statistics.flushes++;
        return { status: VirtioBlkStatus.ok, written: 0 };
      case VirtioBlkType.getId: {
        const id = new Uint8Array(Math.min(VIRTIO_BLK_ID_BYTES, inBytes));
        new TextEncoder().encodeInto(disk.serial, id);
        return { status: VirtioBlkStatus.ok, written: scatter(memory, chain.writable, 0, id) };
      }
      default:
        return { status: VirtioBlkStatus.unsupported, written: 0 };
    }
  }

  /** One request. Returns how much guest memory was written, the status byte included. */
  function serve(chain: Chain): number {
    statistics.requests++;
    // without a place for the status there is no way to say anything at all
    if (chain.writableBytes < 1) return 0;
    let result: { status: number; written: number } = { status: VirtioBlkStatus.ioError, written: 0 };
    if (chain.readableBytes >= VirtioBlkHeader.bytes) {
      const header = gather(memory, chain.readable, 0, VirtioBlkHeader.bytes);
      try {
        result = carryOut(new DataView(header.buffer), chain);
      } catch {
        // the backend's trouble is the Guest's I/O error
      }
    }
    if (result.status === VirtioBlkStatus.ioError) statistics.errors++;
    scatter(memory, chain.writable, chain.writableBytes - 1, Uint8Array.of(result.status));
    return result.written + 1;
  }

  return {
    type: VirtioId.block,
    name: 'block',
    queueCount: 1,
    features: [VirtioBlkFeature.segMax, VirtioBlkFeature.flush, ...(disk.readOnly ? [VirtioBlkFeature.readOnly] : [])],
    config,
    activate: (given) => queues.activate(given),
    handleQueue: (n) => {
      const queue = queues.at(n);
      let moved = 0;
      let used = false;
      while (moved < BYTES_PER_TURN) {
        const chain = queue?.pop();
        if (chain === undefined) break;
        queue!.push(chain, serve(chain));
        moved += chain.readableBytes + chain.writableBytes;
        used = true;
      }
      if (used && queue!.wantsInterrupt) irq(n);
      return queue?.hasAvailable ?? false;
    },
    reset: () => queues.reset(),
    state: () => queues.state(),
    restore: (state, given) => queues.restore(state, given),
    statistics,
    dispose: () => {
      queues.reset();
      disk.close();
    },
  };
}
