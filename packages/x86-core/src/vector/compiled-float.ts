/*
 * Operations of singles and doubles.
 *
 * WebAssembly rounds to nearest as the processor does, but tells nothing about exceptions. So these operations work with all
 * exceptions masked, and on ordinary numbers: normal ones and zeros going in and coming out (comparisons and minima:
 * infinities as well), which raise nothing but the precision exception. Its flag sticks: once it is set, nobody needs to
 * know whether a result was exact. Until then an operation proves its result exact, or leaves it to the reference, which
 * sets the flag. Scalars are computed in all lanes alike.
 */
import type { OperationBuilder } from '../operations/operation.js';
import { State } from '../state.js';
import type { Value } from '../wasm/function-builder.js';
import type { OperatorName } from '../wasm/operators.js';
import { vectorOperation } from './compiled.js';
import { Mxcsr } from './control.js';
import { type Format, formats } from './float-forms.js';
import { MxFlag } from './format.js';
import { Extension } from './operands.js';
import { Prefix } from './prefix.js';

const allMasked = Mxcsr.flags << Mxcsr.maskShift;
const roundingMask = 3 << Mxcsr.roundingShift;

/** What an operation on singles or doubles needs: operators and bounds of their lanes. */
class Lanes {
  readonly #b: OperationBuilder;
  readonly double: boolean;

  constructor(b: OperationBuilder, double: boolean) {
    this.#b = b;
    this.double = double;
  }

  /** An operator by the part of its name behind the shape. */
  do(name: 'add' | 'sub' | 'mul' | 'div' | 'sqrt' | 'abs' | 'eq' | 'ne' | 'lt' | 'le' | 'ge' | 'pmin' | 'pmax' | 'nearest' | 'trunc', ...args: Value[]): Value {
    return this.#b.do(`${this.double ? 'f64x2' : 'f32x4'}.${name}` as OperatorName, ...args);
  }

  constant(value: number): Value {
    return this.double ? this.#b.doubles(value) : this.#b.singles(value);
  }

  #fixed(address: number): Value { return this.#b.load('v128.load', this.#b.i32(0), address); }

  /** 1 when a comparison held in all lanes. */
  all(mask: Value): Value {
    const bits = this.#b.do(this.double ? 'i64x2.bitmask' : 'i32x4.bitmask', mask);
    return this.#b.do('i32.eq', bits, this.#b.i32(this.double ? 3 : 15));
  }

