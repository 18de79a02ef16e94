/*
 * Do two answers to the same case agree?
 */
import { SegmentRegister } from '../src/state.js';
import { Case, type CaseView, Fx, Place } from './case.js';

const rpl = 3;
const resumeFlag = 0x1_0000;
const pageFault = 14;
const xmmBytes = 128;
const fetchFault = 16;
const pageMask = ~0xfff;
const registers = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'];
export const selectorNames = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'];
const hex = (value: number, digits = 8): string => (value >>> 0).toString(16).padStart(digits, '0');

/** An 80-bit number for people. */
export function show80(c: CaseView, i: number): string {
  const at = Case.fxsave + Fx.st + 16 * i;
  return `${hex(c.view.getUint16(at + 8, true), 4)}:${hex(c.word(at + 4))}${hex(c.word(at))}`;
}

/** Significand of ST(i) with the exponent above it, so that neighbours differ by one. */
function ordinal(c: CaseView, i: number): bigint {
  const at = Case.fxsave + Fx.st + 16 * i;
  const significand = (BigInt(c.word(at + 4)) << 32n) | BigInt(c.word(at));
  const top = c.view.getUint16(at + 8, true);
  return ((BigInt(top & 0x7fff) << 63n) | (significand & 0x7fff_ffff_ffff_ffffn)) * (top & 0x8000 ? -1n : 1n);
}

const c1 = 1 << 9;
const underflowFlag = 1 << 4;

/**
 * Do the answers of a transcendental function differ by no more than a unit in the last place of ST(0) and ST(1), and
 * in the rounding direction that C1 reports (and the underflow that depends on it)?
 */
export function withinOneUnit(real: CaseView, ours: CaseView): boolean {
  const adjusted = ours.copy();
  const loose = c1 | underflowFlag;
  adjusted.setFx16(Fx.status, (adjusted.fx16(Fx.status) & ~loose) | (real.fx16(Fx.status) & loose));
  for (let i = 0; i < 2; i++) {
    const distance = ordinal(real, i) - ordinal(ours, i);
    if (distance < -1n || distance > 1n) return false;
    const at = Fx.st + 16 * i;
    adjusted.fxsave.set(real.fxsave.subarray(at, at + 10), at);
  }
  return differences(real, adjusted).length === 0;
}

/** ES, DS, FS and GS come through the kernel's return to the signal handler, which makes 0 of null selectors with an RPL. */
function nulledOnTheWay(register: number, real: number, ours: number): boolean {
  return register !== SegmentRegister.cs && register !== SegmentRegister.ss && real === 0 && (ours & ~rpl) === 0;
}

/**
 * What differs between the real processor's answer and ours, as `name real/ours` pairs; empty when nothing does.
 * `undefinedFlags` are flags that the manual leaves open for this instruction; `trapOnly`
 * compares no more than how it ended.
 */
export function differences(real: CaseView, ours: CaseView, undefinedFlags = 0, trapOnly = false): string[] {
  const found: string[] = [];
  const check = (name: string, a: number, b: number): void => {
    if (a !== b) found.push(`${name} ${hex(a)}/${hex(b)}`);
  };
  check('vector', real.word(Case.vector), ours.word(Case.vector));
  check('eip', real.word(Case.eip), ours.word(Case.eip));
  // Linux has no-execute on, which makes fetches tell themselves apart
  const fetchMask = real.word(Case.vector) === pageFault ? ~fetchFault : -1;
  check('error', real.word(Case.errorCode) & fetchMask, ours.word(Case.errorCode) & fetchMask);
  // the manual does not say which byte of a large operand CR2 names: the page counts
  if (real.word(Case.vector) === pageFault) check('cr2 page', real.word(Case.cr2) & pageMask, ours.word(Case.cr2) & pageMask);
  if (trapOnly) return found;
  for (let r = 0; r < 8; r++) check(registers[r]!, real.register(r), ours.register(r));
  const mask = ~(resumeFlag | undefinedFlags);
  check('eflags', real.word(Case.eflags) & mask, ours.word(Case.eflags) & mask);
  for (let i = 0; i < 6; i++) {
    if (!nulledOnTheWay(i, real.selector(i), ours.selector(i))) check(selectorNames[i]!, real.selector(i), ours.selector(i));
  }
  check('fcw', real.fx16(Fx.control), ours.fx16(Fx.control));
  check('fsw', real.fx16(Fx.status), ours.fx16(Fx.status));
  check('ftw', real.fxsave[Fx.tags]!, ours.fxsave[Fx.tags]!);
  for (let i = 0; i < 8; i++) {
    const [a, b] = [show80(real, i), show80(ours, i)];
    if (a !== b) found.push(`st${i} ${a}/${b}`);
  }
  check('mxcsr', real.word(Case.fxsave + Fx.mxcsr), ours.word(Case.fxsave + Fx.mxcsr));
  for (let i = 0; i < xmmBytes; i += 4) check(`xmm${i >> 4}.${(i >> 2) & 3}`, real.word(Case.fxsave + Fx.xmm + i), ours.word(Case.fxsave + Fx.xmm + i));
  for (let i = 0; i < Place.windowBytes; i++) {
    if (real.window[i] !== ours.window[i]) check(`[${i}]`, real.window[i]!, ours.window[i]!);
  }
  return found;
}
