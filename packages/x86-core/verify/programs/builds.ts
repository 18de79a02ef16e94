/*
 * The programs in c/, compiled: each for both kinds of floating point, without optimization and with vectorized loops.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** A way to compile. */
interface Variant {
  name: string;
  flags: readonly string[];
  /** The processor must have SSE2. */
  sse2: boolean;
}

const x87 = ['-march=i686', '-mfpmath=387'];
const sse = ['-march=i686', '-msse2', '-mfpmath=sse'];
const variants: readonly Variant[] = [
  { name: '387-O0', flags: [...x87, '-O0'], sse2: false },
  { name: '387-O2', flags: [...x87, '-O2'], sse2: false },
  { name: '387-O3', flags: [...x87, '-O3', '-ffast-math'], sse2: false },
  { name: 'sse-O0', flags: [...sse, '-O0'], sse2: true },
  { name: 'sse-O2', flags: [...sse, '-O2'], sse2: true },
  { name: 'sse-O3', flags: [...sse, '-O3'], sse2: true },
  { name: 'both-O3', flags: ['-march=pentium4', '-mfpmath=both', '-O3', '-funroll-loops'], sse2: true },
];

/** Sources, what is defined for each, and which variants make sense: where the C library does the work, one does. */
const sources: readonly { source: string; name: string; defines?: readonly string[]; variants: readonly string[] }[] = [
  ...['float', 'double', 'long double'].map((type) => ({
    source: 'numeric', name: `numeric-${type.split(' ')[0]}`, defines: [`-DREAL=${type}`], variants: variants.map(({ name }) => name),
  })),
  { source: 'integers', name: 'integers', variants: variants.map(({ name }) => name) },
  { source: 'conversions', name: 'conversions', variants: ['387-O0', '387-O2', 'sse-O0', 'sse-O3'] },
  { source: 'formats', name: 'formats', variants: ['387-O2', 'sse-O2'] },
  { source: 'libm', name: 'libm', variants: ['387-O2', 'sse-O2'] },
  { source: 'signals', name: 'signals', variants: ['387-O2', 'sse-O2'] },
];

const common = ['-m32', '-static', '-std=gnu11', '-frounding-math', '-w'];

/** A program on disk. */
export interface Build {
  name: string;
  variant: string;
  sse2: boolean;
  path: string;
}

/** True when the compiler makes static 32-bit programs, and they run. */
export function canBuild(sourceDirectory: string, target: string): boolean {
  mkdirSync(target, { recursive: true });
  const trial = join(target, 'trial');
  return compile(join(sourceDirectory, 'integers.c'), trial, ['-O0']) === '' && spawnSync(trial).status === 0;
}

/** Compile; returns what the compiler said when it failed. */
function compile(source: string, path: string, flags: readonly string[]): string {
  const { status, stderr, error } = spawnSync('gcc', [...common, ...flags, source, '-o', path, '-lm'], { encoding: 'utf8' });
  return status === 0 ? '' : (error?.message ?? stderr ?? `status ${status}`);
}

/** Compile everything whose name begins so. Throws when a source does not compile. */
export function buildAll(sourceDirectory: string, target: string, prefix: string): Build[] {
  const builds: Build[] = [];
  for (const { source, name, defines, variants: wanted } of sources) {
    for (const variant of variants) {
      const full = `${name}.${variant.name}`;
      if (!wanted.includes(variant.name) || !(full.startsWith(prefix) || prefix.startsWith(full))) continue;
      const path = join(target, full);
      const complaint = compile(join(sourceDirectory, `${source}.c`), path, [...variant.flags, ...(defines ?? [])]);
      if (complaint !== '') throw new Error(`${full} does not compile: ${complaint}`);
      builds.push({ name, variant: variant.name, sse2: variant.sse2, path });
    }
  }
  return builds;
}
