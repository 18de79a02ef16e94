/*
 * The built-in Guest from end to end: its kernel, the Host, the devices and the Launcher together, talked to through the
 * console as a user would.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { answer, MIB, session } from './demo-session.test-support.js';

describe.each(['reference', 'interpreter', 'jit'] as const)('a short session on the %s engine', (engine) => {
  let made: Awaited<ReturnType<typeof session>>;
  beforeAll(async () => {
    const lines = ['echo hello-from-guest', 'ps', 'mem', 'irq', 'cat cmdline', 'cat devices', 'help', 'nonsense', 'fault null', 'time sleep 2.25', 'poweroff'];
    made = await session(lines, { engine, commandLine: 'quiet colour=green', rng: true });
  });

  it('boots, answers and powers off', () => {
    const { text, exit } = made;
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
    expect(answer(text, 'fault null')).toMatch(/^\[\d+ fault\] killed: page fault at 0x00000000/);
  });

  it('asks for everything as lguest\'s interface says, and its system calls do not bother the Host', () => {
    const { host } = made.stats;
    expect(host.directTraps['vector 128']).toBeGreaterThan(50);
    expect(host.hypercalls).toMatchObject({ LGUEST_INIT: 1, NEW_PGTABLE: 1, SHUTDOWN: 1 });
    expect(host.asyncHypercalls).toHaveProperty('SET_STACK');
    expect(host.asyncHypercalls).toHaveProperty('LOAD_TLS');
  });

  it('knows what time it is, and sleeps when there is nothing to do', () => {
    const seconds = Number(/real (\S+) s/.exec(answer(made.text, 'time sleep 2.25'))![1]);
    expect(seconds).toBeGreaterThanOrEqual(2.24);
    expect(seconds).toBeLessThan(2.3);
    expect(made.stats.host.hypercalls.HALT).toBeLessThan(40);
  });
});

describe('processes', () => {
  it('are kept apart: a mistake ends one of them', async () => {
    const { text, exit, stats } = await session(
      ['fault null', 'fault kernel', 'fault privileged', 'fault divide', 'fault stack', 'kill 2', 'echo still here', 'cat counters', 'poweroff'],
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

  it('share the CPU when they do not give it up', async () => {
    const { text, exit } = await session(['spin &', 'spin &', 'sleep 1', 'ps', 'kill 3', 'kill 4', 'sleep 0.1', 'ps', 'kill 1', 'kill 99', 'poweroff']);
    const rows = answer(text, 'ps').split('\n').filter((row) => row.endsWith(' spin'));
    expect(rows).toHaveLength(2);
    const times = rows.map((row) => Number(row.trim().split(/\s+/)[3]));
    // two of them for a second, less what the others needed
    for (const time of times) expect(time).toBeGreaterThan(400);
    expect(Math.abs(times[0]! - times[1]!)).toBeLessThan(60);
    expect(text.slice(text.lastIndexOf('$ ps'))).not.toMatch(/ spin\n/);
    expect(text).toContain('[3] done\n');
    expect(text).toContain('[4] done\n');
    expect(answer(text, 'kill 1')).toBe('kill: cannot end process 1\n');
    expect(answer(text, 'kill 99')).toBe('kill: cannot end process 99\n');
    expect(exit.status).toBe(0);
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

describe('bench', () => {
  it('prints what things cost, and a direct system call costs least', async () => {
    const { text } = await session(['bench', 'poweroff']);
    const rows = [...answer(text, 'bench').matchAll(/^BENCH (\w+) (\d+) ns$/gm)].map(([, name, value]) => [name!, Number(value)] as const);
    expect(rows.map(([name]) => name)).toEqual(['syscall', 'reflect', 'fault', 'switch', 'fork', 'irq']);
    const costs = new Map(rows);
    for (const [, value] of rows) expect(value).toBeGreaterThan(0);
    expect(costs.get('syscall')! * 3).toBeLessThan(costs.get('reflect')!);
  });

  it('is reflected both ways when direct traps are off; nothing else is seen of that', async () => {
    const { text, stats } = await session(['echo hi', 'bench syscall', 'poweroff'], { directTraps: false });
    expect(answer(text, 'echo hi')).toBe('hi\n');
    expect(answer(text, 'bench syscall')).toMatch(/^BENCH syscall \d+ ns\n$/);
    expect(stats.host.directTraps).toEqual({});
    expect(stats.host.reflectedTraps['vector 128']).toBeGreaterThan(1000);
  });
});
