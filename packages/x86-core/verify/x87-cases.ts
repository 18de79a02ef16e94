/*
 * Random x87 cases: every encoding of D8..DF, on numbers chosen to be difficult.
 */
import { type CaseView, Fx, Place, plainStart } from './case.js';
import { type Random, interestingWord } from '../src/testing/random.js';

/** A group of cases: its name, and how to make one. */
export interface Group {
  readonly name: string;
  readonly make: (random: Random, c: CaseView) => void;
}

const bias = 0x3fff;
const significandHighs = [0x8000_0000, 0xffff_ffff, 0xc000_0000, 0x8000_0001, 0xaaaa_aaaa, 0xffff_f800, 0xffff_ff00, 0xffff_ff80];
const significandLows = [0, 0xffff_ffff, 1, 0x8000_0000, 0x400, 0x800, 0xbff, 0xc00, 0xfffff800, 0xffff_fc00, 0x7fff_ffff, 0xffff_fffe];

/** Exponents of ordinary size, at the borders of the narrower formats, at those of this one. */
function exponent(random: Random): number {
  switch (random.below(8)) {
    case 0:
      return random.pick([0, 1, 2, 0x7ffe, 0x7ffd, 64, 63, 65, 32, 0x7fff - 64]);
    case 1:
      return bias + random.pick([-1022, -1023, -1074, -1075, -1052, 1023, 1024, -126, -127, -149, -150, 127, 128, -16382 + 60, 14, 15, 16, 30, 31, 32, 62, 63, 64]) + random.below(3) - 1;
    case 2:
      return random.below(0x7fff);
    case 3:
      return bias + random.below(64);
    default:
      return bias + random.below(9) - 4;
  }
}

/** Write an 80-bit number at `at`: one in four is special. */
function putNumber(random: Random, c: CaseView, at: number): void {
  let high = random.oneIn(3) ? random.pick(significandHighs) : random.word() | 0x8000_0000;
  let low = random.oneIn(2) ? random.pick(significandLows) : random.word();
  let power = exponent(random);
  if (random.oneIn(5)) {
    switch (random.below(9)) {
      case 0: // zero
        high = low = power = 0;
        break;
      case 1: // infinity
        [high, low, power] = [0x8000_0000, 0, 0x7fff];
        break;
      case 2: // quiet NaN
        [high, power] = [random.pick([0xc000_0000, 0xc000_0001, random.word() | 0xc000_0000]), 0x7fff];
        break;
      case 3: // signaling NaN
        [high, low, power] = [0x8000_0000 | random.below(0x4000_0000), low | 1, 0x7fff];
        break;
      case 4: // denormal
        [high, power] = [random.pick([0, 0x7fff_ffff, 0x4000_0000, random.below(0x8000_0000)]), 0];
        break;
      case 5: // pseudo-denormal
        power = 0;
        break;
      case 6: // unsupported
        high = random.below(0x8000_0000);
        break;
      case 7: // one
        [high, low, power] = [0x8000_0000, 0, bias];
        break;
      default: // a small integer
        [high, low, power] = [(1 + random.below(255)) << 24, 0, bias + 7];
        while (!(high & 0x8000_0000)) {
          high <<= 1;
          power--;
        }
    }
  }
  c.view.setUint32(at, low, true);
  c.view.setUint32(at + 4, high >>> 0, true);
  c.view.setUint16(at + 8, (random.below(2) << 15) | power, true);
}

/** Give the second number an exponent near the first one's, so that additions meet. */
function bringTogether(random: Random, c: CaseView, at: number): void {
  const first = c.view.getUint16(at + 8, true);
  const near = (first & 0x7fff) + random.below(140) - 70;
  if (near < 0 || near > 0x7ffe) return;
  c.view.setUint16(at + 24, (random.below(2) << 15) | near, true);
}

/** A state of the x87: control, status, tags, numbers. */
export function putX87State(random: Random, c: CaseView, unmasked: boolean): void {
  const masks = unmasked ? random.below(64) : 0x3f;
  const rounding = random.below(4);
  const precision = random.pick([0, 2, 3, 3, 3, 3, 1]);
  c.setFx16(Fx.control, 0x40 | masks | (precision << 8) | (rounding << 10));
  // earlier exceptions only where they are masked; one in sixteen is pending
  const pending = unmasked && random.oneIn(16);
  let status = (random.oneIn(2) ? random.below(0x80) : 0) & (pending ? 0x7f : masks | 0x40);
  status |= (random.below(8) << 11) | (random.oneIn(2) ? random.word() & 0x4700 : 0);
  if (status & ~masks & 0x3f) status |= 0x8080;
  c.setFx16(Fx.status, status);
  c.fxsave[Fx.tags] = random.pick([0xff, 0xff, 0xff, 0xff, 0xff, random.below(256), random.below(256), 0]);
  for (let i = 0; i < 8; i++) putNumber(random, c, 128 + Fx.st + 16 * i);
  if (random.oneIn(3)) bringTogether(random, c, 128 + Fx.st);
}

