/*
 * Rounding: the last step of every operation.
 *
 * Operations produce an exact or "jammed" result: a significand of 64 bits whose bit 63 is set, 32 more bits below it
 * of which the lowest stands for "anything non-zero further down", and an exponent that knows no bounds. Here it is
 * cut to the precision in force, and what falls outside the exponent's range becomes infinity, the largest number, a
 * denormal or zero, with the exceptions that belong to it (SDM volume 1, 4.8.4, 4.9.1.4 to 4.9.1.6, 8.5.4 to 8.5.6).
 */
import { Exception, Rounding, env, raiseException } from './environment.js';
import { type Float80, integerBit, maxExponent, setInfinity, setZero, word } from './float80.js';

/** What an unmasked overflow or underflow moves the exponent by, so that a handler can see the number. */
const exponentWrap = 24576;

/** Cut result of cut(): the significand that stays, and whether anything was lost or carried. */
const cutResult = { high: 0, low: 0, carry: false, inexact: false, up: false };

/** Does a value with this sign, last kept bit, half bit and rest round away from zero? */
export function roundsUp(sign: number, odd: boolean, half: boolean, rest: boolean): boolean {
  switch (env.rounding) {
    case Rounding.nearest:
      return half && (rest || odd);
    case Rounding.down:
      return sign === 1 && (half || rest);
    case Rounding.up:
      return sign === 0 && (half || rest);
    default:
      return false;
  }
}

/** Round high:low.extra to `precision` bits counted from bit 63. A carry out leaves high:low 0. */
function cut(sign: number, high: number, low: number, extra: number, precision: number): void {
  let half: boolean;
  let rest: boolean;
  let odd: boolean;
  let unitHigh = 0;
  let unitLow = 0;
  if (precision === 64) {
    half = extra >= integerBit;
    rest = (extra & 0x7fff_ffff) !== 0;
    odd = (low & 1) !== 0;
    unitLow = 1;
  } else if (precision === 53) {
    half = (low & 0x400) !== 0;
    rest = ((low & 0x3ff) | extra) !== 0;
    odd = (low & 0x800) !== 0;
    low = (low & ~0x7ff) >>> 0;
    unitLow = 0x800;
  } else {
    half = (high & 0x80) !== 0;
    rest = ((high & 0x7f) | low | extra) !== 0;
    odd = (high & 0x100) !== 0;
    high = (high & ~0xff) >>> 0;
    low = 0;
    unitHigh = 0x100;
  }
  const result = cutResult;
  result.inexact = half || rest;
  result.up = roundsUp(sign, odd, half, rest);
  result.carry = false;
  if (result.up) {
    low += unitLow;
    if (low >= word) {
      low -= word;
      unitHigh = 1;
    }
    high += unitHigh;
    if (high >= word) {
      high -= word;
      result.carry = true;
    }
  }
  result.high = high;
  result.low = low;
}

/** Scratch of shiftRightJam(): significand after the shift. */
export const shifted = { high: 0, low: 0, extra: 0 };

/** Shift a 96-bit significand right; bits that fall out at the bottom stay visible in bit 0 of `extra`. */
export function shiftRightJam(high: number, low: number, extra: number, count: number): void {
  let sticky = false;
  while (count >= 32) {
    sticky = sticky || extra !== 0;
    extra = low;
    low = high;
    high = 0;
    count -= 32;
    if ((high | low | extra) === 0) break;
  }
  if (count > 0 && count < 32) {
    const up = 32 - count;
    sticky = sticky || extra << up !== 0;
    extra = (extra >>> count) | (low << up);
    low = (low >>> count) | (high << up);
    high >>>= count;
  }
  shifted.high = high >>> 0;
  shifted.low = low >>> 0;
  shifted.extra = (sticky ? extra | 1 : extra) >>> 0;
}

/**
 * Deliver a result: round to `precision` bits, raise overflow, underflow and precision, store to `out`.
 * `high` must have bit 31 set; `exponent` is biased as in the format but unbounded.
 */
export function roundTo(
  out: Float80, sign: number, exponent: number, high: number, low: number, extra: number, precision: number,
): void {
  if (exponent <= 0) {
    roundTiny(out, sign, exponent, high, low, extra, precision);
    return;
  }
  cut(sign, high, low, extra, precision);
  if (cutResult.carry) {
    cutResult.high = integerBit;
    exponent++;
  }
  if (exponent >= maxExponent) {
    overflow(out, sign, exponent, precision);
    return;
  }
  if (cutResult.inexact) {
    raiseException(Exception.precision);
    env.roundedUp = cutResult.up;
  }
  out.set(sign, exponent, cutResult.high, cutResult.low);
}

/** roundTo() with the precision control in force: add, subtract, multiply, divide, square root. */
export function roundResult(out: Float80, sign: number, exponent: number, high: number, low: number, extra: number): void {
  roundTo(out, sign, exponent, high, low, extra, env.precision);
}

/** The result is below the normal range, unless rounding lifts it to the smallest normal number. */
function roundTiny(
  out: Float80, sign: number, exponent: number, high: number, low: number, extra: number, precision: number,
): void {
  let tiny = true;
  if (exponent === 0) {
    // tininess is judged after rounding as if the exponent had no bounds
    cut(sign, high, low, extra, precision);
    tiny = !cutResult.carry;
  }
  if (tiny && env.unmasked & Exception.underflow) {
    raiseException(Exception.underflow);
    exponent += exponentWrap;
    if (exponent <= 0) {
      // further out than the wrap reaches (only FSCALE gets here)
      setZero(out, sign);
      raiseException(Exception.precision);
      return;
    }
    cut(sign, high, low, extra, precision);
    if (cutResult.carry) {
      cutResult.high = integerBit;
      exponent++;
    }
  } else {
    shiftRightJam(high, low, extra, 1 - exponent);
    cut(sign, shifted.high, shifted.low, shifted.extra, precision);
    if (tiny && cutResult.inexact) raiseException(Exception.underflow);
    exponent = cutResult.high >= integerBit ? 1 : 0;
  }
  if (cutResult.inexact) {
    raiseException(Exception.precision);
    env.roundedUp = cutResult.up;
  }
  out.set(sign, exponent, cutResult.high, cutResult.low);
}

/** The rounded result in cutResult is above the range. */
function overflow(out: Float80, sign: number, exponent: number, precision: number): void {
  if (raiseException(Exception.overflow)) {
    exponent -= exponentWrap;
    if (exponent < maxExponent) {
      if (cutResult.inexact) {
        raiseException(Exception.precision);
        env.roundedUp = cutResult.up;
      }
      out.set(sign, exponent, cutResult.high, cutResult.low);
      return;
    }
    // further out than the wrap reaches (only FSCALE gets here)
    raiseException(Exception.precision);
    env.roundedUp = true;
    setInfinity(out, sign);
    return;
  }
  raiseException(Exception.precision);
  const toInfinity =
    env.rounding === Rounding.nearest || (env.rounding === Rounding.up && sign === 0) || (env.rounding === Rounding.down && sign === 1);
  env.roundedUp = toInfinity;
  if (toInfinity) {
    setInfinity(out, sign);
  } else if (precision === 64) {
    out.set(sign, maxExponent - 1, word - 1, word - 1);
  } else if (precision === 53) {
    out.set(sign, maxExponent - 1, word - 1, word - 0x800);
  } else {
    out.set(sign, maxExponent - 1, word - 0x100, 0);
  }
}
