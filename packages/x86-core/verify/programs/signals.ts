/*
 * Signals: what an exception of the processor becomes, the program's handlers, the frame they are called with, and the
 * way back. Only signals that a program brings upon itself exist here.
 */
import type { Cpu } from '../../src/index.js';
import { PageFault, SegmentRegister, Vector } from '../../src/index.js';
import { State } from '../../src/state.js';
import type { AddressSpace } from './address-space.js';
import { CallError, Signal } from './abi.js';
import { fxsaveBytes, loadFpu, saveFpu, startFpu } from './fpu-image.js';

/** One sigaction(2). */
export interface Action {
  handler: number;
  flags: number;
  restorer: number;
  mask: bigint;
}

const Flags = { siginfo: 4, onStack: 0x0800_0000, noDefer: 0x4000_0000, resetHand: 0x8000_0000 } as const;
export const Handler = { default: 0, ignore: 1 } as const;
/** Signals whose default is to be ignored. */
const harmless: readonly number[] = [Signal.CHLD, Signal.CONT, Signal.URG, Signal.WINCH];

/** si_code of what an exception becomes (asm-generic/siginfo.h). */
const Code = { kernel: 0x80, user: -6, mapErr: 1, accErr: 2, trace: 2, intDiv: 1, fltDiv: 3, fltOvf: 4, fltUnd: 5, fltRes: 6, fltInv: 7, illOpn: 2, adrAln: 1 } as const;

/** What goes into siginfo_t. */
export interface Cause {
  signal: number;
  code: number;
  /** si_addr, or the sender's process number. */
  value: number;
  vector?: number;
  errorCode?: number;
}

/** MXCSR's masks lie so far above its flags. */
const mxcsrMaskShift = 7;
/** Exception flags, as in both status words. */
const Float = { invalid: 1, denormal: 2, divide: 4, overflow: 8, underflow: 16, inexact: 32 } as const;

/** Exception flags that are set and not masked, told by their priority (Linux's fpu__exception_code). */
function floatCode(flags: number): number {
  if (flags & Float.invalid) return Code.fltInv;
  if (flags & Float.divide) return Code.fltDiv;
  if (flags & Float.overflow) return Code.fltOvf;
  if (flags & (Float.underflow | Float.denormal)) return Code.fltUnd;
  return flags & Float.inexact ? Code.fltRes : 0;
}

/** The signal for an exception that left the CPU. */
export function causeOf(cpu: Cpu, space: AddressSpace, vector: number, errorCode: number): Cause {
  const value = cpu.eip;
  const { i32 } = cpu.processor;
  const all = { vector, errorCode };
  switch (vector) {
    case Vector.divide: return { ...all, signal: Signal.FPE, code: Code.intDiv, value };
    case Vector.debug: return { ...all, signal: Signal.TRAP, code: Code.trace, value };
    case Vector.breakpoint: return { ...all, signal: Signal.TRAP, code: Code.kernel, value: 0 };
    case Vector.invalidOpcode: return { ...all, signal: Signal.ILL, code: Code.illOpn, value };
    case Vector.notPresent: case Vector.stack: return { ...all, signal: Signal.BUS, code: Code.kernel, value: 0 };
    case Vector.pageFault: return { vector, errorCode: errorCode | PageFault.user, signal: Signal.SEGV, code: space.isMapped(cpu.cr2) ? Code.accErr : Code.mapErr, value: cpu.cr2 };
    case Vector.x87: return { ...all, signal: Signal.FPE, code: floatCode(i32[State.fpuStatus >> 2]! & ~i32[State.fpuControl >> 2]!), value };
    case Vector.alignment: return { ...all, signal: Signal.BUS, code: Code.adrAln, value: 0 };
    case Vector.simd: return { ...all, signal: Signal.FPE, code: floatCode(i32[State.mxcsr >> 2]! & ~(i32[State.mxcsr >> 2]! >>> mxcsrMaskShift)), value };
    default: return { ...all, signal: Signal.SEGV, code: Code.kernel, value: 0 };
  }
}

