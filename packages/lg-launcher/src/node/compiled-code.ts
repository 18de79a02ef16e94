/*
 * A CommonJS program whose compiled code is kept for the next start. Where nothing can be kept the program runs all the same.
 *
 * What Node has for this from 22.1 on (module.enableCompileCache) keeps a script as it is compiled at first, when V8 has only
 * looked for where functions begin and end: each is compiled anew when it is called. Here it is kept when it has run.
 */
import { lstatSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import nodeModule, { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';

/** Nobody but us may write what we are going to execute. */
const OURS_ALONE = 0o700;
const OTHERS_MAY_WRITE = 0o022;

/** The directory for compiled code, made if need be; undefined where there is none for us. The variables are Node's own. */
function directory(): string | undefined {
  const { NODE_DISABLE_COMPILE_CACHE, NODE_COMPILE_CACHE } = process.env;
  if (NODE_DISABLE_COMPILE_CACHE) return undefined;
  const user = process.getuid?.();
  const path = join(NODE_COMPILE_CACHE || join(tmpdir(), 'node-compile-cache'), `lguest-${process.version}-${process.arch}-${user ?? ''}`);
  try {
    mkdirSync(path, { recursive: true, mode: OURS_ALONE });
    const { uid, mode } = lstatSync(path);
    return user === undefined || (uid === user && (mode & OTHERS_MAY_WRITE) === 0) ? path : undefined;
  } catch {
    return undefined;
  }
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** Write a file as a whole, or not at all. */
function write(path: string, code: Buffer): void {
  const unfinished = `${path}.${process.pid}`;
  try {
    writeFileSync(unfinished, code);
    renameSync(unfinished, path);
  } catch {
    // the next start compiles again
  }
}

/** A program that has been compiled. */
export interface CompiledProgram {
  /** Code that a start before has kept is used. */
  readonly isKept: boolean;
  /** @returns its exports */
  run(): unknown;
  /** Keep what has been compiled of it by now; to be called when the process ends. */
  keep(): void;
}

/** Compile a program, with kept code if there is any. @param file its path; it may require(), but not import() */
export function compileProgram(file: string): CompiledProgram {
  // read as text it would come piece by piece
  const source = readFileSync(file).toString();
  const { mtimeMs, size } = statSync(file);
  const place = directory();
  // V8 looks at its own version and the length of the source, no further
  const kept = place && join(place, `${size}-${Math.round(mtimeMs)}.code`);
  const cachedData = kept === undefined ? undefined : readIfThere(kept);
  const script = new Script(nodeModule.wrap(source), { filename: file, ...(cachedData && { cachedData }) });
  return {
    isKept: cachedData !== undefined && script.cachedDataRejected === false,
    run: () => {
      const module: { exports: unknown } = { exports: {} };
      const run = script.runInThisContext() as (...parameters: unknown[]) => void;
      run.call(module.exports, module.exports, createRequire(file), module, file, dirname(file));
      return module.exports;
    },
    keep: () => {
      if (kept !== undefined) write(kept, script.createCachedData());
    },
  };
}
