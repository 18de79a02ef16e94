/*S:380
 * The builder that writes regions.
 *
 * The same meanings as everywhere, with everything known at compile time folded in: registers are WebAssembly locals,
 * immediates and displacements constants, lazy flags values that the compiler drops when nobody asks. An access that
 * misses the translation tables, or anything odd, leaves the region before the instruction has changed anything, and
 * the interpreter goes on there.
 */
import type { Difference, KnownFlags, PrivilegedBuilder } from '../builder.js';
import { type Instruction, SlotKind } from '../instruction.js';
import { type Call, Guard, type Operation, type OperationBuilder, type RegisterFile } from '../operations/operation.js';
import { repeatRegisters } from '../operations/strings.js';
import { Access, Layout, Register, SegmentField, SegmentRegister, State } from '../state.js';
import type { UndefinedResults } from '../undefined-results.js';
import type { Value, Variable } from '../wasm/function-builder.js';
import { Exception, Status } from '../x87/environment.js';
import { Accesses, type AccessContext, type Place } from './accesses.js';
import { type Assumptions, differs, noteObservation } from './assumptions.js';
import { FpuPointers } from './fpu-pointers.js';
import { FpuRegisters, type KnownDoubles } from './fpu-registers.js';
import { FpuStack, type StackPlace } from './fpu-stack.js';
import { RegionArithmetic } from './region-arithmetic.js';
import { registersIn } from './registers.js';
import { budgetIndex, FlagIndex, type FlagName, flagNames, localOf, localWords, registerCount, StateLocals } from './state-locals.js';
import { type Known, Windows } from './windows.js';

const plainMask = Access.present | Access.notSystem | Access.code | Access.expandDown;
const plain = Access.present | Access.notSystem;
const userLevel = 3;

const statusIndex = localOf.get(State.fpuStatus)!;
const c1Shift = 31 - Math.clz32(Status.c1);
const segmentRegisters = 6;

/** Where a known exit goes, as one number: the place as an offset from the region's page, and instructions (fewer than 512) charged but not executed. */
const restShift = 23;
function packExit(offset: number, rest: number): number {
  return (rest << restShift) | (offset & ((1 << restShift) - 1));
}

/** How an instruction that ends a block goes on. */
export type Terminator =
  | { kind: 'branch'; condition: Value }
  /** Jumps and calls by their known target. */
  | { kind: 'jump' }
  /** Anywhere: an EIP. Gates and returns through them may change the privilege level on the way. A table that the EIP comes from may have an index. */
  | { kind: 'indirect'; eip: Value; throughGate: boolean; index?: Value | undefined };

/** What a region is compiled for, beside its code. */
export interface RegionContext extends AccessContext {
  /** Flat-segment bits: which segments need no check. */
  readonly isFlat: (segment: number) => boolean;
  readonly undefinedResults: UndefinedResults;
  readonly features: number;
  /** Words of the state that are taken for granted, as far as they are in here. */
  readonly assumptions: Assumptions;
}

/** What is known at the end of a block. */
export interface Knowledge {
  readonly known: Known;
  readonly flags: Readonly<KnownFlags<Value>>;
  readonly fpuStack: StackPlace | undefined;
  readonly doubles: KnownDoubles | undefined;
}

