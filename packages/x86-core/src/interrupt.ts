/*S:240
 * Interrupts and exceptions: the way in.
 *
 * A vector picks a gate from the IDT. The gate names a code segment; if that segment is more privileged than the
 * interrupted code, the task state segment supplies a fresh stack. The old flags, CS and EIP (with SS and ESP after a
 * change of stack, with the data segments after virtual-8086 mode) go onto the stack, and execution continues at the
 * gate's offset. Everything that can fault comes before the first change of state, so a fault on the way is a fault
 * of the interrupted instruction.
 *
 * One gate selector may belong to the CPU's owner (Processor.exitSelector). A trap through such a gate pushes nothing:
 * it ends the run, and the owner plays the handler.
 */
import { SystemType, segmentLimit } from '@lguest/descriptors';
import { endStep } from './debug.js';
import {
  clearCache, dplOf, found, isCode, isConformingCode, isNull, isPresent, isVirtual8086, markAccessed,
  needDescriptor, selectorErrorMask, selectorOf, setCache, setCpl, setReal, typeOf,
} from './descriptor.js';
import { ExitReason } from './exit.js';
import { CpuFault, pushesErrorCode, raise, Vector } from './fault.js';
import { clearForHandler, ioplOf } from './flag-access.js';
import { readEflags } from './flags.js';
import { commitFrame, isTss32, openCurrentFrame, openInnerFrame, pushFrame } from './frame.js';
import type { Processor } from './processor.js';
import { Access, Cr0, Eflags, Register, SegmentRegister, State } from './state.js';
import { switchTask, TaskSwitch } from './task.js';

const ESP = (State.gpr >> 2) + Register.esp;
const EIP = State.eip >> 2;
const gateSize = 8;
/** Bits of a gate's type: 32-bit rather than 16-bit, trap rather than interrupt. */
const wideGate = 8;
const trapBit = 1;
/** Bit 1 of an error code: the index is one of the IDT. */
const inIdt = 2;

/** Where a vector comes from. Hardware: exceptions and external interrupts; no gate DPL check, EXT set in error codes. */
export const Source = { hardware: 0, software: 1 } as const;

/**
 * Deliver a vector through the IDT. Raises a fault, with nothing changed, when that is impossible.
 *
 * @param returnEip where the handler returns to
 * @param rf EFLAGS.RF in the pushed image, or 0
 */
export function deliver(
  cpu: Processor, vector: number, source: number, hasError: boolean, errorCode: number, returnEip: number, rf: number,
): void {
  const { i32 } = cpu;
  if ((i32[State.cr0 >> 2]! & Cr0.pe) === 0) {
    deliverReal(cpu, vector, returnEip);
    return;
  }
  const external = source === Source.hardware ? 1 : 0;
  const offset = vector * gateSize;
  const gateError = offset | inIdt | external;
  if (offset + gateSize - 1 > i32[State.idtLimit >> 2]! >>> 0) raise(Vector.protection, gateError);
  const address = (i32[State.idtBase >> 2]! + offset) >>> 0;
  const low = cpu.readSystem32(address);
  const high = cpu.readSystem32((address + 4) >>> 0);
  const type = typeOf(high);
  // interrupt and trap gates: x1 11x; bit 0 tells them apart, bit 3 their width
  const plainGate = (type & ~(wideGate | trapBit)) === SystemType.interruptGate16;
  if (!plainGate && type !== SystemType.taskGate) raise(Vector.protection, gateError);
  if (source === Source.software && dplOf(high) < cpu.cpl) raise(Vector.protection, gateError);
  if (!isPresent(high)) raise(Vector.notPresent, gateError);
  const selector = low >>> 16;
  if ((selector & selectorErrorMask) === cpu.exitSelector) {
    exitByGate(cpu, vector, hasError, errorCode, returnEip);
    return;
  }
  if (plainGate) {
    const eip = (low & 0xffff) | ((type & wideGate) !== 0 ? high & 0xffff_0000 : 0);
    enterHandler(cpu, selector, eip, type, external, hasError, errorCode, returnEip, rf);
  } else {
    enterTask(cpu, selector, external, hasError, errorCode, returnEip);
  }
  cpu.deliveries[vector] = cpu.deliveries[vector]! + 1;
  entered(cpu);
}

