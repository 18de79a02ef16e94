/*
 * Add, subtract, multiply, divide, compare.
 *
 * Each works on 32-bit halves and delivers through roundResult(). The order of the checks is the order of exception
 * priority (SDM volume 1, 4.9.2): unsupported formats and signaling NaNs, quiet NaNs, other invalid operations and
 * division by zero, denormal operands, and only then the numeric result.
 */
import { Exception, Rounding, env, raiseException } from './environment.js';
import { Float80, Kind, bias, integerBit, kindOf, normalize, quietBit, setDefaultNan, setInfinity, setZero, word } from './float80.js';
import { roundResult, shiftRightJam, shifted } from './round.js';

const left = new Float80();
const right = new Float80();

/** An invalid operation: raise it, and answer with the indefinite. */
export function invalidOperation(out: Float80): void {
  raiseException(Exception.invalid);
  setDefaultNan(out);
}

/** One operand is a NaN or unsupported: turn it into the result. */
export function nanOperand(a: Float80, kind: number, out: Float80): void {
  if (kind === Kind.unsupported) {
    invalidOperation(out);
    return;
  }
  if (kind === Kind.signalingNan) raiseException(Exception.invalid);
  out.set(a.sign, a.exponent, (a.high | quietBit) >>> 0, a.low);
}

/** At least one of two operands is a NaN or unsupported (SDM volume 1, table 4-7). */
export function nanOperands(a: Float80, kindA: number, b: Float80, kindB: number, out: Float80): void {
  if (kindA === Kind.unsupported || kindB === Kind.unsupported) {
    invalidOperation(out);
    return;
  }
  if (kindA === Kind.signalingNan || kindB === Kind.signalingNan) raiseException(Exception.invalid);
  let winner = a;
  if (kindA < Kind.quietNan) {
    winner = b;
  } else if (kindB >= Kind.quietNan) {
    if (kindA !== kindB) winner = kindA === Kind.quietNan ? a : b;
    else if (a.high !== b.high) winner = a.high > b.high ? a : b;
    else if (a.low !== b.low) winner = a.low > b.low ? a : b;
    else winner = a.sign <= b.sign ? a : b;
  }
  out.set(winner.sign, winner.exponent, (winner.high | quietBit) >>> 0, winner.low);
}

/** Raise the denormal-operand exception if either kind asks for it; true when it is unmasked. */
export function denormalOperand(kindA: number, kindB: number): boolean {
  return (kindA === Kind.denormal || kindB === Kind.denormal) && raiseException(Exception.denormal);
}

/** a + b, or a - b with `flip` 1. */
export function add(a: Float80, b: Float80, flip: number, out: Float80): void {
  const kindA = kindOf(a);
  const kindB = kindOf(b);
  const signB = b.sign ^ flip;
  if (kindA > Kind.normal || kindB > Kind.normal) {
    if (kindA >= Kind.quietNan || kindB >= Kind.quietNan) {
      nanOperands(a, kindA, b, kindB, out);
      return;
    }
    if (kindA === Kind.infinity && kindB === Kind.infinity && a.sign !== signB) {
      invalidOperation(out);
      return;
    }
    if (denormalOperand(kindA, kindB)) return;
    if (kindA === Kind.infinity || kindB === Kind.infinity) {
      setInfinity(out, kindA === Kind.infinity ? a.sign : signB);
      return;
    }
    if (kindA === Kind.zero && kindB === Kind.zero) {
      setZero(out, a.sign === signB ? a.sign : zeroSign());
      return;
    }
    if (kindA === Kind.zero) {
      normalize(b, right);
      roundResult(out, signB, right.exponent, right.high, right.low, 0);
      return;
    }
    if (kindB === Kind.zero) {
      normalize(a, left);
      roundResult(out, a.sign, left.exponent, left.high, left.low, 0);
      return;
    }
  }
  normalize(a, left);
  normalize(b, right);
  right.sign = signB;
  if (left.sign === right.sign) addMagnitudes(out);
  else subtractMagnitudes(out);
}

/** Sign of an exact zero that comes out of a subtraction. */
function zeroSign(): number {
  return env.rounding === Rounding.down ? 1 : 0;
}

