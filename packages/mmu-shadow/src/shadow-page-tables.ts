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
import { allocateFrame, clear, newPageTable, startLinear } from './address-spaces.js';
import { demandPage, guestPhysical, isWritable, pinPage } from './demand-page.js';
import { hex } from './entries.js';
import { MmuShadowError } from './error.js';
import { flushAll, flushUser } from './flushes.js';
import type { ShadowOptions } from './interfaces.js';
import { setPgd, setPmd, setPte } from './notices.js';
import { Shadow } from './shadow.js';
import type { ShadowStats } from './stats.js';

/** The shadow page tables of one Guest. Addresses and indices are 32-bit, signed or unsigned. */
export class ShadowPageTables {
  /** What happened so far. */
  readonly stats: ShadowStats;

  readonly #shadow: Shadow;

  /** @throws MmuShadowError 'bad-option', 'too-few-frames'. Nothing runs before startLinear(). */
  constructor(options: ShadowOptions) {
    this.#shadow = new Shadow(options, allocateFrame);
    this.stats = this.#shadow.stats;
  }

  /**
   * From this virtual address on, all address spaces are alike. The Guest says so in its LGUEST_INIT, before there are
   * any; until it did, none of them is taken to be like another. One within the Switcher window kills the Guest.
   * @throws MmuShadowError 'bad-state' when there are address spaces already.
   */
  get kernelAddress(): number {
    return this.#shadow.kernelAddress;
  }
  set kernelAddress(value: number) {
    const shadow = this.#shadow;
    if (!shadow.alive) {
      shadow.refuse();
      return;
    }
    if (!shadow.linear) {
      throw new MmuShadowError('bad-state', 'kernelAddress was set after the first page directory; set it while the Guest is in linear mode.');
    }
    const address = value >>> 0;
    if (address < shadow.windowBase) shadow.kernelAddress = address;
    else shadow.kill(`kernel address ${hex(address)} lies in the Switcher window, which begins at ${hex(shadow.windowBase)}`);
  }

  /** True until the Guest has loaded its first page directory. */
  get linear(): boolean {
    return this.#shadow.linear;
  }

  /** True when the Guest uses PAE page tables. */
  get pae(): boolean {
    return this.#shadow.guestTables.pae;
  }

  /** Frames in use here, of those the allocator has lent. */
  get framesHeld(): number {
    return this.#shadow.frames.held;
  }

  /** Start (over) in linear mode, with a shadow directory that is empty but for the Switcher window. */
  startLinear(): void {
    const shadow = this.#shadow;
    if (shadow.dead || shadow.disposed) return void shadow.refuse();
    shadow.alive = true;
    startLinear(shadow);
  }

  /**
   * The CPU faulted on an address, with this error code (SDM volume 3, 4.7). True: the shadow now allows the access,
   * run again. False: the Guest's tables do not allow it either, and the Guest should see its fault; or it is dead.
   */
  demandPage(address: number, errorCode: number): boolean {
    if (!this.#shadow.alive) return this.#shadow.refuse();
    return demandPage(this.#shadow, address >>> 0, errorCode);
  }

  /** LHCALL_NEW_PGTABLE: switch to the page directory at a guest-physical address. */
  newPageTable(pgdir: number): void {
    if (!this.#shadow.alive) return void this.#shadow.refuse();
    newPageTable(this.#shadow, pgdir);
  }

  /**
   * LHCALL_SET_PTE: the page-table entry for an address in the directory `pgdir` was set to this. Value 0 is "forget":
   * the Guest's own entry counts at the next fault. From kernelAddress on, it holds for every address space.
   */
  setPte(pgdir: number, address: number, low: number, high = 0): void {
    if (!this.#shadow.alive) return void this.#shadow.refuse();
    setPte(this.#shadow, pgdir, address >>> 0, low, high);
  }

  /** LHCALL_SET_PGD: entry `index` of a top level was set: one of 1024, or of 4 with PAE. */
  setPgd(pgdir: number, index: number): void {
    if (!this.#shadow.alive) return void this.#shadow.refuse();
    setPgd(this.#shadow, pgdir, index >>> 0);
  }

  /** LHCALL_SET_PMD: entry `index` of a PAE Guest's middle-level page was set, for every directory that page is in. */
  setPmd(pmdPage: number, index: number): void {
    if (!this.#shadow.alive) return void this.#shadow.refuse();
    setPmd(this.#shadow, pmdPage, index >>> 0);
  }

  /** LHCALL_FLUSH_TLB 0: entries below kernelAddress, in the directory in use, may have changed. */
  flushUser(): void {
    if (!this.#shadow.alive) return void this.#shadow.refuse();
    flushUser(this.#shadow);
  }

  /** LHCALL_FLUSH_TLB 1: any entry may have changed. Linear mode has none. */
  flushAll(): void {
    if (!this.#shadow.alive) return void this.#shadow.refuse();
    flushAll(this.#shadow);
  }

  /** Map a page of the kernel's stack, writable. False when the Guest's tables do not allow it; then it should die. */
  pinPage(address: number): boolean {
    if (!this.#shadow.alive) return this.#shadow.refuse();
    return pinPage(this.#shadow, address >>> 0);
  }

  /** True when the shadow lets the kernel write to an address. */
  isWritable(address: number): boolean {
    return this.#shadow.alive && isWritable(this.#shadow, address >>> 0);
  }

  /** Guest-physical address behind a virtual one, by the Guest's own tables; undefined when they have none. */
  guestPhysical(address: number): number | undefined {
    return guestPhysical(this.#shadow, address >>> 0);
  }

  /** Give every frame back. The CPU must not run on these tables any more, and no other call makes sense. */
  dispose(): void {
    const shadow = this.#shadow;
    if (shadow.disposed) return;
    clear(shadow);
    shadow.alive = false;
    shadow.disposed = true;
  }
}
