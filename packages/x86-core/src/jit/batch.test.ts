/*
 * How long a compiled region waits for others to share a module with.
 */
import { expect, it } from 'vitest';
import { FunctionBuilder } from '../wasm/function-builder.js';
import { Batch } from './batch.js';
import type { Region } from './regions.js';

const patience = 32;

/** Let a region that begins at a record wait. */
function add(batch: Batch, record: number): void {
  const f = new FunctionBuilder(['i32'], ['i32']);
  f.leave(f.parameter(0));
  const region: Region = { place: 1, needed: 1, record, linear: record, user: false, key: record, pages: [], blocks: [], covers: [], leaders: [] };
  batch.add(region, f.finish(''));
}

function waiting(...records: readonly number[]): Batch {
  const batch = new Batch(patience);
  for (const record of records) add(batch, record);
  return batch;
}

/** Looks until a batch waits no longer, where there are so many regions. */
function looksOf(batch: Batch, regions: number): number {
  let looks = 1;
  while (!batch.isDue(regions)) looks++;
  return looks;
}

it('is longer the more regions there are, but not for ever, and not when there are enough', () => {
  expect(new Batch(patience).isDue(0)).toBe(false);
  expect(looksOf(waiting(32), 0)).toBe(patience + 1);
  expect(looksOf(waiting(32, 64), 80)).toBe(11 * patience + 1);
  expect(looksOf(waiting(...Array.from({ length: 8 }, (_, i) => 32 * i)), 80)).toBe(1);
});

it('is short for one that is missed', () => {
  const batch = waiting(32, 64);
  for (let i = 0; i < 15; i++) expect(batch.keepsWaiting(i % 2 === 0 ? 32 : 64)).toBe(true);
  for (let i = 0; i < 100; i++) expect(batch.keepsWaiting(96)).toBe(false);
  expect(batch.isDue(80)).toBe(false);
  batch.keepsWaiting(64);
  expect(batch.isDue(80)).toBe(true);
  expect(batch.take(1).regions.map(({ record }) => record)).toEqual([32, 64]);
  add(batch, 128);
  expect(batch.isDue(80)).toBe(false);
});
