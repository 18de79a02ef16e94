/*
 * Arithmetic of one lane against JavaScript's own, which rounds to nearest; the recorded answers of a real processor
 * (tables.test.ts) cover the flags, the other modes and the special numbers.
 */
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { arithmetic, doubleToSingle, order, reciprocal, reciprocalRoot, singleToDouble, squareRoot, toInt } from './float.js';
import { control, MxFlag, result, RoundingMode } from './format.js';

const view = new DataView(new ArrayBuffer(8));
const wordsOf = (value: number): [lo: number, hi: number] => {
  view.setFloat64(0, value, true);
  return [view.getInt32(0, true), view.getInt32(4, true)];
};
const wordOf = (value: number): number => {
  view.setFloat32(0, value, true);
  return view.getInt32(0, true);
};
const asDouble = (): number => {
  view.setInt32(0, result.lo, true);
  view.setInt32(4, result.hi, true);
  return view.getFloat64(0, true);
};
const asSingle = (bits: number = result.lo): number => {
  view.setInt32(0, bits, true);
  return view.getFloat32(0, true);
};

beforeEach(() => Object.assign(control, { rounding: RoundingMode.nearest, masks: 0x3f, daz: false, ftz: false, flags: 0 }));

const operations = { add: (a: number, b: number) => a + b, sub: (a: number, b: number) => a - b, mul: (a: number, b: number) => a * b, div: (a: number, b: number) => a / b };
const ordinary = fc.double({ min: 1e-3, max: 1e3, noNaN: true });
const names = ['add', 'sub', 'mul', 'div'] as const;

describe.each(names)('%s', (name) => {
  it('of doubles is JavaScript\'s', () => {
    fc.assert(fc.property(fc.double(), fc.double(), (a, b) => {
      arithmetic(name, true, ...wordsOf(a), ...wordsOf(b));
      expect(asDouble()).toEqual(operations[name](a, b));
    }), { numRuns: 2000 });
  });

  it('of singles is JavaScript\'s, rounded', () => {
    fc.assert(fc.property(fc.float(), fc.float(), (a, b) => {
      arithmetic(name, false, wordOf(a), 0, wordOf(b), 0);
      expect(asSingle()).toEqual(Math.fround(operations[name](a, b)));
    }), { numRuns: 2000 });
  });

  it('rounded down is at most what it is rounded up, and they are neighbours or equal', () => {
    fc.assert(fc.property(ordinary, ordinary, (a, b) => {
      control.rounding = RoundingMode.down;
      control.flags = 0;
      arithmetic(name, true, ...wordsOf(a), ...wordsOf(b));
      const low = asDouble();
      control.rounding = RoundingMode.up;
      arithmetic(name, true, ...wordsOf(a), ...wordsOf(b));
      const high = asDouble();
      const nearest = operations[name](a, b);
      expect(low <= nearest && nearest <= high).toBe(true);
      expect(low === high).toBe((control.flags & MxFlag.precision) === 0);
    }));
  });
});

it('square roots are JavaScript\'s', () => {
  fc.assert(fc.property(fc.double({ min: 0 }), (a) => {
    squareRoot(true, ...wordsOf(a));
    expect(asDouble()).toEqual(Math.sqrt(a));
  }), { numRuns: 2000 });
});

it('a single made double and back is itself', () => {
  fc.assert(fc.property(fc.float({ noNaN: true }), (a) => {
    singleToDouble(wordOf(a));
    expect(asDouble()).toBe(a);
    doubleToSingle(result.lo, result.hi);
    expect(asSingle()).toBe(a);
    expect(control.flags & ~MxFlag.denormal).toBe(0);
  }));
});

it('integers are truncated and rounded as asked, or indefinite', () => {
  fc.assert(fc.property(fc.oneof(fc.double(), fc.double({ min: -3e9, max: 3e9 })), (a) => {
    const whole = Math.trunc(a);
    const fits = Math.abs(whole) < 2 ** 31 || whole === -(2 ** 31);
    expect(toInt(true, true, ...wordsOf(a))).toBe(fits ? whole | 0 : -(2 ** 31));
    control.rounding = RoundingMode.down;
    const floor = Math.floor(a);
    expect(toInt(true, false, ...wordsOf(a))).toBe(floor >= -(2 ** 31) && floor < 2 ** 31 ? floor | 0 : -(2 ** 31));
  }));
});

it('order is that of numbers', () => {
  fc.assert(fc.property(fc.double(), fc.double(), (a, b) => {
    const wanted = Number.isNaN(a) || Number.isNaN(b) ? 2 : a < b ? -1 : a > b ? 1 : 0;
    expect(order(false, true, ...wordsOf(a), ...wordsOf(b))).toBe(wanted);
  }));
});

it('approximations are as close as the manual promises', () => {
  const limit = 1.5 * 2 ** -12;
  fc.assert(fc.property(fc.float({ min: Math.fround(1e-30), max: Math.fround(1e30), noNaN: true }), (a) => {
    expect(Math.abs(asSingle(reciprocal(wordOf(a))) * a - 1)).toBeLessThanOrEqual(limit);
    expect(Math.abs(asSingle(reciprocalRoot(wordOf(a))) * Math.sqrt(a) - 1)).toBeLessThanOrEqual(limit);
  }));
});
