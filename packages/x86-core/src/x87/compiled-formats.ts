/*
 * Numbers in memory: singles, doubles, extended ones and integers, to the 80-bit format and back.
 */
import type { OperationBuilder } from '../operations/operation.js';
import type { Value } from '../wasm/function-builder.js';
import { roundingFlags } from './compiled.js';
import { doubleFormat, exponentOf, type Extended, fromNormal, isNormal, isZero, signBit } from './compiled-number.js';
import { Rounding } from './environment.js';
import { bias } from './float80.js';
import { Format, formatBytes } from './transfer.js';

/** Instructions that read each format: arithmetic by one opcode, with ModRM's middle bits; loads by an opcode and those. */
export const loadForms: readonly { format: number; bytes: number; load: number; middle: number; arithmetic?: number }[] = [
  { format: Format.single, load: 0xd9, middle: 0, arithmetic: 0xd8 }, { format: Format.double, load: 0xdd, middle: 0, arithmetic: 0xdc },
  { format: Format.int32, load: 0xdb, middle: 0, arithmetic: 0xda }, { format: Format.int16, load: 0xdf, middle: 0, arithmetic: 0xde },
  { format: Format.int64, load: 0xdf, middle: 5 }, { format: Format.extended, load: 0xdb, middle: 5 },
].map((form) => ({ ...form, bytes: formatBytes[form.format]! }));

/** Instructions that write each format, without popping (if there is one) and with. */
export const storeForms: readonly { format: number; bytes: number; opcode: number; keep?: number; pop: number }[] = [
  { format: Format.single, opcode: 0xd9, keep: 2, pop: 3 }, { format: Format.double, opcode: 0xdd, keep: 2, pop: 3 },
  { format: Format.int32, opcode: 0xdb, keep: 2, pop: 3 }, { format: Format.int16, opcode: 0xdf, keep: 2, pop: 3 },
  { format: Format.int64, opcode: 0xdf, pop: 7 }, { format: Format.extended, opcode: 0xdb, pop: 7 },
].map((form) => ({ ...form, bytes: formatBytes[form.format]! }));

/** Binary formats narrower than 80 bits. */
const narrowFormats = {
  [Format.single]: { bits: 32, fraction: 23, maxExponent: 0xff, bias: 0x7f },
  [Format.double]: doubleFormat,
} as const;
type NarrowFormat = keyof typeof narrowFormats;

/** The memory operand as an 80-bit number. Denormals, infinities and NaNs leave; of the extended format anything is taken. */
export function loadFormat(b: OperationBuilder, format: number): Extended {
  switch (format) {
    case Format.single:
    case Format.double: return loadNarrow(b, format as NarrowFormat);
    case Format.extended: return { significand: b.load('i64.load', b.operand), top: b.load('i32.load16_u', b.operand, 8) };
    case Format.int16: return fromInteger(b, b.do('i64.extend_i32_s', b.load('i32.load16_s', b.operand)));
    case Format.int32: return fromInteger(b, b.do('i64.extend_i32_s', b.load('i32.load', b.operand)));
    default: return fromInteger(b, b.load('i64.load', b.operand));
  }
}

/** A single or double in memory: normal or zero, for others leave. */
function loadNarrow(b: OperationBuilder, format: NarrowFormat): Extended {
  return format === Format.double ? loadDouble(b) : loadSingle(b);
}

function loadDouble(b: OperationBuilder): Extended {
  const bits = b.load('i64.load', b.operand);
  // twice the upper half is without the sign
  const upper = b.load('i32.load', b.operand, 4);
  const least = 1 << (doubleFormat.fraction - 31);
  const exponent = b.do('i32.sub', b.do('i32.add', upper, upper), b.i32(least));
  const isOdd = b.do('i32.ge_u', exponent, b.i32(-2 * least));
  return orZero(b, bits, isOdd, b.do('i64.ne', b.do('i64.shl', bits, b.i64(1)), b.i64(0)));
}

function loadSingle(b: OperationBuilder): Extended {
  const { fraction, maxExponent } = narrowFormats[Format.single];
  const bits = b.load('i32.load', b.operand);
  const exponent = b.do('i32.and', b.do('i32.shr_u', bits, b.i32(fraction)), b.i32(maxExponent));
  const isOdd = b.do('i32.ge_u', b.do('i32.sub', exponent, b.i32(1)), b.i32(maxExponent - 1));
  return orZero(b, b.do('i64.reinterpret_f64', b.do('f64.promote_f32', b.do('f32.reinterpret_i32', bits))), isOdd, b.do('i32.shl', bits, b.i32(1)));
}

/** A double, as bits, that is normal unless `isOdd`, and then zero unless it `isOther`: for those leave. */
function orZero(b: OperationBuilder, bits: Value, isOdd: Value, isOther: Value): Extended {
  const normal = fromNormal(b, bits);
  const [significand, top] = [b.variable(normal.significand), b.variable(normal.top)];
  b.when(isOdd, () => {
    b.unusual(isOther);
    significand.set(b.i64(0));
    top.set(b.do('i32.and', normal.top, b.i32(signBit)));
  });
  return { significand: significand.get(), top: top.get(), double: bits };
}

/** A signed 64-bit integer as a number. */
export function fromInteger(b: OperationBuilder, value: Value): Extended {
  const negative = b.do('i64.lt_s', value, b.i64(0));
  const magnitude = b.select(negative, b.do('i64.sub', b.i64(0), value), value);
  const zeros = b.do('i64.clz', magnitude);
  const exponent = b.do('i32.sub', b.i32(bias + 63), b.do('i32.wrap_i64', zeros));
  const zero = b.do('i64.eqz', value);
  const top = b.do('i32.or', b.do('i32.shl', negative, b.i32(15)), exponent);
  return { significand: b.do('i64.shl', magnitude, zeros), top: b.select(zero, b.i32(0), top) };
}

