import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeDescriptor, DescriptorTable, formatSelector, formatTable, PSEUDO_DESCRIPTOR_BYTES, readLongPseudoDescriptor,
  readPseudoDescriptor, writeLongPseudoDescriptor, writePseudoDescriptor,
} from './index.js';

function table(...pairs: [number, number][]): DescriptorTable {
  const made = new DescriptorTable(new DataView(new ArrayBuffer(pairs.length * 8)));
  pairs.forEach(([lo, hi], index) => { made.set(index, lo, hi); });
  return made;
}

describe('DescriptorTable', () => {
  it('looks through a view, wherever that begins', () => {
    const memory = new ArrayBuffer(64);
    const view = new DataView(memory, 8);
    const gdt = new DescriptorTable(view, { byteOffset: 16, byteLength: 24 });
    gdt.set(1, 0xffff, 0x00cf9b00);
    expect([...new Uint8Array(memory, 32, 8)]).toEqual([0xff, 0xff, 0, 0, 0, 0x9b, 0xcf, 0]);
    expect(gdt.length).toBe(3);
    expect([gdt.lo(1), gdt.hi(1)]).toEqual([0xffff, 0x00cf9b00]);
    expect(gdt.get(1)).toMatchObject({ kind: 'code', limit: 0xffff_ffff, big: true });
    gdt.put(2, { ...gdt.get(1), dpl: 1 });
    expect(gdt.hi(2)).toBe(0x00cfbb00);
    expect([...gdt].map(({ kind }) => kind)).toEqual(['reserved', 'code', 'code']);
  });

  it('does not count a last entry that is not whole', () => {
    const view = new DataView(new ArrayBuffer(32));
    expect(new DescriptorTable(view, { byteLength: 31 }).length).toBe(3);
    expect(new DescriptorTable(view, { byteLength: 7 }).length).toBe(0);
  });

  it('holds sixteen-byte descriptors, alone and among others', () => {
    const words = [0x3000206f, 0x00008b00, 0xfffffe00, 0] as const;
    const gdt = table([0, 0], [0xffff, 0x00af9b00], [words[0], words[1]], [words[2], words[3]]);
    const tss = gdt.getLong(2);
    expect(tss).toMatchObject({ kind: 'tss64', base: 0xfffffe0000003000n, limit: 0x206f, busy: true });
    const idt = new DescriptorTable(new DataView(new ArrayBuffer(32)), { entryBytes: 16 });
    expect(idt.length).toBe(2);
    idt.putLong(1, tss);
    expect(idt.getLong(1)).toEqual(tss);
    expect(idt.view.getUint32(16 + 8, true)).toBe(0xfffffe00);
    expect(() => gdt.getLong(3)).toThrowError(expect.objectContaining({ code: 'outside-table' }));
  });

  it.each([-1, 3, 0.5, Number.NaN, 2 ** 32])('refuses entry %s of three', (index) => {
    const gdt = table([0, 0], [0, 0], [0, 0]);
    for (const use of [() => gdt.lo(index), () => gdt.hi(index), () => gdt.set(index, 0, 0), () => gdt.get(index), () => gdt.getLong(index)]) {
      expect(use).toThrowError(expect.objectContaining({ code: 'outside-table' }));
    }
  });

  it('refuses a table longer than the view', () => {
    const view = new DataView(new ArrayBuffer(32));
    for (const options of [{ byteLength: 33 }, { byteOffset: 33 }, { byteOffset: -8 }, { byteOffset: 16, byteLength: 24 }]) {
      expect(() => new DescriptorTable(view, options)).toThrowError(expect.objectContaining({ code: 'bad-table' }));
    }
  });
});

