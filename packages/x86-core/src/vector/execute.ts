/*S:490
 * MMX, SSE and SSE2.
 *
 * Behind 0F lie some hundred opcodes with up to four meanings each: the prefixes 66, F3 and F2 are part of the opcode
 * here. A table says for each what it does, which extension it belongs to, and which registers it uses, because that
 * decides who may execute it (operands.ts).
 */
import { raise, Vector } from '../fault.js';
import type { Instruction } from '../instruction.js';
import type { Processor } from '../processor.js';
import { loadMxcsr, storeMxcsr } from './control.js';
import {
  approximateForm, arithmeticForm, bitwiseForm, compareForm, conversions, convertForm, type Format, formats, fromGeneral, fromMmx, orderForm,
  shuffleForm, squareRootForm, toGeneral, toMmx, unpackForm,
} from './float-forms.js';
import { immediateShifts, type Packed, packed, packedWide, shuffles } from './integer.js';
import { destination, source } from './lanes.js';
import {
  extractWord, insertWord, loadDoubleword, loadHalf, loadQuadword, loadScalar, loadWhole, mmxToXmm, type Run, signMask, storeDoubleword,
  storeGeneral, storeHalf, storeMasked, storeNonTemporal, storeQuadword, storeScalar, storeWhole, xmmToMmx,
} from './moves.js';
import {
  enterMmx, Extension, leaveMmx, low, middle, need, needMmx, needNoX87Exception, needXmm, readOperand, readRegister, writeRegister,
} from './operands.js';
import { Prefix, prefixOf, vectorKey } from './prefix.js';

const mmx = 8;
const xmm = 16;

/**
 * Registers an instruction uses: MMX; XMM; both (XMM's checks, then the x87's exception); or neither (no checks at all).
 * `mixed` forms enter MMX mode themselves, where they must.
 */
type Uses = 'mmx' | 'xmm' | 'mixed' | 'none';

/** Is there such an instruction? Holes are #UD whatever else is up with the x87. */
type Exists = (insn: Instruction) => boolean;
const always: Exists = () => true;
const inMemory: Exists = (insn) => insn.memory;
const inRegisters: Exists = (insn) => !insn.memory;

interface Form {
  readonly run: Run;
  readonly uses: Uses;
  readonly extension: number;
  readonly exists: Exists;
}

const forms = new Map<number, Form>();

function form(prefix: number, opcode: number, extension: number, uses: Uses, run: Run, exists = always): void {
  forms.set(vectorKey(prefix, opcode), { run, uses, extension, exists });
}

const { mmx: MMX, sse: SSE, sse2: SSE2 } = Extension;

// ── packed integers ─────────────────────────────────────────────────────────────────────────────────────────────────

/** MMX instructions that came with SSE, and with SSE2. */
const withSse = new Set([0xda, 0xde, 0xe0, 0xe3, 0xe4, 0xea, 0xee, 0xf6]);
const withSse2 = new Set([0xd4, 0xf4, 0xfb]);
/** PUNPCKLxx mm reads four bytes of memory only. */
export const halfOperand = new Set([0x60, 0x61, 0x62]);

/** The extension that a packed operation on MMX registers belongs to. */
export function packedExtension(opcode: number): number {
  return withSse.has(opcode) ? SSE : withSse2.has(opcode) ? SSE2 : MMX;
}

function packedForm(operation: Packed, bytes: number, memory: number): Run {
  return (cpu, insn) => {
    readOperand(cpu, insn, bytes, memory, source);
    readRegister(cpu, middle(insn), bytes, destination);
    operation(bytes, insn.immediate);
    writeRegister(cpu, middle(insn), bytes);
  };
}

for (const [opcode, operation] of packed) {
  form(Prefix.none, opcode, packedExtension(opcode), 'mmx', packedForm(operation, mmx, halfOperand.has(opcode) ? 4 : mmx));
  form(Prefix.operandSize, opcode, SSE2, 'xmm', packedForm(operation, xmm, xmm));
}
for (const [opcode, operation] of packedWide) form(Prefix.operandSize, opcode, SSE2, 'xmm', packedForm(operation, xmm, xmm));

/** PSRLDQ and PSLLDQ by ModRM's middle bits: only XMM registers have them. */
const wholeShifts = new Set([3, 7]);

/** 71, 72, 73: shift a register by an immediate. */
const shiftOf = (insn: Instruction): Packed | undefined => immediateShifts.get((insn.opcode & 0xff) * 8 + middle(insn));

function shiftForm(bytes: number): Run {
  return (cpu, insn) => {
    readRegister(cpu, low(insn), bytes, destination);
    shiftOf(insn)!(bytes, insn.immediate);
    writeRegister(cpu, low(insn), bytes);
  };
}
const shifts = (bytes: number): Exists => (insn) =>
  !insn.memory && shiftOf(insn) !== undefined && !(bytes === mmx && wholeShifts.has(middle(insn)));
