/*H:535
 * Entries set.
 *
 * The Guest wrote an entry of its own and tells us. We could just forget what we have and let it fault in again. But
 * a kernel that sets an entry with Accessed or Dirty on is about to use the page, so we take the new one over there
 * and then: for copy-on-write that is one exit less out of three. We take it from the Guest's memory, where it had to
 * be written first: hypercalls may come late, from the ring, and then the value in them is no longer the last word.
 */
import { Entry, hex, PAGE_SIZE, shadowOfNew } from './entries.js';
import { PAE, QUARTERS, TWO_LEVEL } from './form.js';
import { NOWHERE } from './guest-tables.js';
import { NO_SLOT } from './shadow-directories.js';
import type { Shadow } from './shadow.js';
import { NO_FRAME, NO_SOURCE } from './table-frames.js';

const { present } = Entry;

/** The page-table entry for an address in the directory `pgdir` was set to this; 0 means: forget what you have. */
export function setPte(shadow: Shadow, pgdir: number, address: number, low: number, high: number): void {
  const { stats, guestTables, directories, tables, cache } = shadow;
  stats.setPte++;
  if (address >= shadow.windowBase) {
    shadow.kill(`page table entry ${hex(low)} for address ${hex(address)} lies in the Switcher window, which begins at ${hex(shadow.windowBase)}`);
    return;
  }
  // without PAE there is no upper half, and whatever is in the register means nothing
  if ((low & present) !== 0 && guestTables.refuses(low | 0, guestTables.pae ? high : 0, NOWHERE)) {
    shadow.kill(guestTables.problem(address));
    return;
  }
  if (shadow.linear) return;

  const region = address >>> directories.form.regionShift;
  if (address < shadow.kernelAddress) {
    const slot = cache.find(guestTables.align(pgdir));
    if (slot !== NO_SLOT) renewEntry(shadow, directories.table(slot, region), address, low);
  } else if (tables.isShared(region)) {
    renewEntry(shadow, tables.shared[region]!, address, low);
  } else {
    for (let slot = 0; slot < cache.size; slot++) {
      if (directories.has(slot)) renewEntry(shadow, directories.table(slot, region), address, low);
    }
  }
}

function renewEntry(shadow: Shadow, table: number, address: number, value: number): void {
  const { guestTables } = shadow;
  const source = shadow.frames.source[table]!;
  // where we have no table, or nothing in it, there is nothing to renew
  if (table === NO_FRAME || source === NO_SOURCE) return;
  let entry = 0;
  if (value !== 0) {
    const guestEntry = guestTables.entry(source, address);
    if (guestTables.entryHigh === 0) entry = shadowOfNew(guestEntry, shadow.guest.limit);
    if (entry !== 0) shadow.stats.setPteEntered++;
  }
  shadow.entries.store(table, address, entry);
}

/** Entry `index` of a top level was set. */
export function setPgd(shadow: Shadow, pgdir: number, index: number): void {
  const { guestTables, tables, cache } = shadow;
  const entries = guestTables.pae ? QUARTERS : TWO_LEVEL.entries;
  if (index >= entries) {
    shadow.kill(`page directory ${hex(pgdir)} has no entry ${index}: there are ${entries}`);
    return;
  }
  if (shadow.linear) return;
  const first = guestTables.pae ? index * PAE.entries : index;
  const end = guestTables.pae ? first + PAE.entries : first + 1;
  tables.checkShared(first, end);
  const slot = cache.find(guestTables.align(pgdir));
  if (slot === NO_SLOT) return;
  for (let region = first; region < end; region++) tables.check(slot, region, cache.pgdir(slot));
}

/** Entry `index` of a PAE Guest's middle-level page was set, for every directory that page is in. */
export function setPmd(shadow: Shadow, pmdPage: number, index: number): void {
  const { guestTables, directories, tables, cache } = shadow;
  // which form it will be is not known yet
  if (shadow.linear) return;
  if (!guestTables.pae) {
    shadow.kill(`middle-level page ${hex(pmdPage)} in page tables that have two levels`);
    return;
  }
  if (index >= PAE.entries) {
    shadow.kill(`middle-level page ${hex(pmdPage)} has no entry ${index}: there are ${PAE.entries}`);
    return;
  }
  const page = (pmdPage & -PAGE_SIZE) >>> 0;
  for (let region = index; region < PAE.regions; region += PAE.entries) tables.checkShared(region, region + 1);
  for (let slot = 0; slot < cache.size; slot++) {
    if (!directories.has(slot)) continue;
    const pgdir = cache.pgdir(slot);
    for (let quarter = 0; quarter < QUARTERS; quarter++) {
      if (guestTables.quarterPage(pgdir, quarter) !== page) continue;
      tables.check(slot, quarter * PAE.entries + index, pgdir);
    }
  }
}
