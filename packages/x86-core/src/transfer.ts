/*S:230
 * Far transfers: jumps, calls and returns that load CS.
 *
 * A far pointer in protected mode may name a code segment (same privilege level), a call gate (possibly an inner
 * level, with parameters copied to the inner stack), a task gate or a TSS. Returns go to the same level or outwards;
 * on the way out segments too privileged for the outer level are taken away.
 */
import { SystemType, segmentLimit } from '@lguest/descriptors';
import {
  dplOf, found, isCode, isConformingCode, isNull, isPresent, isProtected, isVirtual8086, markAccessed,
  needDescriptor, Selector, selectorErrorMask, selectorOf, setCache, setCpl, setReal, setVirtual8086, typeOf,
} from './descriptor.js';
import { raise, Vector } from './fault.js';
import { applyEflags, changeable, changeableByReturn, ioplOf } from './flag-access.js';
import { commitFrame, openCurrentFrame, openInnerFrame, peekStack, pushFrame } from './frame.js';
import type { Processor } from './processor.js';
import { checkStackSegment, dropInnerSegments } from './segmentation.js';
import { Access, Eflags, Register, SegmentRegister, State } from './state.js';
import { previousTask, switchTask, TaskSwitch } from './task.js';

const EIP = State.eip >> 2;
const ESP = (State.gpr >> 2) + Register.esp;
const CS = (State.segments >> 2) + 4 * SegmentRegister.cs;
/** Call gates: the number of parameters, in the high word. */
const parameterCount = 0x1f;

/** JMP ptr16:16/32. `next` is the address after the instruction (a task that is switched away goes on there). */
export function jumpFar(cpu: Processor, selector: number, offset: number, next: number): void {
  if (!isProtected(cpu)) {
    setPlainCode(cpu, selector, offset);
    return;
  }
  if (isNull(selector)) raise(Vector.protection);
  needDescriptor(cpu, selector, Vector.protection);
  if ((found.high & Access.notSystem) === 0) {
    transferThroughSystem(cpu, selector, TaskSwitch.jump, next);
    return;
  }
  checkDirectCode(cpu, selector, true);
  enterCode(cpu, (selector & ~Selector.rplMask) | cpu.cpl, offset);
}

/** CALL ptr16:16/32 with operands of `size` bytes. */
export function callFar(cpu: Processor, selector: number, offset: number, size: number, next: number): void {
  if (!isProtected(cpu)) {
    if (offset >>> 0 > cpu.i32[CS + 2]! >>> 0) raise(Vector.protection);
    pushReturn(cpu, size, next);
    setPlainCode(cpu, selector, offset);
    return;
  }
  if (isNull(selector)) raise(Vector.protection);
  needDescriptor(cpu, selector, Vector.protection);
  if ((found.high & Access.notSystem) === 0) {
    transferThroughSystem(cpu, selector, TaskSwitch.call, next);
    return;
  }
  checkDirectCode(cpu, selector, true);
  callSameLevel(cpu, selector, offset, size, next);
}

/** Real-address and virtual-8086 mode: any selector will do. */
function setPlainCode(cpu: Processor, selector: number, offset: number): void {
  if (offset >>> 0 > cpu.i32[CS + 2]! >>> 0) raise(Vector.protection);
  if (isVirtual8086(cpu)) setVirtual8086(cpu, SegmentRegister.cs, selector);
  else setReal(cpu, SegmentRegister.cs, selector);
  cpu.i32[EIP] = offset;
  cpu.jumped = true;
  cpu.updateMode();
}

/**
 * Checks of the code segment in `found`, reached without a change of level. A pointer's RPL counts, a gate's does not.
 */
function checkDirectCode(cpu: Processor, selector: number, rplCounts: boolean): void {
  const { high } = found;
  const error = selector & selectorErrorMask;
  const cpl = cpu.cpl;
  if (!isCode(high)) raise(Vector.protection, error);
  if (isConformingCode(high)) {
    if (dplOf(high) > cpl) raise(Vector.protection, error);
  } else if (dplOf(high) !== cpl || (rplCounts && (selector & Selector.rplMask) > cpl)) {
    raise(Vector.protection, error);
  }
  if (!isPresent(high)) raise(Vector.notPresent, error);
}

/** Go to an offset of the code segment in `found`. `selector` already has the new level as its RPL. */
function enterCode(cpu: Processor, selector: number, offset: number): void {
  const { low, high, address } = found;
  if (offset >>> 0 > segmentLimit(low, high) >>> 0) raise(Vector.protection);
  markAccessed(cpu, address, high);
  setCache(cpu, SegmentRegister.cs, selector, low, high | Access.accessed);
  cpu.i32[EIP] = offset;
  cpu.jumped = true;
  cpu.updateMode();
}

