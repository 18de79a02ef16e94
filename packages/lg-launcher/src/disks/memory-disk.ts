/*
 * A disk that is an array of bytes: for tests, and for images a program has at hand.
 */
import { VIRTIO_BLK_SECTOR_BYTES } from '@lguest/lg-host/abi';
import type { Disk } from '../devices/block.js';
import { LauncherError } from '../error.js';

/** Options of the disks that are not files. */
export interface DiskOptions {
  readonly readOnly?: boolean;
  readonly serial?: string;
}

/**
 * A disk over an array of bytes. A partial last sector is not part of it.
 * @throws LauncherError 'bad-disk' when there is not a single sector.
 */
export function memoryDisk(bytes: Uint8Array, options: DiskOptions = {}): Disk {
  const size = bytes.length - (bytes.length % VIRTIO_BLK_SECTOR_BYTES);
  if (size === 0) throw new LauncherError('bad-disk', `A disk of ${bytes.length} bytes has no sector; give at least ${VIRTIO_BLK_SECTOR_BYTES} bytes.`);
  return {
    size,
    readOnly: options.readOnly ?? false,
    serial: options.serial ?? 'memory',
    read: (offset, target) => target.set(bytes.subarray(offset, offset + target.length)),
    write: (offset, source) => bytes.set(source, offset),
    flush: () => {},
    close: () => {},
  };
}
