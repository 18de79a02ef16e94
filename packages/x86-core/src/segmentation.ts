/*S:220
 * Loading segment registers.
 *
 * In protected mode a selector is a question put to a table: does this descriptor exist, is it of a kind this register
 * can hold, may this privilege level use it, is it present? Each "no" has an exception of its own, with the selector
 * as error code, and nothing has changed by then. The answer is kept in the register's hidden cache; the table is not
 * asked again.
 */
import { SystemType, segmentLimit } from '@lguest/descriptors';
import {
  clearCache, dplOf, findDescriptor, found, isCode, isConformingCode, isNull, isPresent, isProtected,
  isVirtual8086, isWritableData, markAccessed, markBusy, busyBit, needDescriptor, Selector, selectorErrorMask,
  setCache, setReal, setVirtual8086, typeOf,
} from './descriptor.js';
import { raise, Vector } from './fault.js';
import { readEflags, writeArithmeticFlags } from './flags.js';
import type { Processor } from './processor.js';
import { Access, Eflags, SegmentRegister, State } from './state.js';

/** Load ES, SS, DS, FS or GS with all checks of the current mode (SDM volume 2, MOV). */
export function loadSegment(cpu: Processor, segment: number, selector: number): void {
  if (!isProtected(cpu)) {
    if (isVirtual8086(cpu)) setVirtual8086(cpu, segment, selector);
    else setReal(cpu, segment, selector);
  } else if (segment === SegmentRegister.ss) {
    loadStackSegment(cpu, selector);
  } else {
    loadDataSegment(cpu, segment, selector);
    cpu.updateFlatness(segment);
    return;
  }
  cpu.updateMode();
}

function loadStackSegment(cpu: Processor, selector: number): void {
  if (isNull(selector)) raise(Vector.protection);
  checkStackSegment(cpu, selector, cpu.cpl, Vector.protection, 0);
  const { low, high, address } = found;
  markAccessed(cpu, address, high);
  setCache(cpu, SegmentRegister.ss, selector, low, high | Access.accessed);
}

/**
 * The checks of a stack selector for a privilege level, leaving its descriptor in `found`. `vector` is #GP where a
 * program names the selector, #TS where it comes from a task state segment.
 */
export function checkStackSegment(cpu: Processor, selector: number, cpl: number, vector: number, external: number): void {
  const error = (selector & selectorErrorMask) | external;
  if (!findDescriptor(cpu, selector)) raise(vector, error);
  const { high } = found;
  if ((selector & Selector.rplMask) !== cpl || !isWritableData(high) || dplOf(high) !== cpl) raise(vector, error);
  if (!isPresent(high)) raise(Vector.stack, error);
}

/** ES, DS, FS, GS. `vector` is #GP, or #TS within a task switch. */
export function loadDataSegment(cpu: Processor, segment: number, selector: number, vector: number = Vector.protection): void {
  if (isNull(selector)) {
    clearCache(cpu, segment, selector);
    return;
  }
  const error = selector & selectorErrorMask;
  needDescriptor(cpu, selector, vector);
  const { low, high, address } = found;
  const readable = (high & Access.notSystem) !== 0 && ((high & Access.code) === 0 || (high & Access.writable) !== 0);
  if (!readable) raise(vector, error);
  if (!isConformingCode(high) && dplOf(high) < Math.max(cpu.cpl, selector & Selector.rplMask)) raise(vector, error);
  if (!isPresent(high)) raise(Vector.notPresent, error);
  markAccessed(cpu, address, high);
  setCache(cpu, segment, selector, low, high | Access.accessed);
}

/**
 * After a return to an outer level: segments the new level may not use become null (SDM volume 3, 5.8.6). Null ones, which
 * may have had an RPL, become 0.
 */
export function dropInnerSegments(cpu: Processor): void {
  dropIfInner(cpu, SegmentRegister.es);
  dropIfInner(cpu, SegmentRegister.ds);
  dropIfInner(cpu, SegmentRegister.fs);
  dropIfInner(cpu, SegmentRegister.gs);
}

