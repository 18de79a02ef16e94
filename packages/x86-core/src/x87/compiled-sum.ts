/*
 * Addition and subtraction of 80-bit numbers.
 *
 * The exact sum is a significand of 128 bits and an exponent. Which number is larger goes by the exponents alone: with
 * equal ones nothing is lost, and a difference below zero is turned round.
 */
import type { OperationBuilder } from '../operations/operation.js';
import type { Value } from '../wasm/function-builder.js';
import { roundingFlags } from './compiled.js';
import { exponentOf, type Extended, signBit, topSignificandBit } from './compiled-number.js';
import { type Arithmetic, type Exit, exitNear, needZero } from './compiled-rounding.js';
import { maxExponent } from './float80.js';

/** A difference may lose so many bits at its upper end, and one when it is turned round. */
const leastExponent = 65;

/** Exits with one of two numbers when the other is zero. Zeros and normal numbers only. */
function addZero(b: OperationBuilder, x: Extended, y: Extended, exit: Exit): void {
  const { xZero, yZero } = needZero(b, x, y);
  b.when(b.do('i32.and', xZero, yZero), () => exit(b.i64(0), b.do('i32.and', b.do('i32.and', x.top, y.top), b.i32(signBit)), b.i32(0)));
  exit(b.select(xZero, y.significand, x.significand), b.select(xZero, y.top, x.top), b.i32(0));
}

/** A number less 128 bits of magnitude, or more by these. */
interface Operands { readonly large: Extended; readonly high: Value; readonly low: Value }

/** x + y. */
export const add: Arithmetic = (b, x, y, exit) => {
  b.when(b.do('i64.ge_s', b.do('i64.and', x.significand, y.significand), b.i64(0)), () => addZero(b, x, y, exit));
  const [xExponent, yExponent] = [exponentOf(b, x), exponentOf(b, y)];
  // one comparison for each choice: two instructions of the machine then, while a bit kept for all takes more
  const large = {
    significand: b.select(b.do('i32.lt_s', xExponent, yExponent), y.significand, x.significand),
    top: b.select(b.do('i32.lt_u', xExponent, yExponent), y.top, x.top),
  };
  const small = b.select(b.do('i32.le_u', yExponent, xExponent), y.significand, x.significand);
  const exponent = exponentOf(b, large);
  b.unusual(b.do('i32.ge_u', b.do('i32.sub', exponent, b.i32(leastExponent)), b.i32(maxExponent - 1 - leastExponent)));
  const distance = b.do('i32.sub', b.do('i32.add', exponent, exponent), b.do('i32.add', xExponent, yExponent));
  // the smaller number's significand, moved right by the distance into 128 bits
  const by = b.do('i64.extend_i32_u', distance);
  const moved = b.do('i64.shr_u', small, by);
  const high = b.variable(moved);
  const low = b.variable(b.do('i64.xor', b.do('i64.rotr', small, by), moved));
  b.when(b.do('i32.gt_u', distance, b.i32(63)), () => {
    // it may be the exponent of what is not normal
    b.unusual(b.do('i32.eq', distance, exponent));
    high.set(b.i64(0));
    const by65 = b.do('i64.or', b.do('i64.shr_u', small, b.i64(1)), b.do('i64.and', small, b.i64(1)));
    // further away it only matters that there is something
    const further = b.select(b.do('i32.eq', distance, b.i32(65)), by65, b.i64(1));
    low.set(b.select(b.do('i32.eq', distance, b.i32(64)), small, further));
  });
  const operands = { large, high: high.get(), low: low.get() };
  const differentSigns = b.do('i32.and', b.do('i32.xor', x.top, y.top), b.i32(signBit));
  b.when(differentSigns, () => subtractMagnitudes(b, operands, exit));
  addMagnitudes(b, operands, exit);
};

/** Exits with large + high:low. */
function addMagnitudes(b: OperationBuilder, { large, high, low }: Operands, exit: Exit): void {
  const flags = (up: Value): Value => roundingFlags(b, b.do('i64.ne', low, b.i64(0)), up);
  const half = b.do('i64.shr_u', low, b.i64(63));
  const rounded = b.do('i64.add', large.significand, b.do('i64.add', high, half));
  b.when(b.do('i64.lt_u', rounded, large.significand), () => {
    const sum = b.do('i64.add', large.significand, high);
    const top = b.do('i32.add', large.top, b.i32(1));
    // it was rounding that carried
    b.when(b.do('i64.ge_u', sum, large.significand), () => exit(b.i64(topSignificandBit), top, flags(b.i32(1))));
    // there is no carry from so far away that the lowest bit of all would be set
    const below = b.do('i64.or', b.do('i64.shr_u', low, b.i64(1)), b.do('i64.shl', sum, b.i64(63)));
    exitNear(b, exit, top, b.do('i64.or', b.do('i64.shr_u', sum, b.i64(1)), b.i64(topSignificandBit)), below);
  });
  // half way: up only to even
  b.when(b.do('i64.eq', low, b.i64(topSignificandBit)), () => {
    exit(b.do('i64.and', rounded, b.i64(-2)), large.top, flags(b.do('i32.eqz', b.do('i32.wrap_i64', b.do('i64.and', rounded, b.i64(1))))));
  });
  exit(rounded, large.top, flags(b.do('i32.wrap_i64', half)));
}

/** Exits with large - high:low. */
function subtractMagnitudes(b: OperationBuilder, operands: Operands, exit: Exit): void {
  const { large } = operands;
  const borrow = b.do('i64.extend_i32_u', b.do('i64.ne', operands.low, b.i64(0)));
  const high = b.variable(b.do('i64.sub', b.do('i64.sub', large.significand, operands.high), borrow));
  const low = b.variable(b.do('i64.sub', b.i64(0), operands.low));
  const top = b.variable(large.top);
  // of equal exponents: there is no lower half
  b.when(b.do('i64.lt_u', large.significand, operands.high), () => {
    high.set(b.do('i64.sub', b.i64(0), high.get()));
    top.set(b.do('i32.xor', top.get(), b.i32(signBit)));
  });
  b.when(b.do('i64.eqz', high.get()), () => {
    const rest = low.get();
    b.when(b.do('i64.eqz', rest), () => exit(b.i64(0), b.i32(0), b.i32(0)));
    high.set(rest);
    low.set(b.i64(0));
    top.set(b.do('i32.sub', top.get(), b.i32(64)));
  });
  const zeros = b.do('i64.clz', high.get());
  const remaining = low.get();
  const into = b.do('i64.shr_u', b.do('i64.shr_u', remaining, b.i64(1)), b.do('i64.sub', b.i64(63), zeros));
  exitNear(
    b, exit, b.do('i32.sub', top.get(), b.do('i32.wrap_i64', zeros)),
    b.do('i64.or', b.do('i64.shl', high.get(), zeros), into), b.do('i64.shl', remaining, zeros),
  );
}
