/*
 * Writes the tables: asks the real processor about some random cases of every group, strips from each what does not
 * matter, and keeps one line per case.
 *
 *   record DIRECTORY [--seed N] [--file NAME] [--lines N] [--add]
 *
 * An AMD writes the tables as they are. An Intel finds them in the directory, and writes to DIRECTORY/intel the lines of
 * them that it answers otherwise, and some more cases about which ours knows that the two differ.
 *
 * An AMD that can be asked in 64-bit code only leaves all lines alone, and adds more to DIRECTORY/amd until a file has N
 * of them in both places together (2000), as far as its groups can be asked (grow.ts). So does any AMD with --add.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Batch, batchOf, Case, CaseView, stopVector } from './case.js';
import { differences, withinOneUnit } from './compare.js';
import type { Ask } from './either-operand.js';
import { files } from './groups.js';
import { grow, type Recorder } from './grow.js';
import { Oracle } from './oracle.js';
import { Random } from '../src/testing/random.js';
import { simplified } from './simplify.js';
import { Subject } from './subject.js';
import { formatCase, parseCase } from './table.js';
import { caseOf, formatTable, parseTable } from './table-file.js';
import { leavesHalf, undefinedAfter } from './undefined.js';
import { underneath } from './underneath.js';
import type { Group } from './x87-cases.js';

/** Cases tried per group, kept per kind of case, and kept at least. */
const tried = 1500;
const atLeast = 12;
const atMost = 90;
/** The same instructions in other surroundings, and many of a kind, get fewer lines. */
const briefly = 6;
const surroundings = /^(16-bit|segmented|vector) /;
const prefixes = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3];

/** Cases alike in opcode, operand kind and outcome are of one kind. */
function kindOf(before: CaseView, after: CaseView): string {
  const { code } = before;
  let at = 0;
  while (prefixes.includes(code[at]!)) at++;
  const two = code[at] === 0x0f;
  const opcode = two ? 0x100 | code[at + 1]! : code[at]!;
  const modrm = code[at + (two ? 2 : 1)]!;
  const middle = (modrm >> 3) & 7;
  return [opcode, middle, modrm >= 0xc0, after.word(Case.vector)].join();
}

/** Random cases of a group, of which those that can be asked here. */
function draw(group: Group, count: number): Batch {
  const random = new Random(seed);
  const all = Array.from({ length: count }, () => {
    const c = new CaseView();
    group.make(random, c);
    return c;
  });
  return batchOf(all.filter((c) => oracle.knows(c)));
}

/** Choose cases of one group: one of every kind, and some more that went well. */
function choose(group: Group): CaseView[] {
  const brief = surroundings.test(group.name);
  const all = draw(group, tried);
  const answers = ask(all);
  const kinds = new Set<string>();
  const chosen: number[] = [];
  const rest: number[] = [];
  for (let i = 0; i < all.count; i++) {
    if (leavesHalf(group.name, answers.at(i), 'amd')) continue;
    const kind = kindOf(all.at(i), answers.at(i));
    if (!kinds.has(kind) && chosen.length < (brief ? briefly : atMost)) chosen.push(i);
    else if (answers.at(i).word(Case.vector) === stopVector) rest.push(i);
    kinds.add(kind);
  }
  while (chosen.length < (brief ? briefly : atLeast) && rest.length > 0) chosen.push(rest.shift()!);
  return chosen.map((i) => all.at(i));
}

/** Choose cases about which the two makers differ: a few of every group that has some, each of another kind. */
function chooseDiffering(group: Group, makers: readonly [Subject, Subject]): CaseView[] {
  const all = draw(group, tried);
  const answers = ask(all);
  const kinds = new Set<string>();
  const chosen: CaseView[] = [];
  for (let i = 0; i < all.count && chosen.length < briefly; i++) {
    const kind = kindOf(all.at(i), answers.at(i));
    if (kinds.has(kind)) continue;
    const [one, other] = makers.map((subject) => {
      const c = all.at(i).copy();
      subject.run(c);
      return c;
    }) as [CaseView, CaseView];
    if (differences(one, other).length === 0) continue;
    kinds.add(kind);
    chosen.push(all.at(i));
  }
  return chosen;
}