function addMagnitudes(out: Float80): void {
  const large = left.exponent >= right.exponent ? left : right;
  const small = large === left ? right : left;
  shiftRightJam(small.high, small.low, 0, large.exponent - small.exponent);
  let low = large.low + shifted.low;
  let high = large.high + shifted.high;
  if (low >= word) {
    low -= word;
    high++;
  }
  let extra = shifted.extra;
  let exponent = large.exponent;
  if (high >= word) {
    high -= word;
    extra = ((extra >>> 1) | (extra & 1) | (low << 31)) >>> 0;
    low = ((low >>> 1) | (high << 31)) >>> 0;
    high = ((high >>> 1) | integerBit) >>> 0;
    exponent++;
  }
  roundResult(out, large.sign, exponent, high, low, extra);
}

function subtractMagnitudes(out: Float80): void {
  const order = compareMagnitudes(left, right);
  if (order === 0) {
    setZero(out, zeroSign());
    return;
  }
  const large = order > 0 ? left : right;
  const small = order > 0 ? right : left;
  let exponent = large.exponent;
  shiftRightJam(small.high, small.low, 0, exponent - small.exponent);
  let extra = -shifted.extra;
  let low = large.low - shifted.low;
  let high = large.high - shifted.high;
  if (extra < 0) {
    extra += word;
    low--;
  }
  if (low < 0) {
    low += word;
    high--;
  }
  while (high === 0) {
    high = low;
    low = extra;
    extra = 0;
    exponent -= 32;
  }
  const shift = Math.clz32(high);
  if (shift !== 0) {
    const down = 32 - shift;
    high = ((high << shift) | (low >>> down)) >>> 0;
    low = ((low << shift) | (extra >>> down)) >>> 0;
    extra = (extra << shift) >>> 0;
    exponent -= shift;
  }
  roundResult(out, large.sign, exponent, high, low, extra);
}

/** Order of two normalized finite numbers without their signs: negative, 0, positive. */
function compareMagnitudes(a: Float80, b: Float80): number {
  if (a.exponent !== b.exponent) return a.exponent - b.exponent;
  return a.high - b.high || a.low - b.low;
}

/** The 128-bit product of multiplyWords(), most significant word first. */
const product = { word3: 0, word2: 0, word1: 0, word0: 0 };

/** High half of the product of two unsigned words; Math.imul gives the low one. */
function multiplyHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const lowMiddle = a0 * b1 + (middle % 0x1_0000);
  return a1 * b1 + Math.floor(middle / 0x1_0000) + Math.floor(lowMiddle / 0x1_0000);
}

/** Exact product of two 64-bit significands. */
function multiplyWords(ah: number, al: number, bh: number, bl: number): void {
  product.word0 = Math.imul(al, bl) >>> 0;
  const second = multiplyHigh(al, bl) + (Math.imul(ah, bl) >>> 0) + (Math.imul(al, bh) >>> 0);
  const third =
    multiplyHigh(ah, bl) + multiplyHigh(al, bh) + (Math.imul(ah, bh) >>> 0) + Math.floor(second / word);
  product.word1 = second >>> 0;
  product.word2 = third % word;
  product.word3 = multiplyHigh(ah, bh) + Math.floor(third / word);
}

/** a × b. */
export function multiply(a: Float80, b: Float80, out: Float80): void {
  const kindA = kindOf(a);
  const kindB = kindOf(b);
  const sign = a.sign ^ b.sign;
  if (kindA > Kind.normal || kindB > Kind.normal) {
    if (kindA >= Kind.quietNan || kindB >= Kind.quietNan) {
      nanOperands(a, kindA, b, kindB, out);
      return;
    }
    const infinite = kindA === Kind.infinity || kindB === Kind.infinity;
    const zero = kindA === Kind.zero || kindB === Kind.zero;
    if (infinite && zero) {
      invalidOperation(out);
      return;
    }
    if (denormalOperand(kindA, kindB)) return;
    if (infinite || zero) {
      if (infinite) setInfinity(out, sign);
      else setZero(out, sign);
      return;
    }
  }
  normalize(a, left);
  normalize(b, right);
  multiplyWords(left.high, left.low, right.high, right.low);
  let exponent = left.exponent + right.exponent - bias + 1;
  let high = product.word3;
  let low = product.word2;
  let extra = product.word1;
  if (high < integerBit) {
    high = high * 2 + (low >>> 31);
    low = ((low << 1) | (extra >>> 31)) >>> 0;
    extra = ((extra << 1) | (product.word0 >>> 31)) >>> 0;
    exponent--;
  }
  if (product.word0 !== 0) extra = (extra | 1) >>> 0;
  roundResult(out, sign, exponent, high, low, extra);
}

