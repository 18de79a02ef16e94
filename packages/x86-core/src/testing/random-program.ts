/*
 * Random user programs: loops, calls, memory, strings, x87, code that changes itself through its own page and through
 * another name of it. Drawn towards what compilers emit, with nonsense in between. Nothing here knows what they do.
 */
import { interestingWord, type Random } from './random.js';

/** Linear addresses: code, the same pages of code by another name, data, and the tables of the system. */
export const Linear = { code: 0x1000_0000, alias: 0x1001_0000, data: 0x2000_0000, system: 0xfff0_0000 } as const;
export const codePages = 3;
export const dataPages = 5;
export const pageBytes = 0x1000;

/** A program: its bytes, and where instructions begin. */
export interface Program {
  bytes: Uint8Array;
  starts: number[];
}

/** Where a program's things are: linear addresses, and the lengths of its code and of its data in bytes. */
export interface Places {
  readonly code: number;
  readonly alias: number;
  readonly data: number;
  readonly codeBytes: number;
  readonly dataBytes: number;
}
const usualPlaces: Places = { code: Linear.code, alias: Linear.alias, data: Linear.data, codeBytes: codePages * pageBytes, dataBytes: dataPages * pageBytes };

const size = (random: Random): number => random.pick([1, 2, 4, 4, 4]);

/** Writes instructions one after the other. */
export class Writer {
  readonly random: Random;
  readonly places: Places;
  readonly out: number[] = [];
  readonly starts: number[] = [];
  /** Places of relative displacements that want a target: offset and bytes. */
  readonly holes: { at: number; bytes: number }[] = [];

  constructor(random: Random, places: Places = usualPlaces) {
    this.random = random;
    this.places = places;
  }

  /** One of the places that a program's code goes by. */
  codeName(): number { return this.random.oneIn(2) ? this.places.code : this.places.alias; }

  word(value: number, bytes: number): void {
    for (let i = 0; i < bytes; i++) this.out.push((value >>> (8 * i)) & 0xff);
  }

  dataAddress(): number {
    const { random, places } = this;
    // most accesses go to the first pages, some over the end of one
    if (random.oneIn(12)) return places.data + pageBytes * (1 + random.below(places.dataBytes / pageBytes)) - random.below(12);
    return places.data + random.below(2 * pageBytes);
  }

  /** ModRM with a register or memory operand. */
  modrm(middle: number, memory = this.random.oneIn(2)): void {
    const { random } = this;
    if (!memory) {
      this.out.push(0xc0 | (middle << 3) | random.below(8));
      return;
    }
    switch (random.below(4)) {
      case 0: // absolute
        this.out.push((middle << 3) | 5);
        this.word(this.dataAddress(), 4);
        break;
      case 1: // [esi + disp8], [edi + disp8], [ebx + disp8], [ebp + disp8]
        this.out.push(0x40 | (middle << 3) | random.pick([3, 5, 6, 7]), random.below(256));
        break;
      case 2: // [esp + disp8]
        this.out.push(0x44 | (middle << 3), 0x24, random.below(128));
        break;
      default: // [base + index·scale + disp32]
        this.out.push(0x84 | (middle << 3), (random.below(4) << 6) | (random.pick([0, 1, 4]) << 3) | random.pick([3, 6, 7]));
        this.word(random.below(64) - 32, 4);
    }
  }

  /** Prefix and opcode by operand size; the even opcode is the one for bytes. */
  sized(bytes: number, opcode: readonly number[]): void {
    if (bytes === 2) this.out.push(0x66);
    const last = opcode.length - 1;
    this.out.push(...opcode.slice(0, last), bytes === 1 ? opcode[last]! : opcode[last]! | 1);
  }

  hole(bytes: number): void {
    this.holes.push({ at: this.out.length, bytes });
    this.word(0, bytes);
  }
}

/** An address around the instruction being written, by one of its two names. */
function nearby(w: Writer): number {
  const at = Math.max(0, w.out.length + w.random.below(40) - 8) % w.places.codeBytes;
  return w.codeName() + at;
}

type Emit = (w: Writer) => void;
const any = (w: Writer): number => w.random.below(8);

const span = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const vectorOpcodes = [
  ...span(0x10, 0x17), ...span(0x28, 0x2f), ...span(0x50, 0x76), 0x7e, 0x7f, 0xc2, ...span(0xc4, 0xc6), ...span(0xd1, 0xef), ...span(0xf1, 0xfe),
];
const withImmediate = new Set([0x70, 0x71, 0x72, 0x73, 0xc2, 0xc4, 0xc5, 0xc6]);

