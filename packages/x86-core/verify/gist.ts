/*
 * What could go wrong with a case: by this lines are told apart that a table should have beside each other.
 *
 * The kind of a case is its instruction and how it ended: which exceptions, which sort of number, at which edge of memory.
 * Its gist is more: registers and addressing mode, modes of rounding, and of what sort everything is that goes in and
 * comes out. Two cases of one gist differ only in numbers of the same sort.
 */
import { Decoder, newInstruction } from '../src/decode.js';
import { Vector } from '../src/fault.js';
import type { Instruction } from '../src/instruction.js';
import '../src/semantics/index.js';
import { Case, CaseView, Fx, int3, Place, plainStart, stopVector } from './case.js';

const decoder = new Decoder();
const insn = newInstruction();
const plain = new CaseView();
plainStart(plain);

const arithmeticFlags = 0x8d5;
const direction = 0x400;
const [carry, overflow] = [1, 0x800];
const x87Exceptions = 0x7f;
const conditionCodes = 0x4700;
/** The summary of exceptions that are not masked. */
const pending = 0x80;
const sseExceptions = 0x3f;
/** Vectors of what the x87 and SSE find wrong. */
const floating: readonly number[] = [Vector.x87, Vector.simd];
const cacheLine = 64;
const vectorBytes = 16;

/** The sort of a 32-bit number. An address in the data pages is told by how it is aligned. */
function sortOfWord(value: number): string {
  if (value >= Place.dataPage && value < Place.nothing) return `@${value & 3}`;
  if (value <= 2 || value === 0x7fff_ffff || value >= 0xffff_fffe) return value.toString(16);
  if (value === 0x8000_0000) return 'min';
  return `${value < 32 ? 'little' : value < 0x1_0000 ? 'short' : 'long'}${value >>> 31}${(value >>> 15) & 1}${(value >>> 7) & 1}`;
}

/** The sort of a number of floating point, from its parts. */
function sortOfFloat(negative: number, exponent: number, most: number, fraction: boolean, quiet: boolean): string {
  const sort = exponent === most ? (fraction ? (quiet ? 'quiet' : 'signalling') : 'infinite') : exponent === 0 ? (fraction ? 'denormal' : 'zero') : 'normal';
  return `${negative ? '-' : ''}${sort}`;
}

const sortOfSingle = (word: number): string => sortOfFloat(word >>> 31, (word >>> 23) & 0xff, 0xff, (word & 0x7f_ffff) !== 0, (word & 0x40_0000) !== 0);
const sortOfDouble = (low: number, high: number): string =>
  sortOfFloat(high >>> 31, (high >>> 20) & 0x7ff, 0x7ff, ((high & 0xf_ffff) | low) !== 0, (high & 0x8_0000) !== 0);

/** ST(i): empty ones are no numbers, and some patterns are none either. */
function sortOfStack(c: CaseView, i: number): string {
  if (((c.fxsave[Fx.tags]! >>> (((c.fx16(Fx.status) >>> 11) + i) & 7)) & 1) === 0) return 'empty';
  const at = Case.fxsave + Fx.st + 16 * i;
  const top = c.view.getUint16(at + 8, true);
  const high = c.word(at + 4);
  const exponent = top & 0x7fff;
  if (high >>> 31 === 0 && exponent !== 0) return 'unsupported';
  if (high >>> 31 === 1 && exponent === 0) return 'pseudo-denormal';
  return sortOfFloat(top >>> 15, exponent, 0x7fff, ((high & 0x7fff_ffff) | c.word(at)) !== 0, (high & 0x4000_0000) !== 0);
}

/** Is an XMM operand doubles? Otherwise it is singles. */
const doubles = (opcode: number, code: Uint8Array, prefixes: number): boolean =>
  opcode === 0x1e6 || code.subarray(0, prefixes).some((byte) => byte === 0x66 || byte === 0xf2);

/** 16 bytes, by their lanes. */
function sortOfLanes(c: CaseView, at: number, wide: boolean): string {
  if (wide) return [0, 8].map((i) => sortOfDouble(c.word(at + i), c.word(at + i + 4))).join(' ');
  return [0, 4, 8, 12].map((i) => sortOfSingle(c.word(at + i))).join(' ');
}

/** Opcodes whose XMM operands are numbers of floating point, not just bits. */
const computes = (opcode: number): boolean =>
  (opcode >= 0x12a && opcode <= 0x12f) || (opcode >= 0x151 && opcode <= 0x15f) || opcode === 0x1c2 || opcode === 0x1e6;
