/*
 * How long the command takes to get to work. `npm run bench:start` starts `lguest run` again and again, by turns with a
 * Node that has nothing to do, and prints medians: from when the process is made to the Guest's first instruction, and to
 * its first line. Build the packages before.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ROUNDS = 21;
const command = fileURLToPath(new URL('../../dist/cli.cjs', import.meta.url));
const preload = fileURLToPath(new URL('first-run.js', import.meta.url));

/** Milliseconds until something is seen on an output, which says when it happened or has happened now. */
function start(parameters: string[], output: 'stdout' | 'stderr', seen: (text: string) => number): Promise<number> {
  return new Promise((resolve, reject) => {
    const started = performance.timeOrigin + performance.now();
    const child = spawn(process.execPath, parameters, { stdio: ['ignore', 'pipe', 'pipe'] });
    let at: number | undefined;
    child[output].once('data', (bytes: Buffer) => { at = seen(bytes.toString()); });
    child[output === 'stdout' ? 'stderr' : 'stdout'].resume();
    child.once('close', () => {
      if (at === undefined) reject(new Error(`node ${parameters.join(' ')} said nothing on ${output}`));
      else resolve(at - started);
    });
  });
}

const now = (): number => performance.timeOrigin + performance.now();
const cases: Record<string, () => Promise<number>> = {
  'bare-node': () => start(['-e', 'console.log(1)'], 'stdout', now),
  'first-instruction': () => start(['--require', preload, command, 'run'], 'stderr', (text) => Number(/^first (.*)$/m.exec(text)![1])),
  'first-line': () => start([command, 'run'], 'stdout', now),
};
const times = Object.entries(cases).map(([name, run]) => ({ name, run, all: [] as number[] }));
for (let round = 0; round <= ROUNDS; round++) {
  for (const { run, all } of times) {
    const took = await run();
    // the first start may find nothing of it in the system's caches
    if (round > 0) all.push(took);
  }
}
for (const { name, all } of times) console.log(`BENCH ${name} ${all.sort((a, b) => a - b)[ROUNDS >> 1]!.toFixed(0)} ms`);
