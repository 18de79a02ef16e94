/*
 * verify:decoder — our decoder and iced-x86's, over the opcode maps and random bytes.
 *
 *   decoder [--random N] [--seed N] [--model NAME] [--part K/N] [--quick] [--show N]
 *
 * `--part 0/2` and `--part 1/2` are the halves of a run, for two processes. Ends with status 1 when anything differs
 * that rightful.ts does not excuse.
 */
import { type CpuidModel, cpuidModels } from '../../src/cpuid.js';
import { Random } from '../../src/testing/random.js';
import { Comparison } from './comparison.js';
import { rightful } from './rightful.js';
import { maps, prefixCombinations, sizeCombinations, walkMaps, walkRandom, walkSib } from './streams.js';

function option(name: string, otherwise: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : (process.argv[at + 1] ?? otherwise);
}

function main(): number {
  const seed = Number(option('seed', String(Date.now() & 0xff_ffff)));
  const count = Number(option('random', '20000000'));
  const [rest, parts] = option('part', '0/1').split('/').map(Number) as [number, number];
  const quick = process.argv.includes('--quick');
  const models = Object.entries(cpuidModels as Record<string, CpuidModel>).filter(([name]) => name === option('model', name));
  let decodes = 0;
  let wrong = 0;
  const excused = new Map<string, number>();
  const share = { rest, parts };
  console.log(`seed ${seed}, part ${rest} of ${parts}`);
  for (const [name, model] of models) {
    // the richest model sees everything; the others differ from it in what they lack
    const whole = name === 'default' && !quick;
    const comparison = new Comparison(model, Number(option('show', '20')));
    for (const bits of [32, 16]) {
      const use = (slots: Uint8Array): void => comparison.compare(slots, bits);
      const random = new Random(seed + bits);
      const started = performance.now();
      walkMaps(whole ? prefixCombinations : sizeCombinations, maps, random, use, share);
      if (whole) walkSib(sizeCombinations, maps, random, use, share);
      walkRandom(Math.ceil(count / parts / (whole ? 2 : 20)), new Random(seed + bits + 100 * (rest + 1)), use);
      console.log(`${name}, ${bits}-bit code: ${comparison.decodes} decodes, ${comparison.instructions} instructions, ` +
        `${comparison.disagreements} disagreements (${((performance.now() - started) / 1000).toFixed(0)} s)`);
    }
    for (const { bits, bytes, what } of comparison.examples) {
      console.log(`  ${bits}-bit  ${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ')}  ${what}`);
    }
    for (const [entry, times] of comparison.excused) excused.set(entry, (excused.get(entry) ?? 0) + times);
    decodes += comparison.decodes;
    wrong += comparison.disagreements;
  }
  for (const { name, why } of rightful) console.log(`by right: ${name}: ${excused.get(name) ?? 0} (${why})`);
  console.log(`${decodes} decodes, ${wrong} disagreements`);
  return wrong > 0 ? 1 : 0;
}

process.exitCode = main();
