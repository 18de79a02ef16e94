/*H:515
 * The shadow.
 *
 * The tables the CPU really walks, made of machine frames the Guest has no address for. This file decides which table
 * stands behind which directory entry; what should stand in the tables is decided elsewhere.
 *
 * There are three kinds. A *private* table belongs to one slot. A *shared* one covers a region of the kernel's part,
 * which is alike in all address spaces: it is filled once and linked from each slot whose Guest directory has the same
 * source there. A *window* table comes and goes with its slot.
 */
import { Entry, PAGE_SIZE, SOURCE_MASK } from './entries.js';
import { MOST_REGIONS, type TableForm } from './form.js';
import type { GuestTables } from './guest-tables.js';
import type { ShadowDirectories } from './shadow-directories.js';
import type { ShadowStats } from './stats.js';
import type { TableEntries } from './table-entries.js';
import { FrameUse, NO_FRAME, NO_SOURCE, type TableFrames } from './table-frames.js';

const { present, writable, user, accessed } = Entry;

/** Page tables behind directory entries: the slots' own, and those they share. */
export class ShadowTables {
  /** Per region: the shared table's frame, or NO_FRAME. */
  readonly shared = new Int32Array(MOST_REGIONS);

  readonly #words: Uint32Array;
  readonly #guestTables: GuestTables;
  readonly #frames: TableFrames;
  readonly #directories: ShadowDirectories;
  readonly #entries: TableEntries;
  readonly #stats: ShadowStats;
  /** Regions from #firstShared up to #firstWindow are alike in all address spaces. */
  #firstShared = 0;
  #firstWindow = 0;
  /** Shared regions that have a table, to go through them quickly. */
  readonly #sharedRegions = new Uint16Array(MOST_REGIONS);
  #sharedCount = 0;

  constructor(
    words: Uint32Array, guestTables: GuestTables, frames: TableFrames, directories: ShadowDirectories, entries: TableEntries,
    stats: ShadowStats,
  ) {
    this.#words = words;
    this.#guestTables = guestTables;
    this.#frames = frames;
    this.#directories = directories;
    this.#entries = entries;
    this.#stats = stats;
  }

  /** Choose the form of all tables, and where the kernel's part begins. No directory may exist. */
  setForm(form: TableForm, kernelAddress: number): void {
    this.#directories.setForm(form);
    this.#firstWindow = this.#directories.firstWindow;
    // a region the kernel shares with user space belongs to each address space alone
    this.#firstShared = Math.min(Math.ceil(kernelAddress / 2 ** form.regionShift), this.#firstWindow);
  }

  /** True for regions that are alike in all address spaces. */
  isShared(region: number): boolean {
    return region >= this.#firstShared && region < this.#firstWindow;
  }

  /**
   * The table of a region in a slot, with this source: the one that is linked, the one all address spaces share, or a new
   * one. One that was filled from another source is emptied or dropped first.
   */
  tableFor(slot: number, region: number, source: number): number {
    const frames = this.#frames;
    let table = this.#directories.table(slot, region);
    if (table !== NO_FRAME && frames.source[table] === source) return table;
    if (this.isShared(region)) {
      table = this.shared[region]!;
      if (table !== NO_FRAME && frames.source[table] !== source) {
        this.#dropShared(region);
        table = NO_FRAME;
      }
      if (table === NO_FRAME) {
        table = frames.take(FrameUse.shared);
        this.shared[region] = table;
        this.#sharedRegions[this.#sharedCount++] = region;
      }
    } else if (table === NO_FRAME) {
      table = frames.take(FrameUse.private);
    } else {
      this.#entries.empty(table);
    }
    frames.region[table] = region;
    frames.slot[table] = slot;
    frames.source[table] = source;
    this.#link(slot, region, table, source);
    return table;
  }

