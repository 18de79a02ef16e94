import { chmodSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { compileProgram } from './compiled-code.js';

let directory = '';
let program = '';
const seen: unknown[] = [];
const cache = (): string => join(directory, 'cache');
const keptFiles = (): string[] => readdirSync(cache(), { recursive: true }).map(String).filter((name) => name.endsWith('.code'));

function writeProgram(text: string, changed = 1): void {
  writeFileSync(program, text);
  utimesSync(program, changed, changed);
}

/** A start of the program, to its end. @returns whether it found kept code */
function start(): boolean {
  const compiled = compileProgram(program);
  compiled.run();
  if (!compiled.isKept) compiled.keep();
  return compiled.isKept;
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'compiled-code-'));
  program = join(directory, 'program.cjs');
  vi.stubEnv('NODE_COMPILE_CACHE', cache());
  vi.stubEnv('NODE_DISABLE_COMPILE_CACHE', '');
  vi.stubGlobal('note', (...values: unknown[]) => seen.push(...values));
  seen.length = 0;
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  rmSync(directory, { recursive: true });
});

describe('compiled code', () => {
  it('is kept for the next start', () => {
    writeProgram('note(typeof require("node:fs").readFileSync, __filename, module.exports === exports, "ä")');
    expect([start(), start(), start()]).toEqual([false, true, true]);
    expect(seen.slice(4, 8)).toEqual(['function', program, true, 'ä']);
    expect(seen.slice(0, 4)).toEqual(seen.slice(8, 12));
  });

  it('is that of the program as it is now', () => {
    writeProgram('note(1)');
    start();
    // as long as before
    writeProgram('note(2)', 2);
    expect([start(), start()]).toEqual([false, true]);
    expect(seen).toEqual([1, 2, 2]);
  });

  it('is compiled again when what was kept is of no use', () => {
    writeProgram('note(1)');
    start();
    const [kept] = keptFiles();
    writeFileSync(join(cache(), kept!), 'nothing of the kind');
    // V8 has compiled the first one already, and would not look
    writeProgram('note(2)');
    expect([start(), start()]).toEqual([false, true]);
    expect(seen).toEqual([1, 2, 2]);
  });

  it.skipIf(process.platform === 'win32')('is neither read nor kept where others may write', () => {
    writeProgram('note(1)');
    start();
    const [place] = readdirSync(cache());
    chmodSync(join(cache(), place!), 0o777);
    expect([start(), start()]).toEqual([false, false]);
    expect(seen).toEqual([1, 1, 1]);
  });

  it('is not kept where there is no directory for it, or somebody does not want it', () => {
    writeProgram('note(1)');
    vi.stubEnv('NODE_COMPILE_CACHE', join(program, 'is a file'));
    expect([start(), start()]).toEqual([false, false]);
    vi.stubEnv('NODE_COMPILE_CACHE', cache());
    vi.stubEnv('NODE_DISABLE_COMPILE_CACHE', '1');
    expect([start(), start()]).toEqual([false, false]);
    expect(seen).toEqual([1, 1, 1, 1]);
  });
});