for (const opcode of [0x71, 0x72, 0x73]) {
  form(Prefix.none, opcode, MMX, 'mmx', shiftForm(mmx), shifts(mmx));
  form(Prefix.operandSize, opcode, SSE2, 'xmm', shiftForm(xmm), shifts(xmm));
}

form(Prefix.none, 0x70, SSE, 'mmx', packedForm(shuffles.words, mmx, mmx));
form(Prefix.operandSize, 0x70, SSE2, 'xmm', packedForm(shuffles.doublewords, xmm, xmm));
form(Prefix.rep, 0x70, SSE2, 'xmm', packedForm(shuffles.highWords, xmm, xmm));
form(Prefix.repne, 0x70, SSE2, 'xmm', packedForm(shuffles.lowWords, xmm, xmm));

for (const [prefix, extension, uses, bytes] of [[Prefix.none, SSE, 'mmx', mmx], [Prefix.operandSize, SSE2, 'xmm', xmm]] as const) {
  form(prefix, 0xc4, extension, uses, insertWord(bytes));
  form(prefix, 0xc5, extension, uses, extractWord(bytes), inRegisters);
  form(prefix, 0xd7, extension, uses, signMask(bytes, 1), inRegisters);
  form(prefix, 0xf7, extension, uses, storeMasked(bytes), inRegisters);
  form(prefix, 0xe7, extension, uses, storeNonTemporal(bytes), inMemory);
  const moves = bytes === mmx ? MMX : SSE2;
  form(prefix, 0x6e, moves, uses, loadDoubleword(bytes));
  form(prefix, 0x7e, moves, uses, storeDoubleword(bytes));
  form(prefix, 0x6f, moves, uses, loadWhole(bytes, bytes === xmm));
  form(prefix, 0x7f, moves, uses, storeWhole(bytes, bytes === xmm));
}
form(Prefix.rep, 0x6f, SSE2, 'xmm', loadWhole(xmm, false));
form(Prefix.rep, 0x7f, SSE2, 'xmm', storeWhole(xmm, false));
form(Prefix.rep, 0x7e, SSE2, 'xmm', loadQuadword);
form(Prefix.operandSize, 0xd6, SSE2, 'xmm', storeQuadword);
form(Prefix.rep, 0xd6, SSE2, 'mixed', (cpu, insn) => {
  mmxToXmm(cpu, insn);
  enterMmx(cpu);
}, inRegisters);
form(Prefix.repne, 0xd6, SSE2, 'mixed', (cpu, insn) => {
  xmmToMmx(cpu, insn);
  enterMmx(cpu);
}, inRegisters);
form(Prefix.none, 0xc3, SSE2, 'none', storeGeneral, inMemory);

// ── floating point ──────────────────────────────────────────────────────────────────────────────────────────────────

/** A form for each prefix, with the lanes that go with it. Forms of singles are SSE's, of doubles SSE2's. */
function floatForms(opcode: number, make: (format: Format) => Run | undefined, exists = always): void {
  formats.forEach((format, prefix) => {
    const run = make(format);
    if (run !== undefined) form(prefix, opcode, format.double ? SSE2 : SSE, 'xmm', run, exists);
  });
}
/** MOVHLPS and MOVLHPS are between registers, and have no counterpart for doubles. */
const unlessDouble: Exists = (insn) => insn.memory || !insn.operandPrefix;
/** For singles without a prefix, for doubles with 66: no scalar forms. */
const wholeOnly = (make: (double: boolean) => Run) => ({ double, scalar }: Format): Run | undefined => (scalar ? undefined : make(double));

floatForms(0x10, ({ double, scalar }) => (scalar ? loadScalar(double ? 8 : 4) : loadWhole(xmm, false)));
floatForms(0x11, ({ double, scalar }) => (scalar ? storeScalar(double ? 8 : 4) : storeWhole(xmm, false)));
floatForms(0x12, wholeOnly(() => loadHalf(0)), unlessDouble);
floatForms(0x13, wholeOnly(() => storeHalf(0)), inMemory);
floatForms(0x14, wholeOnly((double) => unpackForm(false, double)));
floatForms(0x15, wholeOnly((double) => unpackForm(true, double)));
floatForms(0x16, wholeOnly(() => loadHalf(1)), unlessDouble);
floatForms(0x17, wholeOnly(() => storeHalf(1)), inMemory);
floatForms(0x28, wholeOnly(() => loadWhole(xmm, true)));
floatForms(0x29, wholeOnly(() => storeWhole(xmm, true)));
floatForms(0x2b, wholeOnly(() => storeNonTemporal(xmm)), inMemory);
floatForms(0x2e, wholeOnly((double) => orderForm(false, double)));
floatForms(0x2f, wholeOnly((double) => orderForm(true, double)));
floatForms(0x50, wholeOnly((double) => signMask(xmm, double ? 8 : 4)), inRegisters);
floatForms(0x51, squareRootForm);
floatForms(0x52, (format) => (format.double ? undefined : approximateForm(true, format)));
floatForms(0x53, (format) => (format.double ? undefined : approximateForm(false, format)));
floatForms(0x54, wholeOnly(() => bitwiseForm((a, b) => a & b)));
floatForms(0x55, wholeOnly(() => bitwiseForm((a, b) => ~a & b)));
floatForms(0x56, wholeOnly(() => bitwiseForm((a, b) => a | b)));
floatForms(0x57, wholeOnly(() => bitwiseForm((a, b) => a ^ b)));
for (const [opcode, operation] of [[0x58, 'add'], [0x59, 'mul'], [0x5c, 'sub'], [0x5d, 'min'], [0x5e, 'div'], [0x5f, 'max']] as const) {
  floatForms(opcode, (format) => arithmeticForm(operation, format));
}
floatForms(0xc2, compareForm);
floatForms(0xc6, wholeOnly(shuffleForm));