  /**
   * Link the shared table of each region where the Guest's directory agrees with its source. Where it does not, the CPU
   * forgets what it remembers of the table: the slot is about to be used.
   */
  linkShared(slot: number, pgdir: number): void {
    this.#stats.looks += this.#sharedCount;
    for (let i = 0; i < this.#sharedCount; i++) {
      const region = this.#sharedRegions[i]!;
      if (this.#directories.table(slot, region) !== NO_FRAME) continue;
      const source = this.#sourceNow(pgdir, region);
      const table = this.shared[region]!;
      if (this.#frames.source[table] === source) this.#link(slot, region, table, source);
      else this.#entries.flush(table);
    }
  }

  /**
   * Does the slot still have what the Guest's directory says for a region? If not, drop it. If so, and the table is
   * the slot's own, see to each entry.
   */
  check(slot: number, region: number, pgdir: number): void {
    const { use, source } = this.#frames;
    const table = this.#directories.table(slot, region);
    this.#stats.looks++;
    if (table === NO_FRAME || source[table] === NO_SOURCE) return;
    if (source[table] !== this.#sourceNow(pgdir, region)) this.#drop(slot, region);
    else if (use[table] !== FrameUse.shared) this.#entries.check(table);
  }

  /** See to each entry of the shared tables of these regions, linked somewhere or not. */
  checkShared(first: number, end: number): void {
    this.#stats.looks += this.#sharedCount;
    for (let i = 0; i < this.#sharedCount; i++) {
      const region = this.#sharedRegions[i]!;
      if (region >= first && region < end) this.#entries.check(this.shared[region]!);
    }
  }

  /** Give up a directory. */
  destroyDirectory(slot: number): void {
    this.#stats.looks += this.#directories.form.regions;
    this.#directories.destroy(slot);
  }

  /** Give up one table, the oldest or nearly so, to have its frame. False when there is none. */
  giveUpTable(): boolean {
    const table = this.#frames.nextTable();
    if (table === NO_FRAME) return false;
    const region = this.#frames.region[table]!;
    if (this.#frames.use[table] === FrameUse.shared) this.#dropShared(region);
    else this.#drop(this.#frames.slot[table]!, region);
    return true;
  }

  /** Take everything apart: what is held afterwards is nothing. */
  destroyAll(): void {
    // these first: the CPU keeps what it knows of them when it loads another directory, and must be told
    while (this.#sharedCount > 0) this.#dropShared(this.#sharedRegions[this.#sharedCount - 1]!);
    this.#directories.destroyAll();
  }

  /** The part of the Guest's directory entry for a region that makes a source. */
  #sourceNow(pgdir: number, region: number): number {
    return this.#guestTables.directoryEntry(pgdir, region * 2 ** this.#directories.form.regionShift) & SOURCE_MASK;
  }

  #link(slot: number, region: number, table: number, source: number): void {
    this.#words[this.#directories.link(slot, region)] = table * PAGE_SIZE | present | accessed | (source & (writable | user));
  }

  /** Forget what a slot has for a region. */
  #drop(slot: number, region: number): void {
    const frames = this.#frames;
    const directories = this.#directories;
    const table = directories.table(slot, region);
    if (table === NO_FRAME) return;
    if (frames.use[table] === FrameUse.window) {
      this.#entries.empty(table);
      frames.source[table] = NO_SOURCE;
      return;
    }
    this.#words[directories.link(slot, region)] = 0;
    if (slot === directories.current) this.#entries.flush(table);
    if (frames.use[table] === FrameUse.private) frames.giveBack(table);
  }

  /** Unlink a shared table everywhere and give its frame back. */
  #dropShared(region: number): void {
    const directories = this.#directories;
    const table = this.shared[region]!;
    for (let slot = 0; slot < directories.slots; slot++) {
      if (directories.has(slot) && directories.table(slot, region) === table) this.#drop(slot, region);
    }
    this.shared[region] = NO_FRAME;
    this.#sharedRegions[this.#sharedRegions.indexOf(region)] = this.#sharedRegions[--this.#sharedCount]!;
    this.#frames.giveBack(table);
  }
}
