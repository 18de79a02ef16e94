/*
 * Short random programs: what one instruction leaves in the flags, the next ones use.
 *
 * A processor of ours keeps flags as recipes (flags.ts); here producers and consumers of every size meet. Only
 * instructions with registers take part, and while a flag is undefined nothing is chosen that would show it. A second
 * group knows no such restraint: it shows whose undefined results ours are.
 */
import { Case, type CaseView, plainStart } from './case.js';
import { type Random, interestingWord } from '../src/testing/random.js';
import type { Group } from './x87-cases.js';

const af = 16;
const of = 2048;
const arithmeticFlags = 0x8d5;
const startEflags = 0x202;
/** Keep clear of ESP, and of what follows the longest instruction. */
const longest = 6;

/** A program being written. */
interface Program {
  readonly random: Random;
  readonly bytes: number[];
  /** Flags whose value is anybody's guess now. */
  undefined: number;
}

/** Registers without ESP, by operand size: byte registers are all fine (AH..BH). */
function register(random: Random, size: number): number {
  return size === 1 ? random.below(8) : random.pick([0, 1, 2, 3, 5, 6, 7]);
}

function modrm(random: Random, size: number, middle?: number): number {
  return 0xc0 | ((middle ?? register(random, size)) << 3) | register(random, size);
}

/** Prefix and opcode for an operand size: the opcode for bytes is the even one. */
function sized(p: Program, size: number, opcode: number): void {
  if (size === 2) p.bytes.push(0x66);
  p.bytes.push(size === 1 ? opcode : opcode | 1);
}

const sizes = [1, 2, 4, 4];
const logic = [1, 4, 6];

type Step = (p: Program) => void;

/** The eight arithmetic instructions, register to register or with a byte. */
const arithmetic: Step = (p) => {
  const { random } = p;
  const size = random.pick(sizes);
  const index = random.below(8);
  if (random.oneIn(3)) {
    if (size === 2) p.bytes.push(0x66);
    p.bytes.push(size === 1 ? 0x80 : 0x83, modrm(random, size, index), random.below(256));
  } else {
    sized(p, size, index * 8 + random.pick([0, 2]));
    p.bytes.push(modrm(random, size));
  }
  p.undefined = logic.includes(index) ? af : 0;
};

/** INC, DEC, NEG, NOT. */
const single: Step = (p) => {
  const { random } = p;
  const size = random.pick(sizes);
  const [opcode, middle] = random.pick([[0xfe, 0], [0xfe, 1], [0xf6, 3], [0xf6, 2]] as const);
  sized(p, size, opcode);
  p.bytes.push(modrm(random, size, middle));
  if (middle !== 2) p.undefined = 0;
};

/** Shifts by one; rotates through carry and without keep the other flags. */
const shift: Step = (p) => {
  const { random } = p;
  const size = random.pick(sizes);
  const middle = random.below(8);
  const byOne = middle < 4 || random.oneIn(2);
  sized(p, size, byOne ? 0xd0 : 0xc0);
  p.bytes.push(modrm(random, size, middle));
  // a count of 0 changes nothing, and then nothing becomes defined either
  if (!byOne) p.bytes.push(1 + random.below(size * 8 - 1));
  if (middle >= 4) p.undefined = byOne ? af : af | of;
  else p.undefined &= ~of;
};

const carry: Step = (p) => {
  p.bytes.push(p.random.pick([0xf5, 0xf8, 0xf9]));
};

