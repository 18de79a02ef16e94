/*
 * The register stack: which physical register is ST(i), whether it is in use, and what over- and underflow do.
 *
 * State.fpu holds the eight registers where the hardware has them (R0..R7); TOP has a word of its own. The tag
 * word is kept in FXSAVE's short form, one bit a register; the long form is computed when an instruction shows it.
 */
import type { Processor } from '../processor.js';
import { State } from '../state.js';
import { Control, Exception, env, raiseException, writeStatus } from './environment.js';
import { Float80, Kind, kindOf, setDefaultNan } from './float80.js';

const CONTROL = State.fpuControl >> 2;
const TOP = State.fpuTop >> 2;
const TAGS = State.fpuTags >> 2;

/** Bytes of a register in the state page, and the offsets of its parts. */
const slotBytes = 16;
const highOffset = 4;
const signOffset = 8;
const signMask = 0x8000;
const exponentMask = 0x7fff;

/** TOP: the physical register that is ST(0). */
export function topOf(cpu: Processor): number {
  return cpu.i32[TOP]!;
}

export function setTop(cpu: Processor, top: number): void {
  cpu.i32[TOP] = top & 7;
}

/** Is ST(i) in use? */
export function isUsed(cpu: Processor, i: number): boolean {
  return ((cpu.i32[TAGS]! >>> ((topOf(cpu) + i) & 7)) & 1) !== 0;
}

/** Mark ST(i) in use or empty. */
export function setUsed(cpu: Processor, i: number, used: boolean): void {
  const bit = 1 << ((topOf(cpu) + i) & 7);
  cpu.i32[TAGS] = used ? cpu.i32[TAGS]! | bit : cpu.i32[TAGS]! & ~bit;
}

/** Read a physical register, whatever its tag. */
export function readPhysical(cpu: Processor, register: number, out: Float80): void {
  const at = State.fpu + (register & 7) * slotBytes;
  const top = cpu.u16[(at + signOffset) >> 1]!;
  out.set(top >>> 15, top & exponentMask, cpu.u32[(at + highOffset) >> 2]!, cpu.u32[at >> 2]!);
}

/** Write a physical register without touching its tag. */
export function writePhysical(cpu: Processor, register: number, value: Float80): void {
  const at = State.fpu + (register & 7) * slotBytes;
  cpu.u32[at >> 2] = value.low;
  cpu.u32[(at + highOffset) >> 2] = value.high;
  cpu.u32[(at + signOffset) >> 2] = (value.sign ? signMask : 0) | value.exponent;
}

/** Read ST(i), whatever its tag. */
export function readStack(cpu: Processor, i: number, out: Float80): void {
  readPhysical(cpu, topOf(cpu) + i, out);
}

/** Write ST(i) and mark it in use. */
export function writeStack(cpu: Processor, i: number, value: Float80): void {
  writePhysical(cpu, topOf(cpu) + i, value);
  setUsed(cpu, i, true);
}

/** Empty ST(0) and move TOP up. */
export function pop(cpu: Processor): void {
  setUsed(cpu, 0, false);
  setTop(cpu, topOf(cpu) + 1);
}

/** Move TOP down and fill the new ST(0). The caller has dealt with overflow. */
export function push(cpu: Processor, value: Float80): void {
  setTop(cpu, topOf(cpu) - 1);
  writeStack(cpu, 0, value);
}

/** Raise stack underflow: invalid with SF set and C1 clear. True when unmasked. */
export function stackUnderflow(): boolean {
  env.roundedUp = false;
  return raiseException(Exception.invalid | Exception.stackFault);
}

/** Raise stack overflow: invalid with SF and C1 set. True when unmasked. */
export function stackOverflow(): boolean {
  env.roundedUp = true;
  return raiseException(Exception.invalid | Exception.stackFault);
}

/** Push with the overflow check: the indefinite takes the value's place if ST(7) is in use. */
export function pushChecked(cpu: Processor, value: Float80): void {
  if (isUsed(cpu, 7)) {
    if (stackOverflow()) return;
    setDefaultNan(value);
  }
  push(cpu, value);
}

/** Two-bit tags of the long tag word. */
const Tag = { valid: 0, zero: 1, special: 2, empty: 3 } as const;
const scratch = new Float80();

/** The 16-bit tag word that FNSTENV and FNSAVE show. */
export function fullTagWord(cpu: Processor): number {
  let tags = 0;
  for (let register = 0; register < 8; register++) {
    let tag: number = Tag.empty;
    if ((cpu.i32[TAGS]! >>> register) & 1) {
      readPhysical(cpu, register, scratch);
      const kind = kindOf(scratch);
      tag = kind === Kind.normal ? Tag.valid : kind === Kind.zero ? Tag.zero : Tag.special;
    }
    tags |= tag << (register * 2);
  }
  return tags;
}

/** Take over a 16-bit tag word: only "empty or not" is remembered. */
export function setFullTagWord(cpu: Processor, tags: number): void {
  let used = 0;
  for (let register = 0; register < 8; register++) {
    if (((tags >>> (register * 2)) & Tag.empty) !== Tag.empty) used |= 1 << register;
  }
  cpu.i32[TAGS] = used;
}

/** FNINIT, and what a reset leaves behind. */
export function initialize(cpu: Processor): void {
  cpu.i32[CONTROL] = Control.reset;
  writeStatus(cpu.i32, 0);
  cpu.i32[TAGS] = 0;
  cpu.i32[State.fpuOpcode >> 2] = 0;
  cpu.i32[State.fpuEip >> 2] = 0;
  cpu.i32[State.fpuCs >> 2] = 0;
  cpu.i32[State.fpuData >> 2] = 0;
  cpu.i32[State.fpuDs >> 2] = 0;
}
