/*
 * The regions there are: where each one is found, and what becomes of it.
 *
 * A region has a place in the table of functions. It is called from the record at its entry, and by other regions through
 * words of their own (links.ts). It belongs to its pages: when the bytes of one change, it goes, and its record is what
 * it was before.
 */
import type { CodeCache, CodePage } from '../interpreter/code-cache.js';
import { Handler, regionRecordShift } from '../interpreter/handlers.js';
import { Field, recordSize } from '../interpreter/record.js';
import { firstPlace, tableSize } from '../operations/operation.js';
import type { Processor } from '../processor.js';
import { Layout, State } from '../state.js';
import { takeObservation } from './assumptions.js';
import { Coverage } from './coverage.js';
import { forgetPlaces } from './dispatch.js';
import { modulesOf, mostUsed, type SharedModule, sizeOf } from './eviction.js';
import { Links } from './links.js';
import type { Candidate, RegionFunction } from './lockstep.js';
import { nowhere } from './tail-calls.js';

/** Place of the function that stands for no region; the others follow. */
export const nowherePlace = firstPlace.region;

/** What the function of the region in a place is called in its module. */
export function functionName(place: number): string { return `region${place}`; }

/** Modules instantiated in a step, while the guest waits. */
const modulesAtOnce = 16;

/** The functions of a module's instance, by their places in the table, and instances by their modules. */
type FunctionsByPlace = (place: number) => RegionFunction;
export type Instances = ReadonlyMap<SharedModule, FunctionsByPlace>;

/** A region, for people to look at. */
export interface RegionCode {
  /** Linear address of its entry when it was made. */
  readonly linear: number;
  /** It is for level 3, not for the others. */
  readonly user: boolean;
  /** The guest's instructions: straight pieces, the entry's first, with the bytes at their linear addresses. Routines that were taken in come once for each call. */
  readonly blocks: readonly { readonly linear: number; readonly bytes: Uint8Array }[];
  /** The WebAssembly module, whose one function the region is. Before the code of each instruction its linear address is pushed and dropped. */
  readonly module: Uint8Array;
}

/** A region that has been made, and may still wait to become a function; and how to be rid of it. */
export interface Region {
  readonly place: number;
  /** With a smaller budget it does not begin. */
  readonly needed: number;
  /** Kept if somebody wants to see it: what it was made of. */
  readonly blocks: RegionCode['blocks'];
  readonly pages: readonly CodePage[];
  /** Its entry's record, and its address and privilege when it was made. */
  readonly record: number;
  readonly linear: number;
  readonly user: boolean;
  /** Its links'. */
  readonly key: number;
  /** Records of its instructions, and those of them that began a block when it was made. */
  readonly covers: readonly number[];
  readonly leaders: readonly number[];
}

/** A region that can be found. */
export interface LiveRegion extends Region, Candidate {
  run: RegionFunction;
  readonly shared: SharedModule;
  /** What its record was before. */
  readonly fields: Uint8Array;
  /** Instructions that regions had executed when it was entered (modulo 2^32). */
  madeAt: number;
  /** How often slices have ended in it lately; once, when it is new. */
  uses: number;
}

/** All of them, by their places in the table of functions. */
export class Regions {
  readonly links: Links;
  readonly #cpu: Processor;
  readonly #code: CodeCache;
  #table: WebAssembly.Table;
  /** In all places of the table that have no region; made for the first region. */
  #nowhere: RegionFunction | undefined;
  readonly #regions = new Map<number, LiveRegion>();
  readonly #coverage = new Coverage();
  readonly #free = Array.from({ length: tableSize - nowherePlace - 1 }, (_, i) => tableSize - 1 - i);
  /** Regions that have gone; since the table was new as well. */
  #dropped = 0;
  #remains = 0;

  constructor(cpu: Processor, code: CodeCache, table: WebAssembly.Table) {
    this.#cpu = cpu;
    this.#code = code;
    this.#table = table;
    this.links = new Links(cpu.i32, nowherePlace);
    forgetPlaces(cpu.i32, nowherePlace);
  }

