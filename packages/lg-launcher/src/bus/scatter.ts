/*
 * A buffer comes in pieces, cut wherever the driver liked: a header of sixteen bytes may well begin in one and end in
 * another. Devices read and write as if it were one piece; this is where that happens.
 */
import type { GuestMemory } from '../memory.js';
import type { Segment } from './virtqueue.js';

/** Call `each` for the pieces of `length` bytes from `offset` of the whole. Returns the number of bytes covered. */
export function forEachPiece(
  segments: readonly Segment[], offset: number, length: number, each: (address: number, bytes: number) => void,
): number {
  let skip = offset;
  let left = length;
  for (const segment of segments) {
    if (left === 0) break;
    if (skip >= segment.length) {
      skip -= segment.length;
      continue;
    }
    const bytes = Math.min(segment.length - skip, left);
    each(segment.address + skip, bytes);
    skip = 0;
    left -= bytes;
  }
  return length - left;
}

/** A copy of `length` bytes from `offset`, shorter if there are not that many. */
export function gather(memory: GuestMemory, segments: readonly Segment[], offset: number, length: number): Uint8Array {
  const pieces: Uint8Array[] = [];
  const bytes = forEachPiece(segments, offset, length, (address, size) => {
    pieces.push(memory.bytes.subarray(address, address + size));
  });
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** Copy `source` into the whole from `offset`. Returns the number of bytes there was room for. */
export function scatter(memory: GuestMemory, segments: readonly Segment[], offset: number, source: Uint8Array): number {
  let at = 0;
  return forEachPiece(segments, offset, source.length, (address, size) => {
    memory.bytes.set(source.subarray(at, at + size), address);
    memory.invalidate(address, size);
    at += size;
  });
}
