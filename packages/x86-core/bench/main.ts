/*
 * `npm run bench`: every program on v86, on our engines, and on the machine itself.
 */
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { measure, quick, type Row, thorough } from './measure.js';
import { native } from './native.js';
import { ours } from './ours.js';
import { programs } from './programs.js';
import type { Side } from './runner.js';
import { heading, line, summary } from './table.js';
import { v86 } from './v86.js';

const { values: options, positionals: chosen } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    sides: { type: 'string', default: 'v86,interpreter,jit,native' },
  },
});

const unknown = chosen.filter((name) => !programs.some((program) => program.name === name));
if (unknown.length > 0) {
  console.error(`bench: there is no program ${unknown.join(', ')}; there are ${programs.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}

const wasmPath = createRequire(import.meta.url).resolve('v86').replace(/libv86\.mjs$/, 'v86.wasm');
const all: Record<string, () => Side | Promise<Side | string>> = {
  v86: () => v86(wasmPath, true),
  'v86-interpreter': () => v86(wasmPath, false),
  reference: () => ours('reference'),
  interpreter: () => ours('interpreter'),
  jit: () => ours('jit'),
  native,
};

const sides: Record<string, Side> = {};
for (const name of options.sides.split(',')) {
  const side = await all[name]?.() ?? `the sides are ${Object.keys(all).join(', ')}`;
  if (typeof side === 'string') console.error(`bench: no side ${name}: ${side}`);
  else sides[name] = side;
}

const rows: Row[] = [];
let failed = false;
console.log(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'CPU'}`);
console.log(heading(Object.keys(sides)));
for (const program of programs) {
  if (chosen.length > 0 && !chosen.includes(program.name)) continue;
  try {
    const row = await measure(program, sides, options.quick ? quick : thorough);
    rows.push(row);
    console.log(line(row, Object.keys(sides)));
  } catch (thrown) {
    failed = true;
    console.error(`FAILED ${String(thrown)}`);
  }
}
for (const text of summary(rows, Object.keys(sides))) console.log(text);
process.exit(failed ? 1 : 0); // v86 keeps timers
