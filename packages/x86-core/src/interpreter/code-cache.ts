/*S:340
 * Decoded code, page by page.
 *
 * A physical page of code has a table with one word per byte: the record of the instruction that starts there. The
 * tables of virtual pages (Layout.codeSupervisor, codeUser) point at these, and are TLB entries like all others: they go
 * when translations go. What was decoded stays until the bytes change. Code that depends on a mode (flat segments or
 * not) is kept apart by mode.
 */
import { Decoder, newInstruction } from '../decode.js';
import type { Definition } from '../definition.js';
import { type Instruction, Repeat, SlotKind } from '../instruction.js';
import type { Call, Unit } from '../operations/operation.js';
import type { Processor } from '../processor.js';
import { byteRegister } from '../reference.js';
import { Layout, Mode, SegmentField, SegmentRegister, State } from '../state.js';
import { type GeneratedInterpreter, Handler } from './generate.js';
import { Field, MemoryForm, recordSize } from './record.js';
import { callKey, shapeKey } from './shapes.js';

const pageSize = 0x1000;
const pageMask = 0xfff;
/** Bytes of a page's table of instructions. */
const tableSize = pageSize * 4;
/** Instructions decoded at most in one go. */
const maxRun = 64;
/** In bytes (SDM volume 2, 2.3.11). */
const longestInstruction = 15;
/** Self-modification is noticed in chunks of this many bytes (as a shift). */
const chunkShift = 5;
const chunkWords = pageSize >> chunkShift >> 5;
/** Mode bits that decoded code depends on, and where they go in a page's key. */
const modeBits = Mode.flatDs | Mode.flatEs | Mode.flatSs;
const pageBits = 20;

/** The decoded code of one physical page in one mode. */
export interface CodePage {
  readonly physicalPage: number;
  readonly mode: number;
  /** Address of its table. */
  readonly table: number;
  /** Chunks with decoded instructions. */
  readonly chunks: Uint32Array;
  /** Pages whose last instruction ends in this one. */
  readonly crossedFrom: Set<CodePage>;
  /** Places of the regions with code of this page in the table of functions. */
  readonly regions: Set<number>;
}

/** All decoded code of a machine. */
export class CodeCache {
  readonly #cpu: Processor;
  readonly #generated: GeneratedInterpreter;
  /** Called when the code of a page goes. */
  onPageGone: (page: CodePage) => void = () => undefined;
  /** Called when all code has gone, and pages and records are about to be numbered anew. */
  onEmptied: () => void = () => undefined;
  readonly #install: (unit: Unit) => boolean;
  readonly #decoder: Decoder;
  readonly #insn = newInstruction();
  readonly #pages = new Map<number, CodePage>();
  readonly #byTable = new Map<number, CodePage>();
  readonly #window = new Uint8Array(16);
  #top: number = Layout.arena;
  /** Counters for the owner's statistics. */
  readonly stats = { decoded: 0, invalidations: 0, evictions: 0 };

  /** @param install makes sure that a unit's operations are in the table; false when they cannot be */
  constructor(cpu: Processor, generated: GeneratedInterpreter, install: (unit: Unit) => boolean) {
    this.#install = install;
    this.#cpu = cpu;
    this.#decoder = new Decoder(cpu.features);
    this.#generated = generated;
  }

  /** Record for the code at a linear address with the current mode and privilege. Raises #PF as a fetch would. */
  recordAt(linear: number): number {
    const cpu = this.#cpu;
    const slot = (cpu.i32[State.codeTable >> 2]! >> 2) + (linear >>> 12);
    let table = cpu.i32[slot]!;
    if (table !== 0) {
      const record = cpu.i32[(table >> 2) + (linear & pageMask)]!;
      if (record !== 0) return record;
    }
    const physical = cpu.mmu.translateCode(linear);
    const page = this.#pageAt(physical >>> 12);
    if (page === undefined) return 0;
    table = page.table;
    cpu.i32[slot] = table;
    cpu.mmu.noteCodePage(linear >>> 12);
    return cpu.i32[(table >> 2) + (linear & pageMask)]! || this.#decodeRun(page, linear);
  }

