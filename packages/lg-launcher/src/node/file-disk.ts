/*D:300
 * Disks in files: written through, never written, or with everything written forgotten at the end.
 *
 * Reads and writes are synchronous: a request is done when the kick returns, as the Guest would see it with a very fast
 * disk. The host's page cache makes that true most of the time.
 */
import { closeSync, constants, fdatasyncSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { basename } from 'node:path';
import { VIRTIO_BLK_SECTOR_BYTES } from '@lguest/lg-host/abi';
import type { Disk } from '../devices/block.js';
import { overlayDisk } from '../disks/overlay-disk.js';
import { LauncherError } from '../error.js';
import { faultOf } from './files.js';

/** What may happen to the file: written, not written, or not written though the Guest writes. */
export type FileDiskMode = 'read-write' | 'read-only' | 'overlay';

/**
 * A disk in a file. A partial last sector is not part of it.
 * @throws LauncherError 'unreadable', 'bad-disk'.
 */
export function fileDisk(path: string, mode: FileDiskMode = 'read-write'): Disk {
  const writable = mode === 'read-write';
  const file = open(path, writable);
  try {
    const size = sizeOf(file, path);
    const disk = diskOver(file, size, path, !writable);
    return mode === 'overlay' ? overlayDisk(disk) : disk;
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

function open(path: string, writable: boolean): number {
  try {
    return openSync(path, writable ? constants.O_RDWR : constants.O_RDONLY);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const remedy = writable && (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
      ? `use ${path},ro or ${path},overlay` : 'give a disk image';
    throw new LauncherError('unreadable', `Cannot open the disk ${path}: ${faultOf(error)}; ${remedy}.`, { cause: error });
  }
}

function sizeOf(file: number, path: string): number {
  const status = fstatSync(file);
  if (!status.isFile()) {
    throw new LauncherError('bad-disk', `The disk ${path} is not a regular file; copy it into an image file first.`);
  }
  const size = status.size - (status.size % VIRTIO_BLK_SECTOR_BYTES);
  if (size === 0) {
    throw new LauncherError('bad-disk', `The disk ${path} has ${status.size} bytes, less than a sector; give an image of at least ${VIRTIO_BLK_SECTOR_BYTES} bytes (truncate -s 64M makes one).`);
  }
  return size;
}

function diskOver(file: number, size: number, path: string, readOnly: boolean): Disk {
  return {
    size,
    readOnly,
    serial: basename(path),
    read: (offset, target) => {
      for (let at = 0; at < target.length; ) {
        const bytes = readSync(file, target, at, target.length - at, offset + at);
        if (bytes === 0) throw new LauncherError('bad-disk', `The disk ${path} became shorter while it was used.`);
        at += bytes;
      }
    },
    write: (offset, source) => {
      for (let at = 0; at < source.length; ) at += writeSync(file, source, at, source.length - at, offset + at);
    },
    flush: () => {
      if (!readOnly) fdatasyncSync(file);
    },
    close: () => closeSync(file),
  };
}
