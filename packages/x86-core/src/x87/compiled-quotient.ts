/*
 * Division and square root of 80-bit numbers.
 */
import type { OperationBuilder } from '../operations/operation.js';
import type { FunctionBuilder, Value } from '../wasm/function-builder.js';
import { exponentOf, type Extended, isExtreme, isNormal, isZero, signBit, topSignificandBit } from './compiled-number.js';
import { product } from './compiled-product.js';
import { type Arithmetic, type Exit, exitRounded, needZero, signOf } from './compiled-rounding.js';
import { bias } from './float80.js';

const lowHalf = 0xffff_ffffn;

/**
 * One digit of 32 bits of a quotient (Knuth, The Art of Computer Programming, 4.3.1 D): `rest` × 2^32 + `digit` over
 * `divisor`, whose top bit is set. rest < divisor.
 */
function quotientDigit(b: FunctionBuilder, rest: Value, digit: Value, divisor: Value): { quotient: Value; rest: Value } {
  const upper = b.do('i64.shr_u', divisor, b.i64(32));
  const lower = b.do('i64.and', divisor, b.i64(lowHalf));
  const guess = b.variable(b.do('i64.div_u', rest, upper));
  const left = b.variable(b.do('i64.sub', rest, b.do('i64.mul', guess.get(), upper)));
  const correct = (then: () => void): void => {
    const trial = guess.get();
    const remaining = left.get();
    const tooLarge = b.do('i32.or', b.do('i64.gt_u', trial, b.i64(lowHalf)),
      b.do('i64.gt_u', b.do('i64.mul', trial, lower), b.do('i64.or', b.do('i64.shl', remaining, b.i64(32)), digit)));
    b.when(tooLarge, () => {
      guess.set(b.do('i64.sub', trial, b.i64(1)));
      const more = b.do('i64.add', remaining, upper);
      left.set(more);
      b.when(b.do('i64.le_u', more, b.i64(lowHalf)), then);
    });
  };
  correct(() => correct(() => undefined));
  const quotient = guess.get();
  const dividend = b.do('i64.add', b.do('i64.shl', rest, b.i64(32)), digit);
  return { quotient, rest: b.do('i64.sub', dividend, b.do('i64.mul', quotient, divisor)) };
}

/** x ÷ y. */
export const divide: Arithmetic = (b, x, y, exit) => {
  const sign = b.do('i32.and', b.do('i32.xor', x.top, y.top), b.i32(signBit));
  b.when(b.do('i64.ge_s', b.do('i64.and', x.significand, y.significand), b.i64(0)), () => {
    b.unusual(needZero(b, x, y).yZero);
    exit(b.i64(0), sign, b.i32(0));
  });
  for (const { double, ...z } of [x, y]) if (!double) b.unusual(isExtreme(b, exponentOf(b, z)));
  const exponent = b.do('i32.add', b.do('i32.sub', exponentOf(b, x), exponentOf(b, y)), b.i32(bias));
  // a dividend of 128 bits whose quotient has exactly 64
  const atLeastOne = b.do('i64.ge_u', x.significand, y.significand);
  const high = b.select(atLeastOne, b.do('i64.shr_u', x.significand, b.i64(1)), x.significand);
  const low = b.select(atLeastOne, b.do('i64.shl', x.significand, b.i64(63)), b.i64(0));
  const first = quotientDigit(b, high, b.do('i64.shr_u', low, b.i64(32)), y.significand);
  const second = quotientDigit(b, first.rest, b.do('i64.and', low, b.i64(lowHalf)), y.significand);
  const quotient = b.do('i64.add', b.do('i64.shl', first.quotient, b.i64(32)), second.quotient);
  // what is left, as a fraction: none, below half, half, above
  const toWhole = b.do('i64.sub', y.significand, second.rest);
  const above = b.select(b.do('i64.gt_u', second.rest, toWhole), b.i64(3n << 62n), b.i64(1));
  const fraction = b.select(b.do('i64.eqz', second.rest), b.i64(0), b.select(b.do('i64.eq', second.rest, toWhole), b.i64(topSignificandBit), above));
  exitRounded(b, exit, sign, b.do('i32.sub', exponent, b.do('i32.eqz', atLeastOne)), quotient, fraction);
};