// conversions: opcodes 2A, 2C, 2D between XMM and MMX or general registers
form(Prefix.none, 0x2a, SSE, 'mixed', fromMmx(false));
form(Prefix.operandSize, 0x2a, SSE2, 'mixed', fromMmx(true));
form(Prefix.rep, 0x2a, SSE, 'xmm', fromGeneral(false));
form(Prefix.repne, 0x2a, SSE2, 'xmm', fromGeneral(true));
for (const [opcode, truncate] of [[0x2c, true], [0x2d, false]] as const) {
  form(Prefix.none, opcode, SSE, 'mixed', toMmx(false, truncate));
  form(Prefix.operandSize, opcode, SSE2, 'mixed', toMmx(true, truncate));
  form(Prefix.rep, opcode, SSE, 'xmm', toGeneral(false, truncate));
  form(Prefix.repne, opcode, SSE2, 'xmm', toGeneral(true, truncate));
}
// … and 5A, 5B, E6 within XMM
const { toDouble, toSingle, integerToSingle, integerToDouble, singleToInteger, doubleToInteger } = conversions;
form(Prefix.none, 0x5a, SSE2, 'xmm', convertForm(toDouble, 2, 8, false));
form(Prefix.operandSize, 0x5a, SSE2, 'xmm', convertForm(toSingle, 2, xmm, false));
form(Prefix.rep, 0x5a, SSE2, 'xmm', convertForm(toDouble, 1, 4, true));
form(Prefix.repne, 0x5a, SSE2, 'xmm', convertForm(toSingle, 1, 8, true));
form(Prefix.none, 0x5b, SSE2, 'xmm', convertForm(integerToSingle, 4, xmm, false));
form(Prefix.operandSize, 0x5b, SSE2, 'xmm', convertForm(singleToInteger(false), 4, xmm, false));
form(Prefix.rep, 0x5b, SSE2, 'xmm', convertForm(singleToInteger(true), 4, xmm, false));
form(Prefix.operandSize, 0xe6, SSE2, 'xmm', convertForm(doubleToInteger(true), 2, xmm, false));
form(Prefix.rep, 0xe6, SSE2, 'xmm', convertForm(integerToDouble, 2, 8, false));
form(Prefix.repne, 0xe6, SSE2, 'xmm', convertForm(doubleToInteger(false), 2, xmm, false));

// ── entry points ────────────────────────────────────────────────────────────────────────────────────────────────────

/** CVTPI2PD leaves the x87 alone when its operand is in memory; CVTPI2PS does so, too, on the processors measured. */
const sparesX87 = (insn: Instruction): boolean => insn.memory && (insn.opcode & 0xff) === 0x2a;

/** Execute an instruction of the table. #UD for holes in it, and for what the CPU's model has not got. */
export function executeVector(cpu: Processor, insn: Instruction): void {
  const found = forms.get(vectorKey(prefixOf(insn), insn.opcode & 0xff));
  if (found === undefined || !found.exists(insn)) raise(Vector.invalidOpcode);
  need(cpu, found.extension);
  if (found.uses === 'mmx') needMmx(cpu);
  else if (found.uses !== 'none') needXmm(cpu);
  if (found.uses === 'mixed' && !sparesX87(insn)) needNoX87Exception(cpu);
  found.run(cpu, insn);
  if (found.uses === 'mmx') enterMmx(cpu);
}

/** EMMS. */
export function emms(cpu: Processor): void {
  needMmx(cpu);
  leaveMmx(cpu);
}

/** LDMXCSR and STMXCSR. */
export function mxcsr(cpu: Processor, insn: Instruction): void {
  needXmm(cpu);
  (middle(insn) === 2 ? loadMxcsr : storeMxcsr)(cpu, insn);
}

/** CLFLUSH: there is no cache; but the address is looked at as for a load of one byte. */
export function cacheFlush(cpu: Processor, insn: Instruction): void {
  need(cpu, SSE2);
  cpu.readSeg(insn.segment, cpu.effectiveAddress(insn), 1);
}
