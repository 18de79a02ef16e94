/*
 * What the compiled programs are asked to do.
 */
import { spawnSync } from 'node:child_process';
import type { Build } from './builds.js';
import type { Job } from './run.js';

/** Functions that the C library computes with FPATAN, F2XM1, FYL2X, FYL2XP1, for which the manual promises a bound, not bits. */
const transcendental = new Set([
  'acos', 'asin', 'atan', 'sinh', 'cosh', 'tanh', 'asinh', 'acosh', 'atanh', 'exp', 'exp2', 'exp10', 'expm1', 'log', 'log2', 'log10', 'log1p',
  'lgamma', 'tgamma', 'j0', 'j1', 'y0', 'y1', 'pow', 'atan2', 'erf', 'erfc',
]);

/**
 * The gamma function is a product of powers and exponentials, each of which is such a result rounded to a double: where
 * they are off by one unit, so many can come together. Seen: three, at -120.26 on an Intel, of double only.
 */
const products = new Set(['double tgamma']);
const factorsOfProducts = 4;
const approximation = (type: string, f: string): number => (!transcendental.has(f) ? 0 : products.has(`${type} ${f}`) ? factorsOfProducts : 1);

const types = ['float', 'double', 'long'] as const;
const deaths = ['divide', 'load-nothing', 'store-read-only', 'illegal', 'breakpoint', 'privileged', 'unaligned', 'step', 'float-divide', 'abort'];

/** All jobs of one compiled program. */
export function jobsOf({ name, variant, path, sse2 }: Build): Job[] {
  const job = (args: readonly string[], more: Partial<Job> = {}): Job => ({ name: [`${name}.${variant}`, ...args].join(' '), program: path, args, sse2, ...more });
  switch (name) {
    case 'formats': return ['print', 'scan'].flatMap((action) => types.map((type) => job([action, type])));
    case 'libm': {
      const functions = spawnSync(path, ['list'], { encoding: 'utf8' }).stdout.trim().split('\n');
      return functions.flatMap((f) => types.map((type) => job([type, f], { approximate: approximation(type, f) })));
    }
    case 'signals': return [job(['handle']), ...deaths.map((death) => job(['die', death]))];
    default: return [job([])];
  }
}
