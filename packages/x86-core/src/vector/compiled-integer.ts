/*
 * Operations of packed integers. One text serves MMX and SSE2: the first has the lower half of a vector to itself.
 */
import type { OperationBuilder } from '../operations/operation.js';
import type { Value } from '../wasm/function-builder.js';
import type { OperatorName } from '../wasm/operators.js';
import { loadVector, storeVector, type VectorForm, vectorOperation, widthOf } from './compiled.js';
import { halfOperand, packedExtension } from './execute.js';
import { Extension } from './operands.js';
import { Prefix } from './prefix.js';

/** A function of destination and source on so many bytes of each. */
type Packed = (b: OperationBuilder, d: Value, s: Value, bytes: number) => Value;

const operators: readonly (readonly [opcode: number, name: OperatorName])[] = [
  [0x64, 'i8x16.gt_s'], [0x65, 'i16x8.gt_s'], [0x66, 'i32x4.gt_s'], [0x74, 'i8x16.eq'], [0x75, 'i16x8.eq'], [0x76, 'i32x4.eq'],
  [0xd4, 'i64x2.add'], [0xfb, 'i64x2.sub'], [0xfc, 'i8x16.add'], [0xfd, 'i16x8.add'], [0xfe, 'i32x4.add'],
  [0xf8, 'i8x16.sub'], [0xf9, 'i16x8.sub'], [0xfa, 'i32x4.sub'], [0xec, 'i8x16.add_sat_s'], [0xed, 'i16x8.add_sat_s'],
  [0xdc, 'i8x16.add_sat_u'], [0xdd, 'i16x8.add_sat_u'], [0xe8, 'i8x16.sub_sat_s'], [0xe9, 'i16x8.sub_sat_s'],
  [0xd8, 'i8x16.sub_sat_u'], [0xd9, 'i16x8.sub_sat_u'], [0xd5, 'i16x8.mul'], [0xf5, 'i32x4.dot_i16x8_s'],
  [0xe0, 'i8x16.avgr_u'], [0xe3, 'i16x8.avgr_u'], [0xda, 'i8x16.min_u'], [0xde, 'i8x16.max_u'], [0xea, 'i16x8.min_s'], [0xee, 'i16x8.max_s'],
  [0xdb, 'v128.and'], [0xeb, 'v128.or'], [0xef, 'v128.xor'],
];

const range = (count: number, each: (i: number) => number): number[] => Array.from({ length: count }, (_, i) => each(i));

/** PUNPCKxx: lanes of both by turns, from the low or the high half. */
function unpack(width: number, high: boolean): Packed {
  return (b, d, s, bytes) => {
    const from = high ? bytes / 2 : 0;
    const lanes = range(16, (i) => {
      const lane = Math.floor(i / (2 * width));
      const fromSource = Math.floor(i / width) & 1;
      return (from + lane * width + (i % width)) % 16 + 16 * fromSource;
    });
    return b.shuffle(d, s, lanes);
  };
}

/** PACKxx: lanes of both, made half as wide. */
function pack(name: OperatorName): Packed {
  return (b, d, s, bytes) => {
    if (bytes === widthOf.x) return b.do(name, d, s);
    const both = b.shuffle(d, s, range(16, (i) => (i < 8 ? i : i + 8)));
    return b.do(name, both, both);
  };
}

/** The upper halves of 16-bit products. */
function multiplyHigh(signed: boolean): Packed {
  return (b, d, s) => {
    const low = b.do(signed ? 'i32x4.extmul_low_i16x8_s' : 'i32x4.extmul_low_i16x8_u', d, s);
    const high = b.do(signed ? 'i32x4.extmul_high_i16x8_s' : 'i32x4.extmul_high_i16x8_u', d, s);
    return b.shuffle(low, high, range(16, (i) => (i >> 1) * 4 + 2 + (i & 1)));
  };
}

/** PMULUDQ: the even 32-bit lanes, to 64 bits. */
const multiplyEven: Packed = (b, d, s) => {
  const even = [0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11];
  return b.do('i64x2.extmul_low_i32x4_u', b.shuffle(d, d, even), b.shuffle(s, s, even));
};

/** PSADBW: per half, the sum of the differences of eight bytes. */
const sumOfDifferences: Packed = (b, d, s) => {
  const differences = b.do('i8x16.sub', b.do('i8x16.max_u', d, s), b.do('i8x16.min_u', d, s));
  const sums = b.do('i32x4.extadd_pairwise_i16x8_u', b.do('i16x8.extadd_pairwise_i8x16_u', differences));
  return b.do('v128.and', b.do('i64x2.add', sums, b.do('i64x2.shr_u', sums, b.i32(32))), b.v128(-1, 0, -1, 0));
};

type Shift = readonly [name: OperatorName, width: number];

/** Shift all lanes; counts beyond the lane's width shift everything out (or leave the sign). @param count an i64, unsigned */
function shifted(b: OperationBuilder, [name, width]: Shift, value: Value, count: Value): Value {
  const beyond = b.do('i64.gt_u', count, b.i64(width - 1));
  const by = b.do('i32.wrap_i64', count);
  if (name.endsWith('shr_s')) return b.do(name, value, b.select(beyond, b.i32(width - 1), by));
  return b.select(beyond, b.v128(0, 0, 0, 0), b.do(name, value, by));
}

