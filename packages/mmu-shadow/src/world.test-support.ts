/*
 * A small world for the tests: machine memory, page tables as a Guest writes them, and a CPU that knows nothing but how
 * to walk tables from CR3, with a TLB that forgets only what it is told to.
 */
import { Entry, FaultCode, FRAME_MASK, PAGE_SIZE, PAGE_WORDS } from './entries.js';
import { FramePool } from './frame-pool.js';
import type { ShadowOptions } from './interfaces.js';
import { ShadowPageTables } from './shadow-page-tables.js';

export const { present: P, writable: W, user: U, accessed: A, dirty: D } = Entry;
/** Flags as a kernel's page tables have them. */
export const KERNEL = P | W | A | D;
export const USER = KERNEL | U;
export const WINDOW = 0xfffd_f000;
export const KERNEL_ADDRESS = 0xc000_0000;

const RIGHTS = W | U;

/** What a walk found: a frame, and W and U as they hold for the page. */
export interface Mapping {
  frame: number;
  rights: number;
}

export interface WorldOptions extends Partial<Omit<ShadowOptions, 'guest' | 'frames' | 'memory' | 'tlb' | 'kill'>> {
  guestPages?: number;
  hostPages?: number;
  kernelAddress?: number;
  /** False: startLinear() is left to the test. */
  start?: boolean;
}

/** Everything around one ShadowPageTables. */
export class World {
  readonly words: Uint32Array;
  readonly guestPages: number;
  readonly switcherFrame: number;
  readonly pool: FramePool;
  readonly mmu: ShadowPageTables;
  /** Reasons the Guest was killed for. */
  readonly reasons: string[] = [];
  /** The CPU's registers and TLB, by page number. */
  cr3 = -1;
  pae = false;
  readonly tlb = new Map<number, Mapping>();
  /** Pages in the TLB that were Global. */
  readonly #globals = new Set<number>();
  /** What the TLB was asked to do. */
  readonly requests: string[] = [];

  constructor(options: WorldOptions = {}) {
    const { guestPages = 64, hostPages = 128, kernelAddress = KERNEL_ADDRESS, start = true, ...rest } = options;
    this.words = new Uint32Array((guestPages + 1 + hostPages) * PAGE_WORDS);
    this.guestPages = guestPages;
    this.switcherFrame = guestPages;
    this.pool = new FramePool({ firstFrame: guestPages + 1, endFrame: guestPages + 1 + hostPages, words: this.words });
    const limit = guestPages * PAGE_SIZE;
    const inside = (address: number): number => {
      if (!(address >= 0 && address < limit) || address % 4 !== 0) throw new Error(`guest memory has no word at ${address}`);
      return address >>> 2;
    };
    this.mmu = new ShadowPageTables({
      guest: {
        limit,
        read32: (address) => this.words[inside(address)]!,
        write32: (address, value) => {
          this.words[inside(address)] = value;
        },
      },
      frames: this.pool,
      memory: this,
      tlb: {
        setPageTable: (address, pae) => {
          this.cr3 = address;
          this.pae = pae;
          for (const page of this.tlb.keys()) if (!this.#globals.has(page)) this.tlb.delete(page);
          this.requests.push('load');
        },
        flushAll: () => {
          this.tlb.clear();
          this.#globals.clear();
          this.requests.push('all');
        },
        flushPage: (linear) => {
          this.tlb.delete(linear >>> 12);
          this.#globals.delete(linear >>> 12);
          this.requests.push(`page ${linear.toString(16)}`);
        },
      },
      kill: (reason) => this.reasons.push(reason),
      switcher: { base: WINDOW, frames: [this.switcherFrame] },
      ...rest,
    });
    if (!start) return;
    this.mmu.startLinear();
    this.mmu.kernelAddress = kernelAddress;
    this.requests.length = 0;
  }

  read(address: number): number {
    return this.words[address >>> 2]!;
  }

  write(address: number, value: number): void {
    this.words[address >>> 2] = value;
  }

  /** A two-level directory entry, as the Guest writes it. */
  pde(pgdir: number, region: number, tablePage: number, flags = USER): void {
    this.write(pgdir + region * 4, tablePage * PAGE_SIZE | flags);
  }

  /** Entry `index` of a page table: 4 bytes, or 8 with PAE. */
  pte(tablePage: number, index: number, frame: number, flags = USER, pae = false): number {
    const at = tablePage * PAGE_SIZE + index * (pae ? 8 : 4);
    this.write(at, frame * PAGE_SIZE | flags);
    return at;
  }

  /** Walk tables in this memory, starting from a CR3. */
  walk(cr3: number, pae: boolean, address: number): Mapping | undefined {
    const found = this.#entries(cr3, pae, address);
    return found && { frame: found.pte >>> 12, rights: found.pde & found.pte & RIGHTS };
  }

  #entries(cr3: number, pae: boolean, address: number): { pde: number; pte: number } | undefined {
    let directory = cr3 + ((address >>> 22) << 2);
    if (pae) {
      const pointer = this.read(cr3 + ((address >>> 30) << 3));
      if ((pointer & P) === 0) return undefined;
      directory = ((pointer & FRAME_MASK) >>> 0) + (((address >>> 21) & 511) << 3);
    }
    const pde = this.read(directory);
    if ((pde & P) === 0) return undefined;
    const index = pae ? ((address >>> 12) & 511) << 3 : ((address >>> 12) & 1023) << 2;
    const pte = this.read(((pde & FRAME_MASK) >>> 0) + index);
    return (pte & P) === 0 ? undefined : { pde, pte };
  }

