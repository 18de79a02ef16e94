/*
 * What the README shows works as it stands there.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseArguments } from '../cli/arguments.js';
import { bundle, runProgram } from './run-command.test-support.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const examples = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code!);

/** Run an example inside this package, where the package's own name means its source. */
async function run(code: string): Promise<string> {
  const folder = join(root, 'node_modules', '.readme');
  const file = join(folder, `example-${examples.indexOf(code)}.ts`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, code);
  try {
    const done = await runProgram(await bundle(file), [], '');
    expect(done).toMatchObject({ status: 0, stderr: '' });
    return done.stdout;
  } finally {
    rmSync(file);
  }
}

describe('the README', () => {
  it('has an example of talking to the built-in Guest', async () => {
    const said = await run(examples[0]!);
    expect(said).toContain('$ write 5 kept for ever\n');
    expect(said).toMatch(/\{ reason: 'poweroff', status: 0, message: 'Power down' \}\n$/);
  });

  it('has an example of virtual time', async () => {
    expect(await run(examples[1]!)).toMatch(/real 2\.0\d+ s\n\$ \npoweroff\n$/);
  });

  it('lists all options and exit statuses that --help lists', () => {
    let help = '';
    parseArguments(['run', '--help'], { out: (text) => { help += text; }, error: () => {} });
    const options = [...help.matchAll(/--[a-z]+(?:-[a-z]+)*/g)].map(([option]) => option);
    expect(options.length).toBeGreaterThan(10);
    for (const option of options) expect(readme).toMatch(new RegExp(`\`(?:-v\`, \`|-h\`, \`)?${option}[ \`]`));
    for (const [, status] of help.matchAll(/^ +(\d+) {2}/gm)) expect(readme).toContain(`| ${status} |`);
  });
});
