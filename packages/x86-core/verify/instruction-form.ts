/*
 * From an instruction's form to a case: everything about it that is left to chance.
 *
 * A form says which bytes an instruction is made of; the rest is chosen here: prefixes, registers, addressing modes
 * whose registers are set so that the operand falls into the case's window, immediates.
 */
import { Case, type CaseView, Place, plainStart } from './case.js';
import { Register } from '../src/state.js';
import { type Random, interestingWord } from '../src/testing/random.js';

/** Bits of EFLAGS. */
export const Flag = { cf: 1, pf: 4, af: 16, zf: 64, sf: 128, of: 2048, df: 1024, nt: 1 << 14, ac: 1 << 18, id: 1 << 21 } as const;
const arithmeticFlags = 0x8d5;
const startEflags = 0x202;

/** What an instruction looks like. */
export interface Form {
  /** Opcode bytes. */
  readonly opcode: readonly number[];
  /** ModRM: absent, any, only memory, or only registers. */
  readonly modrm?: 'any' | 'memory' | 'register';
  /** ModRM's middle bits when they are part of the opcode. */
  readonly middle?: number;
  /** Immediate: a byte, 16 bits, or by operand size; `moffs` is an address. */
  readonly immediate?: 'b' | 'w' | 'z' | 'wb' | 'moffs';
  /** Bytes of the memory operand (for choosing addresses near the window's end). */
  readonly size?: number;
  /** The operand lies in the window, whole. */
  readonly inside?: boolean;
  /** LOCK makes sense. */
  readonly lock?: boolean;
  /** LOCK would make another instruction of it (AMD's LOCK MOV CR0 is MOV CR8). */
  readonly noLock?: boolean;
  /** F2 or F3 in front is ignored, or means repetition. */
  readonly repeat?: boolean;
  /** The operand-size prefix is left out. */
  readonly noOperandSize?: boolean;
  /** First changes to the state, before operands are addressed. */
  readonly prepare?: (random: Random, c: CaseView) => void;
  /** Last changes to registers, stack and window, when the code is complete. */
  readonly adjust?: (random: Random, c: CaseView, operandSize: number, length: number) => void;
}

/** An instruction being put together. */
export class Assembly {
  readonly bytes: number[] = [];

  push(value: number, count: number): void {
    for (let i = 0; i < count; i++) this.bytes.push((value >>> (8 * i)) & 0xff);
  }
}

/** The surroundings of the case being made: default sizes, and the segments. */
export interface Surroundings {
  readonly bits: 16 | 32;
  /** Base of the segments that reach the window, and of the code segment. */
  readonly dataBase: number;
  readonly codeBase: number;
  /** es cs ss ds fs gs, when not the flat ones. */
  readonly selectors?: readonly number[];
  /** Offsets near which segments end. */
  readonly edges?: readonly number[];
}

/** The usual ones: 32-bit code in flat segments. */
export const flat: Surroundings = { bits: 32, dataBase: 0, codeBase: 0 };
/** Those in force; see inSurroundings(). */
export let around = flat;

/** Make cases in other surroundings. */
export function inSurroundings(others: Surroundings, make: () => void): void {
  around = others;
  try {
    make();
  } finally {
    around = flat;
  }
}

/** An offset in the data segments: mostly in the window, sometimes at its end, at a segment's, or out of the page. */
export function windowAddress(random: Random, size: number): number {
  if (around.edges !== undefined && random.oneIn(4)) return random.pick(around.edges) + 2 - random.below(size + 4);
  if (random.oneIn(20)) return Place.window + Place.windowBytes - random.below(size + 1) - around.dataBase;
  if (random.oneIn(40)) return Place.nothing - random.below(size + 2) - around.dataBase;
  return Place.window + random.below(Place.windowBytes - size) - around.dataBase;
}

/** Base and index registers of the 16-bit addressing modes, by ModRM's low bits. */
const modes16 = [[3, 6], [3, 7], [5, 6], [5, 7], [6], [7], [5], [3]] as const;

/** A 16-bit addressing mode whose registers are then set so that it reaches `target`. */
function memoryOperand16(random: Random, c: CaseView, out: Assembly, middle: number, target: number): void {
  const mod = random.below(3);
  const rm = random.below(8);
  out.push((mod << 6) | (middle << 3) | rm, 1);
  if (mod === 0 && rm === 6) {
    out.push(target, 2);
    return;
  }
  const displacement = mod === 1 ? random.below(256) - 128 : mod === 2 ? random.word() & 0xffff : 0;
  const [base, index] = modes16[rm]!;
  let rest = target - displacement;
  if (index !== undefined) {
    const value = random.word();
    c.setRegister(index, value);
    rest -= value;
  }
  c.setRegister(base, ((random.word() & 0xffff_0000) | (rest & 0xffff)) >>> 0);
  out.push(displacement, mod);
}

