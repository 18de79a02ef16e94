/*
 * How long a Guest takes from bootGuest() to its prompt. `npm run bench` in this package bundles this file from source
 * and runs it; lines are `BENCH name value unit`.
 *
 * The built-in Guest always; a Linux when LGUEST_TEST_KERNEL (and LGUEST_TEST_INITRD) name one whose initrd ends in a
 * shell. The first boot of a process also pays for JavaScript and WebAssembly being compiled; the others show the
 * Guest's own work. Cases take turns, so that all of them see the same machine.
 */
import { readFileSync } from 'node:fs';
import { bootGuest, type BootOptions } from '../src/index.js';

const ROUNDS = 5;
const MIB = 1 << 20;

interface Case { name: string; options: BootOptions; rounds: number }

const demo: BootOptions = { expect: '\n$ ', timeout: 60 };
const cases: Case[] = [
  { name: 'demo', options: demo, rounds: ROUNDS },
  { name: 'demo-reference', options: { ...demo, engine: 'reference' }, rounds: 1 },
];

const { LGUEST_TEST_KERNEL: kernelName, LGUEST_TEST_INITRD: initrdName } = process.env;
if (kernelName === undefined) console.log('linux: skipped; set LGUEST_TEST_KERNEL and LGUEST_TEST_INITRD');
else {
  const linux: BootOptions = {
    kernel: readFileSync(kernelName), kernelName, memory: 128 * MIB, commandLine: 'console=hvc0', expect: '# ', timeout: 300,
    ...(initrdName === undefined ? {} : { initrd: readFileSync(initrdName), initrdName }),
  };
  cases.push(
    { name: 'linux', options: linux, rounds: ROUNDS },
    { name: 'linux-no-direct-traps', options: { ...linux, directTraps: false }, rounds: ROUNDS },
    { name: 'linux-reference', options: { ...linux, engine: 'reference' }, rounds: 1 },
  );
}

interface Boot { milliseconds: number; instructions: number; inGuest: number; inHost: number }

async function boot(options: BootOptions): Promise<Boot> {
  const start = performance.now();
  const vm = await bootGuest(options);
  const exit = await vm.exit;
  const milliseconds = performance.now() - start;
  if (exit.reason !== 'expected') throw new Error(`the Guest did not get to its prompt: ${exit.message}`);
  const { host } = vm.stats();
  return { milliseconds, instructions: host.instructions, inGuest: host.guestMilliseconds!, inHost: host.hostMilliseconds! };
}

const results = new Map<Case, Boot[]>(cases.map((one) => [one, []]));
for (let round = 0; round <= ROUNDS; round++) {
  for (const [one, boots] of results) {
    if (round <= one.rounds) boots.push(await boot(one.options));
  }
}
for (const [{ name }, [first, ...rest]] of results) {
  const middle = [...rest].sort((a, b) => a.milliseconds - b.milliseconds)[rest.length >> 1]!;
  console.log(`BENCH ${name}-first ${first!.milliseconds.toFixed(0)} ms`);
  console.log(`BENCH ${name} ${middle.milliseconds.toFixed(0)} ms`);
  console.log(`BENCH ${name}-instructions ${(middle.instructions / 1e6).toFixed(1)} million`);
  console.log(`BENCH ${name}-in-host ${((100 * middle.inHost) / (middle.inGuest + middle.inHost)).toFixed(0)} percent`);
}
