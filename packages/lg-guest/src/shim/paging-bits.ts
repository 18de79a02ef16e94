/*
 * The bits of page table entries (SDM volume 3, 4.3), and the combinations the demo kernel uses.
 */

/** Bits of an entry. `copyOnWrite` is one of the three that the CPU leaves to us. */
export const PageBit = { present: 1, write: 2, user: 4, accessed: 0x20, dirty: 0x40, copyOnWrite: 0x200 } as const;
/** Entries of a page directory or page table. */
export const ENTRIES_PER_TABLE = 1024;
/** Bytes that one page table maps. */
export const PAGE_BYTES_PER_TABLE = 0x40_0000;
/** A kernel page or page table: present, writable, accessed and dirty from the start. */
export const KERNEL_ENTRY = PageBit.present | PageBit.write | PageBit.accessed | PageBit.dirty;
/** A user page table, or a user page to write to. */
export const USER_ENTRY = KERNEL_ENTRY | PageBit.user;
/** A user page to read. */
export const USER_READ_ENTRY = PageBit.present | PageBit.user | PageBit.accessed;
