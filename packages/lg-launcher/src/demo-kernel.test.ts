/*
 * The built-in Guest from end to end: its kernel, the Host, the devices and the Launcher together, talked to through the
 * console as a user would.
 */
import { describe, expect, it } from 'vitest';
import { bootGuest } from './vm/boot.js';
import type { BootOptions } from './vm/options.js';
import { memoryDisk } from './disks/memory-disk.js';

const MIB = 1 << 20;
/** Seconds of the Guest's time after which something is wrong. */
const PATIENCE = 120;
/** A slow computer: 50 million instructions a second make the Guest's seconds short. */
const SLOW = { nanosecondsPerTick: 20 };

/** Boot, type these lines (and `poweroff`), and tell how it went. */
async function session(lines: readonly string[], options: BootOptions = {}) {
  let text = '';
  const decoder = new TextDecoder();
  const vm = await bootGuest({
    memory: 16 * MIB, virtualTime: SLOW, timeout: PATIENCE, input: lines.map((line) => `${line}\n`).join(''),
    onConsole: (bytes) => { text += decoder.decode(bytes, { stream: true }); }, ...options,
  });
  vm.console.end();
  const exit = await vm.exit;
  return { text, exit, stats: vm.stats() };
}

/** What was printed after a command, up to the next prompt. */
function answer(text: string, command: string): string {
  const start = text.indexOf(`$ ${command}\n`);
  expect(start, `${command} in:\n${text}`).toBeGreaterThanOrEqual(0);
  const body = text.slice(start + command.length + 3);
  const end = body.indexOf('$ ');
  return end < 0 ? body : body.slice(0, end);
}

