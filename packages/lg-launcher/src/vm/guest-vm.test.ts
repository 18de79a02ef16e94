/*
 * Whole Guests, tiny ones: a few hypercalls in machine code, under the real Host on the real CPU.
 */
import {
  LHCALL_HALT, LHCALL_LGUEST_INIT, LHCALL_NOTIFY, LHCALL_SET_CLOCKEVENT, LHCALL_SHUTDOWN, SHUTDOWN_POWEROFF, SHUTDOWN_RESTART,
} from '@lguest/lg-host/abi';
import { describe, expect, it } from 'vitest';
import { LauncherError } from '../error.js';
import { DATA_ADDRESS, elfImage, hypercall, LOOP, stringAt, tinyKernel } from '../loader/images.test-support.js';
import { bootGuest } from './boot.js';
import type { BootOptions } from './options.js';

const MIB = 1 << 20;
const INIT = hypercall(LHCALL_LGUEST_INIT, DATA_ADDRESS);

function boot(code: readonly number[], strings: readonly string[] = [], options: BootOptions = {}) {
  return bootGuest({ kernel: tinyKernel(code, strings), kernelName: 'tiny', memory: 4 * MIB, ...options });
}

async function printed(vm: Awaited<ReturnType<typeof boot>>): Promise<string> {
  let text = '';
  for await (const piece of vm.console.text()) text += piece;
  return text;
}

const say = (n: number) => hypercall(LHCALL_NOTIFY, stringAt(n));
const powerOff = (n: number) => hypercall(LHCALL_SHUTDOWN, stringAt(n), SHUTDOWN_POWEROFF);

describe('a Guest', () => {
  it('prints early and powers off', async () => {
    const vm = await boot([...INIT, ...say(0), ...say(1), ...powerOff(2)], ['Hello, ', 'world\n', 'Power down']);
    expect(await printed(vm)).toBe('Hello, world\n');
    expect(await vm.exit).toEqual({ reason: 'poweroff', status: 0, message: 'Power down' });
    expect(vm.stats()).toMatchObject({ boots: 1, host: { hypercalls: { NOTIFY: 2, SHUTDOWN: 1, LGUEST_INIT: 1 } } });
  });

  it('panics when its last words are other ones', async () => {
    const vm = await boot([...INIT, ...powerOff(0)], ['Attempted to kill init!\n']);
    expect(await vm.exit).toEqual({ reason: 'panic', status: 101, message: 'Attempted to kill init!' });
  });

  it('is killed for what no Guest may do, with the reason', async () => {
    const vm = await boot([...INIT, ...hypercall(99)]);
    const exit = await vm.exit;
    expect(exit).toMatchObject({ reason: 'killed', status: 102 });
    expect(exit.message).toMatch(/99/);
  });

  it('that was not built for lguest dies early, and the reason says so', async () => {
    const vm = await boot([0x0f, 0x01, 0x15, 0, 0, 0, 0]); // lgdt
    const exit = await vm.exit;
    expect(exit.status).toBe(102);
    expect(exit.message).toContain('CONFIG_LGUEST_GUEST');
  });

  it('that dies before it has printed, with hardly any memory, may have too little', async () => {
    const tight = await boot([...INIT, ...hypercall(99)]);
    expect((await tight.exit).message).toMatch(/; it had printed nothing yet, and has only 4 MiB: .*\(--memory 18M\)$/);
    const roomy = await boot([...INIT, ...hypercall(99)], [], { memory: 32 * MIB });
    expect((await roomy.exit).message).toMatch(/^bad hypercall 99[^;]*$/);
    const talkative = await boot([...INIT, ...say(0), ...hypercall(99)], ['a']);
    expect((await talkative.exit).message).toMatch(/^bad hypercall 99[^;]*$/);
  });

  it('is killed for a NOTIFY outside its memory', async () => {
    const vm = await boot([...INIT, ...hypercall(LHCALL_NOTIFY, 0x8000_0000)]);
    expect(await vm.exit).toMatchObject({ status: 102, message: expect.stringContaining('0x80000000') as string });
  });

  it('restarts as often as it likes, with fresh memory', async () => {
    // count in guest memory: a fresh boot finds 0 again, so it restarts for ever
    const restart = hypercall(LHCALL_SHUTDOWN, stringAt(1), SHUTDOWN_RESTART);
    const messages: string[] = [];
    const vm = await boot([...INIT, ...say(0), ...restart], ['boot!', 'Restarting'], {
      onRestart: (message) => { messages.push(message); },
      expect: 'boot!boot!boot!',
    });
    expect(await vm.exit).toMatchObject({ reason: 'expected', status: 0 });
    expect(messages).toEqual(['Restarting', 'Restarting']);
    expect(vm.stats().boots).toBe(3);
  });

  it('that runs for ever is stopped by a timeout', async () => {
    const vm = await boot([...INIT, ...LOOP], [], { timeout: 0.1 });
    expect(await vm.exit).toMatchObject({ reason: 'timeout', status: 124 });
  });

  it('that runs for ever is stopped by stop(), and by a signal', async () => {
    const first = await boot([...INIT, ...LOOP]);
    expect(await first.stop()).toMatchObject({ reason: 'stopped', status: 130 });
    const controller = new AbortController();
    const second = await boot([...INIT, ...LOOP], [], { signal: controller.signal });
    setTimeout(() => controller.abort(), 20);
    expect(await second.exit).toMatchObject({ reason: 'stopped' });
    await expect(boot(LOOP, [], { signal: AbortSignal.abort() })).rejects.toThrow();
  });

  it('that sleeps for ever is stopped, too', async () => {
    const vm = await boot([...INIT, ...hypercall(LHCALL_HALT)]);
    setTimeout(() => void vm.stop(), 20);
    expect(await vm.exit).toMatchObject({ reason: 'stopped' });
  });

  it('that nothing could ever wake is found out when its input ends', async () => {
    const vm = await boot([...INIT, ...hypercall(LHCALL_HALT)]);
    setTimeout(() => vm.console.end(), 20);
    expect(await vm.exit).toMatchObject({ reason: 'stuck', status: 124 });
  });

  it('does not keep the event loop from others', async () => {
    const vm = await boot([...INIT, ...LOOP]);
    let turns = 0;
    const timer = setInterval(() => { turns++; }, 1);
    await new Promise((resolve) => setTimeout(resolve, 300));
    clearInterval(timer);
    await vm.stop();
    expect(turns).toBeGreaterThan(5);
  });
});

