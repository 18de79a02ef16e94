/*
 * Decimal adjustment: six instructions from 1978 that compilers never emit and programs still contain.
 *
 * Plain TypeScript: they are too rare for generated code. Undefined flags follow Intel's processors.
 */
import { define } from '../definition.js';
import { raise, Vector } from '../fault.js';
import { adjustOf, carryAddend, carryOf, carrySum } from '../flags.js';
import type { Processor } from '../processor.js';
import { State } from '../state.js';

const al = State.gpr;
const ah = State.gpr + 1;
const nibble = 0xf;

function carriedIn(cpu: Processor): number {
  return carryOf(cpu.i32[State.flagAddend >> 2]!, cpu.i32[State.flagSum >> 2]!);
}

function adjustedIn(cpu: Processor): number {
  return adjustOf(cpu.i32[State.flagAddend >> 2]!, cpu.i32[State.flagSum >> 2]!);
}

/** ZF, SF, PF by AL; CF and AF as given; OF clear. */
function setFlags(cpu: Processor, carry: number, adjust: number): void {
  const result = (cpu.u8[al]! << 24) >> 24;
  cpu.i32[State.flagZero >> 2] = result;
  cpu.i32[State.flagSign >> 2] = result;
  cpu.i32[State.flagAddend >> 2] = carryAddend(carry, 0, adjust);
  cpu.i32[State.flagSum >> 2] = carrySum(carry, 0, adjust);
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
    setFlags(cpu, carry, adjust);
  } });
}
packed('daa', 1);
packed('das', -1);

/** AAA and AAS: one unpacked digit in AL, carry into AH. */
function unpacked(name: string, direction: 1 | -1): void {
  define(name, { rare: (cpu) => {
    const ax = cpu.u16[al >> 1]!;
    const wrong = (ax & nibble) > 9 || adjustedIn(cpu) === 1;
    cpu.u16[al >> 1] = wrong ? ax + 0x106 * direction : ax;
    cpu.u8[al] = cpu.u8[al]! & nibble;
    setFlags(cpu, wrong ? 1 : 0, wrong ? 1 : 0);
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
  cpu.u16[al >> 1] = (cpu.u8[al]! + cpu.u8[ah]! * (insn.immediate & 0xff)) & 0xff;
  setFlags(cpu, 0, 0);
} });
