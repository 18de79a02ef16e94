/*
 * The x87 in memory: the environments of FNSTENV and FLDENV, the whole states of FNSAVE and FRSTOR, and FXSAVE's.
 *
 * The old images have four formats, by operand size and by whether the CPU is in protected mode (SDM volume 1, figures
 * 8-9 to 8-12). In real and virtual-8086 mode the pointers are linear addresses; in protected mode selector:offset.
 */
import { Vector, raise } from '../fault.js';
import type { Instruction } from '../instruction.js';
import type { Processor } from '../processor.js';
import { Cr0, Cr4, Eflags, SegmentField, SegmentRegister, State } from '../state.js';
import { Control, Exception, readStatus, updateSummary, writeStatus } from './environment.js';
import { Float80 } from './float80.js';
import { Fx, fxAlignment, mxcsrBits, opcodeMask, xmmWords } from './fx-image.js';
import { fullTagWord, initialize, readPhysical, setFullTagWord, topOf, writePhysical } from './stack.js';

const CONTROL = State.fpuControl >> 2;
const TAGS = State.fpuTags >> 2;
const OPCODE = State.fpuOpcode >> 2;
const FIP = State.fpuEip >> 2;
const FCS = State.fpuCs >> 2;
const FDP = State.fpuData >> 2;
const FDS = State.fpuDs >> 2;

const lowWord = 0xffff;
const unusedHigh = 0xffff_0000;
const environmentFields = 7;
const registerBytes = 10;
const registerCount = 8;
const value = new Float80();


function isProtected(cpu: Processor): boolean {
  return (cpu.i32[State.cr0 >> 2]! & Cr0.pe) !== 0 && (cpu.i32[State.eflags >> 2]! & Eflags.vm) === 0;
}

/** The seven words of an environment, in the format in force. */
function environmentWords(cpu: Processor, wide: boolean): number[] {
  const i32 = cpu.i32;
  const control = i32[CONTROL]!;
  const status = readStatus(i32);
  const tags = fullTagWord(cpu);
  const fip = i32[FIP]!;
  const fdp = i32[FDP]!;
  if (isProtected(cpu)) {
    return wide
      ? [
          control | unusedHigh, status | unusedHigh, tags | unusedHigh,
          fip, (i32[FCS]! & lowWord) | (i32[OPCODE]! << 16), fdp, i32[FDS]! | unusedHigh,
        ]
      : [control, status, tags, fip, i32[FCS]!, fdp, i32[FDS]!];
  }
  const code = (i32[FCS]! << 4) + fip;
  const data = (i32[FDS]! << 4) + fdp;
  return wide
    ? [
        control | unusedHigh, status | unusedHigh, tags | unusedHigh,
        (code & lowWord) | unusedHigh, ((code >>> 4) & 0x0fff_f000) | (i32[OPCODE]! & opcodeMask),
        (data & lowWord) | unusedHigh, (data >>> 4) & 0x0fff_f000,
      ]
    : [control, status, tags, code, ((code >>> 4) & 0xf000) | (i32[OPCODE]! & opcodeMask), data, (data >>> 4) & 0xf000];
}

/** Take over the words of an environment. */
function loadEnvironment(cpu: Processor, words: readonly number[], wide: boolean): void {
  const i32 = cpu.i32;
  const [control = 0, status = 0, tags = 0, w3 = 0, w4 = 0, w5 = 0, w6 = 0] = words;
  i32[CONTROL] = (control & Control.writable) | Control.alwaysSet;
  writeStatus(i32, status);
  setFullTagWord(cpu, tags);
  if (isProtected(cpu)) {
    i32[FIP] = w3;
    i32[FCS] = w4 & lowWord;
    // the 16-bit format has no opcode
    i32[OPCODE] = wide ? (w4 >>> 16) & opcodeMask : 0;
    i32[FDP] = w5;
    i32[FDS] = w6 & lowWord;
  } else {
    const upper = wide ? 0x0fff_f000 : 0xf000;
    i32[FIP] = (w3 & lowWord) | ((w4 & upper) << 4);
    i32[FCS] = 0;
    i32[OPCODE] = w4 & opcodeMask;
    i32[FDP] = (w5 & lowWord) | ((w6 & upper) << 4);
    i32[FDS] = 0;
  }
  updateSummary(i32);
}

