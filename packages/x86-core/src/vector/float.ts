/*
 * Arithmetic of SSE and SSE2 on the bits of one lane: what IEEE 754 says, with MXCSR's flags and modes.
 */
import {
  bitLength, control, decode, double as doubleFormat, Kind, MxFlag, round, setDefaultNan, setInfinity, setQuiet, setResult, setZero,
  single as singleFormat, type Format, type Unpacked, result, RoundingMode,
} from './format.js';

const formatOf = (double: boolean): Format => (double ? doubleFormat : singleFormat);
const isNan = ({ kind }: Unpacked): boolean => kind >= Kind.quiet;

/** Is there a NaN? A signalling one is invalid. */
function meetsNan(a: Unpacked, b: Unpacked): boolean {
  if (a.kind === Kind.signalling || b.kind === Kind.signalling) control.flags |= MxFlag.invalid;
  return isNan(a) || isNan(b);
}

/** Report denormal operands. Invalid operations and divisions by zero hide them. */
function noteDenormals(a: Unpacked, b: Unpacked): void {
  if (a.denormal || b.denormal) control.flags |= MxFlag.denormal;
}

function invalid(format: Format): void {
  control.flags |= MxFlag.invalid;
  setDefaultNan(format);
}

/** Is a post-computation flag to be left out, since an unmasked exception was found before? */
function stopped(): boolean {
  return (control.flags & ~control.masks & (MxFlag.invalid | MxFlag.denormal | MxFlag.divideByZero)) !== 0;
}

/** What arithmetic() can do. */
export type Operation = 'add' | 'sub' | 'mul' | 'div' | 'min' | 'max';

/** Set `result` to a op b. `a` is the destination operand: of two NaNs it wins. */
export function arithmetic(operation: Operation, double: boolean, aLo: number, aHi: number, bLo: number, bHi: number): void {
  const format = formatOf(double);
  const a = decode(format, aLo, aHi);
  const b = decode(format, bLo, bHi);
  if (operation === 'min' || operation === 'max') return extreme(format, operation === 'min', a, b, aLo, aHi, bLo, bHi);
  if (meetsNan(a, b)) {
    if (isNan(a)) setQuiet(format, aLo, aHi);
    else setQuiet(format, bLo, bHi);
    return;
  }
  if (operation === 'mul') multiply(format, a, b);
  else if (operation === 'div') divide(format, a, b);
  else {
    if (operation === 'sub') b.sign ^= 1;
    add(format, a, b);
  }
}

function add(format: Format, a: Unpacked, b: Unpacked): void {
  if (a.kind === Kind.infinity || b.kind === Kind.infinity) {
    if (a.kind === b.kind && a.sign !== b.sign) return invalid(format);
    noteDenormals(a, b);
    setInfinity(format, a.kind === Kind.infinity ? a.sign : b.sign);
    return;
  }
  noteDenormals(a, b);
  if (stopped()) return;
  const exponent = Math.min(a.kind === Kind.zero ? b.exponent : a.exponent, b.kind === Kind.zero ? a.exponent : b.exponent);
  const part = (x: Unpacked): bigint => {
    if (x.kind === Kind.zero) return 0n;
    const value = x.significand << BigInt(x.exponent - exponent);
    return x.sign ? -value : value;
  };
  const sum = part(a) + part(b);
  if (sum === 0n) {
    const bothZero = a.kind === Kind.zero && b.kind === Kind.zero;
    setZero(format, bothZero && a.sign === b.sign ? a.sign : control.rounding === RoundingMode.down ? 1 : 0);
  } else round(format, sum < 0n ? 1 : 0, sum < 0n ? -sum : sum, exponent);
}

function multiply(format: Format, a: Unpacked, b: Unpacked): void {
  const sign = a.sign ^ b.sign;
  const infinite = a.kind === Kind.infinity || b.kind === Kind.infinity;
  if (infinite && (a.kind === Kind.zero || b.kind === Kind.zero)) return invalid(format);
  noteDenormals(a, b);
  if (infinite) setInfinity(format, sign);
  else if (a.kind === Kind.zero || b.kind === Kind.zero) setZero(format, sign);
  else if (!stopped()) round(format, sign, a.significand * b.significand, a.exponent + b.exponent);
}

