/*
 * Instructions that compute: the arithmetic forms with their operand orders, comparisons, and the one- and
 * two-operand functions.
 *
 * All have the same shape: an empty operand is a stack underflow; otherwise compute; unless an unmasked exception
 * forbids it, write the result and pop.
 */
import { writeArithmeticFlags } from '../flags.js';
import type { Instruction } from '../instruction.js';
import type { Processor } from '../processor.js';
import { Eflags, State } from '../state.js';
import { Order, add, compare, denormalOperand, divide, multiply, nanOperand } from './arithmetic.js';
import { roundToInteger } from './convert.js';
import { Exception, Status, beginOperation, commitExceptions, env, isBlocked, raiseException } from './environment.js';
import { Float80, Kind, bias, integerBit, kindOf, setDefaultNan, setZero } from './float80.js';
import { extract, partialRemainder, remainderResult, scale, squareRoot } from './special.js';
import { isUsed, pop, push, readStack, stackOverflow, stackUnderflow, writeStack } from './stack.js';
import {
  arcTangent, multiplyLogarithm, multiplyLogarithmPlusOne, powerOfTwoMinusOne, trigonometric,
} from './transcendental.js';
import { readOperand } from './transfer.js';

const first = new Float80();
const second = new Float80();
const result = new Float80();
const extra = new Float80();

/** The arithmetic operations in the order of ModRM's middle bits; 2 and 3 are comparisons. */
export const Operation = { add: 0, multiply: 1, subtract: 4, subtractReversed: 5, divide: 6, divideReversed: 7 } as const;

function operate(operation: number, a: Float80, b: Float80): void {
  switch (operation) {
    case Operation.add:
      add(a, b, 0, result);
      break;
    case Operation.multiply:
      multiply(a, b, result);
      break;
    case Operation.subtract:
      add(a, b, 1, result);
      break;
    case Operation.subtractReversed:
      add(b, a, 1, result);
      break;
    case Operation.divide:
      divide(a, b, result);
      break;
    default:
      divide(b, a, result);
  }
}

/** Write the result to ST(i) unless an exception forbids it, pop if asked, and commit. */
function finish(cpu: Processor, i: number, popAfter: boolean): void {
  if (!isBlocked()) {
    writeStack(cpu, i, result);
    if (popAfter) pop(cpu);
  }
  commitExceptions(cpu.i32, env.roundedUp);
}

function underflowResult(): void {
  stackUnderflow();
  setDefaultNan(result);
}

/** ST(0) = ST(0) op memory. */
export function arithmeticMemory(cpu: Processor, insn: Instruction, operation: number, format: number): void {
  const denormal = readOperand(cpu, insn, format, second);
  beginOperation(cpu.i32);
  if (isUsed(cpu, 0)) {
    readStack(cpu, 0, first);
    if (denormal) denormalMemory(operation === Operation.divideReversed);
    if (!isBlocked()) operate(operation, first, second);
  } else {
    underflowResult();
  }
  finish(cpu, 0, false);
}

/** A single or double in memory was denormal: an exception, unless one of higher priority comes first. */
function denormalMemory(isDividend: boolean): void {
  const kind = kindOf(first);
  if (kind >= Kind.quietNan || (isDividend && kind === Kind.zero)) return;
  raiseException(Exception.denormal);
}

/** ST(target) = ST(0) op ST(i), where target is 0 or i. */
export function arithmeticRegister(cpu: Processor, i: number, operation: number, target: number, popAfter: boolean): void {
  beginOperation(cpu.i32);
  if (isUsed(cpu, 0) && isUsed(cpu, i)) {
    readStack(cpu, 0, first);
    readStack(cpu, i, second);
    operate(operation, first, second);
  } else {
    underflowResult();
  }
  finish(cpu, target, popAfter);
}

/** C3, C2, C0 by Order. */
const conditionCodes = [Status.c0, Status.c3, 0, Status.c3 | Status.c2 | Status.c0] as const;
/** ZF, PF, CF by Order. */
const conditionFlags = [Eflags.cf, Eflags.zf, 0, Eflags.zf | Eflags.pf | Eflags.cf] as const;

