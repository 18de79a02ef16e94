/*S:370
 * Regions: hot code as WebAssembly functions of its own.
 *
 * The engine runs in slices; where a slice happens to end, code is hot more often than not, and so it is where regions are
 * left often. An address met a few times so becomes the entry of a region (discover.ts), which is compiled (compile.ts)
 * and found by whoever comes by (regions.ts) until its code changes, or others are used more (eviction.ts).
 */
import { readCounter } from '../counter.js';
import { Decoder } from '../decode.js';
import type { Instruction } from '../instruction.js';
import type { CodeCache, CodePage } from '../interpreter/code-cache.js';
import { Handler } from '../interpreter/handlers.js';
import { Field } from '../interpreter/record.js';
import type { Unit } from '../operations/operation.js';
import type { Processor } from '../processor.js';
import { Layout, State } from '../state.js';
import { missesPerLook } from './accesses.js';
import { Batch } from './batch.js';
import { type Block, inPages, loopAround } from './blocks.js';
import { type Assumptions, assumeNow, declinesPerLook, noAssumptions, takeObservation } from './assumptions.js';
import { CallProfiles } from './call-profiles.js';
import { compileRegion } from './compile.js';
import { beginning, type CodeContext, discover, flatBit } from './discover.js';
import { Heat } from './heat.js';
import type { Candidate, Lockstep } from './lockstep.js';
import type { JitSettings } from './options.js';
import { type Instances, type LiveRegion, nowherePlace, type Region, type RegionCode, Regions } from './regions.js';
import { hasTailCalls } from './tail-calls.js';

const pageSize = 0x1000;
const pageMask = 0xfff;
const pageShift = 12;
const pageNumberMask = 0xf_ffff;
const userLevel = 3;
/** Regions that have gone, but whose code the host may still keep. */
const mostRemains = 256;
const wasmPage = 0x10000;
/** What stays of regions when there is no room for all, as a part of the bytes that there is room for. */
const keptPart = 0.75;
/** Looks at an address that regions are left for often count for this part of what is needed. */
const exitWeight = 80;
/** An address within a region is no good entry: it must be so many times as hot. */
const coveredPatience = 8;
/** A region may assume something else so often, before it assumes nothing. */
const maxWrong = 3;
/** A region's window may miss once in so many instructions that regions execute. */
const instructionsPerMiss = 2000;
/** What the JIT has done; all since the machine was made, unless it says otherwise. */
export interface JitStatistics {
  /** Regions there are now, and words by which they find each other now. */
  live: number;
  links: number;
  /** How often the interpreter has gone on in a region. Else they go on in each other, which is quicker. */
  entered: number;
  /** Regions compiled, and those among them that took the place of one that had learned something. */
  compiled: number;
  improved: number;
  /** Regions that have gone: their code changed, they were improved, or there was no room. */
  dropped: number;
  /** Times that there was no room, and those went that were used least. */
  evictions: number;
  /** WebAssembly modules that regions were compiled to, and their size in bytes. */
  modules: number;
  bytes: number;
  /** Time spent on compiling, apart from what the host does in the background; and the longest that the guest had to wait for it. */
  milliseconds: number;
  longestMilliseconds: number;
  /** With option `lockstep`: how often a region's work was compared with the reference engine's, and instructions in it. */
  compared: { regions: number; instructions: number };
}

/** Where there is no JIT. */
export const noRegions: JitStatistics = {
  live: 0, links: 0, entered: 0, compiled: 0, improved: 0, dropped: 0, evictions: 0, modules: 0, bytes: 0, milliseconds: 0, longestMilliseconds: 0,
  compared: { regions: 0, instructions: 0 },
};

/** The regions of a machine. */
export class Jit {
  readonly #stats = { compiled: 0, improved: 0, evictions: 0, modules: 0, bytes: 0, milliseconds: 0, longestMilliseconds: 0 };
  readonly #cpu: Processor;
  readonly #code: CodeCache;
  /** Bytes of all that was made for the table there is now. */
  #bytesForTable = 0;
  readonly #install: (unit: Unit) => boolean;
  /** Set where regions are compared with the reference engine. */
  lockstep: Lockstep | undefined;
  readonly #settings: JitSettings;
  readonly #decoder: Decoder;
  readonly #regions: Regions;
  readonly #profiles: CallProfiles;
  readonly #heat: Heat;
  /** Keys of regions that are better off without windows. */
  readonly #withoutWindows = new Set<number>();
  /** Keys of regions that found something else than they assumed → what is assumed now, and how often that was wrong. */
  readonly #assumptions = new Map<number, Assumptions>();
  readonly #wrong = new Map<number, number>();
  /** Regions that wait for others to share a module with. */
  readonly #batch: Batch;
  /** The region that is being made, a step between two slices each; and the pages that it will have code of. */
  #onItsWay: { readonly steps: Generator<void, void>; readonly pages: Set<CodePage> } | undefined;

