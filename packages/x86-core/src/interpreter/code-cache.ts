/*S:340
 * Decoded code, page by page.
 *
 * A physical page of code has a table with one word per byte: the record of the instruction that starts there. The
 * tables of virtual pages (Layout.codeSupervisor, codeUser) point at these, and are TLB entries like all others: they go
 * when translations go. What was decoded stays until the bytes change. Code that depends on a mode (flat segments or
 * not) is kept apart by mode.
 */
import { Decoder, newInstruction } from '../decode.js';
import type { Unit } from '../operations/operation.js';
import type { Processor } from '../processor.js';
import { Layout, Mode, State } from '../state.js';
import { chunkShift, Decoded, PageHeader, runRoom, spilt, tableBytes } from './decode-run.js';
import type { GeneratedInterpreter } from './generate.js';
import { Handler } from './handlers.js';
import { Field, recordSize } from './record.js';
import { clearRecord, RecordWriter } from './record-writer.js';
import { modeKey, Templates } from './template.js';

const pageSize = 0x1000;
const pageMask = 0xfff;
/** Bytes of a physical page in the map of decoded chunks. */
const chunkBytes = pageSize >> chunkShift >> 3;
const ARENA_TOP = State.arenaTop >> 2;
const ARENA_END = State.arenaEnd >> 2;
/** Bytes of the arena that are used at first; see #makeRoom(). */
const firstSize = 1 << 20;
/** So many pages that had to go are remembered: more than all of the arena holds. */
const mostGone = 1 << 14;
/** In bytes (SDM volume 2, 2.3.11). */
const longestInstruction = 15;
/** Mode bits that decoded code depends on, and where they go in a page's key. */
const modeBits = Mode.flatDs | Mode.flatEs | Mode.flatSs;
const pageBits = 20;

/** The decoded code of one physical page in one mode. */
export interface CodePage {
  readonly physicalPage: number;
  readonly mode: number;
  /** Address of its table. */
  readonly table: number;
  /** Pages whose last instruction ends in this one. */
  readonly crossedFrom: Set<CodePage>;
  /** Places of the regions with code of this page in the table of functions. */
  readonly regions: Set<number>;
}

/** decodeRun() of the generated module: (linear address, table) → the first of the records it has written. */
export type DecodeRun = (linear: number, table: number) => number;

/** All decoded code of a machine. */
export class CodeCache {
  readonly #cpu: Processor;
  /** Called when the code of a page goes. */
  onPageGone: (page: CodePage) => void = () => undefined;
  /** Called when all code has gone, and pages and records are about to be numbered anew. */
  onEmptied: () => void = () => undefined;
  readonly #plain: Uint16Array;
  readonly #decoder: Decoder;
  readonly #writer: RecordWriter;
  readonly #templates: Templates;
  #decodeRun: DecodeRun = () => 0;
  readonly #insn = newInstruction();
  readonly #pages = new Map<number, CodePage>();
  readonly #byTable = new Map<number, CodePage>();
  /** Where tables and records begin in the arena. */
  readonly #bottom: number;
  /** From here on the arena has never been used. */
  #usedOnce = 0;
  /** Pages that had to go when the arena was emptied, by key, and how many of them have come back since the last time. */
  readonly #gone = new Set<number>();
  #cameBack = 0;
  #invalidations = 0;
  #evictions = 0;

  /** @param install makes sure that a unit's operations are in the table; false when they cannot be */
  constructor(cpu: Processor, generated: GeneratedInterpreter, install: (unit: Unit) => boolean) {
    this.#cpu = cpu;
    this.#plain = generated.plain;
    this.#decoder = new Decoder(cpu.features);
    this.#writer = new RecordWriter(cpu, generated, install);
    this.#templates = new Templates(cpu.u8, cpu.i32, cpu.view);
    this.#bottom = Layout.arena + cpu.codePages.length * chunkBytes;
    cpu.i32[ARENA_TOP] = this.#bottom;
    cpu.i32[ARENA_END] = this.#bottom + firstSize;
  }