function setConditions(cpu: Processor, conditions: number): void {
  const at = State.fpuStatus >> 2;
  cpu.i32[at] = (cpu.i32[at]! & ~Status.conditions) | conditions;
}

function c1Of(cpu: Processor): boolean {
  return (cpu.i32[State.fpuStatus >> 2]! & Status.c1) !== 0;
}

/** Where a comparison leaves its answer. */
function finishComparison(cpu: Processor, order: number, pops: number, toFlags: boolean): void {
  // even an unmasked exception leaves its answer, "unordered"; it only keeps the operands from being popped
  if (toFlags) writeArithmeticFlags(cpu.i32, conditionFlags[order]!);
  else setConditions(cpu, conditionCodes[order]!);
  if (!isBlocked()) {
    for (let i = 0; i < pops; i++) pop(cpu);
  }
  // FCOMI and its kin leave C1 alone unless the stack was at fault
  commitExceptions(cpu.i32, toFlags && (env.raised & Exception.stackFault) === 0 && c1Of(cpu));
}

/** FCOM, FCOMP with a memory operand; FICOM, FICOMP. */
export function compareMemory(cpu: Processor, insn: Instruction, format: number, pops: number): void {
  const denormal = readOperand(cpu, insn, format, second);
  beginOperation(cpu.i32);
  let order: number = Order.unordered;
  if (isUsed(cpu, 0)) {
    readStack(cpu, 0, first);
    if (denormal) denormalMemory(false);
    order = compare(first, second, false);
  } else {
    stackUnderflow();
  }
  finishComparison(cpu, order, pops, false);
}

/** FCOM, FUCOM, FCOMI, FUCOMI and their popping forms. */
export function compareRegister(cpu: Processor, i: number, quiet: boolean, pops: number, toFlags: boolean): void {
  beginOperation(cpu.i32);
  let order: number = Order.unordered;
  if (isUsed(cpu, 0) && isUsed(cpu, i)) {
    readStack(cpu, 0, first);
    readStack(cpu, i, second);
    order = compare(first, second, quiet);
  } else {
    stackUnderflow();
  }
  finishComparison(cpu, order, pops, toFlags);
}

/** FTST: compare with 0. */
export function compareZero(cpu: Processor): void {
  beginOperation(cpu.i32);
  let order: number = Order.unordered;
  if (isUsed(cpu, 0)) {
    readStack(cpu, 0, first);
    setZero(second, 0);
    order = compare(first, second, false);
  } else {
    stackUnderflow();
  }
  finishComparison(cpu, order, 0, false);
}

/** C3, C2, C0 by Kind: normal, denormal, zero, infinity, NaNs, unsupported. */
const classCodes = [Status.c2, Status.c3 | Status.c2, Status.c3, Status.c2 | Status.c0, Status.c0, Status.c0, 0] as const;

/** FXAM: what is in ST(0)? C1 is the sign, even of an empty register. */
export function examine(cpu: Processor): void {
  readStack(cpu, 0, first);
  const code = isUsed(cpu, 0) ? classCodes[kindOf(first)]! : Status.c3 | Status.c0;
  setConditions(cpu, code | (first.sign ? Status.c1 : 0));
}

/** ST(0) = f(ST(0)). */
function unary(cpu: Processor, compute: () => void): void {
  beginOperation(cpu.i32);
  if (isUsed(cpu, 0)) {
    readStack(cpu, 0, first);
    compute();
  } else {
    underflowResult();
  }
  finish(cpu, 0, false);
}

/** ST(target) = f(ST(0), ST(1)). */
function binary(cpu: Processor, target: 0 | 1, compute: () => void): void {
  beginOperation(cpu.i32);
  if (isUsed(cpu, 0) && isUsed(cpu, 1)) {
    readStack(cpu, 0, first);
    readStack(cpu, 1, second);
    compute();
  } else {
    underflowResult();
  }
  finish(cpu, target, target === 1);
}

export function fsqrt(cpu: Processor): void {
  unary(cpu, () => squareRoot(first, result));
}

export function frndint(cpu: Processor): void {
  unary(cpu, () => {
    const kind = kindOf(first);
    if (kind >= Kind.quietNan) nanOperand(first, kind, result);
    else if (!denormalOperand(kind, kind)) roundToInteger(first, result);
  });
}

