/*H:500
 * Shadow page tables.
 *
 * The Guest has page tables, but the processor never sees them: they hold guest-physical addresses, and a Guest that
 * could write what the processor reads could map anything. So for each page directory of the Guest the Host keeps one
 * of its own, the shadow, which starts empty. Every address the Guest touches for the first time faults; the Host looks
 * the address up in the Guest's tables, checks what it finds, and puts one entry into the shadow. The Guest tells us,
 * by hypercall, when it changed an entry that may have been copied.
 *
 * Machine addresses have 32 bits, so our own tables are always of the plain two-level kind, whatever the Guest's are.
 */
import {
  directoryIndex, directoryShift, Entry, entriesPerTable, FaultCode, hex, pageShift, pageSize, shadowDirectoryFlags, tableIndex,
} from './entries.js';
import { ShadowError } from './error.js';
import { GuestTables, Walk } from './guest-tables.js';
import type { FrameAllocator, FrameMemory, GuestMemory, SwitcherWindow, TlbControl } from './interfaces.js';

/** What shadow page tables are made from. */
export interface ShadowOptions {
  guest: GuestMemory;
  frames: FrameAllocator;
  memory: FrameMemory;
  tlb: TlbControl;
  /** Called with one sentence when the Guest does what it must not. May be called more than once; the first counts. */
  kill: (reason: string) => void;
  switcher: SwitcherWindow;
  /** How many shadow directories are kept; see bench/ for how the default was chosen. */
  directories?: number;
}

/** Directories kept when nothing else is said. */
export const DEFAULT_DIRECTORIES = 16;
/** Fewer frames than this cannot hold a directory, the window, and a table for each of user, kernel and stack. */
const MIN_FRAMES = 8;

/** What was done so far. */
export interface ShadowStatistics {
  /** Entries put into shadow tables after a fault, and after a SET_PTE. */
  filled: number;
  prefilled: number;
  /** NEW_PGTABLE calls that found their directory in the cache, and those that did not. */
  directoryHits: number;
  directoryMisses: number;
  /** Directories and kernel tables given up because frames ran out. */
  reclaimed: number;
}

/** One shadow directory. */
interface Directory {
  /** Guest-physical address of the directory it shadows; -1 when the slot is free. */
  pgdir: number;
  /** Frame of our own directory; -1 when there is none. */
  frame: number;
  /** When it was last loaded, for replacement. */
  lastUse: number;
}

const none = -1;
/** The one pgdir that is no address: before paging, virtual is physical. */
const linearMode = -2;
const rightsMask = Entry.writable | Entry.user;

/** The shadow page tables of one Guest. */
export class ShadowPageTables {
  readonly stats: ShadowStatistics = { filled: 0, prefilled: 0, directoryHits: 0, directoryMisses: 0, reclaimed: 0 };

  readonly #guest: GuestMemory;
  readonly #tables: GuestTables;
  readonly #frames: FrameAllocator;
  readonly #words: Uint32Array;
  readonly #tlb: TlbControl;
  readonly #kill: (reason: string) => void;
  readonly #directories: Directory[];
  readonly #switcherBase: number;
  /** The table with the window in it. The Guest's kernel has the addresses below the window in that table. */
  readonly #switcherFrame: number;
  /** Frames of the tables that all directories share, by directory index; 0 where there is none. */
  readonly #shared = new Uint32Array(entriesPerTable);
  /** First directory index that is shared: everything from there up is kernel. */
  #sharedFrom: number = entriesPerTable;
  #kernelAddress = 0xffff_ffff;
  #current: Directory;
  #clock = 0;

  /** @throws ShadowError 'too-few-frames' */
  constructor(options: ShadowOptions) {
    const { guest, frames, memory, tlb, kill, switcher, directories = DEFAULT_DIRECTORIES } = options;
    if (frames.available < MIN_FRAMES)
      throw new ShadowError('too-few-frames', `shadow page tables need at least ${MIN_FRAMES} frames; ${frames.available} are available`);
    this.#guest = guest;
    this.#tables = new GuestTables(guest, kill);
    this.#frames = frames;
    this.#words = memory.words;
    this.#tlb = tlb;
    this.#kill = kill;
    this.#switcherBase = switcher.base >>> 0;
    this.#directories = Array.from({ length: Math.max(1, directories) }, () => ({ pgdir: none, frame: none, lastUse: 0 }));
    this.#current = this.#directories[0]!;
    this.#switcherFrame = frames.allocate();
    this.#shared[directoryIndex(switcher.base)] = this.#switcherFrame;
    switcher.frames.forEach((frame, i) => {
      const at = tableIndex(switcher.base + i * pageSize);
      this.#words[this.#switcherFrame * entriesPerTable + at] = (frame << pageShift) | Entry.present | Entry.accessed;
    });
  }

