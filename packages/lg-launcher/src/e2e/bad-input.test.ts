/*
 * What a user can give the command that cannot work. Each time one sentence says which file, what is wrong with it and
 * what to do; the status is 2, or 102 where only running shows it; and the disks are as they were.
 */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { main } from '../cli/main.js';
import { bzImage, elfImage } from '../loader/images.test-support.js';
import { type Finished, runCommand } from './run-command.test-support.js';

const MIB = 1 << 20;
/** lgdt [0]: what a kernel does early that believes it owns the processor. */
const LGDT = Uint8Array.of(0x0f, 0x01, 0x15, 0, 0, 0, 0);
const ENTRY = elfImage().length - 1;

const files: Record<string, Uint8Array> = {
  'empty': new Uint8Array(0),
  'text': new TextEncoder().encode('#!/bin/sh\necho I am no kernel\n'),
  'short-vmlinux': elfImage({ code: new Uint8Array(5000) }).subarray(0, ENTRY + 100),
  'short-bzImage': bzImage({ payload: new Uint8Array(9000) }).subarray(0, 5000),
  'arm-vmlinux': elfImage({ machine: 40 }),
  'vmlinux64': elfImage({ elfClass: 2, machine: 62 }),
  'bzImage64': bzImage({ version: 0x020c, xloadflags: 1 }),
  'damaged-bzImage': bzImage({ version: 0x0208, checksum: 1 }),
  'big-vmlinux': elfImage({ memoryBytes: 40 * MIB }),
  'vmlinux': elfImage(),
  'native-vmlinux': elfImage({ code: LGDT }),
  'native-bzImage': bzImage({ payload: LGDT }),
  'big-initrd': new Uint8Array(20 * MIB),
  'tiny-disk': new Uint8Array(100),
};

let folder: string;
const named = (word: string): string => (word in files ? join(folder, word) : word);
const disk = (): string => join(folder, 'disk');
const DISK_BYTES = new Uint8Array(4096).fill(0x5a);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lguest-bad-'));
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
});
afterAll(() => { rmSync(folder, { recursive: true }); });

/** Run in this process: most of these end before anything begins. */
async function runHere(argv: readonly string[]): Promise<Finished> {
  const said = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) => vi.spyOn(process[name], 'write').mockImplementation((text) => {
    said[name] += String(text);
    return true;
  }));
  try {
    return { status: await main(argv), ...said };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

/** Run with a disk beside what is tried; check that it is left alone, and return what was said. */
async function attempt(words: readonly string[], run: (argv: readonly string[]) => Promise<Finished> = runHere) {
  writeFileSync(disk(), DISK_BYTES);
  const before = statSync(disk());
  const [first, ...rest] = words;
  const argv = first === 'run' ? ['run', '--block', disk(), ...rest] : [`--block=${disk()}`, ...words];
  const done = await run(argv.map(named));
  expect(new Uint8Array(readFileSync(disk()))).toEqual(DISK_BYTES);
  expect(statSync(disk()).mtimeMs).toBe(before.mtimeMs);
  expect(done.stdout).toBe('');
  expect(done.stderr).toMatch(/^lguest: [^\n]+\n$/);
  return done;
}

describe('status 2 and one sentence', () => {
  it.each<[string[], RegExp]>([
    [['run', 'no-such-kernel'], /Cannot read the kernel no-such-kernel: there is no such file; name a vmlinux or a bzImage, or none/],
    [['64', 'no-such-kernel'], /Cannot read the kernel no-such-kernel: there is no such file/],
    [['run', '.'], /Cannot read the kernel \.: it is a directory/],
    [['run', 'empty'], /empty is empty; copy or build it again/],
    [['run', 'text'], /text is neither an ELF vmlinux nor a bzImage .* give a kernel built with CONFIG_LGUEST_GUEST=y/],
    [['run', 'short-vmlinux'], /short-vmlinux is cut short: .*; copy or build it again/],
    [['run', 'short-bzImage'], /short-bzImage is cut short: .*; copy or build it again/],
    [['run', 'damaged-bzImage'], /damaged-bzImage is damaged: .*; copy or build it again/],
    [['run', 'arm-vmlinux'], /arm-vmlinux is an ELF file for another machine; lguest runs 32-bit x86 kernels/],
    [['run', 'vmlinux64'], /vmlinux64 is 64-bit; lguest runs 32-bit x86 kernels/],
    [['run', 'bzImage64'], /bzImage64 is a 64-bit kernel; lguest runs 32-bit x86 kernels/],
    [['run', '--memory', '32M', 'big-vmlinux'], /big-vmlinux needs memory up to 41 MiB and the Guest has 32 MiB; give it more \(--memory 57M\)/],
    [['run', '--memory', '16M', '--initrd', 'big-initrd', 'vmlinux'], /big-initrd \(20 MiB\) does not fit .* into 16 MiB; give the Guest more memory \(--memory \d+M\)/],
    [['run', '--initrd', 'no-such-initrd', 'vmlinux'], /Cannot read the initrd no-such-initrd: there is no such file; name an initial ramdisk/],
    [['run', '--memory', '3M'], /A memory size of 3M is out of range; give whole MiB from 4M to 3072M/],
    [['run', '--memory', '64G'], /A memory size of 65536M is out of range/],
    [['run', '--memory', 'plenty'], /"plenty" is no memory size; write 128M or 1G/],
    [['3', 'vmlinux'], /out of range/],
    [['run', '--block', 'no-such-disk'], /Cannot open the disk no-such-disk: there is no such file; give a disk image/],
    [['run', '--block', 'tiny-disk'], /tiny-disk has 100 bytes, less than a sector; give an image/],
    [['run', '--stats', 'no/such/folder/x'], /Cannot write statistics to no\/such\/folder\/x: there is no such file; name another file/],
    [['run', 'vmlinux', '--', 'x'.repeat(3000)], /command line has 3000 bytes; shorten it to at most 2047/],
  ])('%j', async (words, sentence) => {
    const done = await attempt(words);
    expect(done.status).toBe(2);
    expect(done.stderr).toMatch(sentence);
  });
});

describe('status 102 and one sentence', () => {
  it.each(['native-vmlinux', 'native-bzImage'])('for a kernel that was not built for lguest (%s)', async (name) => {
    const done = await attempt(['run', name], (argv) => runCommand(argv, ''));
    expect(done.status).toBe(102);
    expect(done.stderr).toMatch(new RegExp(`the Host killed the Guest \\S*${name}: unhandled trap 13 \\(general protection\\) at 0x10\\w+ .*does not seem to have lguest support \\(CONFIG_LGUEST_GUEST=y is needed\\)`));
  });
});
