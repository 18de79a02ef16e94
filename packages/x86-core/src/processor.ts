/*S:200
 * The processor as the rest of the package sees it: memory access through segments with all its checks, the stack, and
 * the few words of state that follow from others (State.mode, the table bases).
 *
 * What an access may do is decided in three layers, each able to refuse: the segment (linear()), the page (Mmu), the
 * physical bus. The latter two are linear-memory.ts. The system instructions live in files of their own, as functions on
 * a Processor.
 */
import type { DeviceRange, PortBus } from './bus.js';
import type { CpuidModel } from './cpuid.js';
import { cpuidModels } from './cpuid.js';
import { Dr7, noteAccess, watchedBreakpoints } from './debug.js';
import { ExitReason, type Exit } from './exit.js';
import { raise, Vector } from './fault.js';
import type { Instruction } from './instruction.js';
import { LinearMemory } from './linear-memory.js';
import { Guard } from './operations/operation.js';
import { Access, Cr0, Cr4, Eflags, Layout, Mode, Register, SegmentRegister, State, writeConstants } from './state.js';
import type { UndefinedResults } from './undefined-results.js';

/** What a processor is built from. */
export interface ProcessorOptions {
  /** Size of machine-physical RAM in bytes, a multiple of 4096. */
  physicalBytes: number;
  /** Traps through a gate with this selector (RPL bits masked) leave run() instead of being delivered. */
  exitSelector?: number;
  ports?: PortBus;
  devices?: readonly DeviceRange[];
  cpuid?: CpuidModel;
  /** Whose results where the manual leaves them open: 'intel' by default. */
  undefinedResults?: UndefinedResults;
  /** What RDTSC reads; instructions retired by default. */
  timestampCounter?: () => bigint;
}

const GPR = State.gpr >> 2;
const ESP = GPR + Register.esp;
const SEGMENTS = State.segments >> 2;
const CS = SEGMENTS + 4 * SegmentRegister.cs;
const SS = SEGMENTS + 4 * SegmentRegister.ss;
const DS = SEGMENTS + 4 * SegmentRegister.ds;
const ES = SEGMENTS + 4 * SegmentRegister.es;
const EIP = State.eip >> 2;
const MODE = State.mode >> 2;
/** Word offsets inside a segment cache. */
const BASE = 1;
const LIMIT = 2;
const ACCESS = 3;

/** As an int32: every offset is inside. */
const noLimit = -1;

/** A present, writable, expand-up data segment has exactly these of the bits below. */
const plainDataMask = Access.present | Access.notSystem | Access.code | Access.expandDown | Access.writable;
const plainData = Access.present | Access.notSystem | Access.writable;

const noPorts: PortBus = {
  read: (_port, size) => (size === 4 ? 0xffff_ffff : size === 2 ? 0xffff : 0xff),
  write: () => undefined,
};

/** One CPU over one WebAssembly.Memory, which must not grow afterwards. */
export class Processor extends LinearMemory {
  /** -1: none. */
  get exitSelector(): number { return this.i32[State.exitSelector >> 2]!; }
  ports: PortBus;
  readonly cpuid: CpuidModel;
  /** The feature word of the model (CPUID leaf 1, EDX). */
  readonly features: number;
  readonly undefinedResults: UndefinedResults;
  timestampCounter: () => bigint;
  /** What WRMSR has added to the time-stamp counter. */
  timestampOffset = 0n;

  /** Interrupts and exceptions delivered into the guest, by vector. Those that left by gate are not counted. */
  readonly deliveries: Uint32Array;
  /** What the current run ends with; valid while pendingExit is not -1, and after the run. */
  readonly exit: Exit = { reason: ExitReason.budget, vector: 0, errorCode: 0, hasErrorCode: false };
  /** An ExitReason that the engine has to act on after the current instruction, or -1. */
  pendingExit = -1;
  /** jump() or an interrupt delivery has set State.eip: the engine must not advance it. Cleared by the engine. */
  jumped = false;
  /** A single-step trap is due after the current instruction. Kept by debug.ts; a delivery takes it away. */
  stepTrap = false;
  /** Data breakpoints armed in DR7 (a bit each): linear() compares addresses with them. Kept by updateMode(). See debug.ts. */
  watching = 0;
  /** DR6 bits of a debug trap that is due after the current instruction. See debug.ts. */
  debugStatus = 0;
  /** The bits of State.mode changed: decoded code that depends on them is void. */
  onModeChange: () => void = () => undefined;

  constructor(memory: WebAssembly.Memory, options: ProcessorOptions) {
    super(memory, options.physicalBytes, options.devices);
    writeConstants(memory.buffer);
    this.deliveries = this.u32.subarray(State.deliveries >> 2, (State.deliveries >> 2) + 256);
    this.i32[State.exitSelector >> 2] = options.exitSelector ?? -1;
    this.ports = options.ports ?? noPorts;
    this.cpuid = options.cpuid ?? cpuidModels.default;
    this.features = this.cpuid.basic[1]?.edx ?? 0;
    this.undefinedResults = options.undefinedResults ?? 'intel';
    this.i32[State.likeAmd >> 2] = this.undefinedResults === 'amd' ? 1 : 0;
    this.timestampCounter = options.timestampCounter ?? (() => BigInt(Math.trunc(this.f64[State.retired >> 3]!)));
    this.updateMode();
  }

