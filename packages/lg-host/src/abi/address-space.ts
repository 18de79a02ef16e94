/*
 * The one corner of virtual space a Guest cannot have.
 */

/** 2^32: one past the last virtual address. */
export const VIRTUAL_END = 0x1_0000_0000;
/**
 * First address of the Switcher window: from here to the top belongs to the Host in every page table. The Guest learns
 * the size of the window from lguest_data.reserve_mem; the place is the one Linux 3.10's Host picked.
 */
export const SWITCHER_ADDRESS = 0xfffd_f000;
/** Bytes of the Switcher window: 0x21000. */
export const SWITCHER_BYTES = VIRTUAL_END - SWITCHER_ADDRESS;
