/*
 * What our JIT is meant to reach: ratios to v86's JIT, and in the last row to the machine, on the same bytes in the same run.
 */
import type { Row } from './measure.js';
import type { Program } from './programs.js';
import { jitToV86, meanRatio, ratioNamed, ratios, ratiosOf } from './results.js';

export interface Goal {
  readonly about: string;
  /** What it must be, and what it should be. */
  readonly atLeast: number;
  readonly aim: number;
  /** Undefined when it was not measured. */
  readonly measured: (rows: readonly Row[]) => number | undefined;
}

const [, , jitToNative] = ratios;

const worst = (values: readonly (number | undefined)[]): number | undefined => {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
};
const worstOf = (...names: Program['name'][]): Goal['measured'] => (rows) => worst(names.map((name) => ratioNamed(rows, name, jitToV86)));

export const goals: readonly Goal[] = [
  { about: 'CPU-bound programs, geometric mean', atLeast: 2.5, aim: 3.5, measured: (rows) => meanRatio(rows, jitToV86, ['cpu']) },
  { about: 'the worst of them', atLeast: 2, aim: 2.5, measured: (rows) => worst(ratiosOf(rows, jitToV86, ['cpu'])) },
  { about: 'bound by the memory\'s latency (`chase`)', atLeast: 1.1, aim: 1.1, measured: worstOf('chase') },
  { about: '`sha256`, `scalar-sse2`, `x87`: the worst', atLeast: 5, aim: 8, measured: worstOf('sha256', 'scalar-sse2', 'x87') },
  { about: 'calls across pages (`pages`)', atLeast: 5, aim: 10, measured: worstOf('pages') },
  { about: 'page fault and back, system call and back: the worst', atLeast: 2, aim: 4, measured: worstOf('fault-kernel', 'fault-user', 'syscall') },
  { about: '`cold` code', atLeast: 4, aim: 6, measured: worstOf('cold') },
  { about: 'share of the machine\'s own speed, CPU-bound programs, geometric mean', atLeast: 0.2, aim: 0.35, measured: (rows) => meanRatio(rows, jitToNative, ['cpu']) },
];