function readWords(cpu: Processor, linear: number, size: number): number[] {
  const words: number[] = [];
  for (let i = 0; i < environmentFields; i++) {
    words.push(size === 4 ? cpu.read32((linear + 4 * i) >>> 0) : cpu.read16((linear + 2 * i) >>> 0));
  }
  return words;
}

function writeWords(cpu: Processor, linear: number, size: number): void {
  environmentWords(cpu, size === 4).forEach((word, i) => {
    if (size === 4) cpu.write32((linear + 4 * i) >>> 0, word);
    else cpu.write16((linear + 2 * i) >>> 0, word);
  });
}

/** Images are aligned as their words are. */
function operand(cpu: Processor, insn: Instruction, size: number, write: boolean): number {
  const linear = cpu.linear(insn.segment, cpu.effectiveAddress(insn), size, write);
  cpu.checkAlignment(linear, insn.operandSize);
  if (write) cpu.probeWrite(linear, size);
  else cpu.probeRead(linear, size);
  return linear;
}

/** FNSTENV m14/28byte: store the environment, then mask all exceptions. */
export function storeEnvironment(cpu: Processor, insn: Instruction): void {
  const size = insn.operandSize;
  const linear = operand(cpu, insn, environmentFields * size, true);
  writeWords(cpu, linear, size);
  cpu.i32[CONTROL] = cpu.i32[CONTROL]! | Exception.all;
  updateSummary(cpu.i32);
}

/** FLDENV m14/28byte. */
export function restoreEnvironment(cpu: Processor, insn: Instruction): void {
  const size = insn.operandSize;
  const linear = operand(cpu, insn, environmentFields * size, false);
  loadEnvironment(cpu, readWords(cpu, linear, size), size === 4);
}

/** FNSAVE m94/108byte: environment and registers ST(0)..ST(7), then FNINIT. */
export function saveState(cpu: Processor, insn: Instruction): void {
  const size = insn.operandSize;
  const linear = operand(cpu, insn, environmentFields * size + registerCount * registerBytes, true);
  writeWords(cpu, linear, size);
  const top = topOf(cpu);
  for (let i = 0; i < registerCount; i++) {
    readPhysical(cpu, top + i, value);
    write80(cpu, (linear + environmentFields * size + i * registerBytes) >>> 0, value);
  }
  initialize(cpu);
}

/** FRSTOR m94/108byte. */
export function restoreState(cpu: Processor, insn: Instruction): void {
  const size = insn.operandSize;
  const linear = operand(cpu, insn, environmentFields * size + registerCount * registerBytes, false);
  loadEnvironment(cpu, readWords(cpu, linear, size), size === 4);
  const top = topOf(cpu);
  for (let i = 0; i < registerCount; i++) {
    read80(cpu, (linear + environmentFields * size + i * registerBytes) >>> 0, value);
    writePhysical(cpu, top + i, value);
  }
}

/** Write ten bytes. The caller has probed them. */
export function write80(cpu: Processor, linear: number, x: Float80): void {
  cpu.write32(linear, x.low);
  cpu.write32((linear + 4) >>> 0, x.high);
  cpu.write16((linear + 8) >>> 0, (x.sign << 15) | x.exponent);
}

/** Read ten bytes. */
export function read80(cpu: Processor, linear: number, out: Float80): void {
  const low = cpu.read32(linear);
  const high = cpu.read32((linear + 4) >>> 0);
  const top = cpu.read16((linear + 8) >>> 0);
  out.set(top >>> 15, top & 0x7fff, high, low);
}

/** Where alignment is checked, processors have #AC for multiples of less than this; the manual leaves it to them. */
const checkedFxAlignment = 4;

function fxOperand(cpu: Processor, insn: Instruction, write: boolean): number {
  if (cpu.i32[State.cr0 >> 2]! & (Cr0.em | Cr0.ts)) raise(Vector.noDevice);
  const linear = cpu.linear(insn.segment, cpu.effectiveAddress(insn), Fx.bytes, write);
  cpu.checkAlignment(linear, checkedFxAlignment);
  if (linear & fxAlignment) raise(Vector.protection);
  if (write) cpu.probeWrite(linear, Fx.bytes);
  else cpu.probeRead(linear, Fx.bytes);
  return linear;
}

