/*
 * `npm run bench`: every program on v86, on our engines, and on the machine itself; README.md tells how and why.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, loadavg } from 'node:os';
import { chart } from './chart.js';
import { chromiumVersion, findChromium, measureInChromium } from './chromium.js';
import { type Listener, measureAll } from './measure.js';
import { native } from './native.js';
import { ours } from './ours.js';
import { toJson, updateReadmes } from './readme.js';
import { type Request, readRequest, type SideName, usage } from './request.js';
import type { Results } from './results.js';
import type { Side } from './runner.js';
import { TextTable } from './table.js';
import { v86 } from './v86.js';

const require = createRequire(import.meta.url);
const v86Module = require.resolve('v86');

/** A side, or why there is none. */
async function side(name: SideName): Promise<Side | string> {
  if (name === 'native') return native();
  if (name === 'v86' || name === 'v86-interpreter') return v86(v86Module.replace(/libv86\.mjs$/, 'v86.wasm'), name === 'v86');
  return ours(name);
}

async function measureInNode({ programs, sides, effort }: Request, listener: Listener): Promise<void> {
  const found: Record<string, Side> = {};
  for (const name of sides) {
    const one = await side(name);
    if (typeof one === 'string') console.error(`bench: no ${name}: ${one}`);
    else found[name] = one;
  }
  await measureAll(programs, found, effort, listener);
}

function provenance({ chromium }: Request): Omit<Results, 'rows'> {
  const { version } = JSON.parse(readFileSync(v86Module.replace(/build.libv86\.mjs$/, 'package.json'), 'utf8')) as { version: string };
  return {
    runtime: chromium ? chromiumVersion(findChromium()) : `Node ${process.version}`,
    machine: `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'CPU'}`,
    date: new Date().toISOString().slice(0, 10),
    load: [loadavg()[0]!, 0],
    clock: chromium ? 'wall time' : 'CPU time',
    v86: version,
  };
}

/** Measure, and print the table as it grows. */
async function results(request: Request, failure: (sentence: string) => void): Promise<Results> {
  const all: Results = { ...provenance(request), rows: [] };
  console.log(`${all.runtime}, ${all.machine}, v86 ${all.v86}`);
  const table = new TextTable(request.sides, console.log);
  const listener: Listener = { failure, row: (row) => { all.rows.push(row); table.row(row); } };
  await (request.chromium ? measureInChromium(request, v86Module, listener) : measureInNode(request, listener));
  all.load[1] = loadavg()[0]!;
  table.means(all.rows);
  return all;
}

async function main(): Promise<number> {
  const request = readRequest(process.argv.slice(2));
  if (request === 'help') {
    console.log(usage);
    return 0;
  }
  const failures: string[] = [];
  const failure = (sentence: string): void => {
    failures.push(sentence);
    console.error(`FAILED ${sentence}`);
  };
  const all = request.from === undefined ? await results(request, failure) : JSON.parse(readFileSync(request.from, 'utf8')) as Results;
  if (failures.length > 0) console.error(`${failures.length} of ${request.programs.length} programs failed; nothing is written`);
  else {
    if (request.json !== undefined) writeFileSync(request.json, toJson(all));
    if (request.chart !== undefined) writeFileSync(request.chart, chart(all));
    if (request.updateReadme) updateReadmes(all);
  }
  return failures.length > 0 ? 1 : 0;
}

// v86 keeps timers, so the process must be told to end
process.exit(await main().catch((thrown: unknown) => {
  console.error(`bench: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  return 2;
}));
