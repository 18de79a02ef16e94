/*
 * Descriptors in memory and their hidden copies in the CPU: how both engines' system instructions read a table entry,
 * take it apart, and load a segment cache from it. No check of type or privilege is made here.
 */
import { segmentBase, segmentLimit } from '@lguest/descriptors';
import { raise } from './fault.js';
import type { Processor } from './processor.js';
import { Access, Cr0, Eflags, SegmentField, SegmentRegister, State } from './state.js';

/** The parts of a selector (SDM volume 3, 3.4.2). */
export const Selector = { rplMask: 3, table: 4, indexMask: 0xfff8 } as const;

/** A selector as an exception's error code: RPL goes, the bit for "external" takes its place. */
export const selectorErrorMask = 0xfffc;

/** Bits of a descriptor's high word that a segment cache keeps. */
const accessWordMask = 0x00f0_ff00;
/** Type field with the S bit, in the high word. */
const typeShift = 8;
const typeMask = 0x1f;
/** Busy: bit 1 of a TSS type, in the high word. */
export const busyBit = 2 << typeShift;
/** Type, DPL and present: the byte in which Accessed and Busy are set. */
const accessByte = 5;

const SEGMENTS = State.segments >> 2;
const words = SegmentField.size >> 2;
const LDTR = SEGMENTS + words * SegmentRegister.ldtr;

/** What findDescriptor() found: the two words and the linear address they came from. Overwritten by each call. */
export const found = { low: 0, high: 0, address: 0 };

/**
 * Read the GDT or LDT entry of a selector into `found`. False when the index is outside the table or there is no LDT.
 * The null selector is for the caller to notice. May raise #PF.
 */
export function findDescriptor(cpu: Processor, selector: number): boolean {
  const { i32 } = cpu;
  let base: number;
  let limit: number;
  if ((selector & Selector.table) === 0) {
    base = i32[State.gdtBase >> 2]!;
    limit = i32[State.gdtLimit >> 2]!;
  } else {
    if ((i32[LDTR + 3]! & Access.present) === 0) return false;
    base = i32[LDTR + 1]!;
    limit = i32[LDTR + 2]!;
  }
  const index = selector & Selector.indexMask;
  if (index + 7 > limit >>> 0) return false;
  const address = (base + index) >>> 0;
  found.low = cpu.readSystem32(address) | 0;
  found.high = cpu.readSystem32((address + 4) >>> 0) | 0;
  found.address = address;
  return true;
}

/** findDescriptor(), with an exception of the caller's choice when there is none. `external` is 0 or 1. */
export function needDescriptor(cpu: Processor, selector: number, vector: number, external = 0): void {
  if (!findDescriptor(cpu, selector)) raise(vector, (selector & selectorErrorMask) | external);
}

/** True for selectors 0..3. */
export function isNull(selector: number): boolean {
  return (selector & selectorErrorMask) === 0;
}

/** Type with the S bit: 0..15 are SystemType, 16..31 data and code. */
export function typeOf(high: number): number {
  return (high >>> typeShift) & typeMask;
}

export function dplOf(high: number): number {
  return (high >>> Access.dplShift) & 3;
}

export function isPresent(high: number): boolean {
  return (high & Access.present) !== 0;
}

export function isCode(high: number): boolean {
  return (high & (Access.notSystem | Access.code)) === (Access.notSystem | Access.code);
}

export function isConformingCode(high: number): boolean {
  const bits = Access.notSystem | Access.code | Access.expandDown;
  return (high & bits) === bits;
}

export function isWritableData(high: number): boolean {
  return (high & (Access.notSystem | Access.code | Access.writable)) === (Access.notSystem | Access.writable);
}

/** Set the Accessed bit in the table when it is clear. A read-only table works as long as it is set already. */
export function markAccessed(cpu: Processor, address: number, high: number): void {
  if ((high & Access.accessed) === 0) cpu.writeSystem8((address + accessByte) >>> 0, ((high | Access.accessed) >>> 8) & 0xff);
}

/** Set or clear Busy of the TSS descriptor at this address. */
export function markBusy(cpu: Processor, address: number, high: number, busy: boolean): void {
  const value = busy ? high | busyBit : high & ~busyBit;
  cpu.writeSystem8((address + accessByte) >>> 0, (value >>> 8) & 0xff);
}

/** Fill a segment cache from descriptor words. The caller calls updateMode(). */
export function setCache(cpu: Processor, segment: number, selector: number, low: number, high: number): void {
  const { i32 } = cpu;
  const cache = SEGMENTS + words * segment;
  i32[cache] = selector;
  i32[cache + 1] = segmentBase(low, high);
  i32[cache + 2] = segmentLimit(low, high);
  i32[cache + 3] = high & accessWordMask;
}

/** Load a null selector: the segment cannot be used. */
export function clearCache(cpu: Processor, segment: number, selector: number): void {
  const { i32 } = cpu;
  const cache = SEGMENTS + words * segment;
  i32[cache] = selector;
  i32[cache + 1] = 0;
  i32[cache + 2] = 0;
  i32[cache + 3] = 0;
}

/** A segment of virtual-8086 mode: 64 KiB at selector times 16, readable and writable, privilege 3. */
export function setVirtual8086(cpu: Processor, segment: number, selector: number): void {
  const { i32 } = cpu;
  const cache = SEGMENTS + words * segment;
  i32[cache] = selector;
  i32[cache + 1] = selector << 4;
  i32[cache + 2] = 0xffff;
  i32[cache + 3] = Access.present | Access.dplMask | Access.notSystem | Access.writable | Access.accessed;
}

/** Real-address mode: only the base changes; a segment left unusable by protected mode becomes a plain one. */
export function setReal(cpu: Processor, segment: number, selector: number): void {
  const { i32 } = cpu;
  const cache = SEGMENTS + words * segment;
  i32[cache] = selector;
  i32[cache + 1] = selector << 4;
  if ((i32[cache + 3]! & Access.present) === 0) {
    i32[cache + 2] = 0xffff;
    i32[cache + 3] = Access.present | Access.notSystem | Access.writable | Access.accessed;
  }
}

export function selectorOf(cpu: Processor, segment: number): number {
  return cpu.i32[SEGMENTS + words * segment]! & 0xffff;
}

/** CR0.PE set and EFLAGS.VM clear: selectors name descriptors. */
export function isProtected(cpu: Processor): boolean {
  return (cpu.i32[State.cr0 >> 2]! & Cr0.pe) !== 0 && (cpu.i32[State.eflags >> 2]! & Eflags.vm) === 0;
}

export function isVirtual8086(cpu: Processor): boolean {
  return (cpu.i32[State.eflags >> 2]! & Eflags.vm) !== 0;
}

/** Change the privilege level; the caller calls updateMode() when all is set. */
export function setCpl(cpu: Processor, cpl: number): void {
  cpu.i32[State.cpl >> 2] = cpl;
}
