/*
 * What shadow paging needs from its surroundings, declared here by the one who needs it. Any CPU and any memory that
 * fit will do.
 */

/** Guest-physical memory. */
export interface GuestMemory {
  /** Bytes of it; addresses at or above are nobody's. A multiple of 4096. */
  readonly limit: number;
  /** Unsigned 32-bit word at a guest-physical address below the limit, a multiple of 4. */
  read32(address: number): number;
  write32(address: number, value: number): void;
}

/** Machine frames for the shadow tables themselves. */
export interface FrameAllocator {
  /** Number of a frame filled with zeros. Only called while `available` is not 0. */
  allocate(): number;
  release(frame: number): void;
  readonly used: number;
  readonly available: number;
}

/** Machine-physical memory as little-endian 32-bit words: the frames are written through it. */
export interface FrameMemory {
  readonly words: Uint32Array;
}

/** The CPU's side of paging. */
export interface TlbControl {
  /** Load CR3: a machine-physical address. Implies a flush of everything. `pae` is false: shadow tables are two-level. */
  setPageTable(machinePhysical: number, pae: boolean): void;
  flushAll(): void;
  /** Forget one page. */
  flushPage(linear: number): void;
}

/** The pages at the top of every address space that belong to the Host. */
export interface SwitcherWindow {
  /** Linear address of the first page. Everything from here up is closed to the Guest. */
  readonly base: number;
  /** Machine frames mapped from `base` on: readable by the Guest kernel, writable by nobody. */
  readonly frames: readonly number[];
}