/** Through an interrupt or trap gate. */
function enterHandler(
  cpu: Processor, selector: number, eip: number, type: number, external: number,
  hasError: boolean, errorCode: number, returnEip: number, rf: number,
): void {
  const { i32 } = cpu;
  if (isNull(selector)) raise(Vector.protection, external);
  needDescriptor(cpu, selector, Vector.protection, external);
  const { low, high, address } = found;
  const error = (selector & selectorErrorMask) | external;
  const cpl = cpu.cpl;
  const dpl = dplOf(high);
  if (!isCode(high) || dpl > cpl) raise(Vector.protection, error);
  if (!isPresent(high)) raise(Vector.notPresent, error);
  const v86 = isVirtual8086(cpu);
  const inner = !isConformingCode(high) && dpl < cpl;
  // out of virtual-8086 mode there is only one way: a handler of level 0
  if (v86 && (!inner || dpl !== 0)) raise(Vector.protection, error);
  const newCpl = inner ? dpl : cpl;
  const size = (type & wideGate) !== 0 ? 4 : 2;

  if (inner) openInnerFrame(cpu, newCpl, external);
  else openCurrentFrame(cpu, external);
  if (eip >>> 0 > segmentLimit(low, high) >>> 0) raise(Vector.protection, external);
  if (inner) {
    if (v86) {
      pushFrame(cpu, size, selectorOf(cpu, SegmentRegister.gs));
      pushFrame(cpu, size, selectorOf(cpu, SegmentRegister.fs));
      pushFrame(cpu, size, selectorOf(cpu, SegmentRegister.ds));
      pushFrame(cpu, size, selectorOf(cpu, SegmentRegister.es));
    }
    pushFrame(cpu, size, selectorOf(cpu, SegmentRegister.ss));
    pushFrame(cpu, size, i32[ESP]!);
  }
  pushFrame(cpu, size, readEflags(i32) | rf);
  pushFrame(cpu, size, selectorOf(cpu, SegmentRegister.cs));
  pushFrame(cpu, size, returnEip);
  if (hasError) pushFrame(cpu, size, errorCode);
  markAccessed(cpu, address, high);

  commitFrame(cpu, inner);
  setCache(cpu, SegmentRegister.cs, (selector & ~3) | newCpl, low, high | Access.accessed);
  i32[EIP] = eip;
  clearForHandler(cpu, (type & trapBit) === 0);
  if (v86) {
    clearCache(cpu, SegmentRegister.gs, 0);
    clearCache(cpu, SegmentRegister.fs, 0);
    clearCache(cpu, SegmentRegister.ds, 0);
    clearCache(cpu, SegmentRegister.es, 0);
  }
  setCpl(cpu, newCpl);
  cpu.updateMode();
}

/** Through a task gate: the handler is a task of its own, with the error code on its stack. */
function enterTask(
  cpu: Processor, selector: number, external: number, hasError: boolean, errorCode: number, returnEip: number,
): void {
  switchTask(cpu, selector, TaskSwitch.interrupt, external, returnEip);
  if (!hasError) return;
  if (isTss32(cpu)) cpu.push32(errorCode);
  else cpu.push16(errorCode);
}

/** Real-address mode: the table at IDTR holds far pointers; three words are pushed. */
function deliverReal(cpu: Processor, vector: number, returnEip: number): void {
  const { i32 } = cpu;
  const offset = vector * 4;
  if (offset + 3 > i32[State.idtLimit >> 2]! >>> 0) raise(Vector.protection);
  const pointer = cpu.readSystem32((i32[State.idtBase >> 2]! + offset) >>> 0);
  openCurrentFrame(cpu, 0);
  pushFrame(cpu, 2, readEflags(i32));
  pushFrame(cpu, 2, selectorOf(cpu, SegmentRegister.cs));
  pushFrame(cpu, 2, returnEip);
  commitFrame(cpu, false);
  setReal(cpu, SegmentRegister.cs, pointer >>> 16);
  i32[EIP] = pointer & 0xffff;
  i32[State.eflags >> 2] = i32[State.eflags >> 2]! & ~(Eflags.if | Eflags.tf | Eflags.ac | Eflags.rf);
  cpu.updateMode();
  cpu.deliveries[vector] = cpu.deliveries[vector]! + 1;
  entered(cpu);
}