/** PrivilegedBuilder<Value> for the instructions of one region, one after the other. */
export class RegionBuilder extends RegionArithmetic implements PrivilegedBuilder<Value> {
  size = 4;
  readonly addressSize = 4;
  readonly undefinedResults: UndefinedResults;
  readonly #context: RegionContext;
  readonly #pageBase: Value;
  readonly #depth: Value;
  readonly #locals: StateLocals;
  /** The x87's registers, if they are not in memory. */
  readonly #fpu: FpuRegisters | undefined;
  readonly #pointers: FpuPointers;
  /** C1 of the x87's status word, 0 or 1, where it is kept apart: that word's bit then means nothing. */
  readonly #c1: Variable | undefined;
  #c1Used = false;
  readonly #fpuStack: FpuStack;
  /** The state from its page into locals, as far as the region has to do with it; and back, as far as it changes it. */
  readonly #enterState: () => void;
  readonly #leaveState: () => void;
  /** No error of the x87's is pending when the region begins, and so throughout. */
  #nothingPending = false;
  readonly #assumed = new Set<number>();
  /** Assumptions that do not hold throughout the region: it must be written without them. */
  readonly conflicts = new Set<number>();
  readonly #registers: RegisterFile;
  readonly #windows = new Windows(registerCount, [Register.esp, Register.ebp]);
  readonly #accesses: Accesses;
  /** Return an EIP, and a known place: see packExit(). */
  #leaveDynamic: (eip: Value) => void = () => undefined;
  #leaveKnown: (packed: Value) => void = () => undefined;
  /** Leave for an EIP by becoming the region in a place of the table. */
  #goOn: (eip: Value, place: Value) => void = () => undefined;
  #insn!: Instruction;
  /** Offset in the page, and instructions of the block from this one on. */
  #at = 0;
  #rest = 0;
  /** Instructions of the longest way from the block's start to the next look at the budget. */
  #longest = 0;
  #host: Place | undefined;
  #offset: Value | undefined;
  #flags: KnownFlags<Value> = {};
  /** Set by the instruction that ends a block. */
  terminator: Terminator | undefined;
  /** That instruction is a return. */
  returns = false;