// struct sigcontext of a 32-bit program; edi to eax in the order of POPA
const Context = { gs: 0, fs: 4, es: 8, ds: 12, edi: 16, vector: 48, errorCode: 52, eip: 56, cs: 60, eflags: 64, espAtSignal: 68, ss: 72, fpstate: 76, mask: 80, cr2: 84, size: 88 } as const;
/** In a frame without siginfo the context follows the return address and the number; behind it the second half of the mask. */
const Plain = { signal: 4, context: 8, highMask: 8 + 88 + 624, retcode: 8 + 88 + 624 + 4, size: 8 + 88 + 624 + 4 + 8 } as const;
/** A frame with siginfo: pointers, siginfo_t, then the ucontext: flags, link, stack, context, mask. */
const Rich = { signal: 4, infoPointer: 8, contextPointer: 12, info: 16, context: 16 + 128, machine: 16 + 128 + 20, mask: 16 + 128 + 20 + 88, size: 16 + 128 + 128 } as const;
const UcStack = { pointer: 8, flags: 12, size: 16 } as const;
/** In the state that Context.fpstate points to, the FXSAVE image follows the FSAVE one. */
const fsaveBytes = 112;
const fpuAlignment = 64;
const frameAlignment = 16;
/** What a handler may not inherit: DF, TF, RF. */
const clearedFlags = 0x400 | 0x100 | 0x1_0000;
/** What sigreturn(2) may set. */
const restoredFlags = 0x4_0dd5;

const segments = [[Context.gs, SegmentRegister.gs], [Context.fs, SegmentRegister.fs], [Context.es, SegmentRegister.es],
  [Context.ds, SegmentRegister.ds], [Context.cs, SegmentRegister.cs], [Context.ss, SegmentRegister.ss]] as const;

const bit = (signal: number): bigint => 1n << BigInt(signal - 1);

/** A process's signals. */
export class Signals {
  readonly #cpu: Cpu;
  readonly #space: AddressSpace;
  readonly actions = new Map<number, Action>();
  mask = 0n;
  #pending: Cause[] = [];
  /** sigaltstack(2); size 0: none. */
  stack = { pointer: 0, flags: 2, size: 0 };

  constructor(cpu: Cpu, space: AddressSpace) {
    this.#cpu = cpu;
    this.#space = space;
  }

  /** The program sends itself a signal; one that is pending already is the same one. */
  send(signal: number, sender: number): void {
    const already = this.#pending.some((cause) => cause.signal === signal);
    if (signal !== 0 && !already) this.#pending.push({ signal, code: Code.user, value: sender });
  }

  /** Those that wait until they are no longer blocked, as a set. */
  get pending(): bigint {
    return this.#pending.reduce((set, { signal }) => set | bit(signal), 0n);
  }

  /** An exception: at once, and deadly when the program does not want to hear of it. Returns the signal it dies of, or 0. */
  force(cause: Cause): number {
    const action = this.actions.get(cause.signal);
    const deaf = action === undefined || action.handler <= Handler.ignore || (this.mask & bit(cause.signal)) !== 0n;
    if (deaf) return cause.signal;
    return this.#call(cause, action);
  }