/** Does FXSAVE carry the SSE registers? (CR4.OSFXSR) */
function carriesSse(cpu: Processor): boolean {
  return (cpu.i32[State.cr4 >> 2]! & Cr4.osfxsr) !== 0;
}

/** FXSAVE m512byte. Neither waits for nor reports pending exceptions. */
export function fxsave(cpu: Processor, insn: Instruction): void {
  const linear = fxOperand(cpu, insn, true);
  const i32 = cpu.i32;
  cpu.write16(linear + Fx.control, i32[CONTROL]!);
  cpu.write16(linear + Fx.status, readStatus(i32));
  cpu.write16(linear + Fx.tags, i32[TAGS]! & 0xff);
  cpu.write16(linear + Fx.opcode, i32[OPCODE]! & opcodeMask);
  cpu.write32(linear + Fx.eip, i32[FIP]!);
  cpu.write32(linear + Fx.cs, i32[FCS]! & lowWord);
  cpu.write32(linear + Fx.data, i32[FDP]!);
  cpu.write32(linear + Fx.ds, i32[FDS]! & lowWord);
  cpu.write32(linear + Fx.mxcsr, i32[State.mxcsr >> 2]!);
  cpu.write32(linear + Fx.mxcsrMask, mxcsrBits);
  const top = topOf(cpu);
  for (let i = 0; i < registerCount; i++) {
    const at = linear + Fx.st + 16 * i;
    readPhysical(cpu, top + i, value);
    write80(cpu, at, value);
    cpu.write16(at + 10, 0);
    cpu.write32(at + 12, 0);
  }
  if (!carriesSse(cpu)) return;
  for (let i = 0; i < xmmWords; i++) cpu.write32(linear + Fx.xmm + 4 * i, i32[(State.xmm >> 2) + i]!);
}

/** FXRSTOR m512byte. #GP(0) for reserved MXCSR bits. */
export function fxrstor(cpu: Processor, insn: Instruction): void {
  const linear = fxOperand(cpu, insn, false);
  const i32 = cpu.i32;
  const sse = carriesSse(cpu);
  const mxcsr = cpu.read32(linear + Fx.mxcsr);
  if (sse && mxcsr & ~mxcsrBits) raise(Vector.protection);
  i32[CONTROL] = (cpu.read16(linear + Fx.control) & Control.writable) | Control.alwaysSet;
  writeStatus(i32, cpu.read16(linear + Fx.status));
  i32[TAGS] = cpu.read8(linear + Fx.tags);
  i32[OPCODE] = cpu.read16(linear + Fx.opcode) & opcodeMask;
  i32[FIP] = cpu.read32(linear + Fx.eip);
  i32[FCS] = cpu.read16(linear + Fx.cs);
  i32[FDP] = cpu.read32(linear + Fx.data);
  i32[FDS] = cpu.read16(linear + Fx.ds);
  const top = topOf(cpu);
  for (let i = 0; i < registerCount; i++) {
    read80(cpu, linear + Fx.st + 16 * i, value);
    writePhysical(cpu, top + i, value);
  }
  updateSummary(i32);
  if (!sse) return;
  i32[State.mxcsr >> 2] = mxcsr;
  for (let i = 0; i < xmmWords; i++) i32[(State.xmm >> 2) + i] = cpu.read32(linear + Fx.xmm + 4 * i);
}

/** Remember where the last non-control instruction and its operand were. */
export function notePointers(cpu: Processor, insn: Instruction, offset: number): void {
  const i32 = cpu.i32;
  const selectors = State.segments + SegmentField.selector;
  i32[OPCODE] = ((insn.opcode & 7) << 8) | insn.modrm;
  i32[FIP] = i32[State.eip >> 2]!;
  i32[FCS] = i32[(selectors + SegmentRegister.cs * SegmentField.size) >> 2]! & lowWord;
  if (offset < 0) return;
  i32[FDP] = offset;
  i32[FDS] = i32[(selectors + insn.segment * SegmentField.size) >> 2]! & lowWord;
}