  // ── segmented memory ────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Linear address of `size` bytes at `offset` in a segment. Raises #SS(0) for the stack segment, #GP(0) for the
   * others, when the segment is null, of the wrong type, or too short; #AC(0) when alignment is checked.
   * A segment with limit 2^32-1 has no end: offsets wrap around, as they do where generated code leaves out the check.
   */
  linear(segment: number, offset: number, size: number, write: boolean): number {
    const i32 = this.i32;
    const cache = SEGMENTS + segment * 4;
    const access = i32[cache + ACCESS]!;
    const limit = i32[cache + LIMIT]!;
    if ((access & plainDataMask) !== plainData) this.#checkType(segment, offset, size, write, access, limit);
    else if (limit !== noLimit && (offset >>> 0) + size - 1 > limit >>> 0) raise(segmentVector(segment));
    const linear = (i32[cache + BASE]! + offset) >>> 0;
    if (size <= 8) this.checkAlignment(linear, size);
    if (this.watching !== 0) noteAccess(this, linear, size, write);
    return linear;
  }

  /** Raise #AC(0) when alignment is checked and the address is no multiple of `size`, a power of two. */
  checkAlignment(linear: number, size: number): void {
    if ((this.i32[MODE]! & Mode.alignmentCheck) !== 0 && (linear & (size - 1)) !== 0 && (size & (size - 1)) === 0) {
      raise(Vector.alignment);
    }
  }

  readSeg8(segment: number, offset: number): number {
    return this.read8(this.linear(segment, offset, 1, false));
  }

  readSeg16(segment: number, offset: number): number {
    return this.read16(this.linear(segment, offset, 2, false));
  }

  readSeg32(segment: number, offset: number): number {
    return this.read32(this.linear(segment, offset, 4, false));
  }

  writeSeg8(segment: number, offset: number, value: number): void {
    this.write8(this.linear(segment, offset, 1, true), value);
  }

  writeSeg16(segment: number, offset: number, value: number): void {
    this.write16(this.linear(segment, offset, 2, true), value);
  }

  writeSeg32(segment: number, offset: number, value: number): void {
    this.write32(this.linear(segment, offset, 4, true), value);
  }

  /** Read 1, 2 or 4 bytes. */
  readSeg(segment: number, offset: number, size: number): number {
    if (size === 4) return this.readSeg32(segment, offset);
    return size === 2 ? this.readSeg16(segment, offset) : this.readSeg8(segment, offset);
  }

  /** Write 1, 2 or 4 bytes. */
  writeSeg(segment: number, offset: number, size: number, value: number): void {
    if (size === 4) this.writeSeg32(segment, offset, value);
    else if (size === 2) this.writeSeg16(segment, offset, value);
    else this.writeSeg8(segment, offset, value);
  }

  /** The memory operand's offset in its segment. */
  effectiveAddress(insn: Instruction): number {
    let offset = insn.displacement;
    if (insn.base >= 0) offset += this.i32[GPR + insn.base]!;
    if (insn.index >= 0) offset += this.i32[GPR + insn.index]! << insn.scale;
    return insn.addressSize === 2 ? offset & 0xffff : offset >>> 0;
  }

  // ── the stack ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** 0xffff_ffff or 0xffff: the part of ESP that addresses the stack. As an int32. */
  get stackMask(): number {
    return (this.i32[SS + ACCESS]! & Access.big) !== 0 ? -1 : 0xffff;
  }

  /** Change the addressing part of ESP. */
  setStackPointer(value: number): void {
    const mask = this.stackMask;
    this.i32[ESP] = (this.i32[ESP]! & ~mask) | (value & mask);
  }

  push16(value: number): void {
    const offset = (this.i32[ESP]! - 2) & this.stackMask;
    this.writeSeg16(SegmentRegister.ss, offset, value);
    this.setStackPointer(offset);
  }

  push32(value: number): void {
    const offset = (this.i32[ESP]! - 4) & this.stackMask;
    this.writeSeg32(SegmentRegister.ss, offset, value);
    this.setStackPointer(offset);
  }

  pop16(): number {
    const offset = this.i32[ESP]! & this.stackMask;
    const value = this.readSeg16(SegmentRegister.ss, offset);
    this.setStackPointer(offset + 2);
    return value;
  }

  pop32(): number {
    const offset = this.i32[ESP]! & this.stackMask;
    const value = this.readSeg32(SegmentRegister.ss, offset);
    this.setStackPointer(offset + 4);
    return value;
  }

  // ── control ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Current privilege level, 0..3. */
  get cpl(): number {
    return this.i32[State.cpl >> 2]!;
  }

  /** Continue at this offset of the code segment. Raises #GP(0) beyond its limit. */
  jump(eip: number): void {
    if (eip >>> 0 > this.i32[CS + LIMIT]! >>> 0) raise(Vector.protection);
    this.i32[EIP] = eip;
    this.jumped = true;
  }

