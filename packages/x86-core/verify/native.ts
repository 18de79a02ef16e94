/*
 * verify:native — millions of random cases, on the real processor and on our engines, with counts per group.
 *
 *   native [--cases N] [--seed N] [--engine reference|interpreter|jit|all] [--jit-share N] [--group PREFIX] [--show N]
 *
 * The JIT, which has to compile each of them, gets every Nth case (20). Ends with a table of counts. Status 1: something
 * differs that README.md does not excuse, results that the manual leaves open included if ours were measured on this kind
 * of processor. Status 2: this machine cannot run the oracle.
 */
import { Batch, Case, type CaseView } from './case.js';
import type { Ask } from './either-operand.js';
import { files } from './groups.js';
import { judge, type Verdict } from './judge.js';
import { Oracle } from './oracle.js';
import { Random } from '../src/testing/random.js';
import { RegionSubject } from './region-subject.js';
import { Subject, interpreterEngine, referenceEngine } from './subject.js';
import { type Underneath, underneath } from './underneath.js';
import type { Group } from './x87-cases.js';

const batchSize = 10_000;

function option(name: string, otherwise: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : (process.argv[at + 1] ?? otherwise);
}

const cases = Number(option('cases', '20000'));
const seed = Number(option('seed', String(Date.now() & 0xff_ffff)));
const chosen = option('engine', 'all');
const jitShare = Math.max(1, Number(option('jit-share', '20')));
const prefix = option('group', '');
const show = Number(option('show', '3'));

/** An engine that takes part, in every `share`th case. */
interface Contestant {
  readonly name: string;
  readonly subject: { run(c: CaseView): void };
  readonly share: number;
}

/** Counts of cases, by engine where they can differ. */
interface Tally {
  cases: number;
  /** Drawn, but not to be had in 64-bit code where that is all there is. */
  unasked: number;
  wrong: number[];
  open: number[];
  excused: number[];
}

const newTally = (): Tally => ({ cases: 0, unasked: 0, wrong: [0, 0, 0], open: [0, 0, 0], excused: [0, 0, 0] });

function addTo(sum: Tally, more: Tally): void {
  sum.cases += more.cases;
  sum.unasked += more.unasked;
  for (const key of ['wrong', 'open', 'excused'] as const) more[key].forEach((count, k) => (sum[key][k]! += count));
}

const width = 26;
const headings = `${'group'.padEnd(width)} ${'cases'.padStart(9)}  ${'different'.padStart(12)}  undefined results different  ${'excused'.padStart(12)}`;

function row(name: string, { cases, wrong, open, excused }: Tally, engineCount: number): string {
  const each = (counts: number[], columns: number): string => counts.slice(0, engineCount).join(' / ').padStart(columns);
  return `${name.padEnd(width)} ${String(cases).padStart(9)}  ${each(wrong, 12)}  ${each(open, 27)}  ${each(excused, 12)}`;
}

function describe(before: CaseView): string {
  const code = Array.from(before.code, (byte) => byte.toString(16).padStart(2, '0')).join('').replace(/(cc)+$/, '');
  const registers = Array.from({ length: 8 }, (_, r) => before.register(r).toString(16)).join(' ');
  return `${code}  fl ${before.word(32).toString(16)}  ${registers}  cw ${before.fx16(0).toString(16)} sw ${before.fx16(2).toString(16)} tags ${before.fxsave[4]!.toString(16)}`;
}

/** Compares groups of cases with the processor underneath. */
class Comparison {
  readonly #oracle: Oracle;
  readonly #ask: Ask;
  readonly #processor: Underneath;

  constructor(oracle: Oracle, processor: Underneath) {
    this.#oracle = oracle;
    this.#ask = (batch) => oracle.run(batch);
    this.#processor = processor;
  }

