/*
 * Instructions that enter or leave handlers, gates and frames.
 */
import type { RareExecute } from '../definition.js';
import { raise, Vector } from '../fault.js';
import { readEflags } from '../flags.js';
import { commitFrame, openCurrentFrame, pushFrame } from '../frame.js';
import type { Instruction } from '../instruction.js';
import { checkVirtual8086Interrupt, deliver, softwareInterrupt, Source } from '../interrupt.js';
import { readRegister, regField } from '../operands.js';
import type { Processor } from '../processor.js';
import { Eflags, Register, SegmentRegister, State } from '../state.js';
import { callFar, interruptReturn, jumpFar, returnFar } from '../transfer.js';
import { nextOf } from './helpers.js';

const ESP = (State.gpr >> 2) + Register.esp;
const EBP = (State.gpr >> 2) + Register.ebp;
/** The forms with an immediate pointer, and the return that releases parameters. */
const Opcode = { callPointer: 0x9a, jumpPointer: 0xea, returnPopping: 0xca } as const;
const enterLevels = 31;

/** The far pointer of a call or jump: offset here, selector in `pointerSelector`. */
let pointerSelector = 0;
function readPointer(cpu: Processor, insn: Instruction): number {
  if (insn.opcode === Opcode.callPointer || insn.opcode === Opcode.jumpPointer) {
    pointerSelector = insn.immediate2 & 0xffff;
    return insn.operandSize === 2 ? insn.immediate & 0xffff : insn.immediate;
  }
  const address = cpu.effectiveAddress(insn);
  const offset = cpu.readSeg(insn.segment, address, insn.operandSize);
  pointerSelector = cpu.readSeg16(insn.segment, address + insn.operandSize);
  return offset;
}

const jmpFar: RareExecute = (cpu, insn) => {
  const offset = readPointer(cpu, insn);
  jumpFar(cpu, pointerSelector, offset, nextOf(cpu, insn));
};

const callFarInstruction: RareExecute = (cpu, insn) => {
  const offset = readPointer(cpu, insn);
  callFar(cpu, pointerSelector, offset, insn.operandSize, nextOf(cpu, insn));
};

const retFar: RareExecute = (cpu, insn) => {
  returnFar(cpu, insn.operandSize, insn.opcode === Opcode.returnPopping ? insn.immediate & 0xffff : 0);
};

const iret: RareExecute = (cpu, insn) => {
  interruptReturn(cpu, insn.operandSize, nextOf(cpu, insn));
};

const int: RareExecute = (cpu, insn) => {
  checkVirtual8086Interrupt(cpu);
  softwareInterrupt(cpu, insn.immediate & 0xff, nextOf(cpu, insn));
};

const int3: RareExecute = (cpu, insn) => {
  softwareInterrupt(cpu, Vector.breakpoint, nextOf(cpu, insn));
};

const into: RareExecute = (cpu, insn) => {
  if ((readEflags(cpu.i32) & Eflags.of) !== 0) softwareInterrupt(cpu, Vector.overflow, nextOf(cpu, insn));
};

/** A debug trap of its own making: no gate privilege is asked for. */
const int1: RareExecute = (cpu, insn) => {
  deliver(cpu, Vector.debug, Source.hardware, false, 0, nextOf(cpu, insn), 0);
};

/** Array index against two signed bounds in memory. Intel's processors do not look for the upper one when the lower is not met. */
const bound: RareExecute = (cpu, insn) => {
  const { operandSize } = insn;
  const address = cpu.effectiveAddress(insn);
  const shift = operandSize === 2 ? 16 : 0;
  const signed = (value: number): number => (value << shift) >> shift;
  const index = signed(readRegister(cpu, regField(insn), operandSize));
  const lower = signed(cpu.readSeg(insn.segment, address, operandSize));
  if (cpu.undefinedResults === 'intel' && index < lower) raise(Vector.bound);
  const upper = signed(cpu.readSeg(insn.segment, address + operandSize, operandSize));
  if (index < lower || index > upper) raise(Vector.bound);
};

/** Push a frame pointer, copy those of the enclosing procedures, make room (SDM volume 2, ENTER). */
const enter: RareExecute = (cpu, insn) => {
  const { i32 } = cpu;
  const size = insn.operandSize;
  const level = insn.immediate2 & enterLevels;
  const mask = cpu.stackMask;
  const esp = i32[ESP]!;
  const ebp = i32[EBP]!;
  openCurrentFrame(cpu, 0);
  pushFrame(cpu, size, ebp);
  const framePointer = (esp & ~mask) | ((esp - size) & mask);
  for (let i = 1; i < level; i++) {
    pushFrame(cpu, size, cpu.readSeg(SegmentRegister.ss, (ebp - i * size) & mask, size));
  }
  if (level > 0) pushFrame(cpu, size, framePointer);
  const top = (esp - size * (level + 1) - (insn.immediate & 0xffff)) & mask;
  // the new top of the stack must be writable, though nothing is written there
  cpu.probeWrite(cpu.linear(SegmentRegister.ss, top, size, true), size);
  commitFrame(cpu, false);
  cpu.setStackPointer(top);
  i32[EBP] = size === 4 ? framePointer : (ebp & ~0xffff) | (framePointer & 0xffff);
};

export const flowInstructions: Readonly<Record<string, RareExecute>> = {
  jmp_far: jmpFar, call_far: callFarInstruction, ret_far: retFar, iret, int, int3, into, int1, bound, enter,
};
