/*S:350
 * The interpreter engine: generated code for what is plain, the reference engine for what is not.
 *
 * The generated function runs from record to record until it meets an address without one, the end of the budget, or an
 * instruction after which nothing may be taken for granted. This file is the other half of that conversation.
 */
import { addToCounter, readCounter } from '../counter.js';
import { newInstruction } from '../decode.js';
import { definitionOf } from '../definition.js';
import type { Engine } from '../engine.js';
import { Stepper } from '../engine.js';
import { Vector } from '../fault.js';
import { type Instruction, SlotKind } from '../instruction.js';
import { AccessKind } from '../paging.js';
import type { Processor } from '../processor.js';
import { Eflags, Layout, Mode, State } from '../state.js';
import { CodeCache, type DecodeRun } from './code-cache.js';
import { Jit } from '../jit/jit.js';
import { Lockstep } from '../jit/lockstep.js';
import type { JitSettings } from '../jit/options.js';
import { RecordingProcessor } from '../jit/recorder.js';
import { firstPlace, tableSize, type Unit } from '../operations/operation.js';
import type { GeneratedInterpreter } from './generate.js';
import { deepestCalls, exitsPerLook, Handler, regionRecordShift, Status } from './handlers.js';
import { besideModule, interpreterModule, unitModule } from './modules.js';
import { Field, MemoryForm, recordSize } from './record.js';
import type { CallShape } from './handler-builder.js';
import { callKey, callShapes, shapeKey } from './shapes.js';
import { Slices } from './slices.js';

const EIP = State.eip >> 2;
const BUDGET = State.budget >> 2;
const ATTENTION = State.attention >> 2;
const WANTED = State.wanted >> 2;
const IN_REGIONS = State.inRegions >> 2;
const pageMask = 0xfff;

type RunFunction = (record: number, pageBase: number) => number;

/** A table for the functions that generated code calls. */
function newTable(): WebAssembly.Table { return new WebAssembly.Table({ element: 'anyfunc', initial: tableSize }); }

/** Writes to pages with code that miss before they get handlers of their own. */
const manyCodeWrites = 32;

/** Instructions that each engine has executed; exceptions delivered into the guest count with the interpreter's. */
export interface InstructionCounts {
  regions: number;
  interpreter: number;
  reference: number;
}

/** Runs decoded records in generated WebAssembly. */
export class InterpreterEngine implements Engine {
  readonly code: CodeCache;
  readonly #cpu: Processor;
  readonly #stepper: Stepper;
  readonly #generated: GeneratedInterpreter;
  readonly #plain: Uint16Array;
  /** Handlers of repeated string instructions. */
  readonly #repeats: ReadonlySet<number>;
  /** Handlers of instructions that must be executed although it is known that they will fault. */
  readonly #executedToFault: ReadonlySet<number>;
  /** Handlers of instructions that do not look at where they would write while an exception keeps them from it. */
  readonly #mayNotWrite: ReadonlySet<number>;
  /** What does INT n, and such an instruction. */
  readonly #interruptHandler: number;
  readonly #interrupt: Instruction = { ...newInstruction(), definition: definitionOf('int') };
  readonly #module: WebAssembly.Module;
  #run!: RunFunction;
  #operations!: WebAssembly.Table;
  readonly #installed = new Map<Unit, boolean>();
  /** The table of operations is about to be replaced. */
  #renewal: Generator<void, void> | undefined;
  /** Undefined for the interpreter alone. */
  readonly jit: Jit | undefined;
  readonly #slices = new Slices();
  /** Regions left in lockstep. */
  #exits = 0;
  #sliceOver = false;
  /** Where the generated code was entered last: at the end of a slice, where it would go on. */
  #lastRun = 0;
  /** Error code of a page fault that the generated code has run into, or -1; and where. */
  #missCode = -1;
  #missLinear = 0;
  #codeWrites = 0;
  /** Instructions that all together have executed, and the reference engine among them; for statistics. */
  #executed = 0;
  #stepped = 0;

