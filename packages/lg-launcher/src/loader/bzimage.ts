/*L:125
 * bzImage.
 *
 * What a boot loader on a PC takes: some sectors of 16-bit code that we skip, and then a program that unpacks the
 * kernel behind it and enters it. It runs in the Guest like everything else. (The x86 boot protocol, 2.07.)
 */
import { BOOT_HEADER_MAGIC, BOOT_PROTOCOL_VERSION, BOOT_SECTOR_BYTES, BootParamsOffset, BZIMAGE_LOAD_ADDRESS } from '@lguest/lg-host/abi';
import { LauncherError } from '../error.js';
import { type LoadedKernel, mebibytes } from './elf.js';

/** setup_sects when the field is 0. */
const defaultSetupSectors = 4;
const headerBytes = 0x240;

/** True when a file carries the boot protocol's signature. */
export function isBzImage(image: Uint8Array): boolean {
  return image.length >= BootParamsOffset.header + 4 &&
    new DataView(image.buffer, image.byteOffset).getUint32(BootParamsOffset.header, true) === BOOT_HEADER_MAGIC;
}

/** Copy a bzImage's 32-bit part into guest memory. Parameters and errors as loadElf(). */
export function loadBzImage(name: string, image: Uint8Array, memory: Uint8Array): LoadedKernel {
  const bad = (what: string): LauncherError => new LauncherError('bad-kernel', `${name} ${what}`);
  if (image.length < headerBytes) throw bad(`is truncated: ${image.length} bytes are not even a boot header; copy the file again.`);
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const version = view.getUint16(BootParamsOffset.version, true);
  if (version < BOOT_PROTOCOL_VERSION)
    throw bad(`speaks boot protocol ${version >> 8}.${version & 0xff}; lguest needs 2.07, which kernels have since 2.6.24.`);
  const sectors = view.getUint8(BootParamsOffset.setupSects) || defaultSetupSectors;
  const start = (sectors + 1) * BOOT_SECTOR_BYTES;
  if (start >= image.length) throw bad('is truncated: it ends before its 32-bit part; copy the file again.');
  const bytes = image.length - start;
  const end = BZIMAGE_LOAD_ADDRESS + bytes;
  if (end > memory.length)
    throw bad(`does not fit: it wants memory up to ${mebibytes(end)} MiB and the Guest has ${mebibytes(memory.length)}; give it more with --memory.`);
  memory.set(image.subarray(start), BZIMAGE_LOAD_ADDRESS);
  const entry = view.getUint32(BootParamsOffset.code32Start, true);
  if (entry < BZIMAGE_LOAD_ADDRESS || entry >= end) throw bad(`starts at 0x${entry.toString(16)}, outside what is loaded of it; is it an x86 kernel?`);
  return { entry, end };
}
