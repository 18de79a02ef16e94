/*
 * The bench within a page. chromium.ts serves it, and hears what it reports: a POST for each program, and one at the end.
 */
import { type Effort, measureAll } from './measure.js';
import { ours } from './ours.js';
import { programs } from './programs.js';
import type { SideName } from './request.js';
import type { Side } from './runner.js';
import { v86 } from './v86.js';

/** What the server asks of the page, in its address. */
export interface Order {
  programs: string[];
  sides: SideName[];
  effort: Effort;
  /** Address of v86's WebAssembly. */
  wasm: string;
}

const { programs: names, sides, effort, wasm } = JSON.parse(decodeURIComponent(location.hash.slice(1))) as Order;

function side(name: SideName): Side {
  if (name === 'native') throw new Error('a page runs no native programs');
  return name === 'v86' || name === 'v86-interpreter' ? v86(wasm, name === 'v86') : ours(name);
}

async function report(kind: 'row' | 'failure' | 'end', what: unknown): Promise<void> {
  await fetch(`/${kind}`, { method: 'POST', body: JSON.stringify(what) });
}

const reports: Promise<void>[] = [];
await measureAll(programs.filter(({ name }) => names.includes(name)), Object.fromEntries(sides.map((name) => [name, side(name)])), effort, {
  row: (row) => { reports.push(report('row', row)); },
  failure: (sentence) => { reports.push(report('failure', sentence)); },
}).catch((thrown: unknown) => { reports.push(report('failure', String(thrown))); });
await Promise.all(reports);
await report('end', null);
