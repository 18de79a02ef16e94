/*
 * What happened, in numbers. Counting is always on: an increment per event.
 */

/** Counters of one ShadowPageTables. They only grow. */
export interface ShadowStats {
  /** demandPage() calls, and how they ended: filled, or the Guest's own fault. */
  faults: number;
  filled: number;
  reflected: number;
  /** setPte() calls, and how many entered the new entry at once. */
  setPte: number;
  setPteEntered: number;
  /** newPageTable() calls, and how many found the directory in the cache. */
  newPageTable: number;
  directoryHits: number;
  /** Directories given up: for another one, and for want of frames. */
  directoriesReplaced: number;
  directoriesReclaimed: number;
  /** Page tables given up for want of frames. */
  tablesReclaimed: number;
  flushUser: number;
  flushAll: number;
  /** Entries gone through by flushes and the like: what calls cost beyond a constant, and who asks should pay for. */
  looks: number;
}

/** All counters at 0. */
export function newStats(): ShadowStats {
  return {
    faults: 0, filled: 0, reflected: 0, setPte: 0, setPteEntered: 0, newPageTable: 0, directoryHits: 0,
    directoriesReplaced: 0, directoriesReclaimed: 0, tablesReclaimed: 0, flushUser: 0, flushAll: 0, looks: 0,
  };
}
