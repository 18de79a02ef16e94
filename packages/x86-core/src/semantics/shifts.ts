/*
 * Shifts and rotates. Counts are taken modulo 32; a count of 0 changes nothing, not even flags.
 *
 * Where the manual leaves OF open (counts above 1) makers differ: one has what the first step of many leaves, the other
 * the last. They differ about AF, too; see undefined-results.ts.
 */
import type { Builder } from '../builder.js';
import { define } from '../definition.js';
import { SlotKind } from '../instruction.js';
import { bitsOf, carry, carryPair, overflow, setCarryAndOverflow, signExtend, topBit, truncate } from './flags-of.js';

const countMask = 31;
const options = { uses: 'rw r', hot: true } as const;

function setShiftFlags<V>(b: Builder<V>, result: V, carryOut: V, overflowed: V): void {
  const extended = signExtend(b, result);
  const { addend, sum } = carryPair(b, carryOut, overflowed, b.undefinedResults === 'amd' ? b.imm(1) : undefined);
  b.setFlags(extended, extended, addend, sum);
}

/** OF after a step to the left: the two top bits differ. */
function overflowLeft<V>(b: Builder<V>, x: V): V {
  return topBit(b, b.xor(x, b.shl(x, b.imm(1))));
}

/** OF after one step to the right, by the result: its two top bits differ. */
function overflowRight<V>(b: Builder<V>, result: V): V {
  return b.xor(topBit(b, result), b.and(b.shr(result, b.imm(bitsOf(b.size) - 2)), b.imm(1)));
}

/** One of two values, by whose undefined results are wanted: after the first step (Intel) or the last one (AMD). */
function firstOrLast<V>(b: Builder<V>, first: () => V, last: () => V): V {
  return b.undefinedResults === 'intel' ? first() : last();
}

/** CF and OF after ROL or ROR. Intel's processors leave OF as it was in a register rotated by an immediate other than 1. */
function setRotateFlags<V>(b: Builder<V>, count: V, out: V, overflowed: V): void {
  const kept = b.undefinedResults === 'intel' && b.kindOf(0) === SlotKind.register && b.kindOf(1) === SlotKind.immediate;
  setCarryAndOverflow(b, out, kept ? b.select(b.eq(count, b.imm(1)), overflowed, overflow(b)) : overflowed);
}

/** Run `body` with the masked count when that is not 0. */
function counted<V>(b: Builder<V>, slot: number, body: (count: V) => void): void {
  const count = b.and(b.get(slot), b.imm(countMask));
  b.when(count, () => body(count));
}

define('shl', { ...options, execute: (b) => counted(b, 1, (count) => {
  const x = b.get(0);
  const bits = bitsOf(b.size);
  // for small operands bit `bits` of the wide result is the last bit out; for 32 bits it is read before shifting
  const wide = b.shl(x, count);
  const out = b.size === 4
    ? b.and(b.shr(x, b.sub(b.imm(32), count)), b.imm(1))
    : b.and(b.shr(wide, b.imm(bits)), b.imm(1));
  b.set(0, wide);
  const result = truncate(b, wide);
  setShiftFlags(b, result, out, firstOrLast(b, () => overflowLeft(b, x), () => b.xor(out, topBit(b, result))));
}) });

define('shr', { ...options, execute: (b) => counted(b, 1, (count) => {
  const x = b.get(0);
  const result = b.shr(x, count);
  b.set(0, result);
  const out = b.and(b.shr(x, b.sub(count, b.imm(1))), b.imm(1));
  setShiftFlags(b, result, out, firstOrLast(b, () => topBit(b, x), () => overflowRight(b, result)));
}) });

define('sar', { ...options, execute: (b) => counted(b, 1, (count) => {
  const x = signExtend(b, b.get(0));
  const result = b.sar(x, count);
  b.set(0, result);
  setShiftFlags(b, result, b.and(b.sar(x, b.sub(count, b.imm(1))), b.imm(1)), b.imm(0));
}) });

/** value rotated left within the operand size; counts below the size. */
function rotateLeft<V>(b: Builder<V>, x: V, count: V): V {
  if (b.size === 4) return b.rotl(x, count);
  return truncate(b, b.or(b.shl(x, count), b.shr(x, b.sub(b.imm(bitsOf(b.size)), count))));
}

define('rol', { ...options, execute: (b) => counted(b, 1, (count) => {
  const x = b.get(0);
  const result = rotateLeft(b, x, b.and(count, b.imm(bitsOf(b.size) - 1)));
  b.set(0, result);
  const out = b.and(result, b.imm(1));
  setRotateFlags(b, count, out, firstOrLast(b, () => overflowLeft(b, x), () => b.xor(out, topBit(b, result))));
}) });

define('ror', { ...options, execute: (b) => counted(b, 1, (count) => {
  const bits = bitsOf(b.size);
  const x = b.get(0);
  const result = rotateLeft(b, x, b.and(b.sub(b.imm(bits), count), b.imm(bits - 1)));
  b.set(0, result);
  const out = topBit(b, result);
  setRotateFlags(b, count, out, firstOrLast(b, () => b.xor(topBit(b, x), b.and(x, b.imm(1))), () => overflowRight(b, result)));
}) });