function dropIfInner(cpu: Processor, segment: number): void {
  const access = cpu.i32[(State.segments >> 2) + 4 * segment + 3]!;
  if ((access & Access.present) === 0 || (dplOf(access) < cpu.cpl && !isConformingCode(access))) clearCache(cpu, segment, 0);
}

/** LLDT: the selector of an LDT descriptor in the GDT, or null for none. The caller has checked CPL and mode. */
export function loadLdt(cpu: Processor, selector: number): void {
  if (isNull(selector)) {
    clearCache(cpu, SegmentRegister.ldtr, selector);
    return;
  }
  const error = selector & selectorErrorMask;
  if ((selector & Selector.table) !== 0) raise(Vector.protection, error);
  needDescriptor(cpu, selector, Vector.protection);
  if (typeOf(found.high) !== SystemType.ldt) raise(Vector.protection, error);
  if (!isPresent(found.high)) raise(Vector.notPresent, error);
  setCache(cpu, SegmentRegister.ldtr, selector, found.low, found.high);
}

/** LTR: the selector of an available TSS, which becomes busy. */
export function loadTaskRegister(cpu: Processor, selector: number): void {
  if (isNull(selector)) raise(Vector.protection);
  const error = selector & selectorErrorMask;
  if ((selector & Selector.table) !== 0) raise(Vector.protection, error);
  needDescriptor(cpu, selector, Vector.protection);
  const { low, high, address } = found;
  const type = typeOf(high);
  if (type !== SystemType.tss16 && type !== SystemType.tss32) raise(Vector.protection, error);
  if (!isPresent(high)) raise(Vector.notPresent, error);
  markBusy(cpu, address, high, true);
  setCache(cpu, SegmentRegister.tr, selector, low, high | busyBit);
}

/** Bits of SystemType that LAR and LSL answer for. */
const larTypes =
  (1 << SystemType.tss16) | (1 << SystemType.ldt) | (1 << SystemType.busyTss16) | (1 << SystemType.callGate16) |
  (1 << SystemType.taskGate) | (1 << SystemType.tss32) | (1 << SystemType.busyTss32) | (1 << SystemType.callGate32);
const lslTypes =
  (1 << SystemType.tss16) | (1 << SystemType.ldt) | (1 << SystemType.busyTss16) | (1 << SystemType.tss32) |
  (1 << SystemType.busyTss32);

/** Find a descriptor the current level may look at with LAR or LSL. */
function visible(cpu: Processor, selector: number, types: number): boolean {
  if (isNull(selector) || !findDescriptor(cpu, selector)) return false;
  const { high } = found;
  if ((high & Access.notSystem) === 0 && ((types >>> typeOf(high)) & 1) === 0) return false;
  return isConformingCode(high) || dplOf(high) >= Math.max(cpu.cpl, selector & Selector.rplMask);
}

/** What LAR shows of the high word. */
const larMask = 0x00ff_ff00;

/** LAR's result, or -1 for ZF = 0. */
export function accessRights(cpu: Processor, selector: number): number {
  return visible(cpu, selector, larTypes) ? found.high & larMask : -1;
}

/** LSL's result, or undefined for ZF = 0. */
export function visibleLimit(cpu: Processor, selector: number): number | undefined {
  return visible(cpu, selector, lslTypes) ? segmentLimit(found.low, found.high) : undefined;
}

/** VERR (write false) and VERW (write true): ZF. */
export function verifySegment(cpu: Processor, selector: number, write: boolean): boolean {
  if (isNull(selector) || !findDescriptor(cpu, selector)) return false;
  const { high } = found;
  if ((high & Access.notSystem) === 0) return false;
  if (write ? !isWritableData(high) : isCode(high) && (high & Access.writable) === 0) return false;
  return isConformingCode(high) || dplOf(high) >= Math.max(cpu.cpl, selector & Selector.rplMask);
}

/** Set ZF, leave the other arithmetic flags alone. */
export function setZeroFlag(cpu: Processor, zero: boolean): void {
  const flags = readEflags(cpu.i32);
  writeArithmeticFlags(cpu.i32, zero ? flags | Eflags.zf : flags & ~Eflags.zf);
}
