/*
 * The exact operations that are too rare for speed: square root, scale, extract, partial remainder, and the constants.
 *
 * Here significands are BigInts; the answers still go through the one rounding of round.ts.
 */
import { invalidOperation, denormalOperand, nanOperand, nanOperands } from './arithmetic.js';
import { fromInt32 } from './convert.js';
import { Exception, Rounding, env, raiseException } from './environment.js';
import { Float80, Kind, bias, kindOf, normalize, setInfinity, setZero, significand } from './float80.js';
import { roundTo } from './round.js';

const left = new Float80();
const right = new Float80();
const fullPrecision = 64;

/** Number of bits of a positive integer. */
export function bitLength(value: bigint): number {
  const hex = value.toString(16);
  return hex.length * 4 - (Math.clz32(Number.parseInt(hex[0]!, 16)) - 28);
}

const extendedBits = 96;
const wordMask = 0xffff_ffffn;

/**
 * Deliver value × 2^-scale, rounded to `precision` bits; `sticky` when a non-zero rest was cut off below. The value is
 * positive.
 */
export function deliver(out: Float80, sign: number, value: bigint, scale: number, sticky: boolean, precision: number): void {
  const bits = bitLength(value);
  const drop = bits - extendedBits;
  let top = value;
  if (drop > 0) {
    top = value >> BigInt(drop);
    if (top << BigInt(drop) !== value) sticky = true;
  } else {
    top = value << BigInt(-drop);
  }
  const extra = Number(top & wordMask);
  roundTo(
    out, sign, bias + bits - 1 - scale, Number(top >> 64n), Number((top >> 32n) & wordMask),
    (sticky ? extra | 1 : extra) >>> 0, precision,
  );
}

