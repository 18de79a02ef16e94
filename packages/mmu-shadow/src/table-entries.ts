/*
 * One page table's entries: read, set, checked against the Guest's, forgotten. Whatever takes something away from what the
 * CPU may remember tells the TLB; nothing else does.
 */
import { Entry, FRAME_MASK, PAGE_SHIFT, PAGE_SIZE, PAGE_WORDS, shadowOfNew, takesAway } from './entries.js';
import type { GuestMemory, TlbControl } from './interfaces.js';
import type { ShadowDirectories } from './shadow-directories.js';
import type { ShadowStats } from './stats.js';
import { FrameUse, type TableFrames } from './table-frames.js';

/** Above this many, emptying the TLB costs less than dropping pages from it one by one. */
const SINGLE_FLUSHES = 8;

/** The entries of shadow page tables. */
export class TableEntries {
  readonly #words: Uint32Array;
  readonly #guest: GuestMemory;
  readonly #tlb: TlbControl;
  readonly #frames: TableFrames;
  readonly #directories: ShadowDirectories;
  readonly #stats: ShadowStats;

  constructor(
    words: Uint32Array, guest: GuestMemory, tlb: TlbControl, frames: TableFrames, directories: ShadowDirectories, stats: ShadowStats,
  ) {
    this.#words = words;
    this.#guest = guest;
    this.#tlb = tlb;
    this.#frames = frames;
    this.#directories = directories;
    this.#stats = stats;
  }

  /** The shadow entry for an address in a table. Signed. */
  entry(table: number, address: number): number {
    return this.#words[this.#index(table, address)]! | 0;
  }

  /** Set the shadow entry for an address. */
  store(table: number, address: number, value: number): void {
    const index = this.#index(table, address);
    const before = this.#words[index]! | 0;
    const entry = this.#inTable(table, value);
    if (before === entry) return;
    this.#words[index] = entry;
    if (before === 0) this.#frames.mapped[table]!++;
    else if (entry === 0) this.#frames.mapped[table]!--;
    if (takesAway(before, entry) && this.#directories.reaches(table)) this.#tlb.flushPage(address);
  }

  /** Make each mapped entry of a table what the Guest's entry says now. */
  check(table: number): void {
    const words = this.#words;
    const guest = this.#guest;
    const { mapped, source, region } = this.#frames;
    const { pae, wordShift, regionShift } = this.#directories.form;
    const first = table * PAGE_WORDS;
    const guestTable = (source[table]! & FRAME_MASK) >>> 0;
    const start = region[table]! * 2 ** regionShift;
    const current = this.#directories.reaches(table);
    let left = mapped[table]!;
    let flushes = 0;
    let i = 0;
    for (; left > 0; i++) {
      const before = words[first + (i << wordShift)]! | 0;
      if (before === 0) continue;
      left--;
      const at = guestTable + (i << (2 + wordShift));
      const good = !pae || guest.read32(at + 4) === 0;
      const after = good ? this.#inTable(table, shadowOfNew(guest.read32(at), guest.limit)) : 0;
      if (after === before) continue;
      words[first + (i << wordShift)] = after;
      if (after === 0) mapped[table]!--;
      if (current && takesAway(before, after) && ++flushes <= SINGLE_FLUSHES) this.#tlb.flushPage(start + i * PAGE_SIZE);
    }
    this.#stats.looks += i;
    if (flushes > SINGLE_FLUSHES) this.#tlb.flushAll();
  }

  /** Forget all the Guest's entries of a table. */
  empty(table: number): void {
    if (this.#directories.reaches(table)) this.flush(table);
    const count = this.#directories.guestEntries(table) << this.#directories.form.wordShift;
    this.#words.fill(0, table * PAGE_WORDS, table * PAGE_WORDS + count);
    this.#frames.mapped[table] = 0;
  }

  /** Tell the TLB that all entries of a table are going. They must still be there. */
  flush(table: number): void {
    let left = this.#frames.mapped[table]!;
    if (left > SINGLE_FLUSHES) {
      this.#tlb.flushAll();
      return;
    }
    const start = this.#frames.region[table]! * 2 ** this.#directories.form.regionShift;
    for (let address = start; left > 0; address += PAGE_SIZE) {
      if (this.entry(table, address) === 0) continue;
      this.#tlb.flushPage(address);
      left--;
    }
  }

  /** An entry as it stands in a table: Global in one that all address spaces share. */
  #inTable(table: number, entry: number): number {
    return entry !== 0 && this.#frames.use[table] === FrameUse.shared ? entry | Entry.global : entry;
  }

  #index(table: number, address: number): number {
    const { entries, wordShift } = this.#directories.form;
    return table * PAGE_WORDS + (((address >>> PAGE_SHIFT) & (entries - 1)) << wordShift);
  }
}
