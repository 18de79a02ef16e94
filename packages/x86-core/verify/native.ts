/*
 * verify:native — millions of random cases, on the real processor and on our engines, with counts per group.
 *
 *   native [--cases N] [--seed N] [--engine reference|interpreter|both] [--group PREFIX] [--show N]
 *
 * Ends with status 1 when anything differs outside the transcendental functions, whose results may be one unit in the
 * last place away (the manual promises no more), and 2 when this machine cannot run the oracle.
 */
import { Batch, type CaseView } from './case.js';
import { differences, withinOneUnit } from './compare.js';
import { allGroups } from './groups.js';
import { Oracle } from './oracle.js';
import { Random } from '../src/testing/random.js';
import { sequenceUndefined } from './sequence-cases.js';
import { type EngineFactory, Subject, interpreterEngine, referenceEngine } from './subject.js';
import { isUndefined, leavesHalf, undefinedFlags } from './undefined.js';
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

/** What differs, or nothing when the case proves nothing or only a permitted difference is there. */
export function judge(group: Group, before: CaseView, real: CaseView, ours: CaseView): string[] {
  if (isUndefined(group.name, before)) return [];
  const found = differences(real, ours, undefinedFlags(group.name, before) | sequenceUndefined(before), leavesHalf(group.name, real));
  return found.length > 0 && transcendentalGroups.includes(group) && withinOneUnit(real, ours) ? [] : found;
}

function describe(before: CaseView): string {
  const code = Array.from(before.code, (byte) => byte.toString(16).padStart(2, '0')).join('').replace(/(cc)+$/, '');
  const registers = Array.from({ length: 8 }, (_, r) => before.register(r).toString(16)).join(' ');
  return `${code}  fl ${before.word(32).toString(16)}  ${registers}  cw ${before.fx16(0).toString(16)} sw ${before.fx16(2).toString(16)} tags ${before.fxsave[4]!.toString(16)}`;
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
  const subjects = Object.entries(engines).filter(([name]) => chosen === 'both' || chosen === name)
    .map(([name, factory]) => ({ name, subject: new Subject(factory) }));
  console.log(`seed ${seed}, ${cases} cases per group, engines: ${subjects.map(({ name }) => name).join(', ')}`);
  let total = 0;
  let wrong = 0;
  for (const group of allGroups.filter(({ name }) => name.startsWith(prefix))) {
    const random = new Random(seed);
    const bad = subjects.map(() => 0);
    for (let done = 0; done < cases; done += batchSize) {
      const batch = new Batch(Math.min(batchSize, cases - done));
      for (let i = 0; i < batch.count; i++) group.make(random, batch.at(i));
      const real = oracle.run(batch);
      subjects.forEach(({ name, subject }, k) => {
        const ours = batch.clone();
        for (let i = 0; i < batch.count; i++) {
          subject.run(ours.at(i));
          const found = judge(group, batch.at(i), real.at(i), ours.at(i));
          if (found.length === 0) continue;
          if (bad[k]!++ < show) console.log(`  ${group.name}, ${name}: ${describe(batch.at(i))}\n    ${found.join('  ')}`);
        }
      });
    }
    total += cases;
    wrong += Math.max(...bad);
    console.log(`${group.name.padEnd(24)} ${String(cases).padStart(9)} cases ${subjects.map(({ name }, k) => `${name} ${bad[k]} different`).join(', ')}`);
  }
  console.log(`${total} cases, ${wrong} different`);
  oracle.dispose();
  return wrong > 0 ? 1 : 0;
}

process.exitCode = main();
