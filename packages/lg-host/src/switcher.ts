/*H:130
 * The Switcher page.
 *
 * Host and Guest share one CPU, so somewhere in the Guest's virtual space there must be a place the CPU can use at the
 * very moment it leaves the Guest: the IDT it looks the trap up in, the GDT behind the selectors, the TSS that says
 * where the ring-1 stack is. All three fit in one page, mapped read-only at the top of every shadow page table. The
 * Guest may read it if it is curious. It cannot write it: it asks for changes by hypercall, and what arrives here has
 * been looked at.
 *
 * (lguest's own Switcher was also code, the few dozen instructions that swapped all registers. Here the CPU itself
 * stops at a ring-0 gate before it has changed anything, so there is nothing left to swap.)
 */
import { SWITCHER_ADDRESS } from './abi/address-space.js';
import { GDT_ENTRIES, IDT_ENTRIES, LGUEST_DS, LGUEST_TSS_SELECTOR } from './abi/segments.js';
import type { MachineMemory, SegmentImage } from './hardware.js';

const DESCRIPTOR_BYTES = 8;

/** Byte offsets within the Switcher page. */
const Offset = {
  idt: 0,
  gdt: IDT_ENTRIES * DESCRIPTOR_BYTES,
  tss: (IDT_ENTRIES + GDT_ENTRIES) * DESCRIPTOR_BYTES,
} as const;

/** Bytes of a 32-bit TSS without an I/O bitmap (SDM volume 3, 7.2.1). */
const TSS_BYTES = 104;
/** Byte offsets of the TSS fields the CPU looks at. */
const TssOffset = { esp0: 4, ss0: 8, esp1: 12, ss1: 16, ioMapBase: 100 } as const;
/** The I/O bitmap's offset is the upper half of its word; one beyond the limit means: no port is open. */
const NO_IO_BITMAP = TSS_BYTES << 16;
/** Present, busy 32-bit TSS, DPL 0: bits 8..15 of a descriptor's high word. */
const TSS_ACCESS = 0x8b00;

/** The page with the IDT, GDT and TSS that the CPU really uses. */
export class SwitcherPage {
  readonly #memory: MachineMemory;
  readonly #base: number;

  /** @param frame number of the zeroed machine frame that is mapped at SWITCHER_ADDRESS. */
  constructor(memory: MachineMemory, frame: number) {
    this.#memory = memory;
    this.#base = frame * 4096;
    const tss = this.#base + Offset.tss;
    // no trap is ever delivered in ring 0, but a TSS without a ring-0 stack would be an odd sight in a dump
    memory.write32(tss + TssOffset.ss0, LGUEST_DS);
    memory.write32(tss + TssOffset.esp0, SWITCHER_ADDRESS + Offset.tss);
    memory.write32(tss + TssOffset.ioMapBase, NO_IO_BITMAP);
  }

  /** Linear address and limit of the IDT. */
  readonly idt = { base: SWITCHER_ADDRESS + Offset.idt, limit: IDT_ENTRIES * DESCRIPTOR_BYTES - 1 } as const;
  /** Linear address and limit of the GDT. */
  readonly gdt = { base: SWITCHER_ADDRESS + Offset.gdt, limit: GDT_ENTRIES * DESCRIPTOR_BYTES - 1 } as const;
  /** The task register. */
  readonly taskRegister: SegmentImage = {
    selector: LGUEST_TSS_SELECTOR, base: SWITCHER_ADDRESS + Offset.tss, limit: TSS_BYTES - 1, access: TSS_ACCESS,
  };

  /** Set an entry of the IDT. */
  writeGate(vector: number, low: number, high: number): void {
    const address = this.#base + Offset.idt + vector * DESCRIPTOR_BYTES;
    this.#memory.write32(address, low);
    this.#memory.write32(address + 4, high);
  }

  /** Set an entry of the GDT. */
  writeDescriptor(index: number, low: number, high: number): void {
    const address = this.#base + Offset.gdt + index * DESCRIPTOR_BYTES;
    this.#memory.write32(address, low);
    this.#memory.write32(address + 4, high);
  }

  /** Set the stack the CPU switches to when it delivers a direct trap out of ring 3. */
  writeStack(ss1: number, esp1: number): void {
    const tss = this.#base + Offset.tss;
    this.#memory.write32(tss + TssOffset.ss1, ss1);
    this.#memory.write32(tss + TssOffset.esp1, esp1);
  }

  /** The gate the CPU would use for a vector, as [low, high]; for tests and dumps. */
  readGate(vector: number): [number, number] {
    const address = this.#base + Offset.idt + vector * DESCRIPTOR_BYTES;
    return [this.#memory.read32(address), this.#memory.read32(address + 4)];
  }

  /** The descriptor the CPU would use, as [low, high]; for tests and dumps. */
  readDescriptor(index: number): [number, number] {
    const address = this.#base + Offset.gdt + index * DESCRIPTOR_BYTES;
    return [this.#memory.read32(address), this.#memory.read32(address + 4)];
  }

  /** The ring-1 stack in the TSS, as [ss1, esp1]; for tests and dumps. */
  readStack(): [number, number] {
    const tss = this.#base + Offset.tss;
    return [this.#memory.read32(tss + TssOffset.ss1), this.#memory.read32(tss + TssOffset.esp1)];
  }
}