  /** The generated module is there. */
  attach(decodeRun: DecodeRun): void { this.#decodeRun = decodeRun; }

  /** Counters for the owner's statistics. */
  get stats(): { decoded: number; invalidations: number; evictions: number } {
    return { decoded: this.#cpu.u32[State.decoded >> 2]!, invalidations: this.#invalidations, evictions: this.#evictions };
  }

  /**
   * Record for the code at a linear address with the current mode and privilege; 0 where it is the reference engine's. -1 for
   * a page fault: Mmu.missCode is its error code.
   */
  recordAt(linear: number): number {
    const cpu = this.#cpu;
    const slot = (cpu.i32[State.codeTable >> 2]! >> 2) + (linear >>> 12);
    let table = cpu.i32[slot]!;
    if (table !== 0) {
      const record = cpu.i32[(table >> 2) + (linear & pageMask)]!;
      if (record !== 0) return record;
    }
    const physical = cpu.mmu.findCode(linear);
    if (physical < 0) return -1;
    const page = this.#pageAround(physical);
    if (page === undefined) return 0;
    table = page.table;
    cpu.i32[slot] = table;
    cpu.mmu.noteCodePage(linear >>> 12);
    return cpu.i32[(table >> 2) + (linear & pageMask)]! || this.#decode(page, linear);
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
  plainHandler(handler: number): number { return this.#plain[handler]!; }

  /** Notice from now on when these bytes of a page change. */
  watch(page: CodePage, start: number, end: number): void { this.#mark(page, start, end); }

  /** Point the virtual page's code entry at the page it maps to, after a fetch from it has worked. */
  install(linear: number): void {
    const cpu = this.#cpu;
    const page = this.#pageAround(cpu.mmu.translateCode(linear));
    if (page === undefined) return;
    cpu.i32[(cpu.i32[State.codeTable >> 2]! >> 2) + (linear >>> 12)] = page.table;
    cpu.mmu.noteCodePage(linear >>> 12);
  }

  /** #pageAt() for a physical address, which under PAE may have more than 32 bits. */
  #pageAround(physical: number): CodePage | undefined { return this.#pageAt(Math.floor(physical / pageSize)); }

  /** The page's decoded code, empty if new. Undefined for what is not RAM. */
  #pageAt(physicalPage: number): CodePage | undefined {
    const cpu = this.#cpu;
    if (!cpu.bus.isPlain(physicalPage)) return undefined;
    const mode = cpu.i32[State.mode >> 2]! & modeBits;
    const key = physicalPage | (mode << pageBits);
    let page = this.#pages.get(key);
    if (page === undefined) {
      this.#makeRoom(PageHeader.size + tableBytes);
      const table = cpu.i32[ARENA_TOP]! + PageHeader.size;
      page = { physicalPage, mode, table, crossedFrom: new Set(), regions: new Set() };
      cpu.i32[ARENA_TOP] = table + tableBytes;
      cpu.i32[(table + PageHeader.bytes) >> 2] = Layout.physical + physicalPage * pageSize;
      cpu.i32[(table + PageHeader.chunks) >> 2] = chunksOf(physicalPage);
      cpu.view.setBigInt64(table + PageHeader.mode, modeKey(mode), true);
      cpu.i32[(table + PageHeader.readable) >> 2] = physicalPage === cpu.codePages.length - 1 ? pageSize - longestInstruction : pageMask;
      // memory that was never used holds zeros, and need not become the process's before somebody writes there
      cpu.i32.fill(0, table >> 2, Math.min(table + tableBytes, Math.max(table + spilt, this.#usedOnce)) >> 2);
      if (this.#gone.delete(key)) this.#cameBack++;
      this.#pages.set(key, page);
      this.#byTable.set(table, page);
    }
    return page;
  }

  /**
   * When the arena is full, everything goes: what is still needed is decoded again sooner than it could be sorted out. Most of
   * the arena lies idle until it is worth its while: code that runs once need not fill more memory than the host's caches hold.
   */
  #makeRoom(bytes: number): void {
    const { i32 } = this.#cpu;
    while (i32[ARENA_TOP]! + bytes > i32[ARENA_END]!) {
      if (i32[ARENA_END] === Layout.physical || !this.#isWorthKeeping()) return this.#empty();
      i32[ARENA_END] = Math.min(this.#bottom + 2 * (i32[ARENA_END]! - this.#bottom), Layout.physical);
    }
  }

  /** There are regions that would have to be compiled again, or what had to go was needed again. */
  #isWorthKeeping(): boolean {
    if (this.#cameBack * 4 > this.#pages.size) return true;
    for (const page of this.#pages.values()) if (page.regions.size > 0) return true;
    return false;
  }

  #empty(): void {
    const cpu = this.#cpu;
    for (const page of this.#pages.values()) this.onPageGone(page);
    this.onEmptied();
    if (this.#gone.size > mostGone) this.#gone.clear();
    for (const key of this.#pages.keys()) this.#gone.add(key);
    this.#cameBack = 0;
    this.#pages.clear();
    this.#byTable.clear();
    cpu.i32.fill(0, Layout.arena >> 2, this.#bottom >> 2);
    cpu.codePages.fill(0);
    cpu.mmu.forgetCodePages();
    this.#usedOnce = Math.max(this.#usedOnce, cpu.i32[ARENA_TOP]! + spilt);
    cpu.i32[ARENA_TOP] = this.#bottom;
    this.#evictions++;
  }

  /** Bytes of the arena in use. */
  get used(): number { return this.#cpu.i32[ARENA_TOP]! - this.#bottom; }

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
    if (!this.#overlaps(physicalPage, start, end)) return false;
    this.#drop(physicalPage);
    return true;
  }

  #overlaps(physicalPage: number, start: number, end: number): boolean {
    const { u8 } = this.#cpu;
    const chunks = chunksOf(physicalPage);
    for (let chunk = start >> chunkShift; chunk <= (end - 1) >> chunkShift; chunk++) {
      if ((u8[chunks + (chunk >> 3)]! >>> (chunk & 7)) & 1) return true;
    }
    return false;
  }

  /** Forget what is decoded of a physical page, whatever the mode. */
  #drop(physicalPage: number): void {
    const cpu = this.#cpu;
    const chunks = chunksOf(physicalPage);
    cpu.u8.fill(0, chunks, chunks + chunkBytes);
    cpu.codePages[physicalPage] = 0;
    for (let mode = 0; mode <= modeBits; mode += 2) {
      const page = this.#pages.get(physicalPage | (mode << pageBits));
      if (!page) continue;
      cpu.i32.fill(0, page.table >> 2, (page.table + tableBytes) >> 2);
      this.onPageGone(page);
      this.#invalidations++;
      for (const other of page.crossedFrom) {
        page.crossedFrom.delete(other);
        this.#drop(other.physicalPage);
      }
    }
  }

  // ── decoding ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Decode from a linear address on; returns the first record. */
  #decode(page: CodePage, linear: number): number {
    // a table for the following page may be needed on the way, and must not empty the arena then
    this.#makeRoom(runRoom);
    // room was made by dropping everything, this page included
    if (!this.#byTable.has(page.table)) return this.recordAt(linear);
    this.#protect(page.physicalPage);
    return this.#decodeRun(linear, page.table);
  }

  /** From now on writes to a page go by the map of chunks. */
  #protect(physicalPage: number): void {
    const cpu = this.#cpu;
    if (cpu.codePages[physicalPage] !== 0) return;
    cpu.codePages[physicalPage] = 1;
    cpu.mmu.protectCodePage(physicalPage);
  }

  /**
   * For decodeRun(): write the record of one instruction, which is without a template, to the top of the arena. It has one
   * afterwards, if it can. `first` says that the run has no other records yet.
   *
   * @returns its Outline, or a number of Decoded
   */
  decodeOne(linear: number, table: number, first: boolean): number {
    const cpu = this.#cpu;
    const insn = this.#insn;
    const page = this.#byTable.get(table)!;
    const at = linear & pageMask;
    const bytes = Layout.physical + page.physicalPage * pageSize;
    if (!this.#decoder.decode(insn, cpu.u8, bytes + at, bytes + pageSize, true)) {
      // a crossing instruction is a run of its own
      if (!first) return Decoded.none;
      this.#crossing(page, linear);
      return Decoded.all;
    }
    const record = cpu.i32[ARENA_TOP]!;
    const outline = this.#writer.write(record, insn, at, page.mode);
    this.#templates.remember(insn, bytes + at, record, page.mode, outline);
    return outline;
  }

  #pseudo(handler: number, at: number, immediate: number): number {
    const { u16, i32 } = this.#cpu;
    const record = i32[ARENA_TOP]!;
    clearRecord(i32, record);
    u16[(record + Field.handler) >> 1] = handler;
    u16[(record + Field.offset) >> 1] = at;
    i32[(record + Field.immediate) >> 2] = immediate;
    i32[ARENA_TOP] = record + recordSize;
    return record;
  }

  /**
   * The instruction at the page's end crosses into the next virtual page. If that is mapped, its record goes behind a
   * check that the mapping is still the same; if not, the reference engine will find out.
   */
  #crossing(page: CodePage, linear: number): void {
    const cpu = this.#cpu;
    const at = linear & pageMask;
    const next = this.#followingPage(linear);
    const head = pageSize - at;
    // there is nothing to remember of code whose end may be there the next time
    if (next === undefined) return;
    if (!this.#decodeAcross(page, next, at)) return this.#stepOnly(page, at);
    const { definition, length } = this.#insn;
    const check = this.#pseudo(Handler.check, at, next.table);
    const record = cpu.i32[ARENA_TOP]!;
    this.#writer.write(record, this.#insn, at, page.mode);
    for (const counted of [check, record]) cpu.u16[(counted + Field.remaining) >> 1] = 1;
    cpu.i32[ARENA_TOP] = record + recordSize;
    cpu.i32[(page.table >> 2) + at] = check;
    this.#mark(page, at, pageSize);
    this.#mark(next, 0, length - head);
    next.crossedFrom.add(page);
    if (!definition.ends) this.#pseudo(Handler.link, at + length, 0);
    cpu.i32[State.decoded >> 2]!++;
  }

  /** Decode the instruction that begins at an offset in one page and ends in another. */
  #decodeAcross(page: CodePage, next: CodePage, at: number): boolean {
    const from = Layout.physical + page.physicalPage * pageSize;
    return this.#decoder.decodeAcross(this.#insn, this.#cpu.u8, from + at, from + pageSize, Layout.physical + next.physicalPage * pageSize, true);
  }

  /** What is decoded of the virtual page after that of a linear address; undefined while it is not mapped. */
  #followingPage(linear: number): CodePage | undefined {
    const physical = this.#cpu.mmu.peek(((linear | pageMask) + 1) >>> 0);
    return physical < 0 ? undefined : this.#pageAround(physical);
  }

  /** A record of length 0: the engine sees that it cannot stand for the instruction, and looks up what follows. */
  #stepOnly(page: CodePage, at: number): void {
    const record = this.#pseudo(Handler.step, at, 0);
    this.#cpu.u16[(record + Field.remaining) >> 1] = 1;
    this.#cpu.i32[(page.table >> 2) + at] = record;
    this.#mark(page, at, pageSize);
  }

  #mark(page: CodePage, start: number, end: number): void {
    const { u8 } = this.#cpu;
    const chunks = chunksOf(page.physicalPage);
    this.#protect(page.physicalPage);
    for (let chunk = start >> chunkShift; chunk <= (end - 1) >> chunkShift; chunk++) u8[chunks + (chunk >> 3)]! |= 1 << (chunk & 7);
  }
}

/** Address of a physical page's part of the map of chunks: a bit for each that has decoded instructions. */
function chunksOf(physicalPage: number): number {
  return Layout.arena + physicalPage * chunkBytes;
}
