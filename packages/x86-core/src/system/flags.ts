/*
 * EFLAGS as a whole, interrupts on and off, waiting, and CPUID.
 */
import { cpuidLeaf } from '../cpuid.js';
import type { RareExecute } from '../definition.js';
import { isVirtual8086 } from '../descriptor.js';
import { ExitReason } from '../exit.js';
import { raise, Vector } from '../fault.js';
import { applyEflags, changeable, ioplOf } from '../flag-access.js';
import { readEflags } from '../flags.js';
import type { Processor } from '../processor.js';
import { Eflags, Register, SegmentRegister, State } from '../state.js';
import { needRing0 } from './helpers.js';

const GPR = State.gpr >> 2;
const FLAGS = State.eflags >> 2;

/** In virtual-8086 mode the flags belong to the monitor unless IOPL is 3. */
function needFlags(cpu: Processor): void {
  if (isVirtual8086(cpu) && ioplOf(cpu) < 3) raise(Vector.protection);
}

const pushf: RareExecute = (cpu, insn) => {
  needFlags(cpu);
  const image = readEflags(cpu.i32) & ~(Eflags.vm | Eflags.rf);
  if (insn.operandSize === 4) cpu.push32(image);
  else cpu.push16(image);
};

const popf: RareExecute = (cpu, insn) => {
  needFlags(cpu);
  const { operandSize } = insn;
  const mask = changeable(cpu, operandSize);
  const top = cpu.i32[GPR + Register.esp]! & cpu.stackMask;
  const image = cpu.readSeg(SegmentRegister.ss, top, operandSize);
  cpu.setStackPointer(top + operandSize);
  applyEflags(cpu, image, mask);
};

const cli: RareExecute = (cpu) => {
  if (cpu.cpl > ioplOf(cpu)) raise(Vector.protection);
  cpu.i32[FLAGS] = cpu.i32[FLAGS]! & ~Eflags.if;
};

/** Interrupts are taken after the instruction that follows, so that "sti; hlt" cannot lose one. */
const sti: RareExecute = (cpu) => {
  if (cpu.cpl > ioplOf(cpu)) raise(Vector.protection);
  if ((cpu.i32[FLAGS]! & Eflags.if) !== 0) return;
  cpu.i32[FLAGS] = cpu.i32[FLAGS]! | Eflags.if;
  cpu.i32[State.shadow >> 2] = 1;
};

const hlt: RareExecute = (cpu) => {
  needRing0(cpu);
  cpu.requestExit(ExitReason.halt);
};

const cpuid: RareExecute = (cpu) => {
  const leaf = cpuidLeaf(cpu.cpuid, cpu.i32[GPR + Register.eax]!);
  cpu.i32[GPR + Register.eax] = leaf.eax;
  cpu.i32[GPR + Register.ebx] = leaf.ebx;
  cpu.i32[GPR + Register.ecx] = leaf.ecx;
  cpu.i32[GPR + Register.edx] = leaf.edx;
};

export const flagInstructions: Readonly<Record<string, RareExecute>> = {
  pushf, popf, cli, sti, hlt, cpuid,
};