/** Memory operands at random places of the window, some across its end into read-only memory. */
function putMemory(random: Random, c: CaseView, size: number): number {
  const offset = random.oneIn(24) ? Place.windowBytes - random.below(size) : random.below(Place.windowBytes - size);
  for (let i = 0; i < Place.windowBytes; i += 4) c.view.setUint32(640 + i, random.word(), true);
  return offset;
}

/** Fill an operand of `size` bytes with something the instruction may find difficult. */
function putOperand(random: Random, c: CaseView, offset: number, size: number): void {
  if (offset + 10 > Place.windowBytes) return;
  const at = 640 + offset;
  const sign = random.below(2) << 31;
  if (size === 10) {
    putNumber(random, c, at);
    if (random.oneIn(2)) for (let i = 0; i < 10; i++) c.bytes[at + i] = random.below(10) | (random.below(10) << 4);
    return;
  }
  if (random.oneIn(4)) {
    c.view.setUint32(at, interestingWord(random), true);
    c.view.setUint32(at + 4, interestingWord(random), true);
    return;
  }
  if (size === 4) {
    const power = random.pick([0, 0, 1, 2, 0x7e, 0x7f, 0x80, 0x81, 0xfe, 0xff, random.below(256)]);
    const fraction = random.pick([0, 1, 0x7f_ffff, 0x40_0000, 0x40_0001, random.below(0x80_0000)]);
    c.view.setUint32(at, (sign | (power << 23) | fraction) >>> 0, true);
  } else if (size === 8) {
    const power = random.pick([0, 0, 1, 0x3fe, 0x3ff, 0x400, 0x7fe, 0x7ff, random.below(0x800)]);
    c.view.setUint32(at, random.pick([0, 1, 0xffff_ffff, random.word()]), true);
    c.view.setUint32(at + 4, (sign | (power << 20) | random.pick([0, 0xf_ffff, 0x8_0000, random.below(0x10_0000)])) >>> 0, true);
  }
}

const address32 = 5;

/** Bytes of the memory operand, by low opcode bits and ModRM's middle bits; 0 for what has none. */
const operandBytes = [
  [4, 4, 4, 4, 4, 4, 4, 4],
  [4, 0, 4, 4, 28, 2, 28, 2],
  [4, 4, 4, 4, 4, 4, 4, 4],
  [4, 8, 4, 4, 0, 10, 0, 10],
  [8, 8, 8, 8, 8, 8, 8, 8],
  [8, 8, 8, 8, 108, 0, 108, 2],
  [2, 2, 2, 2, 2, 2, 2, 2],
  [2, 8, 2, 2, 10, 8, 10, 8],
] as const;
const memoryNames = [
  ['fadd m32', 'fmul m32', 'fcom m32', 'fcomp m32', 'fsub m32', 'fsubr m32', 'fdiv m32', 'fdivr m32'],
  ['fld m32', '', 'fst m32', 'fstp m32', 'fldenv', 'fldcw', 'fnstenv', 'fnstcw'],
  ['fiadd m32', 'fimul m32', 'ficom m32', 'ficomp m32', 'fisub m32', 'fisubr m32', 'fidiv m32', 'fidivr m32'],
  ['fild m32', '', 'fist m32', 'fistp m32', '', 'fld m80', '', 'fstp m80'],
  ['fadd m64', 'fmul m64', 'fcom m64', 'fcomp m64', 'fsub m64', 'fsubr m64', 'fdiv m64', 'fdivr m64'],
  ['fld m64', '', 'fst m64', 'fstp m64', 'frstor', '', 'fnsave', 'fnstsw m16'],
  ['fiadd m16', 'fimul m16', 'ficom m16', 'ficomp m16', 'fisub m16', 'fisubr m16', 'fidiv m16', 'fidivr m16'],
  ['fild m16', '', 'fist m16', 'fistp m16', 'fbld', 'fild m64', 'fbstp', 'fistp m64'],
] as const;

function memoryGroup(low: number, middle: number, name: string): Group {
  const size = operandBytes[low]![middle]!;
  return {
    name,
    make: (random, c) => {
      plainStart(c);
      putX87State(random, c, random.oneIn(4));
      const offset = putMemory(random, c, size);
      putOperand(random, c, offset, size);
      const address = Place.window + offset;
      c.setCode([0xd8 + low, (middle << 3) | address32, address & 0xff, (address >>> 8) & 0xff, (address >>> 16) & 0xff, address >>> 24]);
    },
  };
}

function registerGroup(name: string, opcode: number, modrms: readonly number[]): Group {
  return {
    name,
    make: (random, c) => {
      plainStart(c);
      c.setWord(32, 0x202 | (random.word() & 0x8d5));
      putX87State(random, c, random.oneIn(4));
      c.setCode([opcode, random.pick(modrms)]);
    },
  };
}

const eight = (modrm: number): number[] => Array.from({ length: 8 }, (_, i) => modrm + i);