  constructor(cpu: Processor, code: CodeCache, table: WebAssembly.Table, install: (unit: Unit) => boolean, settings: JitSettings) {
    this.#settings = settings;
    this.#heat = new Heat(settings);
    // it took a region twice as many looks to get hot; these do not matter much
    this.#batch = new Batch(settings.hotAfter >> 1);
    this.#cpu = cpu;
    this.#code = code;
    this.#install = install;
    this.#decoder = new Decoder(cpu.features);
    this.#regions = new Regions(cpu, code, table);
    this.#profiles = new CallProfiles(cpu.i32);
    code.onPageGone = (page) => {
      const wanted = this.#onItsWay?.pages.has(page) ?? false;
      if (wanted || page.regions.size > 0) this.#heat.noteChange(page.physicalPage);
      for (const place of page.regions) this.#regions.drop(place);
      if (wanted) this.#giveUp();
      this.#forsake(({ pages }) => pages.includes(page));
    };
    code.onEmptied = () => {
      this.#giveUpAll();
      // records and pages are numbered anew
      this.#heat.restartAll();
      this.#regions.forgetRecords();
      this.#profiles.clear();
      this.#withoutWindows.clear();
      this.#assumptions.clear();
      this.#wrong.clear();
    };
  }

  get statistics(): JitStatistics {
    const { size: live, links, dropped } = this.#regions;
    const entered = readCounter(this.#cpu, State.entered);
    return { live, links: links.size, entered, ...this.#stats, dropped, compared: { ...(this.lockstep?.stats ?? noRegions.compared) } };
  }

  /** The regions there are now, by address; none unless option `keepCode` is set. */
  get regions(): RegionCode[] { return this.#regions.codes; }

  /** The region that begins at a record, if one does, for lockstep. */
  regionOf(record: number): Candidate | undefined { return this.#regions.of(record); }

  /** The host holds too much for the table: it is time for a new one. */
  get isFull(): boolean { return this.#regions.remains >= mostRemains || this.#bytesForTable >= this.#settings.maxBytes; }

  /** There is going to be a new table. Regions that are used much will go on in it: have them ready, in steps. */
  *prepareFor(table: WebAssembly.Table): Generator<void, Instances> {
    this.#dropLeastUsed(this.#settings.maxBytes);
    yield;
    return yield* this.#regions.prepareFor(table);
  }

  /** There is a new table, for which these are prepared. */
  moveTo(table: WebAssembly.Table, instances: Instances): void {
    this.#regions.moveTo(table, instances);
    this.#bytesForTable = this.#regions.bytes;
  }

  /** From now on there is data beside code: regions that do not know of it go. */
  onBesideCode(): void {
    this.#giveUpAll();
    this.#dropAll();
  }

  /** No places are left, or no words: these can be had again only when nobody reads any of them. */
  #makeRoom(areWordsLeft: boolean): void {
    this.#forsake(() => true);
    if (areWordsLeft) this.#dropLeastUsed(this.#regions.bytes);
    else this.#dropAll();
  }

  #dropLeastUsed(bytes: number): void {
    this.#regions.dropLeastUsed(bytes * keptPart);
    this.#noteEviction();
  }

  #dropAll(): void {
    this.#regions.dropAll();
    this.#noteEviction();
  }

  /** What is met seldom must not get hot by being met for long: it would take the place of what is used more. */
  #noteEviction(): void {
    this.#stats.evictions++;
    this.#heat.restartAll();
  }

  /** A slice has ended before the instruction at a linear address: what is on its way gets on by a step, or this place is met. */
  sample(linear: number): void {
    this.#heat.noteLook();
    const found = this.#code.find(linear);
    if (found) this.#regions.noteUse(found.record);
    if (this.busy) this.#proceed();
    else if (this.#batch.isDue(this.#regions.size)) this.timed(() => this.#release());
    else this.#meet(linear, 1, coveredPatience);
  }

  /** A region is on its way; one at a time. */
  get busy(): boolean { return this.#onItsWay !== undefined; }

  /** Regions have been left for a linear address that has none often. */
  leftFor(linear: number): void {
    this.#meet(linear, Math.ceil(this.#settings.hotAfter / exitWeight), 1);
  }

  /** The region in a place asks to be made anew: it has learned where its indirect calls go, or that its windows are of no use. */
  improve(place: number): void {
    const region = this.#regions.at(place);
    const found = region && this.#code.find(region.linear);
    if (this.busy || found === undefined || found.record !== region?.record || region.user !== this.#user || this.#batch.keepsWaiting(found.record)) return;
    if (!this.#learn(place, region)) return;
    this.#start(this.#again(this.#originAt(found, region.linear), place));
  }

  *#again(origin: Origin, place: number): Generator<void, void> {
    const blocks = this.#discover(origin);
    if (!blocks) return this.#regions.drop(place);
    yield* this.#compile(origin, blocks);
    this.#stats.improved++;
  }

  /** What a region has found out about itself. @returns false when it is not worth making it anew */
  #learn(place: number, region: LiveRegion): boolean {
    const { i32, u32 } = this.#cpu;
    const { key } = region;
    const { assumptions, declines } = takeObservation(i32, place);
    if (declines >= declinesPerLook) {
      const wrong = (this.#wrong.get(key) ?? 0) + 1;
      this.#wrong.set(key, wrong);
      this.#assumptions.set(key, wrong > maxWrong ? noAssumptions : assumptions);
    }
    const misses = (Layout.windowMisses >> 2) + place;
    if (i32[misses]! < missesPerLook) return true;
    const executed = (u32[State.inRegions >> 2]! - region.madeAt) >>> 0;
    i32[misses] = 0;
    region.madeAt = u32[State.inRegions >> 2]!;
    if (executed > missesPerLook * instructionsPerMiss) return false;
    this.#withoutWindows.add(key);
    return true;
  }

  /** @param ifCovered how much hotter it must be where a region has the instruction already */
  #meet(linear: number, times: number, ifCovered: number): void {
    const found = this.#code.find(linear);
    if (!found || (this.#isPseudo(found.record) && this.#handlerOf(found.record) !== Handler.step) || this.#batch.keepsWaiting(found.record)) return;
    const covered = this.#regions.isCovered(found.record);
    // a budget may end anywhere, but goes on from there once only
    if (covered && ifCovered > 1 && !this.#regions.isLeader(found.record)) return;
    const met = this.#heat.meet(found.record, times);
    const needed = this.#heat.needed(found.page.physicalPage, this.#stats.compiled) * (covered ? ifCovered : 1);
    if (this.busy || met < needed) return;
    this.#heat.coolDown(found.record, needed);
    this.#start(this.#begin(this.#originAt(found, linear)));
  }

  /** Compile what is hot: what comes behind instructions that no region can have, and the loop around it rather than a loop from its middle. */
  *#begin(met: Origin): Generator<void, void> {
    const offset = met.linear & pageMask;
    const first = beginning(this.#codeAt(met), offset);
    const origin = first === offset ? met : this.#originNear(met, first);
    if (origin === undefined || this.#batch.keepsWaiting(origin.record)) return;
    const blocks = this.#discover(origin);
    const header = blocks && loopAround(blocks);
    const around = header === undefined ? undefined : this.#originNear(origin, header);
    if (around === undefined || this.#regions.isCovered(around.record)) {
      // a region that has the loop is left from within: then this is where it goes on
      if (blocks) yield* this.#compile(origin, blocks);
    } else {
      const loop = this.#discover(around);
      if (loop) yield* this.#compile(around, loop);
    }
    this.#heat.restart(met.record);
  }

  /** A place at an offset from an origin's page where a region can begin, but none does. */
  #originNear({ linear }: Origin, offset: number): Origin | undefined {
    const start = ((linear & ~pageMask) + offset) >>> 0;
    const found = this.#code.find(start);
    return found === undefined || this.#isPseudo(found.record) ? undefined : this.#originAt(found, start);
  }

  #start(steps: Generator<void, void>): void {
    this.#onItsWay = { steps, pages: new Set() };
    this.#proceed();
  }

  /** A step; the guest waits meanwhile. */
  #proceed(): void {
    this.timed(() => {
      const { steps } = this.#onItsWay!;
      let { done } = steps.next();
      while (!done && !this.#settings.steps) ({ done } = steps.next());
      if (done) this.#onItsWay = undefined;
    });
  }

  /** Do what the guest waits for. */
  timed(work: () => void): void {
    const started = performance.now();
    work();
    const took = performance.now() - started;
    this.#stats.milliseconds += took;
    this.#stats.longestMilliseconds = Math.max(this.#stats.longestMilliseconds, took);
  }

  /** The region that is on its way is not wanted any more. */
  #giveUp(): void {
    this.#onItsWay?.steps.return();
    this.#onItsWay = undefined;
  }

  #giveUpAll(): void {
    this.#giveUp();
    this.#forsake(() => true);
  }

  /** Some of the regions that wait are not wanted any more. */
  #forsake(unwanted: (region: Region) => boolean): void {
    for (const region of this.#batch.remove(unwanted)) {
      this.#regions.uncover(region);
      this.#regions.giveBack(region.place);
    }
  }

  #originAt({ page, record }: Place, linear: number): Origin {
    const { i32 } = this.#cpu;
    return { page, record, linear, pages: this.#pagesFrom(page, linear >>> pageShift), user: this.#user, readTable: i32[State.tlbRead >> 2]!, codeTables: i32[State.codeTable >> 2]!, now: assumeNow(i32) };
  }

  /** No region can begin at the record: it stands for no instruction, or for one that no region can have, or one begins there. */
  #isPseudo(record: number): boolean { return this.#handlerOf(record) <= Handler.region; }
  #handlerOf(record: number): number { return this.#cpu.u16[(record + Field.handler) >> 1]!; }

  #discover(origin: Origin): Block[] | undefined { return discover(this.#codeAt(origin), origin.linear & pageMask); }

  #codeAt({ page, linear, user, pages }: Origin): CodeContext {
    const cpu = this.#cpu;
    return {
      bytes: cpu.u8, mode: page.mode, decoder: this.#decoder, maxInstructions: this.#settings.maxInstructions, inline: this.#settings.inline,
      pageAt: (index) => {
        const found = pages(index);
        return found && Layout.physical + found.physicalPage * pageSize;
      },
      isMet: (offset) => {
        const found = pages(offset >> pageShift);
        return found !== undefined && recordIn(found, offset, cpu.i32) !== 0;
      },
      peekOffset: (address) => {
        const target = this.#readUnsigned(address);
        return target === undefined ? undefined : (target - (linear & ~pageMask)) | 0;
      },
      knownTargets: (offset) => {
        const from = pages(offset >> pageShift);
        return from === undefined ? [] : this.#profiles.targets(keyOf(from, offset, user)).map((target) => (target - (linear & ~pageMask)) | 0);
      },
      // where a unit's operations cannot be compiled on their own they cannot be within regions
      hasOperation: (insn: Instruction) => {
        const call = insn.definition.findCall!(insn, cpu.features);
        return call !== undefined && this.#install(call.operation.unit);
      },
    };
  }

  *#compile(origin: Origin, blocks: readonly Block[]): Generator<void, void> {
    const cpu = this.#cpu;
    const { page, record, linear, user, now, readTable, codeTables, pages } = origin;
    const { windows, assume, guesses, calls, links, keepCode, maxRegions } = this.#settings;
    const areWordsLeft = !this.#regions.links.isFull(2 * blocks.length);
    if (this.#regions.size + this.#batch.size >= maxRegions || !areWordsLeft) this.#makeRoom(areWordsLeft);
    const on = <T>(offset: number, found: (key: number) => T): T | undefined => {
      const of = pages(offset >> pageShift);
      return of && found(keyOf(of, offset, user));
    };
    const key = keyOf(page, linear, user);
    const pieces = blocks.flatMap((block) => [...inPages(block)]);
    const used = [...new Set(pieces.map(({ start }) => start >> pageShift))];
    for (const { start, end } of pieces) this.#code.watch(pages(start >> pageShift)!, start & pageMask, ((end - 1) & pageMask) + 1);
    for (const index of used) this.#onItsWay!.pages.add(pages(index)!);
    const place = this.#regions.takePlace();
    let taken = false;
    try {
      yield;
      const { body, needed } = yield* compileRegion(blocks, {
        isFlat: (segment) => (page.mode & flatBit(segment)) !== 0, user, readTable, codeTables,
        pages: new Map(used.map((index) => [index, pages(index)!.table])),
        linkTo: (offset) => on(offset, (of) => this.#regions.links.wordOf(of)),
        profileOf: (offset) => (guesses ? on(offset, (of) => this.#profiles.toFill(of)) : undefined),
        place, calls, besideCode: cpu.i32[State.besideCode >> 2] !== 0, windows: windows && !this.#withoutWindows.has(key),
        assumptions: assume ? this.#assumptions.get(key) ?? now : noAssumptions,
        tailCalls: links && hasTailCalls(), marks: keepCode ? linear & ~pageMask : undefined, nowhere: nowherePlace,
        undefinedResults: cpu.undefinedResults, features: cpu.features,
      });
      const region: Region = {
        place, needed, record, linear, user, pages: used.map((index) => pages(index)!), key,
        blocks: keepCode ? this.#bytesOf(blocks, origin) : [],
        covers: this.#instructionsOf(blocks, origin),
        leaders: blocks.map(({ start }) => recordIn(pages(start >> pageShift)!, start, cpu.i32)),
      };
      this.#regions.cover(region);
      this.#batch.add(region, body);
      taken = true;
    } finally {
      if (!taken) this.#regions.giveBack(place);
    }
    // whoever wants to look at a region wants a module with nothing else in it
    if (!keepCode && this.#settings.batches && !this.#batch.isImpatient) return;
    yield;
    this.#release();
  }

  /** Make the regions that wait: a module, and an instance of it. */
  #release(): void {
    const cpu = this.#cpu;
    const { module, regions } = this.#batch.take(cpu.memory.buffer.byteLength / wasmPage);
    const bytes = this.#settings.keepCode ? module : undefined;
    this.#regions.enter(regions, { module: new WebAssembly.Module(module), size: module.length, bytes });
    this.#stats.compiled += regions.length;
    this.#stats.modules++;
    this.#stats.bytes += module.length;
    this.#bytesForTable += module.length;
  }

  #bytesOf(blocks: readonly Block[], { linear, pages }: Origin): RegionCode['blocks'] {
    return blocks.map((block) => {
      const parts = [...inPages(block)].map(({ start, end }) => {
        const from = Layout.physical + pages(start >> pageShift)!.physicalPage * pageSize + (start & pageMask);
        return [...this.#cpu.u8.subarray(from, from + end - start)];
      });
      return { linear: ((linear & ~pageMask) + block.start) >>> 0, bytes: Uint8Array.from(parts.flat()) };
    });
  }

  get #user(): boolean { return this.#cpu.i32[State.cpl >> 2] === userLevel; }

  /** The records of a region's instructions. */
  #instructionsOf(blocks: readonly Block[], { pages }: Origin): number[] {
    const { i32 } = this.#cpu;
    return blocks.flatMap(({ start, instructions }) => {
      let at = start;
      return instructions.map(({ length }) => {
        const record = recordIn(pages(start >> pageShift)!, at, i32);
        at += length;
        return record;
      });
    });
  }

  /**
   * Pages by their number from an entry's. Once looked up they stay what they were: the guest may go on in
   * another address space while the region is made.
   */
  #pagesFrom(page: CodePage, virtualPage: number): (index: number) => CodePage | undefined {
    const known = new Map<number, CodePage | undefined>([[0, page]]);
    return (index) => {
      if (!known.has(index)) known.set(index, this.#code.pageOf((virtualPage + index) & pageNumberMask));
      const found = known.get(index);
      return found?.mode === page.mode ? found : undefined;
    };
  }

  /** A word at a linear address, as far as reading it is no event. */
  #readUnsigned(linear: number): number | undefined {
    const cpu = this.#cpu;
    const physical = cpu.mmu.peek(linear);
    if (physical < 0 || (physical & 3) !== 0 || !cpu.bus.isPlain(Math.floor(physical / pageSize))) return undefined;
    return cpu.u32[(Layout.physical + physical) >> 2];
  }
}

type Place = NonNullable<ReturnType<CodeCache['find']>>;

/** Where a region is to begin, and what the processor was like when that was found hot. */
interface Origin extends Place {
  readonly linear: number;
  /** Pages by their number from this one, as far as there is decoded code of them. */
  readonly pages: (index: number) => CodePage | undefined;
  readonly user: boolean;
  readonly readTable: number;
  readonly codeTables: number;
  readonly now: Assumptions;
}

/** The record of the instruction at an offset, which lies in this page. */
function recordIn(page: CodePage, offset: number, i32: Int32Array): number { return i32[(page.table >> 2) + (offset & pageMask)]!; }

/** What an instruction's links and profile go by. */
function keyOf(page: CodePage, offset: number, user: boolean): number { return 2 * (page.table + 4 * (offset & pageMask)) + (user ? 1 : 0); }
