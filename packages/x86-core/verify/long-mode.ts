/*
 * Cases as 64-bit code, for systems that let no program have a 32-bit code segment.
 *
 * Most instructions do the same there as in flat 32-bit code, when two things are made up for: operands in memory need the
 * prefix that cuts addresses to 32 bits, and an address that is a mere displacement is encoded differently, because the
 * shorter encoding is relative to RIP. INC and DEC of a register have lost their short form. What is not there at all,
 * pushes or pops 64 bits, or looks at segments cannot be asked in this way.
 */
import { Decoder, newInstruction } from '../src/decode.js';
import type { Instruction } from '../src/instruction.js';
import '../src/semantics/index.js';
import { Case, type CaseView, Fx, int3, Place, Selector, stopVector } from './case.js';

/** A case that runs in 64-bit code. */
export interface LongCase {
  readonly before: CaseView;
  /** Makes its answer the answer to the case that it stands for. */
  readonly back: (after: CaseView) => void;
}

/** Linux's code segment of 64-bit programs. */
const longCode = 0x33;
const csRegister = 1;
/** es cs ss ds fs gs */
const flatSelectors = [Selector.data, Selector.code, Selector.data, Selector.data, 0, 0];
const addressSizePrefix = 0x67;
/** CS, because it cannot be written to; FS and GS, because they are null: 64-bit code does not mind. */
const segmentPrefixes = [0x2e, 0x64, 0x65];

type Range = readonly [from: number, to: number];
const within = (ranges: readonly Range[], opcode: number): boolean => ranges.some(([from, to]) => opcode >= from && opcode <= to);

/** Opcodes that mean the same in 64-bit code; those of the two-byte map as 1xx. */
const same: readonly Range[] = [
  ...Array.from({ length: 8 }, (_, i): Range => [8 * i, 8 * i + 5]),
  [0x69, 0x69], [0x6b, 0x81], [0x83, 0x8d], [0x90, 0x99], [0x9b, 0x9b], [0x9e, 0xc1], [0xc6, 0xc7], [0xcc, 0xcc], [0xd0, 0xd3],
  [0xd7, 0xe7], [0xe9, 0xe9], [0xeb, 0xef], [0xf4, 0xff],
  [0x106, 0x106], [0x108, 0x109], [0x10b, 0x10b], [0x10d, 0x10d], [0x110, 0x123], [0x128, 0x130], [0x132, 0x132], [0x140, 0x177],
  [0x17e, 0x19f], [0x1a2, 0x1a5], [0x1ab, 0x1b1], [0x1b3, 0x1b3], [0x1b6, 0x1ff],
];
const incDec: readonly Range[] = [[0x40, 0x4f]];
/** What uses the stack does so in 64 bits, or in 16 as it does there: registers, numbers, memory, flags, FS and GS, frames. */
const stack: readonly Range[] = [[0x50, 0x5f], [0x68, 0x68], [0x6a, 0x6a], [0x8f, 0x8f], [0x9c, 0x9d], [0xc8, 0xc9], [0x1a0, 0x1a0], [0x1a8, 0x1a8]];
/** Strings, XLAT and MASKMOVQ address memory without a ModRM byte that says so. */
const implicit: readonly Range[] = [[0x6c, 0x6f], [0xa4, 0xa7], [0xaa, 0xaf], [0xd7, 0xd7], [0x1f7, 0x1f7]];
/** LOOP and JECXZ count in a register of the address's size. */
const counting: readonly Range[] = [[0xe0, 0xe3]];
const shortJumps: readonly Range[] = [[0x70, 0x7f], ...counting, [0xeb, 0xeb]];
const nearJumps: readonly Range[] = [[0xe9, 0xe9], [0x180, 0x18f]];
const group5 = 0xff;
const [jumpMiddle, pushMiddle] = [4, 6];
const movFromSegment = 0x8c;
const fxsave = { opcode: 0x1ae, middle: 0, highRegisters: Fx.xmm + 128, bytes: 128 } as const;
/** FNSTENV and FNSAVE, in memory. */
const storesEnvironment = [0xd9, 0xdd];
const environmentMiddle = 6;
const middleOf = (modrm: number): number => (modrm >> 3) & 7;

/** Does this instruction mean the same, once its addresses are seen to? */
function meansTheSame({ opcode, modrm, memory, addressSize, operandPrefix }: Instruction, prefixes: Uint8Array): boolean {
  const middle = middleOf(modrm);
  if (addressSize !== 4 || !within([...same, ...incDec, ...(operandPrefix ? stack : [])], opcode)) return false;
  // calls, jumps and PUSH with a 64-bit operand; but registers have no upper half here, and 16 bits are 16 bits
  const mayBe = operandPrefix ? middle === pushMiddle : middle === jumpMiddle && !memory;
  if (opcode === group5 && middle >= 2 && middle <= 6 && !mayBe) return false;
  // CS is another one
  if (opcode === movFromSegment && middle === csRegister) return false;
  if (operandPrefix && within([...shortJumps, ...nearJumps], opcode)) return false;
  return !(memory || within(implicit, opcode)) || !segmentPrefixes.some((prefix) => prefixes.includes(prefix));
}

