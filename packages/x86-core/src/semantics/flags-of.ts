/*
 * How results leave their flags behind: the bridge between arithmetic and the lazy words of flags.ts.
 */
import type { Builder, Difference } from '../builder.js';
import { Eflags } from '../state.js';

const adjustBit = 0x10;

/** Bits in an operand of `b.size` bytes. */
export function bitsOf(size: number): number {
  return size * 8;
}

/** The value sign-extended from the operand size to 32 bits. */
export function signExtend<V>(b: Builder<V>, value: V, size = b.size): V {
  return size === 1 ? b.signExtend8(value) : size === 2 ? b.signExtend16(value) : value;
}

/** The value zero-extended from the operand size. */
export function truncate<V>(b: Builder<V>, value: V, size = b.size): V {
  return size === 4 ? value : b.and(value, b.imm(size === 1 ? 0xff : 0xffff));
}

/** Bit 31 of the value moved down from the operand's own sign bit: 0 or 1. */
export function topBit<V>(b: Builder<V>, value: V): V {
  const bit = b.shr(value, b.imm(bitsOf(b.size) - 1));
  return b.size === 4 ? bit : b.and(bit, b.imm(1));
}

/** Flags of sum = x + y, or of the subtraction sum - x = y; `result` is what ZF, SF and PF look at. */
function setAdditionFlags<V>(b: Builder<V>, result: V, x: V, y: V, sum: V): void {
  if (b.size === 4) {
    b.setFlags(result, result, x, sum);
    return;
  }
  const shift = b.imm(32 - bitsOf(b.size));
  const extended = signExtend(b, result);
  const adjust = b.and(b.xor(b.xor(x, y), sum), b.imm(adjustBit));
  b.setFlags(extended, extended, b.or(b.shl(x, shift), b.shr(adjust, b.imm(1))), b.or(b.shl(sum, shift), adjust));
}

/** Flags of result = a + c. */
export function setAddFlags<V>(b: Builder<V>, a: V, c: V, result: V): void {
  setAdditionFlags(b, result, a, c, result);
}

/** Flags of result = a - c. */
export function setSubtractFlags<V>(b: Builder<V>, a: V, c: V, result: V): void {
  setAdditionFlags(b, result, c, result, a);
  b.noteDifference?.({ left: a, right: c, size: b.size });
}

/** Flags of a logical result: CF = OF = 0 (and AF = 0, which the manual leaves open). */
export function setLogicFlags<V>(b: Builder<V>, result: V): void {
  const extended = signExtend(b, result);
  b.setFlags(extended, extended, b.imm(0), b.imm(0));
}

/** The lazy pair for explicit CF, OF, AF values (each 0 or 1). Same table as carryAddend() and carrySum(). */
export function carryPair<V>(b: Builder<V>, carry: V, overflow: V, adjust?: V): { addend: V; sum: V } {
  const top = b.or(b.shl(carry, b.imm(31)), b.shl(b.xor(carry, overflow), b.imm(30)));
  const alone = b.shl(b.and(overflow, b.xor(carry, b.imm(1))), b.imm(31));
  if (adjust === undefined) return { addend: top, sum: alone };
  return { addend: b.or(top, b.shl(adjust, b.imm(3))), sum: b.or(alone, b.shl(adjust, b.imm(4))) };
}

/** CF as 0 or 1. */
export function carry<V>(b: Builder<V>): V {
  return b.lessUnsigned(b.sum(), b.addend());
}

/** A word whose bit 31 is OF. */
function overflowWord<V>(b: Builder<V>): V {
  const x = b.addend();
  const s = b.sum();
  return b.and(b.xor(x, s), b.xor(b.sub(s, x), s));
}

/** OF as 0 or 1. */
export function overflow<V>(b: Builder<V>): V {
  return b.shr(overflowWord(b), b.imm(31));
}

/** AF as 0 or 1. */
export function adjust<V>(b: Builder<V>): V {
  const x = b.addend();
  const s = b.sum();
  return b.and(b.shr(b.xor(b.xor(x, s), b.sub(s, x)), b.imm(4)), b.imm(1));
}

/** PF as 0 or 1. */
export function parity<V>(b: Builder<V>): V {
  return b.and(b.xor(b.popcount(b.and(b.signWord(), b.imm(0xff))), b.imm(1)), b.imm(1));
}

