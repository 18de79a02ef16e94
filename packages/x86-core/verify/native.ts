/*
 * verify:native — millions of random cases, on the real processor and on our engines, with counts per group.
 *
 *   native [--cases N] [--seed N] [--engine reference|interpreter|both] [--group PREFIX] [--show N]
 *
 * Ends with a table of counts. Status 1: something differs that README.md does not excuse, results that the manual
 * leaves open included if ours were measured on this kind of processor. Status 2: this machine cannot run the oracle.
 */
import { Batch, type CaseView } from './case.js';
import { differences, withinOneUnit } from './compare.js';
import { files } from './groups.js';
import { Oracle } from './oracle.js';
import { Random } from '../src/testing/random.js';
import { type EngineFactory, Subject, interpreterEngine, referenceEngine } from './subject.js';
import { astray, eitherFault, leavesHalf, undefinedAfter } from './undefined.js';
import { underneath } from './underneath.js';
import { type Group, transcendentalGroups } from './x87-cases.js';

const batchSize = 10_000;
const engines: Readonly<Record<string, EngineFactory>> = { reference: referenceEngine, interpreter: interpreterEngine };

function option(name: string, otherwise: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : (process.argv[at + 1] ?? otherwise);
}

const cases = Number(option('cases', '20000'));
const seed = Number(option('seed', String(Date.now() & 0xff_ffff)));
const chosen = option('engine', 'both');
const prefix = option('group', '');
const show = Number(option('show', '3'));

/** How a case went. */
interface Verdict {
  /** What differs from what the manual promises. */
  wrong: string[];
  /** What else differs: results that it leaves open. */
  open: string[];
  /** Something differs that the short list in README.md excuses. */
  excused: boolean;
}

/** Compare a case's answers. */
function judge(group: Group, before: CaseView, real: CaseView, ours: CaseView): Verdict {
  const half = leavesHalf(group.name, real);
  const open = differences(real, ours, 0, half);
  if (open.length === 0) return { wrong: [], open, excused: half && differences(real, ours).length > 0 };
  const near = transcendentalGroups.includes(group) && withinOneUnit(real, ours);
  if (near || eitherFault(group.name, real, ours) || astray(real, ours)) return { wrong: [], open: [], excused: true };
  const { flags, result } = undefinedAfter(group.name, before);
  const wrong = result ? [] : differences(real, ours, flags, half);
  return { wrong, open: wrong.length > 0 ? [] : open, excused: false };
}

/**
 * Ask about one case again. An interrupt that comes between an instruction and the INT3 behind it makes 0 of null
 * selectors with an RPL on its way back: what does not happen twice is excused.
 */
function secondOpinion(oracle: Oracle, group: Group, before: CaseView, ours: CaseView): Verdict {
  const batch = new Batch(1);
  batch.bytes.set(before.bytes);
  const verdict = judge(group, before, oracle.run(batch).at(0), ours);
  return verdict.wrong.length + verdict.open.length > 0 ? verdict : { ...verdict, excused: true };
}

/** Counts of cases, by engine where they can differ. */
interface Tally {
  cases: number;
  wrong: number[];
  open: number[];
  excused: number[];
}

const newTally = (): Tally => ({ cases: 0, wrong: [0, 0], open: [0, 0], excused: [0, 0] });

function addTo(sum: Tally, more: Tally): void {
  sum.cases += more.cases;
  for (const key of ['wrong', 'open', 'excused'] as const) more[key].forEach((count, k) => (sum[key][k]! += count));
}

const width = 26;
const headings = `${'group'.padEnd(width)} ${'cases'.padStart(9)}  different  undefined results different  excused`;

function row(name: string, { cases, wrong, open, excused }: Tally, engineCount: number): string {
  const each = (counts: number[], columns: number): string => counts.slice(0, engineCount).join(' / ').padStart(columns);
  return `${name.padEnd(width)} ${String(cases).padStart(9)}  ${each(wrong, 9)}  ${each(open, 27)}  ${each(excused, 7)}`;
}

function describe(before: CaseView): string {
  const code = Array.from(before.code, (byte) => byte.toString(16).padStart(2, '0')).join('').replace(/(cc)+$/, '');
  const registers = Array.from({ length: 8 }, (_, r) => before.register(r).toString(16)).join(' ');
  return `${code}  fl ${before.word(32).toString(16)}  ${registers}  cw ${before.fx16(0).toString(16)} sw ${before.fx16(2).toString(16)} tags ${before.fxsave[4]!.toString(16)}`;
}

/** The engines that take part. */
interface Contestant {
  name: string;
  subject: Subject;
}

/** All cases of a group. */
function compare(oracle: Oracle, group: Group, contestants: readonly Contestant[]): Tally {
  const random = new Random(seed);
  const tally = newTally();
  for (let done = 0; done < cases; done += batchSize) {
    const batch = new Batch(Math.min(batchSize, cases - done));
    for (let i = 0; i < batch.count; i++) group.make(random, batch.at(i));
    tally.cases += batch.count;
    const real = oracle.run(batch);
    contestants.forEach(({ name, subject }, k) => {
      const ours = batch.clone();
      for (let i = 0; i < batch.count; i++) {
        subject.run(ours.at(i));
        let verdict = judge(group, batch.at(i), real.at(i), ours.at(i));
        if (verdict.wrong.length + verdict.open.length > 0) verdict = secondOpinion(oracle, group, batch.at(i), ours.at(i));
        const { wrong, open, excused } = verdict;
        if (excused) tally.excused[k]!++;
        const [kind, found] = wrong.length > 0 ? [tally.wrong, wrong] : [tally.open, open];
        if (found.length === 0) continue;
        if (kind[k]!++ < show) console.log(`  ${group.name}, ${name}: ${describe(batch.at(i))}\n    ${found.join('  ')}`);
      }
    });
  }
  return tally;
}

function main(): number {
  let oracle: Oracle;
  try {
    oracle = new Oracle();
    oracle.run(new Batch(0));
  } catch (error) {
    console.error(`The native oracle does not run here (${String(error)}). It needs Linux on x86 with 32-bit programs enabled.`);
    return 2;
  }
  const { vendor, family, model, undefinedResults, measured } = underneath(oracle);
  const contestants = Object.entries(engines).filter(([name]) => chosen === 'both' || chosen === name)
    .map(([name, factory]) => ({ name, subject: new Subject(factory, undefinedResults) }));
  const names = contestants.map(({ name }) => name);
  console.log(`${vendor}, family ${family}, model ${model}: undefined results are ${undefinedResults}'s${measured ? '' : ', which were not measured here and count for nothing'}`);
  console.log(`seed ${seed}, ${cases} cases per group, engines: ${names.join(' / ')}\n${headings}`);
  const total = newTally();
  const sums: string[] = [];
  for (const [file, groups] of Object.entries(files)) {
    const sum = newTally();
    for (const group of groups.filter(({ name }) => name.startsWith(prefix))) {
      const tally = compare(oracle, group, contestants);
      console.log(row(group.name, tally, names.length));
      addTo(sum, tally);
    }
    if (sum.cases > 0) sums.push(row(file, sum, names.length));
    addTo(total, sum);
  }
  console.log(`\n${headings}\n${sums.join('\n')}\n${row('all', total, names.length)}`);
  oracle.dispose();
  const failures = measured ? [...total.wrong, ...total.open] : total.wrong;
  return failures.some((count) => count > 0) ? 1 : 0;
}

process.exitCode = main();
