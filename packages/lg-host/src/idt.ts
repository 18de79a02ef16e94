/*H:230
 * Where the Guest wants its traps.
 *
 * The Guest fills its Interrupt Descriptor Table one entry at a time, by hypercall. We keep what it asked for, cleaned
 * of everything it has no say in, and derive from it the table the CPU really uses. There are two ways an entry of
 * that table can look. Most are "default" gates into ring 0: their selector is the Host's own, and meeting one ends
 * the CPU's run. The few that are fast are the Guest's own gates, and the CPU takes them without anybody noticing.
 */
import { gatePresent, gateType } from '@lguest/descriptors';
import { LGUEST_TRAP_ENTRY } from './abi/hypercalls.js';
import { FIRST_EXTERNAL_VECTOR, GUEST_KERNEL_CS, GUEST_PL, IDT_ENTRIES, LGUEST_CS, SYSCALL_VECTOR } from './abi/segments.js';
import type { SwitcherPage } from './switcher.js';

/** Gate types the Guest may use (SDM volume 3, 3.5). */
export const INTERRUPT_GATE = 0xe;
export const TRAP_GATE = 0xf;

/** Vectors with a meaning for the Host. */
const Vector = { nmi: 2, noDevice: 7, doubleFault: 8, spurious: 15, protection: 13, pageFault: 14 } as const;

/** The parts of a gate's two words (SDM volume 3, 6.11). */
const OFFSET_LOW = 0x0000_ffff;
const OFFSET_HIGH = 0xffff_0000;
/** Handler address, present, DPL and type. */
const KEPT_OF_HIGH = 0xffff_ef00;
const GATE_DPL = 3 << 13;
const GATE_DPL_SHIFT = 13;
/** Present, 32-bit interrupt gate, DPL 0. */
const PRESENT_INTERRUPT_GATE = 0x8e00;

/** The IDT of a Guest: what it asked for, and what it got. */
export class GuestIdt {
  /** The cleaned entries, two words each: low word at 2·vector, high word at 2·vector + 1. 0, 0 for none. */
  readonly entries = new Uint32Array(2 * IDT_ENTRIES);
  readonly #switcher: SwitcherPage;
  readonly #syscallVector: number;
  readonly #allowDirect: boolean;

  /**
   * @param syscallVector one more system call vector besides SYSCALL_VECTOR.
   * @param allowDirect false sends every trap through the Host, so that its cost can be measured.
   */
  constructor(switcher: SwitcherPage, syscallVector: number, allowDirect: boolean) {
    this.#switcher = switcher;
    this.#syscallVector = syscallVector;
    this.#allowDirect = allowDirect;
    for (let vector = 0; vector < IDT_ENTRIES; vector++) this.#writeDefault(vector, 0);
  }

  /** A system call vector: Linux's own, or the one this Host was told to allow besides. */
  couldBeSyscall(vector: number): boolean {
    return vector === SYSCALL_VECTOR || vector === this.#syscallVector;
  }

  /*H:250
   * Going direct.
   *
   * A trap that stops the CPU, is looked at here, is put on the Guest's stack word by word and sent back in costs many
   * times what the trap itself costs; and a system call is a trap. So where the Host has nothing to add, the CPU's own
   * table holds the Guest's gate, and the CPU pushes the frame, changes to ring 1 and goes on: the Host only notices
   * that time has passed.
   *
   * Some traps it must see. Page faults, because most of them are about shadow page tables that do not hold the entry
   * yet. General protection faults, because the Guest may have touched a port. "Device not available", because of the
   * TS bit. And the hypercall. Above the exceptions only the system call may go direct.
   */

  /*M:200
   * A Guest that is careful can have its interrupt gates go direct, too: it declares them trap gates, and points them
   * at a few instructions inside its noirq range that clear irq_enabled by themselves. Nothing can come between the
   * trap and the clearing, and what an interrupt gate is for has happened.
   *
   * SYSENTER cannot go direct. It enters ring 0 and nothing else, with a stack and an address the Host would have to
   * provide; a handler there would have to hand the call down to ring 1. CPUID does not offer it, so nobody asks.
   */

  /** True when a vector may go straight to the Guest, if its gate is of the right type. */
  mayGoDirect(vector: number): boolean {
    if (!this.#allowDirect) return false;
    if (vector >= FIRST_EXTERNAL_VECTOR && !this.couldBeSyscall(vector)) return false;
    return !mustBeSeen(vector);
  }

  /** True when the CPU delivers a vector without the Host, as things stand. */
  goesDirect(vector: number): boolean {
    return this.mayGoDirect(vector) && gateType(this.entries[2 * vector]!, this.entries[2 * vector + 1]!) === TRAP_GATE;
  }

  /**
   * LHCALL_LOAD_IDT_ENTRY. Returns why the Guest must die, or undefined. The four vectors that are never the Guest's
   * are ignored without a word: kernels set all 256.
   */
  load(vector: number, low: number, high: number): string | undefined {
    if (neverTheGuests(vector)) return undefined;
    if (vector >= IDT_ENTRIES) return `setting IDT entry ${vector} of ${IDT_ENTRIES}`;
    if (!gatePresent(low, high)) {
      low = high = 0;
    } else {
      const type = gateType(low, high);
      if (type !== INTERRUPT_GATE && type !== TRAP_GATE) return `bad IDT type ${type} for vector ${vector}`;
      low = (GUEST_KERNEL_CS << 16) | (low & OFFSET_LOW);
      high &= KEPT_OF_HIGH;
    }
    this.entries[2 * vector] = low;
    this.entries[2 * vector + 1] = high;
    this.#copyTrap(vector);
    return undefined;
  }

  /*H:240
   * Copying the traps.
   *
   * lguest copied the whole table whenever the Guest ran after a change, because one physical CPU served many Guests.
   * This CPU serves one, so an entry is copied when it changes. Only trap gates (type 15) go in as they are. An
   * interrupt gate would clear the CPU's interrupt flag on entry, which is not the Guest's to clear: virtual
   * interrupts are disabled by a word in memory, and only the Host can do that in the same breath. Such a vector gets
   * a default gate with the Guest's privilege level, so that `int3` works from user space where the Guest allows it.
   */
  #copyTrap(vector: number): void {
    if (mustBeSeen(vector)) return;
    const low = this.entries[2 * vector]!;
    const high = this.entries[2 * vector + 1]!;
    if (this.goesDirect(vector)) this.#switcher.writeGate(vector, low, high);
    else this.#writeDefault(vector, high & GATE_DPL);
  }

  /**
   * A gate that ends the CPU's run. Its offset is never jumped to; it holds the vector, for whoever reads a dump. The
   * hypercall's gate opens to ring 1.
   */
  #writeDefault(vector: number, dpl: number): void {
    if (vector === LGUEST_TRAP_ENTRY) dpl = GUEST_PL << GATE_DPL_SHIFT;
    this.#switcher.writeGate(
      vector, (LGUEST_CS << 16) | (vector & OFFSET_LOW), (vector & OFFSET_HIGH) | PRESENT_INTERRUPT_GATE | dpl,
    );
  }
}

function mustBeSeen(vector: number): boolean {
  return vector === Vector.pageFault || vector === Vector.protection || vector === Vector.noDevice ||
    vector === LGUEST_TRAP_ENTRY;
}

/** NMI, double fault, spurious interrupt and the hypercall: no handler of the Guest's is ever called for them. */
function neverTheGuests(vector: number): boolean {
  return vector === Vector.nmi || vector === Vector.doubleFault || vector === Vector.spurious ||
    vector === LGUEST_TRAP_ENTRY;
}
