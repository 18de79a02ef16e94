/*
 * Packed integers: what MMX does with 8 bytes and SSE2 with 16.
 *
 * Each function takes the number of bytes and works from `destination` and `source` into `destination`.
 */
import { destination as d, type Lanes, source as s } from './lanes.js';

/** An operation on so many bytes. `immediate` is the instruction's, if it has one. */
export type Packed = (bytes: number, immediate: number) => void;

type Kind = 'u8' | 'i8' | 'u16' | 'i16' | 'u32' | 'i32';
const widths = { u8: 1, i8: 1, u16: 2, i16: 2, u32: 4, i32: 4 } as const;

/** Lane by lane, of one kind; the view's own truncation makes arithmetic wrap. */
function each(kind: Kind, operation: (a: number, b: number) => number): Packed {
  const to = d[kind];
  const from = s[kind];
  const width = widths[kind];
  return (bytes) => {
    for (let i = 0; i < bytes / width; i++) to[i] = operation(to[i]!, from[i]!);
  };
}

/** Lane by lane, as 64-bit numbers. */
function each64(operation: (a: bigint, b: bigint) => bigint): Packed {
  return (bytes) => {
    for (let i = 0; i < bytes / 8; i++) d.u64[i] = operation(d.u64[i]!, s.u64[i]!);
  };
}

const limits = { u8: [0, 0xff], i8: [-0x80, 0x7f], u16: [0, 0xffff], i16: [-0x8000, 0x7fff] } as const;

function clamp(kind: keyof typeof limits, value: number): number {
  const [low, high] = limits[kind];
  return value < low ? low : value > high ? high : value;
}

const add = (a: number, b: number): number => a + b;
const subtract = (a: number, b: number): number => a - b;
const saturated = (kind: keyof typeof limits, operation: (a: number, b: number) => number): Packed =>
  each(kind, (a, b) => clamp(kind, operation(a, b)));
const average = (a: number, b: number): number => (a + b + 1) >>> 1;
const equal = (a: number, b: number): number => (a === b ? -1 : 0);
const greater = (a: number, b: number): number => (a > b ? -1 : 0);

/** PMULUDQ: the even 32-bit lanes, to 64 bits. */
const multiplyEven: Packed = (bytes) => {
  for (let i = 0; i < bytes / 8; i++) d.u64[i] = BigInt(d.u32[2 * i]!) * BigInt(s.u32[2 * i]!);
};

/** PMADDWD: products of 16-bit lanes, added in pairs. */
const multiplyAdd: Packed = (bytes) => {
  for (let i = 0; i < bytes / 4; i++) {
    d.i32[i] = d.i16[2 * i]! * s.i16[2 * i]! + d.i16[2 * i + 1]! * s.i16[2 * i + 1]!;
  }
};

/** PSADBW: the sum of the differences of eight bytes. */
const sumOfDifferences: Packed = (bytes) => {
  for (let i = 0; i < bytes; i += 8) {
    let sum = 0;
    for (let j = i; j < i + 8; j++) sum += Math.abs(d.u8[j]! - s.u8[j]!);
    d.u64[i / 8] = BigInt(sum);
  }
};

const copy = (lanes: Lanes): Lanes['u8'] => lanes.u8.slice();

/** PUNPCKxx: lanes of both by turns, from the low or the high half. */
function unpack(width: number, high: boolean): Packed {
  return (bytes) => {
    const [a, b] = [copy(d), copy(s)];
    const from = high ? bytes / 2 : 0;
    for (let i = 0; i < bytes / 2; i++) {
      const lane = Math.floor(i / width);
      const within = i % width;
      d.u8[2 * lane * width + within] = a[from + i]!;
      d.u8[(2 * lane + 1) * width + within] = b[from + i]!;
    }
  };
}

/** PACKxx: lanes of both, first those of the destination, made half as wide. */
function pack(from: 'i16' | 'i32', to: 'i8' | 'u8' | 'i16'): Packed {
  const width = widths[from];
  return (bytes) => {
    const count = bytes / width;
    const wide = [...d[from].subarray(0, count), ...s[from].subarray(0, count)];
    wide.forEach((value, i) => { d[to][i] = clamp(to, value); });
  };
}

/** Shift lanes of `width` bits by the low 64 bits of the source. */
function shift(direction: 'left' | 'right' | 'arithmetic', width: 16 | 32 | 64): Packed {
  return (bytes) => shiftBy(direction, width, bytes, s.u64[0]!);
}

function shiftBy(direction: 'left' | 'right' | 'arithmetic', width: 16 | 32 | 64, bytes: number, count: bigint): void {
  const beyond = count >= BigInt(width);
  const by = beyond ? 0 : Number(count);
  if (width === 64) {
    for (let i = 0; i < bytes / 8; i++) {
      const value = d.u64[i]!;
      d.u64[i] = beyond ? 0n : direction === 'left' ? value << BigInt(by) : value >> BigInt(by);
    }
    return;
  }
  if (direction === 'arithmetic') {
    const lanes = width === 16 ? d.i16 : d.i32;
    for (let i = 0; i < (8 * bytes) / width; i++) lanes[i] = lanes[i]! >> (beyond ? width - 1 : by);
    return;
  }
  const lanes = width === 16 ? d.u16 : d.u32;
  for (let i = 0; i < (8 * bytes) / width; i++) {
    lanes[i] = beyond ? 0 : direction === 'left' ? lanes[i]! << by : lanes[i]! >>> by;
  }
}

