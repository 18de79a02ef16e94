/*
 * Floating-point instructions of SSE and SSE2: lanes in, lanes out; float.ts computes one.
 */
import { writeRegister as writeGeneral } from '../operands.js';
import { Eflags } from '../state.js';
import { writeArithmeticFlags } from '../flags.js';
import { beginFloat, endFloat } from './control.js';
import {
  arithmetic, compare, doubleToSingle, intToDouble, intToSingle, type Operation, order, reciprocal, reciprocalRoot, singleToDouble, squareRoot,
  toInt,
} from './float.js';
import { result } from './format.js';
import { destination as d, source as s } from './lanes.js';
import type { Run } from './moves.js';
import { address, enterMmx, middle, readMemory, readOperand, readRegister, writeRegister } from './operands.js';
import { readRm } from '../operands.js';

const mmx = 8;
const xmm = 16;

/** Lanes an instruction works on: all singles, all doubles, or the lowest one. */
export interface Format { readonly double: boolean; readonly scalar: boolean }
/** By mandatory prefix: none, 66, F3, F2. */
export const formats: readonly Format[] = [
  { double: false, scalar: false }, { double: true, scalar: false }, { double: false, scalar: true }, { double: true, scalar: true },
];

const width = ({ double }: Format): number => (double ? 8 : 4);
const lanesOf = (format: Format): number => (format.scalar ? 1 : xmm / width(format));
const memoryBytes = (format: Format): number => (format.scalar ? width(format) : xmm);

function put(double: boolean, lane: number): void {
  if (double) {
    d.i32[2 * lane] = result.lo;
    d.i32[2 * lane + 1] = result.hi;
  } else d.i32[lane] = result.lo;
}

/** What happens to one lane: destination and source bits (the upper words of doubles) and the immediate; sets `result`. */
type Lane = (aLo: number, aHi: number, bLo: number, bHi: number, immediate: number) => void;

/** Both operands, lane by lane; a scalar form leaves the other lanes of the destination. */
function lanewise(format: Format, lane: Lane): Run {
  const { double } = format;
  const lanes = lanesOf(format);
  return (cpu, insn) => {
    readOperand(cpu, insn, xmm, memoryBytes(format), s);
    readRegister(cpu, middle(insn), xmm, d);
    beginFloat(cpu);
    for (let i = 0; i < lanes; i++) {
      if (double) lane(d.i32[2 * i]!, d.i32[2 * i + 1]!, s.i32[2 * i]!, s.i32[2 * i + 1]!, insn.immediate);
      else lane(d.i32[i]!, 0, s.i32[i]!, 0, insn.immediate);
      put(double, i);
    }
    endFloat(cpu);
    writeRegister(cpu, middle(insn), xmm);
  };
}

/** ADDPS and kin. */
export function arithmeticForm(operation: Operation, format: Format): Run {
  return lanewise(format, (aLo, aHi, bLo, bHi) => arithmetic(operation, format.double, aLo, aHi, bLo, bHi));
}

/** SQRTPS and kin. */
export function squareRootForm(format: Format): Run {
  return lanewise(format, (_aLo, _aHi, bLo, bHi) => squareRoot(format.double, bLo, bHi));
}

/** RCPPS, RSQRTPS and their scalar forms: approximations without flags. */
export function approximateForm(root: boolean, format: Format): Run {
  const approximate = root ? reciprocalRoot : reciprocal;
  return lanewise(format, (_aLo, _aHi, b) => { result.lo = approximate(b); });
}

/** CMPPS and kin: all ones or all zeros. */
export function compareForm(format: Format): Run {
  return lanewise(format, (aLo, aHi, bLo, bHi, immediate) => {
    result.lo = result.hi = compare(immediate & 7, format.double, aLo, aHi, bLo, bHi) ? -1 : 0;
  });
}

/** COMISS, UCOMISS, COMISD, UCOMISD: ZF, PF, CF tell; OF, SF, AF are cleared. */
export function orderForm(signalling: boolean, double: boolean): Run {
  return (cpu, insn) => {
    readOperand(cpu, insn, xmm, double ? 8 : 4, s);
    readRegister(cpu, middle(insn), xmm, d);
    beginFloat(cpu);
    const relation = double ? order(signalling, true, d.i32[0]!, d.i32[1]!, s.i32[0]!, s.i32[1]!)
      : order(signalling, false, d.i32[0]!, 0, s.i32[0]!, 0);
    endFloat(cpu);
    const unordered = relation === 2;
    writeArithmeticFlags(cpu.i32, (unordered || relation === 0 ? Eflags.zf : 0) | (unordered ? Eflags.pf : 0) | (unordered || relation === -1 ? Eflags.cf : 0));
  };
}

/** ANDPS and kin, also those of doubles: bits are bits. */
export function bitwiseForm(operation: (a: number, b: number) => number): Run {
  return (cpu, insn) => {
    readOperand(cpu, insn, xmm, xmm, s);
    readRegister(cpu, middle(insn), xmm, d);
    for (let i = 0; i < 4; i++) d.i32[i] = operation(d.i32[i]!, s.i32[i]!);
    writeRegister(cpu, middle(insn), xmm);
  };
}

