/*
 * Logarithms, exponentials, sines: the functions no processor computes exactly.
 *
 * The manual promises an error below one unit in the last place. Here each value is computed in fixed point with far
 * more bits than an 80-bit number has and rounded once, so the error is half a unit (as good as never: the rounding
 * could only be wrong if more than a hundred further bits were all zeros or all ones).
 *
 * Numbers too small for fixed point are those for which the first term of the series is the answer.
 */
import { denormalOperand, invalidOperation, nanOperand, nanOperands } from './arithmetic.js';
import { Exception, raiseException } from './environment.js';
import { Float80, Kind, bias, kindOf, normalize, setInfinity, setZero, significand } from './float80.js';
import { deliver, integerSqrt } from './special.js';

/** Fraction bits of the fixed point. */
const fraction = 384;
const F = BigInt(fraction);
const one = 1n << F;
const fullPrecision = 64;
/** Below 2^-tinyPower the square of an argument is beneath the last bit that matters, even of a jammed result. */
const tinyPower = 100;

const left = new Float80();
const right = new Float80();

/** 2 · artanh(p/q) in fixed point, for |p/q| well below 1. */
function doubleArtanh(p: bigint, q: bigint): bigint {
  const s = (p << F) / q;
  const square = (s * s) >> F;
  let power = s;
  let sum = s;
  for (let k = 3n; power !== 0n && power !== -1n; k += 2n) {
    power = (power * square) >> F;
    sum += power / k;
  }
  return sum << 1n;
}

/** arctan(1/n) in fixed point. */
function arctanInverse(n: bigint): bigint {
  let power = one / n;
  let sum = power;
  for (let k = 3n; power !== 0n; k += 2n) {
    power = -power / (n * n);
    sum += power / k;
  }
  return sum;
}

let ln2Value: bigint | undefined;
let piValue: bigint | undefined;

/** ln 2 in fixed point. */
function ln2(): bigint {
  return (ln2Value ??= doubleArtanh(1n, 3n));
}

/** π in fixed point (Machin's formula). */
function pi(): bigint {
  return (piValue ??= (arctanInverse(5n) * 16n - arctanInverse(239n) * 4n));
}

/** A normalized number as a fixed-point magnitude; exact for powers of two above -(fraction - 63). */
function toFixed(x: Float80): bigint {
  const shift = x.exponent - bias - 63 + fraction;
  return shift >= 0 ? significand(x) << BigInt(shift) : significand(x) >> BigInt(-shift);
}

/** All transcendental results but a few exact ones are inexact. */
function inexact(): void {
  raiseException(Exception.precision);
}

/** e^x in fixed point. */
function exponential(x: bigint): bigint {
  // halve the argument eight times, square the result as often
  const reduced = x >> 8n;
  let term = one;
  let sum = one;
  for (let k = 1n; term !== 0n && term !== -1n; k++) {
    term = ((term * reduced) >> F) / k;
    sum += term;
  }
  for (let i = 0; i < 8; i++) sum = (sum * sum) >> F;
  return sum;
}

/** F2XM1: 2^x - 1 for -1 ≤ x ≤ 1. Beyond that range the answer is the argument, as it is on the processors we know. */
export function powerOfTwoMinusOne(a: Float80, out: Float80): void {
  const kind = kindOf(a);
  if (kind >= Kind.quietNan) {
    nanOperand(a, kind, out);
    return;
  }
  if (kind === Kind.zero) {
    out.copy(a);
    return;
  }
  if (kind === Kind.infinity) {
    if (a.sign) out.set(1, bias, 0x8000_0000, 0);
    else out.copy(a);
    return;
  }
  if (denormalOperand(kind, kind)) return;
  normalize(a, left);
  const power = left.exponent - bias;
  inexact();
  if (power >= 0) {
    const isOne = power === 0 && left.high === 0x8000_0000 && left.low === 0;
    if (isOne && a.sign) out.set(1, bias - 1, 0x8000_0000, 0);
    else out.copy(a);
    return;
  }
  if (power < -tinyPower) {
    deliver(out, a.sign, significand(left) * ln2(), fraction + 63 - power, true, fullPrecision);
    return;
  }
  const exponent = (toFixed(left) * ln2()) >> F;
  const value = a.sign ? one - exponential(-exponent) : exponential(exponent) - one;
  deliver(out, a.sign, value, fraction, true, fullPrecision);
}