function shift(...kind: Shift): Packed {
  return (b, d, s) => shifted(b, kind, d, b.lane('i64x2.extract_lane', 0, s));
}

/** PSLLDQ, PSRLDQ: the whole register by bytes. */
function shiftBytes(b: OperationBuilder, left: boolean, value: Value): Value {
  const count = b.select(b.do('i32.gt_u', b.immediate, b.i32(15)), b.i32(16), b.immediate);
  const places = b.v128(0x0302_0100, 0x0706_0504, 0x0b0a_0908, 0x0f0e_0d0c);
  // places outside of the register yield zeros
  return b.do('i8x16.swizzle', value, b.do(left ? 'i8x16.sub' : 'i8x16.add', places, b.do('i8x16.splat', count)));
}

const functions: readonly (readonly [opcode: number, operation: Packed])[] = [
  ...operators.map(([opcode, name]): readonly [number, Packed] => [opcode, (b, d, s) => b.do(name, d, s)]),
  [0xdf, (b, d, s) => b.do('v128.andnot', s, d)],
  [0x60, unpack(1, false)], [0x61, unpack(2, false)], [0x62, unpack(4, false)],
  [0x68, unpack(1, true)], [0x69, unpack(2, true)], [0x6a, unpack(4, true)],
  [0x63, pack('i8x16.narrow_i16x8_s')], [0x67, pack('i8x16.narrow_i16x8_u')], [0x6b, pack('i16x8.narrow_i32x4_s')],
  [0xd1, shift('i16x8.shr_u', 16)], [0xd2, shift('i32x4.shr_u', 32)], [0xd3, shift('i64x2.shr_u', 64)],
  [0xe1, shift('i16x8.shr_s', 16)], [0xe2, shift('i32x4.shr_s', 32)],
  [0xf1, shift('i16x8.shl', 16)], [0xf2, shift('i32x4.shl', 32)], [0xf3, shift('i64x2.shl', 64)],
  [0xe4, multiplyHigh(false)], [0xe5, multiplyHigh(true)], [0xf4, multiplyEven], [0xf6, sumOfDifferences],
];
const wideOnly: readonly (readonly [opcode: number, operation: Packed])[] = [[0x6c, unpack(8, false)], [0x6d, unpack(8, true)]];

/** Destination and source to destination. */
function define(form: Omit<VectorForm, 'bytes' | 'files'>, bytes: 8 | 16, operand: number, operation: Packed): void {
  vectorOperation({ ...form, files: bytes === widthOf.x ? 'xx' : 'mm', bytes: operand, aligned: bytes === widthOf.x }, (b) => {
    const s = operand === 4 ? b.load('v128.load32_zero', b.operand) : loadVector(b, bytes, b.operand);
    storeVector(b, bytes, b.register, operation(b, loadVector(b, bytes, b.register), s, bytes));
  });
}

for (const [opcode, operation] of functions) {
  define({ prefix: Prefix.none, opcode, extension: packedExtension(opcode) }, 8, halfOperand.has(opcode) ? 4 : 8, operation);
}
for (const [opcode, operation] of [...functions, ...wideOnly]) {
  define({ prefix: Prefix.operandSize, opcode, extension: Extension.sse2 }, 16, 16, operation);
}

/** Shifts by an immediate: opcode, ModRM's middle bits, and how. */
const immediateShifts: readonly (readonly [opcode: number, middle: number, kind: Shift])[] = [
  [0x71, 2, ['i16x8.shr_u', 16]], [0x71, 4, ['i16x8.shr_s', 16]], [0x71, 6, ['i16x8.shl', 16]],
  [0x72, 2, ['i32x4.shr_u', 32]], [0x72, 4, ['i32x4.shr_s', 32]], [0x72, 6, ['i32x4.shl', 32]],
  [0x73, 2, ['i64x2.shr_u', 64]], [0x73, 6, ['i64x2.shl', 64]],
];

/** The register that ModRM's low bits name is both operand and result. */
function defineShift(bytes: 8 | 16, opcode: number, middle: number, operation: (b: OperationBuilder, value: Value) => Value): void {
  const [prefix, extension, files] = bytes === widthOf.x
    ? [Prefix.operandSize, Extension.sse2, 'xx'] as const : [Prefix.none, Extension.mmx, 'mm'] as const;
  vectorOperation({ prefix, opcode, middle, extension, files, bytes: 0, only: 'register' }, (b) => {
    storeVector(b, bytes, b.operand, operation(b, loadVector(b, bytes, b.operand)));
  });
}
for (const [opcode, middle, kind] of immediateShifts) {
  for (const bytes of [8, 16] as const) {
    defineShift(bytes, opcode, middle, (b, value) => shifted(b, kind, value, b.do('i64.extend_i32_u', b.immediate)));
  }
}
defineShift(16, 0x73, 3, (b, value) => shiftBytes(b, false, value));
defineShift(16, 0x73, 7, (b, value) => shiftBytes(b, true, value));
