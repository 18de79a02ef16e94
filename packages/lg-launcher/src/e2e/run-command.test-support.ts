/*
 * The `lguest` command in a process of its own, from source: bundled once per test file.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Options } from 'tsup';

const source = fileURLToPath(new URL('../cli.ts', import.meta.url));
const program = fileURLToPath(new URL('../program.ts', import.meta.url));
let command: Promise<string> | undefined;

/** How a process ended. */
export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder that is removed with this process. */
function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'lguest-bundle-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** What all bundles are made with: everything from source, in one file. */
const shared: Options = { platform: 'node', target: 'node20', silent: true, config: false, dts: false, clean: false, noExternal: [/.*/] };
const conditions = ['@lguest/source'];

/** Make one JavaScript file of a TypeScript file and all it imports, from source. */
export async function bundle(entry: string): Promise<string> {
  const folder = temporaryFolder();
  await build({
    ...shared, entry: { main: entry }, outDir: folder, format: ['esm'], splitting: true, outExtension: () => ({ js: '.mjs' }),
    esbuildOptions: (options) => {
      options.conditions = conditions;
      options.banner = { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' };
    },
  });
  return join(folder, 'main.mjs');
}

/** The command, and beside it the program that it runs. */
async function bundleCommand(): Promise<string> {
  const folder = temporaryFolder();
  await build({
    ...shared, entry: { cli: source, program }, outDir: folder, format: ['cjs'], splitting: false, outExtension: () => ({ js: '.cjs' }),
    esbuildOptions: (options) => { options.conditions = conditions; },
  });
  return join(folder, 'cli.cjs');
}

/** Path of the command, made when it is first asked for. */
export function commandPath(): Promise<string> {
  command ??= bundleCommand();
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