  /** Deliver what is pending and not blocked. Returns the signal the program dies of, or 0. */
  deliver(): number {
    for (const cause of this.#pending) {
      if ((this.mask & bit(cause.signal)) !== 0n) continue;
      this.#pending = this.#pending.filter((other) => other !== cause);
      const action = this.actions.get(cause.signal) ?? { handler: Handler.default, flags: 0, restorer: 0, mask: 0n };
      if (action.handler === Handler.default && !harmless.includes(cause.signal)) return cause.signal;
      if (action.handler > Handler.ignore && this.#call(cause, action) !== 0) return Signal.SEGV;
    }
    return 0;
  }

  /** Make the frame and go to the handler. Returns the signal the program dies of when there is no room for it. */
  #call(cause: Cause, action: Action): number {
    const cpu = this.#cpu;
    const rich = (action.flags & Flags.siginfo) !== 0;
    const layout = rich ? Rich : Plain;
    const { stack } = this;
    const esp = cpu.esp;
    const onStack = stack.size > 0 && esp > stack.pointer && esp <= stack.pointer + stack.size;
    const from = action.flags & Flags.onStack && stack.size > 0 && !onStack ? stack.pointer + stack.size : esp;
    const fpu = (from - fsaveBytes - fxsaveBytes) & -fpuAlignment;
    const frame = (((fpu - layout.size + 4) & -frameAlignment) - 4) >>> 0;
    const bytes = new Uint8Array(layout.size);
    const view = new DataView(bytes.buffer);
    const put = (at: number, value: number): void => view.setUint32(at, value, true);
    put(0, action.restorer);
    put(layout.signal, cause.signal);
    const context = rich ? Rich.machine : Plain.context;
    this.#saveContext((at, value) => put(context + at, value), cause, fpu);
    put(context + Context.mask, Number(this.mask & 0xffff_ffffn));
    if (rich) {
      put(Rich.infoPointer, frame + Rich.info);
      put(Rich.contextPointer, frame + Rich.context);
      [cause.signal, 0, cause.code, cause.value].forEach((word, i) => put(Rich.info + 4 * i, word));
      put(Rich.context + UcStack.pointer, stack.pointer);
      put(Rich.context + UcStack.flags, stack.flags);
      put(Rich.context + UcStack.size, stack.size);
      view.setBigUint64(Rich.mask, this.mask, true);
    } else put(Plain.highMask, Number(this.mask >> 32n));
    const image = new Uint8Array(fsaveBytes + fxsaveBytes);
    image.set(saveFpu(cpu), fsaveBytes);
    try {
      this.#space.write(fpu >>> 0, image);
      this.#space.write(frame, bytes);
    } catch (error) {
      if (error instanceof CallError) return Signal.SEGV;
      throw error;
    }
    this.mask |= action.mask | (action.flags & Flags.noDefer ? 0n : bit(cause.signal));
    if (action.flags & Flags.resetHand) this.actions.delete(cause.signal);
    startFpu(cpu);
    cpu.regs.set([cause.signal, rich ? frame + Rich.context : 0, rich ? frame + Rich.info : 0]);
    cpu.regs[4] = frame;
    cpu.eip = action.handler;
    cpu.eflags &= ~clearedFlags;
    return 0;
  }

  #saveContext(put: (at: number, value: number) => void, cause: Cause, fpu: number): void {
    const cpu = this.#cpu;
    for (const [at, register] of segments) put(at, cpu.selector(register));
    for (let i = 0; i < 8; i++) put(Context.edi + 4 * i, cpu.regs[7 - i]!);
    put(Context.vector, cause.vector ?? 0);
    put(Context.errorCode, cause.errorCode ?? 0);
    put(Context.eip, cpu.eip);
    put(Context.eflags, cpu.eflags);
    put(Context.espAtSignal, cpu.esp);
    put(Context.fpstate, fpu);
    put(Context.cr2, cpu.cr2);
  }

  /** sigreturn(2) and rt_sigreturn(2): everything as it was; returns what then is in EAX. */
  return(rich: boolean): number {
    const cpu = this.#cpu;
    // the handler's RET has taken the return address; the restorer of a plain frame has popped the number, too
    const frame = (cpu.esp - (rich ? 4 : 8)) >>> 0;
    const context = frame + (rich ? Rich.machine : Plain.context);
    const bytes = this.#space.read(context, Context.size);
    const view = new DataView(bytes.buffer);
    const get = (at: number): number => view.getUint32(at, true);
    if (rich) this.mask = new DataView(this.#space.read(frame + Rich.mask, 8).buffer).getBigUint64(0, true);
    else this.mask = BigInt(get(Context.mask)) | (BigInt(this.#space.read32(frame + Plain.highMask)) << 32n);
    for (const [at, register] of segments) cpu.loadSegment(register, get(at) & 0xffff);
    for (let i = 0; i < 8; i++) cpu.regs[7 - i] = get(Context.edi + 4 * i);
    cpu.eip = get(Context.eip);
    cpu.eflags = (cpu.eflags & ~restoredFlags) | (get(Context.eflags) & restoredFlags);
    const fpu = get(Context.fpstate);
    if (fpu !== 0) loadFpu(cpu, this.#space.read((fpu + fsaveBytes) >>> 0, fxsaveBytes));
    return cpu.regs[0]!;
  }
}
