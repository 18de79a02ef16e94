import { describe, expect, it } from 'vitest';
import { buildDemoKernel, demoKernelInfo } from '../demo-kernel.js';
import { GuestBuildError } from '../error.js';
import { DEVICE_WINDOW, KERNEL_BASE, KERNEL_CODE, KERNEL_DATA, USER_CODE, USER_IMAGE } from '../layout.js';
import { embedKernel } from './embed.js';
import { labelsOf, link } from './assemble.js';
import { writeElf } from './elf.js';
import { assembleKernel } from './kernel.js';

const BASE = 0xc010_0000;
const word = (bytes: Uint8Array, at: number): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);

describe('the linker', () => {
  it('fills in absolute and relative addresses, within and across units', () => {
    const { bytes, symbols } = link(
      [
        { name: 'one', text: 'one:\n  call two\n  mov $inner+4, %eax\ninner: ret\n' },
        { name: 'two', text: 'two:\n  mov variable, %eax\n  jmp L0\nL0: jmp one\ntable: .long one, table, variable-16\n' },
      ],
      BASE,
      new Map([['variable', 0xc020_0000]]),
    );
    expect(symbols.get('one')).toBe(BASE);
    const two = symbols.get('two')! - BASE;
    expect(two % 16).toBe(0);
    expect([bytes[0], (word(bytes, 1) + 5) >>> 0]).toEqual([0xe8, two]);
    expect(word(bytes, 6)).toBe(symbols.get('inner')! + 4);
    expect(word(bytes, two + 2)).toBe(0xc020_0000);
    const table = symbols.get('table')! - BASE;
    expect([word(bytes, table), word(bytes, table + 4), word(bytes, table + 8)]).toEqual([BASE, BASE + table, 0xc01f_fff0]);
    // the jump back: its displacement counts from its end
    expect((table + word(bytes, table - 4)) | 0).toBe(0);
    // between units: int3
    expect(bytes[two - 1]).toBe(0xcc);
  });
  it('keeps private labels private', () => {
    expect(labelsOf({ name: 'u', text: 'a:\nL1: nop\n  b: ret\nL: ret' })).toEqual(['a', 'b', 'L']);
    expect(() => link([{ name: 'u', text: 'a: jmp L1\nL1: ret' }, { name: 'v', text: 'b: jmp L1\nL1: ret' }], BASE, new Map())).not.toThrow();
  });
  it.each([
    ['a: call nowhere', /u uses nowhere, which nobody defines/],
    ['a: frobnicate %eax', /u: .*frobnicate/],
    ['a: nop\na: nop', /already exists/],
    ['a: nop\n  mov %eax, %zz\n', /u: .*mov %eax, %zz/],
  ])('complains about %j', (text, message) => {
    expect(() => link([{ name: 'u', text }], BASE, new Map())).toThrow(GuestBuildError);
    expect(() => link([{ name: 'u', text }], BASE, new Map())).toThrow(message);
  });
  it('complains about a name that two units define', () => {
    expect(() => link([{ name: 'u', text: 'a: nop' }, { name: 'v', text: 'a: nop' }], BASE, new Map())).toThrow(/a is defined twice.*v/);
  });
});

