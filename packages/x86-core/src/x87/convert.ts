/*
 * Between the 80-bit format and what lies in memory: single, double, 16/32/64-bit integers, packed decimal.
 *
 * Memory operands are passed as 32-bit halves: the caller has read them, or will write them once it knows that the
 * instruction completes. Results of the storing direction are in `stored`.
 */
import { Exception, Rounding, env, raiseException } from './environment.js';
import { Float80, Kind, bias, integerBit, kindOf, maxExponent, normalize, quietBit, setZero, word } from './float80.js';
import { roundsUp, shiftRightJam, shifted } from './round.js';

/** The bits to be stored: unsigned halves, `high` unused by formats of 32 bits and fewer. */
export const stored = { high: 0, low: 0 };

/** A binary interchange format narrower than 80 bits. */
interface Narrow {
  readonly fractionBits: number;
  readonly maxExponent: number;
  readonly bias: number;
}

const single: Narrow = { fractionBits: 23, maxExponent: 0xff, bias: 0x7f };
const double: Narrow = { fractionBits: 52, maxExponent: 0x7ff, bias: 0x3ff };

const singleFraction = 0x7f_ffff;
const doubleFractionHigh = 0xf_ffff;

/**
 * Single to extended, bit for bit: signaling NaNs stay signaling. True when the single was a denormal, which no longer
 * shows in the wider format.
 */
export function fromSingle(bits: number, out: Float80): boolean {
  const fraction = bits & singleFraction;
  return widen(out, bits >>> 31, (bits >>> single.fractionBits) & single.maxExponent, (fraction << 8) >>> 0, 0, single);
}

/** Double to extended, from its high and low halves; as fromSingle(). */
export function fromDouble(high: number, low: number, out: Float80): boolean {
  const fraction = high & doubleFractionHigh;
  return widen(out, high >>> 31, (high >>> 20) & double.maxExponent, ((fraction << 11) | (low >>> 21)) >>> 0, (low << 11) >>> 0, double);
}

/** `high:low` is the fraction, aligned so that the implied 1 belongs at bit 63. */
function widen(out: Float80, sign: number, exponent: number, high: number, low: number, format: Narrow): boolean {
  if (exponent === format.maxExponent) {
    out.set(sign, maxExponent, (high | integerBit) >>> 0, low);
  } else if (exponent !== 0) {
    out.set(sign, exponent + bias - format.bias, (high | integerBit) >>> 0, low);
  } else if (high === 0 && low === 0) {
    setZero(out, sign);
  } else {
    out.set(sign, 0, high, low);
    normalize(out, out);
    out.exponent += bias - format.bias;
    return true;
  }
  return false;
}

/** Integer to extended, from its magnitude. Exact. */
function fromMagnitude(sign: number, high: number, low: number, out: Float80): void {
  if (high === 0 && low === 0) {
    setZero(out, 0);
    return;
  }
  out.set(sign, 0, high, low);
  normalize(out, out);
  // normalize() took the number for a denormal, whose unit weighs 2^(1-bias-63)
  out.exponent += bias + 62;
}

/** A 16- or 32-bit signed integer to extended. */
export function fromInt32(value: number, out: Float80): void {
  fromMagnitude(value < 0 ? 1 : 0, 0, Math.abs(value), out);
}

/** A 64-bit signed integer to extended. */
export function fromInt64(high: number, low: number, out: Float80): void {
  if ((high | 0) < 0) {
    const negatedLow = -low >>> 0;
    fromMagnitude(1, (~high + (negatedLow === 0 ? 1 : 0)) >>> 0, negatedLow, out);
  } else {
    fromMagnitude(0, high >>> 0, low >>> 0, out);
  }
}

/** Extended to single, into stored.low. False: an unmasked exception keeps the store from happening. */
export function toSingle(x: Float80): boolean {
  return narrow(x, single);
}

/** Extended to double, into stored. */
export function toDouble(x: Float80): boolean {
  return narrow(x, double);
}