/**
 * Rotate through carry: a ring of size + 1 bits. `left` of them go in at the top and come out at the bottom; the pieces
 * are shifted in two steps so that no count reaches 32.
 */
function rotateThroughCarry<V>(b: Builder<V>, x: V, left: V, right: V): { result: V; out: V } {
  const bits = bitsOf(b.size);
  const one = b.imm(1);
  const high = b.shl(b.shl(x, b.sub(left, one)), one);
  const carryIn = b.shl(carry(b), b.sub(left, one));
  const low = b.shr(b.shr(x, b.sub(right, one)), one);
  const result = truncate(b, b.or(b.or(high, carryIn), low));
  const out = b.and(b.shr(x, b.sub(b.imm(bits), left)), one);
  return { result, out };
}

/** RCL and RCR: RCR by n is RCL by (size + 1 - n). */
function rotateCarry(name: string, toTheLeft: boolean): void {
  define(name, { ...options, execute: (b) => counted(b, 1, (masked) => {
    const bits = bitsOf(b.size);
    const ring = b.imm(bits + 1);
    // counts 0..31 modulo 9 or 17; 33 is beyond reach
    let count = masked;
    for (let times = 0; times < (b.size === 1 ? 3 : b.size === 2 ? 1 : 0); times++)
      count = b.select(b.lessUnsigned(count, ring), count, b.sub(count, ring));
    const last = (result: typeof count, out: typeof count): typeof count =>
      (toTheLeft ? b.xor(topBit(b, result), out) : overflowRight(b, result));
    b.when(count, () => {
      const other = b.sub(ring, count);
      const x = b.get(0);
      const { result, out } = rotateThroughCarry(b, x, toTheLeft ? count : other, toTheLeft ? other : count);
      const first = (): typeof count => (toTheLeft ? overflowLeft(b, x) : b.xor(topBit(b, x), carry(b)));
      b.set(0, result);
      setCarryAndOverflow(b, out, firstOrLast(b, first, () => last(result, out)));
    }, b.undefinedResults === 'amd' && b.size < 4 ? () => setCarryAndOverflow(b, carry(b), last(b.get(0), carry(b))) : undefined);
  }) });
}
rotateCarry('rcl', true);
rotateCarry('rcr', false);

/**
 * SHLD and SHRD: slot 0 shifted, filled from slot 1. What fills 16-bit forms with counts above 16 is undefined: slot 0's
 * own bits, or those of slot 1 once more.
 */
function doubleShift(name: string, toTheLeft: boolean): void {
  define(name, { uses: 'rw r r', hot: true, execute: (b) => counted(b, 2, (count) => {
    const x = b.get(0);
    const fill = b.get(1);
    let result = x;
    let out = x;
    const one = b.imm(1);
    const amd16 = b.size === 2 && b.undefinedResults === 'amd';
    const filler = amd16 ? fill : x;
    if (b.size === 4) {
      const other = b.sub(b.imm(32), count);
      result = toTheLeft ? b.or(b.shl(x, count), b.shr(fill, other)) : b.or(b.shr(x, count), b.shl(fill, other));
      out = b.and(b.shr(x, toTheLeft ? other : b.sub(count, one)), one);
    } else if (toTheLeft) {
      // 48 bits, x:fill:filler, taken 32 at a time
      const pair = b.or(b.shl(x, b.imm(16)), fill);
      const again = b.or(b.shl(fill, b.imm(16)), filler);
      const beyond = b.lessUnsigned(b.imm(16), count);
      const shift = b.select(beyond, b.sub(count, b.imm(16)), count);
      const source = b.select(beyond, again, pair);
      result = b.shr(b.shl(source, shift), b.imm(16));
      out = b.and(b.shr(source, b.sub(b.imm(32), shift)), one);
    } else {
      const pair = b.or(b.shl(fill, b.imm(16)), x);
      const again = b.or(b.shl(filler, b.imm(16)), fill);
      const beyond = b.lessUnsigned(b.imm(16), count);
      const shift = b.select(beyond, b.sub(count, b.imm(16)), count);
      const source = b.select(beyond, again, pair);
      result = truncate(b, b.shr(source, shift));
      out = b.and(b.shr(source, b.sub(shift, one)), one);
    }
    b.set(0, result);
    if (amd16) out = b.select(b.lessUnsigned(b.imm(16), count), b.imm(0), out);
    const first = (): typeof count => (toTheLeft ? overflowLeft(b, x) : b.xor(topBit(b, x), b.and(fill, one)));
    const last = (): typeof count => {
      if (!toTheLeft) return overflowRight(b, result);
      const top = topBit(b, result);
      return b.xor(out, amd16 ? b.and(top, b.lessUnsigned(count, b.imm(16))) : top);
    };
    setShiftFlags(b, result, out, firstOrLast(b, first, last));
  }) });
}
doubleShift('shld', true);
doubleShift('shrd', false);