export function f2xm1(cpu: Processor): void {
  unary(cpu, () => powerOfTwoMinusOne(first, result));
}

export function fscale(cpu: Processor): void {
  binary(cpu, 0, () => scale(first, second, result));
}

export function fyl2x(cpu: Processor): void {
  binary(cpu, 1, () => multiplyLogarithm(first, second, result));
}

export function fyl2xp1(cpu: Processor): void {
  binary(cpu, 1, () => multiplyLogarithmPlusOne(first, second, result));
}

export function fpatan(cpu: Processor): void {
  binary(cpu, 1, () => arcTangent(first, second, result));
}

/** FPREM, FPREM1: the quotient's low bits go to C0, C3 and C1, C2 says "not finished". */
export function remainder(cpu: Processor, nearest: boolean): void {
  remainderResult.computed = false;
  binary(cpu, 0, () => partialRemainder(first, second, nearest, result));
  const { computed, complete, quotient } = remainderResult;
  if (!computed) {
    setRange(cpu, false);
    return;
  }
  let conditions = 0;
  if (!complete) {
    conditions = Status.c2;
  } else {
    if (quotient & 4) conditions |= Status.c0;
    if (quotient & 2) conditions |= Status.c3;
    if (quotient & 1) conditions |= Status.c1;
  }
  setConditions(cpu, conditions);
}

/** FXTRACT: ST(0) becomes its exponent, and its significand is pushed. */
export function fxtract(cpu: Processor): void {
  beginOperation(cpu.i32);
  pushSecond(cpu, () => extract(first, result, extra));
}

/**
 * The instructions that replace ST(0) by `result` and push `extra`: both need ST(0) in use and ST(7) empty.
 */
function pushSecond(cpu: Processor, compute: () => void): void {
  const used = isUsed(cpu, 0);
  if (used && !isUsed(cpu, 7)) {
    readStack(cpu, 0, first);
    compute();
  } else {
    if (used) stackOverflow();
    else stackUnderflow();
    setDefaultNan(result);
    setDefaultNan(extra);
  }
  if (!isBlocked()) {
    writeStack(cpu, 0, result);
    push(cpu, extra);
  }
  commitExceptions(cpu.i32, env.roundedUp);
}

/** C2 tells that the argument was out of range. */
function setRange(cpu: Processor, outOfRange: boolean): void {
  const at = State.fpuStatus >> 2;
  cpu.i32[at] = (cpu.i32[at]! & ~Status.c2) | (outOfRange ? Status.c2 : 0);
}

/**
 * Is ST(0) a finite number too large for the trigonometric instructions? Then they leave everything as it is, unless
 * they had to push and cannot.
 */
function isOutOfRange(cpu: Processor, pushes: boolean): boolean {
  readStack(cpu, 0, first);
  const possible = isUsed(cpu, 0) && !(pushes && isUsed(cpu, 7));
  const outOfRange = possible && kindOf(first) === Kind.normal && first.exponent >= bias + 63;
  if (outOfRange) {
    beginOperation(cpu.i32);
    commitExceptions(cpu.i32, false);
  }
  setRange(cpu, outOfRange);
  return outOfRange;
}

export function fsin(cpu: Processor): void {
  if (isOutOfRange(cpu, false)) return;
  unary(cpu, () => trigonometric(first, { sine: result }));
}

export function fcos(cpu: Processor): void {
  if (isOutOfRange(cpu, false)) return;
  unary(cpu, () => trigonometric(first, { cosine: result }));
}

/** FSINCOS: ST(0) becomes the sine, and the cosine is pushed. */
export function fsincos(cpu: Processor): void {
  if (isOutOfRange(cpu, true)) return;
  beginOperation(cpu.i32);
  pushSecond(cpu, () => trigonometric(first, { sine: result, cosine: extra }));
}

/** FPTAN: ST(0) becomes the tangent, and 1 is pushed. */
export function fptan(cpu: Processor): void {
  if (isOutOfRange(cpu, true)) return;
  beginOperation(cpu.i32);
  pushSecond(cpu, () => {
    trigonometric(first, { tangent: result });
    if (kindOf(result) >= Kind.quietNan) extra.copy(result);
    else extra.set(0, bias, integerBit, 0);
  });
}
