/*
 * Where the finished kernel comes from. The build of the package replaces this file by one that holds the kernel's
 * bytes; from source it is put together when it is first wanted.
 */
import { assembleKernel } from './image/kernel.js';

/** The demo kernel's ELF file. */
export function kernelImage(): Uint8Array {
  return assembleKernel().elf;
}
