/*
 * What the manual leaves open, and what cannot be compared.
 *
 * Results that are undefined differ between processors; ours follow one of two makers (src/undefined-results.ts). They
 * are counted apart, because a program may depend on everything else, and on these only if it knows its processor.
 */
import { Case, type CaseView, localSelector, stopVector } from './case.js';
import { Decoder, newInstruction } from '../src/decode.js';
import { Vector } from '../src/fault.js';
import '../src/semantics/index.js';
import type { UndefinedResults } from '../src/undefined-results.js';
import { sequenceUndefined, undefinedSequenceGroup } from './sequence-cases.js';

const cf = 1;
const pf = 4;
const af = 16;
const zf = 64;
const sf = 128;
const of = 2048;
const all = cf | pf | af | zf | sf | of;

/** Flags undefined after every instruction of the group. */
const byGroup: Readonly<Record<string, number>> = {
  and: af, or: af, xor: af, test: af,
  imul: pf | af | zf | sf, mul: pf | af | zf | sf, 'imul wide': pf | af | zf | sf,
  div: all, idiv: all,
  'daa das': of, 'aaa aas': of | sf | zf | pf, aam: of | af | cf, aad: of | af | cf,
  shl: af, shr: af, sal: af, sar: af, shld: af, shrd: af,
  bt: of | sf | af | pf, bts: of | sf | af | pf, btr: of | sf | af | pf, btc: of | sf | af | pf,
  bsf: all & ~zf, bsr: all & ~zf,
};

/** Groups whose OF means something only for counts of 1. */
const rotations = new Set(['rol', 'ror', 'rcl', 'rcr', 'shl', 'shr', 'sal', 'sar', 'shld', 'shrd']);
/** Their opcodes for a count of 1: D0, D1. */
const byOne = 0xd0;
/** SHLD and SHRD by a number and by CL: 0F A4, A5, AC, AD. */
const doubleShift = 0x1a4;

const csRegister = 1;
const ecx = 1;
const countMask = 31;

/** What is undefined after a case. */
export interface Open {
  /** EFLAGS bits. */
  flags: number;
  /** The destination, too: 16-bit BSWAP, 16-bit SHLD and SHRD by more than 16. */
  result: boolean;
}

const decoder = new Decoder();
const insn = newInstruction();

/** What the manual leaves open for this case. */
export function undefinedAfter(name: string, before: CaseView): Open {
  if (name === undefinedSequenceGroup.name) return { flags: all, result: true };
  // a group's name without its surroundings
  const group = name.replace(/^(16-bit|segmented) /, '');
  const flags = (byGroup[group] ?? 0) | sequenceUndefined(before);
  if (!rotations.has(group) && group !== 'bswap') return { flags, result: false };
  const cs = before.selector(csRegister);
  const big = cs !== localSelector('code16') && cs !== localSelector('code16Short');
  decoder.decode(insn, before.code, 0, before.code.length, big);
  if (group === 'bswap') return { flags, result: insn.operandSize === 2 };
  if ((insn.opcode & ~1) === byOne) return { flags, result: false };
  const count = ((insn.opcode & 1) === 0 ? insn.immediate : before.register(ecx)) & countMask;
  if ((insn.opcode & ~9) === doubleShift && insn.operandSize === 2 && count > 16) return { flags: all, result: true };
  return { flags: flags | of, result: false };
}

/**
 * PUSHA and POPA that fault half way leave memory and registers half changed. Ours do as Intel's processors; with AMD's
 * undefined results they do not begin what they cannot finish, and only the fault itself is compared.
 */
export function leavesHalf(name: string, real: CaseView, maker: UndefinedResults): boolean {
  return maker === 'amd' && /pusha|popa/.test(name) && real.word(Case.vector) !== stopVector;
}

/**
 * A CALL whose target lies beyond the code segment, and whose return address beyond the stack: #GP by the manual's order,
 * #SS on processors of both makers. Ours is with Intel's.
 */
export function eitherFault(name: string, real: CaseView, ours: CaseView, maker: UndefinedResults): boolean {
  return maker === 'amd' && name.endsWith('call jmp indirect') && real.word(Case.vector) === Vector.stack && ours.word(Case.vector) === Vector.protection;
}
