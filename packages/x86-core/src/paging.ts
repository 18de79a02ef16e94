/*S:300
 * From linear to physical addresses, and the tables that make it cheap.
 *
 * Real hardware keeps a few dozen recent translations. We have room for all of them: four flat tables with an entry
 * for each of the 2^20 virtual pages, one per kind of access (read, write) and privilege (supervisor, user). A memory
 * access is then one look and one comparison:
 *
 *   e = table[linear >>> 12]
 *   plain when (((e - 1) | linear) & 0xfff) <= 0x1000 - size
 *   byte in the WebAssembly memory: linear + e + a constant
 *
 * What an entry says is told in translation.ts.
 *
 * The write tables know a page only once its Dirty bit is set, so the first write always passes through the walk.
 * Entries that exist are kept on a list, so that a flush costs what was used since the last one.
 */
import { Cr0, Cr4, Layout, State } from './state.js';
import { PageFault, raise, Vector } from './fault.js';
import type { Bus } from './bus.js';
import { absent, entryOf, guarded, hostOf, isPlain, unguarded } from './translation.js';

/** Kinds of access. */
export const AccessKind = { read: 0, write: 1, fetch: 2 } as const;

/** Page-table entry bits (SDM volume 3, tables 4-4 to 4-11). */
export const Pte = {
  present: 1, writable: 2, user: 4, writeThrough: 8, cacheDisable: 16, accessed: 32, dirty: 64, large: 128, global: 256,
  /** Bit 31 of an eight-byte entry's high half: no fetches. */
  noExecuteHigh: 1 << 31,
} as const;

/** EFER.NXE (SDM volume 3, 2.2.1). */
export const eferNxe = 1 << 11;

const pageMask = 0xfff;
/** Bits 13..21 of a 4 MiB entry: reserved without PSE-36. */
const reservedIn4M = 0x003f_e000;
/** Bits 13..20 of a 2 MiB entry. */
const reservedIn2M = 0x001f_e000;
/** High half of an eight-byte entry: address bits 32..35 may be used, 36..62 not. */
const reservedHigh = 0x7fff_fff0;
/** In a page-directory-pointer entry: bits 1, 2 and 5..8 (SDM volume 3, table 4-8). */
const reservedInPdpte = 0x0000_01e6;

const readSupervisor = Layout.tlbReadSupervisor >>> 2;
const readUser = Layout.tlbReadUser >>> 2;
const writeSupervisor = Layout.tlbWriteSupervisor >>> 2;
const writeUser = Layout.tlbWriteUser >>> 2;
const codeSupervisor = Layout.codeSupervisor >>> 2;
const codeUser = Layout.codeUser >>> 2;
const tablePages = 1 << 20;

function tableOf(kind: number, user: boolean): number {
  if (kind === AccessKind.write) return user ? writeUser : writeSupervisor;
  return user ? readUser : readSupervisor;
}

const listCapacity = 1 << 14;
/** Several global virtual pages have had the same physical page since the last flush of all of them. */
const severalAliases = -1;
const onList = 1;
const onGlobalList = 2;
/** Instructions have been fetched from the page since its entries are what they are. */
const fetchedBySupervisor = 4;
const fetchedByUser = 8;

const CR0 = State.cr0 >> 2;
const CR3 = State.cr3 >> 2;
const CR4 = State.cr4 >> 2;

/** The page walker and the translation tables of one CPU. */
export class Mmu {
  readonly #i32: Int32Array;
  readonly #bus: Bus;
  /** Virtual pages with something in any table; global ones apart, because a CR3 load spares them. */
  readonly #list = new Int32Array(listCapacity);
  readonly #globalList = new Int32Array(listCapacity);
  /** Physical page → the global virtual page that had it first (plus 1), or several. Entries may have gone since. */
  readonly #globalAlias: Int32Array;
  #listed = 0;
  #globalListed = 0;
  /** onList | onGlobalList | fetchedBySupervisor | fetchedByUser for each virtual page. */
  readonly #membership = new Uint8Array(tablePages);
  /** One byte per 4 MiB of linear space: a large page was entered there, so INVLPG has to drop all of it. */
  readonly #largeRegions = new Uint8Array(1024);

  /** What the last fill() or findCode() has found: the error code of a certain page fault, or -1. */
  missCode = -1;
  /** Error code of the fault that made walk() return -1. */
  #faultCode = 0;