/** log2 of m·2^power in fixed point, for a 64-bit significand m. */
function logarithm(m: bigint, power: number): bigint {
  // bring m between about 0.7 and 1.4
  const isLarge = m > 0xb504_f333_f9de_6484n;
  const unit = 1n << (isLarge ? 64n : 63n);
  const integer = BigInt(isLarge ? power + 1 : power) << F;
  if (m === unit) return integer;
  return integer + (doubleArtanh(m - unit, m + unit) << F) / ln2();
}

/** FYL2X: b · log2(a). */
export function multiplyLogarithm(a: Float80, b: Float80, out: Float80): void {
  const kindA = kindOf(a);
  const kindB = kindOf(b);
  if (kindA >= Kind.quietNan || kindB >= Kind.quietNan) {
    nanOperands(a, kindA, b, kindB, out);
    return;
  }
  if (a.sign && kindA !== Kind.zero) {
    invalidOperation(out);
    return;
  }
  if (kindA === Kind.zero) {
    if (kindB === Kind.zero) {
      invalidOperation(out);
    } else if (kindB === Kind.infinity) {
      setInfinity(out, b.sign ^ 1);
    } else if (!raiseException(Exception.zeroDivide)) {
      setInfinity(out, b.sign ^ 1);
    }
    return;
  }
  const isOne = kindA === Kind.normal && a.exponent === bias && a.high === 0x8000_0000 && a.low === 0;
  const aboveOne = kindA === Kind.infinity || (kindA === Kind.normal && a.exponent >= bias);
  if (kindA === Kind.infinity || kindB === Kind.infinity) {
    if ((kindA === Kind.infinity && kindB === Kind.zero) || isOne) {
      invalidOperation(out);
      return;
    }
    if (denormalOperand(kindA, kindB)) return;
    setInfinity(out, aboveOne ? b.sign : b.sign ^ 1);
    return;
  }
  if (denormalOperand(kindA, kindB)) return;
  if (isOne) {
    setZero(out, b.sign);
    return;
  }
  if (kindB === Kind.zero) {
    setZero(out, aboveOne ? b.sign : b.sign ^ 1);
    return;
  }
  normalize(a, left);
  normalize(b, right);
  product(out, logarithm(significand(left), left.exponent - bias), b.sign);
}

/** Deliver `right` × a fixed-point factor. Even an exact product counts as inexact, as it does on processors. */
function product(out: Float80, factor: bigint, sign: number): void {
  const negative = factor < 0n;
  const magnitude = negative ? -factor : factor;
  inexact();
  deliver(out, negative ? sign ^ 1 : sign, significand(right) * magnitude, fraction + 63 - (right.exponent - bias), (factor & (one - 1n)) !== 0n, fullPrecision);
}

