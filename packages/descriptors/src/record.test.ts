import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeDescriptor, decodeLongDescriptor, DescriptorError, type Descriptor, encodeDescriptor, encodeLongDescriptor, hasReservedBits } from './index.js';

const word = fc.integer({ min: 0, max: 0xffff_ffff });
/** Words in which a random mask of bits is set, so that sparse and dense patterns come up alike. */
const bits = fc.oneof(word, fc.integer({ min: 0, max: 31 }).map((n) => (1 << n) >>> 0), fc.integer({ min: 0, max: 31 }).map((n) => ~(1 << n) >>> 0));
const none = { lo: 0, hi: 0 };

describe('decodeDescriptor and encodeDescriptor', () => {
  it('lose nothing, whatever the 64 bits are', () => {
    fc.assert(fc.property(bits, bits, (lo, hi) => {
      expect(encodeDescriptor(decodeDescriptor(lo, hi))).toEqual({ lo, hi });
    }), { numRuns: 5000 });
  });

  it('give each bit to exactly one field: a record is a function of all 64', () => {
    fc.assert(fc.property(bits, bits, fc.integer({ min: 0, max: 63 }), (lo, hi, n) => {
      const other: [number, number] = n < 32 ? [(lo ^ (1 << n)) >>> 0, hi] : [lo, (hi ^ (1 << (n - 32))) >>> 0];
      expect(decodeDescriptor(...other)).not.toEqual(decodeDescriptor(lo, hi));
    }), { numRuns: 2000 });
  });

  it('take words as signed numbers, too', () => {
    fc.assert(fc.property(bits, bits, (lo, hi) => {
      expect(decodeDescriptor(lo | 0, hi | 0)).toEqual(decodeDescriptor(lo, hi));
    }));
  });

  it('report reserved bits only where there are some', () => {
    expect(hasReservedBits(decodeDescriptor(0x0000ffff, 0x00cf9b00))).toBe(false);
    expect(hasReservedBits(decodeDescriptor(0x0060c740, 0xc1238ee0))).toBe(true);
    expect(decodeDescriptor(0x0060c740, 0xc1238ee0).reserved).toEqual({ lo: 0, hi: 0xe0 });
    fc.assert(fc.property(bits, bits, (lo, hi) => {
      const { reserved, ...rest } = decodeDescriptor(lo, hi);
      expect(encodeDescriptor({ ...rest, reserved: none } as Descriptor)).toEqual({ lo: (lo & ~reserved.lo) >>> 0, hi: (hi & ~reserved.hi) >>> 0 });
    }));
  });

  it('never let the reserved bits of one kind change the fields of another', () => {
    const everything = { lo: 0xffff_ffff, hi: 0xffff_ffff };
    const gate: Descriptor = { kind: 'trap-gate', bits: 32, dpl: 3, present: true, selector: 0x60, offset: 0xc123c020, reserved: everything };
    expect(decodeDescriptor(...words(encodeDescriptor(gate)))).toEqual({ ...gate, reserved: { lo: 0, hi: 0xff } });
  });

  const segment = { kind: 'data', dpl: 0, present: true, base: 0, limit: 0xfff, granular: false, available: false, accessed: false, writable: true, expandDown: false, big: true, reserved: none } as const;
  it.each<[string, Descriptor, string]>([
    ['a privilege level of 4', { ...segment, dpl: 4 }, 'out-of-range'],
    ['a negative base', { ...segment, base: -1 }, 'out-of-range'],
    ['a base of 33 bits', { ...segment, base: 2 ** 32 }, 'out-of-range'],
    ['a base that is no integer', { ...segment, base: 0.5 }, 'out-of-range'],
    ['a limit in bytes above 20 bits', { ...segment, limit: 0x10_0000 }, 'limit-not-representable'],
    ['a limit in pages that is not whole', { ...segment, limit: 0x1000, granular: true }, 'limit-not-representable'],
    ['an offset of 17 bits in a 16-bit gate', { kind: 'trap-gate', bits: 16, dpl: 0, present: true, selector: 8, offset: 0x1_0000, reserved: none }, 'out-of-range'],
    ['32 parameters', { kind: 'call-gate', bits: 32, dpl: 0, present: true, selector: 8, offset: 0, parameters: 32, reserved: none }, 'out-of-range'],
    ['a selector of 17 bits', { kind: 'task-gate', dpl: 0, present: true, selector: 0x1_0000, reserved: none }, 'out-of-range'],
  ])('refuse %s', (_what, descriptor, code) => {
    expect(() => encodeDescriptor(descriptor)).toThrowError(expect.objectContaining({ code }));
    expect(() => encodeDescriptor(descriptor)).toThrowError(DescriptorError);
  });

  it('know the limit in bytes and in pages', () => {
    expect(encodeDescriptor({ ...segment, limit: 0xf_ffff })).toEqual({ lo: 0xffff, hi: 0x004f9200 });
    expect(encodeDescriptor({ ...segment, limit: 0xffff_ffff, granular: true })).toEqual({ lo: 0xffff, hi: 0x00cf9200 });
  });
});

describe('decodeLongDescriptor and encodeLongDescriptor', () => {
  it('lose nothing, whatever the 128 bits are', () => {
    fc.assert(fc.property(bits, bits, bits, bits, (lo, hi, upper, last) => {
      const words = { lo, hi, upper, last };
      expect(encodeLongDescriptor(decodeLongDescriptor(words))).toEqual(words);
    }), { numRuns: 5000 });
  });

  it('refuse what does not fit', () => {
    const gate = decodeLongDescriptor({ lo: 0x00101234, hi: 0x56788e00, upper: 0, last: 0 });
    if (gate.kind !== 'interrupt-gate64') throw new Error(gate.kind);
    expect(() => encodeLongDescriptor({ ...gate, offset: 1n << 64n })).toThrowError(expect.objectContaining({ code: 'out-of-range' }));
    expect(() => encodeLongDescriptor({ ...gate, ist: 8 })).toThrowError(expect.objectContaining({ code: 'out-of-range' }));
    expect(() => encodeLongDescriptor({ ...gate, kind: 'call-gate64', ist: 1 })).toThrowError(expect.objectContaining({ code: 'out-of-range' }));
  });
});

function words({ lo, hi }: { lo: number; hi: number }): [number, number] {
  return [lo, hi];
}
