/*
 * Addition, multiplication, division, square root and comparison of 80-bit numbers, in 64-bit integer arithmetic.
 *
 * They are written into every operation that needs them. The exact result is a 128-bit
 * significand with the top bit set, or 64 bits and what is left over; it is rounded to nearest, and the flags tell
 * whether anything was lost (PE) and whether the number grew (C1).
 */
import { Feature } from '../cpuid.js';
import type { OperationBuilder } from '../operations/operation.js';
import type { FunctionBuilder, Value } from '../wasm/function-builder.js';
import {
  exponentOf, type Extended, isNormal, isZero, memoryOperation, registerOperation, roundingFlags, signBit, Stack,
} from './compiled.js';
import { loadFormat, loadForms } from './compiled-formats.js';
import { Operation } from './compute.js';
import { Status } from './environment.js';
import { bias, maxExponent } from './float80.js';

const topSignificandBit = 1n << 63n;
const lowHalf = 0xffff_ffffn;

/** Ends an operation's arithmetic: significand, top, and flags of the status word. */
type Exit = (significand: Value, top: Value, flags: Value) => void;
type Arithmetic = (b: OperationBuilder, x: Extended, y: Extended, exit: Exit) => void;

/**
 * Exit with sign, exponent and high:low rounded to 64 bits. `high` has its top bit set; any part of `low` counts.
 * @param sign 0 or signBit
 */
function exitRounded(b: OperationBuilder, exit: Exit, sign: Value, exponent: Value, high: Value, low: Value): void {
  const inexact = b.do('i64.ne', low, b.i64(0));
  const half = b.do('i64.lt_s', low, b.i64(0));
  const oddOrMore = b.do('i64.or', b.do('i64.shl', low, b.i64(1)), b.do('i64.and', high, b.i64(1)));
  const up = b.do('i32.and', half, b.do('i64.ne', oddOrMore, b.i64(0)));
  const sum = b.do('i64.add', high, b.do('i64.extend_i32_u', up));
  const carry = b.do('i64.eqz', sum);
  const final = b.do('i32.add', exponent, carry);
  b.unusual(b.do('i32.ge_u', b.do('i32.sub', final, b.i32(1)), b.i32(maxExponent - 1)));
  const significand = b.do('i64.or', sum, b.do('i64.shl', b.do('i64.extend_i32_u', carry), b.i64(63)));
  exit(significand, b.do('i32.or', sign, final), roundingFlags(b, inexact, up));
}

const signOf = (b: FunctionBuilder, { top }: Extended): Value => b.do('i32.and', top, b.i32(signBit));

/** Go on with two normal numbers only. With zeros among them `zeros` returns a result; all else is not usual. */
function needNormal(b: OperationBuilder, x: Extended, y: Extended, zeros: (xZero: Value, yZero: Value) => void): void {
  const [xNormal, yNormal] = [isNormal(b, x), isNormal(b, y)];
  b.when(b.do('i32.eqz', b.do('i32.and', xNormal, yNormal)), () => {
    const [xZero, yZero] = [isZero(b, x), isZero(b, y)];
    b.unusual(b.do('i32.eqz', b.do('i32.and', b.do('i32.or', xNormal, xZero), b.do('i32.or', yNormal, yZero))));
    zeros(xZero, yZero);
  });
}

