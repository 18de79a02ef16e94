/*
 * A stack frame being built, possibly on a stack that is not in use yet. Interrupts and calls to an inner level push
 * onto the new stack while the old state still stands; only commitFrame() makes it the CPU's stack. Until then any push
 * may fault and nothing is lost.
 */
import { SystemType, segmentBase, segmentLimit } from '@lguest/descriptors';
import { busyBit, found, isNull, markAccessed, selectorErrorMask, setCache, typeOf } from './descriptor.js';
import { raise, Vector } from './fault.js';
import type { Processor } from './processor.js';
import { checkStackSegment } from './segmentation.js';
import { Access, Register, SegmentRegister, State } from './state.js';

const ESP = (State.gpr >> 2) + Register.esp;
const SS = (State.segments >> 2) + 4 * SegmentRegister.ss;
const TR = (State.segments >> 2) + 4 * SegmentRegister.tr;

/** The one frame under construction. */
const frame = {
  selector: 0, low: 0, high: 0,
  base: 0, limit: 0, access: 0,
  /** ESP so far, whole. */
  pointer: 0,
  /** -1 or 0xffff. */
  mask: 0,
  /** Pushes are supervisor accesses although CPL may still be 3. */
  system: false,
  /** Error code of #SS when the stack is too small. */
  error: 0,
};

/** Continue on the stack in use. `external` is the EXT bit for error codes. */
export function openCurrentFrame(cpu: Processor, external: number): void {
  const { i32 } = cpu;
  frame.base = i32[SS + 1]!;
  frame.limit = i32[SS + 2]!;
  frame.access = i32[SS + 3]!;
  frame.pointer = i32[ESP]!;
  frame.mask = (frame.access & Access.big) !== 0 ? -1 : 0xffff;
  frame.system = cpu.cpl !== 3;
  frame.error = external;
}

/** Offsets of SS0:ESP0 and its siblings in the two kinds of task state segment (SDM volume 3, 8.2.1 and 8.6). */
const tss32Stack = 4;
const tss32StackSize = 8;
const tss16Stack = 2;
const tss16StackSize = 4;

/** True when the current task state segment is a 32-bit one. */
export function isTss32(cpu: Processor): boolean {
  return (typeOf(cpu.i32[TR + 3]!) & ~(busyBit >>> 8)) === SystemType.tss32;
}

/** Start a frame on the stack that the task state segment holds for an inner privilege level. Raises #TS, #SS, #PF. */
export function openInnerFrame(cpu: Processor, cpl: number, external: number): void {
  const { i32 } = cpu;
  const wide = isTss32(cpu);
  const size = wide ? tss32StackSize : tss16StackSize;
  const offset = (wide ? tss32Stack : tss16Stack) + cpl * size;
  const used = wide ? 6 : 4;
  if (offset + used - 1 > i32[TR + 2]! >>> 0) raise(Vector.invalidTss, (i32[TR]! & selectorErrorMask) | external);
  const address = (i32[TR + 1]! + offset) >>> 0;
  const pointer = wide ? cpu.readSystem32(address) : cpu.readSystem16(address);
  const selector = cpu.readSystem16((address + (wide ? 4 : 2)) >>> 0);
  if (isNull(selector)) raise(Vector.invalidTss, external);
  checkStackSegment(cpu, selector, cpl, Vector.invalidTss, external);
  markAccessed(cpu, found.address, found.high);
  frame.selector = selector;
  frame.low = found.low;
  frame.high = found.high | Access.accessed;
  frame.base = segmentBase(found.low, found.high);
  frame.limit = segmentLimit(found.low, found.high);
  frame.access = found.high;
  frame.pointer = pointer | 0;
  frame.mask = (found.high & Access.big) !== 0 ? -1 : 0xffff;
  frame.system = true;
  frame.error = (selector & selectorErrorMask) | external;
}

/** Push 2 or 4 bytes. */
export function pushFrame(cpu: Processor, size: number, value: number): void {
  const { mask, limit, access } = frame;
  const offset = (frame.pointer - size) & mask;
  const last = (offset >>> 0) + size - 1;
  if ((access & Access.expandDown) !== 0) {
    if (offset >>> 0 <= limit >>> 0 || last > ((access & Access.big) !== 0 ? 0xffff_ffff : 0xffff)) raise(Vector.stack, frame.error);
  } else if (limit !== -1 && last > limit >>> 0) {
    raise(Vector.stack, frame.error);
  }
  const linear = (frame.base + offset) >>> 0;
  if (!frame.system) cpu.checkAlignment(linear, size);
  if (size === 4) {
    if (frame.system) cpu.writeSystem32(linear, value);
    else cpu.write32(linear, value);
  } else if (frame.system) {
    cpu.writeSystem16(linear, value);
  } else {
    cpu.write16(linear, value);
  }
  frame.pointer = (frame.pointer & ~mask) | offset;
}

/** Make the frame's stack pointer the CPU's; for an inner frame also its segment, whose RPL is the new level. */
export function commitFrame(cpu: Processor, inner: boolean): void {
  if (inner) setCache(cpu, SegmentRegister.ss, frame.selector, frame.low, frame.high);
  cpu.i32[ESP] = frame.pointer;
}

/** Read 2 or 4 bytes at a distance from the top of the current stack, without popping. Raises #SS(0), #PF. */
export function peekStack(cpu: Processor, distance: number, size: number): number {
  const offset = (cpu.i32[ESP]! + distance) & cpu.stackMask;
  return cpu.readSeg(SegmentRegister.ss, offset, size);
}