/** UNPCKLPS, UNPCKHPS, UNPCKLPD, UNPCKHPD. */
export function unpackForm(high: boolean, double: boolean): Run {
  return (cpu, insn) => {
    readOperand(cpu, insn, xmm, xmm, s);
    readRegister(cpu, middle(insn), xmm, d);
    if (double) {
      const [a, b] = [d.u64[high ? 1 : 0]!, s.u64[high ? 1 : 0]!];
      d.u64.set([a, b]);
    } else {
      const from = high ? 2 : 0;
      d.u32.set([d.u32[from]!, s.u32[from]!, d.u32[from + 1]!, s.u32[from + 1]!]);
    }
    writeRegister(cpu, middle(insn), xmm);
  };
}

/** SHUFPS, SHUFPD: the low half of the result from the destination, the high half from the source. */
export function shuffleForm(double: boolean): Run {
  return (cpu, insn) => {
    readOperand(cpu, insn, xmm, xmm, s);
    readRegister(cpu, middle(insn), xmm, d);
    const { immediate } = insn;
    if (double) d.u64.set([d.u64[immediate & 1]!, s.u64[(immediate >> 1) & 1]!]);
    else {
      const pick = (i: number): number => (immediate >> (2 * i)) & 3;
      d.u32.set([d.u32[pick(0)]!, d.u32[pick(1)]!, s.u32[pick(2)]!, s.u32[pick(3)]!]);
    }
    writeRegister(cpu, middle(insn), xmm);
  };
}

// ── conversions ─────────────────────────────────────────────────────────────────────────────────────────────────────

/** One lane at `from` in the source to one at `to` in the destination, both counted in their own widths. */
type Convert = (from: number, to: number) => void;
const toDouble: Convert = (from, to) => {
  singleToDouble(s.i32[from]!);
  put(true, to);
};
const toSingle: Convert = (from, to) => {
  doubleToSingle(s.i32[2 * from]!, s.i32[2 * from + 1]!);
  put(false, to);
};
const integerToSingle: Convert = (from, to) => {
  intToSingle(s.i32[from]!);
  put(false, to);
};
const integerToDouble: Convert = (from, to) => {
  intToDouble(s.i32[from]!);
  put(true, to);
};
const singleToInteger = (truncate: boolean): Convert => (from, to) => {
  d.i32[to] = toInt(false, truncate, s.i32[from]!, 0);
};
const doubleToInteger = (truncate: boolean): Convert => (from, to) => {
  d.i32[to] = toInt(true, truncate, s.i32[2 * from]!, s.i32[2 * from + 1]!);
};
export const conversions = { toDouble, toSingle, integerToSingle, integerToDouble, singleToInteger, doubleToInteger } as const;

/** XMM to XMM. @param memory bytes of a memory operand; @param keep the rest of the destination stays (scalar forms) */
export function convertForm(convert: Convert, lanes: number, memory: number, keep: boolean): Run {
  return (cpu, insn) => {
    readOperand(cpu, insn, xmm, memory, s);
    if (keep) readRegister(cpu, middle(insn), xmm, d);
    else d.u64.fill(0n);
    beginFloat(cpu);
    for (let i = 0; i < lanes; i++) convert(i, i);
    endFloat(cpu);
    writeRegister(cpu, middle(insn), xmm);
  };
}

/** CVTSI2SS, CVTSI2SD: from a general register or memory. */
export function fromGeneral(double: boolean): Run {
  return (cpu, insn) => {
    const value = readRm(cpu, insn, 4);
    readRegister(cpu, middle(insn), xmm, d);
    s.u32[0] = value;
    beginFloat(cpu);
    (double ? integerToDouble : integerToSingle)(0, 0);
    endFloat(cpu);
    writeRegister(cpu, middle(insn), xmm);
  };
}

/** CVTSS2SI, CVTTSS2SI, CVTSD2SI, CVTTSD2SI: to a general register. */
export function toGeneral(double: boolean, truncate: boolean): Run {
  return (cpu, insn) => {
    readOperand(cpu, insn, xmm, double ? 8 : 4, s);
    beginFloat(cpu);
    const value = toInt(double, truncate, s.i32[0]!, double ? s.i32[1]! : 0);
    endFloat(cpu);
    writeGeneral(cpu, middle(insn), 4, value);
  };
}

/**
 * CVTPI2PS, CVTPI2PD: two integers of an MMX register or memory. Only a register operand disturbs the x87, and that
 * before an exception of the numbers is reported.
 */
export function fromMmx(double: boolean): Run {
  return (cpu, insn) => {
    readOperand(cpu, insn, mmx, mmx, s);
    readRegister(cpu, middle(insn), xmm, d);
    if (!insn.memory) enterMmx(cpu);
    beginFloat(cpu);
    for (let i = 0; i < 2; i++) (double ? integerToDouble : integerToSingle)(i, i);
    endFloat(cpu);
    writeRegister(cpu, middle(insn), xmm);
  };
}

/** CVTPS2PI, CVTTPS2PI, CVTPD2PI, CVTTPD2PI: two lanes to an MMX register. */
export function toMmx(double: boolean, truncate: boolean): Run {
  return (cpu, insn) => {
    if (insn.memory) readMemory(cpu, address(cpu, insn, double ? xmm : mmx, false, double), double ? xmm : mmx, s);
    else readOperand(cpu, insn, xmm, xmm, s);
    const convert = double ? doubleToInteger(truncate) : singleToInteger(truncate);
    enterMmx(cpu);
    beginFloat(cpu);
    for (let i = 0; i < 2; i++) convert(i, i);
    endFloat(cpu);
    writeRegister(cpu, middle(insn), mmx);
  };
}
