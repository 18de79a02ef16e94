/*H:530
 * Another address space.
 *
 * The Guest's "load CR3". The first one ends linear mode, and tells us by its looks which of the two forms of page
 * tables the Guest will use for the rest of its life. Later ones are context switches, and mostly name a directory
 * whose shadow we still have.
 */
import { hex } from './entries.js';
import { MmuShadowError } from './error.js';
import { checkDirectory, checkUser } from './flushes.js';
import { PAE, TWO_LEVEL } from './form.js';
import { NO_SLOT } from './shadow-directories.js';
import type { Shadow } from './shadow.js';

/** Switch to the page directory at a guest-physical address. */
export function newPageTable(shadow: Shadow, pgdir: number): void {
  const { stats, cache, guestTables } = shadow;
  stats.newPageTable++;
  if (shadow.linear) guestTables.pae = guestTables.looksLikePae(pgdir);
  const directory = guestTables.align(pgdir);
  if (!guestTables.contains(directory)) {
    shadow.kill(`page directory ${hex(pgdir)} does not lie in guest memory, which ends at ${hex(shadow.guest.limit)}`);
    return;
  }
  if (shadow.linear) {
    clear(shadow);
    shadow.tables.setForm(guestTables.pae ? PAE : TWO_LEVEL, shadow.kernelAddress);
  }

  let slot = cache.find(directory);
  if (slot === NO_SLOT) {
    slot = newDirectory(shadow, directory);
  } else {
    stats.directoryHits++;
    if (slot === shadow.slot) {
      // to the CPU, loading CR3 with what it holds is a flush
      checkUser(shadow);
      return;
    }
    if (shadow.stale[slot] !== 0) checkDirectory(shadow, slot);
  }
  shadow.tables.linkShared(slot, directory);
  enter(shadow, slot, directory);
}

/** Start (over) in linear mode, with a shadow directory that is empty but for the Switcher window. */
export function startLinear(shadow: Shadow): void {
  clear(shadow);
  shadow.linear = true;
  shadow.guestTables.pae = false;
  shadow.guestTables.entryHigh = 0;
  // nothing is shared: there is one directory, and it is not the Guest's
  shadow.tables.setForm(TWO_LEVEL, shadow.windowBase);
  shadow.directories.create(0);
  enter(shadow, 0, 0);
}

/** Give every frame back. */
export function clear(shadow: Shadow): void {
  const { cache } = shadow;
  for (let slot = 0; slot < cache.size; slot++) cache.clear(slot);
  shadow.tables.destroyAll();
  shadow.slot = NO_SLOT;
  shadow.linear = false;
}

function newDirectory(shadow: Shadow, pgdir: number): number {
  const slot = shadow.cache.slotForNew(shadow.slot);
  if (shadow.directories.has(slot)) {
    shadow.stats.directoriesReplaced++;
    dropDirectory(shadow, slot);
  }
  shadow.directories.create(slot);
  shadow.cache.set(slot, pgdir);
  shadow.stale[slot] = 0;
  return slot;
}

function enter(shadow: Shadow, slot: number, pgdir: number): void {
  shadow.slot = slot;
  shadow.pgdir = pgdir;
  shadow.directories.current = slot;
  shadow.cache.touch(slot);
  shadow.tlb.setPageTable(shadow.directories.root(slot), shadow.guestTables.pae);
}

/*H:550
 * Frames.
 *
 * Shadow tables are made of frames that the Guest makes us use, and it could make us use any number. So there is a
 * limit, and when it is reached something is given up: first the directory not used for the longest time, then, if
 * only one is left, single tables. All of it can be had again from the Guest's tables, at the price of faults.
 */

/** A frame, whatever has to be given up for it. */
export function allocateFrame(shadow: Shadow): number {
  const { allocator, frames } = shadow;
  while (allocator.available === 0 || frames.held >= shadow.maxFrames) reclaim(shadow);
  return allocator.allocate();
}

function reclaim(shadow: Shadow): void {
  // in linear mode none is in the cache
  const oldest = shadow.cache.oldest(shadow.slot);
  if (oldest !== NO_SLOT) {
    shadow.stats.directoriesReclaimed++;
    dropDirectory(shadow, oldest);
    return;
  }
  if (!shadow.tables.giveUpTable()) {
    throw new MmuShadowError('out-of-frames', 'Somebody else took the frames that shadow page tables need; give them an allocator of their own.');
  }
  shadow.stats.tablesReclaimed++;
}

function dropDirectory(shadow: Shadow, slot: number): void {
  shadow.tables.destroyDirectory(slot);
  shadow.cache.clear(slot);
}