/** Put a narrow number together; `high:low` is the significand with its leading bit at bit 63 (dropped by masking). */
function pack(format: Narrow, sign: number, exponent: number, high: number, low: number): void {
  if (format === single) {
    stored.high = 0;
    stored.low = ((sign << 31) | (exponent << 23) | ((high >>> 8) & singleFraction)) >>> 0;
  } else {
    stored.high = ((sign << 31) | (exponent << 20) | ((high >>> 11) & doubleFractionHigh)) >>> 0;
    stored.low = ((high << 21) | (low >>> 11)) >>> 0;
  }
}

const work = new Float80();
const rounded = { high: 0, low: 0, carry: false, inexact: false, up: false };

/** Round high:low (with a sticky below) to the format's precision. */
function cutNarrow(format: Narrow, sign: number, high: number, low: number, sticky: boolean): void {
  const isSingle = format === single;
  let half: boolean;
  let rest: boolean;
  let odd: boolean;
  if (isSingle) {
    half = (high & 0x80) !== 0;
    rest = ((high & 0x7f) | low) !== 0 || sticky;
    odd = (high & 0x100) !== 0;
    high = (high & ~0xff) >>> 0;
    low = 0;
  } else {
    half = (low & 0x400) !== 0;
    rest = (low & 0x3ff) !== 0 || sticky;
    odd = (low & 0x800) !== 0;
    low = (low & ~0x7ff) >>> 0;
  }
  rounded.inexact = half || rest;
  rounded.up = roundsUp(sign, odd, half, rest);
  rounded.carry = false;
  if (rounded.up) {
    if (isSingle) high += 0x100;
    else low += 0x800;
    if (low >= word) {
      low -= word;
      high++;
    }
    if (high >= word) {
      high -= word;
      rounded.carry = true;
    }
  }
  rounded.high = high;
  rounded.low = low;
}

function narrow(x: Float80, format: Narrow): boolean {
  const kind = kindOf(x);
  switch (kind) {
    case Kind.zero:
      pack(format, x.sign, 0, 0, 0);
      return true;
    case Kind.infinity:
      pack(format, x.sign, format.maxExponent, 0, 0);
      return true;
    case Kind.unsupported:
      pack(format, 1, format.maxExponent, quietBit, 0);
      return !raiseException(Exception.invalid);
    case Kind.signalingNan:
    case Kind.quietNan:
      pack(format, x.sign, format.maxExponent, x.high | quietBit, x.low);
      return kind === Kind.quietNan || !raiseException(Exception.invalid);
    default:
      normalize(x, work);
      return narrowFinite(x.sign, work.exponent - bias + format.bias, work.high, work.low, format);
  }
}

function narrowFinite(sign: number, exponent: number, high: number, low: number, format: Narrow): boolean {
  let tiny = false;
  cutNarrow(format, sign, high, low, false);
  if (exponent <= 0) {
    tiny = exponent < 0 || !rounded.carry;
    if (tiny && env.unmasked & Exception.underflow) {
      raiseException(Exception.underflow);
      return false;
    }
    shiftRightJam(high, low, 0, 1 - exponent);
    cutNarrow(format, sign, shifted.high, shifted.low, shifted.extra !== 0);
    if (tiny && rounded.inexact) raiseException(Exception.underflow);
    exponent = rounded.high >= integerBit ? 1 : 0;
  } else if (rounded.carry) {
    exponent++;
  }
  if (exponent >= format.maxExponent) {
    if (raiseException(Exception.overflow)) return false;
    raiseException(Exception.precision);
    const away = env.rounding === Rounding.nearest || env.rounding === (sign ? Rounding.down : Rounding.up);
    env.roundedUp = away;
    if (away) pack(format, sign, format.maxExponent, 0, 0);
    else pack(format, sign, format.maxExponent - 1, word - 1, word - 1);
    return true;
  }
  if (rounded.inexact) {
    raiseException(Exception.precision);
    env.roundedUp = rounded.up;
  }
  pack(format, sign, exponent, rounded.high, rounded.low);
  return true;
}

