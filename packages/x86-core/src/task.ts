/*S:260
 * Tasks: the hardware's own context switch.
 *
 * A task state segment holds everything a task needs to run. Jumping to one, calling one, taking an interrupt through
 * a task gate, or returning with NT set stores the CPU in the current TSS and loads it from another. Modern kernels
 * use it for one thing: to get a working stack when everything else has gone wrong (double faults).
 *
 * The switch has a point of no return. Faults before it belong to the old task and nothing has changed; faults while
 * the new segment registers are loaded belong to the new task, at its first instruction.
 */
import { SystemType, segmentBase, segmentLimit } from '@lguest/descriptors';
import {
  clearCache, dplOf, findDescriptor, found, isCode, isConformingCode, isNull, isPresent, markAccessed, markBusy,
  busyBit, Selector, selectorErrorMask, setCache, setVirtual8086, typeOf,
} from './descriptor.js';
import { raise, Vector } from './fault.js';
import { readEflags, writeEflags } from './flags.js';
import { isTss32 } from './frame.js';
import { AccessKind } from './paging.js';
import type { Processor } from './processor.js';
import { checkStackSegment, loadDataSegment } from './segmentation.js';
import { Access, Cr0, Cr4, Eflags, SegmentRegister, State } from './state.js';

/** What brings a task switch about. */
export const TaskSwitch = { jump: 0, call: 1, interrupt: 2, return: 3 } as const;

/** Where things are in a TSS. Registers are in the encoding's order, segments es cs ss ds (fs gs). */
interface TssLayout {
  readonly word: 2 | 4;
  readonly eip: number;
  readonly eflags: number;
  readonly registers: number;
  readonly segments: number;
  readonly segmentCount: number;
  readonly ldt: number;
  /** Lowest limit the descriptor may have. */
  readonly limit: number;
}

/** SDM volume 3, figure 8-2. */
const tss32: TssLayout = { word: 4, eip: 32, eflags: 36, registers: 40, segments: 72, segmentCount: 6, ldt: 96, limit: 103 };
/** SDM volume 3, figure 8-10. */
const tss16: TssLayout = { word: 2, eip: 14, eflags: 16, registers: 18, segments: 34, segmentCount: 4, ldt: 42, limit: 43 };
const tss32Cr3 = 28;
const tss32Trap = 100;
/** DR7: local enables, which a task switch clears. */
const localBreakpoints = 0x155;
/** DR6.BT. */
const debugTaskSwitch = 1 << 15;
const TR = (State.segments >> 2) + 4 * SegmentRegister.tr;
const GPR = State.gpr >> 2;

/** Registers and selectors read from the new TSS before anything changes. */
const incoming = { eip: 0, eflags: 0, cr3: 0, ldt: 0, trap: 0, registers: new Int32Array(8), segments: new Int32Array(6) };

/** The link field of the current TSS: where IRET with NT set returns to. */
export function previousTask(cpu: Processor): number {
  return cpu.readSystem16(cpu.i32[TR + 1]! >>> 0);
}

/**
 * Switch to the task of a TSS selector. The caller has checked that the privilege level may.
 *
 * @param external EXT bit for error codes
 * @param returnEip where the old task goes on later
 */
export function switchTask(cpu: Processor, selector: number, kind: number, external: number, returnEip: number): void {
  const error = (selector & selectorErrorMask) | external;
  const vector = kind === TaskSwitch.return ? Vector.invalidTss : Vector.protection;
  if (isNull(selector) || (selector & Selector.table) !== 0 || !findDescriptor(cpu, selector)) raise(vector, error);
  const { low, high, address } = found;
  const available = kind === TaskSwitch.return ? typeOf(high) & ~(busyBit >>> 8) : typeOf(high);
  if (available !== SystemType.tss16 && available !== SystemType.tss32) raise(vector, error);
  if (kind === TaskSwitch.return && (high & busyBit) === 0) raise(vector, error);
  if (!isPresent(high)) raise(Vector.notPresent, error);
  const layout = available === SystemType.tss32 ? tss32 : tss16;
  if (segmentLimit(low, high) >>> 0 < layout.limit) raise(Vector.invalidTss, error);

  const base = segmentBase(low, high) >>> 0;
  readIncoming(cpu, layout, base);
  const nested = kind === TaskSwitch.call || kind === TaskSwitch.interrupt;
  const oldBase = cpu.i32[TR + 1]! >>> 0;
  const oldLayout = isTss32(cpu) ? tss32 : tss16;
  const oldSelector = cpu.i32[TR]!;
  probeSystemWrite(cpu, oldBase, oldLayout.limit + 1);
  if (nested) probeSystemWrite(cpu, base, 2);

  // from here on nothing can fault before the new task stands
  const flags = readEflags(cpu.i32);
  saveOutgoing(cpu, oldLayout, oldBase, returnEip, kind === TaskSwitch.return ? flags & ~Eflags.nt : flags);
  if (!nested && findDescriptor(cpu, oldSelector)) markBusy(cpu, found.address, found.high, false);
  if (nested) cpu.writeSystem16(base, oldSelector);
  if (kind !== TaskSwitch.return) markBusy(cpu, address, high, true);
  setCache(cpu, SegmentRegister.tr, selector, low, high | busyBit);
  loadIncoming(cpu, layout, nested);
}

