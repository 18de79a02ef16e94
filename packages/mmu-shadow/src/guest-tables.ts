/*H:510
 * The Guest's tables.
 *
 * The Guest writes page tables as if the CPU read them. We read them instead, when we have to, one entry at a time, and
 * believe nothing: every frame number is checked against guest memory before it is followed or passed on.
 */
import { DIRECTORY_FLAGS, Entry, FLAGS_MASK, FRAME_MASK, hex, isBadEntry, PAGE_SHIFT, PAGE_SIZE } from './entries.js';
import { QUARTER_SHIFT, QUARTERS } from './form.js';
import type { GuestMemory } from './interfaces.js';

const { present } = Entry;

/** What directoryEntry() answers when the entry is one no Guest may have; `problem()` says why. */
export const BAD_ENTRY = -1;

const ENTRY_BYTES = 4;
const PAE_ENTRY_BYTES = 8;
/** Bytes of a PAE top level, and its alignment (SDM volume 3, 4.4.1). */
const PAE_TOP_BYTES = QUARTERS * PAE_ENTRY_BYTES;

/** Where an entry lies that did not come from memory. */
export const NOWHERE = -1;

const NO_PAGE = -1;
const BAD_PAGE = -2;

/** A reader of the Guest's page tables. Where an entry was found is left in fields: a walk allocates nothing. */
export class GuestTables {
  /** Which form the Guest uses. */
  pae = false;
  /** Guest-physical address of the directory entry read last. */
  directoryAddress = 0;
  /** Guest-physical address of the page-table entry read last. */
  entryAddress = 0;
  /** Its upper half; 0 in two-level mode. */
  entryHigh = 0;

  readonly #guest: GuestMemory;
  #badEntry = 0;
  #badHigh = 0;
  #badLevel = '';
  #badAt = 0;

  constructor(guest: GuestMemory) {
    this.#guest = guest;
  }

  /** The directory's address without the bits CR3 has other uses for (SDM volume 3, tables 4-3 and 4-7). */
  align(pgdir: number): number {
    return (pgdir & -(this.pae ? PAE_TOP_BYTES : PAGE_SIZE)) >>> 0;
  }

  /** True when a directory at this (aligned) address lies wholly in guest memory. */
  contains(pgdir: number): boolean {
    return pgdir + (this.pae ? PAE_TOP_BYTES : PAGE_SIZE) <= this.#guest.limit;
  }