describe.each(['reference', 'interpreter'] as const)('the demo kernel on the %s engine', (engine) => {
  it('boots, answers and powers off', async () => {
    const { text, exit, stats } = await session(['echo hello-from-guest', 'ps', 'mem', 'irq', 'cat cmdline', 'cat devices', 'help', 'nonsense', 'poweroff'], {
      engine, commandLine: 'quiet colour=green', rng: true,
    });
    expect(exit).toEqual({ reason: 'poweroff', status: 0, message: 'Power down' });
    expect(text.startsWith('lguest demo kernel: 16384 KiB of memory')).toBe(true);
    expect(answer(text, 'echo hello-from-guest')).toBe('hello-from-guest\n');
    expect(answer(text, 'ps')).toMatch(/ 0 +0 +ready .* idle\n +1 +0 +waiting .* init\n +2 +1 +running .* shell\n$/);
    expect(answer(text, 'mem')).toMatch(/memory +16384 KiB\nfree +\d+ KiB/);
    expect(answer(text, 'irq')).toMatch(/0 +\d+ clock\n.*random\n +\d +1 console input\n/s);
    expect(answer(text, 'cat cmdline')).toBe('quiet colour=green\n');
    expect(answer(text, 'cat devices')).toMatch(/rng +queues 1 status 7\n.*console +queues 2 status 7\n/s);
    expect(answer(text, 'help')).toMatch(/bench \[syscall\|reflect/);
    expect(answer(text, 'nonsense')).toBe('nonsense: no such command; try help\n');
    // system calls go straight to the kernel, everything is asked for as lguest's interface says
    expect(stats.host.directTraps['vector 128']).toBeGreaterThan(50);
    expect(stats.host.hypercalls).toMatchObject({ LGUEST_INIT: 1, NEW_PGTABLE: 1, SHUTDOWN: 1 });
    expect(stats.host.asyncHypercalls).toHaveProperty('SET_STACK');
    expect(stats.host.asyncHypercalls).toHaveProperty('LOAD_TLS');
  });

  it('keeps programs apart: a mistake ends one of them', async () => {
    const { text, exit, stats } = await session(
      ['fault null', 'fault kernel', 'fault privileged', 'fault divide', 'fault stack', 'kill 2', 'echo still here', 'cat counters', 'poweroff'], { engine },
    );
    expect(answer(text, 'fault null')).toMatch(/^\[\d+ fault\] killed: page fault at 0x00000000, eip 0x0804\w+, error 4\n$/);
    expect(answer(text, 'fault kernel')).toMatch(/killed: page fault at 0xc0140000, .*error [45]\n/);
    expect(answer(text, 'fault privileged')).toMatch(/killed: general protection fault, .*error 0\n/);
    expect(answer(text, 'fault divide')).toMatch(/killed: divide error/);
    expect(answer(text, 'fault stack')).toMatch(/killed: page fault at 0xbfdffff\w, .*error 6\n/);
    expect(answer(text, 'echo still here')).toBe('still here\n');
    expect(answer(text, 'cat counters')).toMatch(/programs killed +5\n/);
    expect(exit.status).toBe(0);
    expect(stats.host.reflectedTraps).toMatchObject({ 'divide error': 1 });
  });

  it('shares the CPU between processes that do not give it up', async () => {
    const { text, exit } = await session(['spin &', 'spin &', 'sleep 1', 'ps', 'kill 3', 'kill 4', 'sleep 0.1', 'ps', 'kill 1', 'kill 99', 'poweroff'], { engine });
    const rows = answer(text, 'ps').split('\n').filter((row) => row.endsWith(' spin'));
    expect(rows).toHaveLength(2);
    const times = rows.map((row) => Number(row.trim().split(/\s+/)[3]));
    // two of them for a second, less what the others needed
    for (const time of times) expect(time).toBeGreaterThan(400);
    expect(Math.abs(times[0]! - times[1]!)).toBeLessThan(60);
    const last = text.slice(text.lastIndexOf('$ ps'));
    expect(last).not.toMatch(/ spin\n/);
    expect(text).toContain('[3] done\n');
    expect(text).toContain('[4] done\n');
    expect(answer(text, 'kill 1')).toBe('kill: cannot end process 1\n');
    expect(answer(text, 'kill 99')).toBe('kill: cannot end process 99\n');
    expect(exit.status).toBe(0);
  });

  it('knows what time it is and sleeps when there is nothing to do', async () => {
    const { text, stats } = await session(['time sleep 2.25', 'time echo quick', 'poweroff'], { engine });
    const seconds = Number(/real (\S+) s/.exec(answer(text, 'time sleep 2.25'))![1]);
    expect(seconds).toBeGreaterThanOrEqual(2.24);
    expect(seconds).toBeLessThan(2.3);
    expect(answer(text, 'time echo quick')).toMatch(/^quick\nreal 0\.0\d+ s\n$/);
    expect(stats.host.hypercalls.HALT).toBeLessThan(40);
  });
});

describe('the console', () => {
  it('edits lines', async () => {
    const { text } = await session(['echo abX\bc', 'junk\x15echo new', 'echo one\x7f\x7f\x7ftwo', 'poweroff']);
    expect(text).toContain('$ echo abX\b \bc\nabc\n');
    expect(text).toMatch(/\nnew\n/);
    expect(text).toMatch(/\ntwo\n/);
  });

  it('takes CR, LF and CR LF for the end of a line', async () => {
    const { text } = await session([], { input: 'echo a\recho b\r\necho c\npoweroff\r' });
    expect(text.split('$ ').length - 1).toBe(4);
    expect(text).toMatch(/\na\n\$ echo b\nb\n\$ echo c\nc\n/);
  });

  it('loses nothing of what is poured into it', async () => {
    const lines = Array.from({ length: 400 }, (_, i) => `echo line ${i} ${'x'.repeat(i % 50)}`);
    const { text } = await session([...lines, 'poweroff']);
    const said = [...text.matchAll(/^line (\d+) ?(x*)$/gm)];
    expect(said.map(([, n]) => Number(n))).toEqual(lines.map((_, i) => i));
    expect(said.every(([, , xs], i) => xs!.length === i % 50)).toBe(true);
  });

  it('ends the command in the foreground with control-C', async () => {
    const vm = await bootGuest({ memory: 16 * MIB, virtualTime: SLOW, timeout: PATIENCE });
    const pieces: string[] = [];
    let waited = false;
    void vm.console.write('spin\n');
    for await (const text of vm.console.text()) {
      pieces.push(text);
      if (!waited && pieces.join('').endsWith('$ spin\n')) {
        waited = true;
        setTimeout(() => void vm.console.write('\x03echo back\npoweroff\n'), 50);
      }
    }
    expect(await vm.exit).toMatchObject({ status: 0 });
    expect(pieces.join('')).toMatch(/\$ spin\n\$ echo back\nback\n/);
  });
});

describe('the disk and the random numbers', () => {
  it('are read and written', async () => {
    const disk = new Uint8Array(16 * 512);
    disk.set(new TextEncoder().encode('first sector'));
    const { text, exit } = await session(
      ['cat disk', 'write 5 kept for ever', 'cat disk 5', 'write 16 nothing', 'cat disk 99', 'cat random', 'bench blk', 'poweroff'],
      { disks: [memoryDisk(disk)], rng: true },
    );
    expect(answer(text, 'cat disk')).toContain('first sector....');
    expect(answer(text, 'cat disk 5')).toMatch(/^0000 {2}6b 65 70 74 .* kept for ever\.\.\.\n/);
    expect(answer(text, 'write 16 nothing')).toBe('cannot write there\n');
    expect(answer(text, 'cat disk 99')).toBe('cannot read that sector\n');
    expect(answer(text, 'cat random')).toMatch(/^[0-9a-f]{32}\n$/);
    expect(answer(text, 'bench blk')).toMatch(/^BENCH blk \d+ ns\n$/);
    expect(new TextDecoder().decode(disk.subarray(5 * 512, 5 * 512 + 15))).toBe('kept for ever\n\0');
    expect(exit.status).toBe(0);
  });

  it('are missed politely', async () => {
    const { text } = await session(['cat disk', 'cat random', 'bench blk', 'poweroff']);
    expect(answer(text, 'cat disk')).toMatch(/^no disk; start the Guest with --block/);
    expect(answer(text, 'cat random')).toMatch(/^no entropy device; start the Guest with --rng/);
    expect(answer(text, 'bench blk')).toMatch(/^no disk/);
  });
});

describe('bench', () => {
  it('prints what things cost, and a direct system call costs least', async () => {
    const { text } = await session(['bench', 'poweroff']);
    const rows = [...answer(text, 'bench').matchAll(/^BENCH (\w+) (\d+) ns$/gm)].map(([, name, value]) => [name!, Number(value)] as const);
    expect(rows.map(([name]) => name)).toEqual(['syscall', 'reflect', 'fault', 'switch', 'fork', 'irq']);
    const costs = new Map(rows);
    for (const [, value] of rows) expect(value).toBeGreaterThan(0);
    expect(costs.get('syscall')! * 3).toBeLessThan(costs.get('reflect')!);
  });

  it('is reflected both ways when direct traps are off', async () => {
    const { text, stats } = await session(['bench syscall', 'poweroff'], { directTraps: false });
    expect(answer(text, 'bench syscall')).toMatch(/^BENCH syscall \d+ ns\n$/);
    expect(stats.host.directTraps).toEqual({});
    expect(stats.host.reflectedTraps['vector 128']).toBeGreaterThan(1000);
  });
});

describe('ways to end', () => {
  it.each([
    ['kernel-page-fault', 101, /^Kernel panic: page fault in the kernel at 0xff000000, eip 0xc01\w+$/],
    ['triple', 102, /unhandled trap 14 .*0xff000000/],
    ['bad-hypercall', 102, /hypercall 99/],
    ['bad-pte', 102, /bad page table entry 0xfffff067/],
    ['bad-idt', 102, /bad IDT type 5 for vector 32/],
  ])('crash %s ends with status %i', async (kind, status, message) => {
    const { exit } = await session([`crash ${kind}`]);
    expect(exit.status).toBe(status);
    expect(exit.message).toMatch(message);
  });

  it('reboot boots again', async () => {
    // what is typed before the reboot goes down with the kernel that read it
    let text = '';
    const vm = await bootGuest({
      memory: 16 * MIB, virtualTime: SLOW, timeout: PATIENCE, input: 'echo first\nreboot\n',
      onConsole: (bytes) => { text += new TextDecoder().decode(bytes); },
      onRestart: () => { void vm.console.write('echo second\npoweroff\n'); },
    });
    const exit = await vm.exit;
    const stats = vm.stats();
    expect(text.match(/lguest demo kernel/g)).toHaveLength(2);
    expect(text).toMatch(/first\n.*lguest demo kernel.*second\n/s);
    expect(stats.boots).toBe(2);
    expect(exit.status).toBe(0);
  });

  it('waits quietly when nobody types any more', async () => {
    const { exit } = await session(['echo done']);
    expect(exit.reason).toBe('stuck');
  });
});

describe('memory', () => {
  it.each([4, 5, 64, 1024])('of %i MiB will do', async (mebibytes) => {
    const { text, exit } = await session(['bench fork', 'mem', 'poweroff'], { memory: mebibytes * MIB });
    expect(answer(text, 'mem')).toContain(`${mebibytes * 1024} KiB`);
    expect(exit.status).toBe(0);
  });

  it('comes back from processes that have ended', async () => {
    const { text } = await session(['mem', 'bench fork', 'bench fault', 'fault stack', 'mem', 'bench fork', 'fault stack', 'mem', 'poweroff']);
    const free = [...text.matchAll(/^free +(\d+) KiB$/gm)].map(([, value]) => Number(value));
    expect(free).toHaveLength(3);
    expect(free[2]).toBe(free[1]);
    expect(free[0]! - free[1]!).toBeLessThan(64);
  });
});

describe('virtual time', () => {
  it('makes two runs the same run', async () => {
    const lines = ['ps', 'spin &', 'bench', 'sleep 0.5', 'ps', 'cat counters', 'poweroff'];
    const [first, second] = [await session(lines), await session(lines)];
    expect(second.text).toBe(first.text);
    expect(second.stats).toEqual(first.stats);
  });
});
