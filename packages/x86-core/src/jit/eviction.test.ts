/*
 * Which modules stay: those whose regions are used most for their bytes, with what regions have left behind in them.
 */
import { expect, it } from 'vitest';
import { mostUsed, type SharedModule, type Used } from './eviction.js';

/** A module, and regions in it that were used so often. */
function regionsOf(size: number, ...uses: readonly number[]): { shared: SharedModule; regions: Used[] } {
  const module = new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  const shared = { module, size, bytes: undefined };
  return { shared, regions: uses.map((count) => ({ shared, uses: count })) };
}

it('keeps the modules used most for their bytes, as many as there is room for', () => {
  const [cold, hot, big, small] = [regionsOf(100, 1), regionsOf(100, 50, 0, 3), regionsOf(1000, 60, 60), regionsOf(10, 2)] as const;
  const all = [cold, hot, big, small].flatMap(({ regions }) => regions);
  expect([...mostUsed(all, 1110)]).toEqual([hot.shared, small.shared, big.shared]);
  // what is too big leaves room for what is less used
  expect([...mostUsed(all, 1000)]).toEqual([hot.shared, small.shared, cold.shared]);
  expect([...mostUsed(all, 9)]).toEqual([]);
});
