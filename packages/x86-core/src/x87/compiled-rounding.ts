/*
 * What all arithmetic on 80-bit numbers shares: which operands go the usual way, and how an exact result is rounded to 64
 * bits of significand.
 */
import type { OperationBuilder } from '../operations/operation.js';
import type { FunctionBuilder, Value } from '../wasm/function-builder.js';
import { roundingFlags } from './compiled.js';
import { type Extended, isExtreme, isNormal, isZero, signBit, topSignificandBit } from './compiled-number.js';

/** Ends an operation's arithmetic: significand, top, and flags of the status word. */
export type Exit = (significand: Value, top: Value, flags: Value) => void;
export type Arithmetic = (b: OperationBuilder, x: Extended, y: Extended, exit: Exit) => void;

/** 1 when a significand goes up for the 64 bits below it, to nearest: above half, or half and it is odd. */
function roundsUp(b: FunctionBuilder, high: Value, low: Value): Value {
  return b.do('i64.gt_u', low, b.do('i64.sub', b.i64(topSignificandBit), b.do('i64.and', high, b.i64(1))));
}

/**
 * Exit with a number whose exponent cannot leave the range, not even by one more.
 * @param top sign and exponent @param high the significand, its top bit set @param low any part of it counts
 */
export function exitNear(b: OperationBuilder, exit: Exit, top: Value, high: Value, low: Value): void {
  const up = roundsUp(b, high, low);
  const flags = roundingFlags(b, b.do('i64.ne', low, b.i64(0)), up);
  const significand = b.do('i64.add', high, b.do('i64.extend_i32_u', up));
  b.when(b.do('i64.eqz', significand), () => exit(b.i64(topSignificandBit), b.do('i32.add', top, b.i32(1)), flags));
  exit(significand, top, flags);
}

/**
 * Exit with sign, exponent and high:low rounded to 64 bits. `high` has its top bit set; any part of `low` counts.
 * @param sign 0 or signBit
 */
export function exitRounded(b: OperationBuilder, exit: Exit, sign: Value, exponent: Value, high: Value, low: Value): void {
  b.unusual(isExtreme(b, exponent, 1));
  exitNear(b, exit, b.do('i32.or', sign, exponent), high, low);
}

export const signOf = (b: FunctionBuilder, { top }: Extended): Value => b.do('i32.and', top, b.i32(signBit));

/** Go on only with one zero at least, and else normal numbers. @returns which are zeros */
export function needZero(b: OperationBuilder, x: Extended, y: Extended): { xZero: Value; yZero: Value } {
  const [xZero, yZero] = [isZero(b, x), isZero(b, y)];
  b.unusual(b.do('i32.eqz', b.do('i32.and', b.do('i32.or', isNormal(b, x), xZero), b.do('i32.or', isNormal(b, y), yZero))));
  return { xZero, yZero };
}
