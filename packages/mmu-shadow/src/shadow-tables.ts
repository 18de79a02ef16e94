/*H:515
 * The shadow.
 *
 * The tables the CPU really walks, made of machine frames the Guest has no address for. This file knows their shape
 * and keeps their books; what should stand in them is decided elsewhere.
 *
 * A cached directory sits in a *slot*: the frame the CPU's CR3 points to (four frames for PAE, whose four pointers lie
 * together with those of all other slots in one more), and the page tables linked from it. A table has a *source*: the
 * Guest's directory entry it was filled from. As long as the Guest's entry is still the same, so are the table's
 * contents; when it is not, nothing in the table may be believed.
 *
 * There are three kinds of table. A *private* one belongs to one slot. A *shared* one covers a region of the kernel's
 * part, which is alike in all address spaces: it is filled once and linked from each slot whose Guest directory has the
 * same source there. A *window* table holds, from some entry on, the Switcher window; each slot has its own from its
 * first day to its last, and what lies below the window in it is the Guest's like anywhere else.
 */
import { Entry, FRAME_MASK, PAGE_SHIFT, PAGE_SIZE, PAGE_WORDS, SOURCE_MASK, shadowOfNew, takesAway } from './entries.js';
import { type GuestTables, regionShift } from './guest-tables.js';
import type { FrameAllocator, GuestMemory, SwitcherWindow, TlbControl } from './interfaces.js';

const { present, writable, user, accessed } = Entry;

/** What a frame is used for. */
export const FrameUse = { none: 0, directory: 1, private: 2, shared: 3, window: 4 } as const;

/** The source of a table with nothing of the Guest's in it: no real one lacks Present. */
export const NO_SOURCE = 0;

/** No slot. */
export const NO_SLOT = -1;

const QUARTERS = 4;
const QUARTER_SHIFT = 30;
const REGIONS_PAE = 2048;
const POINTER_BYTES = 8;
/** Above this many, emptying the TLB costs less than dropping pages from it one by one. */
const SINGLE_FLUSHES = 8;
/** Slots whose PAE top levels fit in one frame. */
export const MAX_SLOTS = PAGE_SIZE / (QUARTERS * POINTER_BYTES);

/** What the books are kept over. */
export interface ShadowTablesOptions {
  words: Uint32Array;
  frames: FrameAllocator;
  /** A frame, whatever has to be given up for it. */
  allocate: () => number;
  guest: GuestMemory;
  guestTables: GuestTables;
  tlb: TlbControl;
  window: SwitcherWindow;
  slots: number;
}

/** Shadow directories and tables, and what is known of each frame. */
export class ShadowTables {
  /** The slot the CPU uses: what it may remember has to be flushed. NO_SLOT when nothing of it is in use. */
  current = NO_SLOT;
  /** Frames in use here. */
  held = 0;
  /** log2 of the bytes of a region, and how many there are. */
  shift = regionShift(false);
  regions = 1024;
  /** Regions from firstShared up to firstWindow are alike in all address spaces. */
  firstShared = 0;
  /** Regions from here on hold (a part of) the Switcher window. */
  firstWindow = 0;

  /** Per frame: the signed source. */
  readonly source: Int32Array;
  /** Per region: the shared table's frame, or 0. */
  readonly shared = new Int32Array(REGIONS_PAE);

  readonly #words: Uint32Array;
  readonly #frames: FrameAllocator;
  readonly #allocate: () => number;
  readonly #guest: GuestMemory;
  readonly #guestTables: GuestTables;
  readonly #tlb: TlbControl;
  readonly #window: SwitcherWindow;
  readonly #slots: number;
  /** Per slot and quarter: index in #words of its first directory entry, or 0. */
  readonly #base: Int32Array;
  /** Per frame: its use, its region, its slot (private and window tables), and how many entries of the Guest's it maps. */
  readonly #use: Uint8Array;
  readonly #region: Uint16Array;
  readonly #slot: Int16Array;
  readonly #mapped: Uint16Array;

  #pae = false;
  /** log2 of the words in an entry. */
  #wordShift = 0;
  /** log2 of the regions in a quarter. */
  #quarterShift = 8;
  #entryMask = 1023;
  /** Frame of the PAE top levels, or 0. */
  #pointers = 0;
  /** Shared regions that have a table, to go through them quickly. */
  readonly #sharedRegions = new Uint16Array(REGIONS_PAE);
  #sharedCount = 0;
  readonly #taken = new Int32Array(QUARTERS);
  /** Where the last search for a table to give up ended. */
  #hand = 0;
  #lowest = 0x7fff_ffff;
  #highest = 0;