/** Integer square root, rounded down. */
export function integerSqrt(value: bigint): bigint {
  if (value === 0n) return 0n;
  let root = 1n << BigInt((bitLength(value) + 1) >> 1);
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

/** FSQRT. */
export function squareRoot(a: Float80, out: Float80): void {
  const kind = kindOf(a);
  if (kind >= Kind.quietNan) {
    nanOperand(a, kind, out);
    return;
  }
  if (kind === Kind.zero) {
    out.copy(a);
    return;
  }
  if (a.sign) {
    invalidOperation(out);
    return;
  }
  if (kind === Kind.infinity) {
    out.copy(a);
    return;
  }
  if (denormalOperand(kind, kind)) return;
  normalize(a, left);
  // an even power of two in front, 66 or 67 bits of root behind
  const power = left.exponent - bias;
  const odd = power & 1;
  const radicand = significand(left) << BigInt(69 + odd);
  const root = integerSqrt(radicand);
  const halfPower = (power - odd) / 2;
  deliver(out, 0, root, 66 - halfPower, root * root !== radicand, env.precision);
}

/** FSCALE: a × 2^trunc(b). Rounds to full precision whatever the precision control says. */
export function scale(a: Float80, b: Float80, out: Float80): void {
  const kindA = kindOf(a);
  const kindB = kindOf(b);
  if (kindA >= Kind.quietNan || kindB >= Kind.quietNan) {
    nanOperands(a, kindA, b, kindB, out);
    return;
  }
  if (kindB === Kind.infinity) {
    if ((b.sign === 0 && kindA === Kind.zero) || (b.sign === 1 && kindA === Kind.infinity)) {
      invalidOperation(out);
      return;
    }
    if (denormalOperand(kindA, kindB)) return;
    if (b.sign === 0) setInfinity(out, a.sign);
    else setZero(out, a.sign);
    return;
  }
  if (denormalOperand(kindA, kindB)) return;
  if (kindA === Kind.infinity || kindA === Kind.zero) {
    out.copy(a);
    return;
  }
  normalize(a, left);
  roundTo(out, a.sign, left.exponent + truncated(b), left.high, left.low, 0, fullPrecision);
}

/** Integer part of a finite number, within a range that reaches beyond every exponent. */
function truncated(x: Float80): number {
  const power = x.exponent - bias;
  if (power < 0) return 0;
  const magnitude = power > 16 ? 1 << 17 : Math.floor(x.high / 2 ** (31 - power));
  return x.sign ? -magnitude : magnitude;
}

/** FXTRACT: exponent of a, as a number, and significand of a, between 1 and 2. */
export function extract(a: Float80, exponent: Float80, fraction: Float80): void {
  const kind = kindOf(a);
  if (kind >= Kind.quietNan) {
    nanOperand(a, kind, fraction);
    exponent.copy(fraction);
    return;
  }
  if (kind === Kind.infinity) {
    fraction.copy(a);
    setInfinity(exponent, 0);
    return;
  }
  if (kind === Kind.zero) {
    raiseException(Exception.zeroDivide);
    fraction.copy(a);
    setInfinity(exponent, 1);
    return;
  }
  denormalOperand(kind, kind);
  normalize(a, left);
  fraction.set(a.sign, bias, left.high, left.low);
  fromInt32(left.exponent - bias, exponent);
}

/** What the partial remainders report besides the remainder. */
export const remainderResult = { computed: false, complete: true, quotient: 0 };

/**
 * FPREM (`nearest` false: quotient truncated) and FPREM1 (rounded to nearest even). When the exponents are 64 or more
 * apart, only the distance is reduced and the program is to try again.
 */
export function partialRemainder(a: Float80, b: Float80, nearest: boolean, out: Float80): void {
  const kindA = kindOf(a);
  const kindB = kindOf(b);
  remainderResult.complete = true;
  remainderResult.quotient = 0;
  if (kindA >= Kind.quietNan || kindB >= Kind.quietNan) {
    nanOperands(a, kindA, b, kindB, out);
    return;
  }
  if (kindA === Kind.infinity || kindB === Kind.zero) {
    invalidOperation(out);
    return;
  }
  if (denormalOperand(kindA, kindB)) return;
  remainderResult.computed = true;
  if (kindA === Kind.zero) {
    out.copy(a);
    return;
  }
  normalize(a, left);
  if (kindB === Kind.infinity) {
    roundTo(out, a.sign, left.exponent, left.high, left.low, 0, fullPrecision);
    return;
  }
  normalize(b, right);
  const distance = left.exponent - right.exponent;
  if (distance < (nearest ? -1 : 0)) {
    roundTo(out, a.sign, left.exponent, left.high, left.low, 0, fullPrecision);
    return;
  }
  let exponent = right.exponent;
  let steps = distance;
  if (distance >= 64) {
    // any number of steps from 32 to 63 is allowed; this one makes the next distance a multiple of 32
    steps = (distance & 31) | 32;
    exponent += distance - steps;
    remainderResult.complete = false;
  }
  // one more bit, so that a distance of -1 needs no case of its own
  const divisor = significand(right) << 1n;
  const dividend = significand(left) << BigInt(steps + 1);
  let quotient = dividend / divisor;
  let rest = dividend % divisor;
  let sign = a.sign;
  if (nearest && remainderResult.complete) {
    const twice = rest << 1n;
    if (twice > divisor || (twice === divisor && quotient & 1n)) {
      quotient += 1n;
      rest = divisor - rest;
      sign ^= 1;
    }
  }
  remainderResult.quotient = Number(quotient & 7n);
  if (rest === 0n) setZero(out, a.sign);
  else deliver(out, sign, rest, bias + 64 - exponent, false, fullPrecision);
}

/** A loadable constant: its bits cut off at 64, and whether the nearest number is one unit above. */
interface Constant {
  readonly exponent: number;
  readonly high: number;
  readonly low: number;
  /** All but 1 and 0 are irrational, so up is always one more. */
  readonly exact: boolean;
  readonly nearestIsUp: boolean;
}

/** FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2, FLDZ, in the order of their opcodes D9 E8..EE. */
const constants: readonly Constant[] = [
  { exponent: 0x3fff, high: 0x8000_0000, low: 0, exact: true, nearestIsUp: false },
  { exponent: 0x4000, high: 0xd49a_784b, low: 0xcd1b_8afe, exact: false, nearestIsUp: false },
  { exponent: 0x3fff, high: 0xb8aa_3b29, low: 0x5c17_f0bb, exact: false, nearestIsUp: true },
  { exponent: 0x4000, high: 0xc90f_daa2, low: 0x2168_c234, exact: false, nearestIsUp: true },
  { exponent: 0x3ffd, high: 0x9a20_9a84, low: 0xfbcf_f798, exact: false, nearestIsUp: true },
  { exponent: 0x3ffe, high: 0xb172_17f7, low: 0xd1cf_79ab, exact: false, nearestIsUp: true },
  { exponent: 0, high: 0, low: 0, exact: true, nearestIsUp: false },
];

/** Constant number `index`, rounded as the control word says; no exception tells that it is not exact. */
export function loadConstant(index: number, out: Float80): void {
  const constant = constants[index]!;
  const up = !constant.exact && (env.rounding === Rounding.up || (env.rounding === Rounding.nearest && constant.nearestIsUp));
  out.set(0, constant.exponent, constant.high, constant.low + (up ? 1 : 0));
}

