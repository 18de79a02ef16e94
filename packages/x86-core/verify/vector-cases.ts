/*
 * Random cases for MMX, SSE and SSE2: every opcode with every prefix it has a meaning for (and a few it has none for),
 * registers and memory, on lanes full of edges.
 */
import { type Random, interestingWord } from '../src/testing/random.js';
import { Case, type CaseView, Fx, Place, plainStart } from './case.js';
import type { Group } from './x87-cases.js';

const prefixes = { none: [], operandSize: [0x66], rep: [0xf3], repne: [0xf2] } as const;
type Prefix = keyof typeof prefixes;
const prefixText = { none: '', operandSize: '66 ', rep: 'f3 ', repne: 'f2 ' } as const;
const word = (value: number): number[] => [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
const span = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

const singles = [
  0, 0x8000_0000, 0x3f80_0000, 0xbf80_0000, 0x7f80_0000, 0xff80_0000, 0x7fc0_0000, 0xffc0_0001, 0x7f80_0001, 0xffa0_0000, 1, 0x8000_0001,
  0x007f_ffff, 0x0080_0000, 0x7f7f_ffff, 0x4f00_0000, 0xcf00_0000, 0x4eff_ffff, 0x3f00_0000, 0x4b00_0001, 0x3380_0000, 0x4180_0000,
  // halves and their neighbours; the largest of less than half a unit
  0x3fc0_0000, 0x4020_0000, 0xbf00_0000, 0xbfc0_0000, 0x3eff_ffff, 0x3f00_0001, 0x3f7f_ffff, 0x3f80_0001, 0x4aff_ffff, 0x4b7f_ffff, 0x337f_ffff,
];
const doubleHighs = [
  0, 0x8000_0000, 0x3ff0_0000, 0xbff0_0000, 0x7ff0_0000, 0xfff0_0000, 0x7ff8_0000, 0xfff8_0000, 0x7ff0_0001, 0x000f_ffff, 0x0010_0000,
  0x7fef_ffff, 0x41df_ffff, 0xc1e0_0000, 0x47ef_ffff, 0x3810_0000, 0x3680_0000, 0x36a0_0000, 0x3fe0_0000, 0x4330_0000, 0x3ca0_0000,
  0x3ff8_0000, 0x4004_0000, 0xbfe0_0000, 0xbff8_0000, 0x3fdf_ffff, 0x3fef_ffff, 0x432f_ffff, 0x433f_ffff, 0x8010_0000, 0xffef_ffff, 0xb810_0000,
];

/** A 16-byte register or piece of memory at `at`. */
function putLanes(random: Random, c: CaseView, at: number): void {
  switch (random.below(4)) {
    case 0:
      for (let i = 0; i < 16; i += 4) c.setWord(at + i, random.oneIn(3) ? random.word() : random.pick(singles));
      return;
    case 1:
      for (let i = 0; i < 16; i += 8) {
        c.setWord(at + i, random.pick([0, 1, 0xffff_ffff, 0xe000_0000, 0x1000_0000, 0x3000_0000, 0xffe0_0000, 0xffc0_0000, random.word()]));
        c.setWord(at + i + 4, random.oneIn(3) ? random.word() : random.pick(doubleHighs));
      }
      return;
    case 2: { // numbers near each other, so that arithmetic has something to do
      const double = random.oneIn(2);
      for (let i = 0; i < 16; i += double ? 8 : 4) {
        const exponent = (double ? 1023 : 127) + random.below(60) - 30;
        const sign = random.below(2) << 31;
        if (double) {
          c.setWord(at + i, random.word());
          c.setWord(at + i + 4, (sign | (exponent << 20) | random.below(1 << 20)) >>> 0);
        } else c.setWord(at + i, (sign | (exponent << 23) | random.below(1 << 23)) >>> 0);
      }
      return;
    }
    default:
      for (let i = 0; i < 16; i += 4) c.setWord(at + i, interestingWord(random));
  }
}

function start(random: Random, c: CaseView): void {
  plainStart(c);
  for (let register = 0; register < 8; register++) {
    if (register !== 4) c.setRegister(register, interestingWord(random));
    putLanes(random, c, Case.fxsave + Fx.xmm + 16 * register);
    const st = Case.fxsave + Fx.st + 16 * register;
    putLanes(random, c, st);
    c.view.setUint16(st + 8, random.oneIn(2) ? 0xffff : random.below(0x1_0000), true);
    c.view.setUint16(st + 10, 0, true);
    c.setWord(st + 12, 0);
  }
  c.fxsave[Fx.tags] = random.below(256);
  c.setFx16(Fx.status, random.below(8) << 11);
  const masks = random.oneIn(3) ? random.below(64) : 0x3f;
  const modes = (random.oneIn(3) ? random.below(4) << 13 : 0) | (random.oneIn(6) ? 1 << 15 : 0) | (random.oneIn(6) ? 1 << 6 : 0);
  c.setWord(Case.fxsave + Fx.mxcsr, (masks << 7) | modes | (random.oneIn(4) ? random.below(64) : 0));
  for (let i = 0; i < Place.windowBytes; i += 16) putLanes(random, c, Case.window + i);
}

interface Shape {
  /** A byte of immediate follows. */
  immediate?: boolean;
  /** Values of ModRM's middle bits, if they are part of the opcode. */
  middles?: readonly number[];
  /** Only memory, or only registers, as a rule. */
  only?: 'memory' | 'registers';
  /** No other middle bits and no other kind of operand: they mean instructions that we have not got. */
  strict?: boolean;
  /** EDI is an operand. (A masked store that faults may look at bytes it would not write: there are no faults here.) */
  throughEdi?: boolean;
}

function group(name: string, opcode: number, prefix: Prefix, { immediate, middles, only, strict, throughEdi }: Shape = {}): Group {
  return {
    name: `vector ${prefixText[prefix]}0f ${opcode.toString(16).padStart(2, '0')} ${name}`.trim(),
    make: (random, c) => {
      start(random, c);
      const middle = middles !== undefined && (strict || !random.oneIn(20)) ? random.pick(middles) : random.below(8);
      const memory = only === undefined ? random.oneIn(2) : (only === 'memory') !== (!strict && random.oneIn(16));
      const operand: number[] = [];
      if (memory) {
        // aligned mostly; over the end into the read-only page and beyond now and then
        const offset = random.oneIn(12) ? random.below(Place.windowBytes) : 16 * random.below(Place.windowBytes / 16);
        operand.push((middle << 3) | 5, ...word(random.oneIn(30) ? Place.nothing - random.below(24) : Place.window + offset));
      } else operand.push(0xc0 | (middle << 3) | random.below(8));
      if (throughEdi) c.setRegister(7, Place.window + random.below(Place.windowBytes - 16));
      c.setCode([...prefixes[prefix], 0x0f, opcode, ...operand, ...(immediate ? [random.oneIn(2) ? random.below(256) : random.below(20)] : [])]);
    },
  };
}

const both = ['none', 'operandSize'] as const;
const all = ['none', 'operandSize', 'rep', 'repne'] as const;
const many = (name: string, opcodes: readonly number[], which: readonly Prefix[], shape?: Shape): Group[] =>
  opcodes.flatMap((opcode) => which.map((prefix) => group(name, opcode, prefix, shape)));

/** A bit of MXCSR that only some makers have (AMD's mask of misaligned accesses): not in what LDMXCSR loads. */
const makersBit = 1 << 17;
/** Where the address lies in 0F, AE, ModRM, address. */
const operandAt = 3;
function withoutMakersBit({ name, make }: Group): Group {
  return {
    name,
    make: (random, c) => {
      make(random, c);
      for (let i = 0; i < Place.windowBytes; i += 4) c.setWord(Case.window + i, c.word(Case.window + i) & ~makersBit);
      c.code.set(word(Place.window + (c.code[operandAt]! & 0xfc)), operandAt);
    },
  };
}

/** By the file their examples go to. */
export const packedGroups: readonly Group[] = [
  ...many('', [...span(0x60, 0x6b), ...span(0x74, 0x76), ...span(0xd1, 0xd5), ...span(0xd8, 0xe5), ...span(0xe8, 0xef), ...span(0xf1, 0xf6), ...span(0xf8, 0xfe)], both),
  ...many('', [0x6c, 0x6d], both),
  ...many('shift', [0x71, 0x72, 0x73], both, { immediate: true, middles: [2, 3, 4, 6, 7], only: 'registers' }),
  ...many('shuffle', [0x70], all, { immediate: true }),
];
export const vectorMoveGroups: readonly Group[] = [
  ...many('', [0x10, 0x11], all), ...many('', [0x12, 0x16], both), ...many('', [0x13, 0x17, 0x2b, 0xe7], both, { only: 'memory' }),
  ...many('', [0x14, 0x15, 0x28, 0x29, 0x54, 0x55, 0x56, 0x57], both), ...many('', [0x50, 0xd7], both, { only: 'registers' }),
  ...many('', [0x6e], both), ...many('', [0x6f, 0x7e, 0x7f, 0xd6], all),
  ...many('pinsrw', [0xc4], both, { immediate: true }), ...many('pextrw', [0xc5], both, { immediate: true, only: 'registers' }),
  ...many('shuffle', [0xc6], both, { immediate: true }), ...many('movnti', [0xc3], both, { only: 'memory' }),
  ...many('maskmov', [0xf7], both, { only: 'registers', throughEdi: true }), 
  ...many('control', [0xae], ['none'], { middles: [2, 3, 7], only: 'memory', strict: true }).map(withoutMakersBit), ...many('fence', [0xae], ['none'], { middles: [5, 6, 7], only: 'registers', strict: true }),
  { name: 'vector 0f 77 emms', make: (random, c) => { start(random, c); c.setCode([0x0f, 0x77]); } },
];
/** RCPPS, RSQRTPS: approximate, and each maker's processors differ. But not where the manual gives the result. */
const definite = [0, 0x8000_0000, 0x7f80_0000, 0xff80_0000, 0x7fc0_0000, 0xffc0_1234, 0x7f80_0001, 0xff90_0000, 1, 0x8000_0001, 0x007f_ffff];
function approximate(opcode: number, prefix: Prefix): Group {
  return {
    name: `vector ${prefixText[prefix]}0f ${opcode.toString(16)} approximate`,
    make: (random, c) => {
      start(random, c);
      for (const [from, length] of [[Case.fxsave + Fx.xmm, 128], [Case.window, Place.windowBytes]] as const) {
        for (let i = 0; i < length; i += 4) c.setWord(from + i, random.pick(definite));
      }
      const middle = random.below(8) << 3;
      const operand = random.oneIn(2) ? [0xc0 | middle | random.below(8)] : [middle | 5, ...word(Place.window + 16 * random.below(Place.windowBytes / 16))];
      c.setCode([...prefixes[prefix], 0x0f, opcode, ...operand]);
    },
  };
}
const approximateGroups: readonly Group[] = [0x52, 0x53].flatMap((opcode) => [approximate(opcode, 'none'), approximate(opcode, 'rep')]);

export const vectorFloatGroups: readonly Group[] = [
  ...many('', [0x51, 0x58, 0x59, 0x5c, 0x5d, 0x5e, 0x5f], all), ...many('compare', [0xc2], all, { immediate: true }),
  ...many('order', [0x2e, 0x2f], both), ...approximateGroups,
];
export const vectorConversionGroups: readonly Group[] = [
  ...many('', [0x2a, 0x2c, 0x2d, 0x5a, 0x5b, 0xe6], all),
];

const invalid = 1;
/** Summary and busy: what an unmasked exception sets. */
const kept = 0x8080;
const maskAll = 0x37f;
const topBits = 7 << 11;

/** Any of them while the x87 has kept an exception back: who reports it, and who comes before that. */
export const keptBackGroup: Group = {
  name: 'x87 exception kept back',
  make: (random, c) => {
    random.pick([...packedGroups, ...vectorMoveGroups, ...vectorFloatGroups, ...vectorConversionGroups]).make(random, c);
    c.setFx16(Fx.control, maskAll & ~invalid);
    c.setFx16(Fx.status, (c.fx16(Fx.status) & topBits) | kept | invalid);
  },
};
