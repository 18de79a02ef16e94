/*
 * What the system instructions have in common.
 */
import { isProtected } from '../descriptor.js';
import { raise, Vector } from '../fault.js';
import type { Instruction } from '../instruction.js';
import type { Processor } from '../processor.js';
import { State } from '../state.js';

/** EIP of the instruction that follows. */
export function nextOf(cpu: Processor, insn: Instruction): number {
  return (cpu.i32[State.eip >> 2]! + insn.length) | 0;
}

/** #GP(0) outside level 0. */
export function needRing0(cpu: Processor): void {
  if (cpu.cpl !== 0) raise(Vector.protection);
}

/** #UD where selectors do not name descriptors: real-address and virtual-8086 mode. */
export function needProtected(cpu: Processor): void {
  if (!isProtected(cpu)) raise(Vector.invalidOpcode);
}