/** The same instruction in 64-bit code, but for the displacements of jumps. */
function rewritten({ opcode, modrm, memory, prefixes, head }: Instruction, bytes: Uint8Array): number[] {
  const addressed = memory || within([...implicit, ...counting], opcode);
  const out = [...(addressed ? [addressSizePrefix] : []), ...bytes.subarray(0, prefixes)];
  if (within(incDec, opcode)) return [...out, group5, 0xc0 | (opcode & 0xf)];
  const displacementOnly = memory && modrm >= 0 && (modrm & 0xc7) === 5;
  if (!displacementOnly) return [...out, ...bytes.subarray(prefixes)];
  // a SIB byte that names neither base nor index
  return [...out, ...bytes.subarray(prefixes, head - 1), modrm ^ 1, 0x25, ...bytes.subarray(head)];
}

/** An instruction; places are in bytes from the start of the code. */
interface Piece {
  /** Where it was, and where it is. */
  readonly from: number;
  readonly to: number;
  readonly bytes: number[];
  /** Of a jump: bytes of its displacement, and where it went. */
  readonly jump: { readonly bytes: number; readonly target: number } | undefined;
}

const decoder = new Decoder();
const insn = newInstruction();

/** The code of a case, instruction by instruction. The last piece, without bytes, is the INT3 behind it. */
function pieces(code: Uint8Array): Piece[] | undefined {
  const list: Piece[] = [];
  let from = 0;
  let to = 0;
  do {
    if (!decoder.decode(insn, code, from, code.length, true)) return undefined;
    const bytes = code.subarray(from, from + insn.length);
    // CS and the encoding of the x87 instruction before it are told there
    if (from > 0 && insn.memory && storesEnvironment.includes(insn.opcode) && middleOf(insn.modrm) === environmentMiddle) return undefined;
    if (!meansTheSame(insn, bytes.subarray(0, insn.prefixes))) return undefined;
    const jumpBytes = insn.definition.name === 'undefined' ? 0 : within(shortJumps, insn.opcode) ? 1 : within(nearJumps, insn.opcode) ? 4 : 0;
    const target = from + insn.length + insn.immediate;
    const changed = rewritten(insn, bytes);
    list.push({ from, to, bytes: changed, jump: jumpBytes > 0 ? { bytes: jumpBytes, target } : undefined });
    from += insn.length;
    to += changed.length;
  } while (from < code.length && code[from] !== int3);
  list.push({ from, to, bytes: [], jump: undefined });
  return list;
}

/** Let a jump go where it went. False when that is within an instruction, among what has moved, or too far away. */
function aim({ bytes, to, jump }: Piece, list: readonly Piece[]): boolean {
  if (jump === undefined) return true;
  const end = list[list.length - 1]!;
  const within = jump.target >= 0 && jump.target <= end.to;
  const target = within ? list.find(({ from }) => from === jump.target)?.to : jump.target;
  if (target === undefined) return false;
  const displacement = target - (to + bytes.length);
  for (let i = 0; i < jump.bytes; i++) bytes[bytes.length - jump.bytes + i] = (displacement >> (8 * i)) & 0xff;
  return jump.bytes > 1 || displacement === (displacement << 24) >> 24;
}

/**
 * FXSAVE stores eight more registers here, where it leaves memory alone there. So they get what is in that place.
 * False when it is not known which place that is.
 */
function fillHighRegisters(before: CaseView): boolean {
  if (!decoder.decode(insn, before.code, 0, Case.codeBytes, true)) return false;
  if (insn.opcode !== fxsave.opcode || middleOf(insn.modrm) !== fxsave.middle || !insn.memory) return true;
  if (insn.base >= 0 || insn.index >= 0) return false;
  for (let i = 0; i < fxsave.bytes; i++) {
    before.fxsave[fxsave.highRegisters + i] = before.window[insn.displacement + fxsave.highRegisters + i - Place.window] ?? 0;
  }
  return true;
}

/** The case in 64-bit code. Undefined when there is none that does the same. */
export function inLongMode(c: CaseView): LongCase | undefined {
  if (c.word(Case.eip) !== Place.code || flatSelectors.some((selector, register) => c.selector(register) !== selector)) return undefined;
  const list = pieces(c.code);
  if (list === undefined || list[list.length - 1]!.to > Case.codeBytes || !list.every((piece) => aim(piece, list))) return undefined;
  const before = c.copy();
  if (!fillHighRegisters(before)) return undefined;
  before.setCode(list.flatMap(({ bytes }) => bytes));
  before.setSelector(csRegister, longCode);
  const back = (after: CaseView): void => {
    after.code.set(c.code);
    if (after.selector(csRegister) === longCode) after.setSelector(csRegister, Selector.code);
    // the address behind an INT3 that was met
    const behind = after.word(Case.vector) === stopVector ? 1 : 0;
    const piece = list.find(({ to }) => Place.code + to === after.word(Case.eip) - behind);
    if (piece !== undefined) after.setWord(Case.eip, Place.code + piece.from + behind);
  };
  return { before, back };
}
