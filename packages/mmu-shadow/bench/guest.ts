/*
 * A Guest for the benchmarks: a kernel of 8 MiB and as many processes as wanted, each with text, heap, libraries and a
 * stack, which is four page tables. Nothing runs: accesses are what the CPU's walk of the shadow would have asked for.
 */
import { FaultCode, FramePool, ShadowPageTables, type ShadowOptions } from '../src/index.js';

const PAGE = 4096;
const PAGE_WORDS = PAGE / 4;
const KERNEL_ENTRY = 0x63;
const USER_ENTRY = 0x67;
const KERNEL_ADDRESS = 0xc000_0000;
const WINDOW = 0xfffd_f000;
const GUEST_PAGES = 8192;
const HOST_PAGES = 2048;
const KERNEL_TABLES = 2;
const PRESENT = 1;
const WRITABLE = 2;

/** Where a process has something: text, heap, libraries, stack. */
const AREAS = [0x0804_8000, 0x0900_0000, 0xb760_0000, 0xbffe_0000];
const PAGES_PER_AREA = 16;

/** Addresses of a process's working set. */
export const WORKING_SET = AREAS.flatMap((start) => Array.from({ length: PAGES_PER_AREA }, (_, i) => start + i * PAGE));

/** The Guest, its machine and its shadow. */
export class BenchGuest {
  readonly words = new Uint32Array((GUEST_PAGES + 1 + HOST_PAGES) * PAGE_WORDS);
  readonly frames: FramePool;
  readonly mmu: ShadowPageTables;
  /** Calls of flushPage, flushAll and setPageTable. */
  flushes = 0;
  #cr3 = 0;
  #nextPage = 16;
  readonly #kernelTables: number[];

  constructor(options: Pick<ShadowOptions, 'directories' | 'replacement'> = {}) {
    const { words } = this;
    this.frames = new FramePool({ firstFrame: GUEST_PAGES + 1, endFrame: GUEST_PAGES + 1 + HOST_PAGES, words });
    this.mmu = new ShadowPageTables({
      guest: {
        limit: GUEST_PAGES * PAGE,
        read32: (address) => words[address >>> 2]!,
        write32: (address, value) => {
          words[address >>> 2] = value;
        },
      },
      frames: this.frames,
      memory: this,
      tlb: {
        setPageTable: (address) => {
          this.#cr3 = address;
          this.flushes++;
        },
        flushAll: () => {
          this.flushes++;
        },
        flushPage: () => {
          this.flushes++;
        },
      },
      kill: (reason) => {
        throw new Error(reason);
      },
      switcher: { base: WINDOW, frames: [GUEST_PAGES] },
      ...options,
    });
    this.mmu.startLinear();
    this.mmu.kernelAddress = KERNEL_ADDRESS;
    this.#kernelTables = Array.from({ length: KERNEL_TABLES }, (_, t) => {
      const table = this.#page();
      for (let i = 0; i < PAGE_WORDS; i++) words[table * PAGE_WORDS + i] = (t * PAGE_WORDS + i) * PAGE | KERNEL_ENTRY;
      return table;
    });
  }

  /** A process: the address of its page directory. All its pages are there, used and written to. */
  process(): number {
    const { words } = this;
    const directory = this.#page();
    this.#kernelTables.forEach((table, i) => {
      words[directory * PAGE_WORDS + (KERNEL_ADDRESS >>> 22) + i] = table * PAGE | KERNEL_ENTRY;
    });
    AREAS.forEach((start, area) => {
      const table = this.#page();
      words[directory * PAGE_WORDS + (start >>> 22)] = table * PAGE | USER_ENTRY;
      for (let i = 0; i < PAGES_PER_AREA; i++) {
        words[table * PAGE_WORDS + ((start >>> 12) & 1023) + i] = (1024 + area * PAGES_PER_AREA + i) * PAGE | USER_ENTRY;
      }
    });
    return directory * PAGE;
  }

  /** A write by the CPU in the kernel, or by a user. True when it had to fault. */
  touch(address: number, user: boolean): boolean {
    const { words } = this;
    const pde = words[(this.#cr3 >>> 2) + (address >>> 22)]!;
    if ((pde & PRESENT) !== 0 && (words[(pde >>> 12) * PAGE_WORDS + ((address >>> 12) & 1023)]! & WRITABLE) !== 0) return false;
    if (!this.mmu.demandPage(address, FaultCode.write | (user ? FaultCode.user : 0))) throw new Error(`nothing at ${address}`);
    return true;
  }

  #page(): number {
    return this.#nextPage++;
  }
}

/** Keep what a loop computes from being optimised away. */
export const sink = { value: 0 };
