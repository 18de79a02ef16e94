/*
 * Page table entries (SDM volume 3, tables 4-5, 4-6, 4-10): the bits both formats have in common.
 */

/** Bits of an entry's low word. */
export const Entry = {
  present: 1 << 0,
  writable: 1 << 1,
  user: 1 << 2,
  writeThrough: 1 << 3,
  cacheDisable: 1 << 4,
  accessed: 1 << 5,
  dirty: 1 << 6,
  /** In a directory: a large page. In a table: PAT. The Guest is offered neither. */
  size: 1 << 7,
  global: 1 << 8,
  frame: 0xffff_f000 | 0,
} as const;

/** The only flags a Guest may set in a directory entry (ABI: 0x067). */
export const directoryFlags = Entry.present | Entry.writable | Entry.user | Entry.accessed | Entry.dirty;

/** Flags of a directory entry of ours: all rights are decided in the table below it. */
export const shadowDirectoryFlags = Entry.present | Entry.writable | Entry.user | Entry.accessed;

/** Page-fault error code (SDM volume 3, 4.7). */
export const FaultCode = { present: 1, write: 2, user: 4 } as const;

/** Address arithmetic of our own two-level tables. */
export const pageShift = 12;
export const pageSize = 1 << pageShift;
export const directoryShift = 22;
export const entriesPerTable = 1024;

/** Index into a directory, and into a table, of a linear address. */
export function directoryIndex(address: number): number {
  return address >>> directoryShift;
}

export function tableIndex(address: number): number {
  return (address >>> pageShift) & (entriesPerTable - 1);
}

/** For reasons given to a human. */
export function hex(value: number): string {
  return `0x${(value >>> 0).toString(16)}`;
}