/** FYL2XP1: b · log2(a + 1). */
export function multiplyLogarithmPlusOne(a: Float80, b: Float80, out: Float80): void {
  const kindA = kindOf(a);
  const kindB = kindOf(b);
  if (kindA >= Kind.quietNan || kindB >= Kind.quietNan) {
    nanOperands(a, kindA, b, kindB, out);
    return;
  }
  const atMostMinusOne = a.sign === 1 && kindA !== Kind.zero && kindA !== Kind.denormal && a.exponent >= bias;
  if ((kindA === Kind.infinity && (a.sign || kindB === Kind.zero)) || (kindB === Kind.infinity && kindA === Kind.zero)) {
    invalidOperation(out);
    return;
  }
  if (denormalOperand(kindA, kindB)) return;
  if (kindA === Kind.infinity || kindB === Kind.infinity) {
    setInfinity(out, a.sign ^ b.sign);
    return;
  }
  if (kindA === Kind.zero || kindB === Kind.zero) {
    setZero(out, a.sign ^ b.sign);
    return;
  }
  if (atMostMinusOne) {
    // outside the domain the manual leaves the result open; this is what processors do
    inexact();
    out.copy(a);
    return;
  }
  normalize(a, left);
  normalize(b, right);
  const power = left.exponent - bias;
  if (power < -tinyPower) {
    // b · a / ln 2
    inexact();
    const value = ((significand(left) * significand(right)) << (2n * F)) / ln2();
    deliver(out, a.sign ^ b.sign, value, fraction + 126 - power - (right.exponent - bias), true, fullPrecision);
    return;
  }
  const x = toFixed(left);
  product(out, logarithmPlusOne(a.sign ? -x : x), b.sign);
}

/** log2(1 + x) in fixed point. */
function logarithmPlusOne(x: bigint): bigint {
  let value = one + x;
  let integer = 0n;
  while (value > (one * 3n) / 2n) {
    value >>= 1n;
    integer += one;
  }
  while (value < (one * 3n) / 4n) {
    value <<= 1n;
    integer -= one;
  }
  return integer + (doubleArtanh(value - one, value + one) << F) / ln2();
}

/** arctan of a fixed-point number between 0 and 1. */
function arctan(x: bigint): bigint {
  // arctan x = 2 arctan(x / (1 + √(1 + x²))), four times over
  let reduced = x;
  for (let i = 0; i < 4; i++) {
    const root = integerSqrt((one << F) + reduced * reduced);
    reduced = (reduced << F) / (one + root);
  }
  const square = (reduced * reduced) >> F;
  let power = reduced;
  let sum = reduced;
  for (let k = 3n; power !== 0n && power !== -1n; k += 2n) {
    power = -(power * square) >> F;
    sum += power / k;
  }
  return sum << 4n;
}

/** FPATAN: the angle of the point (x = a, y = b). */
export function arcTangent(a: Float80, b: Float80, out: Float80): void {
  const kindA = kindOf(a);
  const kindB = kindOf(b);
  if (kindA >= Kind.quietNan || kindB >= Kind.quietNan) {
    nanOperands(a, kindA, b, kindB, out);
    return;
  }
  if (denormalOperand(kindA, kindB)) return;
  const sign = b.sign;
  if (kindB === Kind.zero || (kindA === Kind.infinity && kindB !== Kind.infinity)) {
    if (a.sign) angle(out, sign, pi());
    else setZero(out, sign);
    return;
  }
  if (kindB === Kind.infinity) {
    angle(out, sign, kindA !== Kind.infinity ? pi() >> 1n : a.sign ? (pi() * 3n) >> 2n : pi() >> 2n);
    return;
  }
  if (kindA === Kind.zero) {
    angle(out, sign, pi() >> 1n);
    return;
  }
  normalize(a, left);
  normalize(b, right);
  const distance = right.exponent - left.exponent;
  inexact();
  if (distance < -tinyPower && !a.sign) {
    // y / x, but not quite
    const scale = 192;
    deliver(out, sign, ((significand(right) << BigInt(scale)) - 1n) / significand(left), scale - distance, true, fullPrecision);
    return;
  }
  let value: bigint;
  if (distance < -tinyPower) value = pi() - 1n;
  else if (distance > tinyPower) value = (pi() >> 1n) + (a.sign ? 1n : -1n);
  else {
    // both with the larger exponent's unit
    const y = significand(right) << BigInt(Math.max(distance, 0));
    const x = significand(left) << BigInt(Math.max(-distance, 0));
    value = y <= x ? arctan((y << F) / x) : (pi() >> 1n) - arctan((x << F) / y);
    if (a.sign) value = pi() - value;
  }
  deliver(out, sign, value, fraction, true, fullPrecision);
}