function callSameLevel(cpu: Processor, selector: number, offset: number, size: number, next: number): void {
  if (offset >>> 0 > segmentLimit(found.low, found.high) >>> 0) raise(Vector.protection);
  markAccessed(cpu, found.address, found.high);
  pushReturn(cpu, size, next);
  enterCode(cpu, (selector & ~Selector.rplMask) | cpu.cpl, offset);
}

function pushReturn(cpu: Processor, size: number, next: number): void {
  openCurrentFrame(cpu, 0);
  pushFrame(cpu, size, selectorOf(cpu, SegmentRegister.cs));
  pushFrame(cpu, size, next);
  commitFrame(cpu, false);
}

/** The far pointer names a gate or a TSS, now in `found`. */
function transferThroughSystem(cpu: Processor, selector: number, kind: number, next: number): void {
  const { low, high } = found;
  const error = selector & selectorErrorMask;
  const type = typeOf(high);
  const tss = type === SystemType.tss16 || type === SystemType.tss32;
  const callGate = type === SystemType.callGate16 || type === SystemType.callGate32;
  if (!tss && !callGate && type !== SystemType.taskGate) raise(Vector.protection, error);
  if (dplOf(high) < Math.max(cpu.cpl, selector & Selector.rplMask)) raise(Vector.protection, error);
  if (tss) {
    switchTask(cpu, selector, kind, 0, next);
    return;
  }
  if (!isPresent(high)) raise(Vector.notPresent, error);
  if (type === SystemType.taskGate) {
    switchTask(cpu, low >>> 16, kind, 0, next);
    return;
  }
  const wide = type === SystemType.callGate32;
  const offset = wide ? (low & 0xffff) | (high & 0xffff_0000) : low & 0xffff;
  throughCallGate(cpu, low >>> 16, offset, wide ? 4 : 2, high & parameterCount, kind, next);
}

function throughCallGate(
  cpu: Processor, selector: number, offset: number, size: number, parameters: number, kind: number, next: number,
): void {
  if (isNull(selector)) raise(Vector.protection);
  needDescriptor(cpu, selector, Vector.protection);
  const { high } = found;
  const error = selector & selectorErrorMask;
  if (kind === TaskSwitch.jump) {
    checkDirectCode(cpu, selector, false);
    enterCode(cpu, (selector & ~Selector.rplMask) | cpu.cpl, offset);
    return;
  }
  if (!isCode(high) || dplOf(high) > cpu.cpl) raise(Vector.protection, error);
  if (!isPresent(high)) raise(Vector.notPresent, error);
  if (isConformingCode(high) || dplOf(high) === cpu.cpl) callSameLevel(cpu, selector, offset, size, next);
  else callInnerLevel(cpu, selector, offset, size, parameters, next);
}

function callInnerLevel(
  cpu: Processor, selector: number, offset: number, size: number, parameters: number, next: number,
): void {
  const { low, high, address } = found;
  const { i32 } = cpu;
  const newCpl = dplOf(high);
  openInnerFrame(cpu, newCpl, 0);
  if (offset >>> 0 > segmentLimit(low, high) >>> 0) raise(Vector.protection);
  pushFrame(cpu, size, selectorOf(cpu, SegmentRegister.ss));
  pushFrame(cpu, size, i32[ESP]!);
  for (let i = parameters - 1; i >= 0; i--) pushFrame(cpu, size, peekStack(cpu, i * size, size));
  pushFrame(cpu, size, selectorOf(cpu, SegmentRegister.cs));
  pushFrame(cpu, size, next);
  markAccessed(cpu, address, high);

  commitFrame(cpu, true);
  setCache(cpu, SegmentRegister.cs, (selector & ~Selector.rplMask) | newCpl, low, high | Access.accessed);
  setCpl(cpu, newCpl);
  i32[EIP] = offset;
  cpu.jumped = true;
  cpu.updateMode();
}

/**
 * Check the selector a return pops for CS and leave its descriptor in `found`. The selector's RPL becomes the new level.
 */
function checkReturnCode(cpu: Processor, selector: number): void {
  if (isNull(selector)) raise(Vector.protection);
  needDescriptor(cpu, selector, Vector.protection);
  const { high } = found;
  const error = selector & selectorErrorMask;
  const rpl = selector & Selector.rplMask;
  if (rpl < cpu.cpl || !isCode(high)) raise(Vector.protection, error);
  if (isConformingCode(high) ? dplOf(high) > rpl : dplOf(high) !== rpl) raise(Vector.protection, error);
  if (!isPresent(high)) raise(Vector.notPresent, error);
}

