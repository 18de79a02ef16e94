/*
 * Arithmetic in regions: the part of their builder that makes values of values. What is known at compile time is computed
 * then, and what changes nothing is left out; a signed comparison is recognised in the flags of a subtraction.
 */
import type { OperationBuilder } from '../operations/operation.js';
import type { Value } from '../wasm/function-builder.js';
import type { OperatorName } from '../wasm/operators.js';

export abstract class RegionArithmetic {
  protected readonly f: OperationBuilder;

  constructor(f: OperationBuilder) {
    this.f = f;
  }

  /** Leave the region before the instruction that is being written. */
  protected abstract leaveBefore(condition: Value): void;
  /** A value is the sum of another and a constant. */
  protected abstract noteSum(sum: Value, a: Value, constant: number): void;

  imm(value: number): Value { return this.f.i32(value); }

  #do(name: OperatorName, a: Value, b: Value): Value {
    if (b.constant === 0 && neutralZero.has(name)) return a;
    if (a.constant === 0 && neutralZeroLeft.has(name)) return b;
    if (a.constant !== undefined && b.constant !== undefined) {
      const fold = folds[name];
      if (fold) return this.f.i32(fold(a.constant, b.constant));
    }
    const result = this.f.do(name, a, b);
    if (b.constant !== undefined && name === 'i32.add') this.noteSum(result, a, b.constant);
    if (b.constant !== undefined && name === 'i32.sub') this.noteSum(result, a, -b.constant);
    return result;
  }

  add(a: Value, b: Value): Value { return this.#do('i32.add', a, b); }
  sub(a: Value, b: Value): Value { return this.#do('i32.sub', a, b); }
  mul(a: Value, b: Value): Value { return this.#do('i32.mul', a, b); }
  and(a: Value, b: Value): Value { return this.#do('i32.and', a, b); }
  or(a: Value, b: Value): Value { return this.#do('i32.or', a, b); }
  xor(a: Value, b: Value): Value { return this.#do('i32.xor', a, b); }
  shl(a: Value, count: Value): Value { return this.#do('i32.shl', a, count); }
  shr(a: Value, count: Value): Value { return this.#do('i32.shr_u', a, count); }
  sar(a: Value, count: Value): Value { return this.#do('i32.shr_s', a, count); }
  rotl(a: Value, count: Value): Value { return this.#do('i32.rotl', a, count); }
  clz(a: Value): Value { return this.f.do('i32.clz', a); }
  ctz(a: Value): Value { return this.f.do('i32.ctz', a); }
  popcount(a: Value): Value { return this.f.do('i32.popcnt', a); }
  signExtend8(a: Value): Value { return this.f.do('i32.extend8_s', a); }
  signExtend16(a: Value): Value { return this.f.do('i32.extend16_s', a); }
  eq(a: Value, b: Value): Value { return this.#do('i32.eq', a, b); }
  ne(a: Value, b: Value): Value { return this.#do('i32.ne', a, b); }
  lessUnsigned(a: Value, b: Value): Value { return this.#do('i32.lt_u', a, b); }
  isZero(a: Value): Value { return this.f.do('i32.eqz', a); }
  lessSigned(a: Value, b: Value): Value { return this.#do('i32.lt_s', a, b); }

  select(condition: Value, yes: Value, no: Value): Value { return this.f.select(condition, yes, no); }

  #mulHigh(a: Value, b: Value, extend: 'i64.extend_i32_s' | 'i64.extend_i32_u'): Value {
    const { f } = this;
    return f.do('i32.wrap_i64', f.do('i64.shr_u', f.do('i64.mul', f.do(extend, a), f.do(extend, b)), f.i64(32)));
  }
  mulHighSigned(a: Value, b: Value): Value { return this.#mulHigh(a, b, 'i64.extend_i32_s'); }
  mulHighUnsigned(a: Value, b: Value): Value { return this.#mulHigh(a, b, 'i64.extend_i32_u'); }

  /** Divisions that would fault leave, and fault elsewhere. */
  #divide(high: Value, low: Value, divisor: Value, signed: boolean): { quotient: Value; remainder: Value } {
    const { f } = this;
    const dividend = f.do('i64.or', f.do('i64.shl', f.do('i64.extend_i32_u', high), f.i64(32)), f.do('i64.extend_i32_u', low));
    const by = f.do(signed ? 'i64.extend_i32_s' : 'i64.extend_i32_u', divisor);
    this.leaveBefore(f.do('i32.eqz', divisor));
    if (signed) {
      // the one quotient that WebAssembly traps on, and its neighbours
      this.leaveBefore(f.do('i32.and', f.do('i32.eq', divisor, f.i32(-1)), f.do('i32.eq', high, f.i32(1 << 31))));
    } else this.leaveBefore(f.do('i32.ge_u', high, divisor));
    const quotient = f.do(signed ? 'i64.div_s' : 'i64.div_u', dividend, by);
    const narrow = f.do('i32.wrap_i64', quotient);
    if (signed) this.leaveBefore(f.do('i64.ne', f.do('i64.extend_i32_s', narrow), quotient));
    const remainder = f.do('i32.wrap_i64', f.do('i64.sub', dividend, f.do('i64.mul', quotient, by)));
    return { quotient: narrow, remainder };
  }
  divideUnsigned(high: Value, low: Value, divisor: Value): { quotient: Value; remainder: Value } {
    return this.#divide(high, low, divisor, false);
  }
  divideSigned(high: Value, low: Value, divisor: Value): { quotient: Value; remainder: Value } {
    return this.#divide(high, low, divisor, true);
  }
}

const neutralZero = new Set<OperatorName>(['i32.add', 'i32.sub', 'i32.or', 'i32.xor', 'i32.shl', 'i32.shr_u', 'i32.shr_s', 'i32.rotl']);
const neutralZeroLeft = new Set<OperatorName>(['i32.add', 'i32.or', 'i32.xor']);
const folds: { readonly [name in OperatorName]?: (a: number, b: number) => number } = {
  'i32.add': (a, b) => a + b, 'i32.sub': (a, b) => a - b, 'i32.and': (a, b) => a & b, 'i32.or': (a, b) => a | b, 'i32.xor': (a, b) => a ^ b,
  'i32.shl': (a, b) => a << b, 'i32.shr_u': (a, b) => a >>> b, 'i32.shr_s': (a, b) => a >> b,
  'i32.eq': (a, b) => Number(a === b), 'i32.ne': (a, b) => Number(a !== b), 'i32.lt_u': (a, b) => Number(a >>> 0 < b >>> 0), 'i32.lt_s': (a, b) => Number(a < b),
};