/** A condition on the flags of a difference as one comparison of its sides; undefined for those that are none. Both sides are `size` bytes. */
function comparisonHolds<V>(b: Builder<V>, code: number, { left, right, size }: Difference<V>): V | undefined {
  const signed = (value: V): V => signExtend(b, value, size);
  switch (code) {
    case 2: return b.lessUnsigned(left, right);
    case 3: return b.isZero(b.lessUnsigned(left, right));
    case 4: return b.eq(left, right);
    case 5: return b.ne(left, right);
    case 6: return b.isZero(b.lessUnsigned(right, left));
    case 7: return b.lessUnsigned(right, left);
    case 12: return b.lessSigned(signed(left), signed(right));
    case 13: return b.isZero(b.lessSigned(signed(left), signed(right)));
    case 14: return b.isZero(b.lessSigned(signed(right), signed(left)));
    case 15: return b.lessSigned(signed(right), signed(left));
    default: return undefined;
  }
}

/** Condition codes 0..15 of Jcc, SETcc and CMOVcc as a value that is 0 when false (SDM volume 1, appendix B). */
export function conditionHolds<V>(b: Builder<V>, code: number): V {
  const difference = b.lastDifference?.();
  return (difference && comparisonHolds(b, code, difference)) ?? flagsHold(b, code);
}

/** The same from the words of the flags, whatever they are of. */
function flagsHold<V>(b: Builder<V>, code: number): V {
  const negate = (code & 1) === 1;
  const finish = (value: V): V => (negate ? b.isZero(value) : value);
  switch (code >> 1) {
    case 0: return finish(overflow(b));
    case 1: return finish(carry(b));
    case 2: return negate ? b.ne(b.zeroWord(), b.imm(0)) : b.isZero(b.zeroWord());
    case 3: return finish(b.or(carry(b), b.isZero(b.zeroWord())));
    case 4: return finish(b.lessSigned(b.signWord(), b.imm(0)));
    case 5: return finish(parity(b));
    case 6: return finish(b.lessSigned(b.xor(b.signWord(), overflowWord(b)), b.imm(0)));
    default:
      return finish(b.or(b.lessSigned(b.xor(b.signWord(), overflowWord(b)), b.imm(0)), b.isZero(b.zeroWord())));
  }
}

/** Low byte of EFLAGS as LAHF and the BCD instructions see it: SF ZF 0 AF 0 PF 1 CF. */
export function flagsByte<V>(b: Builder<V>): V {
  const bit = (value: V, mask: number): V => b.select(value, b.imm(mask), b.imm(0));
  return [
    bit(b.lessSigned(b.signWord(), b.imm(0)), Eflags.sf),
    bit(b.isZero(b.zeroWord()), Eflags.zf),
    bit(adjust(b), Eflags.af),
    bit(parity(b), Eflags.pf),
    carry(b),
  ].reduce((all, one) => b.or(all, one), b.imm(Eflags.always));
}

/** All six arithmetic flags from an EFLAGS image. */
export function setArithmeticFlags<V>(b: Builder<V>, image: V): void {
  const bit = (mask: number): V => b.ne(b.and(image, b.imm(mask)), b.imm(0));
  const { addend, sum } = carryPair(b, bit(Eflags.cf), bit(Eflags.of), bit(Eflags.af));
  // the sign word's low byte is 0 for even parity, 1 for odd
  b.setFlags(b.xor(bit(Eflags.zf), b.imm(1)), b.or(b.shl(bit(Eflags.sf), b.imm(31)), b.xor(bit(Eflags.pf), b.imm(1))), addend, sum);
}

/** The whole EFLAGS register. */
export function readFlags<V>(b: Builder<V>): V {
  return b.or(b.or(b.eflags(), flagsByte(b)), b.shl(overflow(b), b.imm(11)));
}

/** Replace CF, keeping all others. */
export function setCarry<V>(b: Builder<V>, carried: V): void {
  const { addend, sum } = carryPair(b, carried, overflow(b), adjust(b));
  b.setCarries(addend, sum);
}

/** Replace CF and OF, keeping AF (which shifts and rotates leave alone) and the rest. */
export function setCarryAndOverflow<V>(b: Builder<V>, carried: V, overflowed: V): void {
  const { addend, sum } = carryPair(b, carried, overflowed, adjust(b));
  b.setCarries(addend, sum);
}
