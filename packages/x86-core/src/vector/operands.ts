/*
 * Registers and memory of vector instructions, and who may use them.
 *
 * MMX registers are the significands of the x87's; using one makes all of them valid and the stack begin at R0. XMM
 * registers are a file of their own. A memory operand of 16 bytes must be aligned unless the instruction says otherwise.
 */
import { Feature } from '../cpuid.js';
import { raise, Vector } from '../fault.js';
import type { Instruction } from '../instruction.js';
import type { Processor } from '../processor.js';
import { Cr0, Cr4, State } from '../state.js';
import { Status } from '../x87/environment.js';
import { destination, type Lanes } from './lanes.js';

const MMX = State.fpu >> 2;
const XMM = State.xmm >> 2;
const CR0 = State.cr0 >> 2;
const CR4 = State.cr4 >> 2;
const STATUS = State.fpuStatus >> 2;
const TOP = State.fpuTop >> 2;
const TAGS = State.fpuTags >> 2;
const wordsPerRegister = 4;
const allValid = 0xff;
/** Sign and exponent of an x87 register that holds an MMX value. */
const mmxExponent = 0xffff;
const wide = 16;

/** The sets of vector instructions, as CPUID knows them. */
export const Extension = { mmx: Feature.mmx, sse: Feature.sse, sse2: Feature.sse2 } as const;

/** ModRM's middle bits. */
export function middle(insn: Instruction): number {
  return (insn.modrm >>> 3) & 7;
}

/** ModRM's low bits. */
export function low(insn: Instruction): number {
  return insn.modrm & 7;
}

/** #UD for what the CPU at hand has not got. */
export function need(cpu: Processor, extension: number): void {
  if ((cpu.features & extension) === 0) raise(Vector.invalidOpcode);
}

/** May XMM registers be used? #UD without the operating system's word for it, #NM when the state is another task's. */
export function needXmm(cpu: Processor): void {
  if ((cpu.i32[CR0]! & Cr0.em) !== 0 || (cpu.i32[CR4]! & Cr4.osfxsr) === 0) raise(Vector.invalidOpcode);
  if ((cpu.i32[CR0]! & Cr0.ts) !== 0) raise(Vector.noDevice);
}

/** May MMX registers be used? An exception that the x87 has kept back is reported first. */
export function needMmx(cpu: Processor): void {
  if ((cpu.i32[CR0]! & Cr0.em) !== 0) raise(Vector.invalidOpcode);
  if ((cpu.i32[CR0]! & Cr0.ts) !== 0) raise(Vector.noDevice);
  needNoX87Exception(cpu);
}

/** #MF for an exception that the x87 has kept back. */
export function needNoX87Exception(cpu: Processor): void {
  if ((cpu.i32[STATUS]! & Status.summary) !== 0 && (cpu.i32[CR0]! & Cr0.ne) !== 0) raise(Vector.x87);
}

/** What every MMX instruction but EMMS does to the x87: all registers in use, the stack at R0. */
export function enterMmx(cpu: Processor): void {
  cpu.i32[TAGS] = allValid;
  cpu.i32[TOP] = 0;
}

/** A store of an MMX register on Intel's processors: the stack begins at R0 even when the store faults. */
export function beginStore(cpu: Processor, insn: Instruction, bytes: number): void {
  if (bytes !== wide && insn.memory && cpu.undefinedResults === 'intel') cpu.i32[TOP] = 0;
}

/** EMMS: all registers are empty. */
export function leaveMmx(cpu: Processor): void {
  cpu.i32[TAGS] = 0;
  cpu.i32[TOP] = 0;
}

/** Read a register of so many bytes: 8 are an MMX register, 16 an XMM register. */
export function readRegister(cpu: Processor, register: number, bytes: number, to: Lanes): void {
  const from = (bytes === wide ? XMM : MMX) + wordsPerRegister * register;
  for (let i = 0; i < bytes / 4; i++) to.i32[i] = cpu.i32[from + i]!;
}

/** Write a register from `destination`. */
export function writeRegister(cpu: Processor, register: number, bytes: number): void {
  const to = (bytes === wide ? XMM : MMX) + wordsPerRegister * register;
  for (let i = 0; i < bytes / 4; i++) cpu.i32[to + i] = destination.i32[i]!;
  if (bytes !== wide) cpu.i32[to + 2] = mmxExponent;
}

/**
 * Linear address of the memory operand. Where alignment is checked, #AC is left to the processor for MOVUPS and its kin:
 * AMD's have it, Intel's have not.
 * @param aligned #GP(0) when it is no multiple of 16
 */
export function address(cpu: Processor, insn: Instruction, bytes: number, write: boolean, aligned: boolean): number {
  const linear = cpu.linear(insn.segment, cpu.effectiveAddress(insn), bytes, write);
  if (aligned && (linear & (wide - 1)) !== 0) raise(Vector.protection);
  if (bytes === wide && cpu.undefinedResults === 'amd') cpu.checkAlignment(linear, wide);
  return linear;
}

/** Read 1, 2 or a multiple of 4 bytes of memory. */
export function readMemory(cpu: Processor, linear: number, bytes: number, to: Lanes): void {
  if (bytes < 4) {
    to.u16[0] = bytes === 1 ? cpu.read8(linear) : cpu.read16(linear);
    return;
  }
  for (let i = 0; i < bytes / 4; i++) to.i32[i] = cpu.read32((linear + 4 * i) >>> 0);
}

/** Write a multiple of 4 bytes from `destination`; all of it or nothing. */
export function writeMemory(cpu: Processor, linear: number, bytes: number, from: Lanes = destination): void {
  cpu.probeWrite(linear, bytes);
  for (let i = 0; i < bytes / 4; i++) cpu.write32((linear + 4 * i) >>> 0, from.i32[i]!);
}

/**
 * Read the register-or-memory operand: a register of `register` bytes (8 or 16), or `memory` bytes of memory. A memory
 * operand of 16 bytes must be aligned.
 */
export function readOperand(cpu: Processor, insn: Instruction, register: number, memory: number, to: Lanes, aligned = memory === wide): void {
  if (!insn.memory) readRegister(cpu, low(insn), register, to);
  else readMemory(cpu, address(cpu, insn, memory, false, aligned), memory, to);
}
