/*H:500
 * Page tables.
 *
 * The Guest believes it has a machine of its own and keeps page tables as if the CPU walked them. We cannot let the CPU
 * do so: the tables could name any page of the machine. Instead the CPU walks *shadow* page tables of ours, which are
 * empty to begin with. Each time the CPU finds nothing there it faults, out to us; we look at the Guest's own tables and
 * either copy the one entry that was needed (demandPage), or find that there is nothing in them either: then the fault is
 * the Guest's own, and it gets to see it.
 *
 * A shadow entry is a copy, and copies go stale. A CPU has the same trouble, with its TLB, so every kernel knows when to
 * say that it changed an entry; a lguest kernel says so by hypercall. Those are the other functions here: a new page
 * directory, an entry set at one of the levels, all of it flushed. Until the Guest has spoken, what it had before may
 * still be in use. Never more than that: nothing is ever reachable that the Guest's tables did not allow when it last
 * spoke.
 */
import { DirectoryCache } from './directory-cache.js';
import { Entry, FaultCode, hex, PAGE_SIZE, shadowOf, shadowOfNew, SOURCE_MASK } from './entries.js';
import { MmuShadowError } from './error.js';
import { BAD_ENTRY, GuestTables, NOWHERE } from './guest-tables.js';
import type { FrameAllocator, GuestMemory, ShadowOptions, TlbControl } from './interfaces.js';
import { checkOptions, DEFAULT_DIRECTORIES } from './options.js';
import { NO_SLOT, NO_SOURCE, ShadowTables } from './shadow-tables.js';
import { newStats, type ShadowStats } from './stats.js';

const { present, writable, user, accessed, dirty } = Entry;

const TWO_LEVEL_ENTRIES = 1024;
const PAE_POINTERS = 4;
const PAE_ENTRIES = 512;
/** Where identity-mapped tables would lie: nowhere. All of them have the same source. */
const LINEAR_SOURCE = present | writable;

/** The shadow page tables of one Guest. */
export class ShadowPageTables {
  /** What happened so far. */
  readonly stats: ShadowStats = newStats();

  readonly #guest: GuestMemory;
  readonly #frames: FrameAllocator;
  readonly #tlb: TlbControl;
  readonly #onKill: (reason: string) => void;
  readonly #windowBase: number;
  readonly #maxFrames: number;
  readonly #guestTables: GuestTables;
  readonly #tables: ShadowTables;
  readonly #cache: DirectoryCache;
  /** Per slot: 1 when everything was flushed since the directory was last in use. */
  readonly #stale: Uint8Array;

  #kernelAddress: number;
  /** Slot and Guest directory in use. */
  #slot = NO_SLOT;
  #pgdir = 0;
  /** Paging is off as far as the Guest knows: virtual addresses are guest-physical ones. */
  #linear = false;
  /** False before startLinear(), and once the Guest is dead or we are disposed of: nothing is touched then. */
  #alive = false;
  #dead = false;
  #disposed = false;