/** The engine is to go on at the new State.eip, without the trap or shadow of the interrupted instruction. */
function entered(cpu: Processor): void {
  cpu.jumped = true;
  cpu.stepTrap = false;
  cpu.i32[State.shadow >> 2] = 0;
}

function exitByGate(cpu: Processor, vector: number, hasError: boolean, errorCode: number, returnEip: number): void {
  const { exit } = cpu;
  exit.vector = vector;
  exit.hasErrorCode = hasError;
  exit.errorCode = hasError ? errorCode : 0;
  cpu.i32[EIP] = returnEip;
  entered(cpu);
  cpu.requestExit(ExitReason.gate);
}

/** INT n, INT3, INTO: `next` is the address after the instruction. Raises with EIP still on the instruction. */
export function softwareInterrupt(cpu: Processor, vector: number, next: number): void {
  deliver(cpu, vector, Source.software, false, 0, next, 0);
}

/** INT n in virtual-8086 mode needs IOPL 3. INT3 and INTO do not ask. */
export function checkVirtual8086Interrupt(cpu: Processor): void {
  if (isVirtual8086(cpu) && ioplOf(cpu) < 3) raise(Vector.protection);
}

/**
 * Deliver a fault that raise() threw (or #DB) to the instruction at State.eip. A fault on the way makes it a double
 * fault where the manual says so, and a third one shuts the CPU down: then the run ends with ExitReason.shutdown.
 */
export function deliverException(cpu: Processor, vector: number, errorCode: number): void {
  let current = vector;
  let code = errorCode;
  for (;;) {
    try {
      const rf = current === Vector.debug ? 0 : Eflags.rf;
      deliver(cpu, current, Source.hardware, pushesErrorCode(current), code, cpu.i32[EIP]!, rf);
      return;
    } catch (fault) {
      if (!(fault instanceof CpuFault)) throw fault;
      if (current === Vector.doubleFault) {
        cpu.requestExit(ExitReason.shutdown);
        cpu.jumped = true;
        return;
      }
      if (makesDoubleFault(current, fault.vector)) {
        current = Vector.doubleFault;
        code = 0;
      } else {
        current = fault.vector;
        code = fault.errorCode;
      }
    }
  }
}

/** Deliver an interrupt from outside. The caller has looked at IF and the interrupt shadow. */
export function deliverExternal(cpu: Processor, vector: number): void {
  try {
    deliver(cpu, vector, Source.hardware, false, 0, cpu.i32[EIP]!, 0);
  } catch (fault) {
    if (!(fault instanceof CpuFault)) throw fault;
    deliverException(cpu, fault.vector, fault.errorCode);
  }
  // the handler may be a task that wants to be trapped
  if (cpu.debugStatus !== 0 && !cpu.hasLeft && endStep(cpu)) deliverException(cpu, Vector.debug, 0);
}

/** #DE, #TS, #NP, #SS, #GP (SDM volume 3, table 6-4). */
const contributory =
  (1 << Vector.divide) | (1 << Vector.invalidTss) | (1 << Vector.notPresent) | (1 << Vector.stack) | (1 << Vector.protection);

/** SDM volume 3, table 6-5. */
function makesDoubleFault(first: number, second: number): boolean {
  const secondContributes = ((contributory >>> second) & 1) !== 0;
  if (first === Vector.pageFault) return secondContributes || second === Vector.pageFault;
  return first < 32 && ((contributory >>> first) & 1) !== 0 && secondContributes;
}
