/*
 * Where a real Linux comes from. None is in this repository; whoever has one says so in the environment:
 *
 * LGUEST_TEST_KERNEL  a kernel built with CONFIG_LGUEST_GUEST=y, vmlinux or bzImage; the other form is tried, too, when it
 *                     lies beside it under that name
 * LGUEST_TEST_INITRD  an initramfs with busybox whose init starts a shell on the console
 * LGUEST_TEST_BLOCK   ext2 or ext4 images, separated as paths are in PATH; only copies are used. Without it mke2fs makes
 *                     some, if it is installed
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { scriptedConsole } from '../testing/script.js';
import { bootGuest } from '../vm/boot.js';
import type { BootOptions } from '../vm/options.js';

export const kernel = process.env['LGUEST_TEST_KERNEL'] ?? '';
export const initrd = process.env['LGUEST_TEST_INITRD'] ?? '';

/** Whether there is no Linux; says so. */
export function linuxIsMissing(what: string): boolean {
  const missing = kernel === '' || initrd === '';
  if (missing) console.info(`${what}: skipped; set LGUEST_TEST_KERNEL and LGUEST_TEST_INITRD (see src/e2e/linux.test-support.ts)`);
  return missing;
}

/** The kernel, and its other form, if it is there. */
export function forms(): string[] {
  if (kernel === '') return [];
  return [kernel, ...['vmlinux', 'bzImage'].map((name) => join(dirname(kernel), name)).filter((path) => path !== kernel && existsSync(path))];
}

const ESCAPE = '\x1b';
/** The prompt of busybox, and the question where the cursor is that its line editor asks of terminals. */
export const PROMPT = new RegExp(`/ # (${ESCAPE}\\[6n)?$`);

const KERNEL_MESSAGE = /^\[ *\d+\.\d{6}\] .*\n/gm;

/** Options to boot it with. */
export function linuxOptions(path = kernel): BootOptions {
  return {
    kernel: readFileSync(path), kernelName: path, initrd: readFileSync(initrd), memory: 64 << 20,
    // with the time in front, what the kernel says can be told from answers, however it was configured
    commandLine: 'console=hvc0 printk.time=1', timeout: 100,
  };
}

/** Boot to the prompt. */
export async function bootLinux(path = kernel, options: BootOptions = {}) {
  const vm = await bootGuest({ ...linuxOptions(path), ...options });
  const talk = scriptedConsole(vm);
  await talk.waitFor(PROMPT);
  /** What a command prints, without what the kernel says meanwhile. */
  const ask = async (command: string): Promise<string> => {
    const said = await talk.command(command, PROMPT);
    return said.slice(said.indexOf('\n') + 1).replace(PROMPT, '').replaceAll('\r', '').replace(KERNEL_MESSAGE, '');
  };
  return { vm, talk, ask };
}