function angle(out: Float80, sign: number, value: bigint): void {
  inexact();
  deliver(out, sign, value, fraction, true, fullPrecision);
}

/** Sine and cosine of an angle, each with its sign, in fixed point. */
const circle = { sine: 0n, cosine: 0n };

/** Bits of π that the argument reduction of the processors works with (SDM volume 1, 8.3.8). */
const reductionBits = 66n;

/** Fill `circle` for the magnitude of a normalized number below 2^63. */
function circular(x: Float80): void {
  // Programs depend on the hardware's short π, wrong as it is for large arguments
  const shortPi = (pi() >> (F + 2n - reductionBits)) << (F + 2n - reductionBits);
  const half = shortPi >> 1n;
  const magnitude = toFixed(x);
  const quadrant = (magnitude + (half >> 1n)) / half;
  const rest = magnitude - quadrant * half;
  const square = (rest * rest) >> F;
  let term = one;
  let cosine = one;
  for (let k = 1n; term !== 0n && term !== -1n; k += 2n) {
    term = -((term * square) >> F) / (k * (k + 1n));
    cosine += term;
  }
  term = rest;
  let sine = rest;
  for (let k = 2n; term !== 0n && term !== -1n; k += 2n) {
    term = -((term * square) >> F) / (k * (k + 1n));
    sine += term;
  }
  const turn = Number(quadrant & 3n);
  circle.sine = turn & 1 ? cosine : sine;
  circle.cosine = turn & 1 ? sine : cosine;
  if (turn & 2) circle.sine = -circle.sine;
  if (turn === 1 || turn === 2) circle.cosine = -circle.cosine;
}

function deliverSigned(out: Float80, value: bigint, flip: number): void {
  inexact();
  const negative = value < 0n;
  deliver(out, (negative ? 1 : 0) ^ flip, negative ? -value : value, fraction, true, fullPrecision);
}

/** Which results trigonometric() is asked for. */
export interface TrigResults {
  sine?: Float80;
  cosine?: Float80;
  tangent?: Float80;
}

/** FSIN, FCOS, FSINCOS, FPTAN. The magnitude of `a` is below 2^63, or it is infinite or a NaN. */
export function trigonometric(a: Float80, results: TrigResults): void {
  const kind = kindOf(a);
  const { sine, cosine, tangent } = results;
  if (kind >= Kind.quietNan || kind === Kind.infinity) {
    for (const out of [sine, cosine, tangent]) {
      if (out === undefined) continue;
      if (kind === Kind.infinity) invalidOperation(out);
      else nanOperand(a, kind, out);
    }
    return;
  }
  if (kind === Kind.zero) {
    sine?.copy(a);
    tangent?.copy(a);
    cosine?.set(0, bias, 0x8000_0000, 0);
    return;
  }
  if (denormalOperand(kind, kind)) return;
  normalize(a, left);
  if (left.exponent - bias < -tinyPower) {
    // sin x and tan x are x, cos x is 1, but not quite
    const below = (significand(left) << 64n) - 1n;
    const above = (significand(left) << 64n) + 1n;
    inexact();
    if (cosine) deliver(cosine, 0, one - 1n, fraction, true, fullPrecision);
    if (sine) deliver(sine, a.sign, below, 127 - (left.exponent - bias), true, fullPrecision);
    if (tangent) deliver(tangent, a.sign, above, 127 - (left.exponent - bias), true, fullPrecision);
    return;
  }
  circular(left);
  if (cosine) deliverSigned(cosine, circle.cosine, 0);
  if (sine) deliverSigned(sine, circle.sine, a.sign);
  if (tangent) deliverSigned(tangent, (circle.sine << F) / circle.cosine, a.sign);
}