  constructor(options: ShadowTablesOptions) {
    this.#words = options.words;
    this.#frames = options.frames;
    this.#allocate = options.allocate;
    this.#guest = options.guest;
    this.#guestTables = options.guestTables;
    this.#tlb = options.tlb;
    this.#window = options.window;
    this.#slots = options.slots;
    const frames = Math.floor(options.words.length / PAGE_WORDS);
    this.source = new Int32Array(frames);
    this.#use = new Uint8Array(frames);
    this.#region = new Uint16Array(frames);
    this.#slot = new Int16Array(frames);
    this.#mapped = new Uint16Array(frames);
    this.#base = new Int32Array(options.slots * QUARTERS);
  }

  /** Choose the form of all tables. No directory may exist. */
  setFormat(pae: boolean, kernelAddress: number): void {
    this.#pae = pae;
    this.#wordShift = pae ? 1 : 0;
    this.#quarterShift = QUARTER_SHIFT - regionShift(pae);
    this.#entryMask = pae ? 511 : 1023;
    this.shift = regionShift(pae);
    this.regions = QUARTERS << this.#quarterShift;
    this.firstWindow = this.#window.base >>> this.shift;
    // a region the kernel shares with user space belongs to each address space alone
    this.firstShared = Math.min(Math.ceil(kernelAddress / 2 ** this.shift), this.firstWindow);
    if (pae) this.#pointers = this.#take(FrameUse.directory);
  }

  // ---- directories ----

