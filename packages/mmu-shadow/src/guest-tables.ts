/*H:510
 * Reading the Guest's page tables.
 *
 * They are ordinary i386 tables in the Guest's memory, in one of two formats, and nothing in them can be trusted: a
 * table may lie outside memory, an entry may ask for a large page or for a frame that is not the Guest's. Whatever a
 * processor could not make sense of kills the Guest; an entry that is merely absent is the Guest's own page fault.
 */
import { directoryFlags, directoryIndex, Entry, hex, pageShift, tableIndex } from './entries.js';
import type { GuestMemory } from './interfaces.js';

/** Outcome of a walk. */
export const Walk = {
  /** Some level says "not present". */
  absent: 0,
  /** The fields of the walker tell what was found. */
  found: 1,
  /** The tables are malformed; kill() was called. */
  killed: 2,
} as const;

const paeTopEntries = 4;
const paeTopShift = 30;
const paeDirectoryShift = 21;
const paeIndexMask = 511;
/** log2 of an entry's size. */
const narrow = 2;
const wide = 3;
const rightsMask = Entry.writable | Entry.user;

/** Walks the tables of one Guest, in whichever format it uses. */
export class GuestTables {
  /** Set by the first NEW_PGTABLE. */
  pae = false;
  /** Guest-physical address of the last-level entry that was found. */
  entryAddress = 0;
  /** Its low word. */
  entry = 0;
  /** Entry.writable and Entry.user as all levels together grant them. */
  rights = 0;

  readonly #memory: GuestMemory;
  readonly #kill: (reason: string) => void;

  constructor(memory: GuestMemory, kill: (reason: string) => void) {
    this.#memory = memory;
    this.#kill = kill;
  }

  /**
   * A PAE top level has entries with no flag but Present; a two-level directory has accessed and dirty and user bits.
   * Looking at the first 32 bytes is enough to tell them apart.
   */
  detectFormat(pgdir: number): void {
    let present = 0;
    for (let i = 0; i < paeTopEntries; i++) {
      const low = this.#memory.read32(pgdir + (i << wide)) | 0;
      if ((low & Entry.present) === 0) continue;
      present++;
      if ((low & ~Entry.frame) !== Entry.present) {
        this.pae = false;
        return;
      }
    }
    this.pae = present > 0;
  }

  /** Bytes of a page directory that must lie in memory, and its alignment. */
  get directoryBytes(): number {
    return this.pae ? paeTopEntries << wide : 1 << pageShift;
  }

  /** Find the entry that maps an address in the address space of `pgdir`. */
  walk(pgdir: number, address: number): number {
    return this.pae ? this.#walkPae(pgdir, address) : this.#walkTwoLevel(pgdir, address);
  }

  #walkTwoLevel(pgdir: number, address: number): number {
    const directoryEntry = pgdir + (directoryIndex(address) << narrow);
    const low = this.#memory.read32(directoryEntry) | 0;
    if ((low & Entry.present) === 0) return Walk.absent;
    if (!this.checkDirectoryEntry(low, 0, directoryEntry)) return Walk.killed;
    this.#touch(directoryEntry, low);
    return this.#leaf(low, tableIndex(address), narrow);
  }

  #walkPae(pgdir: number, address: number): number {
    const topEntry = pgdir + ((address >>> paeTopShift) << wide);
    const top = this.#memory.read32(topEntry) | 0;
    if ((top & Entry.present) === 0) return Walk.absent;
    if (!this.checkTopEntry(top, this.#memory.read32(topEntry + 4), topEntry)) return Walk.killed;
    const directoryEntry = ((top & Entry.frame) >>> 0) + (((address >>> paeDirectoryShift) & paeIndexMask) << wide);
    const low = this.#memory.read32(directoryEntry) | 0;
    if ((low & Entry.present) === 0) return Walk.absent;
    if (!this.checkDirectoryEntry(low, this.#memory.read32(directoryEntry + 4), directoryEntry)) return Walk.killed;
    this.#touch(directoryEntry, low);
    return this.#leaf(low, (address >>> pageShift) & paeIndexMask, wide);
  }

  /** A processor marks the directory entries it uses. */
  #touch(at: number, low: number): void {
    if ((low & Entry.accessed) === 0) this.#memory.write32(at, low | Entry.accessed);
  }

  #leaf(directory: number, index: number, size: number): number {
    const at = ((directory & Entry.frame) >>> 0) + (index << size);
    const low = this.#memory.read32(at) | 0;
    if ((low & Entry.present) === 0) return Walk.absent;
    if (!this.checkEntry(low, size === wide ? this.#memory.read32(at + 4) : 0, at)) return Walk.killed;
    this.entryAddress = at;
    this.entry = low;
    this.rights = directory & low & rightsMask;
    return Walk.found;
  }

  /** True when a present last-level entry makes sense; else the Guest is dead. `at` is where it stands, for the reason. */
  checkEntry(low: number, high: number, at: number): boolean {
    if ((low & Entry.size) !== 0 || !this.#inMemory(low, high)) {
      this.#kill(`bad page table entry ${entryText(low, high)} at ${hex(at)}: ${this.#why(low, high)}`);
      return false;
    }
    return true;
  }

  /** The same for a directory entry, which has fewer flags. */
  checkDirectoryEntry(low: number, high: number, at: number): boolean {
    if ((low & ~Entry.frame & ~directoryFlags) !== 0 || !this.#inMemory(low, high)) {
      this.#kill(`bad page directory entry ${entryText(low, high)} at ${hex(at)}: ${this.#why(low, high)}`);
      return false;
    }
    return true;
  }

  /** The same for one of PAE's four top entries, which have no flags but Present. */
  checkTopEntry(low: number, high: number, at: number): boolean {
    if ((low & ~Entry.frame) !== Entry.present || !this.#inMemory(low, high)) {
      this.#kill(`bad page directory pointer ${entryText(low, high)} at ${hex(at)}: ${this.#why(low, high)}`);
      return false;
    }
    return true;
  }

  #inMemory(low: number, high: number): boolean {
    return high === 0 && (low & Entry.frame) >>> 0 < this.#memory.limit;
  }

  #why(low: number, high: number): string {
    if (!this.#inMemory(low, high)) return `its frame lies beyond the Guest's memory, which ends at ${hex(this.#memory.limit)}`;
    return (low & Entry.size) !== 0 ? 'large pages are not offered' : 'it has flags that are not allowed there';
  }
}

function entryText(low: number, high: number): string {
  return high === 0 ? hex(low) : `${hex(high)}:${hex(low)}`;
}
