/*
 * Arithmetic instructions and comparisons. Sums, products and quotients are next door.
 */
import { Feature } from '../cpuid.js';
import type { OperationBuilder } from '../operations/operation.js';
import type { Value } from '../wasm/function-builder.js';
import { memoryOperation, registerOperation, Stack } from './compiled.js';
import { exponentOf, type Extended, isNormal, isZero, signBit, topSignificandBit } from './compiled-number.js';
import { loadFormat, loadForms } from './compiled-formats.js';
import { multiply } from './compiled-product.js';
import { divide, squareRoot } from './compiled-quotient.js';
import { type Arithmetic, signOf } from './compiled-rounding.js';
import { add } from './compiled-sum.js';
import { Operation } from './compute.js';
import { Status } from './environment.js';
import { maxExponent } from './float80.js';
import { Format } from './transfer.js';

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

/** All but the divisions, which are long. */
const isFrequent = (operation: number): boolean => operation !== Operation.divide && operation !== Operation.divideReversed;

for (const operation of Object.values(Operation)) {
  for (const { arithmetic: opcode, format, bytes } of loadForms) {
    if (opcode === undefined) continue;
    memoryOperation({ opcode, middle: operation, bytes, frequent: format === Format.double && isFrequent(operation) }, (b) => {
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
    }, { frequent: isFrequent(operation) });
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