  /** The instruction at hand has ended the run by what it did. (A kick only waits for its end.) */
  get hasLeft(): boolean { return this.pendingExit >= 0 && this.pendingExit !== ExitReason.kick; }

  /** End the run after this instruction. The caller fills `exit` beyond its reason. */
  requestExit(reason: number): void {
    this.exit.reason = reason;
    this.pendingExit = reason;
    this.i32[State.attention >> 2] = 1;
  }

  /** Change the privilege level and the tables that go with it; State.mode is left to updateMode(). */
  setLevel(cpl: number): void {
    const { i32 } = this;
    const user = cpl === 3;
    i32[State.cpl >> 2] = cpl;
    const readTable = user ? Layout.tlbReadUser : Layout.tlbReadSupervisor;
    const writeTable = user ? Layout.tlbWriteUser : Layout.tlbWriteSupervisor;
    i32[State.tlbRead >> 2] = readTable;
    i32[State.tlbWrite >> 2] = writeTable;
    i32[State.codeTable >> 2] = user ? Layout.codeUser : Layout.codeSupervisor;
  }

  /**
   * Bring State.mode and the table bases up to date. To be called after any change of a segment cache, CPL, CR0, DR7
   * or of TF, VM, AC in EFLAGS.
   */
  updateMode(): void {
    const i32 = this.i32;
    const user = i32[State.cpl >> 2] === 3;
    this.setLevel(i32[State.cpl >> 2]!);
    this.updateAvailability();
    const flags = i32[State.eflags >> 2]!;
    const cr0 = i32[State.cr0 >> 2]!;
    const dr7 = i32[(State.dr >> 2) + 7]!;
    this.watching = watchedBreakpoints(dr7);
    let mode = 0;
    if (
      (cr0 & Cr0.pe) !== 0 && (flags & (Eflags.vm | Eflags.tf)) === 0 &&
      i32[CS + BASE] === 0 && i32[CS + LIMIT] === noLimit &&
      (i32[CS + ACCESS]! & i32[SS + ACCESS]! & Access.big) !== 0 &&
      (dr7 & Dr7.enables) === 0
    ) {
      mode = Mode.fast;
    }
    if (this.#isFlat(DS)) mode |= Mode.flatDs;
    if (this.#isFlat(ES)) mode |= Mode.flatEs;
    if (this.#isFlat(SS)) mode |= Mode.flatSs;
    if (user && (flags & Eflags.ac) !== 0 && (cr0 & Cr0.am) !== 0) mode |= Mode.alignmentCheck;
    if (i32[MODE] !== mode) {
      i32[MODE] = mode;
      this.onModeChange();
    }
  }

  /** After CR0 or CR4 changed: may the x87 be used, may XMM registers? */
  updateAvailability(): void {
    const { i32 } = this;
    const x87 = (i32[State.cr0 >> 2]! & (Cr0.em | Cr0.ts)) === 0;
    const xmm = x87 && (i32[State.cr4 >> 2]! & Cr4.osfxsr) !== 0;
    i32[State.unavailable >> 2] = (x87 ? 0 : Guard.x87) | (xmm ? 0 : Guard.xmm);
  }

  /** updateMode() after ES, DS, FS or GS alone changed. */
  updateFlatness(segment: number): void {
    const bit = segment === SegmentRegister.ds ? Mode.flatDs : segment === SegmentRegister.es ? Mode.flatEs : 0;
    if (bit === 0) return;
    const old = this.i32[MODE]!;
    const mode = this.#isFlat(SEGMENTS + 4 * segment) ? old | bit : old & ~bit;
    if (mode === old) return;
    this.i32[MODE] = mode;
    this.onModeChange();
  }

  #isFlat(cache: number): boolean {
    const i32 = this.i32;
    return i32[cache + LIMIT] === noLimit && i32[cache + BASE] === 0 &&
      (i32[cache + ACCESS]! & plainDataMask) === plainData;
  }

  /** The checks for segments that are not plain data; see linear(). */
  #checkType(segment: number, offset: number, size: number, write: boolean, access: number, limit: number): void {
    const vector = segmentVector(segment);
    if ((access & Access.present) === 0) raise(vector);
    const protectedMode = (this.i32[State.cr0 >> 2]! & Cr0.pe) !== 0 && (this.i32[State.eflags >> 2]! & Eflags.vm) === 0;
    if (protectedMode) {
      const code = (access & Access.code) !== 0;
      if (write ? code || (access & Access.writable) === 0 : code && (access & Access.writable) === 0) raise(vector);
    }
    const first = offset >>> 0;
    const last = first + size - 1;
    if ((access & (Access.code | Access.expandDown)) === Access.expandDown) {
      const top = (access & Access.big) !== 0 ? 0xffff_ffff : 0xffff;
      if (first <= limit >>> 0 || last > top) raise(vector);
    } else if (limit !== noLimit && last > limit >>> 0) {
      raise(vector);
    }
  }
}

/** The exception for a bad access through a segment. */
function segmentVector(segment: number): number {
  return segment === SegmentRegister.ss ? Vector.stack : Vector.protection;
}
