/*H:505
 * One entry.
 *
 * Everything in this package turns on one 32-bit word. The Guest writes such words into page tables of its own; the CPU
 * never sees those, it sees ours: the shadow. So each word exists twice, and the whole art is in how the second follows
 * from the first. It follows like this:
 *
 *  - the frame number and the User bit are the Guest's;
 *  - the shadow is writable only when the Guest's entry is writable *and already dirty*. The CPU's own Dirty bit would
 *    land in the shadow, where the Guest never looks. So the first write to a clean page has to fault, and then we set
 *    the Guest's bit for it;
 *  - for the same reason there is no shadow entry before the first access, which sets Accessed;
 *  - Global is ours: the Guest's is dropped, and the shadow's says that the entry is in a table that all address spaces
 *    share, so that the CPU need not forget it when another one is loaded;
 *  - the shadow's own Accessed and Dirty are set from the start, so the CPU never has to write to our tables.
 */

/** Bits of page-table and directory entries (SDM volume 3, tables 4-4 to 4-6). */
export const Entry = {
  present: 0x001,
  writable: 0x002,
  user: 0x004,
  accessed: 0x020,
  dirty: 0x040,
  /** A large page in a directory entry; the PAT bit in a page-table entry. No Guest may use either. */
  large: 0x080,
  global: 0x100,
} as const;

/** Bits of a page fault's error code (SDM volume 3, 4.7). */
export const FaultCode = {
  /** Clear: nothing was there. Set: it was there, but not for this kind of access. */
  present: 1,
  write: 2,
  /** The access came from ring 3. */
  user: 4,
} as const;

/** log2 of the bytes in a page. */
export const PAGE_SHIFT = 12;
/** Bytes in a page, and in a machine frame. */
export const PAGE_SIZE = 1 << PAGE_SHIFT;
/** 32-bit words in a page. */
export const PAGE_WORDS = PAGE_SIZE / 4;
/** The frame's address within an entry, as a signed mask. */
export const FRAME_MASK = -PAGE_SIZE;
/** Everything else in an entry's low word. */
export const FLAGS_MASK = PAGE_SIZE - 1;

const { present, writable, user, accessed, dirty, large } = Entry;
const writtenTo = writable | dirty;

/** What a directory entry may have set besides its frame (SDM volume 3, table 4-5, less what lguest has no use for). */
export const DIRECTORY_FLAGS = present | writable | user | accessed | dirty;
/** The part of a directory entry that decides what lies behind it: two entries alike in this are the same to us. */
export const SOURCE_MASK = FRAME_MASK | present | writable | user;

/** The shadow of a Guest's page-table entry whose Accessed (and, for a write, Dirty) bit has been seen to. Signed. */
export function shadowOf(guestEntry: number): number {
  const shadow = (guestEntry & (FRAME_MASK | user)) | present | accessed;
  return (guestEntry & writtenTo) === writtenTo ? shadow | writtenTo : shadow;
}

/**
 * The shadow of an entry the Guest has just written, or 0: an entry never used must fault the first time, so that we see
 * it used. `bytes` is the size of guest memory.
 */
export function shadowOfNew(guestEntry: number, bytes: number): number {
  if ((guestEntry & present) === 0 || (guestEntry & (accessed | dirty)) === 0) return 0;
  return isBadEntry(guestEntry, bytes) ? 0 : shadowOf(guestEntry);
}

/** True when a present page-table entry is one no Guest may have: a PAT bit, or a frame beyond guest memory. */
export function isBadEntry(guestEntry: number, bytes: number): boolean {
  return (guestEntry & large) !== 0 || (guestEntry & FRAME_MASK) >>> 0 >= bytes;
}

/** True when turning a shadow entry from one value into the other takes away something the CPU may remember. */
export function takesAway(before: number, after: number): boolean {
  if ((before & present) === 0) return false;
  return ((before ^ after) & FRAME_MASK) !== 0 || (before & ~after & (present | writable | user)) !== 0;
}

/** An address or an entry as people write it. */
export function hex(value: number): string {
  return `0x${(value >>> 0).toString(16)}`;
}
