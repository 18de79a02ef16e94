/*
 * How many shadow directories should be kept, and which one should go for a new one? Lines are
 * `BENCH directories/<workload>/<replacement>-<slots> value unit`.
 *
 * A switch costs what the cache's own work takes, plus a trip to the Host for each page that has to be faulted in again.
 * The trip itself is not made here: it is counted at EXIT_NS, what it costs on the interpreter.
 */
import type { Replacement } from '../src/index.js';
import { BenchGuest, WORKING_SET } from './guest.js';

const EXIT_NS = 1500;
const SWITCHES = 20_000;
const TOUCHED = 24;
const SLOTS = [4, 8, 16, 32, 64];

/** The order in which a real Guest's boot loaded its directories: a kernel thread, init, and their children. */
const BOOT = [
  0, 1, 1, 2, 3, 4, 1, 2, 4, 5, 1, 2, 5, 6, 1, 2, 6, 1, 2, 6, 7, 1, 2, 7, 8, 1, 2, 8, 1, 2, 8, 5, 1, 2, 5, 9, 2, 9, 1, 2, 8, 2,
  8, 1, 2, 10, 2, 10, 1, 2, 11, 2, 11, 1, 2, 12, 2, 12, 1, 2, 5, 1, 2, 5, 3, 1, 2, 3, 13,
];

let seed = 1;
function random(below: number): number {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor(seed / 2 ** 32 * below);
}

const repeat = (order: readonly number[]): number[] => Array.from({ length: SWITCHES }, (_, i) => order[i % order.length]!);
const roundRobin = (processes: number): number[] => repeat(Array.from({ length: processes }, (_, i) => i));

/** A shell that starts one program after the other, each with a directory of its own, 12 of them in turn; two daemons. */
const shell = (): number[] => {
  const order: number[] = [];
  for (let child = 0; order.length < SWITCHES; child++) {
    const program = 3 + (child % 12);
    order.push(0, program, 0, program);
    if (child % 4 === 0) order.push(1);
    if (child % 9 === 0) order.push(2);
  }
  return order.slice(0, SWITCHES);
};

/** Forty processes, some of which run much more often than others. */
const server = (): number[] => Array.from({ length: SWITCHES }, () => Math.floor(40 * (random(1000) / 1000) ** 3));

const workloads: Record<string, number[]> = {
  boot: repeat(BOOT), shell: shell(), server: server(),
  'round-robin-8': roundRobin(8), 'round-robin-24': roundRobin(24), 'round-robin-48': roundRobin(48),
};

function run(order: readonly number[], slots: number, replacement: Replacement): void {
  const guest = new BenchGuest({ directories: slots, replacement });
  const pgdirs = Array.from({ length: Math.max(...order) + 1 }, () => guest.process());
  seed = 7;
  let faults = 0;
  const start = performance.now();
  for (const process of order) {
    guest.mmu.newPageTable(pgdirs[process]!);
    const first = random(WORKING_SET.length);
    for (let i = 0; i < TOUCHED; i++) {
      if (guest.touch(WORKING_SET[(first + i) % WORKING_SET.length]!, true)) faults++;
    }
  }
  const own = (performance.now() - start) * 1e6 / order.length;
  const total = own + faults * EXIT_NS / order.length;
  return void results.push({ faults: faults / order.length, own, total, frames: guest.frames.used });
}

interface Result {
  faults: number;
  own: number;
  total: number;
  frames: number;
}
const results: Result[] = [];

run(workloads['shell']!, 16, 'lru'); // warm up
for (const [name, order] of Object.entries(workloads)) {
  for (const replacement of ['lru', 'random'] as const) {
    for (const slots of SLOTS) {
      run(order, slots, replacement);
      const { faults, own, total, frames } = results.at(-1)!;
      const line = `BENCH directories/${name}/${replacement}-${slots}`;
      console.log(`${line} ${(total / 1000).toFixed(2)} us/switch (${faults.toFixed(2)} faults, ${own.toFixed(0)} ns own work, ${frames} frames)`);
    }
  }
}
