/*
 * `npm run verify:fuzz [-- --instructions N] [--engine NAME] [--seed N]`: hostile machines on one engine, for as long as one
 * likes. run() must never throw, must return, must take what it did from the budget, and must not touch what lies
 * behind the machine's memory.
 */
import { type EngineName, ExitReason } from '../../src/index.js';
import { State } from '../../src/state.js';
import { Random } from '../../src/testing/random.js';
import { makeHostile, prepareHostile } from '../../src/testing/hostile.js';

const option = (name: string, otherwise: string): string => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : process.argv[at + 1] ?? otherwise;
};
const wanted = Number(option('instructions', '20000000'));
const engine = option('engine', 'jit') as EngineName;
const firstSeed = Number(option('seed', '1'));
const budget = 50_000;
const runsPerMachine = 12;
const shown = 14;

const machine = makeHostile(engine);
const { cpu } = machine;
const memory = new Uint8Array(cpu.processor.memory.buffer);
const end = machine.physical.bytes.byteOffset + machine.physical.size;
const guard = 0x5a;
memory.fill(guard, end);

const exits = new Map<string, number>();
const nameOf = (reason: number): string => Object.entries(ExitReason).find(([, value]) => value === reason)?.[0] ?? String(reason);
let retired = 0;
let attempted = 0;
let runs = 0;
const started = performance.now();
let seed = firstSeed;
for (; retired + attempted < wanted; seed++) {
  prepareHostile(machine, seed);
  const random = new Random(seed);
  for (let i = 0; i < runsPerMachine; i++) {
    const before = cpu.retired;
    const exit = cpu.run(budget);
    const done = cpu.retired - before;
    runs++;
    retired += done;
    if (done > budget) throw new Error(`seed ${seed}: ${done} instructions on a budget of ${budget}`);
    const name = exit.reason === ExitReason.gate ? `gate ${exit.vector}` : nameOf(exit.reason);
    exits.set(name, (exits.get(name) ?? 0) + 1);
    if (exit.reason === ExitReason.shutdown) break;
    if (exit.reason !== ExitReason.budget) {
      attempted++;
      cpu.processor.i32[State.eip >> 2] = random.oneIn(2) ? 0x8000 + random.below(0x2000) : random.below(0x2000);
    }
    if (random.oneIn(3)) cpu.interrupt(random.below(256));
  }
  if (memory.subarray(end).some((byte) => byte !== guard)) throw new Error(`seed ${seed}: something was written behind the machine's memory`);
}

const seconds = (performance.now() - started) / 1000;
console.log(`${engine}: ${retired} instructions retired, ${seed - firstSeed} machines, ${runs} runs, ${seconds.toFixed(0)} s; nothing thrown, every budget kept`);
const most = [...exits].sort((a, b) => b[1] - a[1]);
console.log(`runs ended by ${most.slice(0, shown).map(([name, count]) => `${name} ${count}`).join(', ')}, and ${Math.max(0, most.length - shown)} other ways`);
console.log(`${cpu.statistics.regions.compiled} regions, ${cpu.statistics.instructions.reference} instructions by the reference`);
