/*
 * Selectors: 13 bits of index, one of table, two of requested privilege level. (SDM volume 3, figure 3-6.)
 */

/** Index into the descriptor table. */
export function selectorIndex(selector: number): number {
  return (selector & 0xffff) >>> 3;
}

/** Requested privilege level. */
export function selectorRpl(selector: number): number {
  return selector & 3;
}

/** True when the selector names an entry of the LDT. */
export function selectorIsLdt(selector: number): boolean {
  return (selector & 4) !== 0;
}

/** True for the selectors 0 to 3, which load but cannot be used. */
export function selectorIsNull(selector: number): boolean {
  return (selector & 0xfffc) === 0;
}

/** Put a selector together. */
export function makeSelector(index: number, rpl: number, ldt = false): number {
  return ((index & 0x1fff) << 3) | (ldt ? 4 : 0) | (rpl & 3);
}
