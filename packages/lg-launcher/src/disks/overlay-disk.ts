/*D:235
 * A disk over a disk: what the Guest writes is kept in memory and forgotten in the end; what it has not written is read
 * from below, where nothing ever changes. Try something dangerous, twice.
 */
import type { Disk } from '../devices/block.js';

/** What is kept at once. Smaller writes first fetch the rest of their block from below. */
const BLOCK_BYTES = 4096;

/** A disk whose changes are discarded when it is closed. Closes the disk below, too. */
export function overlayDisk(below: Disk): Disk {
  const blocks = new Map<number, Uint8Array>();

  function each(offset: number, length: number, piece: (block: number, within: number, at: number, bytes: number) => void): void {
    for (let at = 0; at < length; ) {
      const within = (offset + at) % BLOCK_BYTES;
      const bytes = Math.min(BLOCK_BYTES - within, length - at);
      piece((offset + at - within) / BLOCK_BYTES, within, at, bytes);
      at += bytes;
    }
  }

  function ownBlock(block: number): Uint8Array {
    let own = blocks.get(block);
    if (own === undefined) {
      own = new Uint8Array(BLOCK_BYTES);
      const start = block * BLOCK_BYTES;
      below.read(start, own.subarray(0, Math.min(BLOCK_BYTES, below.size - start)));
      blocks.set(block, own);
    }
    return own;
  }

  return {
    size: below.size,
    readOnly: false,
    serial: below.serial,
    read: (offset, target) => {
      // one read for the common case that nothing here was written
      below.read(offset, target);
      if (blocks.size === 0) return;
      each(offset, target.length, (block, within, at, bytes) => {
        const own = blocks.get(block);
        if (own !== undefined) target.set(own.subarray(within, within + bytes), at);
      });
    },
    write: (offset, source) => {
      each(offset, source.length, (block, within, at, bytes) => {
        ownBlock(block).set(source.subarray(at, at + bytes), within);
      });
    },
    flush: () => {},
    close: () => {
      blocks.clear();
      below.close();
    },
  };
}
