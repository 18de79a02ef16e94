/*P:010
 * The two halves of the story meet in this directory.
 *
 * A Guest is a kernel that knows it does not own the machine. Where an ordinary kernel would touch a control register
 * it asks the Host, with `int $0x1f` and a number in eax. This file is the list of those numbers: the Guest's shim
 * builds its stubs from it and the Host's dispatcher switches on it. The files beside it hold the rest of what the two
 * sides (and the Launcher, who plays the hardware) must agree on. Nothing in this directory computes anything about a
 * running Guest.
 */

/** The vector of the hypercall instruction `int $0x1f`. Its gate has DPL 1: ring 3 gets a general protection fault. */
export const LGUEST_TRAP_ENTRY = 0x1f;

/** Does nothing itself: leaving the Guest is what drains the asynchronous ring. */
export const LHCALL_FLUSH_ASYNC = 0;
/** ebx: guest-physical address of struct lguest_data. Must be the first hypercall, and only once. */
export const LHCALL_LGUEST_INIT = 1;
/** ebx: guest-physical message (at most LGUEST_MESSAGE_BYTES), ecx: a SHUTDOWN_* reason. Ends the Guest. */
export const LHCALL_SHUTDOWN = 2;
/** ebx: guest-physical page directory, the new "cr3". The first one leaves linear mode. */
export const LHCALL_NEW_PGTABLE = 4;
/** ebx: 0 forgets the user part of the current directory, 1 everything. */
export const LHCALL_FLUSH_TLB = 5;
/** ebx: vector, ecx: low word, edx: high word of the gate. */
export const LHCALL_LOAD_IDT_ENTRY = 6;
/** ebx: ss selector, ecx: esp (virtual), edx: pages (1 or 2). The ring-1 stack for traps out of ring 3. */
export const LHCALL_SET_STACK = 7;
/** ebx: non-zero sets CR0.TS while the Guest runs. */
export const LHCALL_TS = 8;
/** ebx: nanoseconds from now, 0 for off. One shot; raises virtual irq 0. */
export const LHCALL_SET_CLOCKEVENT = 9;
/** Sleep until a virtual interrupt can be delivered. */
export const LHCALL_HALT = 10;
/** PAE only. ebx: guest-physical page of pmd entries, ecx: index. */
export const LHCALL_SET_PMD = 13;
/** ebx: guest-physical page directory, ecx: virtual address, edx: entry (esi: its high half under PAE). */
export const LHCALL_SET_PTE = 14;
/** ebx: guest-physical page directory, ecx: index. */
export const LHCALL_SET_PGD = 15;
/** ebx: guest-physical array of three descriptors for GDT entries 6, 7, 8. ecx: cpu. */
export const LHCALL_LOAD_TLS = 16;
/** ebx: guest-physical address of a virtqueue, a device descriptor or an early console string. */
export const LHCALL_NOTIFY = 17;
/** ebx: index, ecx: low word, edx: high word of the descriptor. */
export const LHCALL_LOAD_GDT_ENTRY = 18;
/** Does nothing itself: leaving the Guest is what delivers pending interrupts. */
export const LHCALL_SEND_INTERRUPTS = 19;
/** One past the highest hypercall number. */
export const LHCALL_END = 20;

/** The name of each hypercall, indexed by number; undefined where the number is unused (and kills the Guest). */
export const hypercallNames: readonly (string | undefined)[] = [
  'FLUSH_ASYNC', 'LGUEST_INIT', 'SHUTDOWN', undefined, 'NEW_PGTABLE', 'FLUSH_TLB', 'LOAD_IDT_ENTRY', 'SET_STACK', 'TS',
  'SET_CLOCKEVENT', 'HALT', undefined, undefined, 'SET_PMD', 'SET_PTE', 'SET_PGD', 'LOAD_TLS', 'NOTIFY',
  'LOAD_GDT_ENTRY', 'SEND_INTERRUPTS',
];

/** Second argument of LHCALL_SHUTDOWN: power off, or the Guest gave up. */
export const SHUTDOWN_POWEROFF = 1;
/** Second argument of LHCALL_SHUTDOWN: start again from the beginning. */
export const SHUTDOWN_RESTART = 2;
/** How many bytes of a SHUTDOWN message are looked at; it ends earlier at a NUL. */
export const LGUEST_MESSAGE_BYTES = 128;
