/*
 * Profiles: of the built-in Guest, whose work is known, and files with names that are not as they should be.
 */
import { buildDemoKernel } from '@lguest/lg-guest';
import { describe, expect, it } from 'vitest';
import { session } from '../e2e/demo-session.test-support.js';
import { formatProfile } from './formats.js';
import { GuestProfiler } from './profiler.js';
import { readSymbols } from './symbols.js';

const text = (source: string): Uint8Array => new TextEncoder().encode(source);
const map = text('c1000000 T start_kernel\nc1000100 t helper\nc1000080 D some_data\nc1000200 W weak\n00000010 A absolute\nnot a line\n');

describe('a profile of the built-in Guest', () => {
  const symbols = readSymbols(buildDemoKernel());

  it('tells where it worked, and who called', async () => {
    const profiler = new GuestProfiler(1009);
    const { exit, stats } = await session(['ps', 'spin &', 'sleep 1', 'poweroff'], { profiler });
    expect(exit.reason).toBe('poweroff');
    const stacks = formatProfile(profiler, symbols, 'profile.txt', 'a Guest').trimEnd().split('\n');
    // the program that spins has the CPU nearly all the time
    expect(stacks[0]).toMatch(/^user;.*spin.* \d+$/i);
    expect(stacks.some((stack) => /^kernel;high;main;/.test(stack))).toBe(true);
    expect(stacks.some((stack) => /^kernel;syscallDirect;sys\w+;\w+/.test(stack))).toBe(true);
    const total = stacks.reduce((sum, stack) => sum + Number(stack.slice(stack.lastIndexOf(' '))), 0);
    expect(Math.abs(total - stats.ticks)).toBeLessThanOrEqual(profiler.period);
  });

  it('is the same each time in virtual time, and does not change the run', async () => {
    const lines = ['ps', 'sleep 0.1', 'poweroff'];
    const profilers = [new GuestProfiler(), new GuestProfiler()] as const;
    const runs = [await session(lines), await session(lines, { profiler: profilers[0] }), await session(lines, { profiler: profilers[1] })];
    expect(profilers[0].entries.length).toBeGreaterThan(3);
    expect(profilers[1].entries).toEqual(profilers[0].entries);
    for (const run of runs) expect(run.text).toBe(runs[0]!.text);
  });
});

describe('files', () => {
  /** A profiler that has looked at a Guest which is nothing but its registers. */
  function lookedAt(...eips: number[]): GuestProfiler {
    const profiler = new GuestProfiler(100);
    const nowhere = { cpl: 0, esp: 0x1000, regs: new Int32Array(8), peek32: () => undefined };
    eips.forEach((eip, i) => profiler.ran(100 * (i + 1), { ...nowhere, eip } as never));
    return profiler;
  }

  it('name code by a System.map, and by pages what that does not name', () => {
    const profiler = lookedAt(0xc100_0000, 0xc100_0104, 0xc100_01ff, 0x0804_8123);
    expect(formatProfile(profiler, readSymbols(map), 'p.folded', 'x')).toBe('kernel;helper 200\nkernel;start_kernel 100\nkernel;0x08048000 100\n');
  });

  it('are speedscope\'s when they end in .json', () => {
    const file = JSON.parse(formatProfile(lookedAt(0xc100_0104, 0xc100_0108, 0xc100_0200), readSymbols(map), 'p.speedscope.json', 'x'));
    expect(file.$schema).toBe('https://www.speedscope.app/file-format-schema.json');
    expect(file.shared.frames).toEqual([{ name: 'kernel' }, { name: 'helper' }, { name: 'weak' }]);
    expect(file.profiles).toEqual([{ type: 'sampled', name: 'x, by instructions', unit: 'none', startValue: 0, endValue: 300, samples: [[0, 1], [0, 2]], weights: [200, 100] }]);
  });

  it('count a look for each period that has passed', () => {
    const profiler = lookedAt();
    expect(profiler.due(30)).toBe(70);
    profiler.ran(99, undefined as never);
    expect(profiler.due(99)).toBe(1);
    profiler.ran(350, { cpl: 3, esp: 0, regs: new Int32Array(8), eip: 5, peek32: () => undefined } as never);
    expect(profiler.entries).toEqual([{ user: true, addresses: [5], looks: 3 }]);
    expect(profiler.due(350)).toBe(50);
  });
});

describe('names', () => {
  it('come from an ELF file', () => {
    const symbols = readSymbols(buildDemoKernel());
    expect(symbols.size).toBeGreaterThan(200);
    expect(symbols.nameAt(0xc010_0000)).toBe('entry');
    expect(symbols.nameAt(0x10)).toBeUndefined();
  });

  it('are not there in files cut short, without sections, or of another sort', () => {
    const kernel = buildDemoKernel();
    for (let length = 4; length < kernel.length; length += 1 + (length >> 1)) expect(readSymbols(kernel.subarray(0, length)).nameAt(0xc010_0000)).toBeUndefined();
    expect(readSymbols(text('#!/bin/sh\n')).size).toBe(0);
    expect(readSymbols(new Uint8Array(0)).size).toBe(0);
  });
});
