/*
 * Numbers as code that computes with them has them: 80-bit ones, and doubles that are as good as these.
 */
import type { FunctionBuilder, Value } from '../wasm/function-builder.js';
import { bias, maxExponent } from './float80.js';

/** An 80-bit number: 64 bits of significand (i64); sign and exponent in 16 bits (i32, the rest 0). */
export interface Extended {
  readonly significand: Value;
  readonly top: Value;
  /** The same number as a double's bits (i64), where it is known to be one, normal or zero. */
  readonly double?: Value;
}

export const signBit = 0x8000;
export const topSignificandBit = 1n << 63n;

export function exponentOf(b: FunctionBuilder, { top }: Extended): Value {
  return b.do('i32.and', top, b.i32(maxExponent));
}

/** 1 for a normal number. */
export function isNormal(b: FunctionBuilder, x: Extended): Value {
  const inside = b.do('i32.lt_u', b.do('i32.sub', exponentOf(b, x), b.i32(1)), b.i32(maxExponent - 1));
  return b.do('i32.and', inside, b.do('i64.lt_s', x.significand, b.i64(0)));
}

/** 1 for exponents that are no normal number's, or fewer than `margin` steps away from these. */
export function isExtreme(b: FunctionBuilder, exponent: Value, margin = 0): Value {
  return b.do('i32.ge_u', b.do('i32.sub', exponent, b.i32(1 + margin)), b.i32(maxExponent - 1 - 2 * margin));
}

export function isZero(b: FunctionBuilder, x: Extended): Value {
  return b.do('i64.eqz', b.do('i64.or', x.significand, b.do('i64.extend_i32_u', exponentOf(b, x))));
}

/** The layout of a double. */
export const doubleFormat = { bits: 64, fraction: 52, maxExponent: 0x7ff, bias: 0x3ff } as const;

/** Sign and exponent of a double as the 80-bit format has them, and whether it is normal (if not, the former mean nothing but the sign). */
export function topOfDouble(b: FunctionBuilder, bits: Value): { top: Value; isNormal: Value } {
  const { fraction, ...narrow } = doubleFormat;
  // the sign comes down with the exponent, into all bits above it
  const upper = b.do('i32.wrap_i64', b.do('i64.shr_s', bits, b.i64(fraction)));
  const exponent = b.do('i32.and', upper, b.i32(narrow.maxExponent));
  return {
    top: b.do('i32.add', b.do('i32.and', upper, b.i32(signBit | narrow.maxExponent)), b.i32(bias - narrow.bias)),
    isNormal: b.do('i32.lt_u', b.do('i32.sub', exponent, b.i32(1)), b.i32(narrow.maxExponent - 1)),
  };
}

/** A double that is normal. */
export function fromNormal(b: FunctionBuilder, bits: Value): Extended {
  const fraction = b.do('i64.shl', bits, b.i64(63 - doubleFormat.fraction));
  return { significand: b.do('i64.or', fraction, b.i64(topSignificandBit)), top: topOfDouble(b, bits).top, double: bits };
}

/** A double that is normal or zero. */
export function fromDouble(b: FunctionBuilder, bits: Value): Extended {
  const { significand, top } = fromNormal(b, bits);
  const zero = b.do('i64.eqz', b.do('i64.shl', bits, b.i64(1)));
  return {
    significand: b.select(zero, b.i64(0), significand),
    top: b.select(zero, b.do('i32.and', top, b.i32(signBit)), top),
    double: bits,
  };
}