const isX87 = (opcode: number): boolean => opcode >= 0xd8 && opcode <= 0xdf;
const isString = (opcode: number): boolean => (opcode >= 0xa4 && opcode <= 0xa7) || (opcode >= 0xaa && opcode <= 0xaf) || (opcode >= 0x6c && opcode <= 0x6f);

/** The operand's address. */
function addressOf({ base, index, scale, displacement }: Instruction, c: CaseView): number {
  const register = (r: number): number => (r < 0 ? 0 : c.register(r));
  return (register(base) + (register(index) << scale) + displacement) >>> 0;
}

/** Where an operand is: whether anything but its bytes could matter. */
function placeOf(address: number): string {
  const last = (address + vectorBytes - 1) >>> 0;
  if (address >= Place.nothing || last < Place.dataPage) return 'nowhere';
  if (last >= Place.nothing) return 'before nothing';
  if (address >= Place.readOnlyPage) return 'read-only';
  if (last >= Place.readOnlyPage) return 'over the page';
  return address % cacheLine > cacheLine - vectorBytes ? 'over a line' : 'inside';
}

const changed = (before: CaseView, after: CaseView, at: number, length: number): boolean => {
  for (let i = at; i < at + length; i++) if (before.bytes[i] !== after.bytes[i]) return true;
  return false;
};

/** The exceptions that an instruction has raised, whether one is pending now, and the modes of the x87 that are new. */
function raised(before: CaseView, after: CaseView): string {
  const mxcsr = Case.fxsave + Fx.mxcsr;
  const status = after.fx16(Fx.status);
  const now = status === before.fx16(Fx.status) ? 0 : (status & ~before.fx16(Fx.status) & x87Exceptions) | (status & conditionCodes);
  const control = after.fx16(Fx.control);
  const modes = control === before.fx16(Fx.control) ? '' : (control >>> 8) & 0xf;
  return [(now | (status & pending)).toString(16), (after.word(mxcsr) & ~before.word(mxcsr) & sseExceptions).toString(16), modes].join(' ');
}

/** Everything of these sixteen bytes each that has changed, by its sort. */
function changedSorts(before: CaseView, after: CaseView, from: number, sort: (i: number) => string): string {
  return Array.from({ length: 8 }, (_, i) => (changed(before, after, Case.fxsave + from + 16 * i, vectorBytes) ? sort(i) : '')).filter((text) => text !== '').join();
}

/** What is told of a case and its answer. */
export interface Description {
  readonly kind: string;
  readonly gist: string;
}

/** A case of several instructions is like no other that has not the same ones. */
function describeProgram(before: CaseView, after: CaseView): Description {
  const { code } = before;
  const kind = [code[0], code[1], after.word(Case.vector), after.word(Case.errorCode), raised(before, after)].join(' | ');
  return { kind, gist: [kind, code.join(), before.word(Case.eflags) & arithmeticFlags, before.fx16(Fx.control)].join(' | ') };
}

/** Describe a case and the processor's answer to it. */
export function describe(before: CaseView, after: CaseView): Description {
  const { code } = before;
  const vector = after.word(Case.vector);
  const refused = vector === Vector.invalidOpcode && after.word(Case.eip) === before.word(Case.eip);
  const known = decoder.decode(insn, code, 0, code.length, true);
  if (!known || !(refused || code.subarray(insn.length).every((byte) => byte === int3))) return describeProgram(before, after);
  const { opcode, modrm, prefixes, head, memory, length } = insn;
  const address = addressOf(insn, before);
  const wide = doubles(opcode, code, prefixes);
  const flags = after.word(Case.eflags) & arithmeticFlags;
  const distance = after.word(Case.eip) - before.word(Case.eip) - (vector === stopVector ? 1 : 0);
  const kind = [
    opcode, modrm < 0 ? '' : (modrm >> 3) & 7, memory, isString(opcode) ? code.subarray(0, prefixes).join() : '', vector, after.word(Case.errorCode),
    raised(before, after), resultSorts(opcode, wide, after, before), memory && !refused ? placeOf(address) : '', flags & (carry | overflow), distance === length,
  ].join(' | ');
  const start = [kind, [...code.subarray(0, prefixes)].sort().join()];
  // a fault in front of all else has nothing to do with numbers: how it was addressed is all, and not even that of what is no instruction
  if (refused) return { kind, gist: [...start, modrm >> 6].join(' | ') };
  if (vector !== stopVector && !floating.includes(vector)) return { kind, gist: [...start, modrm >> 6, memory ? address % vectorBytes : '', addressSorts(before)].join(' | ') };
  const registers = Array.from({ length: 8 }, (_, r) => [
    before.register(r) === plain.register(r) ? '' : sortOfWord(before.register(r)), before.register(r) === after.register(r) ? '' : sortOfWord(after.register(r)),
  ].join('>'));
  const written = Array.from(after.window).filter((byte, i) => byte !== before.window[i]).length;
  const gist = [
    ...start, memory ? code.subarray(prefixes, head).join() : modrm, memory ? address % vectorBytes : '', sortOfImmediate(insn),
    before.word(Case.eflags) & (arithmeticFlags | direction), flags, registers.join(), sourceSorts(opcode, wide, before), sortOfOperand(opcode, wide, before, address), written,
    before.fx16(Fx.control), before.word(Case.fxsave + Fx.mxcsr) & ~sseExceptions, packedSorts(opcode, before, after),
  ].join(' | ');
  return { kind, gist };
}

