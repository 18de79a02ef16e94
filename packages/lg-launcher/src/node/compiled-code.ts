/*
 * A CommonJS program whose compiled code is kept for the next start, for a Node that has no such thing of its own
 * (module.enableCompileCache, from 22.1 on). Where nothing can be kept the program runs all the same.
 */
import { lstatSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import nodeModule, { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { constants, Script } from 'node:vm';

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
  run(): void;
  /** Keep what has been compiled of it by now; to be called when the process ends. */
  keep(): void;
}

/** Compile a program, with kept code if there is any. @param file its path */
export function compileProgram(file: string): CompiledProgram {
  // read as text it would come piece by piece
  const source = readFileSync(file).toString();
  const { mtimeMs, size } = statSync(file);
  const place = directory();
  // V8 looks at its own version and the length of the source, no further
  const kept = place && join(place, `${size}-${Math.round(mtimeMs)}.code`);
  const cachedData = kept === undefined ? undefined : readIfThere(kept);
  const script = new Script(nodeModule.wrap(source), {
    filename: file, importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER, ...(cachedData && { cachedData }),
  });
  return {
    isKept: cachedData !== undefined && script.cachedDataRejected === false,
    run: () => {
      const module = { exports: {} };
      const run = script.runInThisContext() as (...parameters: unknown[]) => void;
      run.call(module.exports, module.exports, createRequire(file), module, file, dirname(file));
    },
    keep: () => {
      if (kept !== undefined) write(kept, script.createCachedData());
    },
  };
}
