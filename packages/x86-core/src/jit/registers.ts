/*
 * Registers as operations see them within a region: locals, though the operation was written for the state page.
 */
import type { OperationBuilder, RegisterFile } from '../operations/operation.js';
import { State } from '../state.js';
import type { Value } from '../wasm/function-builder.js';
import type { laneOperators, LaneStoreName, LoadName, StoreName } from '../wasm/operators.js';
import type { FpuRegisters } from './fpu-registers.js';

/** Where the values are: XMM registers by number; general registers and flags by their address. */
export interface Locals {
  getXmm(register: number): Value;
  setXmm(register: number, value: Value): void;
  /** Undefined when the address is no register's. */
  getWord(address: number): Value | undefined;
  setWord(address: number, value: Value): boolean;
  /** The x87's registers; undefined where they are in memory. */
  readonly fpu: FpuRegisters | undefined;
  /** Something else is done to these: they must be in memory. */
  conflict(): void;
  /** See RegisterFile. */
  readonly c1: RegisterFile['c1'];
}

const xmmBytes = 16;
const xmmCount = 8;
const fpuBytes = 16;
const fpuCount = 8;
const topOffset = 8;
const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

type LaneName = keyof typeof laneOperators;
/** Loads and stores that take a lane of a vector, or put one in; bytes of a lane. */
const takeLane: { readonly [name in LoadName]?: readonly [LaneName, number] } = {
  'i64.load': ['i64x2.extract_lane', 8], 'f64.load': ['f64x2.extract_lane', 8], 'i32.load': ['i32x4.extract_lane', 4],
  'f32.load': ['f32x4.extract_lane', 4], 'i32.load16_u': ['i16x8.extract_lane_u', 2],
};
const putLane: { readonly [name in StoreName]?: readonly [LaneName, number] } = {
  'i64.store': ['i64x2.replace_lane', 8], 'f64.store': ['f64x2.replace_lane', 8], 'i32.store': ['i32x4.replace_lane', 4],
  'f32.store': ['f32x4.replace_lane', 4], 'i32.store16': ['i16x8.replace_lane', 2],
};

/** A RegisterFile over locals. */
export function registersIn(b: OperationBuilder, locals: Locals): RegisterFile {
  const xmmAt = (address: number): { register: number; byte: number } | undefined => {
    const place = address - State.xmm;
    return place >= 0 && place < xmmBytes * xmmCount ? { register: Math.floor(place / xmmBytes), byte: place % xmmBytes } : undefined;
  };

  const fpuAt = (address: number): { fpu: FpuRegisters; register: number; byte: number } | undefined => {
    const { fpu } = locals;
    const place = address - State.fpu;
    return fpu && place >= 0 && place < fpuBytes * fpuCount ? { fpu, register: Math.floor(place / fpuBytes), byte: place % fpuBytes } : undefined;
  };

  const loadXmm = (name: LoadName, value: Value, byte: number): Value => {
    const lane = takeLane[name];
    if (lane) return b.lane(lane[0], byte / lane[1], value);
    switch (name) {
      case 'v128.load': return value;
      case 'v128.load64_splat': return b.shuffle(value, value, [...range(byte, 8), ...range(byte, 8)]);
      case 'v128.load32_splat': return b.shuffle(value, value, range(0, 16).map((i) => byte + (i & 3)));
      case 'v128.load64_zero': return b.do('v128.and', value, b.v128(-1, -1, 0, 0));
      case 'v128.load32_zero': return b.do('v128.and', value, b.v128(-1, 0, 0, 0));
      default: throw new Error(`no way to do ${name} on an XMM register`);
    }
  };

  const loadWord = (name: LoadName, word: Value): Value => {
    switch (name) {
      case 'i32.load': return word;
      case 'i32.load16_u': return b.do('i32.and', word, b.i32(0xffff));
      case 'v128.load32_zero': return b.lane('i32x4.replace_lane', 0, b.v128(0, 0, 0, 0), word);
      default: throw new Error(`no way to do ${name} on a general register`);
    }
  };

  return {
    c1: locals.c1,
    doubleAt(address) {
      const place = fpuAt(address);
      return place?.fpu.doubleAt(place.register);
    },
    keepDouble(address, bits) {
      const place = fpuAt(address);
      place?.fpu.keepDouble(place.register, bits);
      return place !== undefined;
    },
    load(name, address) {
      const xmm = xmmAt(address);
      if (xmm) return loadXmm(name, locals.getXmm(xmm.register), xmm.byte);
      const place = fpuAt(address);
      if (place) {
        const { fpu, register, byte } = place;
        if (name === 'i64.load' && byte === 0) return fpu.getSignificand(register);
        if (name === 'i32.load16_u' && byte === topOffset) return fpu.getTop(register);
        locals.conflict();
        return undefined;
      }
      const word = locals.getWord(address);
      return word && loadWord(name, word);
    },
    store(name, address, value) {
      const xmm = xmmAt(address);
      if (xmm) {
        const lane = putLane[name];
        locals.setXmm(xmm.register, lane ? b.lane(lane[0], xmm.byte / lane[1], locals.getXmm(xmm.register), value) : value);
        return true;
      }
      const place = fpuAt(address);
      if (place) {
        const { fpu, register, byte } = place;
        if (name === 'i64.store' && byte === 0) fpu.setSignificand(register, value);
        else if (name === 'i32.store' && byte === topOffset) fpu.setTop(register, value);
        else locals.conflict();
        return true;
      }
      if (name === 'i32.store') return locals.setWord(address, value);
      const word = locals.getWord(address);
      if (word === undefined) return false;
      const whole = name === 'i32.store16'
        ? b.do('i32.or', b.do('i32.and', word, b.i32(-0x1_0000)), b.do('i32.and', value, b.i32(0xffff))) : value;
      return locals.setWord(address, whole);
    },
    storeLane(name: LaneStoreName, address, value) {
      if (fpuAt(address)) locals.conflict();
      const xmm = xmmAt(address);
      if (xmm === undefined) return false;
      const bytes = name === 'v128.store64_lane' ? 8 : 4;
      const order = range(0, 16).map((i) => (i >= xmm.byte && i < xmm.byte + bytes ? 16 + i - xmm.byte : i));
      locals.setXmm(xmm.register, b.shuffle(locals.getXmm(xmm.register), value, order));
      return true;
    },
  };
}