/** Cases and the processor's answers, as lines. */
function linesOf(name: string, before: Batch, after: Batch): string[] {
  return Array.from({ length: before.count }, (_, i) => formatCase({ before: before.at(i), after: after.at(i), open: undefinedAfter(name, before.at(i)) }));
}

/** Lines for cases of a group, made readable. */
function recordCases(name: string, cases: readonly CaseView[]): string[] {
  const before = batchOf(cases);
  const after = simplified(ask, before);
  return linesOf(name, before, after);
}

/** What the processor says otherwise than the lines of a group do. */
function recordOtherwise(name: string, lines: readonly string[]): string[] {
  const told = lines.map(parseCase);
  const before = batchOf(told.map((line) => line.before));
  const after = ask(before);
  return linesOf(name, before, after).filter((_, i) => differences(after.at(i), told[i]!.after).length > 0 && !withinOneUnit(after.at(i), told[i]!.after));
}

function option(name: string, otherwise: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : (process.argv[at + 1] ?? otherwise);
}

const directory = process.argv[2];
if (directory === undefined) throw new Error('usage: record DIRECTORY [--seed N] [--file NAME] [--lines N] [--add]');
const seed = Number(option('seed', '1'));
const only = option('file', '');
const wanted = Number(option('lines', '2000'));
const oracle = new Oracle();
const ask: Ask = (batch) => oracle.run(batch);
const second = underneath(oracle).undefinedResults === 'intel';
const makers = [new Subject(undefined, 'intel'), new Subject(undefined, 'amd')] as const;
const inPart = oracle.mode !== 'as they are';
const adds = inPart || process.argv.includes('--add');
const target = second ? join(directory, 'intel') : adds ? join(directory, 'amd') : directory;
mkdirSync(target, { recursive: true });

/** What the first line of a file says. */
function about(name: string): string {
  if (second) return `what an Intel (family 6, Sapphire Rapids) answers; all other lines of ../${name}.txt it answers as they say`;
  if (inPart) return 'what an AMD (family 26, Zen 5) answers, asked in 64-bit code (see ../../long-mode.ts); of these cases no Intel has been asked';
  if (adds) return 'what AMDs answer: family 25 (Zen 4), and family 26 (Zen 5), asked in 64-bit code (see ../../long-mode.ts); of these cases no Intel has been asked';
  return 'bytes | before | after (see ../table.ts); recorded on a real processor';
}

type Table = Map<string, string[]>;

const readTable = (path: string): Table => (existsSync(path) ? parseTable(readFileSync(path, 'utf8')) : new Map<string, string[]>());
const recorder: Recorder = { ask, draw, lines: recordCases };

/** All lines of both tables, by group. */
function together(one: Table, other: Table): Table {
  return new Map([...new Set([...one.keys(), ...other.keys()])].map((name) => [name, [...(one.get(name) ?? []), ...(other.get(name) ?? [])]]));
}

/** What an Intel says otherwise to lines of a group, and to cases about which the makers differ; all of a group that has no lines. */
function recordSecond(group: Group, known: readonly string[] | undefined): string[] {
  if (known === undefined) return recordCases(group.name, choose(group));
  const more = recordCases(group.name, chooseDiffering(group, makers));
  const cases = new Set(known.map(caseOf));
  const asked = known.filter((line) => oracle.knows(parseCase(line).before));
  return [...recordOtherwise(group.name, asked), ...more.filter((line) => !cases.has(caseOf(line)))];
}

/** A file's lines; `first` are those of the tables, where they stay. */
function record(name: string, groups: readonly Group[], first: Table): Table {
  if (second) return new Map(groups.map((group) => [group.name, recordSecond(group, first.get(group.name))]));
  if (!adds) return new Map(groups.map((group) => [group.name, recordCases(group.name, choose(group))]));
  const own = readTable(join(target, `${name}.txt`));
  return together(own, grow(recorder, groups, together(first, own), wanted));
}

for (const [name, groups] of Object.entries(files).filter(([file]) => only === '' || file === only)) {
  const first = second || adds ? readTable(join(directory, `${name}.txt`)) : new Map<string, string[]>();
  const table = record(name, groups, first);
  const text = formatTable(about(name), table);
  const lines = [...table.values()].reduce((sum, group) => sum + group.length, 0);
  if (lines > 0) writeFileSync(join(target, `${name}.txt`), text);
  console.log(name, lines);
}
oracle.dispose();