/** PSLLDQ, PSRLDQ: the whole register by bytes. */
function shiftBytes(left: boolean): Packed {
  return (_, immediate) => {
    const value = copy(d);
    for (let i = 0; i < 16; i++) d.u8[i] = value[left ? i - immediate : i + immediate] ?? 0;
  };
}

const immediateShift = (direction: 'left' | 'right' | 'arithmetic', width: 16 | 32 | 64): Packed =>
  (bytes, immediate) => shiftBy(direction, width, bytes, BigInt(immediate));

/** PSHUFxx: each 16- or 32-bit lane of `count`, from lane `first` on, is one of them, chosen by two bits. */
function shuffle(kind: 'u16' | 'u32', first: number): Packed {
  return (bytes, immediate) => {
    d.u8.set(s.u8.subarray(0, bytes));
    for (let i = 0; i < 4; i++) d[kind][first + i] = s[kind][first + ((immediate >> (2 * i)) & 3)]!;
  };
}

/** Operations by opcode (0F xx) that MMX has without a prefix and SSE2 with 66. */
export const packed: ReadonlyMap<number, Packed> = new Map<number, Packed>([
  [0x60, unpack(1, false)], [0x61, unpack(2, false)], [0x62, unpack(4, false)],
  [0x68, unpack(1, true)], [0x69, unpack(2, true)], [0x6a, unpack(4, true)],
  [0x63, pack('i16', 'i8')], [0x67, pack('i16', 'u8')], [0x6b, pack('i32', 'i16')],
  [0x64, each('i8', greater)], [0x65, each('i16', greater)], [0x66, each('i32', greater)],
  [0x74, each('u8', equal)], [0x75, each('u16', equal)], [0x76, each('u32', equal)],
  [0xd1, shift('right', 16)], [0xd2, shift('right', 32)], [0xd3, shift('right', 64)],
  [0xe1, shift('arithmetic', 16)], [0xe2, shift('arithmetic', 32)],
  [0xf1, shift('left', 16)], [0xf2, shift('left', 32)], [0xf3, shift('left', 64)],
  [0xd4, each64((a, b) => a + b)], [0xfb, each64((a, b) => a - b)],
  [0xfc, each('u8', add)], [0xfd, each('u16', add)], [0xfe, each('u32', add)],
  [0xf8, each('u8', subtract)], [0xf9, each('u16', subtract)], [0xfa, each('u32', subtract)],
  [0xec, saturated('i8', add)], [0xed, saturated('i16', add)], [0xdc, saturated('u8', add)], [0xdd, saturated('u16', add)],
  [0xe8, saturated('i8', subtract)], [0xe9, saturated('i16', subtract)], [0xd8, saturated('u8', subtract)], [0xd9, saturated('u16', subtract)],
  [0xd5, each('i16', (a, b) => a * b)], [0xe5, each('i16', (a, b) => (a * b) >> 16)], [0xe4, each('u16', (a, b) => (a * b) >>> 16)],
  [0xf4, multiplyEven], [0xf5, multiplyAdd], [0xf6, sumOfDifferences],
  [0xe0, each('u8', average)], [0xe3, each('u16', average)],
  [0xda, each('u8', Math.min)], [0xde, each('u8', Math.max)], [0xea, each('i16', Math.min)], [0xee, each('i16', Math.max)],
  [0xdb, each('u32', (a, b) => a & b)], [0xdf, each('u32', (a, b) => ~a & b)], [0xeb, each('u32', (a, b) => a | b)], [0xef, each('u32', (a, b) => a ^ b)],
]);

/** The same with SSE2 only. */
export const packedWide: ReadonlyMap<number, Packed> = new Map([[0x6c, unpack(8, false)], [0x6d, unpack(8, true)]]);

/** Shifts by an immediate, by opcode × 8 + ModRM's middle bits. The last two are SSE2's alone. */
export const immediateShifts: ReadonlyMap<number, Packed> = new Map<number, Packed>([
  [0x71 * 8 + 2, immediateShift('right', 16)], [0x71 * 8 + 4, immediateShift('arithmetic', 16)], [0x71 * 8 + 6, immediateShift('left', 16)],
  [0x72 * 8 + 2, immediateShift('right', 32)], [0x72 * 8 + 4, immediateShift('arithmetic', 32)], [0x72 * 8 + 6, immediateShift('left', 32)],
  [0x73 * 8 + 2, immediateShift('right', 64)], [0x73 * 8 + 6, immediateShift('left', 64)],
  [0x73 * 8 + 3, shiftBytes(false)], [0x73 * 8 + 7, shiftBytes(true)],
]);

/** PSHUFW, PSHUFD, PSHUFHW, PSHUFLW. */
export const shuffles = { words: shuffle('u16', 0), doublewords: shuffle('u32', 0), highWords: shuffle('u16', 4), lowWords: shuffle('u16', 0) } as const;
