/*
 * Moving selectors (SDM volume 2: MOV, PUSH, POP, LDS and its siblings).
 */
import type { RareExecute } from '../definition.js';
import { selectorOf } from '../descriptor.js';
import { raise, Vector } from '../fault.js';
import type { Processor } from '../processor.js';
import { readRm, regField, writeRegister, writeRm } from '../operands.js';
import { loadSegment } from '../segmentation.js';
import { Register, SegmentRegister, State } from '../state.js';

const { es, cs, ss, ds, fs, gs } = SegmentRegister;
const ESP = (State.gpr >> 2) + Register.esp;
/** Segment registers in the encoding: 6 and 7 do not exist. */
const lastSegment = gs;

/** The segment register of a push, pop or far-pointer load, by opcode. */
const segmentOfOpcode: ReadonlyMap<number, number> = new Map<number, number>([
  [0x06, es], [0x0e, cs], [0x16, ss], [0x1e, ds], [0x1a0, fs], [0x1a8, gs],
  [0x07, es], [0x17, ss], [0x1f, ds], [0x1a1, fs], [0x1a9, gs],
  [0xc4, es], [0xc5, ds], [0x1b2, ss], [0x1b4, fs], [0x1b5, gs],
]);

const movFromSreg: RareExecute = (cpu, insn) => {
  const segment = regField(insn);
  if (segment > lastSegment) raise(Vector.invalidOpcode);
  writeRm(cpu, insn, insn.memory ? 2 : insn.operandSize, selectorOf(cpu, segment));
};

const movToSreg: RareExecute = (cpu, insn) => {
  const segment = regField(insn);
  if (segment > lastSegment || segment === cs) raise(Vector.invalidOpcode);
  loadSegment(cpu, segment, readRm(cpu, insn, 2));
  if (segment === ss) cpu.i32[State.shadow >> 2] = 1;
};

/** Bytes of a selector in its place of `size` bytes on the stack that are looked at: Intel's processors leave the others alone. */
const selectorBytes = (cpu: Processor, size: number): number => (cpu.undefinedResults === 'intel' ? 2 : size);

const pushSreg: RareExecute = (cpu, insn) => {
  const offset = (cpu.i32[ESP]! - insn.operandSize) & cpu.stackMask;
  cpu.writeSeg(ss, offset, selectorBytes(cpu, insn.operandSize), selectorOf(cpu, segmentOfOpcode.get(insn.opcode)!));
  cpu.setStackPointer(offset);
};

const popSreg: RareExecute = (cpu, insn) => {
  const segment = segmentOfOpcode.get(insn.opcode)!;
  const mask = cpu.stackMask;
  const esp = cpu.i32[ESP]!;
  const selector = cpu.readSeg(ss, esp & mask, selectorBytes(cpu, insn.operandSize)) & 0xffff;
  loadSegment(cpu, segment, selector);
  // by the old stack's width, even when SS itself was popped
  cpu.i32[ESP] = (esp & ~mask) | ((esp + insn.operandSize) & mask);
  if (segment === ss) cpu.i32[State.shadow >> 2] = 1;
};

const loadFarPointer: RareExecute = (cpu, insn) => {
  const { operandSize } = insn;
  const address = cpu.effectiveAddress(insn);
  const offset = cpu.readSeg(insn.segment, address, operandSize);
  const selector = cpu.readSeg16(insn.segment, address + operandSize);
  loadSegment(cpu, segmentOfOpcode.get(insn.opcode)!, selector);
  writeRegister(cpu, regField(insn), operandSize, offset);
};

export const segmentInstructions: Readonly<Record<string, RareExecute>> = {
  mov_from_sreg: movFromSreg, mov_to_sreg: movToSreg, push_sreg: pushSreg, pop_sreg: popSreg,
  load_far_pointer: loadFarPointer,
};
