/*
 * I/O ports. IOPL or a bit of the task's permission map opens them; everything else is #GP(0).
 */
import { notePort } from '../debug.js';
import type { RareExecute } from '../definition.js';
import { ioplOf } from '../flag-access.js';
import { isVirtual8086 } from '../descriptor.js';
import { raise, Vector } from '../fault.js';
import { isTss32 } from '../frame.js';
import type { Instruction } from '../instruction.js';
import { Repeat } from '../instruction.js';
import { answer } from '../options.js';
import { readRegister, writeRegister } from '../operands.js';
import type { Processor } from '../processor.js';
import { Access, Cr0, Eflags, Register, SegmentRegister, State } from '../state.js';

const GPR = State.gpr >> 2;
const TR = (State.segments >> 2) + 4 * SegmentRegister.tr;
/** Offset in a 32-bit TSS of the word that says where the permission map starts (SDM volume 1, 19.5.2). */
const mapBase = 102;
/** Opcodes with DX as the port have bit 3 set; bit 0 is the operand size. */
const portInDx = 8;
const wideOperand = 1;

/** Raise #GP(0) unless the current program may access `size` ports from `port` on; breakpoints are told of it. */
function usePort(cpu: Processor, port: number, size: number): void {
  checkPort(cpu, port, size);
  notePort(cpu, port, size);
}

function checkPort(cpu: Processor, port: number, size: number): void {
  const { i32 } = cpu;
  if ((i32[State.cr0 >> 2]! & Cr0.pe) === 0) return;
  if (!isVirtual8086(cpu) && cpu.cpl <= ioplOf(cpu)) return;
  const limit = i32[TR + 2]! >>> 0;
  if ((i32[TR + 3]! & Access.present) === 0 || !isTss32(cpu) || limit < mapBase + 1) raise(Vector.protection);
  const base = i32[TR + 1]!;
  const at = cpu.readSystem16((base + mapBase) >>> 0) + (port >>> 3);
  // the CPU always reads two bytes, so both must lie inside
  if (at + 1 > limit) raise(Vector.protection);
  const bits = cpu.readSystem16((base + at) >>> 0) >>> (port & 7);
  if ((bits & ((1 << size) - 1)) !== 0) raise(Vector.protection);
}

function sizeOf(insn: Instruction): number {
  return (insn.opcode & wideOperand) !== 0 ? insn.operandSize : 1;
}

function portOf(cpu: Processor, insn: Instruction): number {
  return (insn.opcode & portInDx) !== 0 ? readRegister(cpu, Register.edx, 2) : insn.immediate & 0xff;
}

function readPort(cpu: Processor, port: number, size: number): number {
  return answer(cpu.ports.read(port, size), size, 'ports.read', port);
}

const input: RareExecute = (cpu, insn) => {
  const size = sizeOf(insn);
  const port = portOf(cpu, insn);
  usePort(cpu, port, size);
  writeRegister(cpu, Register.eax, size, readPort(cpu, port, size));
};

const output: RareExecute = (cpu, insn) => {
  const size = sizeOf(insn);
  const port = portOf(cpu, insn);
  usePort(cpu, port, size);
  cpu.ports.write(port, size, readRegister(cpu, Register.eax, size));
};

/** Advance an index register by one element, in the direction of DF. */
function advance(cpu: Processor, register: number, insn: Instruction, size: number): void {
  const step = (cpu.i32[State.eflags >> 2]! & Eflags.df) !== 0 ? -size : size;
  writeRegister(cpu, register, insn.addressSize, cpu.i32[GPR + register]! + step);
}

/** With a repeat prefix and a count of zero there is nothing to do. */
function isDone(cpu: Processor, insn: Instruction): boolean {
  return insn.repeat !== Repeat.none && readRegister(cpu, Register.ecx, insn.addressSize) === 0;
}

/**
 * One element of a repeated instruction is done. While some remain EIP stays here, so that interrupts can come in
 * between and the budget is exact.
 */
function countDown(cpu: Processor, insn: Instruction): void {
  if (insn.repeat === Repeat.none) return;
  const left = readRegister(cpu, Register.ecx, insn.addressSize) - 1;
  writeRegister(cpu, Register.ecx, insn.addressSize, left);
  if (left !== 0) cpu.jumped = true;
}

const inputString: RareExecute = (cpu, insn) => {
  const size = sizeOf(insn);
  const port = readRegister(cpu, Register.edx, 2);
  // permission counts even when the count is zero
  checkPort(cpu, port, size);
  if (isDone(cpu, insn)) return;
  notePort(cpu, port, size);
  const offset = readRegister(cpu, Register.edi, insn.addressSize);
  // the port must not be read for nothing
  cpu.probeWrite(cpu.linear(SegmentRegister.es, offset, size, true), size);
  cpu.writeSeg(SegmentRegister.es, offset, size, readPort(cpu, port, size));
  advance(cpu, Register.edi, insn, size);
  countDown(cpu, insn);
};

const outputString: RareExecute = (cpu, insn) => {
  const size = sizeOf(insn);
  const port = readRegister(cpu, Register.edx, 2);
  // permission counts even when the count is zero
  checkPort(cpu, port, size);
  if (isDone(cpu, insn)) return;
  notePort(cpu, port, size);
  const segment = insn.segmentOverride ? insn.segment : SegmentRegister.ds;
  const value = cpu.readSeg(segment, readRegister(cpu, Register.esi, insn.addressSize), size);
  cpu.ports.write(port, size, value);
  advance(cpu, Register.esi, insn, size);
  countDown(cpu, insn);
};

export const portInstructions: Readonly<Record<string, RareExecute>> = {
  in: input, out: output, ins: inputString, outs: outputString,
};
