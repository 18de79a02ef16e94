/*S:250
 * The beaten path of a system call.
 *
 * A program that calls its kernel makes the same two moves over and over: through a 32-bit gate to an inner level, and
 * back with IRET. The general code for them (interrupt.ts, transfer.ts) asks some forty questions. Here the usual
 * answers are recognised by a few comparisons of whole words: all segments flat and already accessed, the frame inside
 * one page that is plainly accessible. Anything else is answered with "no, nothing done", and the general code runs.
 */
import { readEflags, writeEflags } from './flags.js';
import type { Processor } from './processor.js';
import { Access, Eflags, Layout, Mode, Register, SegmentRegister, State } from './state.js';

const ESP = (State.gpr >> 2) + Register.esp;
const SEGMENTS = State.segments >> 2;
const CS = SEGMENTS + 4 * SegmentRegister.cs;
const SS = SEGMENTS + 4 * SegmentRegister.ss;
const DS = SEGMENTS + 4 * SegmentRegister.ds;
const ES = SEGMENTS + 4 * SegmentRegister.es;
const FS = SEGMENTS + 4 * SegmentRegister.fs;
const GS = SEGMENTS + 4 * SegmentRegister.gs;
const TR = SEGMENTS + 4 * SegmentRegister.tr;
const MODE = State.mode >> 2;
const FLAGS = State.eflags >> 2;
const GDT_BASE = State.gdtBase >> 2;
const GDT_LIMIT = State.gdtLimit >> 2;
const supervisorRead = Layout.tlbReadSupervisor >>> 2;
const supervisorWrite = Layout.tlbWriteSupervisor >>> 2;

const pageMask = 0xfff;
const entrySize = 8;
/** A flat segment's low word: limit 0xfffff, base 0; and the rest of that in its high word, with G and D/B set. */
const flatLow = 0xffff;
const flatHigh = 0x000f_0000 | Access.big | Access.granular;
/** High words of a flat 32-bit code (not conforming) and a flat writable stack segment, used before, DPL left out. */
const plainCode = flatHigh | Access.present | Access.notSystem | Access.code | Access.accessed;
const plainStack = flatHigh | Access.present | Access.notSystem | Access.writable | Access.accessed;
/** What may differ among them: DPL; whether the code is readable. */
const codeMask = ~(Access.dplMask | Access.writable);
const stackMask = ~Access.dplMask;
const cacheMask = 0x00f0_ff00;

/** The busy or available 32-bit TSS type in an access word; the busy bit is left out. */
const tssTypeMask = Access.present | (0x1d << 8);
const tssType = Access.present | (9 << 8);
const tssStack0 = 4;
const tssStackSize = 8;

/** Selectors must name the GDT. */
const inLdt = 4;
const noLimit = -1;

/** Index into i32 of a GDT entry, by way of the read table; -1 when it is not plainly there. */
function entryOf(cpu: Processor, selector: number): number {
  const { i32 } = cpu;
  const index = selector & ~7;
  if ((selector & inLdt) !== 0 || index === 0 || index + 7 > i32[GDT_LIMIT]!) return -1;
  const linear = i32[GDT_BASE]! + index;
  const e = i32[supervisorRead + (linear >>> 12)]!;
  if (((e | linear) & pageMask) > 0x1000 - entrySize || (linear & 3) !== 0) return -1;
  return (e ^ linear) >>> 2;
}

/**
 * Through a 32-bit interrupt or trap gate to an inner level, up to the new EIP. False: nothing done.
 *
 * @param gateFlags EFLAGS bits to clear beside TF, NT, RF and VM: IF for an interrupt gate
 */
