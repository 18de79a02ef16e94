/*
 * What the Host wants of the hardware below it.
 *
 * Hand-offs are declared by who consumes them: these interfaces say how little of a CPU, of a physical memory and of
 * shadow page tables the Host needs. x86-core's Cpu and PhysicalMemory and mmu-shadow's ShadowPageTables fit them as
 * they are; the tests of this package fit small ones of their own.
 */

/** A segment register as the CPU holds it. */
export interface SegmentImage {
  readonly selector: number;
  /** Linear address. */
  readonly base: number;
  /** In bytes, inclusive. */
  readonly limit: number;
  /** Bits 8..15 and 20..23 of the descriptor's high word, in their places. */
  readonly access: number;
}

/** Why the CPU came back. One object, filled anew by each run. */
export interface CpuExit {
  readonly reason: number;
  readonly vector: number;
  readonly errorCode: number;
  readonly hasErrorCode: boolean;
}

/** The CPU. Its registers are the Guest's registers: nothing is copied at an exit. */
export interface GuestCpu {
  readonly regs: Int32Array;
  eip: number;
  eflags: number;
  cr0: number;
  cr2: number;
  readonly cpl: number;
  /** False in the one instruction after a load of ss, where hardware takes no interrupt (SDM volume 3, 6.8.3). */
  readonly interruptible: boolean;
  /** Instructions retired since reset. */
  readonly retired: number;
  /** How often the CPU delivered each vector itself, through a gate that does not exit. */
  readonly deliveries: Uint32Array;
  selector(register: number): number;
  segment(register: number): SegmentImage;
  setSegment(register: number, image: SegmentImage): void;
  run(budget: number): CpuExit;
  kick(): void;
}

/** Machine physical memory. The caller guarantees the bounds; writes drop code translated from the bytes. */
export interface MachineMemory {
  read8(address: number): number;
  read32(address: number): number;
  write8(address: number, value: number): void;
  write32(address: number, value: number): void;
}

/** Shadow page tables. */
export interface GuestMmu {
  /** `looks` grows by the entries that were gone through: what calls cost beyond a constant. */
  readonly stats: { readonly looks: number };
  /** Above it all page directories are alike. */
  kernelAddress: number;
  demandPage(address: number, errorCode: number): boolean;
  newPageTable(pgdir: number): void;
  setPte(pgdir: number, address: number, low: number, high?: number): void;
  setPgd(pgdir: number, index: number): void;
  setPmd(pmdPage: number, index: number): void;
  flushUser(): void;
  flushAll(): void;
  pinPage(address: number): boolean;
  guestPhysical(address: number): number | undefined;
}
