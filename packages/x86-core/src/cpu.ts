/*S:110
 * The CPU as its owner holds it: registers to read and write, and one verb, run().
 *
 * The owner plays everything a mainboard and a ring-0 kernel would: it gives the CPU memory, tables and a place to
 * start, lets it run for a while, and is told why it stopped.
 */
import { segmentBase, segmentLimit } from '@lguest/descriptors';
import { busyBit, clearCache, findDescriptor, found, isNull, isProtected, isVirtual8086, setCache, setReal, setVirtual8086 } from './descriptor.js';
import { type Engine, SteppingEngine } from './engine.js';
import { X86Error } from './error.js';
import { type Exit, ExitReason } from './exit.js';
import { CpuFault } from './fault.js';
import { readEflags, writeEflags } from './flags.js';
import { type InstructionCounts, InterpreterEngine } from './interpreter/engine.js';
import { type JitStatistics, noRegions } from './jit/jit.js';
import type { RegionCode } from './jit/regions.js';
import { type JitOptions, settingsOf } from './jit/options.js';
import { RecordingProcessor } from './jit/recorder.js';
import { deliverExternal } from './interrupt.js';
import { accessBits, checkCr0, checkCr4, checkEflags, checkRange, checkSegment, checkSegmentRegister, checkWord, hex, levelOf, type SegmentCache } from './possible.js';
import { Processor, type ProcessorOptions } from './processor.js';
import { resetProcessor } from './reset.js';
import { cr4Writable } from './system/control.js';
import { Cr0, Cr4, Eflags, Layout, Register, SegmentField, SegmentRegister, State } from './state.js';

/** Which engine executes: 'auto' takes the fastest the host allows. */
export type EngineName = 'reference' | 'interpreter' | 'jit' | 'auto';

/** Counters of what the engine has done; all since the machine was made. */
export interface EngineStatistics {
  engine: 'reference' | 'interpreter' | 'jit';
  /** Instructions decoded into records. */
  decoded: number;
  /** Pages of decoded code dropped because their bytes changed. */
  invalidations: number;
  /** Times the arena was full and emptied. */
  evictions: number;
  /** Bytes of decoded code. */
  codeBytes: number;
  /** Who has executed how many instructions. */
  instructions: InstructionCounts;
  regions: JitStatistics;
}

const SEGMENTS = State.segments >> 2;
const highestSelector = 0xffff;
const highestVector = 0xff;
/** Limit registers of descriptor tables have 16 bits. */
const highestLimit = 0xffff;
const highestBudget = 2 ** 30;
const userLevel = 3;
const pageBytes = 4096;

/** True when the host lets us compile WebAssembly; a page's content security policy may not. */
function canCompile(): boolean {
  try {
    return new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)) instanceof WebAssembly.Module;
  } catch {
    return false;
  }
}

/**
 * One i686 CPU. Made by a Machine.
 *
 * Registers take 32-bit numbers, signed or unsigned, and read unsigned. What no program could bring about is refused:
 * setters throw X86Error with a sentence that names the field, and change nothing (possible.ts). `regs` is the register
 * file itself: it makes 32 bits of whatever is written, as typed arrays do.
 */
export class Cpu {
  /** The general registers: eax ecx edx ebx esp ebp esi edi (see Register). Live: writing changes the CPU. */
  readonly regs: Int32Array;
  /** The inside, for tools that know what they do. */
  readonly processor: Processor;
  readonly #engine: Engine;
  readonly #i32: Int32Array;

  constructor(memory: WebAssembly.Memory, options: ProcessorOptions & { engine?: EngineName; jit?: JitOptions }) {
    const wanted = options.engine ?? 'auto';
    const generated = wanted !== 'reference' && (wanted !== 'auto' || canCompile());
    const settings = generated && wanted !== 'interpreter' ? settingsOf(options.jit) : undefined;
    const processor = settings?.lockstep ? new RecordingProcessor(memory, options) : new Processor(memory, options);
    this.processor = processor;
    this.#i32 = processor.i32;
    this.regs = processor.i32.subarray(State.gpr >> 2, (State.gpr >> 2) + 8);
    this.#engine = generated ? new InterpreterEngine(processor, settings) : new SteppingEngine(processor);
    this.reset();
  }

  /** The state after power-on (SDM volume 3, table 9-1): real mode, CS:EIP F000:FFF0. The retired count starts again. */
  reset(): void {
    resetProcessor(this.processor);
  }

