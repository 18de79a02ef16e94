/*
 * verify:system — what only an operating system can do, on QEMU's translator and on our engines, with counts per group.
 *
 *   system [--cases N] [--seed N] [--engine reference|interpreter|jit|all] [--group PREFIX] [--show N] [--accelerator tcg|kvm]
 *          [--record DIRECTORY [--lines N]]
 *
 * Status 1: something differs that README.md does not excuse. Status 2: QEMU is not there. --record adds lines to the tables
 * in a directory until each file has N of them (2000); a file that is not there begins with none.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EngineName } from '../../src/index.js';
import { Draw, type SystemGroup } from './draw.js';
import { type Difference, judge } from './excuses.js';
import { systemFiles } from './groups.js';
import { type Outcome, qemuVersion, runOurs, runQemu } from './run.js';
import type { SystemCase } from './system-case.js';
import { additions, type Line } from '../spread.js';
import { parseTable } from '../table-file.js';
import { formatSystemCase, gistOf, kindOf } from './text.js';
import { tell, type Told } from './told.js';

function option(name: string, otherwise: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : (process.argv[at + 1] ?? otherwise);
}

const cases = Number(option('cases', '200'));
const seed = Number(option('seed', '1'));
const chosen = option('engine', 'all');
const prefix = option('group', '');
const show = Number(option('show', '3'));
const accelerator = option('accelerator', 'tcg');
const directory = option('record', '');
const wantedLines = Number(option('lines', '2000'));
const engines = (['reference', 'interpreter', 'jit'] as const).filter((name) => chosen === 'all' || chosen === name);

/** A case and what came of it. */
interface Answered {
  readonly c: SystemCase;
  readonly group: SystemGroup;
  readonly theirs: Told;
  readonly ours: readonly Told[];
}

/** All groups' cases go in one list, so that there are few boots. */
function ask(groups: readonly SystemGroup[]): Answered[] {
  const list = groups.flatMap((group) => {
    const draw = new Draw(seed);
    return Array.from({ length: cases }, () => ({ c: group.make(draw), group }));
  });
  const all = list.map(({ c }) => c);
  const told = (outcomes: Outcome[]): Told[] => outcomes.map((outcome, i) => tell(all[i]!, outcome));
  const theirs = told(runQemu(accelerator, all));
  const ours = engines.map((engine: EngineName) => told(runOurs(engine, all)));
  return list.map(({ c, group }, i) => ({ c, group, theirs: theirs[i]!, ours: ours.map((each) => each[i]!) }));
}

const reasons = new Map<string, number>();

function describe({ name, ours, theirs }: Difference): string {
  const text = (value: number | string | undefined): string => (typeof value === 'number' ? value.toString(16) : value ?? 'as before');
  return `${name}: ours ${text(ours)}, theirs ${text(theirs)}`;
}

/** Compare a group's answers; returns cases that differ by engine, and those that are excused. */
function compare(group: SystemGroup, answers: readonly Answered[]): { wrong: number[]; excused: number[] } {
  const wrong = engines.map(() => 0);
  const excused = engines.map(() => 0);
  for (const { c, ours, theirs } of answers) {
    ours.forEach((told, k) => {
      const verdict = judge(c, group.name, told, theirs);
      if (verdict.excused.size > 0) excused[k]!++;
      if (k === 0) for (const why of verdict.excused) reasons.set(why, (reasons.get(why) ?? 0) + 1);
      if (verdict.left.length > 0 && wrong[k]!++ < show) console.log(`  ${group.name}, ${engines[k]}: ${formatSystemCase(c, told)}\n    ${verdict.left.map(describe).join('; ')}`);
    });
  }
  return { wrong, excused };
}

/** A line of a table, with what it is compared by. */
const lineOf = (group: string, text: string): Line => ({ text, group, kind: kindOf(text), gist: gistOf(text) });

/** A group's lines for a table: our answers, of which those that differ from QEMU's for a reason are marked. */
function lines(group: SystemGroup, answers: readonly Answered[]): Line[] {
  return answers.flatMap(({ c, ours: [told], theirs }) => {
    const { left, excused } = judge(c, group.name, told!, theirs);
    const manual = [...excused].some((why) => !why.startsWith('faults push RF'));
    return left.length > 0 ? [] : [lineOf(group.name, formatSystemCase(c, told!, manual))];
  });
}

/** Add lines to a file. */
function record(path: string, groups: readonly SystemGroup[], candidates: readonly Line[]): void {
  const known = existsSync(path) ? parseTable(readFileSync(path, 'utf8')) : new Map<string, string[]>();
  const have = [...known].flatMap(([name, texts]) => texts.map((text) => lineOf(name, text)));
  const all = [...have, ...additions(have, candidates, wantedLines)];
  const names = [...new Set([...known.keys(), ...groups.map(({ name }) => name)])];
  const parts = names.map((name) => ['', `# ${name}`, ...all.filter(({ group }) => group === name).map(({ text }) => text)].join('\n'));
  writeFileSync(path, `# code | how it begins | what came of it (see ../system/text.ts); compared with QEMU\n${parts.join('\n')}\n`);
  console.log(`${path}: ${have.length} lines, now ${all.length}`);
}

function main(): number {
  const version = qemuVersion();
  if (version === undefined) {
    console.error('qemu-system-i386 is not here; it comes with the package qemu-system-x86.');
    return 2;
  }
  console.log(`${version}, ${accelerator}; seed ${seed}, ${cases} cases per group, engines: ${engines.join(' / ')}`);
  console.log(`${'group'.padEnd(28)} ${'cases'.padStart(7)}  different  excused`);
  let total = 0;
  let failures = 0;
  for (const [file, groups] of Object.entries(systemFiles)) {
    const wanted = groups.filter(({ name }) => name.startsWith(prefix));
    if (wanted.length === 0) continue;
    const answers = ask(wanted);
    const candidates: Line[] = [];
    for (const group of wanted) {
      const own = answers.filter((answer) => answer.group === group);
      const { wrong, excused } = compare(group, own);
      console.log(`${group.name.padEnd(28)} ${String(own.length).padStart(7)}  ${wrong.join(' / ').padStart(9)}  ${excused.join(' / ')}`);
      total += own.length;
      failures += wrong.reduce((sum, count) => sum + count, 0);
      candidates.push(...lines(group, own));
    }
    if (directory !== '') record(join(directory, `${file}.txt`), groups, candidates);
  }
  console.log(`${total} cases, ${failures} differences; excused on ${engines[0]}:`);
  for (const [why, count] of [...reasons].sort((a, b) => b[1] - a[1])) console.log(`${String(count).padStart(7)}  ${why}`);
  return failures > 0 ? 1 : 0;
}

process.exitCode = main();