/** Weighted by repetition. */
const emitters: readonly (readonly [weight: number, emit: Emit])[] = [
  [10, (w) => { w.sized(size(w.random), [w.random.below(8) * 8 + w.random.pick([0, 2])]); w.modrm(any(w)); }],
  [6, (w) => {
    const bytes = size(w.random);
    if (bytes === 1 || w.random.oneIn(2)) {
      if (bytes === 2) w.out.push(0x66);
      w.out.push(bytes === 1 ? 0x80 : 0x83);
      w.modrm(any(w));
      w.out.push(w.random.below(256));
    } else {
      w.sized(bytes, [0x80]);
      w.modrm(any(w));
      w.word(interestingWord(w.random), bytes);
    }
  }],
  [8, (w) => { w.sized(size(w.random), [w.random.pick([0x88, 0x8a])]); w.modrm(any(w)); }],
  [4, (w) => { w.out.push(0xb8 + w.random.pick([0, 1, 2, 3, 5])); w.word(interestingWord(w.random), 4); }],
  // pointers come back to the data pages
  [8, (w) => { w.out.push(0xb8 + w.random.pick([3, 5, 6, 7])); w.word(w.dataAddress(), 4); }],
  [1, (w) => { w.out.push(0xbc); w.word(w.places.data + 0x800 + 4 * w.random.below(256), 4); }],
  [2, (w) => { w.out.push(0xb8 + w.random.pick([0, 1])); w.word(w.random.below(16), 4); }],
  [4, (w) => { w.sized(size(w.random), [w.random.pick([0xfe, 0xfe, 0xf6])]); w.modrm(w.random.pick([0, 1])); }],
  [3, (w) => { w.sized(size(w.random), [0xf6]); w.modrm(w.random.pick([2, 3, 4, 5, 6, 7])); }],
  [4, (w) => { w.sized(size(w.random), [w.random.pick([0xd0, 0xd2])]); w.modrm(any(w)); }],
  [3, (w) => { w.sized(size(w.random), [0xc0]); w.modrm(any(w)); w.out.push(w.random.below(40)); }],
  [2, (w) => { if (w.random.oneIn(2)) w.out.push(0x66); w.out.push(0x0f, w.random.pick([0xa4, 0xac])); w.modrm(any(w)); w.out.push(w.random.below(40)); }],
  [3, (w) => { w.out.push(0x0f, 0x90 + w.random.below(16)); w.modrm(0); }],
  [3, (w) => { if (w.random.oneIn(3)) w.out.push(0x66); w.out.push(0x0f, 0x40 + w.random.below(16)); w.modrm(any(w)); }],
  [3, (w) => { w.out.push(0x0f, w.random.pick([0xb6, 0xb7, 0xbe, 0xbf, 0xaf, 0xbc, 0xbd])); w.modrm(any(w)); }],
  [2, (w) => { w.sized(size(w.random), [0x0f, w.random.pick([0xb0, 0xc0])]); w.modrm(any(w)); }],
  [2, (w) => { w.out.push(0x0f, w.random.pick([0xa3, 0xab, 0xb3, 0xbb])); w.modrm(any(w)); }],
  [2, (w) => { w.out.push(0x0f, 0xba); w.modrm(4 + w.random.below(4)); w.out.push(w.random.below(256)); }],
  [2, (w) => { w.sized(size(w.random), [0x86]); w.modrm(any(w)); }],
  [2, (w) => { w.out.push(0x8d); w.modrm(any(w), true); }],
  [4, (w) => w.out.push((w.random.oneIn(2) ? 0x50 : 0x58) + w.random.pick([0, 1, 2, 3, 5, 6, 7]))],
  [2, (w) => w.out.push(w.random.pick([0x98, 0x99, 0x9c, 0x9e, 0x9f, 0xf5, 0xf8, 0xf9, 0xfc, 0x60, 0x61, 0x27, 0x37, 0xd6, 0x90]))],
  [1, (w) => w.out.push(w.random.pick([0x9d, 0xfd, 0xc9, 0x2f, 0x3f, 0xce, 0xd7]))],
  [8, (w) => { w.out.push(0x70 + w.random.below(16)); w.hole(1); }],
  [3, (w) => { w.out.push(0x0f, 0x80 + w.random.below(16)); w.hole(4); }],
  [2, (w) => { w.out.push(w.random.pick([0xe0, 0xe1, 0xe2, 0xe3])); w.hole(1); }],
  [2, (w) => { w.out.push(w.random.pick([0xeb])); w.hole(1); }],
  [2, (w) => { w.out.push(w.random.pick([0xe8, 0xe9])); w.hole(4); }],
  [1, (w) => w.out.push(0xc3)],
  [3, (w) => {
    // a string instruction, with a count that is small now and then
    if (w.random.oneIn(2)) { w.out.push(0xb9); w.word(w.random.below(80), 4); }
    if (w.random.oneIn(2)) w.out.push(w.random.pick([0xf2, 0xf3]));
    w.sized(size(w.random), [w.random.pick([0xa4, 0xa6, 0xaa, 0xac, 0xae])]);
  }],
  [6, (w) => {
    const opcode = 0xd8 + w.random.below(8);
    if (w.random.oneIn(2)) {
      w.out.push(opcode, 0xc0 + w.random.below(64));
    } else {
      w.out.push(opcode);
      w.modrm(any(w), true);
    }
  }],
  // MMX, SSE and SSE2, with the prefixes that are part of their opcodes
  [4, (w) => {
    w.out.push(...w.random.pick([[], [], [0x66], [0x66], [0xf3], [0xf2]]));
    const opcode = w.random.pick(vectorOpcodes);
    w.out.push(0x0f, opcode);
    w.modrm(any(w));
    if (withImmediate.has(opcode)) w.out.push(w.random.below(256));
  }],
  [1, (w) => w.out.push(0xdb, 0xe3)],
  [1, (w) => { w.out.push(0x8e, 0xc0 | (w.random.pick([0, 3, 4, 5]) << 3)); }],
  [1, (w) => { w.out.push(0x8c, 0xc0 | (w.random.below(6) << 3)); }],
  [1, (w) => w.out.push(w.random.pick([0x66, 0x67, 0xf0, 0x2e, 0x64, 0xf3, 0x26]))],
  // through FS, at an offset that is mostly within it
  [2, (w) => {
    w.out.push(0x64);
    w.sized(size(w.random), [w.random.pick([0x88, 0x8a, 0x00, 0x3a, 0x86])]);
    w.out.push((any(w) << 3) | 5);
    w.word(w.random.below(2 * pageBytes + 2), 4);
  }],
  [1, (w) => { for (let i = 0; i < 4; i++) w.out.push(w.random.below(256)); }],
  [1, (w) => w.out.push(w.random.pick([0xcc, 0x06, 0x1e, 0x07, 0x1f]))],
  [1, (w) => { w.out.push(0xff); w.modrm(w.random.pick([2, 4, 6])); }],
  [1, (w) => { w.sized(4, [0x68]); w.word(w.places.code + w.random.below(0x800), 4); w.out.push(0xc3); }],
  [1, (w) => { w.out.push(0x0f, 0xc8 + any(w)); }],
  [1, (w) => { w.out.push(0x0f, 0xc7); w.modrm(1, true); }],
  [1, (w) => { w.out.push(w.random.pick([0x69, 0x6b])); const wide = w.out.at(-1) === 0x69; w.modrm(any(w)); w.word(w.random.word(), wide ? 4 : 1); }],
];

