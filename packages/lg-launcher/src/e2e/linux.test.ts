/*
 * A real Linux, when there is one: LGUEST_TEST_KERNEL names a kernel built with CONFIG_LGUEST_GUEST=y (a vmlinux or a
 * bzImage), LGUEST_TEST_INITRD an initramfs with busybox whose init starts a shell, and LGUEST_TEST_BLOCK (if you
 * like) an ext2 or ext4 image, which is only used through an overlay.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { memoryDisk } from '../disks/memory-disk.js';
import { scriptedConsole } from '../testing/script.js';
import { bootGuest } from '../vm/boot.js';
import type { BootOptions } from '../vm/options.js';

const kernel = process.env['LGUEST_TEST_KERNEL'];
const initrd = process.env['LGUEST_TEST_INITRD'];
const block = process.env['LGUEST_TEST_BLOCK'];
const missing = kernel === undefined || initrd === undefined;
if (missing) console.info('linux: skipped; set LGUEST_TEST_KERNEL and LGUEST_TEST_INITRD (and LGUEST_TEST_BLOCK)');

/** The prompt of busybox, and the question where the cursor is that its line editor asks of terminals. */
const PROMPT = /\/ # (\x1b\[6n)?$/;

async function bootLinux(path: string, options: BootOptions = {}) {
  const vm = await bootGuest({
    kernel: readFileSync(path), kernelName: path, initrd: readFileSync(initrd!), memory: 128 << 20, commandLine: 'console=hvc0',
    timeout: 100, ...options,
  });
  const talk = scriptedConsole(vm);
  await talk.waitFor(PROMPT);
  return { vm, talk };
}

/** The kernel, and its other form beside it, if it is there. */
function forms(): string[] {
  if (kernel === undefined) return [];
  return [kernel, ...['vmlinux', 'bzImage'].map((name) => join(dirname(kernel), name)).filter((path) => path !== kernel && existsSync(path))];
}

describe.skipIf(missing)('Linux', () => {
  it.each(forms())('%s boots to a shell, works, and powers off', async (path) => {
    const { vm, talk } = await bootLinux(path, { rng: true });
    expect(await talk.command('uname -m', PROMPT)).toContain('i586');
    expect(await talk.command('seq 1 1000 | grep 7 | wc -l', PROMPT)).toContain('271');
    expect(await talk.command('sleep 1 & wait; echo waited $?', PROMPT)).toContain('waited 0');
    expect(await talk.command('cat /proc/interrupts', PROMPT)).toMatch(/lguest-level +virtio/);
    expect(await talk.command('dd if=/dev/hwrng bs=16 count=4 2>/dev/null | wc -c', PROMPT)).toContain('64');
    expect(await talk.command('awk "BEGIN { s = 0; for (i = 1; i <= 20000; i++) s += i * 0.5; print s }"', PROMPT)).toContain('100005000');
    talk.line('poweroff -f');
    expect(await vm.exit).toMatchObject({ reason: 'poweroff', status: 0 });
  });

  it('boots again after reboot -f', async () => {
    const { vm, talk } = await bootLinux(kernel!);
    talk.line('reboot -f');
    await talk.waitFor('Restarting system');
    await talk.waitFor('Linux version');
    await talk.waitFor(PROMPT);
    talk.line('poweroff -f');
    expect(await vm.exit).toMatchObject({ reason: 'poweroff' });
    expect(vm.stats().boots).toBe(2);
  });

  it('panics with status 101', async () => {
    const { vm, talk } = await bootLinux(kernel!);
    talk.line('echo c > /proc/sysrq-trigger');
    expect(await vm.exit).toMatchObject({ reason: 'panic', status: 101 });
    expect(talk.transcript).toContain('Kernel panic');
  });

  it('writes the same things twice in virtual time', async () => {
    const run = async () => {
      const vm = await bootGuest({
        kernel: readFileSync(kernel!), initrd: readFileSync(initrd!), memory: 64 << 20, commandLine: 'console=hvc0', virtualTime: true,
        rng: true, timeout: 60, input: 'ls -l /proc | head -20; dd if=/dev/hwrng bs=8 count=1 2>/dev/null | hexdump -C; sleep 3; poweroff -f\n',
      });
      vm.console.end();
      let text = '';
      for await (const piece of vm.console.text()) text += piece;
      expect(await vm.exit).toMatchObject({ reason: 'poweroff' });
      return { text, stats: JSON.stringify(vm.stats()) };
    };
    const first = await run();
    expect(await run()).toEqual(first);
  });

  it.skipIf(block === undefined)('mounts, writes and finds again what it wrote on a disk', async () => {
    const bytes = readFileSync(block!);
    const session = async (commands: string[]) => {
      const { vm, talk } = await bootLinux(kernel!, { disks: [memoryDisk(bytes)] });
      const answers: string[] = [];
      for (const command of commands) answers.push(await talk.command(command, PROMPT));
      talk.line('poweroff -f');
      expect(await vm.exit).toMatchObject({ reason: 'poweroff' });
      return answers;
    };
    await session(['mount /dev/vda /mnt', 'seq 1 20000 > /mnt/numbers; md5sum < /mnt/numbers > /mnt/sum', 'umount /mnt']);
    const [, check] = await session(['mount /dev/vda /mnt', 'md5sum < /mnt/numbers | cmp - /mnt/sum && echo in""tact', 'umount /mnt']);
    expect(check).toContain('intact');
  });
});