/** x + y. */
const add: Arithmetic = (b, x, y, exit) => {
  needNormal(b, x, y, (xZero, yZero) => {
    b.when(b.do('i32.and', xZero, yZero), () => exit(b.i64(0), b.do('i32.and', b.do('i32.and', x.top, y.top), b.i32(signBit)), b.i32(0)));
    exit(b.select(xZero, y.significand, x.significand), b.select(xZero, y.top, x.top), b.i32(0));
  });
  const [xExponent, yExponent] = [exponentOf(b, x), exponentOf(b, y)];
  const larger = b.do('i32.or', b.do('i32.gt_s', yExponent, xExponent),
    b.do('i32.and', b.do('i32.eq', yExponent, xExponent), b.do('i64.gt_u', y.significand, x.significand)));
  const large = { significand: b.select(larger, y.significand, x.significand), top: b.select(larger, y.top, x.top) };
  const small = { significand: b.select(larger, x.significand, y.significand), top: b.select(larger, x.top, y.top) };
  const sign = signOf(b, large);
  const exponent = b.variable(exponentOf(b, large));
  const distance = b.do('i64.extend_i32_u', b.do('i32.sub', exponent.get(), exponentOf(b, small)));
  // the smaller number's significand, moved right by the distance into 128 bits
  const high = b.variable(b.do('i64.shr_u', small.significand, distance));
  const low = b.variable(b.do('i64.shl', b.do('i64.shl', small.significand, b.i64(1)), b.do('i64.sub', b.i64(63), distance)));
  b.when(b.do('i64.gt_u', distance, b.i64(63)), () => {
    high.set(b.i64(0));
    const by65 = b.do('i64.or', b.do('i64.shr_u', small.significand, b.i64(1)), b.do('i64.and', small.significand, b.i64(1)));
    // further away it only matters that there is something
    const further = b.select(b.do('i64.eq', distance, b.i64(65)), by65, b.i64(1));
    low.set(b.select(b.do('i64.eq', distance, b.i64(64)), small.significand, further));
  });
  const sameSign = b.do('i32.eqz', b.do('i32.and', b.do('i32.xor', x.top, y.top), b.i32(signBit)));
  b.when(sameSign, () => {
    const sum = b.do('i64.add', large.significand, high.get());
    high.set(sum);
    b.when(b.do('i64.lt_u', sum, large.significand), () => {
      const rest = low.get();
      const shifted = b.do('i64.or', b.do('i64.shr_u', rest, b.i64(1)), b.do('i64.and', rest, b.i64(1)));
      low.set(b.do('i64.or', shifted, b.do('i64.shl', sum, b.i64(63))));
      high.set(b.do('i64.or', b.do('i64.shr_u', sum, b.i64(1)), b.i64(topSignificandBit)));
      exponent.set(b.do('i32.add', exponent.get(), b.i32(1)));
    });
  }, () => {
    const rest = low.get();
    const borrow = b.do('i64.extend_i32_u', b.do('i64.ne', rest, b.i64(0)));
    high.set(b.do('i64.sub', b.do('i64.sub', large.significand, high.get()), borrow));
    low.set(b.do('i64.sub', b.i64(0), rest));
    b.when(b.do('i64.eqz', high.get()), () => {
      b.when(b.do('i64.eqz', low.get()), () => exit(b.i64(0), b.i32(0), b.i32(0)));
      high.set(low.get());
      low.set(b.i64(0));
      exponent.set(b.do('i32.sub', exponent.get(), b.i32(64)));
    });
    const zeros = b.do('i64.clz', high.get());
    const remaining = low.get();
    const into = b.do('i64.shr_u', b.do('i64.shr_u', remaining, b.i64(1)), b.do('i64.sub', b.i64(63), zeros));
    high.set(b.do('i64.or', b.do('i64.shl', high.get(), zeros), into));
    low.set(b.do('i64.shl', remaining, zeros));
    exponent.set(b.do('i32.sub', exponent.get(), b.do('i32.wrap_i64', zeros)));
  });
  exitRounded(b, exit, sign, exponent.get(), high.get(), low.get());
};

