/*H:300
 * Segments.
 *
 * The Guest fills its Global Descriptor Table by hypercall, too. A descriptor carries a privilege level, and the Guest
 * believes in ring 0: we put it one ring lower. The CPU would set a descriptor's accessed bit on the first load, in a
 * page the Guest cannot write, so we set it beforehand. Four entries are the Host's and stay so. Gates, LDTs and task
 * segments are kept out: a task switch would load every register there is from memory the Guest can write.
 */
import { segmentBase, segmentLimit } from '@lguest/descriptors';
import {
  FLAT_GUEST_CODE, FLAT_GUEST_DATA, GDT_ENTRIES, GDT_ENTRY_DOUBLEFAULT_TSS, GDT_ENTRY_KERNEL_CS, GDT_ENTRY_KERNEL_DS,
  GDT_ENTRY_LGUEST_CS, GDT_ENTRY_LGUEST_DS, GDT_ENTRY_TSS, GUEST_KERNEL_CS, GUEST_PL,
} from './abi/segments.js';
import type { SegmentImage } from './hardware.js';
import type { SwitcherPage } from './switcher.js';

/** Bits of a descriptor's high word (SDM volume 3, 3.4.5). */
const High = {
  accessed: 1 << 8, writable: 1 << 9, conforming: 1 << 10, code: 1 << 11, notSystem: 1 << 12, dpl: 3 << 13, dplShift: 13,
  present: 1 << 15,
  /** Everything a segment cache keeps besides base and limit. */
  access: 0x00f0_ff00,
} as const;

/** Flat 4 GiB ring-0 segments of the Host: present, accessed, DPL 0. */
const HOST_CODE = [0x0000_ffff, 0x00cf_9b00] as const;
const HOST_DATA = [0x0000_ffff, 0x00cf_9300] as const;

/** Selector bits (SDM volume 3, 3.4.2). */
const SELECTOR_RPL = 3;
const SELECTOR_LDT = 4;
const SELECTOR_INDEX_SHIFT = 3;

/** The GDT of a Guest, and ready-made segment register contents for trap delivery. */
export class GuestGdt {
  /** Two words per entry, as the CPU sees them. */
  readonly entries = new Uint32Array(2 * GDT_ENTRIES);
  readonly #switcher: SwitcherPage;
  #kernelCode: SegmentImage | undefined;
  #kernelStack: SegmentImage | undefined;
  #stackSelector = 0;

  constructor(switcher: SwitcherPage) {
    this.#switcher = switcher;
    this.#store(GDT_ENTRY_LGUEST_CS, HOST_CODE[0], HOST_CODE[1]);
    this.#store(GDT_ENTRY_LGUEST_DS, HOST_DATA[0], HOST_DATA[1]);
    this.#store(GDT_ENTRY_KERNEL_CS, FLAT_GUEST_CODE[0], FLAT_GUEST_CODE[1]);
    this.#store(GDT_ENTRY_KERNEL_DS, FLAT_GUEST_DATA[0], FLAT_GUEST_DATA[1]);
    const tss = switcher.taskRegister;
    this.#store(
      GDT_ENTRY_TSS,
      ((tss.base << 16) | tss.limit) >>> 0,
      ((tss.base & 0xff00_0000) | ((tss.base >>> 16) & 0xff) | tss.access) >>> 0,
    );
  }

  /*M:210
   * What could a Guest do with a system descriptor? A call gate to a ring-0 selector would be caught by the privilege
   * checks, since all its code segments are in ring 1 or above. A task segment is another matter: a far jump to one
   * loads every register from memory, the page directory among them, and the CPU believes what it reads. lguest relied
   * on the GDT being read-only (the CPU could not mark such a task busy). We leave the descriptor out to begin with.
   */

  /** Set an entry on the Guest's behalf. Returns why the Guest must die, or undefined. */
  load(index: number, low: number, high: number): string | undefined {
    if (index >= GDT_ENTRIES) return `setting GDT entry ${index} of ${GDT_ENTRIES}`;
    if (belongsToHost(index)) return undefined;
    if ((high & High.notSystem) === 0) {
      low = high = 0;
    } else {
      if ((high & High.dpl) === 0) high |= GUEST_PL << High.dplShift;
      high |= High.accessed;
    }
    this.#store(index, low, high);
    return undefined;
  }

  /** Contents of cs when a trap handler of the Guest starts; undefined when the Guest spoilt its kernel code segment. */
  kernelCode(): SegmentImage | undefined {
    return (this.#kernelCode ??= this.#image(GUEST_KERNEL_CS, isKernelCode));
  }

  /** Contents of ss for a selector (that of the last SET_STACK); undefined when it is no ring-1 stack. */
  kernelStack(selector: number): SegmentImage | undefined {
    if (selector === this.#stackSelector && this.#kernelStack !== undefined) return this.#kernelStack;
    this.#stackSelector = selector;
    return (this.#kernelStack = this.#image(selector, isKernelStack));
  }

  /** The contents of a segment register after loading a selector; undefined if it names no entry that `fits`. */
  #image(selector: number, fits: (high: number) => boolean): SegmentImage | undefined {
    const index = selector >>> SELECTOR_INDEX_SHIFT;
    if ((selector & SELECTOR_LDT) !== 0 || (selector & SELECTOR_RPL) !== GUEST_PL || index >= GDT_ENTRIES) return undefined;
    const low = this.entries[2 * index]!;
    const high = this.entries[2 * index + 1]!;
    if (!fits(high)) return undefined;
    return { selector, base: segmentBase(low, high), limit: segmentLimit(low, high), access: high & High.access };
  }

  #store(index: number, low: number, high: number): void {
    this.entries[2 * index] = low;
    this.entries[2 * index + 1] = high;
    this.#switcher.writeDescriptor(index, low >>> 0, high >>> 0);
    this.#kernelCode = undefined;
    this.#kernelStack = undefined;
  }
}

/** The start state's cs and data segments. */
export function flatSegment(selector: number, words: readonly [number, number]): SegmentImage {
  const [low, high] = words;
  return { selector, base: segmentBase(low, high), limit: segmentLimit(low, high), access: high & High.access };
}

/** Selectors nobody loads, for the registers that start empty. */
export const NULL_SEGMENT: SegmentImage = { selector: 0, base: 0, limit: 0, access: 0 };


function belongsToHost(index: number): boolean {
  return index === GDT_ENTRY_LGUEST_CS || index === GDT_ENTRY_LGUEST_DS || index === GDT_ENTRY_TSS ||
    index === GDT_ENTRY_DOUBLEFAULT_TSS;
}

const KERNEL_DPL = GUEST_PL << High.dplShift;

function isKernelCode(high: number): boolean {
  const mask = High.present | High.notSystem | High.code | High.conforming | High.dpl;
  return (high & mask) === (High.present | High.notSystem | High.code | KERNEL_DPL);
}

function isKernelStack(high: number): boolean {
  const mask = High.present | High.notSystem | High.code | High.writable | High.dpl;
  return (high & mask) === (High.present | High.notSystem | High.writable | KERNEL_DPL);
}
