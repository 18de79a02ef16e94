/*
 * The built-in Guest, from its first instruction to its end, through the API and through the command.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseArguments } from '../cli/arguments.js';
import { scriptedConsole } from '../testing/script.js';
import { bootGuest } from '../vm/boot.js';
import type { BootOptions } from '../vm/options.js';
import { runCommand } from './run-command.test-support.js';

const PROMPT = /\n\$ $/;

async function conversation(options: BootOptions = {}) {
  const vm = await bootGuest({ timeout: 100, ...options });
  const talk = scriptedConsole(vm);
  await talk.waitFor('$ ');
  return { vm, talk };
}

describe('the built-in Guest', () => {
  it('answers, in wall-clock time, and powers off', async () => {
    const { vm, talk } = await conversation();
    expect(await talk.command('echo hello-from-guest', PROMPT)).toContain('\nhello-from-guest');
    expect(await talk.command('ps', PROMPT)).toContain('shell');
    talk.line('poweroff');
    expect(await vm.exit).toMatchObject({ reason: 'poweroff', status: 0 });
  });

  it('boots again at reboot', async () => {
    const { vm, talk } = await conversation({ virtualTime: true });
    talk.line('reboot');
    await talk.waitFor('demo kernel');
    await talk.waitFor('$ ');
    talk.line('poweroff');
    expect(await vm.exit).toMatchObject({ reason: 'poweroff' });
    expect(vm.stats().boots).toBe(2);
  });

  it.each<[string, number, RegExp]>([
    ['kernel-page-fault', 101, /page fault/],
    ['triple', 102, /fault/],
    ['bad-hypercall', 102, /bad hypercall/],
    ['bad-pte', 102, /bad page table entry/],
    ['bad-idt', 102, /bad IDT/],
  ])('dies of crash %s with status %i and a reason', async (command, status, reason) => {
    const { vm, talk } = await conversation({ virtualTime: true });
    talk.line(`crash ${command}`);
    const exit = await vm.exit;
    expect(exit.status).toBe(status);
    expect(exit.message).toMatch(reason);
  });

  it('runs on the reference engine as on the interpreter', async () => {
    const run = async (engine: 'reference' | 'interpreter') => {
      const vm = await bootGuest({ engine, virtualTime: true, input: 'echo hi\nps\npoweroff\n', timeout: 60 });
      vm.console.end();
      let text = '';
      for await (const piece of vm.console.text()) text += piece;
      expect(await vm.exit).toMatchObject({ reason: 'poweroff' });
      return { text, host: vm.stats().host };
    };
    expect(await run('reference')).toEqual(await run('interpreter'));
  });

  it('makes more exits without direct traps, and the same output', async () => {
    const run = async (directTraps: boolean) => {
      const vm = await bootGuest({ directTraps, virtualTime: true, input: 'echo hi\npoweroff\n', timeout: 60 });
      let text = '';
      for await (const piece of vm.console.text()) text += piece;
      return { text, host: vm.stats().host };
    };
    const [direct, reflected] = [await run(true), await run(false)];
    expect(reflected.text).toBe(direct.text);
    expect(direct.host.directTraps['vector 128']).toBeGreaterThan(10);
    expect(reflected.host.directTraps).toEqual({});
    expect(reflected.host.reflectedTraps['vector 128']).toBeGreaterThan(10);
  });
});

describe('the command', () => {
  let folder: string;
  beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'lguest-e2e-')); });
  afterAll(() => { rmSync(folder, { recursive: true }); });

  it('makes two runs in virtual time the same, counters and all', async () => {
    const run = async (name: string) => {
      const stats = join(folder, name);
      const done = await runCommand(['run', '--virtual-time', '--rng', '--stats', stats], 'echo one\nps\nsleep 1\nps\npoweroff\n');
      expect(done.status).toBe(0);
      return { ...done, stats: readFileSync(stats, 'utf8') };
    };
    const first = await run('a');
    expect(await run('b')).toEqual(first);
    expect(first.stdout).toContain('\none');
    expect(JSON.parse(first.stats)).toMatchObject({ boots: 1, virtualTime: true, exit: { status: 0 } });
  });

  it('reads piped input as it comes, and ends with the status of the Guest', async () => {
    const good = await runCommand(['run'], 'echo hello-from-guest\npoweroff\n');
    expect(good.status).toBe(0);
    expect(good.stdout).toContain('\nhello-from-guest');
    expect(good.stderr).toBe('');
    const bad = await runCommand(['run'], 'crash bad-hypercall\n');
    expect(bad.status).toBe(102);
    expect(bad.stderr).toMatch(/^lguest: the Host killed the Guest: bad hypercall/);
  });

  it('stops when the expected text was printed, or time is up', async () => {
    expect((await runCommand(['run', '--expect', 'Type help', '--timeout', '60'], '')).status).toBe(0);
    const late = await runCommand(['run', '--expect', 'never', '--timeout', '1', '--virtual-time'], 'spin\n');
    expect(late.status).toBe(124);
    expect(late.stderr).toContain('within 1 seconds');
    const stuck = await runCommand(['run', '--expect', 'never', '--virtual-time'], '');
    expect(stuck.status).toBe(124);
    expect(stuck.stderr).toContain('nothing could ever wake it');
  });

  it('writes a trace', async () => {
    const trace = join(folder, 'trace');
    await runCommand(['run', '--virtual-time', '--trace', trace], 'poweroff\n');
    expect(readFileSync(trace, 'utf8')).toMatch(/^\d+\.\d{6} LGT trap 14 err .*\n(.*\n)*\d+\.\d{6} LGT hc 2 /);
  });

  it.each<[string[], RegExp]>([
    [['run', 'no-such-kernel'], /^lguest: Cannot read the kernel no-such-kernel: there is no such file; .*\.\n$/],
    [['run', '--initrd', 'no-such-initrd'], /Cannot read the initrd no-such-initrd/],
    [['run', '--block', 'no-such-disk'], /Cannot open the disk no-such-disk/],
    [['run', '.'], /it is a directory/],
    [['run', '--stats', 'no/such/folder/x'], /Cannot write statistics/],
    [['64', 'no-such-kernel'], /Cannot read the kernel/],
  ])('%j ends with one sentence and status 2', async (argv, sentence) => {
    expect(parseArguments(argv, { out: () => {}, error: () => {} })).toHaveProperty('run');
    const done = await runCommand(argv, '');
    expect([done.status, done.stdout]).toEqual([2, '']);
    expect(done.stderr).toMatch(sentence);
    expect(done.stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});
