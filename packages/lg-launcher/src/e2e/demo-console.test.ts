/*
 * The built-in Guest's devices: a console with a line editor, a disk, random numbers.
 */
import { describe, expect, it } from 'vitest';
import { memoryDisk } from '../disks/memory-disk.js';
import { scriptedConsole } from '../testing/script.js';
import { bootGuest } from '../vm/boot.js';
import { answer, MIB, PATIENCE, session, SLOW } from './demo-session.test-support.js';

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
    const talk = scriptedConsole(vm);
    talk.line('spin');
    await talk.waitFor('$ spin\n');
    setTimeout(() => void vm.console.write('\x03echo back\npoweroff\n'), 50);
    expect(await vm.exit).toMatchObject({ status: 0 });
    expect(talk.transcript).toMatch(/\$ spin\n\$ echo back\nback\n/);
  });

  it('answers in wall-clock time', async () => {
    const vm = await bootGuest({ timeout: PATIENCE });
    const talk = scriptedConsole(vm);
    await talk.waitFor('$ ');
    expect(await talk.command('time sleep 0.1', /\n\$ $/)).toMatch(/real 0\.[1-9]/);
    talk.line('poweroff');
    expect(await vm.exit).toMatchObject({ reason: 'poweroff', status: 0 });
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