/** 2^32 and 2^64 as doubles, and the largest double below 2^64. */
const [twoTo32, twoTo64, below64] = [2 ** 32, 2 ** 64, 2 ** 64 - 2 ** 11];

/** √x: a double's root, made whole by one step of Newton's, and the remainder. */
export const squareRoot = (b: OperationBuilder, x: Extended, exit: Exit): void => {
  b.unusual(b.do('i32.eqz', b.do('i32.or', b.do('i32.and', isNormal(b, x), b.do('i32.eqz', signOf(b, x))), isZero(b, x))));
  b.when(isZero(b, x), () => exit(x.significand, x.top, b.i32(0)));
  const power = b.do('i32.sub', exponentOf(b, x), b.i32(bias));
  // a radicand of 127 or 128 bits whose root has 64
  const odd = b.do('i32.and', power, b.i32(1));
  const high = b.select(odd, x.significand, b.do('i64.shr_u', x.significand, b.i64(1)));
  const low = b.select(odd, b.i64(0), b.do('i64.shl', x.significand, b.i64(63)));
  const guess = b.do('f64.min', b.do('f64.mul', b.do('f64.sqrt', b.do('f64.convert_i64_u', high)), b.f64(twoTo32)), b.f64(below64));
  const first = b.do('i64.trunc_f64_u', guess);
  const minusSquare = (root: Value): { high: Value; low: Value } => {
    const square = product(b, root, root);
    const borrow = b.do('i64.extend_i32_u', b.do('i64.lt_u', low, square.low));
    return { high: b.do('i64.sub', b.do('i64.sub', high, square.high), borrow), low: b.do('i64.sub', low, square.low) };
  };
  const rest = minusSquare(first);
  const restDouble = b.do('f64.add', b.do('f64.mul', b.do('f64.convert_i64_s', rest.high), b.f64(twoTo64)), b.do('f64.convert_i64_u', rest.low));
  const step = b.do('f64.div', restDouble, b.do('f64.add', guess, guess));
  const root = b.variable(b.do('i64.add', first, b.do('i64.trunc_f64_s', b.do('f64.floor', step))));
  // it may still be one off, either way
  const after = minusSquare(root.get());
  const left = { high: b.variable(after.high), low: b.variable(after.low) };
  const adjust = (by: 1 | -1): void => {
    root.set(b.do('i64.add', root.get(), b.i64(by)));
    const again = minusSquare(root.get());
    left.high.set(again.high);
    left.low.set(again.low);
  };
  b.when(b.do('i64.lt_s', left.high.get(), b.i64(0)), () => adjust(-1));
  const twice = b.do('i64.shl', root.get(), b.i64(1));
  const carry = b.do('i64.shr_u', root.get(), b.i64(63));
  const tooMuch = b.do('i32.or', b.do('i64.gt_s', left.high.get(), carry),
    b.do('i32.and', b.do('i64.eq', left.high.get(), carry), b.do('i64.gt_u', left.low.get(), twice)));
  b.when(tooMuch, () => adjust(1));
  const result = root.get();
  b.unusual(b.do('i64.ge_s', result, b.i64(0)));
  // a remainder above the root means that the next one is nearer; it is never half way
  const up = b.do('i32.or', b.do('i64.ne', left.high.get(), b.i64(0)), b.do('i64.gt_u', left.low.get(), result));
  const exact = b.do('i64.eqz', b.do('i64.or', left.high.get(), left.low.get()));
  const fraction = b.select(exact, b.i64(0), b.select(up, b.i64(3n << 62n), b.i64(1)));
  exitRounded(b, exit, b.i32(0), b.do('i32.add', b.do('i32.shr_s', power, b.i32(1)), b.i32(bias)), result, fraction);
};
