/*
 * States a processor can be in.
 *
 * The owner sets registers directly, so nothing but these checks keeps a CPU out of states that no program could have
 * brought about and no manual describes. Each throws X86Error with the field's name, what is wrong with the value and
 * what would be right, before anything has changed. Whatever hardware could have produced passes: segments with the
 * limits of another mode ("unreal mode"), for instance, or selectors that real-address mode has left behind.
 */
import { X86Error } from './error.js';
import { Access, Cr0, Eflags, SegmentRegister } from './state.js';

/** A segment register as the processor caches it. */
export interface SegmentCache {
  /** 16 bits. */
  selector: number;
  /** Linear address. */
  base: number;
  /** In bytes, inclusive; 0xffffffff is 4 GiB. */
  limit: number;
  /** The descriptor's high word; bits 8..15 and 20..23 count. See Access. */
  access: number;
}

/** Bits of a descriptor's high word that a segment cache keeps. */
export const accessBits = 0x00f0_ff00;

const existingFlags = Eflags.arithmetic | Eflags.always | Eflags.tf | Eflags.if | Eflags.df | Eflags.iopl | Eflags.nt | Eflags.rf |
  Eflags.vm | Eflags.ac | Eflags.vif | Eflags.vip | Eflags.id;
const existingCr0 = Cr0.pe | Cr0.mp | Cr0.em | Cr0.ts | Cr0.et | Cr0.ne | Cr0.wp | Cr0.am | Cr0.nw | Cr0.cd | Cr0.pg;

const lowestSigned = -(2 ** 31);
const highestUnsigned = 2 ** 32 - 1;
const selectorMask = 0xffff;
const rplMask = 3;
/** In a selector: the local table. */
const localTable = 4;
/** Greatest limit without granularity: 20 bits. */
const byteLimit = 0xf_ffff;
/** What granularity leaves of a limit's low bits: all ones. */
const pageMask = 0xfff;
const realLimit = 0xffff;
/** Type with the S bit. */
const typeMask = Access.notSystem | (0xf << 8);
const systemType = { ldt: 2 << 8, busyTss16: 3 << 8, busyTss32: 11 << 8 } as const;

const names = ['es', 'cs', 'ss', 'ds', 'fs', 'gs', 'ldtr', 'tr'] as const;

/** For messages. Anything that is no number is shown as it is. */
export function hex(value: number): string {
  return Number.isInteger(value) ? `${value < 0 ? '-' : ''}0x${Math.abs(value).toString(16)}` : String(value);
}

function impossible(sentence: string): never {
  throw new X86Error('bad-state', sentence);
}

function isIn(value: number, lowest: number, highest: number): boolean {
  return Number.isInteger(value) && value >= lowest && value <= highest;
}
function isWord(value: number): boolean { return isIn(value, lowestSigned, highestUnsigned); }
function noWord(field: string, value: number): string { return `${field} is ${hex(value)}: a whole number of 32 bits is wanted, signed or unsigned`; }
function beyond(field: string, value: number, highest: number): string { return `${field} is ${hex(value)}: a whole number from 0 to ${hex(highest)} is wanted`; }

/** A register's 32 bits, signed or unsigned. */
export function checkWord(field: string, value: number): void {
  if (!isWord(value)) impossible(noWord(field, value));
}

/** A whole number from 0 to `highest`. */
export function checkRange(field: string, value: number, highest: number): void {
  if (!isIn(value, 0, highest)) impossible(beyond(field, value, highest));
}

/** Which of the eight? */
export function checkSegmentRegister(register: number): void {
  if (!Number.isInteger(register) || register < 0 || register > SegmentRegister.tr)
    impossible(`there is no segment register ${register}; SegmentRegister names the eight there are`);
}