/** What changes code. */
const changers: typeof emitters = [
  // the code itself, by its own name and by another: an opcode byte, an immediate, a whole word
  [2, (w) => {
    const at = w.codeName() + w.random.below(w.places.codeBytes);
    const bytes = w.random.pick([1, 4]);
    w.sized(bytes, [0xc6]);
    w.out.push(5);
    w.word(at, 4);
    if (bytes === 1) w.out.push(w.random.pick([0x90, 0x40, 0xf8, w.random.below(256)]));
    else w.word(w.random.pick([0x9090_9090, 0x4848_4040, w.random.word()]), 4);
  }],
  // the instruction itself, or those around it
  [2, (w) => {
    const here = nearby(w);
    const bytes = w.random.pick([1, 4]);
    w.sized(bytes, [0xc6]);
    w.out.push(5);
    w.word(here, 4);
    w.word(w.random.pick([0x9090_9090, 0x4848_4040, w.random.word()]), bytes);
  }],
  // a string of bytes over what comes next
  [1, (w) => {
    const here = nearby(w);
    w.out.push(0xbf);
    w.word(here, 4);
    w.out.push(0xb9);
    w.word(w.random.below(12), 4);
    w.out.push(0xb0, w.random.pick([0x90, 0x40, 0xf8]), 0xf3, 0xaa);
  }],
  [1, (w) => { w.out.push(0xff, 0x05); w.word(w.places.alias + w.random.below(w.places.codeBytes), 4); }],
];
const wheelOf = (all: typeof emitters): readonly Emit[] => all.flatMap(([weight, emit]) => new Array<Emit>(weight).fill(emit));
const steady = wheelOf(emitters);
const wheel = wheelOf([...emitters, ...changers]);

/** Write an instruction, or a few that belong together. @param changing it may be one that changes code */
export function writeAnything(w: Writer, changing: boolean): void {
  w.starts.push(w.out.length);
  w.random.pick(changing ? wheel : steady)(w);
}

/** Give the displacements that are open targets among the instructions at or behind an offset. */
export function fillHoles(w: Writer, from = 0): void {
  for (const { at, bytes } of w.holes.splice(0)) {
    const next = at + bytes;
    const near = w.starts.filter((start) => start >= from && Math.abs(start - next) < (bytes === 1 ? 120 : 1000));
    const to = near.length > 0 ? w.random.pick(near) : next;
    for (let i = 0; i < bytes; i++) w.out[at + i] = ((to - next) >> (8 * i)) & 0xff;
  }
}

/** Write a program. */
export function makeProgram(random: Random): Program {
  const w = new Writer(random);
  const length = random.pick([60, 400, 2000, 2 * pageBytes]);
  while (w.out.length < length) writeAnything(w, true);
  fillHoles(w);
  const bytes = new Uint8Array(codePages * pageBytes).fill(0xcc);
  bytes.set(w.out.slice(0, bytes.length));
  return { bytes, starts: w.starts };
}
