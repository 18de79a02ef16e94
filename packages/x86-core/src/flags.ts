/*S:120
 * Lazy flags.
 *
 * Most arithmetic flags are overwritten before anybody reads them, so an instruction only leaves behind what they can be
 * computed from. Four words are enough for every instruction:
 *
 *   flagZero    ZF = this word is 0
 *   flagSign    SF = its bit 31, PF = even parity of its low byte (results of 8 and 16 bits are sign-extended)
 *   flagAddend  x   } an addition x + y = s whose carries are those of the instruction:
 *   flagSum     s   } CF = s < x (unsigned), OF = bit 31 of (x^s) & (y^s), AF = bit 4 of x^y^s, with y = s - x
 *
 * An add leaves x = a, s = result. A subtraction a - b = r is the addition b + r = a read backwards: x = b, s = a.
 * Logic leaves x = s = 0. Results of 8 and 16 bits are shifted to the top, with AF's carry put into the free low bits.
 * Any other combination of CF, OF and AF has a pair (x, s) of its own: see carryAddend() and carrySum().
 */
import { Eflags, State } from './state.js';

const { cf, pf, af, zf, sf, of, arithmetic, always } = Eflags;

/** x of a pair that yields the given CF, OF (0 or 1 each) and AF (0 or 1). */
export function carryAddend(carry: number, overflow: number, adjust: number): number {
  // top two bits: 00 neither, 01 overflow alone, 10 both, 11 carry alone; bit 3: half of an AF carry
  const top = carry ? (overflow ? 2 : 3) : overflow;
  return (top << 30) | (adjust << 3);
}

/** s of the same pair. */
export function carrySum(carry: number, overflow: number, adjust: number): number {
  // y is x again, except for "carry alone", where 11 + 01 = 1|00
  return ((carry ? 0 : overflow << 31) | (adjust << 4)) | 0;
}

/** CF from the lazy pair, 0 or 1. */
export function carryOf(x: number, s: number): number {
  return s >>> 0 < x >>> 0 ? 1 : 0;
}

/** OF from the lazy pair, 0 or 1. */
export function overflowOf(x: number, s: number): number {
  return ((x ^ s) & ((s - x) ^ s)) >>> 31;
}

/** AF from the lazy pair, 0 or 1. */
export function adjustOf(x: number, s: number): number {
  return ((x ^ s ^ (s - x)) >>> 4) & 1;
}

/** PF of a word: 1 when its low byte has an even number of ones. */
export function parityOf(word: number): number {
  const folded = (word ^ (word >>> 4)) & 15;
  return (0x9669 >>> folded) & 1;
}

/** The whole EFLAGS image, bit 1 set. `i32` is the machine's memory as 32-bit words. */
export function readEflags(i32: Int32Array): number {
  const sign = i32[State.flagSign >> 2]!;
  const x = i32[State.flagAddend >> 2]!;
  const s = i32[State.flagSum >> 2]!;
  return (
    i32[State.eflags >> 2]! | always |
    (carryOf(x, s) ? cf : 0) | (parityOf(sign) ? pf : 0) | (adjustOf(x, s) ? af : 0) |
    (i32[State.flagZero >> 2] === 0 ? zf : 0) | (sign < 0 ? sf : 0) | (overflowOf(x, s) ? of : 0)
  );
}

/** Store the six arithmetic flags of an EFLAGS image in their lazy form. */
export function writeArithmeticFlags(i32: Int32Array, value: number): void {
  const carry = value & cf ? 1 : 0;
  const overflow = value & of ? 1 : 0;
  const adjust = value & af ? 1 : 0;
  i32[State.flagZero >> 2] = value & zf ? 0 : 1;
  // a low byte of 0 has even parity, of 1 odd; bit 31 is the sign
  i32[State.flagSign >> 2] = (value & sf ? 1 << 31 : 0) | (value & pf ? 0 : 1);
  i32[State.flagAddend >> 2] = carryAddend(carry, overflow, adjust);
  i32[State.flagSum >> 2] = carrySum(carry, overflow, adjust);
}

/**
 * Store a whole EFLAGS image, unchecked. The caller masks what the privilege level may not change and calls
 * Processor.updateMode() when TF, VM or AC may have changed.
 */
export function writeEflags(i32: Int32Array, value: number): void {
  writeArithmeticFlags(i32, value);
  i32[State.eflags >> 2] = value & ~arithmetic & ~always;
}

/** Change ZF alone. */
export function setZeroFlag(i32: Int32Array, set: boolean): void {
  writeArithmeticFlags(i32, set ? readEflags(i32) | zf : readEflags(i32) & ~zf);
}
