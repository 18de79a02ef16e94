/*
 * Puts numbers where readers find them: results/ keeps those of each runtime, and tables and charts are made from them.
 *
 * A README has places for tables, between comments `<!-- bench: NAME -->` and `<!-- /bench -->`.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chart } from './chart.js';
import { goals } from './goals.js';
import { type Program, programs } from './programs.js';
import { jitToV86, meanRatio, type Ratio, ratioNamed, ratioOf, ratios, ratiosOf, type Results } from './results.js';
import { ratioText, speed } from './table.js';

/** The bench runs in its package's directory. */
const folder = join(process.cwd(), 'bench');
const kept = join(folder, 'results');
const sides = ['v86', 'interpreter', 'jit', 'native'];
/** These go into the package's own README. */
const excerpt: readonly Program['name'][] = ['alu', 'fib', 'qsort', 'sha256', 'pages', 'x87', 'scalar-sse2', 'syscall', 'fault-user', 'cold'];

type Tables = Record<string, (all: readonly Results[]) => string>;

/** "Node v20.20.2" → "node-20", "Chromium 156.0" → "chromium": a newer one of a kind takes the older one's place. */
function fileName({ runtime }: Results): string {
  const [name, version] = runtime.toLowerCase().split(' ');
  return name === 'node' ? `node-${/\d+/.exec(version ?? '')![0]}` : name!;
}

/** One program a line. */
export function toJson({ rows, ...provenance }: Results): string {
  const digits = (_key: string, value: unknown): unknown => (typeof value === 'number' ? Number(value.toPrecision(4)) : value);
  const exact = (row: Results['rows'][number]): string => JSON.stringify({ ...row, mips: undefined, turns: undefined, instructionsPerRound: row.instructionsPerRound }).slice(0, -1);
  const lines = rows.map((row) => `${exact(row)},"mips":${JSON.stringify(row.mips, digits)},"turns":${JSON.stringify(row.turns, digits)}}`);
  return `${JSON.stringify(provenance).slice(0, -1)},"rows":[\n${lines.join(',\n')}\n]}\n`;
}

/** What is empty, a number or a dash in the first line goes to the right. */
const rule = (cell: string | undefined): string => (/^[\d.–]*$/.test(cell ?? '') ? '--:' : '---');

const markdown = (head: readonly string[], body: readonly (readonly string[])[]): string =>
  [`| ${head.join(' | ')} |`, `|${head.map((_title, i) => rule(body[0]?.[i])).join('|')}|`, ...body.map((row) => `| ${row.join(' | ')} |`)].join('\n');

const provenanceOf = ({ runtime, machine, date, clock, load, v86 }: Results): string =>
  `${runtime}, ${machine}, v86 ${v86.split('+')[0]}, ${date}; ${clock}, load ${load.map((value) => value.toFixed(1)).join(' to ')}.`;

function table(results: Results, names: readonly string[]): string {
  const { rows } = results;
  const body = programs.filter(({ name }) => names.includes(name)).map(({ name, about }) => {
    const row = rows.find(({ program }) => program === name);
    return [name, about, ...sides.map((side) => speed(row?.mips[side])), ...ratios.map((ratio) => ratioText(row && ratioOf(row.mips, ratio)))];
  });
  const mean = (title: string, groups?: readonly Program['group'][]): string[] => [`**${title}**`, '', ...sides.map(() => ''), ...ratios.map((ratio) => `**${ratioText(meanRatio(rows, ratio, groups))}**`)];
  const head = ['program', '', 'v86', 'interpreter', 'JIT', 'native', 'interpreter ÷ v86', 'JIT ÷ v86', 'JIT ÷ native'];
  return `${markdown(head, [...body, mean('mean, CPU-bound', ['cpu']), mean('mean of all')])}\n\n${provenanceOf(results)}`;
}

const verdict = (value: number | undefined, { atLeast, aim }: { atLeast: number; aim: number }): string =>
  value === undefined ? 'not measured' : value >= aim ? 'aim reached' : value >= atLeast ? 'reached' : 'missed';

const tables: Tables = {
  programs: ([main]) => table(main!, programs.map(({ name }) => name)),
  excerpt: ([main]) => table(main!, excerpt),
  sentence: ([main]) => {
    const { rows, runtime, machine, date } = main!;
    const times = (ratio: Ratio): string => ratioText(meanRatio(rows, ratio, ['cpu']));
    return `The same machine code as on npm's \`v86\` with its JIT, geometric mean of ${ratiosOf(rows, jitToV86, ['cpu']).length} CPU-bound programs: our interpreter ${times(ratios[0])} times as fast, our JIT ${times(jitToV86)} times, and ${(100 * (meanRatio(rows, ratios[2], ['cpu']) ?? 0)).toFixed(0)} % of the machine's own speed ([bench](packages/x86-core/bench); ${runtime}, ${machine}, ${date}).`;
  },
  goals: ([main]) => markdown(['JIT ÷ v86', 'at least', 'aim', 'measured', ''], goals.map((goal) => {
    const value = goal.measured(main!.rows);
    return [goal.about, String(goal.atLeast), String(goal.aim), ratioText(value), verdict(value, goal)];
  })),
  runtimes: (all) => markdown(
    ['', 'JIT ÷ v86, mean, CPU-bound', 'the worst of these', 'mean of all', 'x87', 'syscall', 'cold', 'interpreter ÷ v86, mean, CPU-bound', 'load'],
    all.map(({ runtime, date, load, rows }) => [
      `${runtime}, ${date}`, ratioText(meanRatio(rows, jitToV86, ['cpu'])), ratioText(Math.min(...ratiosOf(rows, jitToV86, ['cpu']))), ratioText(meanRatio(rows, jitToV86)),
      ...(['x87', 'syscall', 'cold'] as const).map((name) => ratioText(ratioNamed(rows, name, jitToV86))),
      ratioText(meanRatio(rows, ratios[0], ['cpu'])), load.map((value) => value.toFixed(1)).join(' to '),
    ]),
  ),
};

/** Replaces what is between a file's marks. Throws for marks of unknown tables. */
function fill(path: string, all: readonly Results[]): void {
  const text = readFileSync(path, 'utf8');
  const filled = text.replace(/(<!-- bench: (\w+) -->\n)[\s\S]*?(<!-- \/bench -->)/g, (_whole, open: string, name: string, close: string) => {
    const make = tables[name];
    if (!make) throw new Error(`${path} wants a table ${name}; there are ${Object.keys(tables).join(', ')}`);
    return `${open}\n${make(all)}\n\n${close}`;
  });
  writeFileSync(path, filled);
}

/** Keep a run's numbers, and bring charts and tables up to date. Node's oldest version is the one that the tables show. */
export function updateReadmes(results: Results): void {
  mkdirSync(kept, { recursive: true });
  writeFileSync(join(kept, `${fileName(results)}.json`), toJson(results));
  writeFileSync(join(kept, `${fileName(results)}.svg`), chart(results));
  const names = readdirSync(kept).filter((name) => name.endsWith('.json')).sort((a, b) => Number(b.startsWith('node')) - Number(a.startsWith('node')) || (a < b ? -1 : 1));
  const all = names.map((name) => JSON.parse(readFileSync(join(kept, name), 'utf8')) as Results);
  for (const path of ['README.md', '../README.md', '../../../README.md']) fill(join(folder, path), all);
}