  /** All cases of a group. */
  group(group: Group, contestants: readonly Contestant[]): Tally {
    const random = new Random(seed);
    const tally = newTally();
    for (let done = 0; done < cases; done += batchSize) {
      const drawn = Math.min(batchSize, cases - done);
      const batch = this.#draw(group, random, drawn);
      tally.cases += batch.count;
      tally.unasked += drawn - batch.count;
      const real = this.#oracle.run(batch);
      contestants.forEach(({ name, subject, share }, k) => {
        for (let i = (share - 1 - (done % share)) % share; i < batch.count; i += share) {
          const before = batch.at(i);
          const ours = before.copy();
          subject.run(ours);
          const { wrong, open, excused } = this.#judge(group, before, real.at(i), ours);
          if (excused) tally.excused[k]!++;
          const [kind, found] = wrong.length > 0 ? [tally.wrong, wrong] : [tally.open, open];
          if (found.length === 0) continue;
          if (kind[k]!++ < show) console.log(`  ${group.name}, ${name}: ${describe(before)}\n    ${found.join('  ')}`);
        }
      });
    }
    return tally;
  }

  /** Those of `count` random cases that can be asked. */
  #draw({ make }: Group, random: Random, count: number): Batch {
    const all = new Batch(count);
    let known = 0;
    for (let i = 0; i < count; i++) {
      const c = all.at(known);
      make(random, c);
      if (this.#oracle.knows(c)) known++;
    }
    return new Batch(known, all.bytes.subarray(0, known * Case.size));
  }

  /**
   * What differs is asked again: an interrupt that comes between an instruction and the INT3 behind it makes 0 of null
   * selectors with an RPL on its way back. What does not happen twice is excused.
   */
  #judge(group: Group, before: CaseView, real: CaseView, ours: CaseView): Verdict {
    const verdict = judge(this.#ask, this.#processor, group, before, real, ours);
    if (verdict.wrong.length + verdict.open.length === 0) return verdict;
    const batch = new Batch(1);
    batch.bytes.set(before.bytes);
    const second = judge(this.#ask, this.#processor, group, before, this.#oracle.run(batch).at(0), ours);
    return second.wrong.length + second.open.length > 0 ? second : { ...second, excused: true };
  }
}

function main(): number {
  let oracle: Oracle;
  try {
    oracle = new Oracle();
  } catch (error) {
    console.error(`The processor cannot be asked here: ${error instanceof Error ? error.message : String(error)}.`);
    return 2;
  }
  const processor = underneath(oracle);
  const { vendor, family, model, undefinedResults, measured } = processor;
  const regions = new RegionSubject(undefinedResults);
  const contestants: readonly Contestant[] = [
    { name: 'reference', subject: new Subject(referenceEngine, undefinedResults), share: 1 },
    { name: 'interpreter', subject: new Subject(interpreterEngine, undefinedResults), share: 1 },
    { name: 'jit', subject: regions, share: jitShare },
  ].filter(({ name }) => chosen === 'all' || chosen === name);
  const names = contestants.map(({ name }) => name);
  console.log(`${vendor}, family ${family}, model ${model}: undefined results are ${undefinedResults}'s${measured ? '' : ', which were not measured here and count for nothing'}`);
  if (oracle.mode === 'in 64-bit code') console.log('Programs get no 32-bit and 16-bit code segments here: what 64-bit code can do as well is asked in 64-bit code, and nothing else.');
  console.log(`seed ${seed}, ${cases} cases per group, engines: ${names.join(' / ')}\n${headings}`);
  const comparison = new Comparison(oracle, processor);
  const total = newTally();
  const sums: string[] = [];
  for (const [file, groups] of Object.entries(files)) {
    const sum = newTally();
    for (const group of groups.filter(({ name }) => name.startsWith(prefix))) {
      const tally = comparison.group(group, contestants);
      if (tally.cases > 0) console.log(row(group.name, tally, names.length));
      addTo(sum, tally);
    }
    if (sum.cases > 0) sums.push(row(file, sum, names.length));
    addTo(total, sum);
  }
  console.log(`\n${headings}\n${sums.join('\n')}\n${row('all', total, names.length)}`);
  if (total.unasked > 0) console.log(`${total.unasked} more cases were not asked, for 64-bit code cannot do what they do`);
  if (names.includes('jit')) console.log(`the JIT has run ${regions.cases} of these cases, ${regions.inRegions} of them in regions`);
  oracle.dispose();
  const failures = measured ? [...total.wrong, ...total.open] : total.wrong;
  return failures.some((count) => count > 0) ? 1 : 0;
}

process.exitCode = main();
