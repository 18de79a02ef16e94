/*
 * Multiplication of 80-bit numbers.
 */
import type { OperationBuilder } from '../operations/operation.js';
import type { FunctionBuilder, Value } from '../wasm/function-builder.js';
import { roundingFlags } from './compiled.js';
import { doubleFormat, exponentOf, isExtreme, signBit, topOfDouble, topSignificandBit } from './compiled-number.js';
import { type Arithmetic, type Exit, exitNear, needZero } from './compiled-rounding.js';
import { bias } from './float80.js';

const lowHalf = 0xffff_ffffn;

/** All 128 bits of a product. */
export function product(b: FunctionBuilder, x: Value, y: Value): { high: Value; low: Value } {
  const half = (value: Value): [high: Value, low: Value] => [b.do('i64.shr_u', value, b.i64(32)), b.do('i64.and', value, b.i64(lowHalf))];
  const [[x1, x0], [y1, y0]] = [half(x), half(y)];
  const [carry0, bits0] = half(b.do('i64.mul', x0, y0));
  const [carry1, rest1] = half(b.do('i64.add', b.do('i64.mul', x0, y1), carry0));
  const [carry2, bits1] = half(b.do('i64.add', b.do('i64.mul', x1, y0), rest1));
  return {
    high: b.do('i64.add', b.do('i64.add', b.do('i64.mul', x1, y1), carry1), carry2),
    low: b.do('i64.or', b.do('i64.shl', bits1, b.i64(32)), bits0),
  };
}

/** Of doubles. */
const fractionBits = doubleFormat.fraction;
/** The product of two such significands has 106 bits; below the 64 that are kept there are 42. */
const lostBits = 42;

/**
 * Exits with the product of two significands of 53 bits.
 *
 * The host's multiplication of doubles yields the upper 53 bits, rounded; the lower 64 of the exact product are one
 * multiplication of integers. So the difference between the two is known exactly: it is at most half of the 53rd bit,
 * either way.
 * @param product the significands' product, as a double's bits: only its fraction counts
 * @param low the lower 64 bits of the significands' product, as integers @param short that product has 105 bits, not 106
 * @param top sign and exponent of `product`; the exponent may fall by one
 */
function exitCorrected(b: OperationBuilder, exit: Exit, product: Value, low: Value, short: Value, top: Value): void {
  const exact = b.select(short, b.do('i64.shl', low, b.i64(1)), low);
  const rounded = b.do('i64.or', b.do('i64.shl', product, b.i64(63 - fractionBits)), b.i64(topSignificandBit));
  const error = b.do('i64.sub', exact, b.do('i64.shl', rounded, b.i64(lostBits)));
  const inexact = (bits: number): Value => b.do('i64.ne', b.do('i64.shl', error, b.i64(64 - bits)), b.i64(0));
  // in units of half of the lowest bit that is kept
  const halves = b.do('i64.shr_s', error, b.i64(lostBits - 1));
  // a power of two was reached from below: the product is smaller, and there is one more bit
  b.when(b.do('i64.ge_s', b.do('i64.add', rounded, halves), b.i64(0)), () => {
    const odd = b.do('i64.and', halves, b.i64(1));
    const nearest = b.do('i64.shr_s', b.do('i64.add', b.do('i64.add', error, b.i64((1n << BigInt(lostBits - 2)) - 1n)), odd), b.i64(lostBits - 1));
    const flags = roundingFlags(b, inexact(lostBits - 1), b.do('i64.ne', nearest, halves));
    b.when(b.do('i64.eqz', nearest), () => exit(rounded, top, flags));
    exit(nearest, b.do('i32.sub', top, b.i32(1)), flags);
  });
  const nearest = b.do('i64.add', rounded, b.do('i64.shr_s', b.do('i64.add', halves, b.i64(1)), b.i64(1)));
  const half = b.do('i64.and', halves, b.i64(1));
  b.when(b.do('i64.eqz', b.do('i64.shl', error, b.i64(65 - lostBits))), () => {
    // exact, or half way: up only to even
    const even = b.do('i64.and', nearest, b.do('i64.xor', half, b.i64(-1)));
    const isHalf = b.do('i32.wrap_i64', half);
    exit(even, top, roundingFlags(b, isHalf, b.do('i32.and', b.do('i64.eq', even, nearest), isHalf)));
  });
  exit(nearest, top, roundingFlags(b, inexact(lostBits), b.do('i32.wrap_i64', half)));
}

