/*
 * Assembly on a flat machine: protected mode without paging, 4 GiB segments, ring 0.
 */
import { AssemblyState } from '@defasm/core';
import { Machine, type MachineOptions, Register, SegmentRegister } from '../index.js';
import { Access, Cr0 } from '../state.js';

/** Where the code of a flat machine begins. */
export const codeAt = 0x1000;
const flatData = Access.present | Access.notSystem | Access.writable | Access.accessed | Access.big | Access.granular;

/** Machine code of 32-bit assembly in AT&T syntax. */
export function assemble(source: string): Uint8Array {
  const state = new AssemblyState({ bitness: 32 });
  state.compile(source, { haltOnError: true });
  return state.head.dump();
}

/** A machine that is about to execute assembly. @param stack its ESP */
export function flatMachine(source: string, stack: number, options: MachineOptions): Machine {
  const machine = new Machine(options);
  const { cpu, physical } = machine;
  cpu.cr0 = Cr0.pe | Cr0.et;
  for (const register of [SegmentRegister.es, SegmentRegister.ss, SegmentRegister.ds]) {
    cpu.setSegment(register, { selector: 0x10, base: 0, limit: 0xffff_ffff, access: flatData });
  }
  cpu.setSegment(SegmentRegister.cs, { selector: 8, base: 0, limit: 0xffff_ffff, access: flatData | Access.code });
  physical.write(codeAt, assemble(source));
  cpu.eip = codeAt;
  cpu.regs[Register.esp] = stack;
  return machine;
}
