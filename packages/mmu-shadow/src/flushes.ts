/*H:540
 * Flushes.
 *
 * "I changed things and won't say which." We could throw the shadow away, and then take a fault for each page in use.
 * Reading the Guest's entries again is quicker, and just as good: whatever they still say is kept. What is not in use
 * at the moment can wait until it is.
 */
import type { Shadow } from './shadow.js';

/** Entries below kernelAddress, in the directory in use, may have changed. Linear mode has none. */
export function flushUser(shadow: Shadow): void {
  shadow.stats.flushUser++;
  if (!shadow.linear) checkUser(shadow);
}

/** Any entry may have changed. */
export function flushAll(shadow: Shadow): void {
  shadow.stats.flushAll++;
  if (shadow.linear) return;
  shadow.stale.fill(1);
  shadow.tables.checkShared(0, shadow.directories.form.regions);
  checkDirectory(shadow, shadow.slot);
}

/** Compare the user part of the directory in use with the Guest's. */
export function checkUser(shadow: Shadow): void {
  const { tables, slot, pgdir } = shadow;
  const end = Math.ceil(shadow.kernelAddress / 2 ** shadow.directories.form.regionShift);
  for (let region = 0; region < end; region++) tables.check(slot, region, pgdir);
}

/** Compare a whole directory with the Guest's. */
export function checkDirectory(shadow: Shadow, slot: number): void {
  const { tables } = shadow;
  const { regions } = shadow.directories.form;
  const pgdir = shadow.cache.pgdir(slot);
  for (let region = 0; region < regions; region++) tables.check(slot, region, pgdir);
  shadow.stale[slot] = 0;
}
