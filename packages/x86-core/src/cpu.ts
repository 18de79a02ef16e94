/*S:110
 * The CPU as its owner holds it: registers to read and write, and one verb, run().
 *
 * The owner plays everything a mainboard and a ring-0 kernel would: it gives the CPU memory, tables and a place to
 * start, lets it run for a while, and is told why it stopped.
 */
import { clearCache, findDescriptor, found, isNull, isProtected, isVirtual8086, setCache, setReal, setVirtual8086 } from './descriptor.js';
import { type Engine, SteppingEngine } from './engine.js';
import { X86Error } from './error.js';
import { type Exit, ExitReason } from './exit.js';
import { readEflags, writeEflags } from './flags.js';
import { InterpreterEngine } from './interpreter/engine.js';
import { deliverExternal } from './interrupt.js';
import { Processor, type ProcessorOptions } from './processor.js';
import { resetProcessor } from './reset.js';
import { Cr0, Cr4, Eflags, Register, SegmentField, SegmentRegister, State } from './state.js';

/** Which engine executes: 'auto' takes the fastest the host allows. */
export type EngineName = 'reference' | 'interpreter' | 'auto';

/** A segment register as the processor caches it. */
export interface SegmentCache {
  /** 16 bits. */
  selector: number;
  /** Linear address. */
  base: number;
  /** In bytes, inclusive; 0xffffffff is 4 GiB. */
  limit: number;
  /** The descriptor's high word; bits 8..15 and 20..23 count. See Access. */
  access: number;
}

/** Counters of what the engine has done; all since the machine was made. */
export interface EngineStatistics {
  engine: 'reference' | 'interpreter';
  /** Instructions decoded into records. */
  decoded: number;
  /** Pages of decoded code dropped because their bytes changed. */
  invalidations: number;
  /** Times the arena was full and emptied. */
  evictions: number;
  /** Bytes of decoded code. */
  codeBytes: number;
  /** Instructions that generated code handed to the reference engine. */
  stepped: number;
}

const SEGMENTS = State.segments >> 2;
const accessBits = 0x00f0_ff00;

/** True when the host lets us compile WebAssembly; a page's content security policy may not. */
function canCompile(): boolean {
  try {
    return new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)) instanceof WebAssembly.Module;
  } catch {
    return false;
  }
}

/** One i686 CPU. Made by a Machine. */
export class Cpu {
  /** The general registers: eax ecx edx ebx esp ebp esi edi (see Register). Live: writing changes the CPU. */
  readonly regs: Int32Array;
  /** The inside, for tools that know what they do. */
  readonly processor: Processor;
  readonly #engine: Engine;
  readonly #i32: Int32Array;

  constructor(memory: WebAssembly.Memory, options: ProcessorOptions & { engine?: EngineName }) {
    const processor = new Processor(memory, options);
    this.processor = processor;
    this.#i32 = processor.i32;
    this.regs = processor.i32.subarray(State.gpr >> 2, (State.gpr >> 2) + 8);
    const wanted = options.engine ?? 'auto';
    const generated = wanted === 'interpreter' || (wanted === 'auto' && canCompile());
    this.#engine = generated ? new InterpreterEngine(processor) : new SteppingEngine(processor);
    this.reset();
  }

  /** The state after power-on (SDM volume 3, table 9-1): real mode, CS:EIP F000:FFF0. The retired count starts again. */
  reset(): void {
    resetProcessor(this.processor);
  }

