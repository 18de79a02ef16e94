/*H:513
 * Slots.
 *
 * A cached directory sits in a *slot*: the frame the CPU's CR3 points to, or for PAE four frames, whose four pointers
 * lie together with those of all other slots in one more. From its first day to its last each directory has a *window*
 * table of its own, which holds the Switcher window from some entry on; what lies below the window in it is the Guest's
 * like anywhere else.
 */
import { Entry, PAGE_SHIFT, PAGE_SIZE, PAGE_WORDS } from './entries.js';
import { QUARTERS, type TableForm, TWO_LEVEL } from './form.js';
import type { SwitcherWindow } from './interfaces.js';
import { FrameUse, type TableFrames } from './table-frames.js';

const { present, accessed, global } = Entry;

/** No slot. */
export const NO_SLOT = -1;

const POINTER_BYTES = 8;
const TOP_LEVEL_BYTES = QUARTERS * POINTER_BYTES;
/** Slots whose PAE top levels fit in one frame. */
export const MAX_SLOTS = PAGE_SIZE / TOP_LEVEL_BYTES;

/** Shadow directories, and the links from them to page tables. */
export class ShadowDirectories {
  /** The slot the CPU uses: what it may remember has to be flushed. NO_SLOT when nothing of it is in use. */
  current = NO_SLOT;
  /** The form of all of them. */
  form: TableForm = TWO_LEVEL;
  /** Slots, in use or not. */
  readonly slots: number;

  readonly #words: Uint32Array;
  readonly #frames: TableFrames;
  readonly #window: SwitcherWindow;
  /** Per slot and quarter: index in #words of its first directory entry, or 0. */
  readonly #base: Int32Array;
  /** Frame of the PAE top levels, or 0. */
  #topLevels = 0;
  readonly #taken = new Int32Array(QUARTERS);

  constructor(words: Uint32Array, frames: TableFrames, window: SwitcherWindow, slots: number) {
    this.#words = words;
    this.#frames = frames;
    this.#window = window;
    this.slots = slots;
    this.#base = new Int32Array(slots * QUARTERS);
  }

  /** Choose the form. No directory may exist. */
  setForm(form: TableForm): void {
    this.form = form;
    if (form.pae) this.#topLevels = this.#frames.take(FrameUse.directory);
  }

  /** The first region that holds (a part of) the Switcher window. */
  get firstWindow(): number {
    return this.#window.base >>> this.form.regionShift;
  }

  /** True when there is a directory in the slot. */
  has(slot: number): boolean {
    return this.#base[slot * QUARTERS] !== 0;
  }

  /** Machine-physical address for CR3. */
  root(slot: number): number {
    return this.form.pae ? this.#topLevels * PAGE_SIZE + slot * TOP_LEVEL_BYTES : this.#base[slot * QUARTERS]! * 4;
  }

  /** Index of the directory entry for a region. */
  link(slot: number, region: number): number {
    const { quarterShift, wordShift } = this.form;
    const inQuarter = region & ((1 << quarterShift) - 1);
    return this.#base[slot * QUARTERS + (region >>> quarterShift)]! + (inQuarter << wordShift);
  }

  /** Frame of the table linked for a region, or NO_FRAME. */
  table(slot: number, region: number): number {
    return this.#words[this.link(slot, region)]! >>> PAGE_SHIFT;
  }

  /** Can the CPU, as it stands, have come to this table? */
  reaches(frame: number): boolean {
    return this.current !== NO_SLOT && this.table(this.current, this.#frames.region[frame]!) === frame;
  }

  /** Build an empty directory in a slot, with nothing but the Switcher window in it. */
  create(slot: number): void {
    // all frames first: while one is being freed for us, this slot must not look like a directory
    const taken = this.#taken;
    const { pae, quarterShift } = this.form;
    const count = pae ? QUARTERS : 1;
    for (let i = 0; i < count; i++) taken[i] = this.#frames.take(FrameUse.directory);
    for (let quarter = 0; quarter < QUARTERS; quarter++) {
      this.#base[slot * QUARTERS + quarter] = pae
        ? taken[quarter]! * PAGE_WORDS
        : taken[0]! * PAGE_WORDS + (quarter << quarterShift);
      // a pointer has no flags but Present (SDM volume 3, table 4-8)
      if (pae) this.#words[(this.root(slot) >>> 2) + 2 * quarter] = taken[quarter]! * PAGE_SIZE | present;
    }
    for (let region = this.firstWindow; region < this.form.regions; region++) this.#createWindowTable(slot, region);
  }

  /** Take a directory apart and give back every frame that is its own. */
  destroy(slot: number): void {
    const frames = this.#frames;
    for (let region = 0; region < this.form.regions; region++) {
      const table = this.table(slot, region);
      if (table !== 0 && frames.use[table] !== FrameUse.shared) frames.giveBack(table);
    }
    const base = slot * QUARTERS;
    const step = this.form.pae ? 1 : QUARTERS;
    for (let quarter = 0; quarter < QUARTERS; quarter += step) frames.giveBack(this.#base[base + quarter]! / PAGE_WORDS);
    if (this.form.pae) this.#words.fill(0, this.root(slot) >>> 2, (this.root(slot) >>> 2) + 2 * QUARTERS);
    this.#base.fill(0, base, base + QUARTERS);
    if (this.current === slot) this.current = NO_SLOT;
  }

  /** Take all directories apart. */
  destroyAll(): void {
    for (let slot = 0; slot < this.slots; slot++) {
      if (this.has(slot)) this.destroy(slot);
    }
    if (this.#topLevels !== 0) this.#frames.giveBack(this.#topLevels);
    this.#topLevels = 0;
  }

  #createWindowTable(slot: number, region: number): void {
    const frames = this.#frames;
    const { wordShift, entries } = this.form;
    const table = frames.take(FrameUse.window);
    frames.region[table] = region;
    frames.slot[table] = slot;
    this.#words[this.link(slot, region)] = table * PAGE_SIZE | present | accessed;
    const { base, frames: mapped } = this.#window;
    for (let i = 0; i < mapped.length; i++) {
      const page = base / PAGE_SIZE + i;
      if (Math.floor(page / entries) !== region) continue;
      this.#words[table * PAGE_WORDS + (page % entries << wordShift)] = mapped[i]! * PAGE_SIZE | present | accessed | global;
    }
  }

  /** Entries of a table that may be the Guest's: all, but for those of the Switcher window. */
  guestEntries(table: number): number {
    const { entries } = this.form;
    if (this.#frames.use[table] !== FrameUse.window) return entries;
    return Math.max(0, this.#window.base / PAGE_SIZE - this.#frames.region[table]! * entries);
  }
}
