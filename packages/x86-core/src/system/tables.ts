/*
 * Descriptor tables, and questions about descriptors (SDM volume 3, 2.4 and 5.10).
 */
import type { RareExecute } from '../definition.js';
import { selectorOf } from '../descriptor.js';
import { readRegister, readRm, regField, writeRegister, writeRm } from '../operands.js';
import type { Processor } from '../processor.js';
import type { Instruction } from '../instruction.js';
import {
  accessRights, loadLdt, loadTaskRegister, visibleLimit, setZeroFlag, verifySegment,
} from '../segmentation.js';
import { SegmentRegister, State } from '../state.js';
import { needProtected, needRing0 } from './helpers.js';

/** With a 16-bit operand the base has 24 bits, as on the 80286. */
const base24 = 0x00ff_ffff;
const Rpl = 3;

function loadTable(cpu: Processor, insn: Instruction, baseField: number, limitField: number): void {
  needRing0(cpu);
  const offset = cpu.effectiveAddress(insn);
  const limit = cpu.readSeg16(insn.segment, offset);
  const base = cpu.readSeg32(insn.segment, offset + 2);
  cpu.i32[baseField >> 2] = insn.operandSize === 2 ? base & base24 : base;
  cpu.i32[limitField >> 2] = limit;
}

/** All 32 bits of the base are stored whatever the operand size, as the silicon does. */
function storeTable(cpu: Processor, insn: Instruction, baseField: number, limitField: number): void {
  const offset = cpu.effectiveAddress(insn);
  // both parts must be writable before either is written
  cpu.probeWrite(cpu.linear(insn.segment, offset, 6, true), 6);
  cpu.writeSeg16(insn.segment, offset, cpu.i32[limitField >> 2]!);
  cpu.writeSeg32(insn.segment, offset + 2, cpu.i32[baseField >> 2]!);
}

/** A register takes the selector zero-extended, memory always 16 bits. */
function storeSelector(cpu: Processor, insn: Instruction, segment: number): void {
  needProtected(cpu);
  writeRm(cpu, insn, insn.memory ? 2 : insn.operandSize, selectorOf(cpu, segment));
}

const lldt: RareExecute = (cpu, insn) => {
  needProtected(cpu);
  needRing0(cpu);
  loadLdt(cpu, readRm(cpu, insn, 2));
};

const ltr: RareExecute = (cpu, insn) => {
  needProtected(cpu);
  needRing0(cpu);
  loadTaskRegister(cpu, readRm(cpu, insn, 2));
};

const lar: RareExecute = (cpu, insn) => {
  needProtected(cpu);
  const rights = accessRights(cpu, readRm(cpu, insn, 2));
  setZeroFlag(cpu, rights !== -1);
  if (rights !== -1) writeRegister(cpu, regField(insn), insn.operandSize, rights);
};

const lsl: RareExecute = (cpu, insn) => {
  needProtected(cpu);
  const limit = visibleLimit(cpu, readRm(cpu, insn, 2));
  setZeroFlag(cpu, limit !== undefined);
  if (limit !== undefined) writeRegister(cpu, regField(insn), insn.operandSize, limit);
};

const verr: RareExecute = (cpu, insn) => {
  needProtected(cpu);
  setZeroFlag(cpu, verifySegment(cpu, readRm(cpu, insn, 2), false));
};

const verw: RareExecute = (cpu, insn) => {
  needProtected(cpu);
  setZeroFlag(cpu, verifySegment(cpu, readRm(cpu, insn, 2), true));
};

const arpl: RareExecute = (cpu, insn) => {
  needProtected(cpu);
  const selector = readRm(cpu, insn, 2);
  const rpl = readRegister(cpu, regField(insn), 2) & Rpl;
  const raises = (selector & Rpl) < rpl;
  if (raises) writeRm(cpu, insn, 2, (selector & ~Rpl) | rpl);
  setZeroFlag(cpu, raises);
};

export const tableInstructions: Readonly<Record<string, RareExecute>> = {
  lgdt: (cpu, insn) => loadTable(cpu, insn, State.gdtBase, State.gdtLimit),
  lidt: (cpu, insn) => loadTable(cpu, insn, State.idtBase, State.idtLimit),
  sgdt: (cpu, insn) => storeTable(cpu, insn, State.gdtBase, State.gdtLimit),
  sidt: (cpu, insn) => storeTable(cpu, insn, State.idtBase, State.idtLimit),
  sldt: (cpu, insn) => storeSelector(cpu, insn, SegmentRegister.ldtr),
  str: (cpu, insn) => storeSelector(cpu, insn, SegmentRegister.tr),
  lldt, ltr, lar, lsl, verr, verw, arpl,
};