  /** What the CPU finds in the shadow. */
  shadow(address: number): Mapping | undefined {
    return this.walk(this.cr3, this.pae, address);
  }

  /** Everything the CPU can reach through the shadow, by virtual address. */
  reachable(): [address: number, mapping: Mapping][] {
    const { words } = this;
    const found: [number, Mapping][] = [];
    const entryShift = this.pae ? 1 : 0;
    const entries = this.pae ? 512 : 1024;
    for (let region = 0; region < (this.pae ? 2048 : 1024); region++) {
      let directory = (this.cr3 >>> 2) + region;
      if (this.pae) {
        const pointer = this.read(this.cr3 + (region >>> 9) * 8);
        if ((pointer & P) === 0) continue;
        directory = ((pointer & FRAME_MASK) >>> 2) + (region & 511) * 2;
      }
      const pde = words[directory]!;
      if ((pde & P) === 0) continue;
      const table = (pde & FRAME_MASK) >>> 2;
      for (let i = 0; i < entries; i++) {
        const pte = words[table + (i << entryShift)]!;
        if ((pte & P) !== 0) found.push([(region * entries + i) * PAGE_SIZE, { frame: pte >>> 12, rights: pde & pte & RIGHTS }]);
      }
    }
    return found;
  }

  /** One access by the CPU: what the TLB allows, else what the shadow allows, else a fault. 'reflected' when it is the Guest's. */
  access(address: number, write = false, user = false): 'done' | 'reflected' {
    const wanted = (write ? W : 0) | (user ? U : 0);
    for (let faults = 0; ; faults++) {
      const known = this.tlb.get(address >>> 12);
      if (known !== undefined && (known.rights & wanted) === wanted) return 'done';
      const found = this.shadow(address);
      if (found !== undefined && (found.rights & wanted) === wanted) {
        this.tlb.set(address >>> 12, found);
        if ((this.#entries(this.cr3, this.pae, address)!.pte & Entry.global) !== 0) this.#globals.add(address >>> 12);
        return 'done';
      }
      if (faults > 0) throw new Error(`0x${address.toString(16)} still faults after demandPage() has filled it`);
      const code = (found !== undefined ? FaultCode.present : 0) | (write ? FaultCode.write : 0) | (user ? FaultCode.user : 0);
      if (!this.mmu.demandPage(address, code)) return 'reflected';
    }
  }
}