/** EFLAGS: reserved bits are 0; bit 1 is 1 whatever is written. VM needs protected mode. */
export function checkEflags(value: number, cr0: number): void {
  checkWord('eflags', value);
  const strange = value & ~existingFlags;
  if (strange !== 0) impossible(`eflags is ${hex(value)}: its bits ${hex(strange >>> 0)} are reserved and always 0; Eflags names the others`);
  if ((value & Eflags.vm) !== 0 && (cr0 & Cr0.pe) === 0)
    impossible(`eflags is ${hex(value)}: virtual-8086 mode (VM) is a part of protected mode; set cr0 with Cr0.pe first`);
}

/** CR0: paging is a part of protected mode, not-write-through goes with disabled caches. */
export function checkCr0(value: number, eflags: number): void {
  checkWord('cr0', value);
  const strange = value & ~existingCr0;
  if (strange !== 0) impossible(`cr0 is ${hex(value)}: its bits ${hex(strange >>> 0)} are reserved and always 0; Cr0 names the others`);
  if ((value & Cr0.pg) !== 0 && (value & Cr0.pe) === 0) impossible(`cr0 is ${hex(value)}: paging (PG) needs protected mode; set Cr0.pe, too`);
  if ((value & Cr0.nw) !== 0 && (value & Cr0.cd) === 0) impossible(`cr0 is ${hex(value)}: NW needs CD; set Cr0.cd, too`);
  if ((value & Cr0.pe) === 0 && (eflags & Eflags.vm) !== 0)
    impossible(`cr0 is ${hex(value)}: virtual-8086 mode (EFLAGS.VM) is a part of protected mode (PE); clear VM in eflags first`);
}

/** CR4: `existing` are the bits this CPU model has. */
export function checkCr4(value: number, existing: number): void {
  checkWord('cr4', value);
  const strange = value & ~existing;
  if (strange !== 0)
    impossible(`cr4 is ${hex(value)}: its bits ${hex(strange >>> 0)} do not exist on this CPU model, only ${hex(existing)} do; leave them out or choose another cpuid`);
}

function isCodeSegment(access: number): boolean {
  return (access & (Access.notSystem | Access.code)) === (Access.notSystem | Access.code);
}

/** Left behind by real-address mode, which puts no meaning into a selector's low bits. */
function isRealMode({ selector, base }: SegmentCache): boolean {
  return base >>> 0 === selector << 4;
}

/**
 * The privilege level that goes with a code segment in protected mode: its selector's, or, for a segment from
 * real-address mode, the one in its access bits.
 */
export function levelOf(code: SegmentCache): number {
  const dpl = (code.access & Access.dplMask) >>> Access.dplShift;
  return isRealMode(code) && (code.access & Access.present) !== 0 && (code.access & Access.expandDown) === 0 ? dpl : code.selector & rplMask;
}

// ── what is wrong with a segment, as the rest of a sentence that begins with its register. Undefined when nothing is: no words are made then. ──

/** The fields' ranges, and a limit that goes with its granularity. */
function wrongWithFields({ selector, base, limit, access }: SegmentCache): string | undefined {
  if (!isIn(selector, 0, selectorMask)) return beyond('selector', selector, selectorMask);
  if (!isWord(base)) return noWord('base', base);
  if (!isWord(limit)) return noWord('limit', limit);
  if (!isWord(access)) return noWord('access', access);
  const strange = access & ~accessBits;
  if (strange !== 0) return `access is ${hex(access)}: its bits ${hex(strange >>> 0)} are no part of it; only a descriptor's bits 8..15 and 20..23 are`;
  const granular = (access & Access.granular) !== 0;
  if (granular && (limit & pageMask) !== pageMask) return `limit is ${hex(limit)}: with granularity (Access.granular) a limit ends in 0xfff`;
  if (!granular && limit >>> 0 > byteLimit) return `limit is ${hex(limit)}: without granularity (Access.granular) it is at most ${hex(byteLimit)}`;
  return undefined;
}

