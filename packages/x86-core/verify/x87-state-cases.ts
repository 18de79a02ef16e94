/*
 * Random cases for what keeps the x87 in memory: the 16-bit images, the last-instruction pointers, FXSAVE and FXRSTOR.
 *
 * FXSAVE's image is larger than the window a case shows, so these are short programs that copy the part of interest.
 */
import { Case, type CaseView, Fx, Place, plainStart } from './case.js';
import type { Random } from '../src/testing/random.js';
import { type Group, putX87State } from './x87-cases.js';

const word = (value: number): number[] => [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
const mxcsrBits = 0xffff;

function start(random: Random, c: CaseView, unmasked: boolean): void {
  plainStart(c);
  putX87State(random, c, unmasked);
  for (let i = 0; i < Place.windowBytes; i += 4) c.setWord(Case.window + i, random.word());
  for (let i = 0; i < 128; i += 4) c.setWord(Case.fxsave + Fx.xmm + i, random.word());
}

/** FNSTENV, FLDENV, FNSAVE, FRSTOR with an operand-size prefix. */
function narrow(name: string, opcode: number, middle: number, size: number): Group {
  return {
    name: `${name} 16-bit`,
    make: (random, c) => {
      start(random, c, random.oneIn(4));
      const offset = random.oneIn(16) ? Place.windowBytes - random.below(size) : random.below(Place.windowBytes - size);
      c.setCode([0x66, opcode, (middle << 3) | 5, ...word(Place.window + offset)]);
    },
  };
}

/** Where the cases of `pointers` store the x87's environment. */
export const environmentAt = Place.window + 0x80;
/** Groups that do so: masked exceptions alone, and others. */
export const pointersGroups = ['pointers', 'pointers of exceptions'] as const;

/** An instruction with or without an operand, then FNSTENV to see what it left in the pointers. */
const pointers = pointersGroups.map((name, unmasked): Group => ({
  name,
  make: (random, c) => {
    start(random, c, unmasked === 1);
    const operand = Place.window + random.below(100);
    const first = random.pick([
      [0xd8, 0x05, ...word(operand)], [0xdd, 0x05, ...word(operand)], [0xdd, 0x1d, ...word(operand)], [0xdf, 0x05, ...word(operand)],
      [0xd9, 0xc0], [0xd8, 0xc9], [0xde, 0xc1], [0xd9, 0xe5], [0xd9, 0xf6], [0xdd, 0xc1], [0xd9, 0xd0], [0x3e, 0xdc, 0x05, ...word(operand)],
      [0xd9, 0x2d, ...word(operand)], [0xdb, 0xe2], [0xdb, 0xe3], [0xd9, 0x3d, ...word(operand)], [0xdf, 0xe0], [0x9b],
    ]);
    c.setCode([...first, 0xd9, 0x35, ...word(environmentAt)]);
  },
}));

const imageAt = Place.window - Place.windowBytes;

/** Copy `count` words between the image's first half and the window. */
function copy(from: number, to: number, count: number): number[] {
  return [0xbe, ...word(from), 0xbf, ...word(to), 0xb9, ...word(count), 0xf3, 0xa5];
}

const fxsave: Group = {
  name: 'fxsave',
  make: (random, c) => {
    start(random, c, random.oneIn(4));
    const modrm = [0x0f, 0xae, 0x05];
    if (random.oneIn(8)) {
      c.setCode([...modrm, ...word(imageAt + random.below(Place.windowBytes + 32))]);
      return;
    }
    // the mask of MXCSR's bits, at 28, is the model's business
    const [at, count] = random.oneIn(3) ? [0, Fx.mxcsr / 4 + 1] : [Fx.st, (Place.windowBytes - Fx.st) / 4];
    c.setCode([...modrm, ...word(imageAt), ...copy(imageAt + at, Place.window + at, count)]);
  },
};

const fxrstor: Group = {
  name: 'fxrstor',
  make: (random, c) => {
    start(random, c, random.oneIn(4));
    const mxcsr = random.word() & mxcsrBits;
    c.setWord(Case.window + Fx.mxcsr, random.oneIn(16) ? mxcsr | (0x10000 << (random.oneIn(2) ? 0 : 2 + random.below(13))) : mxcsr);
    if (random.oneIn(8)) c.setCode([0x0f, 0xae, 0x0d, ...word(imageAt + 16 * random.below(18) + random.below(2) * random.below(16))]);
    else c.setCode([...copy(Place.window, imageAt, Place.windowBytes / 4), 0x0f, 0xae, 0x0d, ...word(imageAt)]);
  },
};

/** Opcodes of instructions with an operand in memory, of every size there is; ModRM's middle bits; what follows the address. */
const aligned: readonly (readonly [opcode: readonly number[], middle: number, more?: number])[] = [
  [[0xd9], 6], [[0xd9], 4], [[0xdd], 6], [[0xdd], 4], [[0x66, 0xd9], 6], [[0x66, 0xd9], 4], [[0x66, 0xdd], 6], [[0x66, 0xdd], 4],
  [[0xdb], 5], [[0xdb], 7], [[0xdf], 4], [[0xdf], 6], [[0xdf], 5], [[0xdf], 7], [[0xdd], 0], [[0xdd], 3], [[0xd9], 0], [[0xd9], 3], [[0xdf], 0], [[0xd9], 7], [[0xd9], 5],
  [[0x0f, 0x6f], 1], [[0x0f, 0x7f], 1], [[0x0f, 0x6e], 1], [[0x0f, 0x7e], 1], [[0x0f, 0x10], 1], [[0x0f, 0x28], 1], [[0xf2, 0x0f, 0x10], 1], [[0xf3, 0x0f, 0x11], 1],
  [[0xf3, 0x0f, 0x6f], 1], [[0x0f, 0xae], 3], [[0x0f, 0xae], 0], [[0x0f, 0xae], 7], [[0x0f, 0x58], 1], [[0x0f, 0x5a], 1], [[0x0f, 0x60], 1], [[0x66, 0x0f, 0x60], 1],
  [[0x0f, 0xc4], 1, 3], [[0x0f, 0xc7], 1], [[0x0f, 0xc3], 1], [[0x62], 0], [[0x66, 0x62], 0],
  [[0x0f, 0x11], 1], [[0x66, 0x0f, 0x10], 1], [[0x66, 0x0f, 0x11], 1], [[0xf3, 0x0f, 0x7f], 1], [[0x66, 0x0f, 0x6f], 1], [[0x0f, 0x12], 1], [[0x0f, 0x17], 1],
  [[0x66, 0x0f, 0x13], 1], [[0x66, 0x0f, 0x16], 1], [[0x0f, 0xe7], 1], [[0x66, 0x0f, 0xe7], 1], [[0x66, 0x0f, 0xd6], 1], [[0xf3, 0x0f, 0x7e], 1], [[0x0f, 0xae], 1],
  [[0x0f, 0xae], 2], [[0xf3, 0x0f, 0x58], 1], [[0xf2, 0x0f, 0x58], 1], [[0xf2, 0x0f, 0x2a], 1], [[0x0f, 0x2a], 1], [[0x66, 0x0f, 0x2a], 1], [[0xf3, 0x0f, 0xe6], 1],
  [[0x66, 0x0f, 0x5a], 1], [[0x0f, 0x2e], 1], [[0x66, 0x0f, 0x2e], 1], [[0xf2, 0x0f, 0xc2], 1, 0], [[0x66, 0x0f, 0xd2], 1], [[0x0f, 0xd2], 1],
];
const alignmentCheck = 1 << 18;

/** With EFLAGS.AC set: is the operand aligned? */
const alignment: Group = {
  name: 'alignment checked',
  make: (random, c) => {
    start(random, c, random.oneIn(8));
    c.setWord(Case.eflags, c.word(Case.eflags) | alignmentCheck);
    const [opcode, middle, more] = random.pick(aligned);
    c.setCode([...opcode, (middle << 3) | 5, ...word(Place.window + random.below(128)), ...(more === undefined ? [] : [more])]);
  },
};

/** All of them. */
export const x87StateGroups: readonly Group[] = [
  narrow('fldenv', 0xd9, 4, 14), narrow('fnstenv', 0xd9, 6, 14), narrow('frstor', 0xdd, 4, 94), narrow('fnsave', 0xdd, 6, 94),
  ...pointers, fxsave, fxrstor, alignment,
];