/** All 128 bits of a product. */
function product(b: FunctionBuilder, x: Value, y: Value): { high: Value; low: Value } {
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

/** x × y. */
const multiply: Arithmetic = (b, x, y, exit) => {
  const sign = b.do('i32.and', b.do('i32.xor', x.top, y.top), b.i32(signBit));
  needNormal(b, x, y, () => exit(b.i64(0), sign, b.i32(0)));
  const { high, low } = product(b, x.significand, y.significand);
  const exponent = b.do('i32.sub', b.do('i32.add', exponentOf(b, x), exponentOf(b, y)), b.i32(bias));
  // two numbers from 1 to 2: their product may need one step to the left
  const full = b.do('i64.lt_s', high, b.i64(0));
  const shiftedHigh = b.do('i64.or', b.do('i64.shl', high, b.i64(1)), b.do('i64.shr_u', low, b.i64(63)));
  exitRounded(b, exit, sign, b.do('i32.add', exponent, full), b.select(full, high, shiftedHigh), b.select(full, low, b.do('i64.shl', low, b.i64(1))));
};

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
const divide: Arithmetic = (b, x, y, exit) => {
  const sign = b.do('i32.and', b.do('i32.xor', x.top, y.top), b.i32(signBit));
  needNormal(b, x, y, (_, yZero) => {
    b.unusual(yZero);
    exit(b.i64(0), sign, b.i32(0));
  });
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
const squareRoot = (b: OperationBuilder, x: Extended, exit: Exit): void => {
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

// ── instructions ────────────────────────────────────────────────────────────────────────────────────────────────────

const negated = (b: OperationBuilder, { significand, top }: Extended): Extended => ({ significand, top: b.do('i32.xor', top, b.i32(signBit)) });

/** x op y, the usual way. @returns the result, and flags of the status word */
function operate(b: OperationBuilder, operation: number, x: Extended, y: Extended): { value: Extended; flags: Value } {
  const compute = (function_: Arithmetic, p: Extended, q: Extended): { value: Extended; flags: Value } => {
    const [significand, top, flags] = b.block(['i64', 'i32', 'i32'], (exit) => function_(b, p, q, exit)) as [Value, Value, Value];
    return { value: { significand, top }, flags };
  };
  switch (operation) {
    case Operation.add: return compute(add, x, y);
    case Operation.multiply: return compute(multiply, x, y);
    case Operation.subtract: return compute(add, x, negated(b, y));
    case Operation.subtractReversed: return compute(add, y, negated(b, x));
    case Operation.divide: return compute(divide, x, y);
    default: return compute(divide, y, x);
  }
}

for (const operation of Object.values(Operation)) {
  for (const { arithmetic: opcode, format, bytes } of loadForms) {
    if (opcode === undefined) continue;
    memoryOperation({ opcode, middle: operation, bytes }, (b) => {
      const stack = new Stack(b);
      stack.needUsual('arithmetic');
      const { value, flags } = operate(b, operation, stack.read(0), loadFormat(b, format));
      stack.write(0, value);
      stack.finish(flags);
    });
  }
  // D8: to ST(0); DC: to ST(i); DE: to ST(i), and pop
  for (const [opcode, toFirst, pops] of [[0xd8, true, 0], [0xdc, false, 0], [0xde, false, 1]] as const) {
    registerOperation(opcode, 0xc0 + operation * 8, 8, (b) => {
      const stack = new Stack(b);
      stack.needUsual('arithmetic');
      const { value, flags } = operate(b, operation, stack.read(0), stack.read(b.operand));
      stack.write(toFirst ? 0 : b.operand, value);
      stack.finish(flags, pops);
    });
  }
}

/** FSQRT. */
registerOperation(0xd9, 0xfa, 1, (b) => {
  const stack = new Stack(b);
  stack.needUsual('arithmetic');
  const [significand, top, flags] = b.block(['i64', 'i32', 'i32'], (exit) => squareRoot(b, stack.read(0), exit)) as [Value, Value, Value];
  stack.write(0, { significand, top });
  stack.finish(flags);
});

/** Order of two numbers that are normal, zero or infinite: C0 is less, C3 equal, 0 greater. */
function order(b: OperationBuilder, x: Extended, y: Extended): Value {
  const isInfinite = (value: Extended): Value =>
    b.do('i32.and', b.do('i32.eq', exponentOf(b, value), b.i32(maxExponent)), b.do('i64.eq', value.significand, b.i64(topSignificandBit)));
  const comparable = (value: Extended): Value => b.do('i32.or', b.do('i32.or', isNormal(b, value), isZero(b, value)), isInfinite(value));
  b.unusual(b.do('i32.eqz', b.do('i32.and', comparable(x), comparable(y))));
  const bothZero = b.do('i64.eqz', b.do('i64.or', x.significand, y.significand));
  const negative = b.do('i32.ne', signOf(b, x), b.i32(0));
  const sameSign = b.do('i32.eq', signOf(b, x), signOf(b, y));
  const [xExponent, yExponent] = [exponentOf(b, x), exponentOf(b, y)];
  const sameExponent = b.do('i32.eq', xExponent, yExponent);
  const same = b.do('i32.and', sameExponent, b.do('i64.eq', x.significand, y.significand));
  const smaller = b.select(sameExponent, b.do('i64.lt_u', x.significand, y.significand), b.do('i32.lt_u', xExponent, yExponent));
  // of negative numbers the one of smaller magnitude is greater
  const less = b.select(sameSign, b.do('i32.xor', smaller, negative), negative);
  const equal = b.do('i32.or', bothZero, b.do('i32.and', same, sameSign));
  return b.select(equal, b.i32(Status.c3), b.select(less, b.i32(Status.c0), b.i32(0)));
}

for (const [middle, pops] of [[2, 0], [3, 1]] as const) {
  for (const { arithmetic: opcode, format, bytes } of loadForms) {
    if (opcode === undefined) continue;
    memoryOperation({ opcode, middle, bytes }, (b) => {
      const stack = new Stack(b);
      stack.finishComparison(order(b, stack.read(0), loadFormat(b, format)), pops);
    });
  }
}
// FCOM, FCOMP, FUCOM, FUCOMP, FCOMPP, FUCOMPP: without NaNs there is no difference between the quiet ones and the others
for (const [opcode, modrm, count, pops] of [
  [0xd8, 0xd0, 8, 0], [0xd8, 0xd8, 8, 1], [0xdd, 0xe0, 8, 0], [0xdd, 0xe8, 8, 1], [0xde, 0xd9, 1, 2], [0xda, 0xe9, 1, 2],
] as const) {
  registerOperation(opcode, modrm, count, (b) => {
    const stack = new Stack(b);
    stack.finishComparison(order(b, stack.read(0), stack.read(count === 1 ? 1 : b.operand)), pops);
  });
}
/** FTST. */
registerOperation(0xd9, 0xe4, 1, (b) => {
  const stack = new Stack(b);
  stack.finishComparison(order(b, stack.read(0), { significand: b.i64(0), top: b.i32(0) }), 0);
});
// FCOMI, FUCOMI, FCOMIP, FUCOMIP
for (const [opcode, modrm, pops] of [[0xdb, 0xf0, 0], [0xdb, 0xe8, 0], [0xdf, 0xf0, 1], [0xdf, 0xe8, 1]] as const) {
  registerOperation(opcode, modrm, 8, (b) => {
    const stack = new Stack(b);
    const conditions = order(b, stack.read(0), stack.read(b.operand));
    b.setComparison(b.do('i32.eq', conditions, b.i32(Status.c3)), b.do('i32.eq', conditions, b.i32(Status.c0)));
    stack.pop(pops);
  }, { flags: true, feature: Feature.cmov });
}