/** Rounded to a narrow format, to nearest: its bits, and flags for Stack.finish(). */
function toNarrow(b: OperationBuilder, format: NarrowFormat, x: Extended): [bits: Value, flags: Value] {
  const { bits, fraction, ...narrow } = narrowFormats[format];
  return b.block(['i64', 'i32'], (exit) => {
    const sign = b.do('i64.shl', b.do('i64.extend_i32_u', b.do('i32.and', x.top, b.i32(signBit))), b.i64(bits - 16));
    b.when(b.do('i64.ge_s', x.significand, b.i64(0)), () => {
      b.unusual(b.do('i32.eqz', isZero(b, x)));
      exit(sign, b.i32(0));
    });
    const exponent = b.do('i32.sub', exponentOf(b, x), b.i32(bias - narrow.bias));
    b.unusual(b.do('i32.ge_u', b.do('i32.sub', exponent, b.i32(1)), b.i32(narrow.maxExponent - 1)));
    const kept = b.do('i64.shr_u', x.significand, b.i64(63 - fraction));
    const rest = b.do('i64.shl', x.significand, b.i64(fraction + 1));
    const odd = b.do('i64.and', kept, b.i64(1));
    const beyondHalf = b.do('i64.or', b.do('i64.shl', rest, b.i64(1)), odd);
    const up = b.do('i32.and', b.do('i64.lt_s', rest, b.i64(0)), b.do('i64.ne', beyondHalf, b.i64(0)));
    // the leading one adds 1 to the exponent, which is one less therefore; a carry out of the fraction does so, too
    const base = b.do('i64.shl', b.do('i64.extend_i32_u', b.do('i32.sub', exponent, b.i32(1))), b.i64(fraction));
    const packed = b.do('i64.add', b.do('i64.add', base, kept), b.do('i64.extend_i32_u', up));
    b.unusual(b.do('i64.ge_u', packed, b.i64(BigInt(narrow.maxExponent) << BigInt(fraction))));
    exit(b.do('i64.or', packed, sign), roundingFlags(b, b.do('i64.ne', rest, b.i64(0)), up));
  }) as [Value, Value];
}

/** A signed integer of so many bits from a number, rounded as `rounding` (a RoundingControl) says, and flags for Stack.finish(). */
export function roundToInteger(b: OperationBuilder, x: Extended, rounding: Value, bits: number): { integer: Value; flags: Value } {
  const [integer, flags] = b.block(['i64', 'i32'], (exit) => {
    b.when(isZero(b, x), () => exit(b.i64(0), b.i32(0)));
    const shift = b.do('i64.extend_i32_s', b.do('i32.sub', b.i32(bias + 63), exponentOf(b, x)));
    b.unusual(b.do('i32.eqz', b.do('i32.and', isNormal(b, x), b.do('i64.ge_s', shift, b.i64(1)))));
    const below = b.do('i64.ge_s', shift, b.i64(64));
    const whole = b.select(below, b.i64(0), b.do('i64.shr_u', x.significand, shift));
    const tiny = b.select(b.do('i64.eq', shift, b.i64(64)), x.significand, b.i64(1));
    const rest = b.select(below, tiny, b.do('i64.shl', x.significand, b.do('i64.sub', b.i64(64), shift)));
    const inexact = b.do('i64.ne', rest, b.i64(0));
    const beyondHalf = b.do('i64.or', b.do('i64.shl', rest, b.i64(1)), b.do('i64.and', whole, b.i64(1)));
    const nearest = b.do('i32.and', b.do('i64.lt_s', rest, b.i64(0)), b.do('i64.ne', beyondHalf, b.i64(0)));
    const negative = b.do('i32.shr_u', x.top, b.i32(15));
    const away = b.select(negative, b.i32(Rounding.down), b.i32(Rounding.up));
    const up = b.select(b.do('i32.eqz', rounding), nearest, b.do('i32.and', inexact, b.do('i32.eq', rounding, away)));
    const magnitude = b.do('i64.add', whole, b.do('i64.extend_i32_u', up));
    b.unusual(b.do('i64.lt_s', magnitude, b.i64(0)));
    exit(b.select(negative, b.do('i64.sub', b.i64(0), magnitude), magnitude), roundingFlags(b, inexact, up));
  }) as [Value, Value];
  if (bits < 64) {
    const above = b.do('i64.add', integer, b.i64(1n << BigInt(bits - 1)));
    b.unusual(b.do('i64.ne', b.do('i64.shr_u', above, b.i64(bits)), b.i64(0)));
  }
  return { integer, flags };
}

/** Write a number to the memory operand: all but integers. @returns flags for Stack.finish() */
export function storeFormat(b: OperationBuilder, format: number, x: Extended): Value {
  if (format === Format.extended) {
    b.store('i64.store', b.operand, x.significand);
    b.store('i32.store16', b.operand, x.top, 8);
    return b.i32(0);
  }
  if (format === Format.double && x.double) {
    b.store('i64.store', b.operand, x.double);
    return b.i32(0);
  }
  const [value, flags] = toNarrow(b, format as NarrowFormat, x);
  if (format === Format.single) b.store('i32.store', b.operand, b.do('i32.wrap_i64', value));
  else b.store('i64.store', b.operand, value);
  return flags;
}

