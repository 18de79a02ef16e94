/*
 * Decimal adjustment: six instructions from 1978 that compilers never emit and programs still contain.
 *
 * Plain TypeScript: they are too rare for generated code. What they do to undefined flags is told in undefined-results.ts.
 */
import { define } from '../definition.js';
import { raise, Vector } from '../fault.js';
import { adjustOf, carryAddend, carryOf, carrySum } from '../flags.js';
import type { Processor } from '../processor.js';
import { State } from '../state.js';

const al = State.gpr;
const ah = State.gpr + 1;
const nibble = 0xf;
/** The sign's place in AL and AX. */
const byteSign = 7;
const wordSign = 15;

function carriedIn(cpu: Processor): number {
  return carryOf(cpu.i32[State.flagAddend >> 2]!, cpu.i32[State.flagSum >> 2]!);
}

function adjustedIn(cpu: Processor): number {
  return adjustOf(cpu.i32[State.flagAddend >> 2]!, cpu.i32[State.flagSum >> 2]!);
}

/** ZF, SF, PF by a sign-extended result, AL unless told otherwise; CF, AF and OF as given. */
function setFlags(cpu: Processor, carry: number, adjust: number, overflow = 0, result = (cpu.u8[al]! << 24) >> 24): void {
  cpu.i32[State.flagZero >> 2] = result;
  cpu.i32[State.flagSign >> 2] = result;
  cpu.i32[State.flagAddend >> 2] = carryAddend(carry, overflow, adjust);
  cpu.i32[State.flagSum >> 2] = carrySum(carry, overflow, adjust);
}

/** OF after adding (direction 1) or subtracting (-1) something positive, with the sign in the given bit. */
function overflows(before: number, after: number, direction: number, bit: number): number {
  return ((direction === 1 ? after & ~before : before & ~after) >>> bit) & 1;
}

/** DAA (direction 1) and DAS (-1): AL after adding or subtracting two packed decimal bytes. */
function packed(name: string, direction: 1 | -1): void {
  define(name, { rare: (cpu) => {
    const before = cpu.u8[al]!;
    const carryBefore = carriedIn(cpu);
    let carry = 0;
    let adjust = 0;
    let value = before;
    if ((before & nibble) > 9 || adjustedIn(cpu)) {
      value += 6 * direction;
      adjust = 1;
      // DAS borrows out of the byte here; for DAA a value that overflows here is above 0x99 anyway
      carry = carryBefore | (value < 0 || value > 0xff ? 1 : 0);
    }
    if (before > 0x99 || carryBefore) {
      value += 0x60 * direction;
      carry = 1;
    } else if (direction === 1) carry = 0;
    cpu.u8[al] = value & 0xff;
    setFlags(cpu, carry, adjust, cpu.undefinedResults === 'amd' ? overflows(before, value, direction, byteSign) : 0);
  } });
}
packed('daa', 1);
packed('das', -1);

/** AAA and AAS: one unpacked digit in AL, carry into AH. */
function unpacked(name: string, direction: 1 | -1): void {
  define(name, { rare: (cpu) => {
    const ax = cpu.u16[al >> 1]!;
    const wrong = (ax & nibble) > 9 || adjustedIn(cpu) === 1;
    const sum = wrong ? ax + 0x106 * direction : ax;
    cpu.u16[al >> 1] = sum;
    cpu.u8[al] = cpu.u8[al]! & nibble;
    const carry = wrong ? 1 : 0;
    if (cpu.undefinedResults === 'intel') setFlags(cpu, carry, carry);
    else setFlags(cpu, carry, carry, overflows(ax, sum, direction, wordSign), (sum << 16) >> 16);
  } });
}
unpacked('aaa', 1);
unpacked('aas', -1);

define('aam', { rare: (cpu, insn) => {
  const base = insn.immediate & 0xff;
  if (base === 0) raise(Vector.divide);
  const value = cpu.u8[al]!;
  cpu.u8[ah] = Math.trunc(value / base);
  cpu.u8[al] = value % base;
  setFlags(cpu, 0, 0);
} });

define('aad', { rare: (cpu, insn) => {
  const x = cpu.u8[al]!;
  const y = (cpu.u8[ah]! * insn.immediate) & 0xff;
  const sum = x + y;
  cpu.u16[al >> 1] = sum & 0xff;
  setFlags(cpu, sum >>> 8, ((x ^ y ^ sum) >>> 4) & 1, ((x ^ sum) & (y ^ sum)) >>> byteSign & 1);
} });