/** Conditions 0..15, without those that look at OF while it is undefined. */
function condition(p: Program): number {
  const all = p.undefined & of ? [2, 3, 4, 5, 6, 7, 8, 9, 10, 11] : [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
  return p.random.pick(all);
}

const setcc: Step = (p) => {
  p.bytes.push(0x0f, 0x90 + condition(p), 0xc0 | register(p.random, 1));
};

const cmov: Step = (p) => {
  if (p.random.oneIn(3)) p.bytes.push(0x66);
  p.bytes.push(0x0f, 0x40 + condition(p), modrm(p.random, 4));
};

/** A branch over an INC AH, which the flags survive but for CF's neighbours. */
const branch: Step = (p) => {
  p.bytes.push(0x70 + condition(p), 2, 0x88, modrm(p.random, 1));
};

const move: Step = (p) => {
  const size = p.random.pick(sizes);
  sized(p, size, 0x8a);
  p.bytes.push(modrm(p.random, size));
};

const lea: Step = (p) => {
  p.bytes.push(0x8d, 0x44 | (register(p.random, 4) << 3), (p.random.below(4) << 6) | (register(p.random, 4) << 3) | register(p.random, 4), p.random.below(256));
};

/** LAHF, PUSHF: show everything. */
const show: Step = (p) => {
  if (p.undefined & of) return;
  if (p.undefined === 0) p.bytes.push(p.random.pick([0x9f, 0x9c]));
};

const sahf: Step = (p) => {
  p.bytes.push(0x9e);
  p.undefined &= of;
};

const adjust: Step = (p) => {
  if (p.undefined !== 0) return;
  p.bytes.push(p.random.pick([0x27, 0x2f]));
  p.undefined = of;
};

const xadd: Step = (p) => {
  const size = p.random.pick(sizes);
  if (size === 2) p.bytes.push(0x66);
  p.bytes.push(0x0f, p.random.pick([0xc0, 0xb0]) | (size === 1 ? 0 : 1), modrm(p.random, size));
  p.undefined = 0;
};

const steps: readonly Step[] = [
  arithmetic, arithmetic, arithmetic, arithmetic, single, single, shift, shift, carry, setcc, setcc, cmov, branch, move, lea,
  show, sahf, adjust, xadd,
];

/** Multiplications and divisions, by a register. */
const multiply: Step = (p) => {
  const { random } = p;
  const size = random.pick(sizes);
  if (size > 1 && random.oneIn(2)) {
    if (size === 2) p.bytes.push(0x66);
    p.bytes.push(0x0f, 0xaf, modrm(random, size));
    return;
  }
  sized(p, size, 0xf6);
  // a division ends most programs with #DE
  p.bytes.push(modrm(random, size, random.oneIn(6) ? 6 + random.below(2) : 4 + random.below(2)));
};

/** Every shift and rotate by any number. */
const shiftFar: Step = (p) => {
  const size = p.random.pick(sizes);
  sized(p, size, 0xc0);
  p.bytes.push(modrm(p.random, size, p.random.below(8)), p.random.below(256));
};

const doubleShift: Step = (p) => {
  if (p.random.oneIn(2)) p.bytes.push(0x66);
  p.bytes.push(0x0f, p.random.pick([0xa4, 0xac]), modrm(p.random, 4), p.random.below(256));
};

/** BT, BTS, BTR, BTC, BSF, BSR. */
const bit: Step = (p) => {
  if (p.random.oneIn(3)) p.bytes.push(0x66);
  p.bytes.push(0x0f, p.random.pick([0xa3, 0xab, 0xb3, 0xbb, 0xbc, 0xbd]), modrm(p.random, 4));
};

/** DAA, DAS, AAA, AAS, AAM, AAD, SALC. */
const decimal: Step = (p) => {
  const opcode = p.random.pick([0x27, 0x2f, 0x37, 0x3f, 0xd4, 0xd5, 0xd6]);
  p.bytes.push(opcode);
  if (opcode === 0xd4 || opcode === 0xd5) p.bytes.push(1 + p.random.below(255));
};

/** What leaves something undefined, and what shows it. */
const stepsAtWill: readonly Step[] = [...steps, multiply, multiply, shiftFar, shiftFar, doubleShift, bit, bit, decimal, decimal, setcc, show, show];

/** The same without restraint: all they compute may depend on undefined flags. */
export const undefinedSequenceGroup: Group = {
  name: 'sequences at will',
  make: (random, c) => {
    start(random, c);
    const program: Program = { random, bytes: [], undefined: 0 };
    while (program.bytes.length + longest < Case.codeBytes) {
      random.pick(stepsAtWill)(program);
      program.undefined = 0;
    }
    c.setCode(program.bytes);
  },
};

/** Registers and flags at random. */
function start(random: Random, c: CaseView): void {
  plainStart(c);
  for (let r = 0; r < 8; r++) if (r !== 4) c.setRegister(r, interestingWord(random));
  c.setWord(Case.eflags, startEflags | (random.word() & arithmeticFlags));
}

/** Random straight-line programs. */
export const sequenceGroup: Group = {
  name: 'sequences',
  make: (random, c) => {
    start(random, c);
    const program: Program = { random, bytes: [], undefined: 0 };
    while (program.bytes.length + longest < Case.codeBytes) random.pick(steps)(program);
    c.setCode(program.bytes);
    undefinedAfter.set(codeKey(c), program.undefined);
  },
};

const undefinedAfter = new Map<string, number>();

function codeKey(c: CaseView): string {
  return c.code.join();
}

/** Flags that this program left undefined. */
export function sequenceUndefined(c: CaseView): number {
  return undefinedAfter.get(codeKey(c)) ?? 0;
}
