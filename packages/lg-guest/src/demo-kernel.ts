/*
 * The package's one product.
 */
import { kernelImage } from './image.js';

let built: Uint8Array | undefined;

/**
 * The demo kernel: an ELF32 vmlinux as any lguest Launcher takes it (ET_EXEC, EM_386, PT_LOAD at p_paddr, entered at
 * its physical e_entry). Each call gives a copy of its own.
 */
export function buildDemoKernel(): Uint8Array {
  built ??= kernelImage();
  return built.slice();
}

/** What to know about the demo kernel to run it. Sizes in bytes. */
export const demoKernelInfo = {
  /** For messages, in the place of a file name. */
  name: 'the built-in kernel',
  /** The least memory it starts in. */
  minimumMemory: 4 << 20,
  /** The memory to give it when nobody says. */
  defaultMemory: 16 << 20,
  /** What it prints when it waits for a command. */
  prompt: '$ ',
} as const;