describe('virtual time', () => {
  const seconds = 3;
  // sleep with the clock event set: the interrupt has no handler, so it stays pending and the Guest sleeps on
  const sleeper = [...INIT, ...hypercall(LHCALL_SET_CLOCKEVENT, 1e9), ...LOOP];

  it('passes with instructions, and ends at the timeout exactly', async () => {
    const vm = await boot(sleeper, [], { virtualTime: { start: 0n, nanosecondsPerTick: 1000 }, timeout: seconds });
    expect(await vm.exit).toMatchObject({ reason: 'timeout' });
    const { clock, wallMilliseconds } = vm.stats();
    expect(BigInt(clock!)).toBeGreaterThanOrEqual(BigInt(seconds) * 1_000_000_000n);
    expect(wallMilliseconds).toBeUndefined();
  });

  it('jumps while the Guest sleeps', async () => {
    const started = performance.now();
    const vm = await boot([...INIT, ...hypercall(LHCALL_SET_CLOCKEVENT, 4e9), ...hypercall(LHCALL_HALT), ...LOOP], [], {
      virtualTime: { start: 0n }, timeout: 3600, input: '',
    });
    setTimeout(() => void vm.stop(), 200);
    await vm.exit;
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(BigInt(vm.stats().clock!)).toBeGreaterThanOrEqual(4_000_000_000n);
  });

  it('makes two runs the same, to the last counter', async () => {
    const run = async () => {
      const vm = await boot([...INIT, ...say(0), ...hypercall(LHCALL_SET_CLOCKEVENT, 5000), ...say(1), ...powerOff(2)], ['a', 'b', 'Power down'], {
        virtualTime: true,
      });
      vm.console.end();
      const text = await printed(vm);
      await vm.exit;
      return { text, stats: JSON.stringify(vm.stats()) };
    };
    const [first, second] = [await run(), await run()];
    expect(second).toEqual(first);
    expect(first.text).toBe('ab');
  });
});

describe('bootGuest()', () => {
  it.each([0, 1024, 3 * MIB, 4 * MIB + 1, 4096 * MIB, Number.NaN])('refuses %d bytes of memory', async (memory) => {
    await expect(bootGuest({ kernel: elfImage(), memory })).rejects.toThrow(/out of range/);
  });

  it('names the CPUs there are', async () => {
    await expect(bootGuest({ kernel: elfImage(), cpu: '8086' as never })).rejects.toThrow(/There is no CPU "8086"; choose one of 486, pentium,/);
  });

  it('rejects what cannot be loaded, with a LauncherError', async () => {
    await expect(bootGuest({ kernel: new Uint8Array(3), kernelName: 'x' })).rejects.toBeInstanceOf(LauncherError);
  });

  it('tells trace events with the time', async () => {
    const seen: string[] = [];
    const vm = await boot([...INIT, ...powerOff(0)], ['Power down'], { onTrace: (event) => { seen.push(event.type); } });
    await vm.exit;
    expect(seen).toContain('hypercall');
    expect(seen).toContain('exit');
  });
});

describe('the time-stamp counter in virtual time', () => {
  const RDTSC = [0x0f, 0x31];
  const addressOf = (n: number) => [n & 0xff, (n >>> 8) & 0xff, (n >>> 16) & 0xff, n >>> 24];
  // rdtsc; mov esi, eax; nop × 50; rdtsc; sub eax, esi; store it where the string is; print the string
  const code = [
    ...INIT, ...RDTSC, 0x89, 0xc6, ...Array<number>(50).fill(0x90), ...RDTSC, 0x29, 0xf0,
    0xa3, ...addressOf(stringAt(0)), ...say(0), ...powerOff(1),
  ];

  it.each(['reference', 'interpreter'] as const)('counts nanoseconds of instructions exactly (%s)', async (engine) => {
    const vm = await boot(code, ['....', 'Power down'], { engine, virtualTime: { start: 0n, nanosecondsPerTick: 1 } });
    // rdtsc, mov, 50 times nop: 52 instructions from one reading to the other, which is a "4" and then a zero byte
    expect(await printed(vm)).toBe(String.fromCharCode(52));
  });
});
