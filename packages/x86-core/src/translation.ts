/*
 * An entry of the translation tables (paging.ts): a word that says where the bytes of a virtual page are, and whether
 * an access may simply go there.
 *
 *   plain when (((entry - 1) | linear) & 0xfff) <= 0x1000 - size      (for single bytes: when entry & 1)
 *   byte in the WebAssembly memory: linear + entry + hostBias
 *
 * A plain entry is the distance from the virtual page to the host's, less hostBias: its low 12 bits are 1. All others have
 * these bits clear, which fails the comparison, as accesses that cross into the next page do. 0 says that nothing is
 * known, so tables begin as the zeros that fresh memory has, and cost nothing where nobody looks. Anything else is a page
 * that may be written but whose decoded code has to be told, with the upper bits of a plain entry.
 */

/** Nothing is known of the page. */
export const absent = 0;

/** Set in plain entries alone: for accesses to single bytes it says all. */
export const plainBit = 1;

/** What is missing from the sum of an entry and a linear address. Loads and stores have it for nothing, as their constant offset. */
export const hostBias = 0xfff;

/** The plain entry of a virtual page that is at a page of the WebAssembly memory; numbers of pages. */
export function entryOf(hostPage: number, linearPage: number): number {
  return ((hostPage - linearPage) << 12) - hostBias | 0;
}

/** Accesses to single bytes of the page may be done at once. */
export function isPlain(entry: number): boolean {
  return (entry & plainBit) !== 0;
}

/** The entry of a page whose writes have to be told. */
export function guarded(entry: number): number {
  return entry & ~plainBit;
}

/** The other way round. */
export function unguarded(entry: number): number {
  return entry | plainBit;
}

/** The byte's place in the WebAssembly memory. For plain entries, and with unguarded() for others. */
export function hostOf(entry: number, linear: number): number {
  return (linear + entry + hostBias) >>> 0;
}
