/*
 * Breakpoints and single steps (SDM volume 3, chapter 18.2). While any is armed, or TF is set, State.mode loses
 * Mode.fast: the engine goes instruction by instruction and asks here before and after each.
 *
 *   beginStep(cpu)      before an instruction; raises #DB for an instruction breakpoint
 *   endStep(cpu)        after it; says whether data breakpoints or TF make it trap
 */
import { raise, Vector } from './fault.js';
import type { Processor } from './processor.js';
import { Cr4, Eflags, SegmentRegister, State } from './state.js';

const DR = State.dr >> 2;
const CS_BASE = (State.segments >> 2) + 4 * SegmentRegister.cs + 1;

/** DR6 bits. B0..B3 are bits 0..3. */
export const Dr6 = { access: 1 << 13, step: 1 << 14, task: 1 << 15, always: 0xffff_0ff0 | 0, writable: 0x0000_e00f } as const;
/** DR7 bits. */
export const Dr7 = { enables: 0xff, detect: 1 << 13, always: 1 << 10, unused: 0xd800 } as const;

const breakpoints = 4;
/** DR7's R/W field values. */
const onExecute = 0;
const onWrite = 1;
const onPort = 2;
const onReadWrite = 3;
/** DR7's LEN field as a number of bytes: 1, 2, 8 (unused), 4. */
const lengths = [1, 2, 8, 4] as const;

function isEnabled(dr7: number, n: number): boolean {
  return ((dr7 >>> (2 * n)) & 3) !== 0;
}

function conditionOf(dr7: number, n: number): number {
  return (dr7 >>> (16 + 4 * n)) & 3;
}

function lengthOf(dr7: number, n: number): number {
  return lengths[(dr7 >>> (18 + 4 * n)) & 3]!;
}

/** Breakpoints in DR7 that watch data, one bit each: Processor.watching. */
export function watchedBreakpoints(dr7: number): number {
  let mask = 0;
  if ((dr7 & Dr7.enables) === 0) return mask;
  for (let n = 0; n < breakpoints; n++) {
    const condition = conditionOf(dr7, n);
    if (isEnabled(dr7, n) && (condition === onWrite || condition === onReadWrite)) mask |= 1 << n;
  }
  return mask;
}

/** A data access that passed its segment checks: remember the breakpoints it touches. */
export function noteAccess(cpu: Processor, linear: number, size: number, write: boolean): void {
  const dr7 = cpu.i32[DR + 7]!;
  for (let n = 0; n < breakpoints; n++) {
    if ((cpu.watching & (1 << n)) === 0 || (!write && conditionOf(dr7, n) === onWrite)) continue;
    const length = lengthOf(dr7, n);
    const first = (cpu.i32[DR + n]! & -length) >>> 0;
    if (linear < first + length && linear + size > first) cpu.debugStatus |= 1 << n;
  }
}

/** An access to `size` ports that was allowed: with CR4.DE, breakpoints may watch ports. */
export function notePort(cpu: Processor, port: number, size: number): void {
  const dr7 = cpu.i32[DR + 7]!;
  if ((dr7 & Dr7.enables) === 0 || (cpu.i32[State.cr4 >> 2]! & Cr4.de) === 0) return;
  for (let n = 0; n < breakpoints; n++) {
    if (!isEnabled(dr7, n) || conditionOf(dr7, n) !== onPort) continue;
    const length = lengthOf(dr7, n);
    const first = (cpu.i32[DR + n]! & -length) >>> 0;
    if (port < first + length && port + size > first) cpu.debugStatus |= 1 << n;
  }
}

/** Before an instruction: note whether TF makes it trap; raise #DB if a breakpoint lies on it and RF does not shield it. */
export function beginStep(cpu: Processor): void {
  const { i32 } = cpu;
  const flags = i32[State.eflags >> 2]!;
  cpu.stepTrap = (flags & Eflags.tf) !== 0;
  if ((flags & Eflags.rf) !== 0) {
    // spent on this instruction; should it fault, the handler sees RF set all the same
    i32[State.eflags >> 2] = flags & ~Eflags.rf;
    return;
  }
  const dr7 = i32[DR + 7]!;
  if ((dr7 & Dr7.enables) === 0) return;
  const linear = (i32[CS_BASE]! + i32[State.eip >> 2]!) | 0;
  let hits = 0;
  for (let n = 0; n < breakpoints; n++) {
    if (isEnabled(dr7, n) && conditionOf(dr7, n) === onExecute && i32[DR + n] === linear) hits |= 1 << n;
  }
  if (hits !== 0) {
    reportDebug(cpu, hits);
    raise(Vector.debug);
  }
}

/**
 * After an instruction that completed: true when a #DB trap is due, with DR6 set. The engine then calls
 * deliverException(cpu, Vector.debug, 0). After MOV SS and POP SS it waits for the next instruction.
 */
export function endStep(cpu: Processor): boolean {
  const { i32 } = cpu;
  if (i32[State.shadow >> 2] !== 0) return false;
  const hits = cpu.debugStatus | (cpu.stepTrap ? Dr6.step : 0);
  cpu.stepTrap = false;
  if (hits === 0) return false;
  reportDebug(cpu, hits);
  return true;
}

/** Record a debug exception's causes in DR6 and forget what was pending. DR7.GD goes, so that the handler may look. */
export function reportDebug(cpu: Processor, causes: number): void {
  cpu.i32[DR + 6] = cpu.i32[DR + 6]! | causes;
  cpu.i32[DR + 7] = cpu.i32[DR + 7]! & ~Dr7.detect;
  cpu.debugStatus = 0;
}