  /** Build an empty directory in a slot, with nothing but the Switcher window in it. */
  createDirectory(slot: number): void {
    // all frames first: while one is being freed for us, this slot must not look like a directory
    const taken = this.#taken;
    const count = this.#pae ? QUARTERS : 1;
    for (let i = 0; i < count; i++) taken[i] = this.#take(FrameUse.directory);
    for (let quarter = 0; quarter < QUARTERS; quarter++) {
      this.#base[slot * QUARTERS + quarter] = this.#pae
        ? taken[quarter]! * PAGE_WORDS
        : taken[0]! * PAGE_WORDS + (quarter << this.#quarterShift);
      // a pointer has no flags but Present (SDM volume 3, table 4-8)
      if (this.#pae) this.#words[(this.root(slot) >>> 2) + 2 * quarter] = taken[quarter]! * PAGE_SIZE | present;
    }
    for (let region = this.firstWindow; region < this.regions; region++) this.#createWindowTable(slot, region);
  }

  /** Take a directory apart and give back every frame that is its own. */
  destroyDirectory(slot: number): void {
    for (let region = 0; region < this.regions; region++) {
      const frame = this.table(slot, region);
      if (frame === 0) continue;
      if (this.#use[frame] !== FrameUse.shared) this.#giveBack(frame);
    }
    const base = slot * QUARTERS;
    const step = this.#pae ? 1 : QUARTERS;
    for (let quarter = 0; quarter < QUARTERS; quarter += step) this.#giveBack(this.#base[base + quarter]! / PAGE_WORDS);
    if (this.#pae) this.#words.fill(0, this.root(slot) >>> 2, (this.root(slot) >>> 2) + 2 * QUARTERS);
    this.#base.fill(0, base, base + QUARTERS);
    if (this.current === slot) this.current = NO_SLOT;
  }

  /** True when there is a directory in the slot. */
  hasDirectory(slot: number): boolean {
    return this.#base[slot * QUARTERS] !== 0;
  }

  /** Machine-physical address for CR3. */
  root(slot: number): number {
    return this.#pae
      ? this.#pointers * PAGE_SIZE + slot * QUARTERS * POINTER_BYTES
      : this.#base[slot * QUARTERS]! * 4;
  }

  /** Take everything apart: what is held afterwards is nothing. */
  destroyAll(): void {
    for (let slot = 0; slot < this.#slots; slot++) {
      if (this.hasDirectory(slot)) this.destroyDirectory(slot);
    }
    while (this.#sharedCount > 0) this.#dropShared(this.#sharedRegions[this.#sharedCount - 1]!);
    if (this.#pointers !== 0) this.#giveBack(this.#pointers);
    this.#pointers = 0;
  }

  // ---- tables ----

  /** Frame of the table linked for a region, or 0. */
  table(slot: number, region: number): number {
    return this.#words[this.#link(slot, region)]! >>> PAGE_SHIFT;
  }

  /** True for regions that are alike in all address spaces. */
  isShared(region: number): boolean {
    return region >= this.firstShared && region < this.firstWindow;
  }

  /**
   * The table of a region in a slot, with this source: the one that is linked, the one all address spaces share, or a new
   * one. One that was filled from another source is emptied or dropped first.
   */
  tableFor(slot: number, region: number, source: number): number {
    let frame = this.table(slot, region);
    if (frame !== 0 && this.source[frame] === source) return frame;
    if (this.isShared(region)) {
      frame = this.shared[region]!;
      if (frame !== 0 && this.source[frame] !== source) {
        this.#dropShared(region);
        frame = 0;
      }
      if (frame === 0) {
        frame = this.#take(FrameUse.shared);
        this.shared[region] = frame;
        this.#sharedRegions[this.#sharedCount++] = region;
      }
    } else if (frame === 0) {
      frame = this.#take(FrameUse.private);
    } else {
      this.#empty(frame);
    }
    this.#region[frame] = region;
    this.#slot[frame] = slot;
    this.source[frame] = source;
    this.#words[this.#link(slot, region)] = frame * PAGE_SIZE | present | accessed | (source & (writable | user));
    return frame;
  }

  /** Link the shared table of each region where the Guest's directory agrees with its source. */
  linkShared(slot: number, pgdir: number): void {
    for (let i = 0; i < this.#sharedCount; i++) {
      const region = this.#sharedRegions[i]!;
      const link = this.#link(slot, region);
      if (this.#words[link] !== 0) continue;
      const source = this.#guestTables.directoryEntry(pgdir, region * 2 ** this.shift) & SOURCE_MASK;
      const frame = this.shared[region]!;
      if (this.source[frame] === source) {
        this.#words[link] = frame * PAGE_SIZE | present | accessed | (source & (writable | user));
      }
    }
  }

  /** Forget what a slot has for a region. */
  drop(slot: number, region: number): void {
    const link = this.#link(slot, region);
    const frame = this.#words[link]! >>> PAGE_SHIFT;
    if (frame === 0) return;
    if (this.#use[frame] === FrameUse.window) {
      this.#empty(frame);
      this.source[frame] = NO_SOURCE;
      return;
    }
    this.#words[link] = 0;
    if (slot === this.current) this.#flush(frame, region);
    if (this.#use[frame] === FrameUse.private) this.#giveBack(frame);
  }

  /**
   * Does the slot still have what the Guest's directory says for a region? If not, drop it. If so, and the table is
   * the slot's own, see to each entry.
   */
  check(slot: number, region: number, pgdir: number): void {
    const frame = this.table(slot, region);
    if (frame === 0 || this.source[frame] === NO_SOURCE) return;
    const source = this.#guestTables.directoryEntry(pgdir, region * 2 ** this.shift) & SOURCE_MASK;
    if (this.source[frame] !== source) this.drop(slot, region);
    else if (this.#use[frame] !== FrameUse.shared) this.#checkEntries(frame);
  }

  /** See to each entry of the shared tables of these regions, linked somewhere or not. */
  checkShared(first: number, end: number): void {
    for (let i = 0; i < this.#sharedCount; i++) {
      const region = this.#sharedRegions[i]!;
      if (region >= first && region < end) this.#checkEntries(this.shared[region]!);
    }
  }

  // ---- entries ----

  /** The shadow entry for an address in a table. Signed. */
  entry(frame: number, address: number): number {
    return this.#words[this.#entryIndex(frame, address)]! | 0;
  }

  /** Set the shadow entry for an address; the TLB is told when that takes something away. */
  store(frame: number, address: number, entry: number): void {
    const index = this.#entryIndex(frame, address);
    const before = this.#words[index]! | 0;
    if (before === entry) return;
    this.#words[index] = entry;
    if (before === 0) this.#mapped[frame]!++;
    else if (entry === 0) this.#mapped[frame]!--;
    if (takesAway(before, entry) && this.#reaches(frame)) this.#tlb.flushPage(address);
  }

  /**
   * Give up one table, the oldest or nearly so, to have its frame. The hand goes round, so a table just made is safe
   * until all others had their turn: an instruction that needs several at once gets on. False when there is none.
   */
  giveUpTable(): boolean {
    for (let tries = this.#highest - this.#lowest + 1; tries > 0; tries--) {
      if (this.#hand < this.#lowest || this.#hand > this.#highest) this.#hand = this.#lowest;
      const frame = this.#hand++;
      const region = this.#region[frame]!;
      if (this.#use[frame] === FrameUse.shared) {
        this.#dropShared(region);
        return true;
      }
      if (this.#use[frame] === FrameUse.private) {
        this.drop(this.#slot[frame]!, region);
        return true;
      }
    }
    return false;
  }

  // ---- inside ----

  #link(slot: number, region: number): number {
    const inQuarter = region & ((1 << this.#quarterShift) - 1);
    return this.#base[slot * QUARTERS + (region >>> this.#quarterShift)]! + (inQuarter << this.#wordShift);
  }

  #entryIndex(frame: number, address: number): number {
    return frame * PAGE_WORDS + (((address >>> PAGE_SHIFT) & this.#entryMask) << this.#wordShift);
  }

  /** Can the CPU, as it stands, have come to this table? */
  #reaches(frame: number): boolean {
    return this.current !== NO_SLOT && this.table(this.current, this.#region[frame]!) === frame;
  }

  #take(use: number): number {
    const frame = this.#allocate();
    this.#use[frame] = use;
    this.#mapped[frame] = 0;
    this.source[frame] = NO_SOURCE;
    this.held++;
    if (frame < this.#lowest) this.#lowest = frame;
    if (frame > this.#highest) this.#highest = frame;
    return frame;
  }

  #giveBack(frame: number): void {
    this.#use[frame] = FrameUse.none;
    this.held--;
    this.#frames.release(frame);
  }

  #createWindowTable(slot: number, region: number): void {
    const table = this.#take(FrameUse.window);
    this.#region[table] = region;
    this.#slot[table] = slot;
    this.#words[this.#link(slot, region)] = table * PAGE_SIZE | present | accessed;
    const { base, frames } = this.#window;
    for (let i = 0; i < frames.length; i++) {
      const address = base + i * PAGE_SIZE;
      if (Math.floor(address / 2 ** this.shift) !== region) continue;
      this.#words[this.#entryIndex(table, address)] = frames[i]! * PAGE_SIZE | present | accessed;
    }
  }

  /** Entries of a table that may be the Guest's. */
  #guestEntries(frame: number): number {
    if (this.#use[frame] !== FrameUse.window) return this.#entryMask + 1;
    const start = this.#region[frame]! * 2 ** this.shift;
    return Math.max(0, (this.#window.base - start) / PAGE_SIZE);
  }

  /** Unlink a shared table everywhere and give its frame back. */
  #dropShared(region: number): void {
    const frame = this.shared[region]!;
    for (let slot = 0; slot < this.#slots; slot++) {
      if (this.hasDirectory(slot) && this.table(slot, region) === frame) this.drop(slot, region);
    }
    this.shared[region] = 0;
    this.#sharedRegions[this.#sharedRegions.indexOf(region)] = this.#sharedRegions[--this.#sharedCount]!;
    this.#giveBack(frame);
  }

  /** Forget all the Guest's entries of a table. */
  #empty(frame: number): void {
    const region = this.#region[frame]!;
    if (this.#reaches(frame)) this.#flush(frame, region);
    this.#words.fill(0, frame * PAGE_WORDS, frame * PAGE_WORDS + (this.#guestEntries(frame) << this.#wordShift));
    this.#mapped[frame] = 0;
  }

  /** Tell the TLB that all entries of a table are going. They must still be there. */
  #flush(frame: number, region: number): void {
    let left = this.#mapped[frame]!;
    if (left > SINGLE_FLUSHES) {
      this.#tlb.flushAll();
      return;
    }
    const start = region * 2 ** this.shift;
    for (let address = start; left > 0; address += PAGE_SIZE) {
      if (this.entry(frame, address) === 0) continue;
      this.#tlb.flushPage(address);
      left--;
    }
  }

  /** Make each mapped entry of a table what the Guest's entry says now. */
  #checkEntries(frame: number): void {
    const words = this.#words;
    const guest = this.#guest;
    const source = this.source[frame]!;
    const first = frame * PAGE_WORDS;
    const guestTable = (source & FRAME_MASK) >>> 0;
    const start = this.#region[frame]! * 2 ** this.shift;
    const pae = this.#pae;
    const wordShift = this.#wordShift;
    const current = this.#reaches(frame);
    let left = this.#mapped[frame]!;
    let flushes = 0;
    for (let i = 0; left > 0; i++) {
      const before = words[first + (i << wordShift)]! | 0;
      if (before === 0) continue;
      left--;
      const at = guestTable + (i << (2 + wordShift));
      const good = !pae || guest.read32(at + 4) === 0;
      const after = good ? shadowOfNew(guest.read32(at), guest.limit) : 0;
      if (after === before) continue;
      words[first + (i << wordShift)] = after;
      if (after === 0) this.#mapped[frame]!--;
      if (current && takesAway(before, after) && ++flushes <= SINGLE_FLUSHES) this.#tlb.flushPage(start + i * PAGE_SIZE);
    }
    if (flushes > SINGLE_FLUSHES) this.#tlb.flushAll();
  }
}