function divide(format: Format, a: Unpacked, b: Unpacked): void {
  const sign = a.sign ^ b.sign;
  if (a.kind === b.kind && a.kind !== Kind.finite) return invalid(format);
  if (a.kind === Kind.finite && b.kind === Kind.zero) {
    control.flags |= MxFlag.divideByZero;
    setInfinity(format, sign);
    return;
  }
  noteDenormals(a, b);
  if (a.kind === Kind.infinity) setInfinity(format, sign);
  else if (b.kind === Kind.infinity || a.kind === Kind.zero) setZero(format, sign);
  else if (!stopped()) {
    // enough bits for the format and two more
    const shift = format.precision + 3 + Math.max(0, bitLength(b.significand) - bitLength(a.significand));
    const dividend = a.significand << BigInt(shift);
    const quotient = dividend / b.significand;
    round(format, sign, quotient, a.exponent - b.exponent - shift, quotient * b.significand !== dividend);
  }
}

/** MINxx, MAXxx: the second operand when there is a NaN, or both are zeros. */
function extreme(format: Format, least: boolean, a: Unpacked, b: Unpacked, aLo: number, aHi: number, bLo: number, bHi: number): void {
  const nan = isNan(a) || isNan(b);
  if (nan) control.flags |= MxFlag.invalid;
  else noteDenormals(a, b);
  const relation = nan ? 0 : compareNumbers(a, b);
  const takeFirst = least ? relation < 0 : relation > 0;
  const taken = takeFirst ? a : b;
  if (taken.kind === Kind.zero) setZero(format, taken.sign);
  else {
    result.lo = takeFirst ? aLo : bLo;
    result.hi = format.double ? (takeFirst ? aHi : bHi) : 0;
  }
}