export function enterQuickly(
  cpu: Processor, selector: number, eip: number, gateFlags: number, hasError: boolean, errorCode: number,
  returnEip: number, rf: number,
): boolean {
  const { i32 } = cpu;
  const mode = i32[MODE]!;
  const code = entryOf(cpu, selector);
  if ((mode & Mode.fast) === 0 || code < 0) return false;
  const codeHigh = i32[code + 1]!;
  const level = (codeHigh >>> Access.dplShift) & 3;
  if (i32[code] !== flatLow || (codeHigh & codeMask) !== plainCode || level >= i32[State.cpl >> 2]!) return false;

  // the inner stack, from the TSS
  const stackOffset = tssStack0 + level * tssStackSize;
  if ((i32[TR + 3]! & tssTypeMask) !== tssType || stackOffset + 7 > i32[TR + 2]! >>> 0) return false;
  const tss = i32[TR + 1]! + stackOffset;
  const t = i32[supervisorRead + (tss >>> 12)]!;
  if (((t | tss) & pageMask) > 0x1000 - tssStackSize || (tss & 3) !== 0) return false;
  const esp = i32[(t ^ tss) >>> 2]!;
  const ss = i32[((t ^ tss) >>> 2) + 1]! & 0xffff;
  const stack = entryOf(cpu, ss);
  if (stack < 0 || (ss & 3) !== level) return false;
  const stackHigh = i32[stack + 1]!;
  if (i32[stack] !== flatLow || (stackHigh & stackMask) !== plainStack || ((stackHigh >>> Access.dplShift) & 3) !== level) return false;

  const size = hasError ? 24 : 20;
  const frame = esp - size;
  const e = i32[supervisorWrite + (frame >>> 12)]!;
  if (((e | frame) & pageMask) > 0x1000 - size || (frame & 3) !== 0) return false;

  let at = (e ^ frame) >>> 2;
  if (hasError) i32[at++] = errorCode;
  i32[at] = returnEip;
  i32[at + 1] = i32[CS]!;
  i32[at + 2] = readEflags(i32) | rf;
  i32[at + 3] = i32[ESP]!;
  i32[at + 4] = i32[SS]!;

  i32[ESP] = frame;
  setFlat(i32, SS, ss, stackHigh);
  setFlat(i32, CS, (selector & ~3) | level, codeHigh);
  i32[State.eip >> 2] = eip;
  i32[FLAGS] = i32[FLAGS]! & ~(Eflags.tf | Eflags.nt | Eflags.rf | Eflags.vm | gateFlags);
  cpu.setLevel(level);
  setMode(cpu, (mode | Mode.flatSs) & ~Mode.alignmentCheck);
  return true;
}

/** What a 32-bit IRET may bring into EFLAGS here; images with other bits set take the general way. */
const unusual = Eflags.vm | Eflags.tf | Eflags.ac | Eflags.nt;
const returnable = Eflags.arithmetic | Eflags.df | Eflags.id;

/** IRET, 32-bit, to an outer level or the same one. False: nothing done. */
export function returnQuickly(cpu: Processor): boolean {
  const { i32 } = cpu;
  const mode = i32[MODE]!;
  const old = i32[FLAGS]!;
  if ((mode & (Mode.fast | Mode.flatSs)) !== (Mode.fast | Mode.flatSs) || (old & (Eflags.nt | Eflags.ac)) !== 0) return false;
  const esp = i32[ESP]!;
  const e = i32[(i32[State.tlbRead >> 2]! >>> 2) + (esp >>> 12)]!;
  if (((e | esp) & pageMask) > 0x1000 - 20 || (esp & 3) !== 0) return false;
  const at = (e ^ esp) >>> 2;
  const cs = i32[at + 1]! & 0xffff;
  const flags = i32[at + 2]!;
  const cpl = i32[State.cpl >> 2]!;
  const level = cs & 3;
  const code = entryOf(cpu, cs);
  if ((flags & unusual) !== 0 || code < 0 || level < cpl) return false;
  const codeHigh = i32[code + 1]!;
  if (i32[code] !== flatLow || (codeHigh & codeMask) !== plainCode || ((codeHigh >>> Access.dplShift) & 3) !== level) return false;

  let mask = returnable;
  if (cpl <= (old & Eflags.iopl) >>> Eflags.ioplShift) mask |= Eflags.if;
  if (cpl === 0) mask |= Eflags.iopl | Eflags.vif | Eflags.vip;
  if (level === cpl) {
    i32[ESP] = esp + 12;
  } else {
    const ss = i32[at + 4]! & 0xffff;
    const stack = entryOf(cpu, ss);
    if (stack < 0 || (ss & 3) !== level) return false;
    const stackHigh = i32[stack + 1]!;
    if (i32[stack] !== flatLow || (stackHigh & stackMask) !== plainStack || ((stackHigh >>> Access.dplShift) & 3) !== level) return false;
    if (isInner(i32[DS + 3]!, level) || isInner(i32[ES + 3]!, level) || isInner(i32[FS + 3]!, level) || isInner(i32[GS + 3]!, level)) return false;
    i32[ESP] = i32[at + 3]!;
    setFlat(i32, SS, ss, stackHigh);
    cpu.setLevel(level);
  }
  setFlat(i32, CS, cs, codeHigh);
  i32[State.eip >> 2] = i32[at]!;
  writeEflags(i32, (old & ~mask) | (flags & mask));
  cpu.jumped = true;
  return true;
}

/** A data segment that a return to `level` takes away, or may: conforming code is left to the general code. */
function isInner(access: number, level: number): boolean {
  return (access & Access.present) !== 0 && ((access >>> Access.dplShift) & 3) < level;
}

function setFlat(i32: Int32Array, cache: number, selector: number, high: number): void {
  i32[cache] = selector;
  i32[cache + 1] = 0;
  i32[cache + 2] = noLimit;
  i32[cache + 3] = high & cacheMask;
}

function setMode(cpu: Processor, mode: number): void {
  if (cpu.i32[MODE] === mode) return;
  cpu.i32[MODE] = mode;
  cpu.onModeChange();
}
