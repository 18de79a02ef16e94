/*
 * MXCSR: loading and storing it, and what an instruction makes of the exceptions its lanes have raised.
 */
import { raise, Vector } from '../fault.js';
import { readRm, writeRm } from '../operands.js';
import type { Processor } from '../processor.js';
import { Cr4, State } from '../state.js';
import { control } from './format.js';
import type { Run } from './moves.js';

const MXCSR = State.mxcsr >> 2;

/** Fields of MXCSR (SDM volume 1, 10.2.3). */
export const Mxcsr = {
  flags: 0x3f, denormalsAreZero: 1 << 6, maskShift: 7, roundingShift: 13, flushToZero: 1 << 15, existing: 0xffff,
} as const;
/** Invalid, denormal, divide by zero: known before there is a result. */
const before = 7;

/** Before the first lane. */
export function beginFloat(cpu: Processor): void {
  const mxcsr = cpu.i32[MXCSR]!;
  control.rounding = (mxcsr >>> Mxcsr.roundingShift) & 3;
  control.masks = (mxcsr >>> Mxcsr.maskShift) & Mxcsr.flags;
  control.daz = (mxcsr & Mxcsr.denormalsAreZero) !== 0;
  control.ftz = (mxcsr & Mxcsr.flushToZero) !== 0;
  control.flags = 0;
}

/** After the last lane, before anything is stored: note the flags; an unmasked one is #XM, or #UD where nobody expects that. */
export function endFloat(cpu: Processor): void {
  const unmasked = ~control.masks;
  const raised = control.flags & before & unmasked ? control.flags & before : control.flags;
  cpu.i32[MXCSR] = cpu.i32[MXCSR]! | raised;
  if (raised & unmasked) raise((cpu.i32[State.cr4 >> 2]! & Cr4.osxmmexcpt) !== 0 ? Vector.simd : Vector.invalidOpcode);
}

/** LDMXCSR: #GP(0) for bits that do not exist. */
export const loadMxcsr: Run = (cpu, insn) => {
  const value = readRm(cpu, insn, 4);
  if (value & ~Mxcsr.existing) raise(Vector.protection);
  cpu.i32[MXCSR] = value;
};

/** STMXCSR. */
export const storeMxcsr: Run = (cpu, insn) => writeRm(cpu, insn, 4, cpu.i32[MXCSR]!);