  /** @param settings the JIT's; undefined for the interpreter alone */
  constructor(cpu: Processor, settings?: JitSettings) {
    const { generated, module } = interpreterModule(cpu.undefinedResults);
    this.#cpu = cpu;
    this.#stepper = new Stepper(cpu);
    this.#generated = generated;
    this.#plain = generated.plain;
    const callsThat = (are: (shape: CallShape) => boolean): ReadonlySet<number> =>
      new Set(callShapes.filter(are).map((shape) => generated.calls.get(callKey(shape))!));
    this.#repeats = callsThat(({ repeats }) => repeats);
    // on Intel's processors these leave something behind (undefined-results.ts)
    const pushAll = generated.handlers.get(shapeKey(definitionOf('pusha'), 4, 4, [], [], MemoryForm.none))!;
    this.#executedToFault = new Set(cpu.undefinedResults === 'intel' ? [...callsThat(({ write }) => write), pushAll] : []);
    this.#mayNotWrite = cpu.undefinedResults === 'intel' ? callsThat(({ write, pointers }) => write && pointers) : new Set();
    this.#interruptHandler = generated.handlers.get(shapeKey(definitionOf('int'), 4, 4, [SlotKind.immediate], [1], MemoryForm.none))!;
    this.code = new CodeCache(cpu, generated, (unit) => this.#install(unit));
    this.#module = module;
    this.#instantiate();
    this.jit = settings && new Jit(cpu, this.code, this.#operations, (unit) => this.#install(unit), settings);
    if (cpu instanceof RecordingProcessor) this.jit!.lockstep = new Lockstep(cpu, this.#stepper.reference);
    cpu.onCodeWrite = (physical, length) => {
      if (this.code.written(physical, length)) cpu.i32[ATTENTION] = 1;
    };
    cpu.onModeChange = () => {
      // code tables of virtual pages belong to the mode they were filled in
      cpu.mmu.forgetCodePages();
      cpu.i32[ATTENTION] = 1;
    };
  }

  /** The generated code, for a new table of the functions it calls. */
  #instantiate(table = newTable()): void {
    const cpu = this.#cpu;
    this.#operations = table;
    const instance = new WebAssembly.Instance(this.#module, {
      env: {
        memory: cpu.memory,
        operations: this.#operations,
        step: (record: number, pageBase: number) => this.#step(record, pageBase),
        fill: (linear: number, kind: number, record: number) => this.#fill(linear, kind, record),
        decodeOne: (linear: number, table: number, first: number) => this.code.decodeOne(linear, table, first !== 0),
      },
    });
    this.#run = instance.exports['run'] as RunFunction;
    if (cpu instanceof RecordingProcessor) cpu.hostOfWrite = this.#operations.get(firstPlace.hostOfWrite) as RecordingProcessor['hostOfWrite'];
    this.code.attach(instance.exports['decodeRun'] as DecodeRun);
  }

  /**
   * Be rid of the remains of regions that have gone, in steps while no generated code is running. (On Node 20 and 22 a table
   * keeps all code that was ever made for it: what regions have gone goes with theirs.)
   */
  *#renew(jit: Jit): Generator<void, void> {
    const table = newTable();
    const instances = yield* jit.prepareFor(table);
    yield;
    this.#instantiate(table);
    const units = [...this.#installed].filter(([, there]) => there).map(([unit]) => unit);
    for (const unit of units) this.#installed.delete(unit);
    for (const unit of units) this.#install(unit);
    if (this.#cpu.i32[State.besideCode >> 2] !== 0) this.#prepareBesideCode();
    jit.moveTo(table, instances);
  }

  /** Have a unit's operations in the table. False where the host cannot compile them: it may have no SIMD. */
  #install(unit: Unit): boolean {
    const known = this.#installed.get(unit);
    if (known !== undefined) return known;
    const module = unitModule(unit);
    if (module) new WebAssembly.Instance(module, { env: { memory: this.#cpu.memory, operations: this.#operations } });
    this.#installed.set(unit, module !== undefined);
    return module !== undefined;
  }

  run(): void {
    const { i32 } = this.#cpu;
    const stepper = this.#stepper;
    const budget = i32[BUDGET]!;
    stepper.begin();
    if (this.jit === undefined) this.#runSlice();
    else if (this.jit.lockstep) this.#runInLockstep(this.jit, this.jit.lockstep);
    else this.#runSlices(this.jit);
    stepper.account(i32[BUDGET]!);
    this.#executed += budget - i32[BUDGET]!;
  }

  /** Who has executed how many instructions. */
  get instructions(): InstructionCounts {
    const regions = readCounter(this.#cpu, State.inRegions);
    return { regions, interpreter: this.#executed - regions - this.#stepped, reference: this.#stepped };
  }

  /** A slice after the other, with a look at where each one ends. */
  #runSlices(jit: Jit): void {
    const cpu = this.#cpu;
    const { i32, u32 } = cpu;
    const stepper = this.#stepper;
    const slices = this.#slices;
    let left = i32[BUDGET]!;
    for (;;) {
      if (slices.left <= 0) slices.begin(jit.busy, u32[IN_REGIONS]!);
      const part = Math.min(left, slices.left);
      stepper.held = left - part;
      i32[BUDGET] = part;
      this.#runSlice(jit);
      left = stepper.held + i32[BUDGET]!;
      slices.left -= part - i32[BUDGET]!;
      if (cpu.pendingExit >= 0) break;
      if (left > 0 && !jit.busy) slices.adapt(u32[IN_REGIONS]!);
      slices.left = 0;
      if ((i32[State.mode >> 2]! & (Mode.fast | Mode.alignmentCheck)) === Mode.fast) this.#look(jit);
      if (left <= 0) break;
    }
    stepper.held = 0;
    i32[BUDGET] = left;
  }

  #look(jit: Jit): void {
    const { i32 } = this.#cpu;
    if (jit.isFull) this.#renewal ??= this.#renew(jit);
    if (this.#renewal) return this.#goOnRenewing(jit, this.#renewal);
    jit.sample(this.#lastRun >>> 0);
    if (i32[WANTED] === 0 || jit.busy) return;
    jit.improve(i32[WANTED]!);
    i32[WANTED] = 0;
  }

  /** A step of it; the guest waits meanwhile. */
  #goOnRenewing(jit: Jit, renewal: Generator<void, void>): void {
    jit.timed(() => {
      if (renewal.next().done) this.#renewal = undefined;
    });
  }

  /** Regions one at a time, each compared with the reference; and between them records, a straight piece at a time. */
  #runInLockstep(jit: Jit, lockstep: Lockstep): void {
    const cpu = this.#cpu;
    const { i32, u32 } = cpu;
    const slices = this.#slices;
    let left = i32[BUDGET]!;
    if (slices.left <= 0) slices.begin(jit.busy, u32[IN_REGIONS]!);
    while (i32[BUDGET]! > 0 && cpu.pendingExit < 0) {
      i32[ATTENTION] = 0;
      if (this.#isSpecial()) {
        this.#stepOne();
        continue;
      }
      const record = this.#recordHere();
      if (record === undefined) continue;
      this.#lastRun = i32[EIP]!;
      const region = jit.regionOf(record);
      const executed = region === undefined ? 0 : lockstep.check(region, deepestCalls);
      this.#countRegion(executed);
      if (executed === 0) this.#runPiece(record);
      else if (++this.#exits % exitsPerLook === 0) jit.leftFor(i32[EIP]! >>> 0);
      slices.left -= left - i32[BUDGET]!;
      left = i32[BUDGET]!;
      if ((slices.left > 0 && left > 0) || cpu.pendingExit >= 0) continue;
      slices.begin(jit.busy, u32[IN_REGIONS]!);
      if (!this.#isSpecial()) this.#look(jit);
    }
  }

  /** As the generated code does. */
  #countRegion(instructions: number): void {
    if (instructions === 0) return;
    addToCounter(this.#cpu, State.inRegions, instructions);
    addToCounter(this.#cpu, State.entered, 1);
  }

  /** Execute records up to the next that may go elsewhere, none of them by a region. */
  #runPiece(record: number): void {
    const { i32, u16 } = this.#cpu;
    const left = i32[BUDGET]!;
    const count = Math.min(left, u16[(record + Field.remaining) >> 1]!);
    this.#stepper.held = left - count;
    i32[BUDGET] = count;
    this.#runTail(record, i32[EIP]! & ~pageMask, count);
    i32[BUDGET] = i32[BUDGET]! + this.#stepper.held;
    this.#stepper.held = 0;
  }

  #runSlice(jit?: Jit): void {
    const cpu = this.#cpu;
    const { i32 } = cpu;
    this.#sliceOver = false;
    while (i32[BUDGET]! > 0 && cpu.pendingExit < 0 && !this.#sliceOver) {
      i32[ATTENTION] = 0;
      if (this.#isSpecial()) this.#stepOne();
      else if (this.#runRecords() === Status.hot) jit?.leftFor(i32[EIP]! >>> 0);
    }
  }

  /** The reference engine's turn, for one instruction. */
  #stepOne(): void {
    this.#stepped++;
    this.#stepper.step();
  }

  /** The next instruction is the reference engine's whatever it is. */
  #isSpecial(): boolean {
    return (this.#cpu.i32[State.mode >> 2]! & (Mode.fast | Mode.alignmentCheck)) !== Mode.fast || this.#delicate();
  }

  /** It comes behind a MOV SS or STI, or is shielded by RF. */
  #delicate(): boolean {
    const { i32 } = this.#cpu;
    return (i32[State.shadow >> 2]! | (i32[State.eflags >> 2]! & Eflags.rf)) !== 0;
  }

  /** The record at EIP. Undefined when there is none: then an exception has been delivered, or the instruction executed. */
  #recordHere(): number | undefined {
    const linear = this.#cpu.i32[EIP]! >>> 0;
    const record = this.code.recordAt(linear);
    if (record > 0) return record;
    if (record === 0) this.#stepOne();
    else this.#pageFault(linear, this.#cpu.mmu.missCode);
    return undefined;
  }

  /** @returns why the generated code came back, if it was called */
  #runRecords(): number | undefined {
    const { i32, u16 } = this.#cpu;
    const record = this.#recordHere();
    if (record === undefined) return undefined;
    const eip = i32[EIP]!;
    const remaining = u16[(record + Field.remaining) >> 1]!;
    const left = i32[BUDGET]!;
    this.#lastRun = eip;
    if (remaining > left) {
      if (this.#stepper.held < remaining) return this.#runTail(record, eip & ~pageMask, left);
      // not the last slice: where it ends is not important, so it ends at a place that others come by, too
      this.#sliceOver = true;
      return undefined;
    }
    i32[BUDGET] = left - remaining;
    return this.#run(record, eip & ~pageMask);
  }

  /** A record, or what it was before a region began there. */
  #original(record: number): number {
    const { u8, u16 } = this.#cpu;
    if (u16[(record + Field.handler) >> 1] !== Handler.region) return record;
    return Layout.regionRecords + (((u8[record + Field.placeHigh]! << 8) | u8[record + Field.placeLow]!) << regionRecordShift);
  }

  /** What does a record's first instruction. */
  #handlerOf(record: number): number { return this.#plain[this.#cpu.u16[(this.#original(record) + Field.handler) >> 1]!]!; }

  /**
   * The budget ends inside this run: execute copies of its first `count` records, and a stop behind them. A repeated string
   * instruction may take it all: that is executed alone, with what is left of the budget.
   */
  #runTail(from: number, pageBase: number, count: number): number {
    const { i32, u8, u16 } = this.#cpu;
    let source = from;
    let target: number = Layout.scratch;
    let left = this.#repeats.has(u16[(this.#original(from) + Field.handler) >> 1]!) ? 1 : count;
    const kept = count - left;
    for (;;) {
      const original = this.#original(source);
      u8.copyWithin(target, original, original + recordSize);
      const handler = this.#handlerOf(original);
      u16[(target + Field.handler) >> 1] = handler;
      if (left <= 0) break;
      u16[(target + Field.remaining) >> 1] = left;
      if (handler !== Handler.check) left--;
      source += recordSize;
      target += recordSize;
    }
    u16[(target + Field.handler) >> 1] = Handler.stop;
    i32[BUDGET] = kept;
    return this.#run(Layout.scratch, pageBase);
  }

  /** An access missed the translation tables. When it cannot be helped, #step comes next, for the same record. */
  #fill(linear: number, kind: number, record: number): number {
    const { mmu } = this.#cpu;
    // to walk the page tables would leave Accessed and Dirty behind
    if (kind === AccessKind.write && this.#mayNotWrite.has(this.#handlerOf(record)) && !mmu.isEntered(linear, kind)) return 0;
    if (mmu.fill(linear, kind) !== 0) return 1;
    if (kind === AccessKind.write && mmu.missCode < 0 && ++this.#codeWrites === manyCodeWrites) {
      this.#prepareBesideCode();
      this.jit?.onBesideCode();
    }
    this.#missCode = mmu.missCode;
    this.#missLinear = linear;
    return 0;
  }

  /** There is data beside code, and it is written. */
  #prepareBesideCode(): void {
    const cpu = this.#cpu;
    const module = besideModule(this.#generated, cpu.undefinedResults);
    new WebAssembly.Instance(module, { env: { memory: cpu.memory, operations: this.#operations } });
    cpu.i32[State.besideCode >> 2] = 1;
  }

  /** A fetch, or the instruction's first access that cannot be done, faults: no need to execute it to find out. */
  #pageFault(linear: number, code: number): void {
    this.#cpu.i32[State.cr2 >> 2] = linear;
    this.#stepper.deliver(Vector.pageFault, code);
  }

  /**
   * The generated code asks for one instruction. Returns 0 when it may go on with the following record.
   *
   * The run this record belongs to has been taken out of the budget as a whole: what is not executed is given back.
   */
  #step(record: number, pageBase: number): number {
    const cpu = this.#cpu;
    const { i32, u16 } = cpu;
    const remaining = u16[(record + Field.remaining) >> 1]!;
    const unspent = i32[BUDGET]! + remaining;
    const eip = (pageBase + u16[(record + Field.offset) >> 1]!) | 0;
    i32[EIP] = eip;
    this.#stepper.account(unspent);
    if (this.#missCode >= 0 && !this.#executedToFault.has(this.#handlerOf(record))) {
      i32[BUDGET] = unspent;
      const code = this.#missCode;
      this.#missCode = -1;
      this.#pageFault(this.#missLinear, code);
      return 1;
    }
    this.#missCode = -1;
    this.#stepped++;
    let length = 0;
    let follows = false;
    try {
      const insn = this.#interruptIn(record) ?? this.#stepper.reference.fetch();
      length = insn.length;
      // behind a record that ends a run lies another run, or nothing
      follows = !(insn.definition.ends || insn.definition.branches);
      this.#stepper.reference.execute(insn);
    } catch (fault) {
      i32[BUDGET] = unspent;
      this.#stepper.fault(fault);
      return 1;
    }
    const rest = unspent - 1;
    if (cpu.debugStatus !== 0) {
      // a task that wants to be trapped has been switched to
      i32[BUDGET] = rest;
      this.#stepper.trap();
      return 1;
    }
    if (u16[(record + Field.handler) >> 1] === Handler.check) {
      if (i32[ATTENTION] === 0 && cpu.pendingExit < 0) this.#installFollowingPage(pageBase);
    } else if (
      follows && i32[EIP] === ((eip + length) | 0) && cpu.u8[record + Field.length] === length && rest >= remaining - 1 &&
      i32[ATTENTION] === 0 && !this.#delicate()
    ) {
      i32[BUDGET] = rest - (remaining - 1);
      return 0;
    }
    i32[BUDGET] = rest;
    return 1;
  }

  /** INT is how guests call their owner, and its record says all there is to know: no need to fetch it again. Undefined for others. */
  #interruptIn(record: number): Instruction | undefined {
    const { i32, u8 } = this.#cpu;
    if (this.#handlerOf(record) !== this.#interruptHandler) return undefined;
    const insn = this.#interrupt;
    insn.immediate = i32[(record + Field.immediate) >> 2]!;
    insn.length = u8[record + Field.length]!;
    return insn;
  }

  /** An instruction that crosses into the next page has just been fetched from there: its check may succeed next time. */
  #installFollowingPage(pageBase: number): void {
    const next = (pageBase + pageMask + 1) >>> 0;
    if (this.#cpu.mmu.peek(next) >= 0) {
      try {
        this.code.install(next);
      } catch (fault) {
        // no longer mapped for us after what the instruction did: the check will fail again and find out
        void fault;
      }
    }
  }
}
