/*
 * In virtual time the engines are one computer. Whatever executes the instructions, the Guest prints the same bytes at the
 * same moments, and every counter of the Host, the shadow page tables and the devices ends with the same number; only what
 * the engine says about itself is its own. A single instruction retired too many or too few moves the clock, then a timer,
 * then everything: that makes a whole boot a sharp test.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EngineStatistics } from '@lguest/x86-core';
import type { VmStatistics } from '../vm/statistics.js';
import { session } from './demo-session.test-support.js';
import { initrd, kernel, linuxIsMissing } from './linux.test-support.js';
import { runCommand } from './run-command.test-support.js';

const ENGINES = ['reference', 'interpreter', 'jit'] as const;
type Engine = (typeof ENGINES)[number];
/** The reference takes its time. */
const MINUTES = 60_000;

/** What all engines must agree in. */
function shared({ cpu, ...rest }: VmStatistics): Omit<VmStatistics, 'cpu'> {
  return rest;
}

/** How often a region was compared with the reference engine. */
const comparisonsIn = (statistics: VmStatistics) => (statistics.cpu as EngineStatistics).regions.compared.regions;
const engineOf = (statistics: VmStatistics) => (statistics.cpu as { engine: Engine }).engine;

describe('the built-in Guest', () => {
  // faults, pre-emption, sleep, system calls in a loop: whatever ends a run of instructions
  const lines = ['ps', 'fault null', 'fault privileged', 'fault divide', 'spin &', 'sleep 0.05', 'kill 6', 'time sleep 2.25', 'cat counters', 'irq', 'poweroff'];

  it('is the same on every engine, to the last counter', async () => {
    const runs = [];
    for (const engine of ENGINES) runs.push(await session(lines, { engine, rng: true }));
    for (const [i, { text, exit, stats }] of runs.entries()) {
      expect(engineOf(stats)).toBe(ENGINES[i]);
      expect(exit.reason).toBe('poweroff');
      expect(text).toBe(runs[0]!.text);
      expect(shared(stats)).toEqual(shared(runs[0]!.stats));
    }
  }, 5 * MINUTES);

  it('is the same in lockstep, where each region is compared with the reference', async () => {
    const [plain, lockstep] = [await session(lines, { rng: true }), await session(lines, { rng: true, jit: { lockstep: true, hotAfter: 1 } })];
    expect(lockstep.text).toBe(plain.text);
    expect(shared(lockstep.stats)).toEqual(shared(plain.stats));
    expect(comparisonsIn(lockstep.stats)).toBeGreaterThan(1000);
  }, 5 * MINUTES);
});

describe.skipIf(linuxIsMissing('engines'))('Linux', () => {
  let folder: string;
  beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'lguest-engines-')); });
  afterAll(() => { rmSync(folder, { recursive: true }); });

  // processes and pipes, the file systems of the kernel, floating point, what the interrupts have counted
  const input = ['uname -a', 'ls -l /proc | head -20', 'seq 1 300 | sort -rn | md5sum', 'for i in 1 2 3 4 5; do (echo $i); done',
    'awk "BEGIN { for (i = 1; i < 50; i++) s += 1 / i; print s }"', 'dd if=/dev/hwrng bs=8 count=1 2>/dev/null | hexdump -C', 'sleep 1', 'cat /proc/interrupts /proc/stat', 'poweroff -f', ''].join('\n');

  async function boot(engine: Engine, ...options: string[]) {
    const stats = join(folder, engine);
    const done = await runCommand(
      ['run', '--engine', engine, ...options, '--virtual-time', '--rng', '--timeout', '60', '--stats', stats, '--initrd', initrd, kernel, '--', 'console=hvc0'], input,
    );
    return { ...done, statistics: JSON.parse(readFileSync(stats, 'utf8')) as VmStatistics };
  }

  it('is the same on every engine, to the last counter', async () => {
    const reference = await boot('reference');
    expect(reference).toMatchObject({ status: 0, stderr: '' });
    expect(reference.stdout).toContain('Power down');
    for (const engine of ['interpreter', 'jit'] as const) {
      const other = await boot(engine);
      expect(engineOf(other.statistics)).toBe(engine);
      expect(other.stdout).toBe(reference.stdout);
      expect(shared(other.statistics)).toEqual(shared(reference.statistics));
    }
  }, 20 * MINUTES);

  it('is the same in lockstep', async () => {
    const [plain, lockstep] = [await boot('jit'), await boot('jit', '--lockstep')];
    expect(lockstep).toMatchObject({ status: 0, stderr: '', stdout: plain.stdout });
    expect(shared(lockstep.statistics)).toEqual(shared(plain.statistics));
    expect(comparisonsIn(lockstep.statistics)).toBeGreaterThan(100_000);
  }, 20 * MINUTES);
});
