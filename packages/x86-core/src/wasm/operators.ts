/*
 * WebAssembly's pure operators, under the names of its text format: opcode and type of the result. SIMD operators are
 * 0xfd00 + their number. (WebAssembly core specification, 5.4.8 and 5.4.9.)
 */

/** Types of values. */
export type WasmType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';

const simd = 0xfd00;

/** Comparisons of the integer types, in the order of their opcodes. */
const compare = ['eq', 'ne', 'lt_s', 'lt_u', 'gt_s', 'gt_u', 'le_s', 'le_u', 'ge_s', 'ge_u'] as const;
const compareFloat = ['eq', 'ne', 'lt', 'gt', 'le', 'ge'] as const;
const integer = [
  'clz', 'ctz', 'popcnt', 'add', 'sub', 'mul', 'div_s', 'div_u', 'rem_s', 'rem_u', 'and', 'or', 'xor', 'shl', 'shr_s', 'shr_u', 'rotl', 'rotr',
] as const;
const float = [
  'abs', 'neg', 'ceil', 'floor', 'trunc', 'nearest', 'sqrt', 'add', 'sub', 'mul', 'div', 'min', 'max', 'copysign',
] as const;

/** Operators that do not come in rows: name → opcode. The result's type is the name's first part. */
const single = {
  'i32.wrap_i64': 0xa7, 'i32.trunc_f64_s': 0xaa, 'i64.extend_i32_s': 0xac, 'i64.extend_i32_u': 0xad,
  'f32.convert_i32_s': 0xb2, 'f32.demote_f64': 0xb6, 'f64.convert_i32_s': 0xb7, 'f64.convert_i64_s': 0xb9, 'f64.convert_i64_u': 0xba,
  'f64.promote_f32': 0xbb, 'i32.reinterpret_f32': 0xbc, 'i64.reinterpret_f64': 0xbd, 'f32.reinterpret_i32': 0xbe, 'f64.reinterpret_i64': 0xbf,
  'i64.trunc_f64_s': 0xb0, 'i64.trunc_f64_u': 0xb1, 'i32.extend8_s': 0xc0, 'i32.extend16_s': 0xc1,
} as const;

/** SIMD operators whose result is a vector. */
const vector = {
  'i8x16.swizzle': 14, 'i8x16.splat': 15, 'i16x8.splat': 16, 'i32x4.splat': 17, 'i64x2.splat': 18, 'f32x4.splat': 19, 'f64x2.splat': 20,
  'i8x16.eq': 35, 'i8x16.gt_s': 39, 'i8x16.gt_u': 40, 'i8x16.lt_u': 38,
  'i16x8.eq': 45, 'i16x8.gt_s': 49, 'i32x4.eq': 55, 'i32x4.ne': 56, 'i32x4.lt_s': 57, 'i32x4.lt_u': 58, 'i32x4.gt_s': 59, 'i32x4.gt_u': 60,
  'f32x4.eq': 65, 'f32x4.ne': 66, 'f32x4.lt': 67, 'f32x4.gt': 68, 'f32x4.le': 69, 'f32x4.ge': 70,
  'f64x2.eq': 71, 'f64x2.ne': 72, 'f64x2.lt': 73, 'f64x2.gt': 74, 'f64x2.le': 75, 'f64x2.ge': 76,
  'v128.not': 77, 'v128.and': 78, 'v128.andnot': 79, 'v128.or': 80, 'v128.xor': 81, 'v128.bitselect': 82,
  'f32x4.demote_f64x2_zero': 94, 'f64x2.promote_low_f32x4': 95,
  'i8x16.narrow_i16x8_s': 101, 'i8x16.narrow_i16x8_u': 102, 'f32x4.nearest': 106, 'f32x4.trunc': 105,
  'i8x16.add': 110, 'i8x16.add_sat_s': 111, 'i8x16.add_sat_u': 112, 'i8x16.sub': 113, 'i8x16.sub_sat_s': 114, 'i8x16.sub_sat_u': 115,
  'i8x16.min_u': 119, 'i8x16.max_u': 121, 'f64x2.trunc': 122, 'i8x16.avgr_u': 123, 'i16x8.extadd_pairwise_i8x16_u': 125,
  'i32x4.extadd_pairwise_i16x8_u': 127, 'i16x8.narrow_i32x4_s': 133,
  'i16x8.shl': 139, 'i16x8.shr_s': 140, 'i16x8.shr_u': 141, 'i16x8.add': 142, 'i16x8.add_sat_s': 143, 'i16x8.add_sat_u': 144,
  'i16x8.sub': 145, 'i16x8.sub_sat_s': 146, 'i16x8.sub_sat_u': 147, 'f64x2.nearest': 148, 'i16x8.mul': 149, 'i16x8.min_s': 150, 'i16x8.max_s': 152,
  'i16x8.avgr_u': 155, 'i32x4.shl': 171, 'i32x4.shr_s': 172, 'i32x4.shr_u': 173, 'i32x4.add': 174, 'i32x4.sub': 177, 'i32x4.dot_i16x8_s': 186,
  'i32x4.extmul_low_i16x8_s': 188, 'i32x4.extmul_high_i16x8_s': 189, 'i32x4.extmul_low_i16x8_u': 190, 'i32x4.extmul_high_i16x8_u': 191,
  'i64x2.shl': 203, 'i64x2.shr_u': 205, 'i64x2.add': 206, 'i64x2.sub': 209, 'i64x2.eq': 214, 'i64x2.ne': 215, 'i64x2.lt_s': 216, 'i64x2.gt_s': 217,
  'i64x2.extmul_low_i32x4_u': 222,
  'f32x4.abs': 224, 'f32x4.sqrt': 227, 'f32x4.add': 228, 'f32x4.sub': 229, 'f32x4.mul': 230, 'f32x4.div': 231, 'f32x4.pmin': 234, 'f32x4.pmax': 235,
  'f64x2.abs': 236, 'f64x2.sqrt': 239, 'f64x2.add': 240, 'f64x2.sub': 241, 'f64x2.mul': 242, 'f64x2.div': 243, 'f64x2.pmin': 246, 'f64x2.pmax': 247,
  'i32x4.trunc_sat_f32x4_s': 248, 'f32x4.convert_i32x4_s': 250, 'i32x4.trunc_sat_f64x2_s_zero': 252, 'f64x2.convert_low_i32x4_s': 254,
} as const;

