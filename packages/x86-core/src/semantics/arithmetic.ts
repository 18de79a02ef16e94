/*S:140
 * Arithmetic and logic: the instructions every program is made of.
 *
 * Each reads its operands, computes, stores, and leaves its flags behind lazily. Storing comes before the flags because
 * a store may fault and a fault must leave no trace.
 */
import type { Builder } from '../builder.js';
import { Feature } from '../cpuid.js';
import { define } from '../definition.js';
import { Vector } from '../fault.js';
import { setZeroFlag } from '../flags.js';
import { compareExchangeCall } from '../operations/compare-exchange.js';
import { Register, State } from '../state.js';
import {
  bitsOf, carry, carryPair, overflow, setAddFlags, setCarryAndOverflow, setLogicFlags, setSubtractFlags, signExtend, topBit, truncate,
} from './flags-of.js';

const { eax, ecx, edx, ebx } = Register;
const GPR = State.gpr >> 2;
const binary = { uses: 'rw r', hot: true, lockable: true } as const;
const unary = { uses: 'rw', hot: true, lockable: true } as const;

define('add', { ...binary, execute: (b) => {
  const x = b.get(0);
  const y = b.get(1);
  const result = b.add(x, y);
  b.set(0, result);
  setAddFlags(b, x, y, result);
} });

define('sub', { ...binary, execute: (b) => {
  const x = b.get(0);
  const y = b.get(1);
  const result = b.sub(x, y);
  b.set(0, result);
  setSubtractFlags(b, x, y, result);
} });

define('cmp', { uses: 'r r', hot: true, execute: (b) => {
  const x = b.get(0);
  const y = b.get(1);
  setSubtractFlags(b, x, y, b.sub(x, y));
} });

/** Flags of a three-way addition or subtraction, whose carry cannot be read off one addition. */
function setCarryChainFlags<V>(b: Builder<V>, result: V, carryOut: V, overflowBits: V, adjustBits: V): void {
  const extended = signExtend(b, result);
  const adjusted = b.and(b.shr(adjustBits, b.imm(4)), b.imm(1));
  const { addend, sum } = carryPair(b, carryOut, topBit(b, overflowBits), adjusted);
  b.setFlags(extended, extended, addend, sum);
}

define('adc', { ...binary, execute: (b) => {
  const x = b.get(0);
  const y = b.get(1);
  const c = carry(b);
  const result = b.add(b.add(x, y), c);
  b.set(0, result);
  const carryOut = b.size === 4
    ? b.or(b.lessUnsigned(result, x), b.and(c, b.eq(result, x)))
    : b.and(b.shr(result, b.imm(bitsOf(b.size))), b.imm(1));
  const differs = b.xor(x, result);
  setCarryChainFlags(b, result, carryOut, b.and(differs, b.xor(y, result)), b.xor(differs, y));
} });

define('sbb', { ...binary, execute: (b) => {
  const x = b.get(0);
  const y = b.get(1);
  const c = carry(b);
  const result = b.sub(b.sub(x, y), c);
  b.set(0, result);
  const borrow = b.or(b.lessUnsigned(x, y), b.and(c, b.eq(x, y)));
  const differs = b.xor(x, y);
  setCarryChainFlags(b, result, borrow, b.and(differs, b.xor(x, result)), b.xor(differs, result));
} });

function logic(name: string, compute: <V>(b: Builder<V>, x: V, y: V) => V): void {
  define(name, { ...binary, execute: (b) => {
    const result = compute(b, b.get(0), b.get(1));
    b.set(0, result);
    setLogicFlags(b, result);
  } });
}
logic('and', (b, x, y) => b.and(x, y));
logic('or', (b, x, y) => b.or(x, y));
logic('xor', (b, x, y) => b.xor(x, y));

define('test', { uses: 'r r', hot: true, execute: (b) => setLogicFlags(b, b.and(b.get(0), b.get(1))) });

/** INC and DEC leave CF as it was. */
function step(name: string, direction: 1 | -1): void {
  define(name, { ...unary, execute: (b) => {
    const x = b.get(0);
    const result = truncate(b, b.add(x, b.imm(direction)));
    b.set(0, result);
    const lowest = 1 << (bitsOf(b.size) - 1);
    const overflowed = b.eq(direction === 1 ? result : x, b.imm(lowest));
    const adjusted = b.isZero(b.and(direction === 1 ? result : x, b.imm(0xf)));
    const { addend, sum } = carryPair(b, carry(b), overflowed, adjusted);
    const extended = signExtend(b, result);
    b.setFlags(extended, extended, addend, sum);
  } });
}
step('inc', 1);
step('dec', -1);

define('not', { ...unary, execute: (b) => b.set(0, b.xor(b.get(0), b.imm(-1))) });

define('neg', { ...unary, execute: (b) => {
  const x = b.get(0);
  const result = b.sub(b.imm(0), x);
  b.set(0, result);
  setSubtractFlags(b, b.imm(0), x, result);
} });

/**
 * CF = OF = "the high half says something new". The others are undefined: SF and PF follow the low half and ZF and AF are
 * cleared, or all are kept.
 */
function setMultiplyFlags<V>(b: Builder<V>, low: V, lost: V): void {
  if (b.undefinedResults === 'amd') return setCarryAndOverflow(b, lost, lost);
  const extended = signExtend(b, low);
  const { addend, sum } = carryPair(b, lost, lost);
  b.setFlags(b.imm(1), extended, addend, sum);
}

