/*
 * A real Linux, when there is one: from the first instruction to a shell, and to every end.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootLinux, forms, initrd, kernel, linuxIsMissing, PROMPT } from './linux.test-support.js';
import { runCommand } from './run-command.test-support.js';

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
const descending = (from: number): string => Array.from({ length: from }, (_, i) => `${from - i}\n`).join('');

describe.skipIf(linuxIsMissing('linux'))('Linux', () => {
  let folder: string;
  beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'lguest-linux-')); });
  afterAll(() => { rmSync(folder, { recursive: true }); });

  it.each(forms())('%s boots to a shell, works, and powers off', async (path) => {
    const { vm, talk, ask } = await bootLinux(path, { rng: true, memory: 128 << 20 });
    // the processor as the kernel sees it, and its arithmetic
    expect(await ask('uname -sm')).toBe('Linux i586\n');
    expect(await ask('awk "BEGIN { s = 0; for (i = 1; i <= 20000; i++) s += i * 0.5; print s }"')).toBe('100005000\n');
    // processes, pipes, jobs, signals
    expect(await ask('seq 1 1000 | grep 7 | wc -l')).toBe('271\n');
    expect(await ask('seq 1 3000 | sort -rn | md5sum')).toBe(`${md5(descending(3000))}  -\n`);
    expect(await ask('sleep 0.3 & wait; echo waited $?')).toContain('waited 0\n');
    await ask('sleep 1000 &');
    expect(await ask('jobs')).toMatch(/^\[1\]\+ +Running +sleep 1000\n$/);
    expect(await ask('kill %1; wait %1; echo status $?')).toContain('status 143\n');
    // interrupts: of the random numbers, of what is typed, of what was printed (the timer's is not in this list)
    const interrupts = [...(await ask('cat /proc/interrupts')).matchAll(/^ +(\d): +(\d+) +lguest-level +(virtio\d)$/gm)];
    expect(interrupts.map(([, irq, , device]) => [irq, device])).toEqual([['1', 'virtio0'], ['2', 'virtio1'], ['3', 'virtio1']]);
    expect(Number(interrupts[1]![2])).toBeGreaterThan(5);
    expect(await ask('cat /sys/class/misc/hw_random/rng_current')).toMatch(/virtio/);
    const random = [await ask('dd if=/dev/hwrng bs=16 count=4 2>/dev/null | md5sum'), await ask('dd if=/dev/hwrng bs=16 count=4 2>/dev/null | md5sum')];
    expect(random[0]).toMatch(/^[0-9a-f]{32} /);
    expect(random[1]).not.toBe(random[0]);
    expect(await ask('dd if=/dev/hwrng bs=16 count=4 2>/dev/null | wc -c')).toBe('64\n');
    talk.line('poweroff -f');
    expect(await vm.exit).toMatchObject({ reason: 'poweroff', status: 0 });
  });

  it('ends the foreground command with control-C', async () => {
    const { vm, talk, ask } = await bootLinux();
    talk.line('sleep 1000');
    await talk.waitFor('sleep 1000\r\n');
    // the shell has the terminal in raw mode while one types; only afterwards this key is a signal
    await new Promise((resolve) => setTimeout(resolve, 300));
    void vm.console.write('\x03');
    await talk.waitFor(PROMPT);
    expect(await ask('echo $?')).toBe('130\n');
    talk.line('poweroff -f');
    expect(await vm.exit).toMatchObject({ reason: 'poweroff' });
  });

  it('uses SSE2 where the CPU has it, with the same results', async () => {
    const { vm, talk, ask } = await bootLinux(kernel!, { cpu: 'default' });
    expect(await ask('grep -c -w sse2 /proc/cpuinfo')).toBe('1\n');
    expect(await ask('seq 1 3000 | sort -rn | md5sum')).toBe(`${md5(descending(3000))}  -\n`);
    talk.line('poweroff -f');
    expect(await vm.exit).toMatchObject({ reason: 'poweroff' });
  });

  it('boots again after reboot -f', async () => {
    const { vm, talk } = await bootLinux();
    talk.line('reboot -f');
    await talk.waitFor('Restarting system');
    await talk.waitFor('Linux version');
    await talk.waitFor(PROMPT);
    talk.line('poweroff -f');
    expect(await vm.exit).toMatchObject({ reason: 'poweroff' });
    expect(vm.stats().boots).toBe(2);
  });

  it('panics with status 101', async () => {
    const done = await runCommand(['run', '--initrd', initrd, kernel, '--', 'console=hvc0'], 'echo c > /proc/sysrq-trigger\n');
    expect(done.status).toBe(101);
    expect(done.stdout).toContain('Kernel panic');
    expect(done.stderr).toMatch(/^lguest: the Guest panicked: .+\n$/);
  });

  it('writes the same things twice in virtual time', async () => {
    const run = async (name: string) => {
      const stats = join(folder, name);
      const done = await runCommand(
        ['run', '--virtual-time', '--rng', '--timeout', '60', '--stats', stats, '--initrd', initrd, kernel, '--', 'console=hvc0'],
        'ls -l /proc | head -20; dd if=/dev/hwrng bs=8 count=1 2>/dev/null | hexdump -C; cat /proc/interrupts; date; sleep 3; poweroff -f\n',
      );
      return { ...done, stats: readFileSync(stats, 'utf8') };
    };
    const first = await run('a');
    expect(first.status).toBe(0);
    expect(first.stdout).toContain('lguest-level');
    expect(await run('b')).toEqual(first);
  });

  it('boots by lguest\'s own command line', async () => {
    const done = await runCommand([`--initrd=${initrd}`, '64', kernel, 'console=hvc0', 'quiet'], 'cat /proc/cmdline; poweroff -f\n');
    expect(done).toMatchObject({ status: 0, stderr: '' });
    expect(done.stdout).toContain('\nconsole=hvc0 quiet');
  });
});
