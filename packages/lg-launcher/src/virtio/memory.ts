/*
 * Guest memory as devices see it.
 */
import { LauncherError } from '../error.js';

/** RAM and device pages, from guest-physical 0. */
export interface DeviceMemory {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Guest-physical addresses are below. */
  readonly limit: number;
  /** Devices wrote here: whatever was translated from these bytes is stale. */
  invalidate(address: number, length: number): void;
}

/** True when a range lies within guest memory; safe for any numbers a Guest may come up with. */
export function contains(memory: DeviceMemory, address: number, length: number): boolean {
  return address >= 0 && length >= 0 && length <= memory.limit && address <= memory.limit - length;
}

/** Guest memory over a stretch of bytes. */
export function deviceMemory(
  bytes: Uint8Array, limit: number, invalidate: (address: number, length: number) => void,
): DeviceMemory {
  if (limit > bytes.length) throw new LauncherError('bad-memory', `a guest of ${limit} bytes does not fit a memory of ${bytes.length}`);
  return { bytes, limit, invalidate, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}