/** RETF, releasing `extra` bytes of parameters. */
export function returnFar(cpu: Processor, size: number, extra: number): void {
  const eip = peekStack(cpu, 0, size);
  // Intel's processors read no more than the selector
  const selector = peekStack(cpu, size, cpu.undefinedResults === 'intel' ? 2 : size) & 0xffff;
  const popped = 2 * size + extra;
  if (!isProtected(cpu)) {
    const top = cpu.i32[ESP]! + popped;
    setPlainCode(cpu, selector, eip);
    cpu.setStackPointer(top);
    return;
  }
  checkReturnCode(cpu, selector);
  if ((selector & Selector.rplMask) > cpu.cpl) {
    returnOutwards(cpu, selector, eip, popped, size, extra);
    return;
  }
  enterCode(cpu, selector, eip);
  cpu.setStackPointer(cpu.i32[ESP]! + popped);
}

/**
 * Return to an outer level: the code descriptor is in `found`, SS:ESP lie `distance` bytes above the stack pointer.
 * Nothing has changed when it raises.
 */
function returnOutwards(
  cpu: Processor, selector: number, eip: number, distance: number, size: number, extra: number,
): void {
  const { low, high, address } = found;
  const { i32 } = cpu;
  const rpl = selector & Selector.rplMask;
  const esp = peekStack(cpu, distance, size);
  const ss = peekStack(cpu, distance + size, size) & 0xffff;
  if (isNull(ss)) raise(Vector.protection);
  checkStackSegment(cpu, ss, rpl, Vector.protection, 0);
  const stackLow = found.low;
  const stackHigh = found.high;
  if (eip >>> 0 > segmentLimit(low, high) >>> 0) raise(Vector.protection);
  markAccessed(cpu, found.address, stackHigh);
  markAccessed(cpu, address, high);

  setCache(cpu, SegmentRegister.ss, ss, stackLow, stackHigh | Access.accessed);
  setCache(cpu, SegmentRegister.cs, selector, low, high | Access.accessed);
  setCpl(cpu, rpl);
  if (size === 4 && (stackHigh & Access.big) !== 0) i32[ESP] = esp + extra;
  else cpu.setStackPointer(esp + extra);
  i32[EIP] = eip;
  dropInnerSegments(cpu);
  cpu.jumped = true;
  cpu.updateMode();
}

/** IRET in all modes. `next` is the address after it, where a nested task that returns goes on when called again. */
export function interruptReturn(cpu: Processor, size: number, next: number): void {
  const { i32 } = cpu;
  if (isVirtual8086(cpu) && ioplOf(cpu) < 3) raise(Vector.protection);
  if (isProtected(cpu) && (i32[State.eflags >> 2]! & Eflags.nt) !== 0) {
    switchTask(cpu, previousTask(cpu), TaskSwitch.return, 0, next);
    return;
  }
  const eip = peekStack(cpu, 0, size);
  const selector = peekStack(cpu, size, size) & 0xffff;
  const flags = peekStack(cpu, 2 * size, size);
  if (!isProtected(cpu)) {
    const top = i32[ESP]! + 3 * size;
    const mask = changeable(cpu, size) | (size === 4 ? Eflags.rf : 0);
    setPlainCode(cpu, selector, eip);
    cpu.setStackPointer(top);
    applyEflags(cpu, flags, mask);
    return;
  }
  if (size === 4 && (flags & Eflags.vm) !== 0 && cpu.cpl === 0) {
    returnToVirtual8086(cpu, selector, eip, flags);
    return;
  }
  checkReturnCode(cpu, selector);
  const mask = changeableByReturn(cpu, size);
  if ((selector & Selector.rplMask) > cpu.cpl) {
    returnOutwards(cpu, selector, eip, 3 * size, size, 0);
  } else {
    enterCode(cpu, selector, eip);
    cpu.setStackPointer(i32[ESP]! + 3 * size);
  }
  applyEflags(cpu, flags, mask);
}

/** From level 0 into virtual-8086 mode: nine words, the last four being the data segments. */
function returnToVirtual8086(cpu: Processor, cs: number, eip: number, flags: number): void {
  const esp = peekStack(cpu, 12, 4);
  const ss = peekStack(cpu, 16, 4) & 0xffff;
  const es = peekStack(cpu, 20, 4) & 0xffff;
  const ds = peekStack(cpu, 24, 4) & 0xffff;
  const fs = peekStack(cpu, 28, 4) & 0xffff;
  const gs = peekStack(cpu, 32, 4) & 0xffff;
  const mask = changeableByReturn(cpu, 4) | Eflags.vm;
  setVirtual8086(cpu, SegmentRegister.cs, cs);
  setVirtual8086(cpu, SegmentRegister.ss, ss);
  setVirtual8086(cpu, SegmentRegister.es, es);
  setVirtual8086(cpu, SegmentRegister.ds, ds);
  setVirtual8086(cpu, SegmentRegister.fs, fs);
  setVirtual8086(cpu, SegmentRegister.gs, gs);
  cpu.i32[ESP] = esp;
  cpu.i32[EIP] = eip & 0xffff;
  setCpl(cpu, 3);
  cpu.jumped = true;
  applyEflags(cpu, flags, mask);
}
