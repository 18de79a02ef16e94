/*H:507
 * Two forms, one shape.
 *
 * The CPU knows two forms of page tables. Two levels: a page of 1024 directory entries for 4 MiB each, and tables of
 * 1024 entries of 4 bytes. PAE: four entries at the top, each for a page of 512 directory entries for 2 MiB, and tables
 * of 512 entries of 8 bytes (SDM volume 3, 4.3 and 4.4). In our terms both are the same: four *quarters* of the 4 GiB,
 * each divided into *regions*; a region is what one page table covers. What differs are the numbers here.
 */

/** The numbers of one form of page tables. */
export interface TableForm {
  readonly pae: boolean;
  /** log2 of the 32-bit words in an entry. */
  readonly wordShift: number;
  /** Entries of a page table; a power of two. */
  readonly entries: number;
  /** log2 of the bytes a page table covers. */
  readonly regionShift: number;
  /** Regions in 4 GiB, and log2 of those in a quarter. */
  readonly regions: number;
  readonly quarterShift: number;
}

/** Quarters of the 4 GiB: what one entry of a PAE top level is for. */
export const QUARTERS = 4;
/** log2 of the bytes in one. */
export const QUARTER_SHIFT = 30;
/** Regions there are at most. */
export const MOST_REGIONS = 2048;

/** 4-byte entries. */
export const TWO_LEVEL: TableForm = { pae: false, wordShift: 0, entries: 1024, regionShift: 22, regions: 1024, quarterShift: 8 };
/** 8-byte entries. */
export const PAE: TableForm = { pae: true, wordShift: 1, entries: 512, regionShift: 21, regions: MOST_REGIONS, quarterShift: 9 };
