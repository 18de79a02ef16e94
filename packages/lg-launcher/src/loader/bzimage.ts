/*L:120
 * The other way is `bzImage`: a boot sector, some real-mode code nobody runs here, and a program that unpacks the kernel
 * behind it. We skip the first two, put the rest at 1 MiB as every boot loader does, and jump in: the unpacker runs in
 * the Guest, and hands over to the kernel with the same page of boot parameters.
 *
 * The format: Documentation/x86/boot.txt.
 */
import {
  BOOT_FLAG, BOOT_HEADER_MAGIC, BOOT_KERNEL_ALIGNMENT, BOOT_PROTOCOL_VERSION, BOOT_SECTOR_BYTES, BootParamsOffset,
  BZIMAGE_LOAD_ADDRESS, LOADFLAG_LOADED_HIGH,
} from '@lguest/lg-host/abi';
import { LauncherError } from '../error.js';
import { copyIn, type GuestMemory } from '../memory.js';
import { crcRemainder } from './crc.js';
import { tooBig } from './elf.js';
import type { LoadedKernel } from './kernel.js';

/** Header fields only a loader of bzImages wants: file size in paragraphs, and what the unpacked kernel needs and is. */
const Offset = { syssize: 0x1f4, relocatable: 0x234, xloadflags: 0x236, prefAddress: 0x258, initSize: 0x260, end: 0x264 } as const;
/** Boot protocol 2.08, the first with a checksum at the end of the file. */
const VERSION_WITH_CHECKSUM = 0x0208;
/** What kernels of our days, which have none any more, have in its place. */
const NO_CHECKSUM = 0xffff_ffff;
const CHECKSUM_BYTES = 4;
/** Boot protocol 2.12, the first with xloadflags. */
const VERSION_WITH_XLOADFLAGS = 0x020c;
/** xloadflags: the kernel has a 64-bit entry point. */
const XLOADFLAG_KERNEL_64 = 1 << 0;
/** Boot protocol 2.10, the first with prefAddress and initSize. */
const VERSION_WITH_INIT_SIZE = 0x020a;
/** Unit of syssize. */
const PARAGRAPH_BYTES = 16;
/** What setup_sects of 0 means, for old kernels' sake. */
const DEFAULT_SETUP_SECTORS = 4;
/** syssize does not count the checksum some builds append, so a file may be this much longer or shorter. */
const SYSSIZE_SLACK = PARAGRAPH_BYTES;

/** Whether an image has a boot-protocol header. */
export function isBzImage(image: Uint8Array): boolean {
  if (image.length < Offset.end) return false;
  const view = viewOf(image);
  return view.getUint16(BootParamsOffset.bootFlag, true) === BOOT_FLAG && view.getUint32(BootParamsOffset.header, true) === BOOT_HEADER_MAGIC;
}

/**
 * Load a bzImage.
 * @throws LauncherError 'bad-kernel' and 'does-not-fit'.
 */
export function loadBzImage(image: Uint8Array, name: string, memory: GuestMemory, ramBytes: number): LoadedKernel {
  const view = viewOf(image);
  const version = view.getUint16(BootParamsOffset.version, true);
  if (version < BOOT_PROTOCOL_VERSION) {
    throw bad(name, `speaks boot protocol ${version >>> 8}.${String(version & 0xff).padStart(2, '0')}, older than 2.07; lguest needs Linux 2.6.24 or later`);
  }
  if ((image[BootParamsOffset.loadflags]! & LOADFLAG_LOADED_HIGH) === 0) {
    throw bad(name, 'is a zImage, which loads low; build a bzImage');
  }
  if (version >= VERSION_WITH_XLOADFLAGS && (view.getUint16(Offset.xloadflags, true) & XLOADFLAG_KERNEL_64) !== 0) {
    throw bad(name, 'is a 64-bit kernel; lguest runs 32-bit x86 kernels (ARCH=i386)');
  }
  const setupSectors = image[BootParamsOffset.setupSects]! || DEFAULT_SETUP_SECTORS;
  const start = (setupSectors + 1) * BOOT_SECTOR_BYTES;
  const payload = image.subarray(start);
  const promised = view.getUint32(Offset.syssize, true) * PARAGRAPH_BYTES;
  if (start >= image.length || payload.length + SYSSIZE_SLACK < promised) {
    throw bad(name, 'is cut short: its header promises more than there is; copy or build it again');
  }
  if (version >= VERSION_WITH_CHECKSUM && !isWhole(image.subarray(0, start + promised))) {
    throw bad(name, 'is damaged: its checksum is wrong; copy or build it again');
  }
  const entry = view.getUint32(BootParamsOffset.code32Start, true);
  if (entry < BZIMAGE_LOAD_ADDRESS || entry >= BZIMAGE_LOAD_ADDRESS + payload.length) {
    throw bad(name, `is entered at 0x${entry.toString(16)}, outside itself; it is damaged`);
  }
  const end = Math.max(BZIMAGE_LOAD_ADDRESS + payload.length, unpackedEnd(view, version));
  if (end > ramBytes) throw tooBig(name, end, ramBytes);
  copyIn(memory, BZIMAGE_LOAD_ADDRESS, payload);
  return { format: 'bzImage', entry, end };
}

/** Whether the checksum in the last four bytes is right, or there is none. */
function isWhole(file: Uint8Array): boolean {
  const checksum = viewOf(file).getUint32(file.length - CHECKSUM_BYTES, true);
  return checksum === NO_CHECKSUM || crcRemainder(file) === 0;
}

/** One past what the kernel occupies once it is unpacked, as far as the header says. */
function unpackedEnd(view: DataView, version: number): number {
  if (version < VERSION_WITH_INIT_SIZE) return 0;
  // A relocatable kernel goes to the first multiple of the alignment we tell it, another one to its preferred address.
  const preferred = view.getUint32(Offset.prefAddress, true);
  const address = view.getUint8(Offset.relocatable) !== 0 ? BOOT_KERNEL_ALIGNMENT : preferred;
  return Math.max(address, preferred) + view.getUint32(Offset.initSize, true);
}

function viewOf(image: Uint8Array): DataView {
  return new DataView(image.buffer, image.byteOffset, image.byteLength);
}

function bad(name: string, fault: string): LauncherError {
  return new LauncherError('bad-kernel', `${name} ${fault}.`);
}
