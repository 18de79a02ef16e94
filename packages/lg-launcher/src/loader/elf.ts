/*L:120
 * vmlinux.
 *
 * An ELF file says for each of its segments where in the file it is and where in physical memory it wants to be. That is
 * all a kernel needs: copy, and jump to the entry. Memory beyond a segment's bytes is zero already, because the Guest's
 * memory is fresh. (Tool Interface Standard, ELF 1.2, chapters 1-1 and 2-1.)
 */
import { LauncherError } from '../error.js';

/** Where a kernel starts and what it occupies. */
export interface LoadedKernel {
  /** Guest-physical address of the first instruction. */
  entry: number;
  /** Guest-physical address after the last byte it occupies, uninitialised data included. */
  end: number;
}

/** Byte offsets in the file header, and the values we insist on. */
const Header = {
  class: 4, data: 5, type: 0x10, machine: 0x12, entry: 0x18, programHeaders: 0x1c, programHeaderSize: 0x2a, programHeaderCount: 0x2c,
  bytes: 0x34,
} as const;
const magic = 0x464c_457f;
const class32 = 1;
const littleEndian = 1;
const executable = 2;
const machine386 = 3;
/** Byte offsets in a program header. */
const Segment = { type: 0, offset: 4, physical: 0xc, fileSize: 0x10, memorySize: 0x14, bytes: 0x20 } as const;
const loadable = 1;

/** True when a file begins like ELF. */
export function isElf(image: Uint8Array): boolean {
  return image.length >= 4 && new DataView(image.buffer, image.byteOffset).getUint32(0, true) === magic;
}

/**
 * Copy a vmlinux into guest memory.
 *
 * @param name for messages
 * @param memory guest memory from guest-physical 0 to the end of RAM
 * @throws LauncherError 'bad-kernel'
 */
export function loadElf(name: string, image: Uint8Array, memory: Uint8Array): LoadedKernel {
  const bad = (what: string): LauncherError => new LauncherError('bad-kernel', `${name} ${what}`);
  if (image.length < Header.bytes) throw bad(`is truncated: ${image.length} bytes are not even an ELF header; copy the file again.`);
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  if (view.getUint8(Header.class) !== class32 || view.getUint8(Header.data) !== littleEndian || view.getUint16(Header.machine, true) !== machine386)
    throw bad('is an ELF file but not one for 32-bit x86; build the kernel with ARCH=i386.');
  if (view.getUint16(Header.type, true) !== executable) throw bad('is an ELF file but not an executable; give the vmlinux that the kernel build links last.');
  const table = view.getUint32(Header.programHeaders, true);
  const size = view.getUint16(Header.programHeaderSize, true);
  const count = view.getUint16(Header.programHeaderCount, true);
  if (size < Segment.bytes || table + size * count > image.length) throw bad('is truncated: its program headers lie beyond its end; copy the file again.');

  const entry = view.getUint32(Header.entry, true);
  let end = 0;
  let entryLoaded = false;
  for (let i = 0; i < count; i++) {
    const at = table + i * size;
    if (view.getUint32(at + Segment.type, true) !== loadable) continue;
    const offset = view.getUint32(at + Segment.offset, true);
    const fileSize = view.getUint32(at + Segment.fileSize, true);
    const memorySize = view.getUint32(at + Segment.memorySize, true);
    const physical = view.getUint32(at + Segment.physical, true);
    if (offset + fileSize > image.length) throw bad(`is truncated: a segment of ${fileSize} bytes at ${offset} lies beyond its end; copy the file again.`);
    if (physical + Math.max(fileSize, memorySize) > memory.length)
      throw bad(`does not fit: it wants memory up to ${mebibytes(physical + memorySize)} MiB and the Guest has ${mebibytes(memory.length)}; give it more with --memory.`);
    memory.set(image.subarray(offset, offset + fileSize), physical);
    if (entry >= physical && entry < physical + fileSize) entryLoaded = true;
    end = Math.max(end, physical + memorySize);
  }
  if (!entryLoaded) throw bad(`starts at 0x${entry.toString(16)}, which none of its segments contains; an lguest kernel's entry is a physical address.`);
  return { entry, end };
}

/** Bytes in MiB, rounded up. */
export function mebibytes(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}