function readIncoming(cpu: Processor, layout: TssLayout, base: number): void {
  const read = (offset: number): number =>
    layout.word === 4 ? cpu.readSystem32((base + offset) >>> 0) : cpu.readSystem16((base + offset) >>> 0);
  incoming.eip = read(layout.eip);
  incoming.eflags = read(layout.eflags);
  for (let i = 0; i < 8; i++) incoming.registers[i] = read(layout.registers + i * layout.word);
  for (let i = 0; i < 6; i++) {
    incoming.segments[i] = i < layout.segmentCount ? read(layout.segments + i * layout.word) & 0xffff : 0;
  }
  incoming.ldt = read(layout.ldt) & 0xffff;
  incoming.cr3 = layout.word === 4 ? cpu.readSystem32((base + tss32Cr3) >>> 0) : 0;
  incoming.trap = layout.word === 4 ? cpu.readSystem16((base + tss32Trap) >>> 0) & 1 : 0;
}

function probeSystemWrite(cpu: Processor, linear: number, size: number): void {
  cpu.mmu.translate(linear, AccessKind.write, false);
  cpu.mmu.translate((linear + size - 1) >>> 0, AccessKind.write, false);
}

function saveOutgoing(cpu: Processor, layout: TssLayout, base: number, eip: number, eflags: number): void {
  const write = (offset: number, value: number): void => {
    if (layout.word === 4) cpu.writeSystem32((base + offset) >>> 0, value);
    else cpu.writeSystem16((base + offset) >>> 0, value);
  };
  write(layout.eip, eip);
  write(layout.eflags, eflags);
  for (let i = 0; i < 8; i++) write(layout.registers + i * layout.word, cpu.i32[GPR + i]!);
  for (let i = 0; i < layout.segmentCount; i++) {
    cpu.writeSystem16((base + layout.segments + i * layout.word) >>> 0, cpu.i32[(State.segments >> 2) + 4 * i]!);
  }
}

/** Make the new task the running one. Faults are the new task's. */
function loadIncoming(cpu: Processor, layout: TssLayout, nested: boolean): void {
  const { i32 } = cpu;
  const { segments, registers } = incoming;
  i32[State.cr0 >> 2] = i32[State.cr0 >> 2]! | Cr0.ts;
  i32[(State.dr >> 2) + 7] = i32[(State.dr >> 2) + 7]! & ~localBreakpoints;
  i32[State.eip >> 2] = incoming.eip;
  writeEflags(i32, nested ? incoming.eflags | Eflags.nt : incoming.eflags);
  for (let i = 0; i < 8; i++) i32[GPR + i] = registers[i]!;
  const v86 = (incoming.eflags & Eflags.vm) !== 0;
  const cs = segments[SegmentRegister.cs]!;
  i32[State.cpl >> 2] = v86 ? 3 : cs & Selector.rplMask;
  for (let i = 0; i < 6; i++) clearCache(cpu, i, segments[i]!);
  clearCache(cpu, SegmentRegister.ldtr, incoming.ldt);
  cpu.jumped = true;
  if (incoming.trap !== 0) cpu.debugStatus |= debugTaskSwitch;
  cpu.updateMode();
  if (layout.word === 4 && (i32[State.cr0 >> 2]! & Cr0.pg) !== 0) loadPageTables(cpu);
  try {
    loadTaskLdt(cpu);
    if (v86) {
      for (let i = 0; i < 6; i++) setVirtual8086(cpu, i, segments[i]!);
    } else {
      loadTaskCode(cpu, cs);
      loadTaskStack(cpu, segments[SegmentRegister.ss]!);
      for (const segment of [SegmentRegister.ds, SegmentRegister.es, SegmentRegister.fs, SegmentRegister.gs]) {
        loadDataSegment(cpu, segment, segments[segment]!, Vector.invalidTss);
      }
    }
  } finally {
    cpu.updateMode();
  }
  cpu.jump(incoming.eip);
}

function loadPageTables(cpu: Processor): void {
  const pae = (cpu.i32[State.cr4 >> 2]! & Cr4.pae) !== 0;
  if (pae && !cpu.mmu.loadPointers(incoming.cr3)) raise(Vector.invalidTss, cpu.i32[TR]! & selectorErrorMask);
  cpu.i32[State.cr3 >> 2] = incoming.cr3;
  cpu.mmu.flushAll(false);
}

function loadTaskLdt(cpu: Processor): void {
  const selector = incoming.ldt;
  if (isNull(selector)) return;
  const error = selector & selectorErrorMask;
  if ((selector & Selector.table) !== 0 || !findDescriptor(cpu, selector)) raise(Vector.invalidTss, error);
  if (typeOf(found.high) !== SystemType.ldt || !isPresent(found.high)) raise(Vector.invalidTss, error);
  setCache(cpu, SegmentRegister.ldtr, selector, found.low, found.high);
}

function loadTaskCode(cpu: Processor, selector: number): void {
  const error = selector & selectorErrorMask;
  if (isNull(selector) || !findDescriptor(cpu, selector)) raise(Vector.invalidTss, error);
  const { low, high, address } = found;
  const dpl = dplOf(high);
  if (!isCode(high) || (isConformingCode(high) ? dpl > cpu.cpl : dpl !== cpu.cpl)) raise(Vector.invalidTss, error);
  if (!isPresent(high)) raise(Vector.notPresent, error);
  markAccessed(cpu, address, high);
  setCache(cpu, SegmentRegister.cs, selector, low, high | Access.accessed);
}

function loadTaskStack(cpu: Processor, selector: number): void {
  if (isNull(selector)) raise(Vector.invalidTss, 0);
  checkStackSegment(cpu, selector, cpu.cpl, Vector.invalidTss, 0);
  const { low, high, address } = found;
  markAccessed(cpu, address, high);
  setCache(cpu, SegmentRegister.ss, selector, low, high | Access.accessed);
}