/** Kinds of segment that a register can hold. */
function wrongWithKind(register: number, { selector, limit, access }: SegmentCache): string | undefined {
  const kind = wrongKind(register, limit, access);
  if (kind !== undefined) return `access is ${hex(access)}, which is ${kind}`;
  const isSystem = register === SegmentRegister.ldtr || register === SegmentRegister.tr;
  return isSystem && (selector & localTable) !== 0 ? `selector is ${hex(selector)}: its descriptor can only be in the GDT; clear bit 2` : undefined;
}

function wrongKind(register: number, limit: number, access: number): string | undefined {
  const type = access & typeMask;
  if (register === SegmentRegister.ldtr) return type === systemType.ldt ? undefined : 'no local descriptor table (type 2)';
  if (register === SegmentRegister.tr) return type === systemType.busyTss16 || type === systemType.busyTss32 ? undefined : 'no busy task state segment (type 3 or 11)';
  if ((access & Access.notSystem) === 0) return 'a system segment; set Access.notSystem';
  const code = isCodeSegment(access);
  const writable = (access & Access.writable) !== 0;
  if (register === SegmentRegister.cs) {
    // real-address and virtual-8086 mode put data into CS, of 64 KiB always
    const fromReal = !code && writable && (access & (Access.expandDown | Access.granular | Access.big)) === 0 && limit === realLimit;
    return code || fromReal ? undefined : 'no code segment; set Access.code';
  }
  if (register === SegmentRegister.ss)
    return code || !writable ? 'no writable data segment, as a stack must be; set Access.writable and leave Access.code out' : undefined;
  return code && !writable ? 'a code segment that cannot be read; set Access.writable, which for code means readable' : undefined;
}

/** In protected mode: what the selector asks for and what the descriptor allows. */
function wrongWithPrivilege(register: number, cache: SegmentCache): string | undefined {
  const { selector, access } = cache;
  if (isRealMode(cache)) return undefined;
  const dpl = (access & Access.dplMask) >>> Access.dplShift;
  const rpl = selector & rplMask;
  const conforming = isCodeSegment(access) && (access & Access.expandDown) !== 0;
  const rule = brokenRule(register, conforming, dpl, rpl);
  return rule && `its descriptor's privilege level is ${dpl}, its selector's ${rpl}: ${rule}`;
}

function brokenRule(register: number, conforming: boolean, dpl: number, rpl: number): string | undefined {
  if (register === SegmentRegister.cs) {
    if (conforming) return dpl > rpl ? 'conforming code must not be less privileged than who runs it' : undefined;
    return dpl !== rpl ? 'for code both must be the same' : undefined;
  }
  if (register === SegmentRegister.ss) return dpl !== rpl ? 'for a stack both must be the same' : undefined;
  return !conforming && dpl < rpl ? 'the selector must not be less privileged than the descriptor' : undefined;
}

function wrongWithSegment(register: number, cache: SegmentCache, isProtected: boolean): string | undefined {
  const wrong = wrongWithFields(cache);
  if (wrong !== undefined) return wrong;
  const { base, limit, access } = cache;
  if (access === 0 && base === 0 && limit === 0 && register !== SegmentRegister.tr) return undefined;
  if ((access & Access.present) === 0)
    return `access is ${hex(access)}: a segment that is not present cannot be loaded; set Access.present, or base, limit and access to 0 for an unusable segment${register === SegmentRegister.tr ? ' (which tr never is)' : ''}`;
  return wrongWithKind(register, cache) ?? (isProtected && register < SegmentRegister.ldtr ? wrongWithPrivilege(register, cache) : undefined);
}

/**
 * Can a segment register hold this? Unusable is the one thing that has no descriptor: base, limit and access 0.
 *
 * @param isProtected protected mode, not virtual-8086: there privilege levels count
 */
export function checkSegment(where: string, register: number, cache: SegmentCache, isProtected: boolean): void {
  checkSegmentRegister(register);
  const wrong = wrongWithSegment(register, cache, isProtected);
  if (wrong !== undefined) impossible(`${where}: ${names[register]}: ${wrong}`);
}
