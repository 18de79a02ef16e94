/*
 * Binary floating-point formats: numbers taken apart, put together, and rounded.
 *
 * A finite number is sign × significand × 2^exponent with a whole significand of any length (a bigint), so sums and
 * products are exact and only round() loses anything. (IEEE 754; SDM volume 1, 4.8 and 11.5.)
 */

/** MXCSR's exception flags, bits 0 to 5; its masks are in the same order. */
export const MxFlag = { invalid: 1, denormal: 2, divideByZero: 4, overflow: 8, underflow: 16, precision: 32 } as const;

/** Rounding modes as MXCSR numbers them. */
export const RoundingMode = { nearest: 0, down: 1, up: 2, zero: 3 } as const;

/** What MXCSR says for the operations to come, and the flags they raise. The caller sets it before each instruction. */
export interface FloatControl {
  /** A RoundingMode. */
  rounding: number;
  /** Bits 0 to 5: 1 is masked. */
  masks: number;
  /** Denormal operands are zeros. */
  daz: boolean;
  /** Denormal results are zeros (while underflow is masked). */
  ftz: boolean;
  /** Raised since the caller cleared it; lanes add theirs. */
  flags: number;
}
/** The one in use: an instruction is never interrupted. */
export const control: FloatControl = { rounding: RoundingMode.nearest, masks: 0x3f, daz: false, ftz: false, flags: 0 };

/** The bits of the last result; `hi` is of doubles. */
export const result = { lo: 0, hi: 0 };

/** A format: bits of the significand with its leading one, least and greatest exponent of a normal number. */
export interface Format {
  readonly double: boolean;
  readonly precision: number;
  readonly least: number;
  readonly greatest: number;
}
export const single: Format = { double: false, precision: 24, least: -126, greatest: 127 };
export const double: Format = { double: true, precision: 53, least: -1022, greatest: 1023 };

/** Kinds of numbers, in an order that matters to nobody but `>=`: both kinds of NaN come last. */
export const Kind = { zero: 0, finite: 1, infinity: 2, quiet: 3, signalling: 4 } as const;

/** A number taken apart. */
export interface Unpacked {
  kind: number;
  /** 1 is negative. */
  sign: number;
  significand: bigint;
  exponent: number;
  /** A denormal, and treated as the number it is. */
  denormal: boolean;
}

const signBit = 0x8000_0000;

/** Bits as one bigint. */
export function bitsOf(format: Format, lo: number, hi: number): bigint {
  return format.double ? (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0) : BigInt(lo >>> 0);
}

/** Set `result`. */
export function setResult(format: Format, bits: bigint): void {
  result.lo = Number(bits & 0xffff_ffffn) | 0;
  result.hi = format.double ? Number(bits >> 32n) | 0 : 0;
}


/** Take bits apart. Denormals are zeros when MXCSR says so. */
export function decode(format: Format, lo: number, hi: number): Unpacked {
  const top = format.double ? hi : lo;
  const sign = (top & signBit) === 0 ? 0 : 1;
  const fractionBits = BigInt(format.precision - 1);
  const bits = bitsOf(format, lo, hi);
  const fraction = bits & ((1n << fractionBits) - 1n);
  const biased = Number((bits >> fractionBits) & BigInt(2 * format.greatest + 1));
  const none = { sign, significand: 0n, exponent: 0, denormal: false };
  if (biased === 2 * format.greatest + 1) {
    if (fraction === 0n) return { ...none, kind: Kind.infinity };
    return { ...none, kind: (fraction >> (fractionBits - 1n)) & 1n ? Kind.quiet : Kind.signalling };
  }
  if (biased === 0) {
    if (fraction === 0n || control.daz) return { ...none, kind: Kind.zero };
    return { kind: Kind.finite, sign, significand: fraction, exponent: format.least - format.precision + 1, denormal: true };
  }
  return {
    kind: Kind.finite, sign, significand: fraction | (1n << fractionBits), exponent: biased - format.greatest - format.precision + 1, denormal: false,
  };
}

