/*
 * Operands of rare instructions: general registers and ModRM's register-or-memory operand, read and written directly.
 */
import type { Instruction } from './instruction.js';
import type { Processor } from './processor.js';
import { State } from './state.js';

const GPR = State.gpr >> 2;

/** ModRM's reg field. */
export function regField(insn: Instruction): number {
  return (insn.modrm >>> 3) & 7;
}

/** Read the low 1, 2 or 4 bytes of a register; byte registers 4..7 are ah ch dh bh. Unsigned. */
export function readRegister(cpu: Processor, register: number, size: number): number {
  if (size === 4) return cpu.i32[GPR + register]! >>> 0;
  if (size === 2) return cpu.i32[GPR + register]! & 0xffff;
  return (cpu.i32[GPR + (register & 3)]! >>> (register & 4 ? 8 : 0)) & 0xff;
}

/** Write the low 1, 2 or 4 bytes of a register, keeping the rest. */
export function writeRegister(cpu: Processor, register: number, size: number, value: number): void {
  if (size === 4) {
    cpu.i32[GPR + register] = value;
  } else if (size === 2) {
    cpu.i32[GPR + register] = (cpu.i32[GPR + register]! & ~0xffff) | (value & 0xffff);
  } else {
    const slot = GPR + (register & 3);
    const shift = register & 4 ? 8 : 0;
    cpu.i32[slot] = (cpu.i32[slot]! & ~(0xff << shift)) | ((value & 0xff) << shift);
  }
}

/** Read the register-or-memory operand. */
export function readRm(cpu: Processor, insn: Instruction, size: number): number {
  if (insn.memory) return cpu.readSeg(insn.segment, cpu.effectiveAddress(insn), size);
  return readRegister(cpu, insn.modrm & 7, size);
}

/** Write the register-or-memory operand. */
export function writeRm(cpu: Processor, insn: Instruction, size: number, value: number): void {
  if (insn.memory) cpu.writeSeg(insn.segment, cpu.effectiveAddress(insn), size, value);
  else writeRegister(cpu, insn.modrm & 7, size, value);
}
