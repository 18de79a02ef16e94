/*
 * The functions on two words: against the records, and against sums done by hand.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeDescriptor, gateAddress, gateDpl, gateParameters, gatePresent, gateSelector, gateType, makeGate, makeSegment, makeSelector,
  segmentAvailable, segmentBase, segmentDefaultBig, segmentDpl, segmentGranular, segmentIsCode, segmentIsData, segmentIsSystem,
  segmentLimit, segmentLong, segmentPresent, segmentRawLimit, segmentType, selectorIndex, selectorIsLdt, selectorIsNull, selectorRpl,
  withAccessed, withDpl,
} from './index.js';

const word = fc.integer({ min: 0, max: 0xffff_ffff });
const any = { numRuns: 2000 };

describe('words of segments', () => {
  it('pick the pieces of base and limit together', () => {
    expect(segmentBase(0x5678_0000, 0x1200_0034)).toBe(0x1234_5678);
    expect(segmentBase(0xffff_0000, 0xff00_00ff)).toBe(0xffff_ffff);
    expect(segmentRawLimit(0x0000_3456, 0x000f_0000)).toBe(0xf_3456);
    expect(segmentLimit(0x0000_3456, 0x000f_0000)).toBe(0xf_3456);
    expect(segmentLimit(0x0000_3456, 0x008f_0000)).toBe(0xf345_6fff);
    expect(segmentLimit(0x0000_0000, 0x0080_0000)).toBe(0xfff);
  });

  it('agree with the records for all bit patterns, signed or not', () => {
    fc.assert(fc.property(word, word, fc.boolean(), (a, b, signed) => {
      const lo = signed ? a | 0 : a;
      const hi = signed ? b | 0 : b;
      const d = decodeDescriptor(lo, hi);
      expect(segmentDpl(lo, hi)).toBe(d.dpl);
      expect(segmentPresent(lo, hi)).toBe(d.present);
      expect(segmentIsCode(lo, hi)).toBe(d.kind === 'code');
      expect(segmentIsData(lo, hi)).toBe(d.kind === 'data');
      expect(segmentIsSystem(lo, hi)).toBe(d.kind !== 'code' && d.kind !== 'data');
      if ('base' in d) {
        expect(segmentBase(lo, hi)).toBe(d.base);
        expect(segmentLimit(lo, hi)).toBe(d.limit);
        expect(segmentGranular(lo, hi)).toBe(d.granular);
        expect(segmentAvailable(lo, hi)).toBe(d.available);
      }
      if ('big' in d) expect(segmentDefaultBig(lo, hi)).toBe(d.big);
      if ('selector' in d) expect(gateSelector(lo, hi)).toBe(d.selector);
      if ('offset' in d) expect(gateAddress(lo, hi) & (d.bits === 32 ? -1 : 0xffff)).toBe(d.offset | 0);
    }), any);
  });

  it('are undone by makeSegment', () => {
    fc.assert(fc.property(word, word, (lo, hi) => {
      expect(makeSegment({
        base: segmentBase(lo, hi), rawLimit: segmentRawLimit(lo, hi), type: segmentType(lo, hi), system: segmentIsSystem(lo, hi),
        dpl: segmentDpl(lo, hi), present: segmentPresent(lo, hi), available: segmentAvailable(lo, hi), long: segmentLong(lo, hi),
        big: segmentDefaultBig(lo, hi), granular: segmentGranular(lo, hi),
      })).toEqual({ lo, hi });
    }), any);
  });

  it('withDpl and withAccessed change nothing else', () => {
    expect(withDpl(0x00cf9a00, 1)).toBe(0x00cfba00);
    expect(withDpl(0xffcffa00, 0)).toBe(0xffcf9a00);
    expect(withAccessed(0x00cfba00)).toBe(0x00cfbb00);
    fc.assert(fc.property(word, fc.integer({ min: 0, max: 3 }), (hi, dpl) => {
      expect(segmentDpl(0, withDpl(hi, dpl))).toBe(dpl);
      expect(withDpl(withDpl(hi, dpl), segmentDpl(0, hi))).toBe(hi);
    }), any);
  });
});

describe('words of gates', () => {
  it('are those of lguest\'s Host', () => {
    const [lo, hi] = [0x0060_c020, 0xc123_ef00];
    expect(gateAddress(lo, hi)).toBe(0xc123_c020);
    expect([gateType(lo, hi), gateDpl(lo, hi), gatePresent(lo, hi), gateSelector(lo, hi)]).toEqual([15, 3, true, 0x60]);
    expect(makeGate(0x61, 0xc123_c020, 15, 3, true)).toEqual({ lo: 0x0061_c020, hi: 0xc123_ef00 });
  });

  it('are undone by makeGate, but for reserved bits', () => {
    fc.assert(fc.property(word, word, (lo, hi) => {
      const again = makeGate(gateSelector(lo, hi), gateAddress(lo, hi), gateType(lo, hi), gateDpl(lo, hi), gatePresent(lo, hi), gateParameters(lo, hi));
      expect(again).toEqual({ lo, hi: (hi & 0xffff_ef1f) >>> 0 });
    }), any);
  });
});

describe('selectors', () => {
  it.each([
    { selector: 0x61, index: 12, rpl: 1, ldt: false, isNull: false },
    { selector: 0x7b, index: 15, rpl: 3, ldt: false, isNull: false },
    { selector: 0x0f, index: 1, rpl: 3, ldt: true, isNull: false },
    { selector: 0x03, index: 0, rpl: 3, ldt: false, isNull: true },
    { selector: 0x04, index: 0, rpl: 0, ldt: true, isNull: false },
    { selector: 0xffff, index: 8191, rpl: 3, ldt: true, isNull: false },
  ])('$selector', ({ selector, index, rpl, ldt, isNull }) => {
    expect(selectorIndex(selector)).toBe(index);
    expect(selectorRpl(selector)).toBe(rpl);
    expect(selectorIsLdt(selector)).toBe(ldt);
    expect(selectorIsNull(selector)).toBe(isNull);
    expect(makeSelector(index, rpl, ldt)).toBe(selector);
  });
});
