/*
 * The 80-bit number.
 *
 * An x87 register holds a sign, a 15-bit biased exponent and a 64-bit significand whose leading 1 is written out
 * (SDM volume 1, 4.2.2 and 8.2). Here it is taken apart into JavaScript numbers: the significand as two unsigned
 * 32-bit halves, because nothing wider is exact. This file names the kinds of number there are, and the constants.
 */

/** An unpacked extended-precision number. `high` and `low` are unsigned; `exponent` is as stored, 0..0x7fff. */
export class Float80 {
  sign = 0;
  exponent = 0;
  high = 0;
  low = 0;

  /** Copy another number here, bit for bit. */
  copy(from: Float80): void {
    this.sign = from.sign;
    this.exponent = from.exponent;
    this.high = from.high;
    this.low = from.low;
  }

  set(sign: number, exponent: number, high: number, low: number): void {
    this.sign = sign;
    this.exponent = exponent;
    this.high = high;
    this.low = low;
  }
}

/** Exponent of infinities and NaNs. */
export const maxExponent = 0x7fff;
/** Exponent of 1.0. */
export const bias = 0x3fff;
/** Bit 63 of the significand, in its high half: the explicit leading 1. */
export const integerBit = 0x8000_0000;
/** Bit 62 of the significand, in its high half: set in quiet NaNs. */
export const quietBit = 0x4000_0000;
/** 2^32: what a carry out of a low half is worth. */
export const word = 0x1_0000_0000;

/**
 * Kinds of number. Ordered so that `>= quietNan` means "no arithmetic will happen" and `> normal` "look closer".
 * Denormal includes pseudo-denormals; unsupported are the encodings the 80387 and later refuse (unnormals,
 * pseudo-infinities, pseudo-NaNs).
 */
export const Kind = { normal: 0, denormal: 1, zero: 2, infinity: 3, quietNan: 4, signalingNan: 5, unsupported: 6 } as const;

/** The Kind of a number (SDM volume 1, table 4-3 and 8.2.2). */
export function kindOf(x: Float80): number {
  if (x.exponent === 0) return x.high === 0 && x.low === 0 ? Kind.zero : Kind.denormal;
  if (x.high < integerBit) return Kind.unsupported;
  if (x.exponent !== maxExponent) return Kind.normal;
  if (x.high === integerBit && x.low === 0) return Kind.infinity;
  return x.high >= integerBit + quietBit ? Kind.quietNan : Kind.signalingNan;
}

/** The "real indefinite": what a masked invalid operation answers with. */
export function setDefaultNan(out: Float80): void {
  out.set(1, maxExponent, integerBit + quietBit, 0);
}

export function setInfinity(out: Float80, sign: number): void {
  out.set(sign, maxExponent, integerBit, 0);
}

export function setZero(out: Float80, sign: number): void {
  out.set(sign, 0, 0, 0);
}

/**
 * Exponent of a finite non-zero number as if it were normal, and its significand shifted up to match (written to
 * `out`, whose exponent may become zero or negative).
 */
export function normalize(x: Float80, out: Float80): void {
  out.copy(x);
  if (x.exponent !== 0) return;
  out.exponent = 1;
  if (out.high === 0) {
    out.high = out.low;
    out.low = 0;
    out.exponent -= 32;
  }
  const shift = Math.clz32(out.high);
  if (shift !== 0) {
    out.high = ((out.high << shift) | (out.low >>> (32 - shift))) >>> 0;
    out.low = (out.low << shift) >>> 0;
    out.exponent -= shift;
  }
}

/** The significand as one 64-bit integer. */
export function significand(x: Float80): bigint {
  return (BigInt(x.high) << 32n) | BigInt(x.low);
}
