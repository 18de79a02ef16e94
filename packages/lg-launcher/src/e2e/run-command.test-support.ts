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
let bundle: Promise<string> | undefined;

/** How a process ended. */
export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Path of the command as one JavaScript file, made when it is first asked for and removed with this process. */
export function commandPath(): Promise<string> {
  bundle ??= (async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lguest-command-'));
    process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
    await build({
      entry: { cli: source }, outDir: folder, format: ['esm'], platform: 'node', target: 'node20', silent: true, config: false,
      dts: false, noExternal: [/.*/], splitting: true, outExtension: () => ({ js: '.mjs' }),
      esbuildOptions: (options) => {
        options.conditions = ['@lguest/source'];
        options.banner = { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' };
      },
    });
    return join(folder, 'cli.mjs');
  })();
  return bundle;
}

/** Run the command with arguments and piped input. */
export async function runCommand(argv: readonly string[], input: string): Promise<Finished> {
  const child = spawn(process.execPath, [await commandPath(), ...argv], { stdio: ['pipe', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => { stdout += text; });
  child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr += text; });
  child.stdin.on('error', () => {}); // it may end before it has read everything
  child.stdin.end(input);
  const status = await new Promise<number | null>((resolve) => { child.on('close', resolve); });
  return { status, stdout, stderr };
}
