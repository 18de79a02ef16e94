import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'tsup';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { interpreterFile } from './interpreter-file.js';

const interpreter = [...'an interpreter'].map((letter) => letter.charCodeAt(0));
let folder = '';

/** A program of the interpreter that x86-core brings, where its build leaves that. */
async function bundle(name: string, bytes: readonly number[]): Promise<string> {
  const core = join(folder, name, 'x86-core', 'dist');
  mkdirSync(core, { recursive: true });
  writeFileSync(join(core, 'ready-made.js'), `export function readyMade() { return Uint8Array.from(${JSON.stringify(bytes)}); }`);
  writeFileSync(join(core, 'index.js'), 'import { readyMade } from "./ready-made.js"; export const found = readyMade();');
  const outDir = join(folder, name, 'dist');
  await build({
    entry: { program: join(core, 'index.js') }, outDir, format: ['cjs'], outExtension: () => ({ js: '.cjs' }),
    config: false, silent: true, dts: false, esbuildPlugins: [interpreterFile],
  });
  return outDir;
}

/** What a program in a folder finds. */
function found(outDir: string): Uint8Array | undefined {
  const require = createRequire(import.meta.url);
  const program = join(outDir, 'program.cjs');
  delete require.cache[program];
  return (require(program) as { found: Uint8Array | undefined }).found;
}

const fileIn = (outDir: string): string => join(outDir, readdirSync(outDir).find((name) => name.endsWith('.bin'))!);

beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'interpreter-file-')); });
afterAll(() => { rmSync(folder, { recursive: true }); });

describe('the interpreter in the program of the command', () => {
  it('is a file beside it', async () => {
    const outDir = await bundle('one', interpreter);
    expect(readdirSync(outDir).sort()).toEqual([expect.stringMatching(/^interpreter-\w+\.bin$/), 'program.cjs']);
    expect([...readFileSync(fileIn(outDir))]).toEqual(interpreter);
    expect(readFileSync(join(outDir, 'program.cjs'), 'utf8')).not.toContain(interpreter.join());
    expect([...found(outDir)!]).toEqual(interpreter);
  });

  it('is not to be had when the file is missing', async () => {
    const outDir = await bundle('missing', interpreter);
    rmSync(fileIn(outDir));
    expect(found(outDir)).toBeUndefined();
  });

  it("is never another program's", async () => {
    const [one, other] = [await bundle('this', interpreter), await bundle('that', [1, 2, 3])];
    rmSync(fileIn(one));
    writeFileSync(join(one, fileIn(other).slice(other.length)), readFileSync(fileIn(other)));
    expect(found(one)).toBeUndefined();
    expect([...found(other)!]).toEqual([1, 2, 3]);
  });
});