  /** The page of decoded code at a linear address, and the record there; undefined when there is none. */
  find(linear: number): { page: CodePage; record: number } | undefined {
    const { i32 } = this.#cpu;
    const table = i32[(i32[State.codeTable >> 2]! >> 2) + (linear >>> 12)]!;
    const page = this.#byTable.get(table);
    const record = page === undefined ? 0 : i32[(table >> 2) + (linear & pageMask)]!;
    return page === undefined || record === 0 ? undefined : { page, record };
  }

  /** The page that a virtual page (by number) has decoded code of. */
  pageOf(virtualPage: number): CodePage | undefined {
    const { i32 } = this.#cpu;
    return this.#byTable.get(i32[(i32[State.codeTable >> 2]! >> 2) + virtualPage]!);
  }

  /** The handler that does a record's first instruction only. */
  plainHandler(handler: number): number { return this.#generated.plain[handler]!; }

  /** Notice from now on when these bytes of a page change. */
  watch(page: CodePage, start: number, end: number): void { this.#mark(page, start, end); }

  /** Point the virtual page's code entry at the page it maps to, after a fetch from it has worked. */
  install(linear: number): void {
    const cpu = this.#cpu;
    const page = this.#pageAt(cpu.mmu.translateCode(linear) >>> 12);
    if (page === undefined) return;
    cpu.i32[(cpu.i32[State.codeTable >> 2]! >> 2) + (linear >>> 12)] = page.table;
    cpu.mmu.noteCodePage(linear >>> 12);
  }

  /** The page's decoded code, empty if new. Undefined for what is not RAM. */
  #pageAt(physicalPage: number): CodePage | undefined {
    const cpu = this.#cpu;
    if (!cpu.bus.isPlain(physicalPage)) return undefined;
    const mode = cpu.i32[State.mode >> 2]! & modeBits;
    const key = physicalPage | (mode << pageBits);
    let page = this.#pages.get(key);
    if (page === undefined) {
      this.#makeRoom(tableSize);
      page = {
        physicalPage, mode, table: this.#top, chunks: new Uint32Array(chunkWords), crossedFrom: new Set(), regions: new Set(),
      };
      cpu.i32.fill(0, this.#top >> 2, (this.#top + tableSize) >> 2);
      this.#top += tableSize;
      this.#pages.set(key, page);
      this.#byTable.set(page.table, page);
    }
    if (cpu.codePages[physicalPage] === 0) {
      cpu.codePages[physicalPage] = 1;
      cpu.mmu.protectCodePage(physicalPage);
    }
    return page;
  }

  /** When the arena is full, everything goes: what is still needed is decoded again sooner than it could be sorted out. */
  #makeRoom(bytes: number): void {
    if (this.#top + bytes <= Layout.physical) return;
    for (const page of this.#pages.values()) this.onPageGone(page);
    this.onEmptied();
    this.#pages.clear();
    this.#byTable.clear();
    this.#cpu.codePages.fill(0);
    this.#cpu.mmu.flushAll(true);
    this.#top = Layout.arena;
    this.stats.evictions++;
  }

  /** Bytes of the arena in use. */
  get used(): number { return this.#top - Layout.arena; }

  /** Something wrote to RAM that holds decoded code. Returns whether any of it was dropped. */
  written(physical: number, length: number): boolean {
    let dropped = false;
    for (let page = physical >>> 12; page <= (physical + length - 1) >>> 12; page++) {
      const start = Math.max(physical, page * pageSize) & pageMask;
      const end = Math.min(physical + length - page * pageSize, pageSize);
      if (this.#cpu.codePages[page] !== 0 && this.#writtenInPage(page, start, end)) dropped = true;
    }
    return dropped;
  }

  #writtenInPage(physicalPage: number, start: number, end: number): boolean {
    let dropped = false;
    for (let mode = 0; mode <= modeBits; mode += 2) {
      const page = this.#pages.get(physicalPage | (mode << pageBits));
      if (page && this.#overlaps(page, start, end)) {
        this.#drop(page);
        dropped = true;
      }
    }
    return dropped;
  }

  #overlaps(page: CodePage, start: number, end: number): boolean {
    for (let chunk = start >> chunkShift; chunk <= (end - 1) >> chunkShift; chunk++) {
      if ((page.chunks[chunk >> 5]! >>> (chunk & 31)) & 1) return true;
    }
    return false;
  }

  #drop(page: CodePage): void {
    this.#cpu.i32.fill(0, page.table >> 2, (page.table + tableSize) >> 2);
    page.chunks.fill(0);
    this.onPageGone(page);
    this.stats.invalidations++;
    for (const other of page.crossedFrom) {
      page.crossedFrom.delete(other);
      this.#drop(other);
    }
    // the page's writes stay slow until it is decoded again, which marks it anew
    this.#cpu.codePages[page.physicalPage] = this.#hasOtherMode(page) ? 1 : 0;
  }

  #hasOtherMode(page: CodePage): boolean {
    for (let mode = 0; mode <= modeBits; mode += 2) {
      const other = this.#pages.get(page.physicalPage | (mode << pageBits));
      if (other && other !== page && other.chunks.some((word) => word !== 0)) return true;
    }
    return false;
  }

  // ── decoding ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Decode from a linear address on; returns the first record, or 0 when not even one instruction can be had. */
  #decodeRun(page: CodePage, linear: number): number {
    const cpu = this.#cpu;
    const insn = this.#insn;
    const before = this.#top;
    // a table for the following page may be needed on the way, and must not empty the arena then
    this.#makeRoom((maxRun + 4) * recordSize + tableSize);
    // room was made by dropping everything, this page included
    if (this.#top < before) return this.recordAt(linear);
    // records of a run lie behind each other: the following page's table must not come between them
    if ((linear & pageMask) + longestInstruction > pageSize) this.#followingPage(linear);
    const base = Layout.physical + page.physicalPage * pageSize;
    const first = this.#top;
    /** Records of the current run that wait for its length. */
    let runStart = first;
    let fusable = 0;
    let fusableKey = 0;
    let at = linear & pageMask;
    let ended = false;
    for (let count = 0; count < maxRun && at < pageSize && !ended; count++) {
      const known = cpu.i32[(page.table >> 2) + at]!;
      if (known !== 0) break;
      if (!this.#decoder.decode(insn, cpu.u8, base + at, base + pageSize, true)) {
        // a crossing instruction starts a run of its own
        if (count === 0) ended = this.#crossing(page, linear, at);
        break;
      }
      const record = this.#top;
      const key = this.#write(record, insn, at, page);
      cpu.i32[(page.table >> 2) + at] = record;
      this.#mark(page, at, at + insn.length);
      if (fusable !== 0 && record === fusable + recordSize) this.#fuse(fusable, fusableKey, insn, key);
      fusable = key < 0 ? 0 : record;
      fusableKey = key;
      this.#top += recordSize;
      at += insn.length;
      const { definition } = insn;
      if (definition.ends || definition.branches) {
        this.#closeRun(runStart);
        runStart = this.#top;
        fusable = 0;
        ended = definition.ends;
      }
    }
    if (!ended) {
      // go on wherever the next instruction is known to be by then
      this.#pseudo(Handler.link, at, 0);
    }
    this.#closeRun(runStart);
    this.stats.decoded += (this.#top - first) / recordSize;
    return cpu.i32[(page.table >> 2) + (linear & pageMask)]!;
  }

  /** Number the records from `start` to the end of the arena by how many instructions remain. */
  #closeRun(start: number): void {
    const { u16 } = this.#cpu;
    let remaining = 0;
    for (let record = this.#top - recordSize; record >= start; record -= recordSize) {
      const handler = u16[(record + Field.handler) >> 1]!;
      if (handler !== Handler.link && handler !== Handler.check) remaining++;
      u16[(record + Field.remaining) >> 1] = remaining;
    }
  }

  /** The arena is used again and again: what a record does not say must not be what another once said. */
  #clear(record: number): void {
    this.#cpu.i32.fill(0, record >> 2, (record + recordSize) >> 2);
  }