  /** @throws MmuShadowError 'bad-option', 'too-few-frames'. Nothing runs before startLinear(). */
  constructor(options: ShadowOptions) {
    const { guest, frames, memory, switcher, directories = DEFAULT_DIRECTORIES, maxFrames = Infinity } = options;
    checkOptions(options, directories, maxFrames);
    this.#guest = guest;
    this.#frames = frames;
    this.#tlb = options.tlb;
    this.#onKill = options.kill;
    this.#windowBase = switcher.base;
    this.#kernelAddress = switcher.base;
    this.#maxFrames = maxFrames;
    this.#guestTables = new GuestTables(guest);
    this.#cache = new DirectoryCache(directories, options.replacement ?? 'lru');
    this.#stale = new Uint8Array(directories);
    this.#tables = new ShadowTables({
      words: memory.words, frames, allocate: () => this.#allocate(), guest, guestTables: this.#guestTables,
      tlb: options.tlb, window: switcher, slots: directories,
    });
  }

  /**
   * From this virtual address on, all address spaces are alike. The Guest says so in its LGUEST_INIT, before there are
   * any; until it did, none of them is taken to be like another. One within the Switcher window kills the Guest.
   * @throws MmuShadowError 'bad-state' when there are address spaces already.
   */
  get kernelAddress(): number {
    return this.#kernelAddress;
  }
  set kernelAddress(address: number) {
    if (!this.#alive) {
      this.#refuse();
      return;
    }
    if (!this.#linear) {
      throw new MmuShadowError('bad-state', 'kernelAddress was set after the first page directory; set it while the Guest is in linear mode.');
    }
    if (address >>> 0 >= this.#windowBase) {
      this.#kill(`kernel address ${hex(address)} lies in the Switcher window, which begins at ${hex(this.#windowBase)}`);
      return;
    }
    this.#kernelAddress = address >>> 0;
  }

  /** True until the Guest has loaded its first page directory. */
  get linear(): boolean {
    return this.#linear;
  }

  /** True when the Guest uses PAE page tables. */
  get pae(): boolean {
    return this.#guestTables.pae;
  }

  /** Frames in use here, of those the allocator has lent. */
  get framesHeld(): number {
    return this.#tables.held;
  }

  /*H:520
   * Before paging.
   *
   * A kernel starts with paging off, but the CPU has it on: the Host lives in the same virtual space. So each page is
   * mapped where it is, at its first touch, until the Guest loads a page directory of its own.
   */
  /** Start (over) in linear mode, with a shadow directory that is empty but for the Switcher window. */
  startLinear(): void {
    if (this.#dead || this.#disposed) return void this.#refuse();
    this.#alive = true;
    this.#clear();
    this.#linear = true;
    this.#guestTables.pae = false;
    this.#guestTables.entryHigh = 0;
    // nothing is shared: there is one directory, and it is not the Guest's
    this.#tables.setFormat(false, this.#windowBase);
    this.#tables.createDirectory(0);
    this.#enter(0, 0);
  }

  /*H:525
   * A page fault.
   *
   * The busiest function here: thousands of times in a boot the CPU finds nothing in the shadow, and a good three in
   * four of those faults are none of the Guest's business.
   */
  /**
   * The CPU faulted on an address, with this error code (SDM volume 3, 4.7). True: the shadow now allows the access,
   * run again. False: the Guest's tables do not allow it either, and the Guest should see its fault; or it is dead.
   */
  demandPage(address: number, errorCode: number): boolean {
    if (!this.#alive) return this.#refuse();
    const { stats } = this;
    stats.faults++;
    const filled = this.#linear ? this.#fillLinear(address >>> 0, errorCode) : this.#fill(address >>> 0, errorCode);
    if (filled) stats.filled++;
    else stats.reflected++;
    return filled;
  }

  #fill(address: number, errorCode: number): boolean {
    // the Guest has nothing up there, and must be told so like of any other hole
    if (address >= this.#windowBase) return false;
    const guestTables = this.#guestTables;
    const directoryEntry = guestTables.directoryEntry(this.#pgdir, address);
    if (directoryEntry === 0) return false;
    if (directoryEntry === BAD_ENTRY) return this.#kill(guestTables.problem(address));
    const entry = guestTables.entry(directoryEntry, address);
    if ((entry & present) === 0) return false;

    const write = (errorCode & FaultCode.write) !== 0;
    const rights = directoryEntry & entry;
    if (write && (rights & writable) === 0) return false;
    if ((errorCode & FaultCode.user) !== 0 && (rights & user) === 0) return false;
    const at = guestTables.entryAddress;
    if (guestTables.refuses(entry, guestTables.entryHigh, at)) return this.#kill(guestTables.problem(address));

    // what the CPU would have noted in these entries had it walked them
    if ((directoryEntry & accessed) === 0) this.#guest.write32(guestTables.directoryAddress, directoryEntry | accessed);
    const marked = entry | (write ? accessed | dirty : accessed);
    if (marked !== entry) this.#guest.write32(at, marked);

    const tables = this.#tables;
    const table = tables.tableFor(this.#slot, address >>> tables.shift, directoryEntry & SOURCE_MASK);
    tables.store(table, address, shadowOf(marked));
    return true;
  }

  #fillLinear(address: number, errorCode: number): boolean {
    // beyond its memory there is nothing: the Host knows best what that means in a kernel that has no handlers yet
    if (address >= this.#guest.limit || address >= this.#windowBase || (errorCode & FaultCode.user) !== 0) return false;
    const tables = this.#tables;
    const table = tables.tableFor(this.#slot, address >>> tables.shift, LINEAR_SOURCE);
    tables.store(table, address, shadowOf((address & -PAGE_SIZE) | writable | dirty));
    return true;
  }

  /*H:530
   * Another address space.
   *
   * The Guest's "load CR3". The first one ends linear mode, and tells us by its looks which of the two forms of page
   * tables the Guest will use for the rest of its life. Later ones are context switches, and mostly name a directory
   * whose shadow we still have.
   */
  /** LHCALL_NEW_PGTABLE: switch to the page directory at a guest-physical address. */
  newPageTable(pgdir: number): void {
    if (!this.#alive) return void this.#refuse();
    const { stats } = this;
    const cache = this.#cache;
    const guestTables = this.#guestTables;
    stats.newPageTable++;
    const pae = this.#linear ? guestTables.looksLikePae(pgdir) : guestTables.pae;
    if (this.#linear) guestTables.pae = pae;
    const directory = guestTables.align(pgdir);
    if (!guestTables.contains(directory)) {
      this.#kill(`page directory ${hex(pgdir)} does not lie in guest memory, which ends at ${hex(this.#guest.limit)}`);
      return;
    }
    if (this.#linear) {
      this.#clear();
      this.#tables.setFormat(pae, this.#kernelAddress);
    }

    let slot = cache.find(directory);
    if (slot === NO_SLOT) {
      slot = this.#newDirectory(directory);
    } else {
      stats.directoryHits++;
      if (slot === this.#slot) {
        // to the CPU, loading CR3 with what it holds is a flush
        this.#checkUser();
        return;
      }
      if (this.#stale[slot] !== 0) this.#checkDirectory(slot);
    }
    this.#tables.linkShared(slot, directory);
    this.#enter(slot, directory);
  }

  #newDirectory(pgdir: number): number {
    const slot = this.#cache.slotForNew(this.#slot);
    if (this.#tables.hasDirectory(slot)) {
      this.stats.directoriesReplaced++;
      this.#dropDirectory(slot);
    }
    this.#tables.createDirectory(slot);
    this.#cache.set(slot, pgdir);
    this.#stale[slot] = 0;
    return slot;
  }

  #enter(slot: number, pgdir: number): void {
    this.#slot = slot;
    this.#pgdir = pgdir;
    this.#tables.current = slot;
    this.#cache.touch(slot);
    this.#tlb.setPageTable(this.#tables.root(slot), this.#guestTables.pae);
  }

  /*H:535
   * Entries set.
   *
   * The Guest wrote an entry of its own and tells us. We could just forget what we have and let it fault in again. But
   * a kernel that sets an entry with Accessed or Dirty on is about to use the page, so we take the new one over there
   * and then: for copy-on-write that is one exit less out of three. We take it from the Guest's memory, where it had to
   * be written first: hypercalls may come late, from the ring, and then the value in them is no longer the last word.
   */
  /**
   * LHCALL_SET_PTE: the page-table entry for an address in the directory `pgdir` was set to this. Value 0 is "forget":
   * the Guest's own entry counts at the next fault. From kernelAddress on, it holds for every address space.
   */
  setPte(pgdir: number, address: number, low: number, high = 0): void {
    if (!this.#alive) return void this.#refuse();
    this.stats.setPte++;
    const linear = address >>> 0;
    if (linear >= this.#windowBase) {
      this.#kill(`page table entry ${hex(low)} for address ${hex(linear)} lies in the Switcher window, which begins at ${hex(this.#windowBase)}`);
      return;
    }
    const guestTables = this.#guestTables;
    // without PAE there is no upper half, and whatever is in the register means nothing
    if ((low & present) !== 0 && guestTables.refuses(low | 0, guestTables.pae ? high : 0, NOWHERE)) {
      this.#kill(guestTables.problem(linear));
      return;
    }
    if (this.#linear) return;

    const tables = this.#tables;
    const region = linear >>> tables.shift;
    if (linear < this.#kernelAddress) {
      const slot = this.#cache.find(guestTables.align(pgdir));
      if (slot !== NO_SLOT) this.#renewEntry(tables.table(slot, region), linear, low);
    } else if (tables.isShared(region)) {
      this.#renewEntry(tables.shared[region]!, linear, low);
    } else {
      for (let slot = 0; slot < this.#cache.size; slot++) {
        if (tables.hasDirectory(slot)) this.#renewEntry(tables.table(slot, region), linear, low);
      }
    }
  }

  #renewEntry(table: number, address: number, value: number): void {
    const tables = this.#tables;
    // where we have no table, or nothing in it, there is nothing to renew
    if (table === 0 || tables.source[table] === NO_SOURCE) return;
    let entry = 0;
    if (value !== 0) {
      const guestEntry = this.#guestTables.entry(tables.source[table]!, address);
      if (this.#guestTables.entryHigh === 0) entry = shadowOfNew(guestEntry, this.#guest.limit);
      if (entry !== 0) this.stats.setPteEntered++;
    }
    tables.store(table, address, entry);
  }

  /** LHCALL_SET_PGD: entry `index` of a top level was set: one of 1024, or of 4 with PAE. */
  setPgd(pgdir: number, index: number): void {
    if (!this.#alive) return void this.#refuse();
    if (this.#linear) return;
    const { pae } = this.#guestTables;
    const entries = pae ? PAE_POINTERS : TWO_LEVEL_ENTRIES;
    if (!(index >>> 0 < entries)) {
      this.#kill(`page directory ${hex(pgdir)} has no entry ${index >>> 0}: there are ${entries}`);
      return;
    }
    const first = pae ? index * PAE_ENTRIES : index;
    const end = pae ? first + PAE_ENTRIES : first + 1;
    this.#tables.checkShared(first, end);
    const slot = this.#cache.find(this.#guestTables.align(pgdir));
    if (slot === NO_SLOT) return;
    for (let region = first; region < end; region++) this.#tables.check(slot, region, this.#cache.pgdir(slot));
  }

  /** LHCALL_SET_PMD: entry `index` of a PAE Guest's middle-level page was set, for every directory that page is in. */
  setPmd(pmdPage: number, index: number): void {
    if (!this.#alive) return void this.#refuse();
    if (this.#linear) return;
    if (!this.#guestTables.pae) {
      this.#kill(`middle-level page ${hex(pmdPage)} in page tables that have two levels`);
      return;
    }
    if (!(index >>> 0 < PAE_ENTRIES)) {
      this.#kill(`middle-level page ${hex(pmdPage)} has no entry ${index >>> 0}: there are ${PAE_ENTRIES}`);
      return;
    }
    const page = (pmdPage & -PAGE_SIZE) >>> 0;
    for (let region = index; region < this.#tables.regions; region += PAE_ENTRIES) this.#tables.checkShared(region, region + 1);
    for (let slot = 0; slot < this.#cache.size; slot++) {
      if (!this.#tables.hasDirectory(slot)) continue;
      const pgdir = this.#cache.pgdir(slot);
      for (let quarter = 0; quarter < PAE_POINTERS; quarter++) {
        if (this.#guestTables.quarterPage(pgdir, quarter) !== page) continue;
        this.#tables.check(slot, quarter * PAE_ENTRIES + index, pgdir);
      }
    }
  }

  /*H:540
   * Flushes.
   *
   * "I changed things and won't say which." We could throw the shadow away, and then take a fault for each page in use.
   * Reading the Guest's entries again is quicker, and just as good: whatever they still say is kept. What is not in use
   * at the moment can wait until it is.
   */
  /** LHCALL_FLUSH_TLB 0: entries below kernelAddress, in the directory in use, may have changed. */
  flushUser(): void {
    if (!this.#alive) return void this.#refuse();
    this.stats.flushUser++;
    if (!this.#linear) this.#checkUser();
  }

  /** LHCALL_FLUSH_TLB 1: any entry may have changed. Linear mode has none. */
  flushAll(): void {
    if (!this.#alive) return void this.#refuse();
    this.stats.flushAll++;
    if (this.#linear) return;
    this.#stale.fill(1);
    this.#tables.checkShared(0, this.#tables.regions);
    this.#checkDirectory(this.#slot);
  }

  #checkUser(): void {
    const tables = this.#tables;
    const end = Math.ceil(this.#kernelAddress / 2 ** tables.shift);
    for (let region = 0; region < end; region++) tables.check(this.#slot, region, this.#pgdir);
  }

  #checkDirectory(slot: number): void {
    const tables = this.#tables;
    const pgdir = this.#cache.pgdir(slot);
    for (let region = 0; region < tables.regions; region++) tables.check(slot, region, pgdir);
    this.#stale[slot] = 0;
  }

  /*H:545
   * Stack pages.
   *
   * A direct trap makes the CPU push onto the kernel's stack by itself. On a real machine a fault in the middle of that
   * would be the end, so the Guest names its stacks and we see that they are mapped and writable beforehand. Guest memory
   * never moves, so there is nothing more to holding a page than that.
   */
  /** Map a page of the kernel's stack, writable. False when the Guest's tables do not allow it; then it should die. */
  pinPage(address: number): boolean {
    if (!this.#alive) return this.#refuse();
    const linear = address >>> 0;
    if (linear >= this.#windowBase) {
      this.#kill(`stack page ${hex(linear)} lies in the Switcher window, which begins at ${hex(this.#windowBase)}`);
      return false;
    }
    return this.isWritable(linear) || this.demandPage(linear, FaultCode.write);
  }

  /** True when the shadow lets the kernel write to an address. */
  isWritable(address: number): boolean {
    const tables = this.#tables;
    if (this.#slot === NO_SLOT || !this.#alive) return false;
    const table = tables.table(this.#slot, address >>> tables.shift);
    return table !== 0 && (tables.source[table]! & tables.entry(table, address) & writable) !== 0;
  }

  /** Guest-physical address behind a virtual one, by the Guest's own tables; undefined when they have none. */
  guestPhysical(address: number): number | undefined {
    const linear = address >>> 0;
    if (linear >= this.#windowBase || this.#slot === NO_SLOT) return undefined;
    if (this.#linear) return linear < this.#guest.limit ? linear : undefined;
    return this.#guestTables.physical(this.#pgdir, linear);
  }

  /** Give every frame back. The CPU must not run on these tables any more, and no other call makes sense. */
  dispose(): void {
    if (this.#disposed) return;
    this.#clear();
    this.#alive = false;
    this.#disposed = true;
  }

  /*H:550
   * Frames.
   *
   * Shadow tables are made of frames that the Guest makes us use, and it could make us use any number. So there is a
   * limit, and when it is reached something is given up: first the directory not used for the longest time, then, if
   * only one is left, single tables. All of it can be had again from the Guest's tables, at the price of faults.
   */
  #allocate(): number {
    while (this.#frames.available === 0 || this.#tables.held >= this.#maxFrames) this.#reclaim();
    return this.#frames.allocate();
  }

  #reclaim(): void {
    const oldest = this.#linear ? NO_SLOT : this.#cache.oldest(this.#slot);
    if (oldest !== NO_SLOT) {
      this.stats.directoriesReclaimed++;
      this.#dropDirectory(oldest);
      return;
    }
    if (!this.#tables.giveUpTable()) {
      throw new MmuShadowError('out-of-frames', 'Somebody else took the frames that shadow page tables need; give them an allocator of their own.');
    }
    this.stats.tablesReclaimed++;
  }

  #dropDirectory(slot: number): void {
    this.#tables.destroyDirectory(slot);
    this.#cache.clear(slot);
  }

  #clear(): void {
    for (let slot = 0; slot < this.#cache.size; slot++) this.#cache.clear(slot);
    this.#tables.destroyAll();
    this.#slot = NO_SLOT;
    this.#linear = false;
  }

  /** The Guest is dead; for whoever asked whether it may go on, the answer is no. */
  #kill(reason: string): false {
    this.#alive = false;
    this.#dead = true;
    this.#onKill(reason);
    return false;
  }

  /** What happens to a call that comes too late or too early: after the Guest's death nothing, else an error. */
  #refuse(): false {
    if (this.#disposed) throw new MmuShadowError('bad-state', 'These shadow page tables were disposed of.');
    if (!this.#dead) throw new MmuShadowError('bad-state', 'Call startLinear() first: there are no shadow page tables yet.');
    return false;
  }
}
