/*
 * Compiled code on the interpreter, next to npm's v86: with its JIT off (its interpreter), and on, for information.
 * `npm run bench` in this package bundles this file from source and runs it; `npm run bench -- sieve fib` runs some.
 *
 * All sides run the same bytes in one process, in turns; the median of the turns counts. MIPS are guest instructions
 * retired per microsecond. How many instructions a round has is counted by our CPU, exactly; v86 must count the
 * same, and every round on every side must report the same result. The reference engine gets one round: it is there to
 * be right.
 */
import { cpus } from 'node:os';
import { programs } from './programs.js';
import { runOurs } from './ours.js';
import type { Runner } from './runner.js';
import { runV86 } from './v86.js';

const WARM_UP_MS = 1500;
const TURN_MS = 400;
const TURNS = 7;

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!;
const geometricMean = (values: readonly number[]): number => Math.exp(values.reduce((sum, v) => sum + Math.log(v), 0) / values.length);
const cell = (value: number, digits = 0): string => value.toFixed(digits).padStart(11);

interface Row { name: string; ours: number; reference: number; v86: number; v86Jit: number }

async function measure(name: string, image: Uint8Array): Promise<Row> {
  const ours = runOurs(image, 'interpreter');
  const reference = runOurs(image, 'reference');
  const sides: Record<'ours' | 'v86' | 'v86Jit', Runner> = { ours, v86: await runV86(image, false), v86Jit: await runV86(image, true) };
  const speeds: Record<string, number[]> = { ours: [], v86: [], v86Jit: [] };
  for (const side of Object.values(sides)) await side.run(WARM_UP_MS);
  const instructions = ours.instructionsPerRound();
  const mips = ({ rounds, milliseconds }: { rounds: number; milliseconds: number }): number => (rounds * instructions) / milliseconds / 1000;
  for (let turn = 0; turn < TURNS; turn++) {
    for (const [side, runner] of Object.entries(sides)) speeds[side]!.push(mips(await runner.run(TURN_MS)));
  }
  const slow = mips(await reference.run(1));
  const results = new Set([...Object.values(sides), reference].flatMap((runner) => runner.results()));
  if (results.size !== 1) throw new Error(`${name}: results differ: ${[...results].map((r) => r.toString(16)).join(', ')}`);
  for (const runner of [reference, sides.v86, sides.v86Jit]) {
    const theirs = runner.instructionsPerRound();
    if (theirs !== instructions) throw new Error(`${name}: a round has ${instructions} or ${theirs} instructions`);
  }
  for (const side of Object.values(sides)) await side.stop?.();
  return { name, ours: median(speeds['ours']!), reference: slow, v86: median(speeds['v86']!), v86Jit: median(speeds['v86Jit']!) };
}

const chosen = process.argv.slice(2);
const rows: Row[] = [];
console.log(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'CPU'}`);
console.log('MIPS        interpreter   reference   v86 no JIT     ratio    v86 JIT');
const print = ({ name, ours, reference, v86, v86Jit }: Row): void =>
  console.log(`${name.padEnd(12)}${cell(ours)} ${cell(reference, 1)}  ${cell(v86)}${cell(ours / v86, 1)}${cell(v86Jit)}`);
for (const [name, image] of programs) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  const row = await measure(name, image);
  rows.push(row);
  print(row);
}
const mean = (pick: (row: Row) => number): number => geometricMean(rows.map(pick));
print({ name: 'geo. mean', ours: mean((r) => r.ours), reference: mean((r) => r.reference), v86: mean((r) => r.v86), v86Jit: mean((r) => r.v86Jit) });
process.exit(); // v86 keeps timers
