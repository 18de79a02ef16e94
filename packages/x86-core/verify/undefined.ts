/*
 * What the manual leaves open.
 *
 * Flags that are undefined after an instruction, by group name: processors differ there, and we follow Intel's where
 * the two large makers do. The comparison with the processor at hand leaves them out.
 */
import { Case, type CaseView, localSelector, stopVector } from './case.js';

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

const prefixes = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3];

const csRegister = 1;

function isLocal16(selector: number): boolean {
  return selector === localSelector('code16') || selector === localSelector('code16Short');
}

/** A group's name without its surroundings. */
function plainName(group: string): string {
  return group.replace(/^(16-bit|segmented) /, '');
}

/** The result itself is undefined: 16-bit SHLD and SHRD by more than 16. */
export function isUndefined(name: string, before: CaseView): boolean {
  const group = plainName(name);
  const { code } = before;
  const second = code.indexOf(0x0f) + 1;
  const is16 = code.subarray(0, second).includes(0x66) !== (before.selector(csRegister) & 4 ? isLocal16(before.selector(csRegister)) : false);
  const byCl = code[second] === 0xa5 || code[second] === 0xad;
  return (group === 'shld' || group === 'shrd') && byCl && is16 && (before.register(1) & 31) > 16;
}

/**
 * PUSHA and POPA that fault half way leave memory and registers half changed on some processors. Ours do not begin what
 * they cannot finish; only the fault itself is compared.
 */
export function leavesHalf(name: string, real: CaseView): boolean {
  return /pusha|popa/.test(name) && real.word(Case.vector) !== stopVector;
}

/** The flags to leave out of a comparison for this case. */
export function undefinedFlags(name: string, before: CaseView): number {
  const group = plainName(name);
  const flags = byGroup[group] ?? 0;
  if (!rotations.has(group)) return flags;
  const opcode = before.code.find((byte) => !prefixes.includes(byte));
  return opcode === 0xd0 || opcode === 0xd1 ? flags : flags | of;
}

