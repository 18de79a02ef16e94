/*
 * Segments, vectors and the registers a Guest starts with.
 *
 * Ring 0 is the Host's, ring 1 the Guest kernel's, ring 3 the Guest's user space. The Guest fills in most of the GDT
 * itself; the few fixed places below are the ones both sides count on.
 */

/** The privilege level of the Guest kernel. */
export const GUEST_PL = 1;
/** The privilege level of the Guest's user space. */
export const USER_PL = 3;

/** Number of GDT entries of a Guest. */
export const GDT_ENTRIES = 32;
/** First of the three thread-local-storage entries that LHCALL_LOAD_TLS replaces. */
export const GDT_ENTRY_TLS_MIN = 6;
/** Number of thread-local-storage entries. */
export const GDT_ENTRY_TLS_ENTRIES = 3;
/** The Host's own code segment, ring 0. */
export const GDT_ENTRY_LGUEST_CS = 10;
/** The Host's own data segment, ring 0. */
export const GDT_ENTRY_LGUEST_DS = 11;
/** The Guest kernel's code segment. */
export const GDT_ENTRY_KERNEL_CS = 12;
/** The Guest kernel's data segment. */
export const GDT_ENTRY_KERNEL_DS = 13;
/** The Guest's user code segment. */
export const GDT_ENTRY_USER_CS = 14;
/** The Guest's user data segment. */
export const GDT_ENTRY_USER_DS = 15;
/** The Host's task-state segment. */
export const GDT_ENTRY_TSS = 16;
/** The double-fault task of an ordinary kernel: never the Guest's. */
export const GDT_ENTRY_DOUBLEFAULT_TSS = 31;

/** Selector of the Host's code segment. Gates that name it end a run of the CPU. */
export const LGUEST_CS = GDT_ENTRY_LGUEST_CS << 3;
/** Selector of the Host's data segment. */
export const LGUEST_DS = GDT_ENTRY_LGUEST_DS << 3;
/** Selector of the Guest kernel's code segment, as loaded (RPL 1): 0x61. */
export const GUEST_KERNEL_CS = (GDT_ENTRY_KERNEL_CS << 3) | GUEST_PL;
/** Selector of the Guest kernel's data segment, as loaded (RPL 1): 0x69. */
export const GUEST_KERNEL_DS = (GDT_ENTRY_KERNEL_DS << 3) | GUEST_PL;
/** Selector of the Guest's user code segment (RPL 3): 0x73. */
export const GUEST_USER_CS = (GDT_ENTRY_USER_CS << 3) | USER_PL;
/** Selector of the Guest's user data segment (RPL 3): 0x7b. */
export const GUEST_USER_DS = (GDT_ENTRY_USER_DS << 3) | USER_PL;
/** Selector of the task-state segment. */
export const LGUEST_TSS_SELECTOR = GDT_ENTRY_TSS << 3;

/** Flat 4 GiB ring-1 code segment, low and high word: GDT entry 12 when the Guest starts. */
export const FLAT_GUEST_CODE = [0x0000_ffff, 0x00cf_bb00] as const;
/** Flat 4 GiB ring-1 data segment, low and high word: GDT entry 13 when the Guest starts. */
export const FLAT_GUEST_DATA = [0x0000_ffff, 0x00cf_b300] as const;

/** Number of IDT entries. */
export const IDT_ENTRIES = 256;
/** The first vector that is not an exception of the CPU; virtual irq n arrives at this vector + n. */
export const FIRST_EXTERNAL_VECTOR = 32;
/** The system call vector of Linux. */
export const SYSCALL_VECTOR = 0x80;
/** Number of virtual interrupts. */
export const LGUEST_IRQS = 32;
/** The virtual interrupt of the clock event device. */
export const LGUEST_TIMER_IRQ = 0;

/** EFLAGS when the Guest starts: the interrupt flag (which the real CPU keeps set for ever) and the always-one bit. */
export const GUEST_START_EFLAGS = 0x202;
/** The interrupt flag in eflags, in lguest_data.irq_enabled and in lguest_data.irq_pending. */
export const X86_EFLAGS_IF = 1 << 9;

/** Bytes per page. */
export const PAGE_SIZE = 4096;
/** log2(PAGE_SIZE). */
export const PAGE_SHIFT = 12;