  /** Lanes of at least the least normal number's magnitude; infinities too, no NaNs. */
  large(magnitude: Value): Value {
    return this.do('ge', magnitude, this.#fixed(this.double ? State.leastDoubles : State.leastSingles));
  }

  /** Lanes of a magnitude below infinity. */
  finite(magnitude: Value): Value {
    return this.do('le', magnitude, this.#fixed(this.double ? State.greatestDoubles : State.greatestSingles));
  }

  /**
   * Lanes of a normal result of normal operands, by their magnitudes. Operands that are infinite or no numbers show in the
   * result; and that is pmin's first operand, which it yields where there is no order.
   */
  normal(result: Value, operands: Value): Value {
    return this.#b.do('v128.and', this.large(this.do('pmin', result, operands)), this.finite(result));
  }

  isZero(value: Value): Value {
    return this.do('eq', value, this.constant(0));
  }

  /** Lanes with normal numbers, infinities and zeros. */
  comparable(value: Value): Value {
    return this.#b.do('v128.or', this.large(this.do('abs', value)), this.isZero(value));
  }

  /** Lanes with normal numbers and zeros. */
  ordinary(value: Value): Value {
    const magnitude = this.do('abs', value);
    return this.#b.do('v128.or', this.#b.do('v128.and', this.large(magnitude), this.finite(magnitude)), this.isZero(value));
  }
}

/** MXCSR, with all exceptions masked and rounding to nearest; anything else is unusual. */
function usualControl(b: OperationBuilder): Value {
  const mxcsr = b.state(State.mxcsr);
  b.unusual(b.do('i32.ne', b.do('i32.and', mxcsr, b.i32(allMasked | roundingMask)), b.i32(allMasked)));
  return mxcsr;
}

/** Leave it to the reference when something was lost and the precision flag is not set. @param exact 1 or 0 */
function unlessPrecise(b: OperationBuilder, mxcsr: Value, exact: () => Value): void {
  b.when(b.do('i32.eqz', b.do('i32.and', mxcsr, b.i32(MxFlag.precision))), () => b.unusual(b.do('i32.eqz', exact())));
}

function load(b: OperationBuilder, { double, scalar }: Format, address: Value): Value {
  return b.load(scalar ? (double ? 'v128.load64_splat' : 'v128.load32_splat') : 'v128.load', address);
}

function store(b: OperationBuilder, { double, scalar }: Format, value: Value): void {
  if (scalar) b.storeLane(double ? 'v128.store64_lane' : 'v128.store32_lane', 0, b.register, value);
  else b.store('v128.store', b.register, value);
}

const bytesOf = ({ double, scalar }: Format): number => (scalar ? (double ? 8 : 4) : 16);
const extensionOf = ({ double }: Format): number => (double ? Extension.sse2 : Extension.sse);

// ── exactness ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** Doubles of this magnitude and its inverse leave room for the error of a product to be a number itself. */
const roomy = 2 ** 450;
/** 2^27 + 1 cuts a double's significand in two. */
const splitter = 2 ** 27 + 1;

/** The low and the high two of four singles as doubles. */
function halves(b: OperationBuilder, value: Value): [Value, Value] {
  const high = b.shuffle(value, value, [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15]);
  return [b.do('f64x2.promote_low_f32x4', value), b.do('f64x2.promote_low_f32x4', high)];
}

/** Is a + b = sum, without rounding? (Knuth's TwoSum: the error of a sum is a number of the same format.) */
function exactSum(l: Lanes, a: Value, b: Value, sum: Value): Value {
  const bPart = l.do('sub', sum, a);
  const aError = l.do('sub', a, l.do('sub', sum, bPart));
  return l.all(l.isZero(l.do('add', aError, l.do('sub', b, bPart))));
}

/** Is x × y = product, without rounding? Doubles: Veltkamp's and Dekker's TwoProduct, which needs numbers far from the limits. */
function exactProduct(b: OperationBuilder, l: Lanes, x: Value, y: Value, product: Value): Value {
  if (!l.double) {
    const [xs, ys, ps] = [halves(b, x), halves(b, y), halves(b, product)];
    const same = (i: 0 | 1): Value => b.do('f64x2.eq', b.do('f64x2.mul', xs[i], ys[i]), ps[i]);
    return b.do('i64x2.all_true', b.do('v128.and', same(0), same(1)));
  }
  const split = (value: Value): [high: Value, low: Value] => {
    const scaled = l.do('mul', value, l.constant(splitter));
    const high = l.do('sub', scaled, l.do('sub', scaled, value));
    return [high, l.do('sub', value, high)];
  };
  const [[xHigh, xLow], [yHigh, yLow]] = [split(x), split(y)];
  const first = l.do('sub', l.do('mul', xHigh, yHigh), product);
  const second = l.do('add', l.do('add', first, l.do('mul', xHigh, yLow)), l.do('mul', xLow, yHigh));
  const error = l.do('add', second, l.do('mul', xLow, yLow));
  const room = (value: Value): Value => {
    const magnitude = l.do('abs', value);
    const within = b.do('v128.and', l.do('ge', magnitude, l.constant(1 / roomy)), l.do('le', magnitude, l.constant(roomy)));
    return b.do('v128.or', within, l.isZero(value));
  };
  return l.all(b.do('v128.and', l.isZero(error), b.do('v128.and', room(x), room(y))));
}

// ── arithmetic ──────────────────────────────────────────────────────────────────────────────────────────────────────

type Arithmetic = 'add' | 'sub' | 'mul' | 'div';

/** Registers forms of an opcode for each prefix: destination and source, lane by lane. */
function lanewise(opcode: number, write: (b: OperationBuilder, l: Lanes, d: Value, s: Value) => Value): void {
  formats.forEach((format, prefix) => {
    vectorOperation({ prefix, opcode, extension: extensionOf(format), files: 'xx', bytes: bytesOf(format), aligned: !format.scalar }, (b) => {
      store(b, format, write(b, new Lanes(b, format.double), load(b, format, b.register), load(b, format, b.operand)));
    });
  });
}

/** A quotient or root is exact when multiplying gives back what there was: the product must equal it, and be exact. */
function comesBack(b: OperationBuilder, l: Lanes, x: Value, y: Value, wanted: Value): Value {
  const product = l.do('mul', x, y);
  return b.do('i32.and', l.all(l.do('eq', product, wanted)), exactProduct(b, l, x, y, product));
}

/** Leave it to the reference unless there are normal numbers and zeros only, and a zero results from nothing else than zeros. */
function needOrdinary(b: OperationBuilder, l: Lanes, name: Arithmetic, x: Value, y: Value, result: Value): void {
  const magnitude = l.do('abs', result);
  const normal = b.do('v128.and', l.large(magnitude), l.finite(magnitude));
  const zeroAllowed = name === 'mul' ? b.do('v128.or', l.isZero(x), l.isZero(y)) : name === 'div' ? l.isZero(x) : undefined;
  const zero = zeroAllowed ? b.do('v128.and', l.isZero(result), zeroAllowed) : l.isZero(result);
  const operands = b.do('v128.and', l.ordinary(x), l.ordinary(y));
  b.unusual(b.do('i32.eqz', l.all(b.do('v128.and', operands, b.do('v128.or', normal, zero)))));
}

function needExact(b: OperationBuilder, l: Lanes, name: Arithmetic, mxcsr: Value, operands: () => readonly [x: Value, y: Value, result: Value]): void {
  unlessPrecise(b, mxcsr, () => {
    const [x, y, result] = operands();
    return name === 'add' ? exactSum(l, x, y, result)
      : name === 'sub' ? exactSum(l, x, l.do('sub', l.constant(-0), y), result)
      : name === 'mul' ? exactProduct(b, l, x, y, result)
      : comesBack(b, l, result, y, x);
  });
}

/** The operands in two lanes of one vector, the result in another: three numbers are looked at in one go. */
function scalarArithmetic(b: OperationBuilder, l: Lanes, name: Arithmetic): void {
  const mxcsr = usualControl(b);
  const [load, splat, store] = l.double ? ['f64.load', 'f64x2.splat', 'f64.store'] as const : ['f32.load', 'f32x4.splat', 'f32.store'] as const;
  const [x, y] = [b.load(load, b.register), b.load(load, b.operand)];
  const result = b.do(`${l.double ? 'f64' : 'f32'}.${name}` as OperatorName, x, y);
  const both = l.double ? b.lane('f64x2.replace_lane', 1, b.do(splat, x), y)
    : b.shuffle(b.do(splat, x), b.do(splat, y), [0, 1, 2, 3, 20, 21, 22, 23, 0, 1, 2, 3, 20, 21, 22, 23]);
  const magnitude = l.do('abs', b.do(splat, result));
  const normal = l.normal(magnitude, l.do('abs', both));
  const operands = (): readonly [Value, Value, Value] => [b.do(splat, x), b.do(splat, y), b.do(splat, result)];
  b.when(b.do('i32.eqz', l.all(normal)), () => needOrdinary(b, l, name, ...operands()));
  needExact(b, l, name, mxcsr, operands);
  b.store(store, b.register, result);
}

for (const [opcode, name] of [[0x58, 'add'], [0x59, 'mul'], [0x5c, 'sub'], [0x5e, 'div']] as const satisfies [number, Arithmetic][]) {
  formats.forEach((format, prefix) => {
    const form = { prefix, opcode, extension: extensionOf(format), files: 'xx', bytes: bytesOf(format), aligned: !format.scalar } as const;
    vectorOperation(form, (b) => {
      const l = new Lanes(b, format.double);
      if (format.scalar) return scalarArithmetic(b, l, name);
      const mxcsr = usualControl(b);
      const [x, y] = [load(b, format, b.register), load(b, format, b.operand)];
      const result = l.do(name, x, y);
      const magnitude = l.do('abs', result);
      const normal = l.normal(magnitude, l.do('pmin', l.do('abs', x), l.do('abs', y)));
      b.when(b.do('i32.eqz', l.all(normal)), () => needOrdinary(b, l, name, x, y, result));
      needExact(b, l, name, mxcsr, () => [x, y, result]);
      store(b, format, result);
    });
  });
}

lanewise(0x51, (b, l, _, value) => {
  const mxcsr = usualControl(b);
  const fits = b.do('v128.and', l.ordinary(value), l.do('ge', value, l.constant(0)));
  b.unusual(b.do('i32.eqz', l.all(fits)));
  const root = l.do('sqrt', value);
  unlessPrecise(b, mxcsr, () => comesBack(b, l, root, root, value));
  return root;
});

// of equal operands, two zeros for instance, the second is the result
for (const [opcode, name] of [[0x5d, 'pmin'], [0x5f, 'pmax']] as const) {
  lanewise(opcode, (b, l, x, y) => {
    usualControl(b);
    b.unusual(b.do('i32.eqz', l.all(b.do('v128.and', l.comparable(x), l.comparable(y)))));
    return l.do(name, y, x);
  });
}

/** CMPxx: the immediate says how; nothing is unordered here. */
lanewise(0xc2, (b, l, x, y) => {
  usualControl(b);
  b.unusual(b.do('i32.eqz', l.all(b.do('v128.and', l.comparable(x), l.comparable(y)))));
  const is = (predicate: number): Value => b.do('i32.eq', b.do('i32.and', b.immediate, b.i32(3)), b.i32(predicate));
  const never = b.v128(0, 0, 0, 0);
  const holds = b.select(is(0), l.do('eq', x, y), b.select(is(1), l.do('lt', x, y), b.select(is(2), l.do('le', x, y), never)));
  const negated = b.do('i32.and', b.immediate, b.i32(4));
  return b.do('v128.xor', holds, b.select(negated, b.v128(-1, -1, -1, -1), never));
});

/** COMISx, UCOMISx: without NaNs they do the same. */
for (const [prefix, double] of [[Prefix.none, false], [Prefix.operandSize, true]] as const) {
  const format = { double, scalar: true };
  for (const opcode of [0x2e, 0x2f]) {
    vectorOperation({ prefix, opcode, extension: extensionOf(format), files: 'xx', bytes: bytesOf(format), flags: true }, (b) => {
      usualControl(b);
      const l = new Lanes(b, double);
      const [x, y] = [load(b, format, b.register), load(b, format, b.operand)];
      b.unusual(b.do('i32.eqz', l.all(b.do('v128.and', l.comparable(x), l.comparable(y)))));
      b.setComparison(l.all(l.do('eq', x, y)), l.all(l.do('lt', x, y)));
    });
  }
}

// ── bits ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Both halves' lanes by turns. */
const unpackBytes = {
  single: { low: [0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23], high: [8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31] },
  double: { low: [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23], high: [8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31] },
} as const;

for (const [prefix, format] of [[Prefix.none, formats[0]!], [Prefix.operandSize, formats[1]!]] as const) {
  const bitwise = (opcode: number, write: (b: OperationBuilder, d: Value, s: Value) => Value): void =>
    vectorOperation({ prefix, opcode, extension: extensionOf(format), files: 'xx', bytes: 16, aligned: true }, (b) => {
      b.store('v128.store', b.register, write(b, b.load('v128.load', b.register), b.load('v128.load', b.operand)));
    });
  const { low, high } = format.double ? unpackBytes.double : unpackBytes.single;
  bitwise(0x14, (b, d, s) => b.shuffle(d, s, low));
  bitwise(0x15, (b, d, s) => b.shuffle(d, s, high));
  bitwise(0x54, (b, d, s) => b.do('v128.and', d, s));
  bitwise(0x55, (b, d, s) => b.do('v128.andnot', s, d));
  bitwise(0x56, (b, d, s) => b.do('v128.or', d, s));
  bitwise(0x57, (b, d, s) => b.do('v128.xor', d, s));
}

// ── conversions ─────────────────────────────────────────────────────────────────────────────────────────────────────

const integerLimit = 2 ** 31;

/** CVTSI2SD, CVTSI2SS: doubles hold all integers. */
vectorOperation({ prefix: Prefix.repne, opcode: 0x2a, extension: Extension.sse2, files: 'xg', bytes: 4 }, (b) => {
  b.store('f64.store', b.register, b.do('f64.convert_i32_s', b.load('i32.load', b.operand)));
});
vectorOperation({ prefix: Prefix.rep, opcode: 0x2a, extension: Extension.sse, files: 'xg', bytes: 4 }, (b) => {
  const mxcsr = usualControl(b);
  const value = b.load('i32.load', b.operand);
  const single = b.do('f32.convert_i32_s', value);
  unlessPrecise(b, mxcsr, () => b.do('f64.eq', b.do('f64.promote_f32', single), b.do('f64.convert_i32_s', value)));
  b.store('f32.store', b.register, single);
});

/** CVTxS2SI, CVTTxS2SI. */
for (const [prefix, double] of [[Prefix.rep, false], [Prefix.repne, true]] as const) {
  for (const [opcode, round] of [[0x2c, 'f64.trunc'], [0x2d, 'f64.nearest']] as const) {
    vectorOperation({ prefix, opcode, extension: double ? Extension.sse2 : Extension.sse, files: 'gx', bytes: double ? 8 : 4 }, (b) => {
      const mxcsr = usualControl(b);
      const value = double ? b.load('f64.load', b.operand) : b.do('f64.promote_f32', b.load('f32.load', b.operand));
      const whole = b.do(round, value);
      // false for NaNs as well
      b.unusual(b.do('i32.eqz', b.do('f64.lt', b.do('f64.abs', whole), b.f64(integerLimit))));
      unlessPrecise(b, mxcsr, () => b.do('f64.eq', whole, value));
      b.store('i32.store', b.register, b.do('i32.trunc_f64_s', whole));
    });
  }
}

/** CVTSS2SD: exact. */
vectorOperation({ prefix: Prefix.rep, opcode: 0x5a, extension: Extension.sse2, files: 'xx', bytes: 4 }, (b) => {
  usualControl(b);
  const l = new Lanes(b, false);
  const value = b.load('v128.load32_splat', b.operand);
  b.unusual(b.do('i32.eqz', l.all(l.comparable(value))));
  b.storeLane('v128.store64_lane', 0, b.register, b.do('f64x2.promote_low_f32x4', value));
});
/** CVTPS2PD. */
vectorOperation({ prefix: Prefix.none, opcode: 0x5a, extension: Extension.sse2, files: 'xx', bytes: 8 }, (b) => {
  usualControl(b);
  const l = new Lanes(b, false);
  const value = b.load('v128.load64_zero', b.operand);
  b.unusual(b.do('i32.eqz', l.all(l.comparable(value))));
  b.store('v128.store', b.register, b.do('f64x2.promote_low_f32x4', value));
});
/** CVTSD2SS, CVTPD2PS. */
for (const [prefix, format] of [[Prefix.repne, formats[3]!], [Prefix.operandSize, formats[1]!]] as const) {
  vectorOperation({ prefix, opcode: 0x5a, extension: Extension.sse2, files: 'xx', bytes: bytesOf(format), aligned: !format.scalar }, (b) => {
    const mxcsr = usualControl(b);
    const [singles, doubles] = [new Lanes(b, false), new Lanes(b, true)];
    const value = load(b, format, b.operand);
    const narrow = b.do('f32x4.demote_f64x2_zero', value);
    b.unusual(b.do('i32.eqz', doubles.all(doubles.ordinary(value))));
    b.unusual(b.do('i32.eqz', singles.all(singles.ordinary(narrow))));
    const back = b.do('f64x2.promote_low_f32x4', narrow);
    // what became zero must have been zero
    b.unusual(b.do('v128.any_true', b.do('v128.xor', doubles.isZero(back), doubles.isZero(value))));
    unlessPrecise(b, mxcsr, () => doubles.all(doubles.do('eq', back, value)));
    if (format.scalar) b.storeLane('v128.store32_lane', 0, b.register, narrow);
    else b.store('v128.store', b.register, narrow);
  });
}
/** CVTDQ2PS. */
vectorOperation({ prefix: Prefix.none, opcode: 0x5b, extension: Extension.sse2, files: 'xx', bytes: 16, aligned: true }, (b) => {
  const mxcsr = usualControl(b);
  const value = b.load('v128.load', b.operand);
  const singles = b.do('f32x4.convert_i32x4_s', value);
  unlessPrecise(b, mxcsr, () => {
    const upper = b.shuffle(value, value, [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15]);
    const [low, high] = halves(b, singles);
    const same = (part: Value, whole: Value): Value => b.do('f64x2.eq', part, b.do('f64x2.convert_low_i32x4_s', whole));
    return b.do('i64x2.all_true', b.do('v128.and', same(low, value), same(high, upper)));
  });
  b.store('v128.store', b.register, singles);
});
/** CVTDQ2PD: exact. */
vectorOperation({ prefix: Prefix.rep, opcode: 0xe6, extension: Extension.sse2, files: 'xx', bytes: 8 }, (b) => {
  b.store('v128.store', b.register, b.do('f64x2.convert_low_i32x4_s', b.load('v128.load64_zero', b.operand)));
});
/** CVTPS2DQ, CVTTPS2DQ, CVTPD2DQ, CVTTPD2DQ. */
for (const [prefix, opcode, double, round] of [
  [Prefix.operandSize, 0x5b, false, 'nearest'], [Prefix.rep, 0x5b, false, 'trunc'],
  [Prefix.repne, 0xe6, true, 'nearest'], [Prefix.operandSize, 0xe6, true, 'trunc'],
] as const) {
  vectorOperation({ prefix, opcode, extension: Extension.sse2, files: 'xx', bytes: 16, aligned: true }, (b) => {
    const mxcsr = usualControl(b);
    const l = new Lanes(b, double);
    const value = b.load('v128.load', b.operand);
    const whole = l.do(round, value);
    b.unusual(b.do('i32.eqz', l.all(l.do('lt', l.do('abs', whole), l.constant(integerLimit)))));
    unlessPrecise(b, mxcsr, () => l.all(l.do('eq', whole, value)));
    b.store('v128.store', b.register, b.do(double ? 'i32x4.trunc_sat_f64x2_s_zero' : 'i32x4.trunc_sat_f32x4_s', whole));
  });
}