  /** From here up all page directories of the Guest are alike: SET_PTE applies to all of them. */
  get kernelAddress(): number { return this.#kernelAddress; }
  set kernelAddress(address: number) {
    this.#kernelAddress = address >>> 0;
    // tables filled under another border are of the wrong kind
    this.#dropAll();
    this.#sharedFrom = Math.min(Math.ceil((address >>> 0) / 2 ** directoryShift), directoryIndex(this.#switcherBase));
    this.#tlb.flushAll();
  }

  // ── which directory ─────────────────────────────────────────────────────────────────────────────────────────────

  /** The start: no paging. Virtual addresses are guest-physical ones, mapped as they are touched. */
  startLinear(): void {
    const directory = this.#directories[0]!;
    this.#dropAll();
    directory.pgdir = linearMode;
    this.#load(directory);
  }

  /** True before the first NEW_PGTABLE. */
  get linear(): boolean { return this.#current.pgdir === linearMode; }

  /*H:520
   * A context switch.
   *
   * The Guest loads another page directory. If we have its shadow, a load of the real register is all there is to do.
   * If not, a free slot or the one used longest ago gets an empty shadow. Everything above the kernel's address is
   * the same in all of them and is shared, so the new one starts with the kernel mapped.
   */
  newPageTable(pgdir: number): void {
    const first = this.linear;
    if (first && this.#validDirectory(pgdir, 4 << 3)) {
      this.#dropAll();
      this.#tables.detectFormat(pgdir);
    }
    if (!this.#validDirectory(pgdir, this.#tables.directoryBytes)) return;
    let directory = this.#find(pgdir);
    if (directory) this.stats.directoryHits++;
    else {
      this.stats.directoryMisses++;
      directory = this.#oldest();
      this.#releaseDirectory(directory);
      directory.pgdir = pgdir;
    }
    this.#load(directory);
  }

  #validDirectory(pgdir: number, bytes: number): boolean {
    if ((pgdir & (bytes - 1)) === 0 && pgdir >= 0 && pgdir <= this.#guest.limit - bytes) return true;
    this.#kill(`bad page directory address ${hex(pgdir)}: it must be a multiple of ${bytes} within the Guest's memory, which ends at ${hex(this.#guest.limit)}`);
    return false;
  }

  #find(pgdir: number): Directory | undefined {
    for (const directory of this.#directories) if (directory.pgdir === pgdir) return directory;
    return undefined;
  }

  #oldest(): Directory {
    let oldest = this.#directories[0]!;
    for (const directory of this.#directories) {
      if (directory.pgdir === none) return directory;
      if (directory.lastUse < oldest.lastUse) oldest = directory;
    }
    return oldest;
  }

  #load(directory: Directory): void {
    directory.lastUse = ++this.#clock;
    this.#current = directory;
    if (directory.frame === none) this.#createTop(directory);
    this.#tlb.setPageTable(directory.frame * pageSize, false);
  }

  /** An empty directory: the Host's window, and what is known of the kernel. */
  #createTop(directory: Directory): void {
    this.#reserve();
    directory.frame = this.#frames.allocate();
    const base = directory.frame * entriesPerTable;
    const window = directoryIndex(this.#switcherBase);
    for (let i = Math.min(this.#sharedFrom, window); i <= window; i++) {
      if (this.#shared[i] !== 0) this.#words[base + i] = (this.#shared[i]! << pageShift) | shadowDirectoryFlags;
    }
  }

  // ── filling ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /*H:530
   * A page fault came out of the Guest.
   *
   * If the Guest's tables allow what it tried, the fault was ours: fill the entry and let it try again. The processor
   * would have set Accessed, and for a write Dirty, so we do that in the Guest's entry. An entry that is not dirty yet
   * is filled read-only even if it may be written, so that the first write comes here and we learn of it.
   */
  demandPage(address: number, errorCode: number): boolean {
    const at = address >>> 0;
    if (at >= this.#switcherBase) return false;
    if (this.linear) return this.#fillLinear(at);
    const tables = this.#tables;
    if (tables.walk(this.#current.pgdir, at) !== Walk.found) return false;
    const write = (errorCode & FaultCode.write) !== 0;
    if (write && (tables.rights & Entry.writable) === 0) return false;
    if ((errorCode & FaultCode.user) !== 0 && (tables.rights & Entry.user) === 0) return false;
    const marked = tables.entry | Entry.accessed | (write ? Entry.dirty : 0);
    if (marked !== tables.entry) this.#guest.write32(tables.entryAddress, marked >>> 0);
    this.#enter(this.#current, at, shadowOf(marked, tables.rights));
    this.stats.filled++;
    return true;
  }

  #fillLinear(address: number): boolean {
    if (address >= this.#guest.limit) return false;
    this.#enter(this.#current, address, (address & Entry.frame) | rightsMask | Entry.present | Entry.accessed | Entry.dirty);
    this.stats.filled++;
    return true;
  }

  /** Put an entry into a directory's shadow, making the table if there is none. */
  #enter(directory: Directory, address: number, entry: number): void {
    this.#words[this.#tableFor(directory, address) * entriesPerTable + tableIndex(address)] = entry;
  }

  /** Frame of the table for an address in a directory, shared or private, made if need be. */
  #tableFor(directory: Directory, address: number): number {
    const index = directoryIndex(address);
    let at = directory.frame * entriesPerTable + index;
    const present = this.#words[at]!;
    if (present !== 0) return present >>> pageShift;
    let frame = index >= this.#sharedFrom ? this.#shared[index]! : 0;
    if (frame === 0) {
      if (this.#reserve()) {
        // making room may have taken this very directory's tables, and given it another frame
        at = directory.frame * entriesPerTable + index;
      }
      frame = this.#frames.allocate();
      if (index >= this.#sharedFrom) this.#shared[index] = frame;
    }
    this.#words[at] = (frame << pageShift) | shadowDirectoryFlags;
    return frame;
  }

  /** Frame of the table for an address, or 0. */
  #tableAt(directory: Directory, address: number): number {
    if (directory.frame === none) return 0;
    return this.#words[directory.frame * entriesPerTable + directoryIndex(address)]! >>> pageShift;
  }

  /**
   * The Guest's kernel stack must be there when the processor pushes a direct trap's frame. True when the page is
   * mapped writable now; false when the Guest's tables do not allow that.
   */
  pinPage(address: number): boolean {
    const at = address >>> 0;
    if (at >= this.#switcherBase) return false;
    const table = this.#tableAt(this.#current, at);
    const wanted = Entry.present | Entry.writable;
    if (table !== 0 && (this.#words[table * entriesPerTable + tableIndex(at)]! & wanted) === wanted) return true;
    return this.demandPage(at, FaultCode.write);
  }

  /** Guest-physical address behind a virtual one in the current address space, or undefined when nothing is mapped. */
  guestPhysical(address: number): number | undefined {
    const at = address >>> 0;
    if (at >= this.#switcherBase) return undefined;
    if (this.linear) return at < this.#guest.limit ? at : undefined;
    if (this.#tables.walk(this.#current.pgdir, at) !== Walk.found) return undefined;
    return ((this.#tables.entry & Entry.frame) | (at & (pageSize - 1))) >>> 0;
  }

  // ── what the Guest tells us ─────────────────────────────────────────────────────────────────────────────────────

  /*H:540
   * The Guest has written a page table entry of its own and says so.
   *
   * What we had copied of it is forgotten. If the new entry was already used (it is accessed, as after a fork or when a
   * page comes back), the Guest will want it at once, so it is filled right away instead of after a fault. We read the
   * entry from memory, where the Guest had to write it first; the value in the call only has to be sensible.
   */
  setPte(pgdir: number, address: number, low: number, high = 0): void {
    const at = address >>> 0;
    if (at >= this.#switcherBase) {
      this.#kill(`attempt to map ${hex(at)}, which is the Host's: it begins at ${hex(this.#switcherBase)}`);
      return;
    }
    if ((low & Entry.present) !== 0 && !this.#tables.checkEntry(low | 0, this.#tables.pae ? high : 0, at)) return;
    const refill = (low & Entry.present) !== 0 && (low & (Entry.accessed | Entry.dirty)) !== 0;
    if (at < this.#kernelAddress) {
      const directory = this.#find(pgdir);
      if (directory) this.#renew(directory, at, refill);
    } else if (directoryIndex(at) >= this.#sharedFrom) {
      // one shared table: any directory leads to it, and the current one has it if the processor does
      this.#renewShared(pgdir, at, refill);
    } else for (const directory of this.#directories) if (directory.pgdir >= 0) this.#renew(directory, at, refill);
  }

  #renew(directory: Directory, address: number, refill: boolean): void {
    const table = this.#tableAt(directory, address);
    if (table !== 0) this.#renewEntry(table, directory.pgdir, address, refill, directory === this.#current);
  }

  #renewShared(pgdir: number, address: number, refill: boolean): void {
    const table = this.#shared[directoryIndex(address)]!;
    if (table !== 0) this.#renewEntry(table, pgdir, address, refill && this.#isDirectory(pgdir), true);
  }

  #isDirectory(pgdir: number): boolean {
    const bytes = this.#tables.directoryBytes;
    return !this.linear && (pgdir & (bytes - 1)) === 0 && pgdir >= 0 && pgdir <= this.#guest.limit - bytes;
  }

  #renewEntry(table: number, pgdir: number, address: number, refill: boolean, visible: boolean): void {
    const at = table * entriesPerTable + tableIndex(address);
    const before = this.#words[at]! | 0;
    let now = 0;
    const tables = this.#tables;
    if (refill && tables.walk(pgdir, address) === Walk.found && (tables.entry & Entry.accessed) !== 0) {
      now = shadowOf(tables.entry, tables.rights);
      this.stats.prefilled++;
    }
    if (now === before) return;
    this.#words[at] = now;
    if (visible && before !== 0) this.#tlb.flushPage(address);
  }

  /** The Guest has written a directory entry (two-level), or one of the four top entries (PAE). */
  setPgd(pgdir: number, index: number): void {
    const entries = this.#tables.pae ? 4 : entriesPerTable;
    if (index >= entries) {
      this.#kill(`SET_PGD of entry ${index}: a page directory has ${entries}`);
      return;
    }
    if (!this.#checkUpper(pgdir, index)) return;
    const perEntry = entriesPerTable / entries;
    for (let i = index * perEntry; i < (index + 1) * perEntry; i++) this.#forgetTable(pgdir, i);
  }

  /** The entry that SET_PGD speaks of, if it is present, must make sense. False when the Guest is dead. */
  #checkUpper(pgdir: number, index: number): boolean {
    const tables = this.#tables;
    const at = pgdir + index * (tables.pae ? 8 : 4);
    if (pgdir < 0 || at + 8 > this.#guest.limit || (pgdir & 3) !== 0) {
      this.#kill(`SET_PGD in a page directory at ${hex(pgdir)}, which does not lie in the Guest's memory`);
      return false;
    }
    const low = this.#guest.read32(at) | 0;
    if ((low & Entry.present) === 0) return true;
    return tables.pae ? tables.checkTopEntry(low, this.#guest.read32(at + 4), at) : tables.checkDirectoryEntry(low, 0, at);
  }

  /** PAE only: the Guest has written entry `index` of the directory page at `pmdPage`, wherever that is in use. */
  setPmd(pmdPage: number, index: number): void {
    if (!this.#tables.pae) {
      this.#kill(`SET_PMD of ${hex(pmdPage)} by a Guest that does not use PAE`);
      return;
    }
    if (index >= entriesPerTable / 2) {
      this.#kill(`SET_PMD of entry ${index}: a PAE directory page has ${entriesPerTable / 2}`);
      return;
    }
    // two of the Guest's entries share one of our tables
    const within = index >> 1;
    for (const directory of this.#directories) {
      if (directory.pgdir < 0) continue;
      for (let top = 0; top < 4; top++) {
        const low = this.#guest.read32(directory.pgdir + top * 8) | 0;
        if ((low & Entry.present) !== 0 && (low & Entry.frame) >>> 0 === pmdPage >>> 0) this.#forgetTable(directory.pgdir, top * 256 + within);
      }
    }
  }

  /** Forget one of our tables: of a directory, or of all when it is shared. */
  #forgetTable(pgdir: number, index: number): void {
    if (index >= this.#sharedFrom) {
      if (this.#shared[index] !== 0) {
        this.#dropShared(index);
        this.#tlb.flushAll();
      }
      return;
    }
    const directory = this.#find(pgdir);
    if (directory && this.#dropTable(directory, index) && directory === this.#current) this.#tlb.flushAll();
  }

  /** FLUSH_TLB 0: the user part of the current address space. */
  flushUser(): void {
    const directory = this.#current;
    const end = Math.min(this.#sharedFrom, directoryIndex(this.#switcherBase));
    for (let i = 0; i < end; i++) this.#dropTable(directory, i);
    this.#tlb.flushAll();
  }

  /** FLUSH_TLB 1: everything, in all address spaces. */
  flushAll(): void {
    for (const directory of this.#directories) this.#emptyDirectory(directory);
    for (let i = 0; i < entriesPerTable; i++) this.#dropShared(i);
    this.#tlb.flushAll();
  }

  // ── frames ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Release a private table. True when there was one. */
  #dropTable(directory: Directory, index: number): boolean {
    const at = directory.frame * entriesPerTable + index;
    if (directory.frame === none || this.#words[at] === 0) return false;
    this.#frames.release(this.#words[at]! >>> pageShift);
    this.#words[at] = 0;
    return true;
  }

  /** Release a shared table and every directory's way to it. */
  #dropShared(index: number): void {
    const frame = this.#shared[index]!;
    if (frame === 0) return;
    if (frame === this.#switcherFrame) {
      // the window stays; what the Guest has below it in the same table goes
      const table = frame * entriesPerTable;
      this.#words.fill(0, table, table + tableIndex(this.#switcherBase));
      return;
    }
    this.#shared[index] = 0;
    for (const directory of this.#directories) {
      if (directory.frame !== none) this.#words[directory.frame * entriesPerTable + index] = 0;
    }
    this.#frames.release(frame);
  }

  /** Release a directory's private tables. */
  #emptyDirectory(directory: Directory): void {
    if (directory.frame === none) return;
    const end = Math.min(this.#sharedFrom, directoryIndex(this.#switcherBase));
    for (let i = 0; i < end; i++) this.#dropTable(directory, i);
  }

  #releaseDirectory(directory: Directory): void {
    this.#emptyDirectory(directory);
    if (directory.frame !== none) this.#frames.release(directory.frame);
    directory.frame = none;
    directory.pgdir = none;
  }

  /** Forget everything but which directory is current. */
  #dropAll(): void {
    const current = this.#current;
    const { pgdir } = current;
    for (const directory of this.#directories) {
      if (directory !== current) this.#releaseDirectory(directory);
    }
    this.#emptyDirectory(current);
    for (let i = 0; i < entriesPerTable; i++) this.#dropShared(i);
    current.pgdir = pgdir;
  }

  /**
   * Make sure one frame can be allocated. The directory used longest ago goes first, then all kernel tables, then what
   * the current directory itself has: it only costs faults.
   *
   * @returns whether anything was given up
   */
  #reserve(): boolean {
    if (this.#frames.available > 0) return false;
    this.stats.reclaimed++;
    let victim: Directory | undefined;
    for (const directory of this.#directories) {
      if (directory === this.#current || directory.frame === none) continue;
      if (!victim || directory.lastUse < victim.lastUse) victim = directory;
    }
    if (victim) {
      this.#releaseDirectory(victim);
      return true;
    }
    this.flushAll();
    return true;
  }

  /** Give every frame back. The object must not be used afterwards. */
  dispose(): void {
    for (const directory of this.#directories) this.#releaseDirectory(directory);
    for (let i = 0; i < entriesPerTable; i++) this.#dropShared(i);
    this.#frames.release(this.#switcherFrame);
  }
}

/** Our entry for one of the Guest's: its frame and rights, never Global, writable only once it is dirty. */
function shadowOf(entry: number, rights: number): number {
  const allowed = (entry & Entry.dirty) !== 0 ? rights : rights & ~Entry.writable;
  return (entry & Entry.frame) | allowed | Entry.present | Entry.accessed | (entry & Entry.dirty);
}