/** a ÷ b. */
export function divide(a: Float80, b: Float80, out: Float80): void {
  const kindA = kindOf(a);
  const kindB = kindOf(b);
  const sign = a.sign ^ b.sign;
  if (kindA > Kind.normal || kindB > Kind.normal) {
    if (kindA >= Kind.quietNan || kindB >= Kind.quietNan) {
      nanOperands(a, kindA, b, kindB, out);
      return;
    }
    if (kindA === kindB && (kindA === Kind.infinity || kindA === Kind.zero)) {
      invalidOperation(out);
      return;
    }
    if (kindB === Kind.zero && kindA !== Kind.infinity) {
      if (!raiseException(Exception.zeroDivide)) setInfinity(out, sign);
      return;
    }
    if (denormalOperand(kindA, kindB)) return;
    if (kindA === Kind.infinity) {
      setInfinity(out, sign);
      return;
    }
    if (kindA === Kind.zero || kindB === Kind.infinity) {
      setZero(out, sign);
      return;
    }
  }
  normalize(a, left);
  normalize(b, right);
  divideMagnitudes(out, sign);
}

/** Long division of `left` by `right`, bit by bit: the quotient's first bit is 1 by construction. */
function divideMagnitudes(out: Float80, sign: number): void {
  const divisorHigh = right.high;
  const divisorLow = right.low;
  let exponent = left.exponent - right.exponent + bias;
  let high = left.high;
  let low = left.low;
  if (high < divisorHigh || (high === divisorHigh && low < divisorLow)) {
    exponent--;
    high = high * 2 + (low >>> 31);
    low = (low << 1) >>> 0;
  }
  // remainder after the first bit
  high -= divisorHigh;
  low -= divisorLow;
  if (low < 0) {
    low += word;
    high--;
  }
  let digits = 1;
  let quotientHigh = 0;
  let quotientLow = 0;
  for (let bits = 1; bits < 96; bits++) {
    if (bits === 32) {
      quotientHigh = digits >>> 0;
      digits = 0;
    } else if (bits === 64) {
      quotientLow = digits >>> 0;
      digits = 0;
      if (high === 0 && low === 0) break;
    } else if (bits === 67) {
      break;
    }
    high = high * 2 + (low >>> 31);
    low = (low << 1) >>> 0;
    digits <<= 1;
    if (high > divisorHigh || (high === divisorHigh && low >= divisorLow)) {
      digits |= 1;
      high -= divisorHigh;
      low -= divisorLow;
      if (low < 0) {
        low += word;
        high--;
      }
    }
  }
  // three bits beyond the 64, and whatever remains as a sticky bit
  const extra = ((digits << 29) | (high !== 0 || low !== 0 ? 1 : 0)) >>> 0;
  roundResult(out, sign, exponent, quotientHigh, quotientLow, extra);
}

/** Results of compare(). */
export const Order = { less: 0, equal: 1, greater: 2, unordered: 3 } as const;

/**
 * Order of two numbers. Signaling NaNs and unsupported operands raise invalid; quiet NaNs only when `quiet` is false
 * (FCOM as against FUCOM).
 */
export function compare(a: Float80, b: Float80, quiet: boolean): number {
  const kindA = kindOf(a);
  const kindB = kindOf(b);
  if (kindA >= Kind.quietNan || kindB >= Kind.quietNan) {
    if (!quiet || kindA > Kind.quietNan || kindB > Kind.quietNan) raiseException(Exception.invalid);
    return Order.unordered;
  }
  denormalOperand(kindA, kindB);
  if (kindA === Kind.zero && kindB === Kind.zero) return Order.equal;
  if (a.sign !== b.sign) return a.sign ? Order.less : Order.greater;
  if (kindA === Kind.zero || kindB === Kind.zero) return (kindA === Kind.zero) === (a.sign === 0) ? Order.less : Order.greater;
  normalize(a, left);
  normalize(b, right);
  const order = compareMagnitudes(left, right);
  if (order === 0) return Order.equal;
  return order < 0 === (a.sign === 0) ? Order.less : Order.greater;
}