  /** @param pageBase the linear address of the region's page @param depth how deep regions may still call each other */
  constructor(f: OperationBuilder, pageBase: Value, depth: Value, context: RegionContext) {
    super(f);
    this.#pageBase = pageBase;
    this.#depth = depth;
    this.#context = context;
    this.undefinedResults = context.undefinedResults;
    this.#locals = new StateLocals(f);
    this.#accesses = new Accesses(f, context, this.#windows, () => this.#wayOut());
    this.#pointers = new FpuPointers(f, pageBase, SegmentRegister.cs);
    const { assumptions } = context;
    this.#fpuStack = new FpuStack(f, assumptions, this.#assumed, () => this.conflicts.add(State.fpuTop));
    if (((assumptions.get(State.fpuStatus) ?? 0) & Exception.precision) !== 0) this.#c1 = f.lasting('i32');
    if (this.#fpuStack.place && assumptions.has(State.fpu)) this.#fpu = new FpuRegisters(f);
    this.#registers = registersIn(f, {
      fpu: this.#fpu,
      conflict: () => this.conflicts.add(State.fpu),
      c1: this.#c1 && {
        get: () => this.#useC1().get(),
        set: (value) => this.#useC1().set(value),
      },
      getXmm: (i) => this.#locals.getXmm(i),
      setXmm: (i, value) => this.#locals.setXmm(i, value),
      getWord: (address) => this.#word(address),
      setWord: (address, value) => this.#setWord(address, value),
    });
    this.#enterState = f.reusable(() => this.#writeEntry());
    this.#leaveState = f.reusable(() => this.#writeExit());
  }

  // ── the frame ───────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Write the state's way in and its ways out.
   * @param tailCalls the host has them: regions go on in one another without coming back
   * @param needed instructions that must be in the budget for the region to begin at all
   * @returns writes what goes between, which must end by leaving
   */
  frame(tailCalls: boolean, needed: number): (body: () => void) => void {
    const { f } = this;
    let inside!: (body: () => void) => void;
    f.when(f.do('i32.lt_s', this.#state(State.budget), f.i32(needed)), () => f.leave(f.parameter(0)));
    f.later(() => f.when(differs(f, this.#context.assumptions, this.#assumed, this.#nothingPending), () => {
      noteObservation(f, this.#context.place);
      f.leave(f.parameter(0));
    }));
    this.#enterState();
    const [next, place] = f.block(['i32', 'i32'], (goOn) => {
      const [eip] = f.block(['i32'], (leave) => {
        this.#leaveDynamic = leave;
        this.#goOn = tailCalls ? goOn : (eip) => leave(eip);
        const [packed] = f.block(['i32'], (known) => {
          this.#leaveKnown = known;
          inside = f.hole();
        });
        this.#giveBack(f.do('i32.shr_u', packed!, f.i32(restShift)));
        const offset = f.do('i32.shr_s', f.do('i32.shl', packed!, f.i32(32 - restShift)), f.i32(32 - restShift));
        leave(f.do('i32.add', this.#pageBase, offset));
      });
      this.#leaveState();
      f.leave(eip!);
    });
    if (tailCalls) {
      this.#leaveState();
      f.tailCallIndirect(place!, next!, this.#depth, f.i32(0));
    }
    return inside;
  }

  #giveBack(count: Value): void {
    this.#locals.set(budgetIndex, this.f.do('i32.add', this.#locals.bare(budgetIndex), count));
  }

  #writeEntry(): void {
    const { f } = this;
    this.#locals.enter();
    this.#fpu?.enter();
    const c1 = this.#c1;
    if (c1) f.ifNeeded(() => this.#c1Used, () => {
      c1.set(f.do('i32.and', f.do('i32.shr_u', this.#state(State.fpuStatus), f.i32(c1Shift)), f.i32(1)));
    });
    this.#pointers.enter();
  }

  #writeExit(): void {
    const { f } = this;
    this.#locals.leave();
    const c1 = this.#c1;
    if (c1) f.ifNeeded(() => this.#c1Used, () => {
      const rest = f.do('i32.and', this.#locals.bare(statusIndex), f.i32(~Status.c1));
      f.store('i32.store', f.i32(0), f.do('i32.or', rest, f.do('i32.shl', c1.get(), f.i32(c1Shift))), State.fpuStatus);
    });
    this.#pointers.leave();
    this.#fpu?.leave();
  }

  /**
   * Call the region in a place of the table, which begins at `eip`. When it comes back to somewhere else than the
   * offset `site`, so do we: all state is in its page, and whoever called us goes on from there.
   */
  callRegion(eip: Value, place: Value, site: number): void {
    const { f } = this;
    f.when(f.do('i32.eqz', this.#depth), () => this.leaveAt(eip));
    this.#fpuStack.call();
    this.#leaveState();
    const next = f.callIndirect(place, eip, f.do('i32.sub', this.#depth, f.i32(1)), f.i32(0));
    f.when(f.do('i32.ne', next, this.eipOf(site)), () => f.leave(next));
    this.#enterState();
    // the region that was called may have left the x87's stack elsewhere
    this.#fpuStack.comeBack(() => this.#leaveKnown(f.i32(packExit(site, 0))));
    this.#forget();
  }

  /** Go on at `eip` in the region in a place of the table, if the host can do that; else leave. */
  goOn(eip: Value, place: Value): void {
    this.#fpuStack.leave();
    this.#goOn(eip, place);
  }

  #getLocal(index: number): Value {
    const value = this.#locals.get(index);
    if (index < registerCount) this.#windows.got(index, value);
    return value;
  }

  #setLocal(index: number, value: Value): void {
    this.#locals.set(index, value);
    if (index < registerCount) this.#windows.put(index, value);
  }

  /** How far an EIP is from the start of the entry's page. */
  offsetOf(eip: Value): Value { return this.f.do('i32.sub', eip, this.#pageBase); }

  eipOf(offset: number): Value { return this.f.do('i32.add', this.#pageBase, this.f.i32(offset)); }

  /** Leave for a known place in the page (or beside it). */
  leaveTo(offset: number): void {
    if (Math.abs(offset) >= 1 << (restShift - 1)) return this.leaveAt(this.eipOf(offset));
    this.#fpuStack.leave();
    this.#leaveKnown(this.f.i32(packExit(offset, 0)));
  }
  leaveAt(eip: Value): void {
    this.#fpuStack.leave();
    this.#leaveDynamic(eip);
  }

  /** Leave for an offset unless so many instructions are left in the budget. */
  needBudget(offset: number, count: number): void {
    this.leaveToWhen(this.f.do('i32.lt_s', this.#getLocal(budgetIndex), this.f.i32(count)), offset);
  }

  /** Leave for an offset if the condition is not 0, behind a block. */
  leaveToWhen(condition: Value, offset: number): void {
    this.f.when(condition, () => this.leaveTo(offset));
  }

  /** Take a block's instructions out of the budget. */
  charge(count: number): void {
    this.#setLocal(budgetIndex, this.f.do('i32.sub', this.#getLocal(budgetIndex), this.f.i32(count)));
  }

  /** A block is about to be reached. @returns false when it cannot be, because it was reached in another way before */
  arriveAt(block: number): boolean { return this.#fpuStack.arriveAt(block); }

  /**
   * A block begins.
   * @param known what is known where it is reached from, if that is one place only @param longest see pathLengths()
   */
  beginBlock(block: number, known: Knowledge | undefined, longest: number): void {
    this.#longest = longest;
    if (known) this.resume(known);
    else this.#forget();
    this.#fpuStack.beginBlock(block);
    this.terminator = undefined;
    this.returns = false;
  }

  #forget(): void {
    this.#flags = {};
    this.#fpu?.forget();
    this.#windows.forget();
  }

  /** A block ends. @returns what to go on from wherever it leads to */
  endBlock(): Knowledge {
    this.#windows.close();
    this.#fpu?.settle();
    return { known: this.#windows.known, flags: { ...this.#flags }, fpuStack: this.#fpuStack.place, doubles: this.#fpu?.known };
  }

  resume({ known, flags, fpuStack, doubles }: Knowledge): void {
    if (doubles) this.#fpu?.resume(doubles);
    this.#fpuStack.resume(fpuStack);
    this.#windows.resume(known);
    this.#flags = { ...flags };
  }

  /** An instruction follows. @param at its offset in the page @param rest instructions of the block from it on */
  beginInstruction(insn: Instruction, at: number, rest: number): void {
    this.#insn = insn;
    this.#at = at;
    this.#rest = rest;
    this.size = insn.size;
    this.#fpu?.beforeInstruction();
  }

  /** Write it. */
  instruction(): void {
    const insn = this.#insn;
    this.#prepare();
    const call = insn.definition.findCall?.(insn, this.#context.features);
    if (call?.operation.repeats) this.#repeat(call.operation);
    else if (call) this.#call(call);
    else (insn.definition.execute ?? insn.definition.shortcut)!(this);
  }

  /** Leave before this instruction, with its part of the block given back. */
  leaveBefore(condition: Value): void {
    this.#leaveWhen(condition, () => this.#leaveBefore());
  }

  #leaveBefore(): void { this.#leaveKnown(this.f.i32(packExit(this.#at, this.#rest))); }

  /** The same as a part that can be written in several ways, and when all else has been. */
  #wayOut(): () => void {
    return this.f.reusable(() => this.#onTheWayOut(() => this.#leaveBefore()));
  }

  protected noteSum(sum: Value, a: Value, constant: number): void { this.#windows.add(sum, a, constant); }

  /** A way out from the midst of a block, under a condition. */
  #leaveWhen(condition: Value, leave: () => void): void {
    this.f.when(condition, () => this.#onTheWayOut(leave));
  }

  #onTheWayOut(leave: () => void): void {
    this.#fpu?.settleAside();
    this.#fpuStack.leave();
    leave();
  }

  /** A general register, a word of the lazy flags or of the x87's, or one that is assumed; by its address. */
  #word(address: number): Value | undefined {
    const flag = flagNames.get(address);
    if (flag) return this.#flag(flag);
    const known = this.#fpuStack.word(address);
    if (known) return known;
    const index = localOf.get(address);
    if (index !== undefined) return this.#getLocal(index);
    return this.#assumedWord(address);
  }

  #assumedWord(address: number): Value | undefined {
    const value = this.#context.assumptions.get(address);
    if (value === undefined) return undefined;
    this.#assumed.add(address);
    return this.f.i32(value);
  }

  #setWord(address: number, value: Value): boolean {
    const flag = flagNames.get(address);
    if (flag) {
      this.#setFlag(flag, value);
      return true;
    }
    if (this.#fpuStack.setWord(address, value)) return true;
    const index = localOf.get(address);
    if (index === undefined) {
      if (this.#context.assumptions.has(address)) this.conflicts.add(address);
      return false;
    }
    this.#setLocal(index, value);
    return true;
  }

  // ── operations of coprocessors ──────────────────────────────────────────────────────────────────────────────────

  #call({ operation, register, operand }: Call): void {
    const { f } = this;
    const { guard, pointers } = operation;
    const insn = this.#insn;
    const units = guard & (Guard.x87 | Guard.xmm);
    if (units !== 0) this.leaveBefore(f.do('i32.and', this.#assumedWord(State.unavailable) ?? this.#state(State.unavailable), f.i32(units)));
    if ((guard & Guard.pending) !== 0) this.#needNothingPending();
    if (insn.memory) {
      const linear = this.#linear(this.#offset!, operation.bytes, operation.write);
      if (guard & Guard.aligned) this.leaveBefore(f.do('i32.and', linear, f.i32(15)));
      this.#host = this.#accesses.translate(linear, operation.bytes, operation.write);
    }
    f.inline(operation, f.i32(register), insn.memory ? this.#accesses.addressOf(this.#host!) : f.i32(operand), f.i32(insn.immediate), this.#registers, (condition) => this.leaveBefore(condition));
    if (pointers) this.#notePointers();
  }

  /**
   * Call a repeated string instruction's operation: it finds its registers in the state page. When it is not done, or has
   * left too little of the budget for the longest way on from this block, the region is left.
   */
  #repeat({ index, flags }: Operation): void {
    const { f } = this;
    const passed = [...repeatRegisters, ...(flags ? Object.values(FlagIndex) : []), budgetIndex];
    for (const i of passed) f.store('i32.store', f.i32(0), this.#getLocal(i), localWords[i]!);
    const status = f.callIndirect(f.i32(index), f.i32(0), f.i32(0), f.i32(0));
    for (const i of passed) this.#setLocal(i, this.#state(localWords[i]!));
    if (flags) this.#flags = {};
    this.leaveBefore(status);
    const poor = f.do('i32.lt_s', this.#getLocal(budgetIndex), f.i32(this.#longest));
    this.#leaveWhen(poor, () => this.#leaveKnown(f.i32(packExit(this.#at + this.#insn.length, this.#rest - 1))));
  }

  #notePointers(): void {
    const insn = this.#insn;
    this.#pointers.note(this.#at, ((insn.opcode & 7) << 8) | insn.modrm);
    if (insn.memory) this.#pointers.noteOperand(insn.segment, this.#offset!);
  }

  /** Nothing in a region makes an error pending: to look at its beginning is enough. */
  #needNothingPending(): void {
    const { f } = this;
    if (this.#context.assumptions.size > 0) this.#nothingPending = true;
    else this.leaveBefore(f.do('i32.and', this.#word(State.fpuStatus)!, f.i32(Guard.pending)));
  }

  #useC1(): Variable {
    this.#assumed.add(State.fpuStatus);
    this.#locals.use(statusIndex);
    this.#c1Used = true;
    return this.#c1!;
  }

  // ── operands ────────────────────────────────────────────────────────────────────────────────────────────────────

  #state(address: number): Value { return this.f.load('i32.load', this.f.i32(0), address); }

  #prepare(): void {
    const insn = this.#insn;
    if (!insn.memory) return;
    let offset = this.#effectiveOffset();
    // the bit's number, in bytes of whole doublewords
    if (insn.definition.bitString) offset = this.add(offset, this.shl(this.sar(this.get(1), this.imm(5)), this.imm(2)));
    this.#offset = offset;
    if (insn.definition.findCall) return;
    const slot = insn.kind.indexOf(SlotKind.memory);
    const use = insn.definition.uses[slot];
    if (use === undefined) return;
    const size = insn.slotSize[slot]!;
    this.#host = this.#accesses.translate(this.#linear(offset, size, use !== 'r'), size, use !== 'r', this.#isLink());
  }

  /** A register is loaded from where it points itself: so programs go from one element of a list to the next. */
  #isLink(): boolean {
    const { definition, base, index, register, kind } = this.#insn;
    return definition.name === 'mov' && this.size === 4 && index < 0 && kind[0] === SlotKind.register && register[0] === base;
  }

  #effectiveOffset(): Value {
    const { f } = this;
    const { base, index, scale, displacement } = this.#insn;
    let offset: Value | undefined = base < 0 ? undefined : this.#getLocal(base);
    if (index < 0) return offset === undefined ? f.i32(displacement) : displacement === 0 ? offset : this.add(offset, f.i32(displacement));
    const scaled = scale === 0 ? this.#getLocal(index) : f.do('i32.shl', this.#getLocal(index), f.i32(scale));
    offset = offset ? f.do('i32.add', offset, scaled) : scaled;
    if (displacement !== 0) offset = f.do('i32.add', offset, f.i32(displacement));
    this.#windows.index(offset, base, index, scale, displacement);
    return offset;
  }

  /** Linear address of so many bytes of the operand's segment; ordinary data segments only. */
  #linear(offset: Value, size: number, write: boolean): Value {
    const { segment } = this.#insn;
    if (this.#context.isFlat(segment)) return offset;
    const { f } = this;
    const field = (at: number): Value => this.#state(State.segments + segment * SegmentField.size + at);
    const needed = write ? Access.writable : 0;
    this.leaveBefore(f.do('i32.ne', f.do('i32.and', field(SegmentField.access), f.i32(plainMask | needed)), f.i32(plain | needed)));
    const limit = field(SegmentField.limit);
    this.leaveBefore(f.do('i32.lt_u', limit, offset));
    if (size > 1) this.leaveBefore(f.do('i32.lt_u', f.do('i32.sub', limit, offset), f.i32(size - 1)));
    return f.do('i32.add', field(SegmentField.base), offset);
  }

  #load({ base, offset }: Place, size: number): Value {
    return this.f.load(size === 4 ? 'i32.load' : size === 2 ? 'i32.load16_u' : 'i32.load8_u', base, offset);
  }

  #store({ base, offset }: Place, size: number, value: Value): void {
    this.f.store(size === 4 ? 'i32.store' : size === 2 ? 'i32.store16' : 'i32.store8', base, value, offset);
  }

  get(slot: number): Value {
    const insn = this.#insn;
    switch (insn.kind[slot]) {
      case SlotKind.register: return this.gpr(insn.register[slot]!, insn.slotSize[slot]!);
      case SlotKind.memory: return this.#load(this.#host!, insn.slotSize[slot]!);
      default: return this.f.i32(insn.immediate);
    }
  }

  kindOf(slot: number): number { return this.#insn.kind[slot]!; }

  set(slot: number, value: Value): void {
    const insn = this.#insn;
    if (insn.kind[slot] === SlotKind.memory) this.#store(this.#host!, insn.slotSize[slot]!, value);
    else this.setGpr(insn.register[slot]!, insn.slotSize[slot]!, value);
  }

  offset(): Value { return this.#offset!; }

  // string instructions are in regions only where both segments are flat
  loadSource(offset: Value): Value { return this.#load(this.#accesses.translate(offset, this.size, false), this.size); }
  loadDestination(offset: Value): Value { return this.loadSource(offset); }
  storeDestination(offset: Value, value: Value): void {
    this.#store(this.#accesses.translate(offset, this.size, true), this.size, value);
  }

  gpr(register: number, size: number): Value {
    const { f } = this;
    if (size === 4) return this.#getLocal(register);
    if (size === 2) return f.do('i32.and', this.#getLocal(register), f.i32(0xffff));
    const whole = this.#getLocal(register & 3);
    return f.do('i32.and', register < 4 ? whole : f.do('i32.shr_u', whole, f.i32(8)), f.i32(0xff));
  }

  setGpr(register: number, size: number, value: Value): void {
    const { f } = this;
    if (size === 4) return this.#setLocal(register, value);
    const number = size === 1 ? register & 3 : register;
    const shift = size === 1 && register >= 4 ? 8 : 0;
    const mask = size === 2 ? 0xffff : 0xff;
    const part = f.do('i32.shl', f.do('i32.and', value, f.i32(mask)), f.i32(shift));
    this.#setLocal(number, f.do('i32.or', f.do('i32.and', this.#getLocal(number), f.i32(~(mask << shift))), part));
  }

  // ── the stack; it is flat, or there is none of this in a region ─────────────────────────────────────────────────

  push(value: Value, size: number): void {
    const top = this.sub(this.gpr(Register.esp, 4), this.imm(size));
    this.#store(this.#accesses.translate(top, size, true), size, value);
    this.setGpr(Register.esp, 4, top);
  }

  pop(size: number): Value {
    const top = this.gpr(Register.esp, 4);
    const value = this.#load(this.#accesses.translate(top, size, false), size);
    this.setGpr(Register.esp, 4, this.add(top, this.imm(size)));
    return value;
  }

  popFrame(size: number): Value {
    const frame = this.gpr(Register.ebp, 4);
    const value = this.#load(this.#accesses.translate(frame, size, false), size);
    this.setGpr(Register.esp, 4, this.add(frame, this.imm(size)));
    return value;
  }

  // ── shortcuts of rare instructions ──────────────────────────────────────────────────────────────────────────────

  unusual(condition: Value): void { this.leaveBefore(condition); }

  state(address: number): Value { return this.#state(address); }

  setState(address: number, value: Value): void {
    const { f } = this;
    f.store('i32.store', f.i32(0), value, address);
    const segment = (address - State.segments) / SegmentField.size;
    if (Number.isInteger(segment) && segment >= 0 && segment < segmentRegisters) this.#pointers.segmentLoaded(segment, value);
  }

  flatBytes(linear: Value, size: number, write: boolean): Value { return this.#accesses.addressOf(this.#accesses.translate(linear, size, write)); }

  systemBytes(linear: Value, size: number, write = false): Value { return this.#accesses.translateForSystem(linear, size, write); }

  load(bytes: Value, offset: number, size: number): Value { return this.#load({ base: bytes, offset }, size); }
  store(bytes: Value, offset: number, size: number, value: Value): void { this.#store({ base: bytes, offset }, size, value); }

  setLevel(level: Value): void {
    const { f } = this;
    const user = f.do('i32.eq', level, f.i32(userLevel));
    const set = (address: number, userTable: number, supervisorTable: number): void =>
      f.store('i32.store', f.i32(0), f.select(user, f.i32(userTable), f.i32(supervisorTable)), address);
    f.store('i32.store', f.i32(0), level, State.cpl);
    set(State.tlbRead, Layout.tlbReadUser, Layout.tlbReadSupervisor);
    set(State.tlbWrite, Layout.tlbWriteUser, Layout.tlbWriteSupervisor);
    set(State.codeTable, Layout.codeUser, Layout.codeSupervisor);
  }

  // ── flags ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #flag(name: FlagName): Value { return (this.#flags[name] ??= this.#getLocal(FlagIndex[name])); }
  zeroWord(): Value { return this.#flag('zero'); }
  signWord(): Value { return this.#flag('sign'); }
  addend(): Value { return this.#flag('addend'); }
  sum(): Value { return this.#flag('sum'); }

  noteDifference(difference: Difference<Value>): void { this.#flags.difference = difference; }
  lastDifference(): Difference<Value> | undefined { return this.#flags.difference; }

  #setFlag(name: FlagName, value: Value): void {
    this.#flags.difference = undefined;
    this.#flags[name] = value;
    this.#setLocal(FlagIndex[name], value);
  }

  setFlags(zero: Value, sign: Value, addend: Value, sum: Value): void {
    this.#setFlag('zero', zero);
    this.#setFlag('sign', sign);
    this.setCarries(addend, sum);
  }

  setCarries(addend: Value, sum: Value): void {
    this.#setFlag('addend', addend);
    this.#setFlag('sum', sum);
  }

  eflags(): Value { return this.#state(State.eflags); }
  setEflags(value: Value): void { this.f.store('i32.store', this.f.i32(0), value, State.eflags); }

  when(condition: Value, then: () => void, otherwise?: () => void): void {
    const flags = { ...this.#flags };
    const { known } = this.#windows;
    const part = (body: (() => void) | undefined) => () => {
      this.#flags = { ...flags };
      body?.();
      // what one part does to registers is not so in the other, and not known to be so afterwards
      this.#windows.meet(known);
    };
    this.f.when(condition, part(then), otherwise && part(otherwise));
    this.#flags = {};
  }

  // ── control ─────────────────────────────────────────────────────────────────────────────────────────────────────

  next(): Value { return this.eipOf(this.#at + this.#insn.length); }
  target(): Value { return this.eipOf(this.#at + this.#insn.length + this.#insn.immediate); }

  jump(target: Value): void {
    const { definition: { branches, shortcut }, memory, index } = this.#insn;
    this.terminator = branches ? { kind: 'jump' }
      : { kind: 'indirect', eip: target, throughGate: shortcut !== undefined, index: memory && index >= 0 ? this.#getLocal(index) : undefined };
  }

  branch(condition: Value, commit?: () => void): void {
    this.terminator = { kind: 'branch', condition };
    commit?.();
  }

  call(target: Value): void {
    this.push(this.next(), 4);
    this.jump(target);
  }

  ret(extra: Value): void {
    const top = this.gpr(Register.esp, 4);
    const to = this.#load(this.#accesses.translate(top, 4, false), 4);
    this.setGpr(Register.esp, 4, this.add(this.add(top, this.imm(4)), extra));
    this.terminator = { kind: 'indirect', eip: to, throughGate: false };
    this.returns = true;
  }

  raise(): void {
    this.leaveBefore(this.imm(1));
  }
}