  #pseudo(handler: number, at: number, immediate: number): number {
    const { u16, i32 } = this.#cpu;
    const record = this.#top;
    this.#clear(record);
    u16[(record + Field.handler) >> 1] = handler;
    u16[(record + Field.offset) >> 1] = at;
    i32[(record + Field.immediate) >> 2] = immediate;
    this.#top += recordSize;
    return record;
  }

  /**
   * The instruction at the page's end crosses into the next virtual page. If that is mapped, its record goes behind a
   * check that the mapping is still the same; if not, the reference engine will find out.
   */
  #crossing(page: CodePage, linear: number, at: number): boolean {
    const cpu = this.#cpu;
    const next = this.#followingPage(linear);
    if (next === undefined) return this.#stepOnly(page, at);
    const head = pageSize - at;
    const from = Layout.physical + page.physicalPage * pageSize + at;
    this.#window.set(cpu.u8.subarray(from, from + head));
    const tail = Layout.physical + next.physicalPage * pageSize;
    this.#window.set(cpu.u8.subarray(tail, tail + 16 - head), head);
    if (!this.#decoder.decode(this.#insn, this.#window, 0, 16, true)) return this.#stepOnly(page, at);
    const check = this.#pseudo(Handler.check, at, next.table);
    this.#write(this.#top, this.#insn, at, page);
    this.#top += recordSize;
    cpu.i32[(page.table >> 2) + at] = check;
    this.#mark(page, at, pageSize);
    this.#mark(next, 0, this.#insn.length - head);
    next.crossedFrom.add(page);
    const { definition } = this.#insn;
    if (!definition.ends) this.#pseudo(Handler.link, at + this.#insn.length, 0);
    return true;
  }

  /** What is decoded of the virtual page after that of a linear address; undefined while it is not mapped. */
  #followingPage(linear: number): CodePage | undefined {
    const physical = this.#cpu.mmu.peek(((linear | pageMask) + 1) >>> 0);
    return physical < 0 ? undefined : this.#pageAt(physical >>> 12);
  }

  /** A record of length 0: the engine sees that it cannot stand for the instruction, and looks up what follows. */
  #stepOnly(page: CodePage, at: number): boolean {
    this.#cpu.i32[(page.table >> 2) + at] = this.#pseudo(Handler.step, at, 0);
    this.#mark(page, at, pageSize);
    return true;
  }

  #mark(page: CodePage, start: number, end: number): void {
    for (let chunk = start >> chunkShift; chunk <= (end - 1) >> chunkShift; chunk++) {
      page.chunks[chunk >> 5]! |= 1 << (chunk & 31);
    }
  }

  /** Write a record; returns its shape's key, or -1 when it has no handler of its own. */
  #write(record: number, insn: Instruction, at: number, page: CodePage): number {
    const { u16, i32, u8 } = this.#cpu;
    this.#clear(record);
    const call = this.#callOf(insn, page.mode);
    const key = call ? -1 : this.#shapeOf(insn, page.mode);
    u16[(record + Field.handler) >> 1] = key < 0 ? Handler.step : this.#generated.handlers.get(key)!;
    u16[(record + Field.offset) >> 1] = at;
    u8[record + Field.length] = insn.length;
    for (let slot = 0; slot < 3; slot++) {
      if (insn.kind[slot] !== SlotKind.register) continue;
      const register = insn.register[slot]!;
      const address = insn.slotSize[slot] === 1 ? byteRegister(register) : State.gpr + register * 4;
      if (slot === 2) i32[(record + Field.immediate) >> 2] = address;
      else u16[(record + (slot === 0 ? Field.slot0 : Field.slot1)) >> 1] = address;
    }
    if (insn.kind[2] !== SlotKind.register) i32[(record + Field.immediate) >> 2] = insn.immediate;
    u16[(record + Field.base) >> 1] = insn.base < 0 ? State.zero : State.gpr + insn.base * 4;
    u16[(record + Field.index) >> 1] = insn.index < 0 ? State.zero : State.gpr + insn.index * 4;
    i32[(record + Field.displacement) >> 2] = insn.displacement;
    u16[(record + Field.segment) >> 1] = State.segments + insn.segment * SegmentField.size;
    u8[record + Field.scale] = insn.scale;
    i32[(record + Field.link) >> 2] = insn.definition.branches ? this.#linkOf(insn, at, page) : 0;
    if (call) this.#writeCall(record, insn, call, page.mode);
    return key;
  }

  /** The operation an instruction calls. That of a repeated string instruction takes its segments to be flat. */
  #callOf(insn: Instruction, mode: number): Call | undefined {
    const flat = flatBit(insn.segment) | Mode.flatEs;
    if (insn.definition.string && (flatBit(insn.segment) === 0 || (mode & flat) !== flat)) return undefined;
    return insn.definition.findCall?.(insn, this.#cpu.features);
  }

  /** Make a record call an operation, if the operand's address is of a plain sort. */
  #writeCall(record: number, insn: Instruction, { operation, register, operand }: Call, mode: number): void {
    const { u16, u8 } = this.#cpu;
    if (insn.lock || (insn.memory && insn.addressSize === 2) || !this.#install(operation.unit)) return;
    const memory = !insn.memory ? MemoryForm.none : (mode & flatBit(insn.segment)) !== 0 ? MemoryForm.indexed : MemoryForm.segmented;
    const handler = this.#generated.calls.get(callKey({ ...operation, memory, write: insn.memory && operation.write }));
    if (handler === undefined) return;
    u16[(record + Field.handler) >> 1] = handler;
    u16[(record + Field.slot0) >> 1] = register;
    u16[(record + Field.slot1) >> 1] = operand;
    u16[(record + Field.operation) >> 1] = operation.index;
    u16[(record + Field.x87Opcode) >> 1] = ((insn.opcode & 7) << 8) | insn.modrm;
    u8[record + Field.bytes] = operation.bytes;
    u8[record + Field.guard] = operation.guard;
  }

  /** The record a direct branch leads to, if it is in the same page and already decoded. */
  #linkOf(insn: Instruction, at: number, page: CodePage): number {
    const target = at + insn.length + insn.immediate;
    return target >= 0 && target < pageSize ? this.#cpu.i32[(page.table >> 2) + target]! : 0;
  }

  #shapeOf(insn: Instruction, mode: number): number {
    const { definition } = insn;
    if (!definition.hot || insn.lock && !insn.memory) return -1;
    // a rep prefix means something to the string instructions only, which are not hot
    if (usesStack.test(definition.name) && (mode & Mode.flatSs) === 0) return -1;
    if (insn.operandSize === 2 && controls(definition)) return -1;
    if (definition.string) {
      const flat = flatBit(insn.segment) | Mode.flatEs;
      if (insn.repeat !== Repeat.none || insn.addressSize === 2 || flatBit(insn.segment) === 0 || (mode & flat) !== flat) return -1;
    }
    if (!insn.memory) return this.#known(insn, MemoryForm.none);
    if (insn.addressSize === 2) return -1;
    const touches = insn.kind.some((kind, slot) => kind === SlotKind.memory && definition.uses[slot] !== undefined);
    if (!touches || (mode & flatBit(insn.segment)) !== 0) {
      const simple = insn.index < 0 ? this.#known(insn, MemoryForm.base) : -1;
      return simple >= 0 ? simple : this.#known(insn, MemoryForm.indexed);
    }
    return this.#known(insn, MemoryForm.segmented);
  }

  #known(insn: Instruction, memory: number): number {
    const key = shapeKey(insn.definition, insn.size, insn.operandSize, insn.kind, insn.slotSize, memory);
    return this.#generated.handlers.has(key) ? key : -1;
  }

  /** Let a record's handler do the following instruction as well, if there is a handler for the two. */
  #fuse(record: number, key: number, next: Instruction, nextKey: number): void {
    const { fused, pairs } = this.#generated;
    const condition = conditionOf(next.definition);
    const handler = condition < 0 ? pairs.get(key)?.get(nextKey)
      : next.operandSize === 4 ? fused.get(key * 16 + condition) : undefined;
    if (handler !== undefined) this.#cpu.u16[(record + Field.handler) >> 1] = handler;
  }
}

const usesStack = /^(push|pop|call|call_indirect|ret|ret_pop|leave|pusha|popa|int|iret|(push|pop)_[a-z]s)$/;

function controls(definition: Definition): boolean {
  return definition.ends || definition.branches;
}

function conditionOf(definition: Definition): number {
  return /^j\d+$/.test(definition.name) ? Number(definition.name.slice(1)) : -1;
}

function flatBit(segment: number): number {
  return segment === SegmentRegister.ds ? Mode.flatDs : segment === SegmentRegister.ss ? Mode.flatSs
    : segment === SegmentRegister.es ? Mode.flatEs : 0;
}