/** SIMD operators whose result is an i32. */
const summary = {
  'v128.any_true': 83, 'i8x16.bitmask': 100, 'i32x4.all_true': 163, 'i32x4.bitmask': 164, 'i64x2.all_true': 195, 'i64x2.bitmask': 196,
} as const;

type IntegerName = `${'i32' | 'i64'}.${(typeof compare)[number] | (typeof integer)[number] | 'eqz'}`;
type FloatName = `${'f32' | 'f64'}.${(typeof compareFloat)[number] | (typeof float)[number]}`;
/** A pure operator. */
export type OperatorName = IntegerName | FloatName | keyof typeof single | keyof typeof vector | keyof typeof summary;

/** Opcode and type of the result. */
export interface Operator { readonly code: number; readonly type: WasmType }

const table = new Map<string, Operator>();
const row = (prefix: string, first: number, names: readonly string[], type: WasmType): void =>
  names.forEach((name, i) => table.set(`${prefix}.${name}`, { code: first + i, type }));
row('i32', 0x45, ['eqz', ...compare], 'i32');
row('i64', 0x50, ['eqz', ...compare], 'i32');
row('f32', 0x5b, compareFloat, 'i32');
row('f64', 0x61, compareFloat, 'i32');
row('i32', 0x67, integer, 'i32');
row('i64', 0x79, integer, 'i64');
row('f32', 0x8b, float, 'f32');
row('f64', 0x99, float, 'f64');
for (const [name, code] of Object.entries(single)) table.set(name, { code, type: name.slice(0, 3) as WasmType });
for (const [name, code] of Object.entries(vector)) table.set(name, { code: simd + code, type: 'v128' });
for (const [name, code] of Object.entries(summary)) table.set(name, { code: simd + code, type: 'i32' });

const names = new Map([...table].map(([name, { code }]) => [code, name as OperatorName]));

/** Look an operator up. */
export function operator(name: OperatorName): Operator {
  return table.get(name)!;
}

/** The name of the operator that an opcode is of. */
export function operatorOf(code: number): OperatorName {
  return names.get(code)!;
}

/** Taking a lane out of a vector, and putting one in: opcode and type of the result. */
export const laneOperators = {
  'f32x4.extract_lane': { code: simd + 31, type: 'f32' }, 'f32x4.replace_lane': { code: simd + 32, type: 'v128' },
  'i16x8.extract_lane_u': { code: simd + 25, type: 'i32' }, 'i16x8.replace_lane': { code: simd + 26, type: 'v128' },
  'i32x4.extract_lane': { code: simd + 27, type: 'i32' }, 'i32x4.replace_lane': { code: simd + 28, type: 'v128' },
  'i64x2.extract_lane': { code: simd + 29, type: 'i64' }, 'i64x2.replace_lane': { code: simd + 30, type: 'v128' },
  'f64x2.extract_lane': { code: simd + 33, type: 'f64' }, 'f64x2.replace_lane': { code: simd + 34, type: 'v128' },
} as const satisfies Record<string, Operator>;

/** Loads: opcode and type of the result. */
export const loads = {
  'i32.load': { code: 0x28, type: 'i32' }, 'i64.load': { code: 0x29, type: 'i64' }, 'f32.load': { code: 0x2a, type: 'f32' },
  'f64.load': { code: 0x2b, type: 'f64' }, 'i32.load8_u': { code: 0x2d, type: 'i32' }, 'i32.load16_s': { code: 0x2e, type: 'i32' },
  'i32.load16_u': { code: 0x2f, type: 'i32' },
  'v128.load': { code: simd, type: 'v128' }, 'v128.load32_splat': { code: simd + 9, type: 'v128' }, 'v128.load64_splat': { code: simd + 10, type: 'v128' },
  'v128.load32_zero': { code: simd + 92, type: 'v128' }, 'v128.load64_zero': { code: simd + 93, type: 'v128' },
} as const satisfies Record<string, Operator>;

/** Stores: opcodes. */
export const stores = {
  'i32.store': 0x36, 'i64.store': 0x37, 'f32.store': 0x38, 'f64.store': 0x39, 'i32.store8': 0x3a, 'i32.store16': 0x3b, 'v128.store': simd + 11,
} as const;

/** Stores of one lane: opcodes. */
export const laneStores = { 'v128.store32_lane': simd + 90, 'v128.store64_lane': simd + 91 } as const;

export type LoadName = keyof typeof loads;
export type StoreName = keyof typeof stores;
export type LaneStoreName = keyof typeof laneStores;

/** Vector constants and byte shuffles carry sixteen bytes. */
export const vectorConstant = simd + 12;
export const byteShuffle = simd + 13;

/** Copying and filling; memory indices follow. */
export const bulkCopy = [0xfc, 10] as const;
export const bulkFill = [0xfc, 11] as const;