  /** Instruction pointer, unsigned. */
  get eip(): number { return this.#i32[State.eip >> 2]! >>> 0; }
  set eip(value: number) { this.#i32[State.eip >> 2] = value; }

  /** The whole EFLAGS register. */
  get eflags(): number { return readEflags(this.#i32); }
  set eflags(value: number) {
    writeEflags(this.#i32, value);
    this.processor.updateMode();
  }

  /** Current privilege level, 0..3. */
  get cpl(): number { return this.#i32[State.cpl >> 2]!; }

  /** Selector in a segment register; unlike segment() it allocates nothing. */
  selector(register: number): number { return this.#i32[this.#segmentAt(register)]!; }

  /** Copy of a segment register's cache. */
  segment(register: number): SegmentCache {
    const at = this.#segmentAt(register);
    return {
      selector: this.#i32[at]!, base: this.#i32[at + (SegmentField.base >> 2)]! >>> 0,
      limit: this.#i32[at + (SegmentField.limit >> 2)]! >>> 0, access: this.#i32[at + (SegmentField.access >> 2)]! & accessBits,
    };
  }

  /**
   * Set a segment register's cache as it is, without any table. Setting CS sets the privilege level to its selector's
   * RPL. Throws X86Error for values no descriptor could produce.
   */
  setSegment(register: number, cache: SegmentCache): void {
    const at = this.#segmentAt(register);
    const { selector, base, limit, access } = cache;
    if (selector < 0 || selector > 0xffff || !Number.isInteger(selector))
      throw new X86Error('bad-state', `setSegment: selector ${selector} of segment register ${register} is not a 16-bit number`);
    if ((access & ~accessBits) !== 0)
      throw new X86Error('bad-state', `setSegment: access 0x${(access >>> 0).toString(16)} of segment register ${register} has bits outside a descriptor's 8..15 and 20..23`);
    this.#i32[at] = selector;
    this.#i32[at + (SegmentField.base >> 2)] = base;
    this.#i32[at + (SegmentField.limit >> 2)] = limit;
    this.#i32[at + (SegmentField.access >> 2)] = access;
    if (register === SegmentRegister.cs) this.#i32[State.cpl >> 2] = selector & 3;
    this.processor.updateMode();
  }

  #segmentAt(register: number): number {
    if (!Number.isInteger(register) || register < 0 || register > SegmentRegister.tr)
      throw new X86Error('bad-state', `there is no segment register ${register}; SegmentRegister names the eight there are`);
    return SEGMENTS + register * (SegmentField.size >> 2);
  }

  /**
   * Load a segment register from the GDT or LDT as if all checks had passed; in real-address and virtual-8086 mode as
   * those do. For setting a machine up. Loading CS in protected mode sets the privilege level. Throws X86Error when
   * there is no such descriptor.
   */
  loadSegment(register: number, selector: number): void {
    this.#segmentAt(register);
    const { processor } = this;
    if (isVirtual8086(processor)) setVirtual8086(processor, register, selector);
    else if (!isProtected(processor)) setReal(processor, register, selector);
    else if (isNull(selector)) clearCache(processor, register, selector);
    else if (findDescriptor(processor, selector)) setCache(processor, register, selector, found.low, found.high);
    else throw new X86Error('bad-argument', `loadSegment: selector 0x${selector.toString(16)} lies outside its descriptor table`);
    if (register === SegmentRegister.cs && isProtected(processor)) this.#i32[State.cpl >> 2] = selector & 3;
    processor.updateMode();
  }

  get cr0(): number { return this.#i32[State.cr0 >> 2]! >>> 0; }
  set cr0(value: number) {
    // TS, MP, EM change at every context switch and mean nothing to translations
    const translation = (this.#i32[State.cr0 >> 2]! ^ value) & (Cr0.pg | Cr0.wp | Cr0.pe);
    this.#i32[State.cr0 >> 2] = value;
    if (translation !== 0) this.processor.mmu.flushAll(true);
    this.processor.updateMode();
  }

  /** Address of the last page fault. */
  get cr2(): number { return this.#i32[State.cr2 >> 2]! >>> 0; }
  set cr2(value: number) { this.#i32[State.cr2 >> 2] = value; }

  get cr3(): number { return this.#i32[State.cr3 >> 2]! >>> 0; }
  /** Drops all translations but global ones; under PAE loads the four pointers. Throws X86Error if one is malformed. */
  set cr3(value: number) {
    this.#i32[State.cr3 >> 2] = value;
    const { mmu } = this.processor;
    if ((this.#i32[State.cr4 >> 2]! & Cr4.pae) !== 0 && !mmu.loadPointers(value))
      throw new X86Error('bad-state', `cr3 0x${value.toString(16)}: a page-directory pointer there has a reserved bit set`);
    mmu.flushAll(false);
  }

  get cr4(): number { return this.#i32[State.cr4 >> 2]! >>> 0; }
  set cr4(value: number) {
    this.#i32[State.cr4 >> 2] = value;
    this.processor.updateAvailability();
    this.processor.mmu.flushAll(true);
  }

  /** Global descriptor table: linear address, and limit (size - 1). */
  setGdt(base: number, limit: number): void {
    this.#i32[State.gdtBase >> 2] = base;
    this.#i32[State.gdtLimit >> 2] = limit;
  }

  /** Interrupt descriptor table: linear address, and limit (size - 1). */
  setIdt(base: number, limit: number): void {
    this.#i32[State.idtBase >> 2] = base;
    this.#i32[State.idtLimit >> 2] = limit;
  }

  /**
   * Run at most `budget` instructions (1..2^30), exactly. Delivering an exception into the guest counts as one more.
   *
   * @returns why it stopped; the same object each time
   */
  run(budget: number): Exit {
    if (!(budget > 0)) throw new X86Error('bad-argument', `run(${budget}): the budget must be a positive number of instructions`);
    const { processor } = this;
    const { exit } = processor;
    this.#i32[State.budget >> 2] = Math.min(budget, 2 ** 30);
    if (processor.pendingExit < 0) this.#engine.run();
    if (processor.pendingExit < 0) {
      exit.reason = ExitReason.budget;
      exit.hasErrorCode = false;
    } else exit.reason = processor.pendingExit;
    processor.pendingExit = -1;
    return exit;
  }

  /** End the current run (from a hook) or the next one before it starts. An exit that is due anyway comes first. */
  kick(): void {
    if (this.processor.pendingExit < 0) this.processor.requestExit(ExitReason.kick);
  }

  /** Drop all address translations, global ones too. To be called after the owner has changed page tables in memory. */
  flushTlb(): void { this.processor.mmu.flushAll(true); }

  /** Drop the translation of one page. */
  flushTlbPage(linear: number): void { this.processor.mmu.flushPage(linear); }

  /** Instructions retired since reset; exact. */
  get retired(): number { return this.processor.f64[State.retired >> 3]!; }

  /** Interrupts and exceptions delivered into the guest by hardware, by vector. Those that ended a run are not counted. */
  get deliveries(): Uint32Array { return this.processor.deliveries; }

  /** True when an external interrupt would be taken now. */
  get interruptible(): boolean {
    return (this.#i32[State.eflags >> 2]! & Eflags.if) !== 0 && this.#i32[State.shadow >> 2] === 0;
  }

  /**
   * Raise an external interrupt between runs.
   *
   * @returns false when interrupts are off just now; try again after some instructions
   */
  interrupt(vector: number): boolean {
    if (!this.interruptible) return false;
    deliverExternal(this.processor, vector);
    return true;
  }

  /** What the engine has done so far. */
  get statistics(): EngineStatistics {
    const engine = this.#engine;
    if (!(engine instanceof InterpreterEngine))
      return { engine: 'reference', decoded: 0, invalidations: 0, evictions: 0, codeBytes: 0, stepped: this.retired };
    return { engine: 'interpreter', ...engine.code.stats, codeBytes: engine.code.used, stepped: engine.stepped };
  }

  /** Stack pointer, unsigned; a convenience for owners that walk stacks. */
  get esp(): number { return this.regs[Register.esp]! >>> 0; }
}