/** Zero with a sign. */
export function setZero(format: Format, sign: number): void {
  setResult(format, BigInt(sign) << (format.double ? 63n : 31n));
}

/** Infinity with a sign. */
export function setInfinity(format: Format, sign: number): void {
  setResult(format, (BigInt(sign) << (format.double ? 63n : 31n)) | (BigInt(2 * format.greatest + 1) << BigInt(format.precision - 1)));
}

/** The NaN that invalid operations give. */
export function setDefaultNan(format: Format): void {
  setResult(format, format.double ? 0xfff8_0000_0000_0000n : 0xffc0_0000n);
}

/** A NaN of an operand, made quiet. */
export function setQuiet(format: Format, lo: number, hi: number): void {
  setResult(format, bitsOf(format, lo, hi) | (1n << BigInt(format.precision - 2)));
}

/** Bits up to the leading one; 0 for zero. */
export function bitLength(value: bigint): number {
  return value === 0n ? 0 : value.toString(2).length;
}

/** Drop `shift` bits by the rounding mode (negative: add zeros). `sticky`: something non-zero lies below all bits. */
function drop(significand: bigint, shift: number, sign: number, sticky: boolean): { value: bigint; inexact: boolean } {
  if (shift <= 0) return { value: significand << BigInt(-shift), inexact: sticky };
  const by = BigInt(shift);
  const value = significand >> by;
  const rest = significand - (value << by);
  const inexact = rest !== 0n || sticky;
  let up = false;
  if (control.rounding === RoundingMode.nearest) {
    const half = 1n << (by - 1n);
    up = rest > half || (rest === half && (sticky || (value & 1n) === 1n));
  } else if (control.rounding !== RoundingMode.zero) up = inexact && (control.rounding === RoundingMode.up) === (sign === 0);
  return { value: up ? value + 1n : value, inexact };
}

/** Does the rounding mode take an overflow to infinity, or to the greatest number? */
function overflowsToInfinity(sign: number): boolean {
  const { rounding } = control;
  return rounding === RoundingMode.nearest || (rounding === RoundingMode.up && sign === 0) || (rounding === RoundingMode.down && sign === 1);
}

/**
 * Set `result` to the exact value, rounded, and raise what that raises. A `sticky` value needs at least two bits more
 * than the format has.
 */
export function round(format: Format, sign: number, significand: bigint, exponent: number, sticky = false): void {
  const { precision, least, greatest } = format;
  const fractionBits = BigInt(precision - 1);
  const length = bitLength(significand);
  const normal = drop(significand, length - precision, sign, sticky);
  const carried = bitLength(normal.value) > precision ? 1 : 0;
  const top = exponent + length - 1 + carried;
  const signed = BigInt(sign) << (format.double ? 63n : 31n);
  if (top > greatest) {
    control.flags |= MxFlag.overflow;
    if (normal.inexact || (control.masks & MxFlag.overflow) !== 0) control.flags |= MxFlag.precision;
    if (overflowsToInfinity(sign)) setInfinity(format, sign);
    else setResult(format, signed | ((BigInt(2 * greatest + 1) << fractionBits) - 1n));
    return;
  }
  if (top >= least) {
    if (normal.inexact) control.flags |= MxFlag.precision;
    const value = carried ? normal.value >> 1n : normal.value;
    setResult(format, signed | (BigInt(top + greatest) << fractionBits) | (value & ((1n << fractionBits) - 1n)));
    return;
  }
  // tiny
  const masked = (control.masks & MxFlag.underflow) !== 0;
  if (masked && control.ftz) {
    control.flags |= MxFlag.underflow | MxFlag.precision;
    setZero(format, sign);
    return;
  }
  const small = drop(significand, least - precision + 1 - exponent, sign, sticky);
  if (masked ? small.inexact : normal.inexact) control.flags |= MxFlag.precision;
  if (small.inexact || !masked) control.flags |= MxFlag.underflow;
  // one more than the greatest denormal is the least normal number, bits and all
  setResult(format, signed | small.value);
}
