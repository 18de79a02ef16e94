/*L:110
 * Everything a kernel finds when it wakes up.
 *
 * The kernel itself, wherever it wants to be; the initial RAM disk at the top of memory; and in the first two pages
 * what a boot loader would have found out: how much memory there is, where the RAM disk is, what the user typed. One
 * field makes the difference: the hardware subarchitecture, which tells the kernel to call itself a Guest.
 */
import {
  BOOT_KERNEL_ALIGNMENT, BOOT_LOADER_UNDEFINED, BOOT_PARAMS_ADDRESS, BOOT_PROTOCOL_VERSION, BOOT_SUBARCH_LGUEST, BootParamsOffset,
  COMMAND_LINE_ADDRESS, COMMAND_LINE_BYTES, E820_RAM, E820Offset, LOADFLAG_KEEP_SEGMENTS, PAGE_SIZE,
} from '@lguest/lg-host/abi';
import { LauncherError } from '../error.js';
import { isBzImage, loadBzImage } from './bzimage.js';
import { isElf, type LoadedKernel, loadElf, mebibytes } from './elf.js';

/** What to boot. */
export interface BootImages {
  kernel: Uint8Array;
  /** What to call the kernel in messages: a file name. */
  kernelName: string;
  initrd?: Uint8Array | undefined;
  initrdName?: string | undefined;
  /** The kernel's arguments, joined by spaces. */
  commandLine: string;
}

/**
 * Fill guest memory for boot.
 *
 * @param memory guest memory from guest-physical 0 to the end of RAM, all zero
 * @returns guest-physical address of the first instruction
 * @throws LauncherError for images that cannot be booted
 */
export function loadGuest(memory: Uint8Array, images: BootImages): number {
  const kernel = loadKernel(images.kernelName, images.kernel, memory);
  const initrd = images.initrd && loadInitrd(images.initrdName ?? 'the initrd', images.initrd, memory, kernel);
  writeBootParams(memory, images.commandLine, initrd);
  return kernel.entry;
}

function loadKernel(name: string, image: Uint8Array, memory: Uint8Array): LoadedKernel {
  if (image.length === 0) throw new LauncherError('bad-kernel', `${name} is empty; give a vmlinux or bzImage.`);
  if (isElf(image)) return loadElf(name, image, memory);
  if (isBzImage(image)) return loadBzImage(name, image, memory);
  throw new LauncherError('bad-kernel', `${name} is neither an ELF file nor a bzImage; give the vmlinux or the bzImage of a 32-bit x86 kernel with lguest support.`);
}

interface LoadedInitrd { address: number; bytes: number }

function loadInitrd(name: string, initrd: Uint8Array, memory: Uint8Array, kernel: LoadedKernel): LoadedInitrd {
  const bytes = Math.ceil(initrd.length / PAGE_SIZE) * PAGE_SIZE;
  const address = memory.length - bytes;
  if (address < kernel.end)
    throw new LauncherError('bad-initrd', `${name} does not fit: its ${mebibytes(bytes)} MiB and the kernel's ${mebibytes(kernel.end)} MiB need more memory than ${mebibytes(memory.length)} MiB; give more with --memory.`);
  memory.set(initrd, address);
  return { address, bytes };
}

function writeBootParams(memory: Uint8Array, commandLine: string, initrd: LoadedInitrd | undefined): void {
  const text = new TextEncoder().encode(commandLine);
  if (text.length >= COMMAND_LINE_BYTES)
    throw new LauncherError('bad-command-line', `the kernel's arguments are ${text.length} bytes long; a kernel reads at most ${COMMAND_LINE_BYTES - 1}.`);
  if (text.includes(0)) throw new LauncherError('bad-command-line', 'the kernel\'s arguments contain a NUL character, where the kernel would stop reading.');
  memory.set(text, COMMAND_LINE_ADDRESS);

  const at = (offset: number): number => BOOT_PARAMS_ADDRESS + offset;
  const view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
  const map = at(BootParamsOffset.e820Map);
  view.setUint8(at(BootParamsOffset.e820Entries), 1);
  view.setBigUint64(map + E820Offset.address, 0n, true);
  view.setBigUint64(map + E820Offset.size, BigInt(memory.length), true);
  view.setUint32(map + E820Offset.type, E820_RAM, true);
  view.setUint16(at(BootParamsOffset.version), BOOT_PROTOCOL_VERSION, true);
  view.setUint8(at(BootParamsOffset.typeOfLoader), BOOT_LOADER_UNDEFINED);
  view.setUint8(at(BootParamsOffset.loadflags), LOADFLAG_KEEP_SEGMENTS);
  view.setUint32(at(BootParamsOffset.cmdLinePtr), COMMAND_LINE_ADDRESS, true);
  view.setUint32(at(BootParamsOffset.kernelAlignment), BOOT_KERNEL_ALIGNMENT, true);
  view.setUint32(at(BootParamsOffset.hardwareSubarch), BOOT_SUBARCH_LGUEST, true);
  if (initrd) {
    view.setUint32(at(BootParamsOffset.ramdiskImage), initrd.address, true);
    view.setUint32(at(BootParamsOffset.ramdiskSize), initrd.bytes, true);
  }
}