describe('formatTable', () => {
  it('prints what a kernel developer wants to see', () => {
    const gdt = table([0, 0], [0xffff, 0x00cf9b00], [0xffff, 0x00cf1300], [0, 0], [0, 0], [0, 0], [0x94c0206b, 0xc100892c], [0, 0]);
    expect(formatTable(gdt, { names: { 0: 'null', 1: 'kernel code' } })).toBe([
      '0000 [0]: undefined type 0 dpl 0 NOT PRESENT  — null',
      '0008 [1]: code32 00000000+ffffffff read accessed dpl 0  — kernel code',
      '0010 [2]: data32 00000000+ffffffff write accessed dpl 0 NOT PRESENT',
      '0018 [3] … 0028 [5]: empty',
      '0030 [6]: tss32 c12c94c0+0000206b available dpl 0',
      '0038 [7]: empty',
      '',
    ].join('\n'));
  });

  it('numbers the IDT by vector', () => {
    const idt = table([0x0060c740, 0xc1238e00], [0, 0], [0x0060c020, 0xc123ef00]);
    expect(formatTable(idt, { table: 'idt', names: { 0: 'divide error' } })).toBe([
      '00: interrupt gate32 → 0060:c123c740 dpl 0  — divide error',
      '01: empty',
      '02: trap gate32 → 0060:c123c020 dpl 3',
      '',
    ].join('\n'));
  });

  it('prints the IDT of a 64-bit system', () => {
    const idt = new DescriptorTable(new DataView(new ArrayBuffer(48)), { entryBytes: 16 });
    [0x0010fd00, 0x25658e00, 0xfffff807, 0].forEach((word, n) => { idt.view.setUint32(16 + 4 * n, word, true); });
    expect(formatTable(idt, { table: 'idt' })).toBe('00: empty\n01: interrupt gate64 → 0010:fffff8072565fd00 dpl 0\n02: empty\n');
  });

  it('prints any table', () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 0, maxLength: 128 }), fc.constantFrom(8 as const, 16 as const), (bytes, entryBytes) => {
      const any = new DescriptorTable(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), { entryBytes });
      const text = formatTable(any);
      expect(text).not.toMatch(/undefined(?! type)|NaN|null\b(?! dpl)(?!$)/);
      expect(text.split('\n').length).toBeLessThanOrEqual(any.length + 1);
    }));
  });

  it('says what selectors are', () => {
    expect(formatSelector(0x61)).toBe('0x61 gdt[12] ring 1');
    expect(formatSelector(0x0f)).toBe('0x0f ldt[1] ring 3');
    expect(formatSelector(3)).toBe('0x03 null');
  });
});

describe('pseudo-descriptors', () => {
  it('are read and written', () => {
    const view = new DataView(new ArrayBuffer(16));
    writePseudoDescriptor(view, 2, { limit: 0x3ff, base: 0x8003f000 });
    expect([...new Uint8Array(view.buffer, 2, PSEUDO_DESCRIPTOR_BYTES)]).toEqual([0xff, 0x03, 0x00, 0xf0, 0x03, 0x80]);
    expect(readPseudoDescriptor(view, 2)).toEqual({ limit: 0x3ff, base: 0x8003f000 });
    expect(readPseudoDescriptor(view, 2, 16)).toEqual({ limit: 0x3ff, base: 0x03f000 });
    writeLongPseudoDescriptor(view, 4, { limit: 0xfff, base: 0xfffffe0000000000n });
    expect(readLongPseudoDescriptor(view, 4)).toEqual({ limit: 0xfff, base: 0xfffffe0000000000n });
  });

  it('lose nothing', () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 10, maxLength: 10 }), (bytes) => {
      const from = new DataView(bytes.buffer, bytes.byteOffset, 10);
      const to = new DataView(new ArrayBuffer(10));
      writePseudoDescriptor(to, 0, readPseudoDescriptor(from));
      expect(new Uint8Array(to.buffer, 0, 6)).toEqual(bytes.slice(0, 6));
      writeLongPseudoDescriptor(to, 0, readLongPseudoDescriptor(from));
      expect(new Uint8Array(to.buffer)).toEqual(bytes);
    }));
  });

  it('stay inside the view', () => {
    const view = new DataView(new ArrayBuffer(9));
    expect(() => readPseudoDescriptor(view, 4)).toThrowError(expect.objectContaining({ code: 'outside-table' }));
    expect(() => readLongPseudoDescriptor(view, 0)).toThrowError(expect.objectContaining({ code: 'outside-table' }));
    expect(() => writePseudoDescriptor(view, 0, { limit: 0x1_0000, base: 0 })).toThrowError(expect.objectContaining({ code: 'out-of-range' }));
  });
});

it('a null descriptor is not present', () => {
  expect(decodeDescriptor(0, 0)).toEqual({ kind: 'reserved', type: 0, dpl: 0, present: false, reserved: { lo: 0, hi: 0 } });
});