  /** Instruction pointer, unsigned. */
  get eip(): number { return this.#i32[State.eip >> 2]! >>> 0; }
  set eip(value: number) {
    checkWord('eip', value);
    this.#i32[State.eip >> 2] = value;
  }

  /** The whole EFLAGS register. Bit 1 is always set. A change of VM brings the privilege level that goes with it. */
  get eflags(): number { return readEflags(this.#i32); }
  set eflags(value: number) {
    checkEflags(value, this.#i32[State.cr0 >> 2]!);
    const changed = this.#i32[State.eflags >> 2]! ^ value;
    writeEflags(this.#i32, value);
    if ((changed & Eflags.vm) !== 0) this.#settleLevel();
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
   * Set a segment register's cache as it is, without any table. Setting CS in protected mode sets the privilege level
   * to its selector's RPL. Throws X86Error for what no descriptor could produce.
   */
  setSegment(register: number, cache: SegmentCache): void {
    checkSegment('setSegment', register, cache, isProtected(this.processor));
    const at = this.#segmentAt(register);
    this.#i32[at] = cache.selector;
    this.#i32[at + (SegmentField.base >> 2)] = cache.base;
    this.#i32[at + (SegmentField.limit >> 2)] = cache.limit;
    this.#i32[at + (SegmentField.access >> 2)] = cache.access;
    if (register === SegmentRegister.cs) this.#settleLevel(cache);
    this.processor.updateMode();
  }

  #segmentAt(register: number): number {
    checkSegmentRegister(register);
    return SEGMENTS + register * (SegmentField.size >> 2);
  }

  /** The privilege level that goes with the mode and CS. The caller calls updateMode(). */
  #settleLevel(code = this.segment(SegmentRegister.cs)): void {
    const { processor } = this;
    const level = isVirtual8086(processor) ? userLevel : isProtected(processor) ? levelOf(code) : 0;
    this.#i32[State.cpl >> 2] = level;
  }

  /**
   * Load a segment register from the GDT or LDT as if all checks of privilege had passed; in real-address and
   * virtual-8086 mode as those do. For setting a machine up. Loading CS in protected mode sets the privilege level.
   * Throws X86Error when there is no such descriptor, or none that the register can hold.
   */
  loadSegment(register: number, selector: number): void {
    checkSegmentRegister(register);
    checkRange('loadSegment: selector', selector, highestSelector);
    const { processor } = this;
    if (isProtected(processor)) this.#loadFromTable(register, selector);
    else if (register >= SegmentRegister.ldtr) throw new X86Error('bad-state', 'loadSegment: ldtr and tr can be loaded in protected mode only; set cr0 with Cr0.pe first');
    else if (isVirtual8086(processor)) setVirtual8086(processor, register, selector);
    else setReal(processor, register, selector);
    if (register === SegmentRegister.cs) this.#settleLevel();
    processor.updateMode();
  }

  #loadFromTable(register: number, selector: number): void {
    const { processor } = this;
    const where = `loadSegment: selector ${hex(selector)}`;
    if (isNull(selector)) {
      if (register === SegmentRegister.cs || register === SegmentRegister.ss || register === SegmentRegister.tr)
        throw new X86Error('bad-argument', `${where} is null, which cs, ss and tr cannot be; use a selector of the GDT`);
      clearCache(processor, register, selector);
      return;
    }
    let exists = false;
    try {
      exists = findDescriptor(processor, selector);
    } catch (thrown) {
      if (!(thrown instanceof CpuFault)) throw thrown;
      throw new X86Error('bad-state', `${where}: its descriptor is in a page that is not mapped; map the table first`);
    }
    if (!exists) throw new X86Error('bad-argument', `${where} lies outside its descriptor table; setGdt() says how long the GDT is`);
    const { low } = found;
    const high = register === SegmentRegister.tr ? found.high | busyBit : found.high;
    checkSegment(where, register, {
      selector, base: segmentBase(low, high), limit: segmentLimit(low, high), access: high & accessBits,
    }, false);
    setCache(processor, register, selector, low, high);
  }

  get cr0(): number { return this.#i32[State.cr0 >> 2]! >>> 0; }
  /** ET is always set. Switching protected mode on or off brings the privilege level that goes with it. */
  set cr0(value: number) {
    checkCr0(value, this.#i32[State.eflags >> 2]!);
    const changed = this.#i32[State.cr0 >> 2]! ^ value;
    if ((changed & value & Cr0.pg) !== 0 && (this.#i32[State.cr4 >> 2]! & Cr4.pae) !== 0) this.#loadPointers('cr0', this.cr3);
    this.#i32[State.cr0 >> 2] = value | Cr0.et;
    // TS, MP, EM change at every context switch and mean nothing to translations
    if ((changed & (Cr0.pg | Cr0.wp | Cr0.pe)) !== 0) this.processor.mmu.flushAll(true);
    if ((changed & Cr0.pe) !== 0) this.#settleLevel();
    this.processor.updateMode();
  }

  /** PAE: the four pointers at CR3 come into the CPU, or it is an error and nothing changes. */
  #loadPointers(field: string, cr3: number): void {
    if (!this.processor.mmu.loadPointers(cr3))
      throw new X86Error('bad-state', `${field}: under PAE cr3 ${hex(cr3 >>> 0)} points to page-directory pointers, and one there has a reserved bit set; mend it, or set cr3 first`);
  }

  /** Address of the last page fault. */
  get cr2(): number { return this.#i32[State.cr2 >> 2]! >>> 0; }
  set cr2(value: number) {
    checkWord('cr2', value);
    this.#i32[State.cr2 >> 2] = value;
  }

  get cr3(): number { return this.#i32[State.cr3 >> 2]! >>> 0; }
  /** Drops all translations but global ones; under PAE loads the four pointers. Throws X86Error if one is malformed. */
  set cr3(value: number) {
    checkWord('cr3', value);
    if ((this.#i32[State.cr4 >> 2]! & Cr4.pae) !== 0) this.#loadPointers('cr3', value);
    this.#i32[State.cr3 >> 2] = value;
    this.processor.mmu.flushAll(false);
  }

  get cr4(): number { return this.#i32[State.cr4 >> 2]! >>> 0; }
  /** Only bits that the CPU model has. Switching PAE on while paging loads the four pointers at CR3. */
  set cr4(value: number) {
    checkCr4(value, cr4Writable(this.processor));
    const changed = this.#i32[State.cr4 >> 2]! ^ value;
    if ((changed & value & Cr4.pae) !== 0 && (this.#i32[State.cr0 >> 2]! & Cr0.pg) !== 0) this.#loadPointers('cr4', this.cr3);
    this.#i32[State.cr4 >> 2] = value;
    this.processor.updateAvailability();
    this.processor.mmu.flushAll(true);
  }

  /** Global descriptor table: linear address, and limit (size - 1). */
  setGdt(base: number, limit: number): void {
    checkWord('setGdt: base', base);
    checkRange('setGdt: limit', limit, highestLimit);
    this.#i32[State.gdtBase >> 2] = base;
    this.#i32[State.gdtLimit >> 2] = limit;
  }

  /** Interrupt descriptor table: linear address, and limit (size - 1). */
  setIdt(base: number, limit: number): void {
    checkWord('setIdt: base', base);
    checkRange('setIdt: limit', limit, highestLimit);
    this.#i32[State.idtBase >> 2] = base;
    this.#i32[State.idtLimit >> 2] = limit;
  }

  /**
   * Run at most `budget` instructions (1..2^30), exactly. A fault delivered into the guest counts as one; a debug trap is part of its instruction.
   *
   * @returns why it stopped; the same object each time
   */
  run(budget: number): Exit {
    if (!Number.isInteger(budget) || budget < 1 || budget > highestBudget)
      throw new X86Error('bad-argument', `run: budget is ${budget}: a whole number of instructions from 1 to 2^30 is wanted; call run() again for more`);
    const { processor } = this;
    const { exit } = processor;
    this.#i32[State.budget >> 2] = budget;
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

  /**
   * The 32-bit word at a linear address, a multiple of 4, as the page tables map it for a supervisor; undefined when they do
   * not, or it is no RAM. Nothing is changed by looking.
   */
  peek32(linear: number): number | undefined {
    checkWord('peek32: linear', linear);
    const { bus, mmu, u32 } = this.processor;
    const physical = mmu.peek(linear);
    const isWord = physical >= 0 && physical % 4 === 0 && bus.isPlain(Math.floor(physical / pageBytes));
    return isWord ? u32[(Layout.physical + physical) >>> 2]! : undefined;
  }

  /** Drop all address translations, global ones too. To be called after the owner has changed page tables in memory. */
  flushTlb(): void { this.processor.mmu.flushAll(true); }

  /** Drop the translation of one page. */
  flushTlbPage(linear: number): void {
    checkWord('flushTlbPage: linear', linear);
    this.processor.mmu.flushPage(linear);
  }

  /** Instructions retired since reset; exact. */
  get retired(): number { return this.processor.f64[State.retired >> 3]!; }

  /** Interrupts and exceptions delivered into the guest by hardware, by vector. Those that ended a run are not counted. */
  get deliveries(): Uint32Array { return this.processor.deliveries; }

  /** True when an external interrupt would be taken now. */
  get interruptible(): boolean {
    return (this.#i32[State.eflags >> 2]! & Eflags.if) !== 0 && this.#i32[State.shadow >> 2] === 0;
  }

  /**
   * Raise an external interrupt between runs. Throws X86Error for a vector that is no whole number from 0 to 255.
   *
   * @returns false when interrupts are off just now; try again after some instructions
   */
  interrupt(vector: number): boolean {
    checkRange('interrupt: vector', vector, highestVector);
    if (!this.interruptible) return false;
    deliverExternal(this.processor, vector);
    return true;
  }

  /** What the engine has done so far. */
  get statistics(): EngineStatistics {
    const engine = this.#engine;
    if (!(engine instanceof InterpreterEngine))
      return { engine: 'reference', decoded: 0, invalidations: 0, evictions: 0, codeBytes: 0, instructions: { regions: 0, interpreter: 0, reference: this.retired }, regions: noRegions };
    return { engine: engine.jit ? 'jit' : 'interpreter', ...engine.code.stats, codeBytes: engine.code.used, instructions: engine.instructions, regions: engine.jit?.statistics ?? noRegions };
  }

  /** Code of the regions there are now, by address. With option `jit: { keepCode: true }`; else there is none. */
  regions(): readonly RegionCode[] {
    return this.#engine instanceof InterpreterEngine ? this.#engine.jit?.regions ?? [] : [];
  }

  /** Stack pointer, unsigned; a convenience for owners that walk stacks. */
  get esp(): number { return this.regs[Register.esp]! >>> 0; }
}
