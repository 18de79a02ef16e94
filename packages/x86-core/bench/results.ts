/*
 * What a run of the bench leaves behind: all numbers, and where they come from. Kept as JSON in results/.
 */
import type { ClockName } from './clock.js';
import type { Row } from './measure.js';
import { type Group, type Program, programs } from './programs.js';

/** Where and when. */
export interface Provenance {
  /** Such as "Node v20.19.0". */
  runtime: string;
  machine: string;
  /** ISO 8601, a day. */
  date: string;
  /** Processes that wanted to run, in the mean of the last minute: before the first program, and after the last one. */
  load: [number, number];
  clock: ClockName;
  /** Of v86. */
  v86: string;
}

export interface Results extends Provenance {
  rows: Row[];
}

/** A column of ratios: one side's speed over another's. */
export const ratios = [
  { title: 'interpreter/v86', of: 'interpreter', to: 'v86' },
  { title: 'jit/v86', of: 'jit', to: 'v86' },
  { title: 'jit/native', of: 'jit', to: 'native' },
] as const;

export type Ratio = (typeof ratios)[number];

export const jitToV86 = ratios[1];

export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** Undefined where one of the sides is missing. */
export function ratioOf(mips: Readonly<Record<string, number>>, { of, to }: Ratio): number | undefined {
  const numerator = mips[of];
  const denominator = mips[to];
  return numerator === undefined || denominator === undefined ? undefined : numerator / denominator;
}

/** A row's ratio by its program's name; undefined when it was not measured. */
export function ratioNamed(rows: readonly Row[], name: Program['name'], ratio: Ratio): number | undefined {
  const row = rows.find(({ program }) => program === name);
  return row && ratioOf(row.mips, ratio);
}

/** A ratio's values over the programs of some groups, or of all. */
export function ratiosOf(rows: readonly Row[], ratio: Ratio, groups?: readonly Group[]): number[] {
  const counted = programs.filter(({ group }) => groups?.includes(group) ?? true);
  return counted.map(({ name }) => ratioNamed(rows, name, ratio)).filter((value) => value !== undefined);
}

/** Undefined where there is none. */
export function meanRatio(rows: readonly Row[], ratio: Ratio, groups?: readonly Group[]): number | undefined {
  const values = ratiosOf(rows, ratio, groups);
  return values.length === 0 ? undefined : geometricMean(values);
}
