/*
 * What shadow page tables need of the world. Four small interfaces and no import: the machine that fits them is
 * somebody else's.
 */

/** Guest-physical memory, which starts at machine-physical 0 too: the numbers are the same. */
export interface GuestMemory {
  /** Bytes, a multiple of 4096. Every address below it, and none above, is the Guest's. */
  readonly limit: number;
  /** The 32-bit word at a multiple of 4 below the limit. */
  read32(address: number): number;
  /** Store a word there. Code translated from it is the memory's business. */
  write32(address: number, value: number): void;
}

/** Frames of machine memory that no Guest has an address for. */
export interface FrameAllocator {
  /** The number of a zeroed frame, never 0. Only called while `available` is not 0. */
  allocate(): number;
  /** Take a frame back. */
  release(frame: number): void;
  /** Frames on loan. */
  readonly used: number;
  /** Frames left. */
  readonly available: number;
}

/** Machine-physical memory, as the CPU's page walker sees it. */
export interface FrameMemory {
  /** The word at machine-physical address 4·i is words[i]. Must be the same array for as long as the tables live. */
  readonly words: Uint32Array;
}

/** The CPU's side of paging. */
export interface TlbControl {
  /**
   * Load CR3, in two-level or PAE mode. As on the CPU, the TLB is empty afterwards, but for entries with Global if CR4.PGE
   * is on: those of the tables that all address spaces share.
   */
  setPageTable(machinePhysical: number, pae: boolean): void;
  /** Forget every translation. */
  flushAll(): void;
  /** Forget the translation of one page. */
  flushPage(linear: number): void;
}

/** The top of virtual space, which is the Host's in every address space. */
export interface SwitcherWindow {
  /** First linear address, a multiple of 4096. The window reaches from here to 4 GiB. */
  readonly base: number;
  /** Machine frames mapped from `base` upward, for supervisors to read. What follows them is not mapped. */
  readonly frames: readonly number[];
}

/** Which cached directory makes room for a new one. */
export type Replacement = 'lru' | 'random';

/** What ShadowPageTables are made from. */
export interface ShadowOptions {
  guest: GuestMemory;
  frames: FrameAllocator;
  memory: FrameMemory;
  tlb: TlbControl;
  /** Called once, with one sentence, when the Guest did what no Guest may do. */
  kill: (reason: string) => void;
  switcher: SwitcherWindow;
  /** How many directories are kept, 1..128. Default DEFAULT_DIRECTORIES. */
  directories?: number;
  /** Which of them goes. Default 'lru'. */
  replacement?: Replacement;
  /** Frames to hold at most, at least MINIMUM_FRAMES. Default: as many as the allocator has. */
  maxFrames?: number;
}