/** One-operand multiplications: eax × operand into edx:eax (or ax, dx:ax). */
function multiply(name: string, signed: boolean): void {
  define(name, { uses: 'r', hot: true, execute: (b) => {
    const widen = <V>(w: Builder<V>, value: V): V => (signed ? signExtend(w, value) : value);
    const x = widen(b, b.gpr(eax, b.size));
    const y = widen(b, b.get(0));
    const low = b.mul(x, y);
    if (b.size === 4) {
      const high = signed ? b.mulHighSigned(x, y) : b.mulHighUnsigned(x, y);
      b.setGpr(eax, 4, low);
      b.setGpr(edx, 4, high);
      setMultiplyFlags(b, low, b.ne(high, signed ? b.sar(low, b.imm(31)) : b.imm(0)));
      return;
    }
    if (b.size === 2) {
      b.setGpr(eax, 2, low);
      b.setGpr(edx, 2, b.shr(low, b.imm(16)));
    } else b.setGpr(eax, 2, low);
    setMultiplyFlags(b, low, b.ne(low, signed ? signExtend(b, low) : truncate(b, low)));
  } });
}
multiply('mul', false);
multiply('imul_wide', true);

/** Two- and three-operand IMUL: slot 0 := the product of the other two. */
function multiplyInto(name: string, uses: string, left: number, right: number): void {
  define(name, { uses, hot: true, execute: (b) => {
    const x = signExtend(b, b.get(left));
    const y = signExtend(b, b.get(right));
    const low = b.mul(x, y);
    b.set(0, low);
    setMultiplyFlags(b, low, b.size === 4
      ? b.ne(b.mulHighSigned(x, y), b.sar(low, b.imm(31)))
      : b.ne(low, signExtend(b, low)));
  } });
}
multiplyInto('imul', 'rw r', 0, 1);
multiplyInto('imul3', 'w r r', 1, 2);

/** Undefined, all of them: kept, or CF and OF kept, AF set, SF, ZF and PF clear. */
function setDivideFlags<V>(b: Builder<V>): void {
  if (b.undefinedResults === 'intel') return;
  const { addend, sum } = carryPair(b, carry(b), overflow(b), b.imm(1));
  b.setFlags(b.imm(1), b.imm(1), addend, sum);
}

/** A quotient that does not fit is #DE, with nothing changed. */
function divide(name: string, signed: boolean): void {
  define(name, { uses: 'r', hot: true, execute: (b) => {
    const divisor = b.get(0);
    if (b.size === 4) {
      const high = b.gpr(edx, 4);
      const low = b.gpr(eax, 4);
      const { quotient, remainder } = signed ? b.divideSigned(high, low, divisor) : b.divideUnsigned(high, low, divisor);
      b.setGpr(eax, 4, quotient);
      b.setGpr(edx, 4, remainder);
      setDivideFlags(b);
      return;
    }
    const dividend = b.size === 2
      ? b.or(b.shl(b.gpr(edx, 2), b.imm(16)), b.gpr(eax, 2))
      : signed ? b.signExtend16(b.gpr(eax, 2)) : b.gpr(eax, 2);
    const { quotient, remainder } = signed
      ? b.divideSigned(b.sar(dividend, b.imm(31)), dividend, signExtend(b, divisor))
      : b.divideUnsigned(b.imm(0), dividend, divisor);
    b.when(b.ne(quotient, signed ? signExtend(b, quotient) : truncate(b, quotient)), () => b.raise(Vector.divide));
    if (b.size === 2) {
      b.setGpr(eax, 2, quotient);
      b.setGpr(edx, 2, remainder);
    } else b.setGpr(eax, 2, b.or(truncate(b, quotient), b.shl(truncate(b, remainder), b.imm(8))));
    setDivideFlags(b);
  } });
}
divide('div', false);
divide('idiv', true);

define('xadd', { uses: 'rw rw', hot: true, lockable: true, execute: (b) => {
  const x = b.get(0);
  const y = b.get(1);
  const result = b.add(x, y);
  // memory first, because it may fault; of two registers the destination is written last
  b.set(1, x);
  b.set(0, result);
  setAddFlags(b, x, y, truncate(b, result));
} });

define('cmpxchg', { uses: 'rw r', hot: true, lockable: true, execute: (b) => {
  const old = b.get(0);
  const expected = b.gpr(eax, b.size);
  const equal = b.eq(old, expected);
  b.set(0, b.select(equal, b.get(1), old));
  b.when(equal, () => {}, () => b.setGpr(eax, b.size, old));
  setSubtractFlags(b, expected, old, b.sub(expected, old));
} });

define('cmpxchg8b', { feature: Feature.cx8, findCall: () => compareExchangeCall, rare: (cpu, insn) => {
  const linear = cpu.linear(insn.segment, cpu.effectiveAddress(insn), 8, true);
  cpu.probeWrite(linear, 8);
  const low = cpu.read32(linear) | 0;
  const high = cpu.read32(linear + 4) | 0;
  const regs = cpu.i32;
  const equal = low === regs[GPR + eax] && high === regs[GPR + edx];
  cpu.write32(linear, equal ? regs[GPR + ebx]! : low);
  cpu.write32(linear + 4, equal ? regs[GPR + ecx]! : high);
  if (!equal) {
    regs[GPR + eax] = low;
    regs[GPR + edx] = high;
  }
  setZeroFlag(cpu.i32, equal);
}, lockable: true });
