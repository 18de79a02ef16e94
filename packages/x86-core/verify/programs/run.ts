/*
 * One job, done twice: by the bare machine and by ours, from the same files to two sets of files that can be compared.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, lstatSync, mkdirSync, openSync, readFileSync, readdirSync, readlinkSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { CpuidModel } from '../../src/index.js';
import { fileCalls } from './calls-files.js';
import { memoryCalls } from './calls-memory.js';
import { processCalls } from './calls-process.js';
import { OpenFile, streams } from './files.js';
import { Process } from './process.js';
import type { EngineChoice } from './user-machine.js';

const calls = { ...fileCalls, ...memoryCalls, ...processCalls };

/** A program with all it depends on. */
export interface Job {
  name: string;
  /** Path of a static i386 executable. */
  program: string;
  /** Without the program's name, unless argv0 is missing. */
  args: readonly string[];
  argv0?: string;
  environment?: Readonly<Record<string, string>>;
  input?: Uint8Array;
  /** It wants a processor with SSE2. */
  sse2?: boolean;
  /** How many results of transcendental instructions, which may differ from the processor's in the last places, one of its results multiplies; none unless this is said. */
  approximate?: number;
  /** In the directory it starts in. */
  files?: Readonly<Record<string, Uint8Array>>;
}

/** What a job leaves behind: everything that is compared. */
export interface Result {
  /** Exit status, or a signal's number below zero. */
  end: number;
  output: Uint8Array;
  errors: Uint8Array;
  /** Files in its directory, by name; links as "-> target", directories as "/". */
  files: ReadonlyMap<string, Uint8Array>;
  /** Instructions and seconds, where known. */
  retired: number;
  seconds: number;
}

const timeout = 600_000;
/** When all files were last changed, in seconds; archives tell it. */
const fileTime = 1_000_000_000;
const environmentOf = (job: Job): Record<string, string> => ({ PATH: '/nowhere', LC_ALL: 'C', TZ: 'UTC0', ...job.environment });

function collect(directory: string, prefix = '', into = new Map<string, Uint8Array>()): Map<string, Uint8Array> {
  for (const name of readdirSync(join(directory, prefix)).sort()) {
    const path = join(prefix, name);
    const kind = lstatSync(join(directory, path));
    if (kind.isSymbolicLink()) into.set(path, Buffer.from(`-> ${readlinkSync(join(directory, path))}`));
    else if (kind.isDirectory()) collect(directory, path, into.set(path, Buffer.from('/')));
    else into.set(path, readFileSync(join(directory, path)));
  }
  return into;
}

/** Lay out a job's files below `place`, do it, and gather what it left. */
function around(job: Job, place: string, action: (directory: string, at: (name: string) => string) => { end: number; retired: number }): Result {
  rmSync(place, { recursive: true, force: true });
  const directory = join(place, 'files');
  mkdirSync(directory, { recursive: true });
  const at = (name: string): string => join(place, name);
  for (const [name, bytes] of Object.entries(job.files ?? {})) {
    writeFileSync(join(directory, name), bytes);
    utimesSync(join(directory, name), fileTime, fileTime);
  }
  writeFileSync(at('input'), job.input ?? new Uint8Array(0));
  const from = performance.now();
  const { end, retired } = action(directory, at);
  const seconds = (performance.now() - from) / 1000;
  return { end, retired, seconds, output: readFileSync(at('output')), errors: readFileSync(at('errors')), files: collect(directory) };
}

/** On the processor underneath. Throws when it does not run 32-bit programs. */
export function runNatively(job: Job, place: string): Result {
  return around(job, place, (directory, at) => {
    const stdio = [openSync(at('input'), streams.input), openSync(at('output'), streams.output), openSync(at('errors'), streams.output)];
    const { error, status, signal } = spawnSync(job.program, job.args, {
      cwd: directory, env: environmentOf(job), stdio, timeout, ...(job.argv0 !== undefined && { argv0: job.argv0 }),
    });
    stdio.forEach(closeSync);
    if (error) throw error;
    return { end: signal === null ? status! : -constants.signals[signal], retired: 0 };
  });
}

/** On our engine. Throws Unsupported when the program asks for something that is not there. */
export function runHere(job: Job, place: string, engine: EngineChoice, cpuid: CpuidModel, budget: number): Result {
  return around(job, place, (directory, at) => {
    const process = new Process({
      engine, cpuid, program: readFileSync(job.program), args: [job.argv0 ?? job.program, ...job.args],
      environment: Object.entries(environmentOf(job)).map(([name, value]) => `${name}=${value}`), directory,
      streams: [new OpenFile(at('input'), streams.input, 0), new OpenFile(at('output'), streams.output, 0o644), new OpenFile(at('errors'), streams.output, 0o644)],
    }, calls);
    const { status, signal } = process.run(budget);
    return { end: signal === null ? status! : -signal, retired: process.retired };
  });
}