/** Of two doubles that are normal or zero. */
function multiplyDoubles(b: OperationBuilder, x: Value, y: Value, exit: Exit): void {
  const product = b.do('i64.reinterpret_f64', b.do('f64.mul', b.do('f64.reinterpret_i64', x), b.do('f64.reinterpret_i64', y)));
  const { top, isNormal } = topOfDouble(b, product);
  b.when(b.do('i32.eqz', isNormal), () => {
    const zero = (bits: Value): Value => b.do('i64.eqz', b.do('i64.shl', bits, b.i64(1)));
    // out of a double's range, but not of an extended one's
    b.unusual(b.do('i32.eqz', b.do('i32.or', zero(x), zero(y))));
    exit(b.i64(0), b.do('i32.and', top, b.i32(signBit)), b.i32(0));
  });
  const unit = 1n << BigInt(fractionBits);
  const integer = (bits: Value): Value => b.do('i64.or', b.do('i64.and', bits, b.i64(unit - 1n)), b.i64(unit));
  // the exponents' sum tells, by its lowest bit
  const short = b.do('i64.lt_s', b.do('i64.shl', b.do('i64.xor', b.do('i64.xor', x, y), product), b.i64(63 - fractionBits)), b.i64(0));
  exitCorrected(b, exit, product, b.do('i64.mul', integer(x), integer(y)), short, top);
}

/** Of two numbers from 1 to 2 with 53 bits of significand; the exponent is that of their product if it is below 2. */
function multiplyShort(b: OperationBuilder, x: Value, y: Value, sign: Value, exponent: Value, exit: Exit): void {
  const integer = (significand: Value): Value => b.do('i64.shr_u', significand, b.i64(63 - fractionBits));
  // the significand's top bit makes the exponent that of 1
  const double = (value: Value): Value => b.do('f64.reinterpret_i64', b.do('i64.add', value, b.i64(BigInt(doubleFormat.bias - 1) << BigInt(fractionBits))));
  const [p, q] = [integer(x), integer(y)];
  const product = b.do('i64.reinterpret_f64', b.do('f64.mul', double(p), double(q)));
  const short = b.do('i32.and', b.do('i32.wrap_i64', b.do('i64.shr_u', product, b.i64(fractionBits))), b.i32(1));
  exitCorrected(b, exit, product, b.do('i64.mul', p, q), short, b.do('i32.or', sign, b.do('i32.sub', b.do('i32.add', exponent, b.i32(1)), short)));
}

/** x × y. */
export const multiply: Arithmetic = (b, x, y, exit) => {
  if (x.double && y.double) return multiplyDoubles(b, x.double, y.double, exit);
  const sign = b.do('i32.and', b.do('i32.xor', x.top, y.top), b.i32(signBit));
  b.when(b.do('i64.ge_s', b.do('i64.and', x.significand, y.significand), b.i64(0)), () => {
    needZero(b, x, y);
    exit(b.i64(0), sign, b.i32(0));
  });
  for (const { double, ...z } of [x, y]) if (!double) b.unusual(isExtreme(b, exponentOf(b, z)));
  const exponent = b.do('i32.sub', b.do('i32.add', exponentOf(b, x), exponentOf(b, y)), b.i32(bias));
  // both may still become one more or less
  b.unusual(isExtreme(b, exponent, 2));
  const longer = b.do('i64.shl', b.do('i64.or', x.significand, y.significand), b.i64(fractionBits + 1));
  b.when(b.do('i64.eqz', longer), () => multiplyShort(b, x.significand, y.significand, sign, exponent, exit));
  const { high, low } = product(b, x.significand, y.significand);
  // two numbers from 1 to 2: their product may need one step to the left
  const full = b.do('i64.lt_s', high, b.i64(0));
  const shiftedHigh = b.do('i64.or', b.do('i64.shl', high, b.i64(1)), b.do('i64.shr_u', low, b.i64(63)));
  exitNear(b, exit, b.do('i32.or', sign, b.do('i32.add', exponent, full)), b.select(full, high, shiftedHigh), b.select(full, low, b.do('i64.shl', low, b.i64(1))));
};