  /**
   * Which form is the directory at this address in? In a PAE top level every present entry shows nothing but Present (its
   * other flags are reserved) and no upper half; a two-level directory shows Accessed, Writable and so on.
   */
  looksLikePae(pgdir: number): boolean {
    const top = (pgdir & -PAE_TOP_BYTES) >>> 0;
    if (top + PAE_TOP_BYTES > this.#guest.limit) return false;
    let found = 0;
    for (let at = top; at < top + PAE_TOP_BYTES; at += PAE_ENTRY_BYTES) {
      const low = this.#guest.read32(at);
      if (this.#guest.read32(at + ENTRY_BYTES) !== 0) return false;
      if ((low & present) === 0) continue;
      if ((low & FLAGS_MASK) !== present) return false;
      found++;
    }
    return found > 0;
  }

  /** The directory entry for an address, signed: 0 when nothing is there, BAD_ENTRY when it is one no Guest may have. */
  directoryEntry(pgdir: number, address: number): number {
    let at: number;
    if (this.pae) {
      const page = this.quarterPage(pgdir, address >>> QUARTER_SHIFT);
      if (page < 0) return page === NO_PAGE ? 0 : BAD_ENTRY;
      at = page + ((address >>> 18) & 0xff8);
    } else {
      at = pgdir + ((address >>> 20) & 0xffc);
    }
    this.directoryAddress = at;
    const entry = this.#guest.read32(at) | 0;
    if ((entry & present) === 0) return 0;
    const high = this.pae ? this.#guest.read32(at + ENTRY_BYTES) : 0;
    if (high !== 0 || (entry & FLAGS_MASK & ~DIRECTORY_FLAGS) !== 0 || (entry & FRAME_MASK) >>> 0 >= this.#guest.limit) {
      return this.#bad('page directory entry', entry, high, at);
    }
    return entry;
  }

  /** The page-table entry for an address behind a (good) directory entry, as it is. Signed. */
  entry(directoryEntry: number, address: number): number {
    return this.entryAt(directoryEntry, this.pae ? (address >>> PAGE_SHIFT) & 0x1ff : (address >>> PAGE_SHIFT) & 0x3ff);
  }

  /** Entry number `index` of the table behind a directory entry. Signed. */
  entryAt(directoryEntry: number, index: number): number {
    const table = (directoryEntry & FRAME_MASK) >>> 0;
    if (this.pae) {
      this.entryAddress = table + index * PAE_ENTRY_BYTES;
      this.entryHigh = this.#guest.read32(this.entryAddress + ENTRY_BYTES);
    } else {
      this.entryAddress = table + index * ENTRY_BYTES;
    }
    return this.#guest.read32(this.entryAddress) | 0;
  }

  /**
   * True when a page-table entry is one no Guest may have; `problem()` then says so. `at` is where it was found, or
   * NOWHERE when it came with a hypercall.
   */
  refuses(entry: number, high: number, at: number): boolean {
    if (high === 0 && !isBadEntry(entry, this.#guest.limit)) return false;
    this.#bad('page table entry', entry, high, at);
    return true;
  }

  /** Guest-physical address behind a virtual one, for whatever access; undefined when the tables name none. */
  physical(pgdir: number, address: number): number | undefined {
    const directoryEntry = this.directoryEntry(pgdir, address);
    if (directoryEntry === 0 || directoryEntry === BAD_ENTRY) return undefined;
    const entry = this.entry(directoryEntry, address);
    if ((entry & present) === 0 || this.refuses(entry, this.entryHigh, this.entryAddress)) return undefined;
    return ((entry & FRAME_MASK) | (address & FLAGS_MASK)) >>> 0;
  }

  /** One clause about the bad entry met last, for an address the Guest wanted it for. */
  problem(address: number): string {
    const value = this.#badHigh === 0 ? hex(this.#badEntry) : `${hex(this.#badHigh)}_${(this.#badEntry >>> 0).toString(16).padStart(8, '0')}`;
    const frame = (this.#badEntry & FRAME_MASK) >>> 0;
    const why = this.#badHigh !== 0
      ? 'it has bits above the 31st'
      : frame >= this.#guest.limit
        ? `guest memory ends at ${hex(this.#guest.limit)}`
        : `flags ${hex(this.#badEntry & FLAGS_MASK)} are not allowed there`;
    const where = this.#badAt === NOWHERE ? '' : `at guest-physical ${hex(this.#badAt)} `;
    return `bad ${this.#badLevel} ${value} ${where}for address ${hex(address)}: ${why}`;
  }

  /** Guest-physical address of the page that a PAE Guest's top-level entry names; negative when there is none. */
  quarterPage(pgdir: number, quarter: number): number {
    const at = pgdir + quarter * PAE_ENTRY_BYTES;
    const entry = this.#guest.read32(at) | 0;
    if ((entry & present) === 0) return NO_PAGE;
    const high = this.#guest.read32(at + ENTRY_BYTES);
    if (high !== 0 || (entry & FLAGS_MASK) !== present || (entry & FRAME_MASK) >>> 0 >= this.#guest.limit) {
      this.#bad('page directory pointer', entry, high, at);
      return BAD_PAGE;
    }
    return (entry & FRAME_MASK) >>> 0;
  }

  #bad(level: string, entry: number, high: number, at: number): number {
    this.#badLevel = level;
    this.#badEntry = entry;
    this.#badHigh = high;
    this.#badAt = at;
    return BAD_ENTRY;
  }
}