/** -1, 0 or 1; no NaNs. */
function compareNumbers(a: Unpacked, b: Unpacked): number {
  const rank = (x: Unpacked): bigint | number => {
    const size = x.kind === Kind.zero ? 0n : x.kind === Kind.infinity ? 1n << 2200n : x.significand << BigInt(x.exponent + 1074);
    return x.sign ? -size : size;
  };
  const [x, y] = [rank(a), rank(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

/** Set `result` to the square root. */
export function squareRoot(double: boolean, lo: number, hi: number): void {
  const format = formatOf(double);
  const a = decode(format, lo, hi);
  if (a.kind === Kind.signalling) control.flags |= MxFlag.invalid;
  if (isNan(a)) setQuiet(format, lo, hi);
  else if (a.kind === Kind.zero) setZero(format, a.sign);
  else if (a.sign === 1) invalid(format);
  else if (a.kind === Kind.infinity) setInfinity(format, 0);
  else {
    if (a.denormal) control.flags |= MxFlag.denormal;
    if (stopped()) return;
    // an even exponent, and twice the bits of the result and a few more
    let shift = 2 * (format.precision + 3) - bitLength(a.significand);
    if (((a.exponent - shift) & 1) !== 0) shift++;
    const square = a.significand << BigInt(shift);
    const root = integerRoot(square);
    round(format, 0, root, (a.exponent - shift) / 2, root * root !== square);
  }
}

/** The greatest whole number whose square is not greater. */
function integerRoot(square: bigint): bigint {
  let root = 1n << BigInt((bitLength(square) + 1) >> 1);
  for (;;) {
    const next = (root + square / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

/** Equal, less, less or equal, unordered, and their opposites. */
const holds: readonly ((relation: number) => boolean)[] = [(r) => r === 0, (r) => r === -1, (r) => r === 0 || r === -1, (r) => r === 2];
/** The predicates that mind quiet NaNs: LT, LE, NLT, NLE. */
const signallingPredicates = 0b0110;

/** CMPxx with predicate 0 to 7. */
export function compare(predicate: number, double: boolean, aLo: number, aHi: number, bLo: number, bHi: number): boolean {
  const basic = predicate & 3;
  const relation = order(((signallingPredicates >> basic) & 1) !== 0, double, aLo, aHi, bLo, bHi);
  return holds[basic]!(relation) !== (predicate >= 4);
}

/** COMISx (signalling) and UCOMISx: 0 equal, 1 greater, -1 less, 2 unordered. */
export function order(signalling: boolean, double: boolean, aLo: number, aHi: number, bLo: number, bHi: number): number {
  const format = formatOf(double);
  const a = decode(format, aLo, aHi);
  const b = decode(format, bLo, bHi);
  if (meetsNan(a, b)) {
    if (signalling) control.flags |= MxFlag.invalid;
    return 2;
  }
  noteDenormals(a, b);
  return compareNumbers(a, b);
}

/** From one format to the other. */
function convert(from: Format, to: Format, lo: number, hi: number): void {
  const a = decode(from, lo, hi);
  if (a.kind === Kind.signalling) control.flags |= MxFlag.invalid;
  if (isNan(a)) {
    // the upper bits of the fraction survive
    const fraction = from.double ? (BigInt(hi & 0xf_ffff) << 32n) | BigInt(lo >>> 0) : BigInt(lo & 0x7f_ffff) << 29n;
    const quiet = fraction | (1n << 51n);
    setResult(to, to.double ? (BigInt(a.sign) << 63n) | (0x7ffn << 52n) | quiet : (BigInt(a.sign) << 31n) | (0xffn << 23n) | (quiet >> 29n));
  } else if (a.kind === Kind.infinity) setInfinity(to, a.sign);
  else if (a.kind === Kind.zero) setZero(to, a.sign);
  else {
    if (a.denormal) control.flags |= MxFlag.denormal;
    if (!stopped()) round(to, a.sign, a.significand, a.exponent);
  }
}

/** CVTSS2SD: sets `result`. */
export function singleToDouble(bits: number): void { convert(singleFormat, doubleFormat, bits, 0); }
/** CVTSD2SS: sets `result`. */
export function doubleToSingle(lo: number, hi: number): void { convert(doubleFormat, singleFormat, lo, hi); }

function fromInteger(format: Format, value: number): void {
  if (value === 0) setZero(format, 0);
  else round(format, value < 0 ? 1 : 0, BigInt(Math.abs(value)), 0);
}

/** CVTSI2SS: from a signed 32-bit integer; sets `result`. */
export function intToSingle(value: number): void { fromInteger(singleFormat, value); }
/** CVTSI2SD: always exact. */
export function intToDouble(value: number): void { fromInteger(doubleFormat, value); }

const indefinite = -0x8000_0000;
/** 2^31, where 32-bit integers end. */
const integerBits = 31;

/** To a signed 32-bit integer; what does not fit is 0x80000000, and invalid. */
export function toInt(double: boolean, truncate: boolean, lo: number, hi: number): number {
  const a = decode(formatOf(double), lo, hi);
  if (a.kind === Kind.zero) return 0;
  if (a.kind !== Kind.finite || a.exponent + bitLength(a.significand) > integerBits + 2) {
    control.flags |= MxFlag.invalid;
    return indefinite;
  }
  const { value, inexact } = toWhole(a, truncate ? RoundingMode.zero : control.rounding);
  const signed = a.sign ? -value : value;
  if (signed > 0x7fff_ffffn || signed < -0x8000_0000n) {
    control.flags |= MxFlag.invalid;
    return indefinite;
  }
  if (inexact) control.flags |= MxFlag.precision;
  return Number(signed);
}

function toWhole(a: Unpacked, rounding: number): { value: bigint; inexact: boolean } {
  if (a.exponent >= 0) return { value: a.significand << BigInt(a.exponent), inexact: false };
  const by = BigInt(-a.exponent);
  const value = a.significand >> by;
  const rest = a.significand - (value << by);
  const half = 1n << (by - 1n);
  const up = rounding === RoundingMode.nearest ? rest > half || (rest === half && (value & 1n) === 1n)
    : rounding === RoundingMode.zero ? false : rest !== 0n && (rounding === RoundingMode.up) === (a.sign === 0);
  return { value: up ? value + 1n : value, inexact: rest !== 0n };
}

// ── approximations ──────────────────────────────────────────────────────────────────────────────────────────────────

/** Parts of a single. */
const Single = { sign: 0x8000_0000, magnitude: 0x7fff_ffff, exponent: 0x7f80_0000, quietBit: 0x40_0000, defaultNan: 0xffc0_0000 } as const;
/** The sign, the exponent and twelve bits of the fraction. */
const approximateMask = 0xffff_f800;

const floats = new Float32Array(1);
const words = new Int32Array(floats.buffer);

/** Denormals count as zeros here, and denormal results become zeros, whatever MXCSR says. */
function approximate(bits: number, function_: (value: number) => number): number {
  if ((bits & Single.magnitude) > Single.exponent) return bits | Single.quietBit;
  words[0] = (bits & Single.exponent) === 0 ? bits & Single.sign : bits;
  floats[0] = function_(floats[0]!);
  if (Number.isNaN(floats[0])) return Single.defaultNan | 0;
  // twelve good bits are promised; no more are given, so that nobody builds on them
  const value = words[0]! & approximateMask;
  return (value & Single.exponent) === 0 ? value & Single.sign : value;
}

/** RCPSS of one lane: 1/x within 1.5 × 2^-12. */
export function reciprocal(bits: number): number {
  return approximate(bits, (value) => 1 / value);
}

/** RSQRTSS of one lane: 1/√x within 1.5 × 2^-12; of negative numbers the default NaN. */
export function reciprocalRoot(bits: number): number {
  return approximate(bits, (value) => (value === 0 ? 1 / value : 1 / Math.sqrt(value)));
}
