/*
 * The `lguest` command in a process of its own, from source: bundled once per test run.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';

const source = fileURLToPath(new URL('../cli.ts', import.meta.url));
let command: Promise<string> | undefined;

/** How a process ended. */
export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Make one JavaScript file of a TypeScript file and all it imports, from source. It is removed with this process. */
export async function bundle(entry: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'lguest-bundle-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  await build({
    entry: { main: entry }, outDir: folder, format: ['esm'], platform: 'node', target: 'node20', silent: true, config: false,
    dts: false, noExternal: [/.*/], splitting: true, outExtension: () => ({ js: '.mjs' }),
    esbuildOptions: (options) => {
      options.conditions = ['@lguest/source'];
      options.banner = { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' };
    },
  });
  return join(folder, 'main.mjs');
}

/** Path of the command as one JavaScript file, made when it is first asked for. */
export function commandPath(): Promise<string> {
  command ??= bundle(source);
  return command;
}

/** Run a JavaScript program with arguments and piped input. */
export async function runProgram(path: string, argv: readonly string[], input: string): Promise<Finished> {
  const child = spawn(process.execPath, [path, ...argv], { stdio: ['pipe', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => { stdout += text; });
  child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr += text; });
  child.stdin.on('error', () => {}); // it may end before it has read everything
  child.stdin.end(input);
  const status = await new Promise<number | null>((resolve) => { child.on('close', resolve); });
  return { status, stdout, stderr };
}

/** Run the command. */
export async function runCommand(argv: readonly string[], input: string): Promise<Finished> {
  return runProgram(await commandPath(), argv, input);
}
