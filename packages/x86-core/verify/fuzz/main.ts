/*
 * `npm run verify:fuzz [-- --instructions N] [--engine NAME] [--against NAME] [--kind any|busy|both] [--seed N]`: hostile machines on
 * one engine, for as long as one likes. run() must never throw, must return, must take what it did from the budget, and must
 * not touch what lies behind the machine's memory. With --against a second engine has the same machines, and must come out
 * of every run with the same state, memory and exit.
 */
import { type EngineName, ExitReason, type Machine } from '../../src/index.js';
import { fuzz, hostileDifference, type Kind } from '../../src/testing/hostile-duel.js';
import { makeHostile } from '../../src/testing/hostile.js';
import { Stable } from '../../src/testing/stable.js';
import { narrow } from './narrow.js';

const option = (name: string, otherwise: string): string => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : process.argv[at + 1] ?? otherwise;
};
const wanted = Number(option('instructions', '20000000'));
const engine = option('engine', 'jit') as EngineName;
const against = option('against', '');
const firstSeed = Number(option('seed', '1'));
const kind = option('kind', 'both');
const kinds: readonly Kind[] = kind === 'both' ? ['any', 'busy'] : [kind as Kind];
const mostDifferences = Number(option('show', '10'));
const shown = 14;

const guard = 0x5a;
/** What lies behind a machine's memory. */
const behind = ({ memory, physical }: Machine): Uint8Array => new Uint8Array(memory.buffer, physical.bytes.byteOffset + physical.size);
const make = (name: string) => (): Machine => {
  const machine = makeHostile(name as EngineName);
  behind(machine).fill(guard);
  return machine;
};
const stable = new Stable(...[engine, against].filter((name) => name !== '').map(make));

const exits = new Map<string, number>();
const nameOf = (reason: number): string => Object.entries(ExitReason).find(([, value]) => value === reason)?.[0] ?? String(reason);
let differences = 0;
let retired = 0;
let attempted = 0;
let runs = 0;
const started = performance.now();

function runMachine(which: Kind, seed: number, machines: readonly Machine[]): void {
  const [{ cpu }] = machines as [Machine];
  let before = 0;
  let run = 0;
  for (const { budget, exits: [exit, ...others] } of fuzz(which, machines, seed)) {
    const done = cpu.retired - before;
    before = cpu.retired;
    runs++;
    retired += done;
    if (done > budget) throw new Error(`${which} machine, seed ${seed}: ${done} instructions on a budget of ${budget}`);
    const name = exit!.reason === ExitReason.gate ? `gate ${exit!.vector}` : nameOf(exit!.reason);
    exits.set(name, (exits.get(name) ?? 0) + 1);
    if (exit!.reason !== ExitReason.budget) attempted++;
    const different = others.length > 0 ? hostileDifference(machines, [exit!, ...others]) : undefined;
    if (different !== undefined) {
      differences++;
      console.log(`${which} machine, seed ${seed}, run ${run}, ${different}\n${narrow(which, seed, run, [engine, against as EngineName], budget)}\n`);
      return;
    }
    run++;
  }
}

let seed = firstSeed;
for (; retired + attempted < wanted && differences < mostDifferences; seed++) {
  for (const which of kinds) {
    const machines = stable.take();
    runMachine(which, seed, machines);
    if (machines.some((machine) => behind(machine).some((byte) => byte !== guard))) throw new Error(`${which} machine, seed ${seed}: something was written behind the machine's memory`);
  }
}

const seconds = (performance.now() - started) / 1000;
console.log(`${engine}: ${retired} instructions retired, ${(seed - firstSeed) * kinds.length} machines, ${runs} runs, ${seconds.toFixed(0)} s; nothing thrown, every budget kept`);
const most = [...exits].sort((a, b) => b[1] - a[1]);
console.log(`runs ended by ${most.slice(0, shown).map(([name, count]) => `${name} ${count}`).join(', ')}, and ${Math.max(0, most.length - shown)} other ways`);
const { regions, interpreter, reference, compiled } = stable.work[0]!;
const share = (count: number): string => `${((100 * count) / (regions + interpreter + reference)).toFixed(1)} %`;
console.log(`executed by regions ${share(regions)}, by the interpreter ${share(interpreter)}, by the reference ${share(reference)}; ${compiled} regions`);
if (against !== '') {
  console.log(`${differences} machines ended otherwise with ${against}`);
  if (differences > 0) process.exitCode = 1;
}