  /** How many there are, how many have gone, and for how many of those the host may still keep code. */
  get size(): number { return this.#regions.size; }
  get dropped(): number { return this.#dropped; }
  get remains(): number { return this.#remains; }

  /** Those that somebody may want to look at, by address. */
  get codes(): RegionCode[] {
    return [...this.#regions.values()]
      .flatMap(({ linear, user, blocks, shared: { bytes } }) => (bytes ? { linear, user, blocks, module: bytes } : []))
      .sort((a, b) => a.linear - b.linear);
  }

  /** Nothing has a place in the table yet, or any more. */
  #clearPlaces(): void {
    this.#nowhere ??= nowhere();
    for (let place = nowherePlace; place < tableSize; place++) this.#table.set(place, this.#nowhere);
  }

  /** An instance of a module, for a table. @returns the functions of places */
  #instantiate({ module }: SharedModule, table: WebAssembly.Table): FunctionsByPlace {
    const { exports } = new WebAssembly.Instance(module, { env: { memory: this.#cpu.memory, operations: table } });
    return (place) => exports[functionName(place)] as RegionFunction;
  }

  /** Instances of all modules for a new table, in steps. Nothing has to be compiled for that. */
  *prepareFor(table: WebAssembly.Table): Generator<void, Instances> {
    const instances = new Map<SharedModule, FunctionsByPlace>();
    for (const shared of modulesOf(this.#regions.values())) {
      instances.set(shared, this.#instantiate(shared, table));
      if (instances.size % modulesAtOnce === 0) yield;
    }
    return instances;
  }

  /** There is a new table, for which these are prepared. All regions go on in it. */
  moveTo(table: WebAssembly.Table, instances: Instances): void {
    this.#table = table;
    this.#clearPlaces();
    this.#remains = 0;
    for (const [place, region] of this.#regions) {
      const { shared } = region;
      region.run = (instances.get(shared) ?? this.#instantiate(shared, table))(place);
      table.set(place, region.run);
    }
  }

  /** Bytes of the modules that have regions. */
  get bytes(): number { return sizeOf(modulesOf(this.#regions.values())); }

  /** All regions go but those used most, whose modules have `most` bytes together. */
  dropLeastUsed(most: number): void {
    const regions = [...this.#regions.values()];
    const kept = mostUsed(regions, most);
    for (const region of regions) {
      if (kept.has(region.shared)) region.uses >>= 1;
      else this.drop(region.place);
    }
  }

  /** A place in the table for a region that is made, and back. */
  takePlace(): number { return this.#free.pop()!; }
  giveBack(place: number): void { this.#free.push(place); }

  at(place: number): LiveRegion | undefined { return this.#regions.get(place); }

  /** The region that begins at a record, if one does. */
  of(record: number): LiveRegion | undefined {
    const { u8, u16 } = this.#cpu;
    if (u16[(record + Field.handler) >> 1] !== Handler.region) return undefined;
    return this.#regions.get((u8[record + Field.placeHigh]! << 8) | u8[record + Field.placeLow]!);
  }

  /** Does any region have the instruction at a record? */
  isCovered(record: number): boolean { return this.#coverage.count(record) > 0; }
  /** Did a block begin there? */
  isLeader(record: number): boolean { return this.#coverage.isLeader(record); }

  /** The region that has the instruction at a record, if one does, has been at work. */
  noteUse(record: number): void {
    const region = this.isCovered(record) ? this.#regions.get(this.#coverage.placeOfLast(record)) : undefined;
    if (region !== undefined) region.uses++;
  }

  /** A region has its instructions from now on, whether it is there already or not. */
  cover(region: Region): void { this.#coverage.add(region); }
  uncover(region: Region): void { this.#coverage.remove(region); }

  /** Let the regions of a module be found, in place of those that begin where they do. */
  enter(regions: readonly Region[], shared: SharedModule): void {
    if (this.#nowhere === undefined) this.#clearPlaces();
    const functions = this.#instantiate(shared, this.#table);
    for (const region of regions) {
      const before = this.of(region.record);
      if (before !== undefined) this.drop(before.place);
      this.#enter(region, shared, functions(region.place));
    }
  }

  /** Let a region be found: from its record, by the links of others, and by its pages. */
  #enter(region: Region, shared: SharedModule, run: RegionFunction): void {
    const { i32, u32, u8, u16 } = this.#cpu;
    const { place, record, pages, key } = region;
    i32[(Layout.windowMisses >> 2) + place] = 0;
    takeObservation(i32, place);
    this.#regions.set(place, { ...region, run, shared, fields: u8.slice(record, record + recordSize), madeAt: u32[State.inRegions >> 2]!, uses: 1 });
    this.#table.set(place, run);
    for (const page of pages) page.regions.add(place);
    this.#copyRecord(record, place);
    u16[(record + Field.handler) >> 1] = Handler.region;
    u8[record + Field.placeLow] = place & 0xff;
    u8[record + Field.placeHigh] = place >> 8;
    this.links.set(key, place);
  }

  /** The record as it is, on its own: a run of one instruction, and a link to what follows. */
  #copyRecord(record: number, place: number): void {
    const { u8, u16 } = this.#cpu;
    const copy = Layout.regionRecords + (place << regionRecordShift);
    u8.copyWithin(copy, record, record + recordSize);
    const handler = u16[(record + Field.handler) >> 1]!;
    u16[(copy + Field.handler) >> 1] = this.#code.plainHandler(handler);
    u16[(copy + Field.remaining) >> 1] = 1;
    const link = copy + recordSize;
    u8.fill(0, link, link + recordSize);
    u16[(link + Field.handler) >> 1] = Handler.link;
    u16[(link + Field.offset) >> 1] = u16[(record + Field.offset) >> 1]! + u8[record + Field.length]!;
  }

  drop(place: number): void {
    const region = this.#regions.get(place)!;
    const { pages, record, fields, key } = region;
    for (const page of pages) page.regions.delete(place);
    this.#cpu.u8.set(fields, record);
    this.uncover(region);
    this.#regions.delete(place);
    this.links.set(key, undefined);
    this.#table.set(place, this.#nowhere!);
    forgetPlaces(this.#cpu.i32, nowherePlace);
    this.giveBack(place);
    this.#remains++;
    this.#dropped++;
  }

  dropAll(): void {
    for (const place of [...this.#regions.keys()]) this.drop(place);
    this.links.clear();
  }

  /** Records are numbered anew. All regions are gone by then. */
  forgetRecords(): void {
    this.links.clear();
    this.#coverage.clear();
  }
}