/** Registers that address something, by alignment. */
function addressSorts(c: CaseView): string {
  return Array.from({ length: 8 }, (_, r) => sortOfWord(c.register(r))).map((sort) => (sort.startsWith('@') ? sort : '')).join();
}

/** Results of floating point. For vectors it does not matter which lanes have them. */
function resultSorts(opcode: number, wide: boolean, after: CaseView, before: CaseView): string {
  if (isX87(opcode)) return changedSorts(before, after, Fx.st, (i) => sortOfStack(after, i));
  if (!computes(opcode)) return '';
  const lanes = changedSorts(before, after, Fx.xmm, (i) => sortOfLanes(after, Case.fxsave + Fx.xmm + 16 * i, wide));
  return [...new Set(lanes.split(/[ ,]/))].sort().join();
}

/** Registers of floating point that go in. */
function sourceSorts(opcode: number, wide: boolean, before: CaseView): string {
  if (isX87(opcode)) return `${sortOfStack(before, 0)} ${sortOfStack(before, 1)}`;
  return computes(opcode) ? Array.from({ length: 8 }, (_, i) => sortOfLanes(before, Case.fxsave + Fx.xmm + 16 * i, wide)).join() : '';
}

/** A jump's displacement is as good as any other of its sign; of other small numbers each is told. */
function sortOfImmediate({ opcode, immediate, immediateBytes }: Instruction): string {
  if (immediateBytes === 0) return '';
  const jumps = (opcode >= 0x70 && opcode <= 0x7f) || (opcode >= 0xe0 && opcode <= 0xe3) || opcode === 0xe9 || opcode === 0xeb || (opcode >= 0x180 && opcode <= 0x18f);
  if (jumps) return immediate < 0 ? '-' : '+';
  return immediate >= 0 && immediate < 256 ? String(immediate) : sortOfWord(immediate >>> 0);
}

/** An operand in the window. Of the x87's those that may be several things are told by their words. */
function sortOfOperand(opcode: number, wide: boolean, c: CaseView, address: number): string {
  if (!insn.memory || address < Place.window || address + vectorBytes > Place.readOnlyPage) return '';
  const at = Case.window + address - Place.window;
  if (computes(opcode)) return sortOfLanes(c, at, wide);
  if (opcode === 0xd8 || opcode === 0xd9) return sortOfSingle(c.word(at));
  if (opcode === 0xdc || opcode === 0xdd) return sortOfDouble(c.word(at), c.word(at + 4));
  if (isX87(opcode)) return [sortOfWord(c.word(at)), sortOfWord(c.word(at + 4)), sortOfWord(c.view.getUint16(at + 8, true))].join();
  return sortOfWord(c.word(at));
}

/** MMX and XMM registers of instructions on packed integers and bits: the sort of each result's first and last word. */
function packedSorts(opcode: number, before: CaseView, after: CaseView): string {
  if (opcode < 0x100 || computes(opcode)) return '';
  const ends = (from: number, last: number) => (i: number): string => {
    const at = Case.fxsave + from + 16 * i;
    return `${sortOfWord(after.word(at))} ${sortOfWord(after.word(at + last))}`;
  };
  return [changedSorts(before, after, Fx.st, ends(Fx.st, 4)), changedSorts(before, after, Fx.xmm, ends(Fx.xmm, 12))].join();
}
