/*
 * Who may change which bit of EFLAGS: POPF, IRET and their relatives (SDM volume 1, 3.4.3).
 */
import { readEflags, writeEflags } from './flags.js';
import type { Processor } from './processor.js';
import { Eflags, State } from './state.js';

const { arithmetic, tf, df, nt, rf, ac, id, vif, vip, vm, iopl } = Eflags;

/** What any privilege level may change. */
const always = arithmetic | tf | df | nt | ac | id;
/** Bits that exist in the 16-bit FLAGS. */
const low = 0xffff;
/** DR7: breakpoint enables. */
const anyBreakpoint = 0xff;

export function ioplOf(cpu: Processor): number {
  return (cpu.i32[State.eflags >> 2]! & iopl) >>> Eflags.ioplShift;
}

/** Bits that a program at the current level may change with POPF or IRET of this operand size (2 or 4 bytes). */
export function changeable(cpu: Processor, size: number): number {
  let mask: number = always;
  if (cpu.cpl <= ioplOf(cpu)) mask |= Eflags.if;
  if (cpu.cpl === 0) mask |= iopl;
  return size === 2 ? mask & low : mask;
}

/** IRET changes RF as well, and at level 0 VIF and VIP. */
export function changeableByReturn(cpu: Processor, size: number): number {
  if (size === 2) return changeable(cpu, size);
  return changeable(cpu, size) | rf | (cpu.cpl === 0 ? vif | vip : 0);
}

/**
 * Store an image through a mask and bring the mode up to date. RF shields one instruction from breakpoints and is
 * cleared after it; as nothing but an armed breakpoint could tell, it is kept only then.
 */
export function applyEflags(cpu: Processor, image: number, mask: number): void {
  let flags = (readEflags(cpu.i32) & ~mask) | (image & mask);
  if ((cpu.i32[(State.dr >> 2) + 7]! & anyBreakpoint) === 0) flags &= ~rf;
  writeEflags(cpu.i32, flags);
  cpu.updateMode();
}

/** Clear what an interrupt or trap clears: TF, NT, RF, VM, and IF when it came through an interrupt gate. */
export function clearForHandler(cpu: Processor, interruptGate: boolean): void {
  const cleared = tf | nt | rf | vm | (interruptGate ? Eflags.if : 0);
  const slot = State.eflags >> 2;
  cpu.i32[slot] = cpu.i32[slot]! & ~cleared;
}
