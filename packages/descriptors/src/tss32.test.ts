import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IO_BITMAP_BYTES, Tss32, TSS32_BYTES, type Tss32Field, Tss32Offset } from './index.js';

const word = fc.integer({ min: 0, max: 0xffff_ffff });

/** A TSS with a bitmap for all ports, everything denied. */
function withBitmap(bytes = IO_BITMAP_BYTES): Tss32 {
  const view = new DataView(new ArrayBuffer(TSS32_BYTES + bytes + 1));
  new Uint8Array(view.buffer).fill(0xff, TSS32_BYTES);
  const tss = new Tss32(view);
  tss.set('ioMapBase', TSS32_BYTES);
  return tss;
}

describe('Tss32', () => {
  it('has its fields where the processor looks', () => {
    const tss = new Tss32(new DataView(new ArrayBuffer(TSS32_BYTES)));
    tss.write({ esp1: 0xc1234000, ss1: 0x69, ioMapBase: 104, cr3: 0x1000, ldt: 0x88, trap: 1, gs: 0x33, eip: 0xc1000000 });
    expect(tss.view.getUint32(12, true)).toBe(0xc1234000);
    expect(tss.view.getUint16(16, true)).toBe(0x69);
    expect(tss.view.getUint32(28, true)).toBe(0x1000);
    expect(tss.view.getUint32(32, true)).toBe(0xc1000000);
    expect(tss.view.getUint16(92, true)).toBe(0x33);
    expect(tss.view.getUint16(96, true)).toBe(0x88);
    expect(tss.view.getUint16(100, true)).toBe(1);
    expect(tss.view.getUint16(102, true)).toBe(104);
    expect(tss.stack(1)).toEqual({ ss: 0x69, esp: 0xc1234000 });
    tss.setStack(2, { ss: 0x72, esp: 8 });
    expect([tss.get('ss2'), tss.get('esp2')]).toEqual([0x72, 8]);
  });

  it('reads what was written, and touches nothing else', () => {
    const names = Object.keys(Tss32Offset) as Tss32Field[];
    fc.assert(fc.property(fc.array(word, { minLength: 26, maxLength: 26 }), (words) => {
      const from = new Tss32(new DataView(Uint32Array.from(words).buffer));
      const to = new Tss32(new DataView(new ArrayBuffer(TSS32_BYTES)));
      to.write(from.read());
      for (const name of names) expect(to.get(name)).toBe(from.get(name));
      expect(to.view.getUint16(Tss32Offset.ss1 + 2, true), 'the reserved half beside a selector').toBe(0);
      const copy = new Tss32(new DataView(Uint32Array.from(words).buffer));
      copy.write(copy.read());
      expect(new Uint8Array(copy.view.buffer)).toEqual(new Uint8Array(from.view.buffer));
    }));
  });

  it('refuses segments that are too short, too long, and values that do not fit', () => {
    expect(() => new Tss32(new DataView(new ArrayBuffer(103)))).toThrowError(expect.objectContaining({ code: 'bad-table' }));
    expect(() => new Tss32(new DataView(new ArrayBuffer(104)), 0, 104)).toThrowError(expect.objectContaining({ code: 'bad-table' }));
    const tss = new Tss32(new DataView(new ArrayBuffer(104)));
    expect(() => tss.set('ss0', 0x1_0000)).toThrowError(expect.objectContaining({ code: 'out-of-range' }));
    expect(() => tss.set('esp0', -1)).toThrowError(expect.objectContaining({ code: 'out-of-range' }));
  });
});

describe('the I/O bitmap', () => {
  it('allows a port when its bit is 0, and a wide access when all bits are', () => {
    const tss = withBitmap();
    tss.setPort(0x3f8, true);
    tss.setPort(0x3f9, true);
    expect(tss.allowsPorts(0x3f8, 1)).toBe(true);
    expect(tss.allowsPorts(0x3f8, 2)).toBe(true);
    expect(tss.allowsPorts(0x3f8, 4)).toBe(false);
    expect(tss.allowsPorts(0x3f7, 1)).toBe(false);
    tss.setPort(0x3f8, false);
    expect(tss.allowsPorts(0x3f8, 1)).toBe(false);
  });

  it('reads two bytes, so the last port needs the byte behind the bitmap', () => {
    const tss = withBitmap();
    tss.setPort(0xffff, true);
    expect(tss.allowsPorts(0xffff, 1)).toBe(true);
    expect(tss.allowsPorts(0xffff, 2), 'the byte behind is all ones').toBe(false);
    const short = new Tss32(tss.view, 0, TSS32_BYTES + IO_BITMAP_BYTES - 1);
    expect(short.allowsPorts(0xffff, 1), 'the second byte lies behind the limit').toBe(false);
  });

  it('denies everything when it begins behind the limit, as Linux has it', () => {
    const tss = withBitmap(0);
    tss.set('ioMapBase', 0x8000);
    for (const port of [0, 0x80, 0xffff]) expect(tss.allowsPorts(port, 1)).toBe(false);
    expect(() => tss.setPort(0, true)).toThrowError(expect.objectContaining({ code: 'outside-table' }));
  });

  it('is that of a naive model', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(70), fc.boolean()), { maxLength: 60 }), fc.nat(70), fc.constantFrom(1 as const, 2 as const, 4 as const), (edits, port, count) => {
      const tss = withBitmap(9);
      const allowed = new Set<number>();
      for (const [n, yes] of edits) {
        tss.setPort(n, yes);
        if (yes) allowed.add(n); else allowed.delete(n);
      }
      const expected = Array.from({ length: count }, (_, i) => port + i).every((n) => allowed.has(n));
      expect(tss.allowsPorts(port, count)).toBe(expected);
    }));
  });
});
