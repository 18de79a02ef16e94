/*
 * Slices of execution. Where one ends, the JIT looks at what is executed: so often that it learns soon, so seldom that it
 * costs nothing, and at no regular distance.
 */

/** Instructions between two looks, at least and at most; up to as many are added. Powers of two. */
const shortestSlice = 1 << 13;
const longestSlice = 1 << 16;
/** The same between two steps of making a region. */
const stepSlice = 1 << 11;

/** The slice that is on its way, and how long the next one will be. */
export class Slices {
  /** Instructions left of it. An exit cuts it off, and it goes on in the next run: else there would be no looks where exits are frequent. */
  left = 0;
  #whole = 0;
  #inRegionsBefore = 0;
  #usual = shortestSlice;
  /** Makes lengths irregular, so that no loop keeps in step with them. */
  #noise = 1;

  /** @param steps a region is being made @param inRegions instructions that regions have executed, modulo 2^32 */
  begin(steps: boolean, inRegions: number): void {
    this.#noise = (Math.imul(this.#noise, 0x19660d) + 0x3c6ef35f) | 0;
    const length = steps ? stepSlice : this.#usual;
    this.#whole = length + ((this.#noise >>> 8) & (length - 1));
    this.left = this.#whole;
    this.#inRegionsBefore = inRegions;
  }

  /** After an ordinary one: the more regions had to do with it, the longer are those that follow. */
  adapt(inRegions: number): void {
    const interpreted = this.#whole - this.left - ((inRegions - this.#inRegionsBefore) >>> 0);
    this.#usual = interpreted < shortestSlice >> 1 ? Math.min(this.#usual * 2, longestSlice) : shortestSlice;
  }
}