  constructor(i32: Int32Array, bus: Bus) {
    this.#i32 = i32;
    this.#bus = bus;
    this.#globalAlias = new Int32Array(bus.codePages.length);
  }

  /** Virtual pages that have an entry in some table (an upper bound). */
  get listed(): number {
    return this.#listed + this.#globalListed;
  }

  /**
   * Physical address of a linear one for an access at the given privilege; sets Accessed and Dirty and enters the
   * page into the tables. Raises #PF, with CR2 set.
   */
  translate(linear: number, kind: number, user: boolean): number {
    if (kind !== AccessKind.fetch) {
      // here come accesses that cross pages, and writes to pages with decoded code: the table often knows them
      const slot = tableOf(kind, user) + (linear >>> 12);
      const entry = this.#i32[slot]!;
      if (entry !== absent) {
        const physical = hostOf(unguarded(entry), linear) - Layout.physical;
        if (!isPlain(entry) && this.#bus.codePages[physical >>> 12] === 0) this.#i32[slot] = unguarded(entry);
        return physical;
      }
    }
    const physical = this.#walk(linear, kind, user);
    if (physical < 0) this.#raise(linear);
    return physical;
  }

  /** The page fault that the last walk has found. */
  #raise(linear: number): never {
    this.#i32[State.cr2 >> 2] = linear;
    raise(Vector.pageFault, this.#faultCode);
  }

  /** translate() for an instruction fetch at the current privilege level. */
  translateCode(linear: number): number {
    const physical = this.findCode(linear);
    if (physical < 0) this.#raise(linear);
    return physical;
  }

  /** The same without raising anything, because fetches from pages that are not there yet are frequent: -1 then, and missCode is the error code. */
  findCode(linear: number): number {
    const user = this.#i32[State.cpl >> 2] === 3;
    const page = linear >>> 12;
    const entry = this.#i32[tableOf(AccessKind.read, user) + page]!;
    const fetched = user ? fetchedByUser : fetchedBySupervisor;
    // what may be read may be executed, unless there is a bit against it: then it has been fetched from before
    if (isPlain(entry) && (!this.#canForbidFetches() || (this.#membership[page]! & fetched) !== 0)) {
      return hostOf(entry, linear) - Layout.physical;
    }
    const physical = this.#walk(linear, AccessKind.fetch, user);
    if (physical < 0) {
      this.missCode = this.#faultCode;
      return -1;
    }
    if ((this.#membership[page]! & (onList | onGlobalList)) !== 0) this.#membership[page]! |= fetched;
    return physical;
  }

  /** Fetches can be forbidden: with PAE and EFER.NXE (SDM volume 3, 4.6). */
  #canForbidFetches(): boolean {
    return (this.#i32[CR4]! & Cr4.pae) !== 0 && (this.#i32[State.efer >> 2]! & eferNxe) !== 0;
  }

  /** The table has an entry for this address and kind (read or write) at the current privilege level, plain or not. */
  isEntered(linear: number, kind: number): boolean {
    return this.#i32[tableOf(kind, this.#i32[State.cpl >> 2] === 3) + (linear >>> 12)] !== absent;
  }

  /**
   * Try to make the table entry for this address and kind (read or write) at the current privilege plain. 1: it is,
   * look again. 0: the access has to be done by the slow path; if the page forbids it, missCode is its error code,
   * else -1. Never throws.
   */
  fill(linear: number, kind: number): number {
    const user = this.#i32[State.cpl >> 2] === 3;
    const slot = tableOf(kind, user) + (linear >>> 12);
    const entry = this.#i32[slot]!;
    this.missCode = -1;
    if (entry !== absent) {
      // plain already: the access only crosses into the next page
      if (isPlain(entry)) return 0;
      // a page with decoded code stays slow; one whose code has gone is plain again, whatever its page tables say by now
      if (this.#bus.codePages[(hostOf(unguarded(entry), linear) - Layout.physical) >>> 12] !== 0) return 0;
      this.#i32[slot] = unguarded(entry);
      return 1;
    }
    if (this.#walk(linear, kind, user) < 0) {
      this.missCode = this.#faultCode;
      return 0;
    }
    return isPlain(this.#i32[slot]!) ? 1 : 0;
  }

  /** Physical address of a linear one for a supervisor read without any side effect, or -1. For debuggers and tests. */
  peek(linear: number): number {
    return this.#walk(linear, AccessKind.read, false, true);
  }

  /** An engine puts something into the code tables for this virtual page: make sure that a flush finds it. */
  noteCodePage(linearPage: number): void {
    if (this.#membership[linearPage] === 0) this.#enlist(linearPage, onList);
  }

  /**
   * Empty the code tables, and leave translations alone: which of them are kept must not depend on the engine, because a
   * guest that changes its page tables and flushes nothing can tell.
   */
  forgetCodePages(): void {
    for (let i = 0; i < this.#listed; i++) this.#forgetCodePage(this.#list[i]!);
    for (let i = 0; i < this.#globalListed; i++) this.#forgetCodePage(this.#globalList[i]!);
  }

  #forgetCodePage(linearPage: number): void {
    this.#i32[codeSupervisor + linearPage] = 0;
    this.#i32[codeUser + linearPage] = 0;
  }

  /** The engine has set codePages[page]: writes to that page have to take the slow path from now on. */
  protectCodePage(physicalPage: number): void {
    const host = (Layout.physical >>> 12) + physicalPage;
    for (let i = 0; i < this.#listed; i++) this.#protect(this.#list[i]!, host);
    // a kernel has most of its memory in one place each, and much of it on this list
    const alias = this.#globalAlias[physicalPage]!;
    if (alias > 0) this.#protect(alias - 1, host);
    if (alias !== severalAliases) return;
    for (let i = 0; i < this.#globalListed; i++) this.#protect(this.#globalList[i]!, host);
  }

  /** Drop all translations; those of global pages survive unless `globals`. */
  flushAll(globals: boolean): void {
    for (let i = 0; i < this.#listed; i++) this.#drop(this.#list[i]!, onList);
    this.#listed = 0;
    if (globals) {
      for (let i = 0; i < this.#globalListed; i++) this.#drop(this.#globalList[i]!, onGlobalList);
      if (this.#globalListed > 0) this.#globalAlias.fill(0);
      this.#globalListed = 0;
      this.#largeRegions.fill(0);
    }
  }

  /** Drop the translation of the page around a linear address, global or not (INVLPG). */
  flushPage(linear: number): void {
    const region = linear >>> 22;
    if (this.#largeRegions[region] === 0) this.#clear(linear >>> 12);
    else {
      for (let page = region << 10; page < (region + 1) << 10; page++) this.#clear(page);
    }
  }

  /**
   * Load the four PAE page-directory pointers from CR3. False, with nothing stored, when one has a reserved bit set.
   */
  loadPointers(cr3: number): boolean {
    const bus = this.#bus;
    const base = (cr3 & ~31) >>> 0;
    for (let i = 0; i < 4; i++) {
      const low = bus.read(base + 8 * i, 4);
      if ((low & Pte.present) !== 0 && ((low & reservedInPdpte) !== 0 || (bus.read(base + 8 * i + 4, 4) & ~15) !== 0)) {
        return false;
      }
    }
    for (let i = 0; i < 8; i++) this.#i32[(State.pdpte >> 2) + i] = bus.read(base + 4 * i, 4);
    return true;
  }

  /** Physical address, or -1 with #faultCode set. `quiet`: no Accessed or Dirty bits, no table entries. */
  #walk(linear: number, kind: number, user: boolean, quiet = false): number {
    const i32 = this.#i32;
    const cr0 = i32[CR0]!;
    if ((cr0 & Cr0.pg) === 0) {
      if (!quiet) this.#enter(linear >>> 12, linear >>> 12, true, true, true, false);
      return linear >>> 0;
    }
    return (i32[CR4]! & Cr4.pae) !== 0
      ? this.#walkPae(linear, kind, user, quiet)
      : this.#walkTwoLevel(linear, kind, user, quiet);
  }

  #walkTwoLevel(linear: number, kind: number, user: boolean, quiet: boolean): number {
    const bus = this.#bus;
    const cr4 = this.#i32[CR4]!;
    const directory = ((this.#i32[CR3]! & ~pageMask) | ((linear >>> 20) & 0xffc)) >>> 0;
    const pde = bus.read(directory, 4);
    if ((pde & Pte.present) === 0) return this.#fail(0, kind, user);
    if ((pde & Pte.large) !== 0 && (cr4 & Cr4.pse) !== 0) {
      if ((pde & reservedIn4M) !== 0) return this.#fail(PageFault.present | PageFault.reserved, kind, user);
      if (!this.#allowed(pde, false, kind, user)) return this.#fail(PageFault.present, kind, user);
      const physical = ((pde & 0xffc0_0000) | (linear & 0x003f_ffff)) >>> 0;
      if (quiet) return physical;
      this.#largeRegions[linear >>> 22] = 1;
      this.#finish(linear, physical >>> 12, directory, pde, pde, kind);
      return physical;
    }
    const table = ((pde & ~pageMask) | ((linear >>> 10) & 0xffc)) >>> 0;
    const pte = bus.read(table, 4);
    if ((pte & Pte.present) === 0) return this.#fail(0, kind, user);
    if (!this.#allowed(pde & pte, false, kind, user)) return this.#fail(PageFault.present, kind, user);
    const physical = ((pte & ~pageMask) | (linear & pageMask)) >>> 0;
    if (quiet) return physical;
    if ((pde & Pte.accessed) === 0) bus.write(directory, 4, pde | Pte.accessed);
    this.#finish(linear, physical >>> 12, table, pte, pde & pte, kind);
    return physical;
  }

  #walkPae(linear: number, kind: number, user: boolean, quiet: boolean): number {
    const i32 = this.#i32;
    const bus = this.#bus;
    const nxe = (i32[State.efer >> 2]! & eferNxe) !== 0;
    const reserved = nxe ? reservedHigh : reservedHigh | Pte.noExecuteHigh;
    const pointer = (State.pdpte >> 2) + (linear >>> 30) * 2;
    const pdpte = i32[pointer]!;
    if ((pdpte & Pte.present) === 0) return this.#fail(0, kind, user);
    const directory = ((pdpte & ~pageMask) >>> 0) + (i32[pointer + 1]! & 15) * 2 ** 32 + ((linear >>> 18) & 0xff8);
    const pde = bus.read(directory, 4);
    if ((pde & Pte.present) === 0) return this.#fail(0, kind, user);
    const pdeHigh = bus.read(directory + 4, 4);
    if ((pdeHigh & reserved) !== 0) return this.#fail(PageFault.present | PageFault.reserved, kind, user);
    if ((pde & Pte.large) !== 0) {
      if ((pde & reservedIn2M) !== 0) return this.#fail(PageFault.present | PageFault.reserved, kind, user);
      if (!this.#allowed(pde, (pdeHigh & Pte.noExecuteHigh) !== 0, kind, user)) {
        return this.#fail(PageFault.present, kind, user);
      }
      const physical = (((pde & 0xffe0_0000) | (linear & 0x001f_ffff)) >>> 0) + (pdeHigh & 15) * 2 ** 32;
      if (quiet) return physical;
      this.#largeRegions[linear >>> 22] = 1;
      this.#finish(linear, Math.floor(physical / 4096), directory, pde, pde, kind);
      return physical;
    }
    const table = ((pde & ~pageMask) >>> 0) + (pdeHigh & 15) * 2 ** 32 + ((linear >>> 9) & 0xff8);
    const pte = bus.read(table, 4);
    if ((pte & Pte.present) === 0) return this.#fail(0, kind, user);
    const pteHigh = bus.read(table + 4, 4);
    if ((pteHigh & reserved) !== 0) return this.#fail(PageFault.present | PageFault.reserved, kind, user);
    if (!this.#allowed(pde & pte, ((pdeHigh | pteHigh) & Pte.noExecuteHigh) !== 0, kind, user)) {
      return this.#fail(PageFault.present, kind, user);
    }
    const physical = (((pte & ~pageMask) | (linear & pageMask)) >>> 0) + (pteHigh & 15) * 2 ** 32;
    if (quiet) return physical;
    if ((pde & Pte.accessed) === 0) bus.write(directory, 4, pde | Pte.accessed);
    this.#finish(linear, Math.floor(physical / 4096), table, pte, pde & pte, kind);
    return physical;
  }

  /** `rights` is the AND of the entries' low words. */
  #allowed(rights: number, noExecute: boolean, kind: number, user: boolean): boolean {
    if (kind === AccessKind.fetch && noExecute) return false;
    if (user && (rights & Pte.user) === 0) return false;
    if (kind !== AccessKind.write || (rights & Pte.writable) !== 0) return true;
    return !user && (this.#i32[CR0]! & Cr0.wp) === 0;
  }

  #fail(code: number, kind: number, user: boolean): number {
    let fetch = 0;
    // the fetch bit is reported only where fetches can be forbidden at all (SDM volume 3, 4.7)
    if (kind === AccessKind.fetch && this.#canForbidFetches()) fetch = PageFault.fetch;
    this.#faultCode = code | fetch | (kind === AccessKind.write ? PageFault.write : 0) | (user ? PageFault.user : 0);
    return -1;
  }

  /** Set Accessed and Dirty in the leaf entry and enter the page. */
  #finish(linear: number, page: number, leafAddress: number, leaf: number, rights: number, kind: number): void {
    const marked = leaf | Pte.accessed | (kind === AccessKind.write ? Pte.dirty : 0);
    if (marked !== (leaf | 0)) this.#bus.write(leafAddress, 4, marked);
    const global = (leaf & Pte.global) !== 0 && (this.#i32[CR4]! & Cr4.pge) !== 0;
    this.#enter(
      linear >>> 12, page, (rights & Pte.user) !== 0, (rights & Pte.writable) !== 0, (marked & Pte.dirty) !== 0, global,
    );
  }

  /** Write the four table entries of a virtual page from what the walk found. */
  #enter(linearPage: number, page: number, user: boolean, writable: boolean, dirty: boolean, global: boolean): void {
    if (!this.#bus.isPlain(page)) return;
    // beside code its entry would look like none: always the long way, whatever the engine
    if (guarded(entryOf((Layout.physical >>> 12) + page, linearPage)) === absent) return;
    const list = global ? onGlobalList : onList;
    if ((this.#membership[linearPage]! & list) === 0) this.#enlist(linearPage, list);
    if (global) this.#noteAlias(linearPage, page);
    const i32 = this.#i32;
    const entry = entryOf((Layout.physical >>> 12) + page, linearPage);
    // somebody has changed the page's entry, and not told: code goes by the new one, too, from here on
    if (i32[readSupervisor + linearPage] !== entry) this.#forgetCode(linearPage);
    else if (!user) i32[codeUser + linearPage] = 0;
    const write = dirty ? (this.#bus.codePages[page] === 0 ? entry : guarded(entry)) : absent;
    i32[readSupervisor + linearPage] = entry;
    i32[readUser + linearPage] = user ? entry : absent;
    i32[writeSupervisor + linearPage] = writable || (i32[CR0]! & Cr0.wp) === 0 ? write : absent;
    i32[writeUser + linearPage] = user && writable ? write : absent;
  }

  #enlist(linearPage: number, list: number): void {
    if (list === onList) {
      if (this.#listed === listCapacity) this.flushAll(false);
      this.#list[this.#listed++] = linearPage;
    } else {
      if (this.#globalListed === listCapacity) this.flushAll(true);
      this.#globalList[this.#globalListed++] = linearPage;
    }
    this.#membership[linearPage] = this.#membership[linearPage]! | list;
  }

  #noteAlias(linearPage: number, page: number): void {
    const alias = this.#globalAlias[page]!;
    if (alias === 0) this.#globalAlias[page] = linearPage + 1;
    else if (alias !== linearPage + 1) this.#globalAlias[page] = severalAliases;
  }

  #drop(linearPage: number, list: number): void {
    this.#membership[linearPage] = this.#membership[linearPage]! & ~list;
    this.#clear(linearPage);
  }

  #clear(linearPage: number): void {
    const i32 = this.#i32;
    i32[readSupervisor + linearPage] = absent;
    i32[readUser + linearPage] = absent;
    i32[writeSupervisor + linearPage] = absent;
    i32[writeUser + linearPage] = absent;
    this.#forgetCode(linearPage);
  }

  #forgetCode(linearPage: number): void {
    this.#forgetCodePage(linearPage);
    this.#membership[linearPage]! &= ~(fetchedBySupervisor | fetchedByUser);
  }

  #protect(linearPage: number, hostPage: number): void {
    const i32 = this.#i32;
    const entry = entryOf(hostPage, linearPage);
    if (i32[writeSupervisor + linearPage] === entry) i32[writeSupervisor + linearPage] = guarded(entry);
    if (i32[writeUser + linearPage] === entry) i32[writeUser + linearPage] = guarded(entry);
  }
}
