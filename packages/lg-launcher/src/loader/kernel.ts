/*L:100
 * The Launcher's first job is the boot loader's: put a kernel into memory, beside it what the kernel will look for, and
 * say where to start.
 */
import { BOOT_PARAMS_ADDRESS, BOOT_PARAMS_BYTES, COMMAND_LINE_ADDRESS, COMMAND_LINE_BYTES } from '@lguest/lg-host/abi';
import { LauncherError } from '../error.js';
import { copyIn, type GuestMemory } from '../memory.js';
import { writeBootParams } from './boot-params.js';
import { isBzImage, loadBzImage } from './bzimage.js';
import { isElf, loadElf } from './elf.js';

/** A kernel in guest memory. */
export interface LoadedKernel {
  readonly format: 'vmlinux' | 'bzImage';
  /** Guest-physical address of the first instruction. */
  readonly entry: number;
  /** One past the last guest-physical address the kernel needs for itself. */
  readonly end: number;
}

/** What to load. Names are for messages. */
export interface BootImages {
  readonly kernel: Uint8Array;
  readonly kernelName: string;
  readonly initrd?: Uint8Array | undefined;
  readonly initrdName?: string | undefined;
  readonly commandLine: string;
}

const PAGE = 4096;
const GZIP_MAGIC = [0x1f, 0x8b] as const;

/**
 * Put kernel, initrd, command line and boot parameters into guest memory, which must be all zeros.
 * @param ramBytes RAM: guest memory below the device pages.
 * @throws LauncherError 'bad-kernel', 'does-not-fit', 'bad-command-line'.
 */
export function loadImages(images: BootImages, memory: GuestMemory, ramBytes: number): LoadedKernel {
  const { kernel, kernelName, initrd, commandLine } = images;
  const line = new TextEncoder().encode(`${commandLine}\0`);
  if (line.length > COMMAND_LINE_BYTES) {
    throw new LauncherError('bad-command-line', `The kernel's command line has ${line.length - 1} bytes; shorten it to at most ${COMMAND_LINE_BYTES - 1}.`);
  }
  const loaded = loadKernel(kernel, kernelName, memory, ramBytes);
  const initrdAddress = initrd === undefined || initrd.length === 0 ? 0 : loadInitrd(images, initrd, loaded, memory, ramBytes);
  copyIn(memory, COMMAND_LINE_ADDRESS, line);
  writeBootParams(memory, { ramBytes, initrdAddress, initrdBytes: initrdAddress === 0 ? 0 : initrd!.length });
  return loaded;
}

function loadKernel(image: Uint8Array, name: string, memory: GuestMemory, ramBytes: number): LoadedKernel {
  const lowest = Math.max(BOOT_PARAMS_ADDRESS + BOOT_PARAMS_BYTES, COMMAND_LINE_ADDRESS + COMMAND_LINE_BYTES);
  if (image.length === 0) throw new LauncherError('bad-kernel', `${name} is empty; copy or build it again.`);
  if (isElf(image)) return loadElf(image, name, memory, ramBytes, lowest);
  if (isBzImage(image)) return loadBzImage(image, name, memory, ramBytes);
  const packed = image[0] === GZIP_MAGIC[0] && image[1] === GZIP_MAGIC[1];
  throw new LauncherError(
    'bad-kernel',
    packed
      ? `${name} is compressed with gzip; unpack it first (gunzip).`
      : `${name} is neither an ELF vmlinux nor a bzImage for 32-bit x86, or it is cut short; give a kernel built with CONFIG_LGUEST_GUEST=y.`,
  );
}

/** The initial ramdisk goes to the very top of RAM, where the kernel's own growth meets it last. */
function loadInitrd(images: BootImages, initrd: Uint8Array, kernel: LoadedKernel, memory: GuestMemory, ramBytes: number): number {
  const bytes = Math.ceil(initrd.length / PAGE) * PAGE;
  const address = ramBytes - bytes;
  if (address < kernel.end) {
    const mebibyte = 1 << 20;
    const needed = Math.ceil((kernel.end + bytes) / mebibyte);
    throw new LauncherError(
      'does-not-fit',
      `${images.initrdName ?? 'The initrd'} (${Math.ceil(initrd.length / mebibyte)} MiB) does not fit beside the kernel into ${Math.floor(ramBytes / mebibyte)} MiB; give the Guest more memory (--memory ${needed + INITRD_HEADROOM_MIB}M).`,
    );
  }
  copyIn(memory, address, initrd);
  return address;
}

/** A kernel needs room to unpack what is in the initrd, too. */
const INITRD_HEADROOM_MIB = 32;