/** Magnitude of a finite number rounded to an integer, in stored; inexactness and direction in `rounded`. False: above 2^64. */
function roundMagnitude(x: Float80): boolean {
  rounded.inexact = false;
  rounded.up = false;
  stored.high = 0;
  stored.low = 0;
  const shift = bias + 63 - x.exponent;
  if (shift < 0) return false;
  shiftRightJam(x.high, x.low, 0, Math.min(shift, 96));
  const half = shifted.extra >= integerBit;
  const rest = (shifted.extra & 0x7fff_ffff) !== 0;
  rounded.inexact = half || rest;
  rounded.up = roundsUp(x.sign, (shifted.low & 1) !== 0, half, rest);
  stored.high = shifted.high;
  stored.low = shifted.low;
  if (rounded.up) {
    if (++stored.low === word) {
      stored.low = 0;
      if (++stored.high === word) return false;
    }
  }
  return true;
}

/** Extended to a signed integer of 16, 32 or 64 bits, into stored. False: unmasked invalid, nothing is to be stored. */
export function toInteger(x: Float80, bits: 16 | 32 | 64, truncate: boolean): boolean {
  const kind = kindOf(x);
  const rounding = env.rounding;
  if (truncate) env.rounding = Rounding.zero;
  const fits = kind < Kind.infinity && roundMagnitude(x) && inRange(bits, x.sign);
  env.rounding = rounding;
  if (!fits) {
    // the integer indefinite: the most negative value
    stored.high = bits === 64 ? integerBit : 0;
    stored.low = bits === 64 ? 0 : bits === 32 ? integerBit : 0x8000;
    return !raiseException(Exception.invalid);
  }
  if (rounded.inexact) {
    raiseException(Exception.precision);
    env.roundedUp = rounded.up;
  }
  if (x.sign) {
    stored.low = -stored.low >>> 0;
    stored.high = (~stored.high + (stored.low === 0 ? 1 : 0)) >>> 0;
  }
  return true;
}

/** Does the magnitude in stored fit a signed integer of that size? */
function inRange(bits: 16 | 32 | 64, sign: number): boolean {
  const { high, low } = stored;
  if (bits === 64) return high < integerBit || (sign === 1 && high === integerBit && low === 0);
  const limit = bits === 32 ? integerBit : 0x8000;
  return high === 0 && (low < limit || (sign === 1 && low === limit));
}

/** Round to an integer that stays in extended format (FRNDINT). */
export function roundToInteger(x: Float80, out: Float80): void {
  if (x.exponent >= bias + 63) {
    out.copy(x);
    return;
  }
  roundMagnitude(x);
  if (rounded.inexact) {
    raiseException(Exception.precision);
    env.roundedUp = rounded.up;
  }
  const sign = x.sign;
  fromMagnitude(sign, stored.high, stored.low, out);
  out.sign = sign;
}

/** Bytes of a packed decimal number: 18 digits, least significant first, and a sign byte. */
export const decimalBytes = 10;
const decimalLimit = 1_000_000_000_000_000_000n;

/** Packed decimal to extended (FBLD). Digits above 9 count as they stand, as processors do. */
export function fromDecimal(bytes: Uint8Array, out: Float80): void {
  let value = 0n;
  for (let i = decimalBytes - 2; i >= 0; i--) {
    const pair = bytes[i]!;
    value = value * 100n + BigInt((pair >>> 4) * 10 + (pair & 15));
  }
  const sign = bytes[decimalBytes - 1]! >>> 7;
  fromMagnitude(sign, Number(value >> 32n), Number(value & 0xffff_ffffn), out);
  out.sign = sign;
}

/** Extended to packed decimal (FBSTP), into `bytes`. False: unmasked invalid, nothing is to be stored. */
export function toDecimal(x: Float80, bytes: Uint8Array): boolean {
  const fits = kindOf(x) < Kind.infinity && roundMagnitude(x);
  let value = fits ? (BigInt(stored.high) << 32n) | BigInt(stored.low) : decimalLimit;
  if (value >= decimalLimit) {
    // the packed decimal indefinite
    bytes.fill(0);
    bytes.set([0xc0, 0xff, 0xff], decimalBytes - 3);
    return !raiseException(Exception.invalid);
  }
  if (rounded.inexact) {
    raiseException(Exception.precision);
    env.roundedUp = rounded.up;
  }
  for (let i = 0; i < decimalBytes - 1; i++) {
    const pair = Number(value % 100n);
    value /= 100n;
    bytes[i] = (Math.floor(pair / 10) << 4) | (pair % 10);
  }
  bytes[decimalBytes - 1] = x.sign << 7;
  return true;
}
