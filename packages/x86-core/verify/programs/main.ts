/*
 * verify:programs — whole programs, on the real processor and on our engines: same output, same files, same end.
 *
 *   programs [--reference N] [--only PREFIX] [--busybox PATH] [--directory PATH] [--all] [--lockstep]
 *
 * The interpreter does every program on both processors; on the richer one so does the JIT, and the reference engine does
 * those that take at most N instructions (a few million by default; 0: none).
 *
 * With --directory the programs are those in a directory, static and for 32 bits, each run once without arguments.
 *
 * With --lockstep every region of the JIT is compared with the reference engine while it runs.
 *
 * Prints a line per program whose answers differ (with --all, per program) and counts at the end. Ends with status 1 when
 * anything differs beyond what the manual leaves open, and 2 when there is nothing to compare with here.
 */
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { type CpuidModel, cpuidModels, type EngineName } from '../../src/index.js';
import { Unsupported } from './abi.js';
import { buildAll, canBuild } from './builds.js';
import { whyNo32BitPrograms } from '../programs-of-32-bits.js';
import { compareResults } from './compare-results.js';
import { busyboxJobs } from './jobs-busybox.js';
import { jobsOf } from './jobs-c.js';
import { type Job, type Result, runHere, runNatively } from './run.js';

/** This file runs as node_modules/.verify/programs.js in the package. */
const packageDirectory = fileURLToPath(new URL('../..', import.meta.url));
const sources = join(packageDirectory, 'verify/programs/c');
const work = join(packageDirectory, 'node_modules/.verify/programs');

/** A processor, and what makes the C library on the real one choose the same functions. */
interface Model {
  name: string;
  cpuid: CpuidModel;
  tunables: string;
}

const models: readonly Model[] = [
  { name: 'i686', cpuid: cpuidModels.i686, tunables: 'glibc.cpu.hwcaps=-SSE2' },
  { name: 'default', cpuid: cpuidModels.default, tunables: 'glibc.cpu.hwcaps=-FMA,-AVX2' },
];
const richest = models[models.length - 1]!;

/** What the reference engine does in a few seconds. */
const referenceLimit = 12_000_000;
const budget = 20_000_000_000;
const lockstep = process.argv.includes('--lockstep');
/** A Debian package, busybox-static:i386, puts it there. */
const busyboxPlaces = ['/usr/bin/busybox', '/bin/busybox'];

function option(name: string, otherwise: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : (process.argv[at + 1] ?? otherwise);
}

/** The jobs there are on this machine; says what is missing. */
function findJobs(only: string): Job[] {
  const directory = option('directory', '');
  if (directory !== '') {
    return readdirSync(directory).sort().map((name) => ({ name, program: join(directory, name), args: [] })).filter(({ name }) => name.startsWith(only));
  }
  const jobs: Job[] = [];
  if (canBuild(sources, work)) jobs.push(...buildAll(sources, work, only.split(' ')[0]!).flatMap(jobsOf));
  else console.log('skipped: the compiled programs (gcc -m32 -static makes none that runs; Debian: gcc-multilib)');
  const busybox = option('busybox', busyboxPlaces.find((path) => existsSync(path)) ?? '');
  const box = busybox === '' ? [] : busyboxJobs(busybox);
  const complaint = box.length > 0 ? complaintAbout(box[0]!) : 'there is none';
  if (complaint === undefined) jobs.push(...box);
  else console.log(`skipped: busybox (${complaint}; Debian: busybox-static:i386)`);
  return jobs.filter(({ name }) => name.startsWith(only));
}

/** Why one side cannot run it at all, or nothing. */
function complaintAbout(job: Job): string | undefined {
  try {
    runNatively(job, join(work, 'native'));
    runHere(job, join(work, 'ours'), { engine: 'interpreter' }, cpuidModels.default, budget);
    return undefined;
  } catch (error) {
    return String(error);
  }
}

interface Counts {
  runs: number;
  different: number;
  approximate: number;
  lines: number;
  retired: number;
}

/** One job on one model by one engine; returns what our side did. */
function compareOnce(job: Job, native: Result, model: Model, engine: EngineName, counts: Counts, talkative: boolean): Result | undefined {
  const label = `${job.name} (${model.name}, ${engine})`;
  counts.runs++;
  try {
    const ours = runHere(job, join(work, 'ours'), { engine, jit: { lockstep } }, model.cpuid, budget);
    const verdict = compareResults(native, ours, job.approximate ?? 0);
    counts.retired += ours.retired;
    counts.approximate += verdict.approximate;
    if (job.approximate) counts.lines += verdict.lines;
    if (verdict.difference !== undefined) counts.different++;
    const note = verdict.approximate > 0 ? `, ${verdict.approximate} of ${verdict.lines} results off in the last place` : '';
    if (verdict.difference !== undefined) console.log(`DIFFERENT ${label}\n    ${verdict.difference}`);
    else if (talkative) console.log(`${label}: same, ${ours.retired} instructions, ${ours.seconds.toFixed(2)} s${note}`);
    return ours;
  } catch (error) {
    if (!(error instanceof Unsupported)) throw error;
    counts.different++;
    console.log(`DIFFERENT ${label}\n    cannot run here: ${error.message}`);
    return undefined;
  }
}

function main(): number {
  const limit = Number(option('reference', String(referenceLimit)));
  const talkative = process.argv.includes('--all');
  const why = whyNo32BitPrograms();
  if (why !== undefined) {
    console.error(`There is nothing to compare with: ${why}.`);
    return 2;
  }
  const jobs = findJobs(option('only', ''));
  const perModel = models.map(() => ({ runs: 0, different: 0, approximate: 0, lines: 0, retired: 0 }));
  for (const job of jobs) {
    models.forEach((model, i) => {
      if (job.sse2 === true && model !== richest) return;
      const given = { ...job, environment: { ...job.environment, GLIBC_TUNABLES: model.tunables } };
      const native = runNatively(given, join(work, 'native'));
      const ours = compareOnce(given, native, model, 'interpreter', perModel[i]!, talkative);
      if (model !== richest) return;
      compareOnce(given, native, model, 'jit', perModel[i]!, talkative);
      if ((ours?.retired ?? Infinity) <= limit) compareOnce(given, native, model, 'reference', perModel[i]!, talkative);
    });
  }
  models.forEach(({ name }, i) => {
    const { runs, different, approximate, lines, retired } = perModel[i]!;
    console.log(`${name.padEnd(8)} ${runs} runs, ${different} different, ${Math.round(retired / 1e6)} million instructions; ${approximate} of ${lines} transcendental results off in the last place`);
  });
  const different = perModel.reduce((sum, counts) => sum + counts.different, 0);
  console.log(`${jobs.length} programs, ${different} runs different`);
  return jobs.length === 0 ? 2 : different > 0 ? 1 : 0;
}

process.exitCode = main();