/** A 32-bit addressing mode whose registers are then set so that it reaches `target`. */
function memoryOperand(random: Random, c: CaseView, out: Assembly, middle: number, target: number): void {
  const mod = random.below(3);
  const rm = random.below(8);
  const displacementBytes = mod === 1 ? 1 : mod === 2 ? 4 : 0;
  const displacement = mod === 1 ? random.below(256) - 128 : mod === 2 ? random.pick([0, 4, -4, 0x1234, -0x7654_321]) : 0;
  if (mod === 0 && rm === 5) {
    out.push((middle << 3) | rm, 1);
    out.push(target, 4);
    return;
  }
  if (rm !== 4) {
    out.push((mod << 6) | (middle << 3) | rm, 1);
    out.push(displacement, displacementBytes);
    c.setRegister(rm, (target - displacement) >>> 0);
    return;
  }
  const scale = random.below(4);
  const base = random.below(8);
  let index = random.below(8);
  // twice the same register reaches every address only with a displacement
  if (index === base && mod !== 2) index = 4;
  out.push((mod << 6) | (middle << 3) | rm, 1);
  out.push((scale << 6) | (index << 3) | base, 1);
  const noBase = mod === 0 && base === 5;
  let scaled = 0;
  if (index !== 4) {
    if (index === base && !noBase) {
      // the sum of both must hit: only some multiples do
      const factor = (1 << scale) + 1;
      const wanted = target - displacement;
      const value = Math.floor(wanted / factor);
      c.setRegister(base, value);
      out.push(displacement + (displacementBytes === 0 ? 0 : wanted - value * factor), displacementBytes);
      return;
    }
    const value = random.oneIn(3) ? random.word() : random.below(64);
    c.setRegister(index, value);
    scaled = value << scale;
  }
  if (noBase) {
    out.push(target - scaled, 4);
    return;
  }
  c.setRegister(base, (target - displacement - scaled) >>> 0);
  out.push(displacement, displacementBytes);
}

const segmentPrefixes = [0x26, 0x2e, 0x36, 0x3e, 0x3e, 0x36, 0x26, 0x64, 0x65];

/** Start a case with everything at random. */
export function randomState(random: Random, c: CaseView): void {
  plainStart(c);
  for (let r = 0; r < 8; r++) c.setRegister(r, interestingWord(random));
  c.setRegister(Register.esp, (Place.window + 64 + random.below(128) - around.dataBase) >>> 0);
  c.setWord(Case.eip, Place.code - around.codeBase);
  around.selectors?.forEach((selector, register) => c.setSelector(register, selector));
  let flags = startEflags | (random.word() & arithmeticFlags);
  if (random.oneIn(8)) flags |= Flag.df;
  if (random.oneIn(16)) flags |= Flag.id;
  if (random.oneIn(32)) flags |= Flag.ac;
  c.setWord(Case.eflags, flags);
  for (let i = 0; i < Place.windowBytes; i += 4) c.setWord(Case.window + i, interestingWord(random));
}

/** Make a case of an instruction of this form. */
export function makeForm(form: Form, random: Random, c: CaseView): void {
  randomState(random, c);
  form.prepare?.(random, c);
  const out = new Assembly();
  let operandSize = around.bits / 8;
  const prefixes: number[] = [];
  if (!form.noOperandSize && random.oneIn(3)) {
    operandSize = 6 - operandSize;
    prefixes.push(0x66);
  }
  const memory = form.modrm !== undefined && form.modrm !== 'register' && (form.modrm === 'memory' || random.oneIn(2));
  if (random.oneIn(12)) prefixes.push(random.pick(segmentPrefixes));
  if (random.oneIn(48) && form.immediate !== 'moffs') prefixes.push(0x67);
  if (!form.noLock && random.oneIn(form.lock ? (memory ? 4 : 40) : 100)) prefixes.push(0xf0);
  if (form.repeat && random.oneIn(2)) prefixes.push(random.pick([0xf2, 0xf3]));
  // the order of prefixes is free
  for (let i = prefixes.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [prefixes[i], prefixes[j]] = [prefixes[j]!, prefixes[i]!];
  }
  for (const prefix of prefixes) out.push(prefix, 1);
  const narrowAddress = prefixes.includes(0x67) !== (around.bits === 16);
  for (const byte of form.opcode) out.push(byte, 1);
  if (form.modrm !== undefined) {
    const middle = form.middle ?? random.below(8);
    if (!memory) {
      out.push(0xc0 | (middle << 3) | random.below(8), 1);
    } else {
      const inside = Place.window + 8 * random.below(Place.windowBytes / 8) - around.dataBase;
      const address = form.inside ? inside : windowAddress(random, form.size ?? 4);
      if (narrowAddress) memoryOperand16(random, c, out, middle, address);
      else memoryOperand(random, c, out, middle, address);
    }
  }
  const immediate = interestingWord(random);
  if (form.immediate === 'b') out.push(immediate, 1);
  else if (form.immediate === 'w') out.push(immediate, 2);
  else if (form.immediate === 'z') out.push(immediate, operandSize);
  else if (form.immediate === 'wb') out.push((random.below(64) & 0xffff) | (random.below(40) << 16), 3);
  else if (form.immediate === 'moffs') out.push(windowAddress(random, 4), narrowAddress ? 2 : 4);
  c.setCode(out.bytes);
  form.adjust?.(random, c, operandSize, out.bytes.length);
}