const registerNames: readonly (readonly [name: string, opcode: number, modrms: readonly number[]])[] = [
  ['fadd st,st(i)', 0xd8, eight(0xc0)], ['fmul st,st(i)', 0xd8, eight(0xc8)], ['fcom st(i)', 0xd8, eight(0xd0)], ['fcomp st(i)', 0xd8, eight(0xd8)],
  ['fsub st,st(i)', 0xd8, eight(0xe0)], ['fsubr st,st(i)', 0xd8, eight(0xe8)], ['fdiv st,st(i)', 0xd8, eight(0xf0)], ['fdivr st,st(i)', 0xd8, eight(0xf8)],
  ['fld st(i)', 0xd9, eight(0xc0)], ['fxch', 0xd9, eight(0xc8)], ['fnop', 0xd9, [0xd0]], ['fstp1', 0xd9, eight(0xd8)],
  ['fchs', 0xd9, [0xe0]], ['fabs', 0xd9, [0xe1]], ['ftst', 0xd9, [0xe4]], ['fxam', 0xd9, [0xe5]],
  ['constants', 0xd9, [0xe8, 0xe9, 0xea, 0xeb, 0xec, 0xed, 0xee]], ['fxtract', 0xd9, [0xf4]], ['fprem1', 0xd9, [0xf5]],
  ['fdecstp', 0xd9, [0xf6]], ['fincstp', 0xd9, [0xf7]], ['fprem', 0xd9, [0xf8]], ['fsqrt', 0xd9, [0xfa]], ['frndint', 0xd9, [0xfc]], ['fscale', 0xd9, [0xfd]],
  ['fcmovcc', 0xda, [...eight(0xc0), ...eight(0xc8), ...eight(0xd0), ...eight(0xd8)]], ['fucompp', 0xda, [0xe9]],
  ['fcmovncc', 0xdb, [...eight(0xc0), ...eight(0xc8), ...eight(0xd0), ...eight(0xd8)]],
  ['fnclex', 0xdb, [0xe2]], ['fninit', 0xdb, [0xe3]], ['feni fdisi fsetpm', 0xdb, [0xe0, 0xe1, 0xe4]], ['fucomi', 0xdb, eight(0xe8)], ['fcomi', 0xdb, eight(0xf0)],
  ['fadd st(i),st', 0xdc, eight(0xc0)], ['fmul st(i),st', 0xdc, eight(0xc8)], ['fcom2 fcomp3', 0xdc, [...eight(0xd0), ...eight(0xd8)]],
  ['fsubr st(i),st', 0xdc, eight(0xe0)], ['fsub st(i),st', 0xdc, eight(0xe8)], ['fdivr st(i),st', 0xdc, eight(0xf0)], ['fdiv st(i),st', 0xdc, eight(0xf8)],
  ['ffree', 0xdd, eight(0xc0)], ['fxch4', 0xdd, eight(0xc8)], ['fst st(i)', 0xdd, eight(0xd0)], ['fstp st(i)', 0xdd, eight(0xd8)], ['fucom', 0xdd, eight(0xe0)], ['fucomp', 0xdd, eight(0xe8)],
  ['faddp', 0xde, eight(0xc0)], ['fmulp', 0xde, eight(0xc8)], ['fcomp5', 0xde, eight(0xd0)], ['fcompp', 0xde, [0xd9]], ['fsubrp', 0xde, eight(0xe0)], ['fsubp', 0xde, eight(0xe8)], ['fdivrp', 0xde, eight(0xf0)], ['fdivp', 0xde, eight(0xf8)],
  ['ffreep', 0xdf, eight(0xc0)], ['fxch7', 0xdf, eight(0xc8)], ['fstp8 fstp9', 0xdf, [...eight(0xd0), ...eight(0xd8)]], ['fnstsw ax', 0xdf, [0xe0]], ['fucomip', 0xdf, eight(0xe8)], ['fcomip', 0xdf, eight(0xf0)],
  ['undefined', 0xd9, [0xd1, 0xd7, 0xe2, 0xe3, 0xe6, 0xe7, 0xef]], ['undefined', 0xda, [0xe0, 0xe8, 0xea, 0xf0, 0xff]], ['undefined', 0xdb, [0xe5, 0xe6, 0xe7, 0xf8, 0xff]],
  ['undefined', 0xdd, [0xf0, 0xf8, 0xff]], ['undefined', 0xde, [0xd8, 0xda, 0xdf]], ['undefined', 0xdf, [0xe1, 0xe7, 0xf8, 0xff]],
  ['fwait', 0x9b, [0x90]],
];

/** The transcendental instructions, which are compared with a tolerance. */
export const transcendentalGroups: readonly Group[] = (
  [['f2xm1', 0xf0], ['fyl2x', 0xf1], ['fptan', 0xf2], ['fpatan', 0xf3], ['fyl2xp1', 0xf9], ['fsincos', 0xfb], ['fsin', 0xfe], ['fcos', 0xff]] as const
).map(([name, modrm]) => registerGroup(name, 0xd9, [modrm]));

/** Every other x87 instruction. */
export const x87Groups: readonly Group[] = [
  ...memoryNames.flatMap((names, low) => names.flatMap((name, middle) => (name === '' ? [] : [memoryGroup(low, middle, name)]))),
  ...registerNames.map(([name, opcode, modrms]) => registerGroup(name, opcode, modrms)),
];
