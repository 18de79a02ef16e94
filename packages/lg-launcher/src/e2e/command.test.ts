/*
 * The `lguest` command, with pipes at both ends, on the built-in Guest.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { runCommand } from './run-command.test-support.js';

let folder: string;
beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'lguest-e2e-')); });
afterEach(() => { vi.unstubAllEnvs(); });
afterAll(() => { rmSync(folder, { recursive: true }); });

describe('lguest run', () => {
  it('reads piped input as it comes, and ends with the status of the Guest', async () => {
    const good = await runCommand(['run'], 'echo hello-from-guest\nps\npoweroff\n');
    expect(good).toMatchObject({ status: 0, stderr: '' });
    expect(good.stdout).toContain('\nhello-from-guest\n');
    const bad = await runCommand(['run'], 'crash bad-hypercall\n');
    expect(bad.status).toBe(102);
    expect(bad.stderr).toMatch(/^lguest: the Host killed the Guest: bad hypercall 99.*\n$/);
    const panic = await runCommand(['run'], 'crash kernel-page-fault\n');
    expect(panic.status).toBe(101);
    expect(panic.stderr).toMatch(/^lguest: the Guest panicked: Kernel panic: page fault .*\n$/);
  });

  it('makes two runs in virtual time the same, counters and all', async () => {
    const run = async (name: string) => {
      const stats = join(folder, name);
      const done = await runCommand(['run', '--virtual-time', '--rng', '--stats', stats], 'cat random\nps\nspin &\nsleep 0.1\nps\ncat counters\npoweroff\n');
      expect(done.status).toBe(0);
      return { ...done, stats: readFileSync(stats, 'utf8') };
    };
    const first = await run('a');
    expect(await run('b')).toEqual(first);
    expect(first.stdout).toMatch(/ spin\n.*clock ticks/s);
    expect(JSON.parse(first.stats)).toMatchObject({ boots: 1, virtualTime: true, exit: { status: 0 } });
  });

  it('stops when the expected text was printed', async () => {
    expect(await runCommand(['run', '--expect', 'Type help', '--timeout', '60'], '')).toMatchObject({ status: 0, stderr: '' });
  });

  it('stops when time is up, or when nothing could ever happen any more', async () => {
    const late = await runCommand(['run', '--expect', 'never', '--timeout', '0.2', '--virtual-time'], 'spin\n');
    expect(late).toMatchObject({ status: 124, stderr: 'lguest: the Guest did not end within 0.2 seconds\n' });
    const stuck = await runCommand(['run', '--expect', 'never', '--virtual-time'], '');
    expect(stuck.status).toBe(124);
    expect(stuck.stderr).toContain('nothing could ever wake it');
  });

  it('writes a trace', async () => {
    const trace = join(folder, 'trace');
    await runCommand(['run', '--virtual-time', '--trace', trace], 'poweroff\n');
    expect(readFileSync(trace, 'utf8')).toMatch(/^\d+\.\d{6} LGT trap 14 err .*\n(.*\n)*\d+\.\d{6} LGT hc 2 /);
  });

  it('keeps what was compiled of it when a Guest has run, not before', async () => {
    const cache = join(folder, 'cache');
    const kept = (): number => (existsSync(cache) ? readdirSync(cache, { recursive: true }).filter((name) => String(name).endsWith('.code')).length : 0);
    vi.stubEnv('NODE_COMPILE_CACHE', cache);
    vi.stubEnv('NODE_DISABLE_COMPILE_CACHE', '');
    expect(await runCommand(['run', '--help'], '')).toMatchObject({ status: 0, stderr: '' });
    expect((await runCommand(['run', join(folder, 'no kernel')], '')).status).not.toBe(0);
    expect(kept()).toBe(0);
    for (let start = 0; start < 2; start++) {
      expect(await runCommand(['run'], 'poweroff\n')).toMatchObject({ status: 0, stderr: '' });
      expect(kept()).toBe(1);
    }
  });
});