describe('the ELF file', () => {
  it('has the fields a Launcher reads', () => {
    const file = writeElf(0x1234, [
      { physical: 0x1000, virtual: 0xc000_1000, bytes: Uint8Array.of(1, 2, 3), memoryBytes: 3, executable: true },
      { physical: 0x8000, virtual: 0xc000_8000, bytes: new Uint8Array(0), memoryBytes: 0x5000, executable: false },
    ]);
    const view = new DataView(file.buffer);
    expect([...file.subarray(0, 7)]).toEqual([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
    expect([view.getUint16(16, true), view.getUint16(18, true), word(file, 20), word(file, 24), word(file, 28)]).toEqual([2, 3, 1, 0x1234, 52]);
    expect([view.getUint16(40, true), view.getUint16(42, true), view.getUint16(44, true)]).toEqual([52, 32, 2]);
    const header = (i: number): number[] => Array.from({ length: 8 }, (_, field) => word(file, 52 + 32 * i + 4 * field));
    expect(header(0)).toEqual([1, 0x1000, 0xc000_1000, 0x1000, 3, 3, 5, 4096]);
    expect([...file.subarray(0x1000, 0x1003)]).toEqual([1, 2, 3]);
    expect(header(1)).toEqual([1, 0x2000, 0xc000_8000, 0x8000, 0, 0x5000, 6, 4096]);
  });
});

describe('the demo kernel', () => {
  const { elf, kernel, user, symbols, userSymbols } = assembleKernel();
  const at = (name: string): number => symbols.get(name)! - KERNEL_BASE - KERNEL_CODE;

  it('is the same every time, and whoever asks gets a copy', () => {
    expect(Buffer.compare(assembleKernel().elf, elf)).toBe(0);
    const copy = buildDemoKernel();
    expect(Buffer.compare(copy, elf)).toBe(0);
    copy.fill(0);
    expect(Buffer.compare(buildDemoKernel(), elf)).toBe(0);
  });

  it('is entered at the first instruction of its first segment, a physical address', () => {
    expect(word(elf, 24)).toBe(KERNEL_CODE);
    expect(symbols.get('entry')).toBe(KERNEL_BASE + KERNEL_CODE);
    expect(userSymbols.get('start')).toBe(USER_CODE);
  });

  it('names its functions', () => {
    const table = word(elf, 0x20) + 40; // the first section behind the empty one
    expect([word(elf, table + 4), word(elf, table + 24), word(elf, table + 36)]).toEqual([2, 2, 16]);
    const [offset, bytes, strings] = [word(elf, table + 16), word(elf, table + 20), word(elf, table + 40 + 16)];
    const found = new Map<string, number>();
    for (let at = offset + 16; at < offset + bytes; at += 16) {
      const name = strings + word(elf, at);
      found.set(Buffer.from(elf.subarray(name, elf.indexOf(0, name))).toString(), word(elf, at + 4));
    }
    for (const name of ['entry', 'trapStubs', 'lguestData']) expect(found.get(name)).toBe(symbols.get(name));
    expect(found.get('start')).toBe(USER_CODE);
  });

  it('stays in its places', () => {
    expect(KERNEL_CODE + kernel.bytes.length).toBeLessThanOrEqual(USER_IMAGE);
    expect(USER_IMAGE + user.bytes.length).toBeLessThanOrEqual(KERNEL_DATA);
    for (const name of ['kernelDirectory', 'bootTable', 'deviceTable', 'ioPage', 'kernelStacks']) expect(symbols.get(name)! % 4096).toBe(0);
    for (const [name, address] of symbols) if (!name.startsWith('bss')) expect(address, name).toBeLessThan(DEVICE_WINDOW);
    expect(KERNEL_DATA + symbols.get('bssBytes')!).toBeLessThan(demoKernelInfo.minimumMemory);
  });

  it('lets no interrupt in between the store to irq_enabled and the iret', () => {
    // mov %eax, %ss:lguestData; pop %eax; iret
    const data = symbols.get('lguestData')!;
    const range = [...kernel.bytes.subarray(at('noirqStart'), at('noirqEnd'))];
    expect(range).toEqual([0x36, 0x89, 0x05, data & 0xff, (data >>> 8) & 0xff, (data >>> 16) & 0xff, data >>> 24, 0x58, 0xcf]);
  });

  it('has a gate target for every exception and interrupt', () => {
    for (let vector = 0; vector < 64; vector++) {
      const target = word(kernel.bytes, at('trapStubs') + 4 * vector);
      expect(target).toBe(symbols.get(vector === 3 ? 'syscallReflected' : `trap${vector}`));
      // push $0 for those without an error code, push $vector
      const code = kernel.bytes.subarray(target - KERNEL_BASE - KERNEL_CODE);
      const pushed = vector === 3 || ![8, 10, 11, 12, 13, 14, 17].includes(vector) ? [0x6a, 0, 0x6a, vector] : [0x6a, vector];
      expect([...code.subarray(0, pushed.length)]).toEqual(pushed);
    }
  });
});

describe('the build', () => {
  it('puts the same bytes into the package', async () => {
    let load: (() => { contents: string }) | undefined;
    embedKernel.setup({
      onLoad: ({ filter }, callback) => {
        expect(filter.test('/somewhere/src/image.ts')).toBe(true);
        expect(filter.test('/somewhere/src/image/kernel.ts')).toBe(false);
        load = callback;
      },
    });
    const url = `data:text/javascript;base64,${btoa(load!().contents)}`;
    const module = (await import(/* @vite-ignore */ url)) as { kernelImage(): Uint8Array };
    expect(Buffer.compare(module.kernelImage(), buildDemoKernel())).toBe(0);
  });
});
