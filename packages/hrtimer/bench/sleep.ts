/*
 * How late a sleeper wakes up, next to a bare setTimeout() in the same run; and what the queue's operations cost.
 * `npm run bench` in this package bundles this file from source and runs it.
 */
import { createSleeper as createBrowserSleeper } from '../src/browser.js';
import { MonotonicClock, Timer, TimerQueue, VirtualClock } from '../src/index.js';
import { createSleeper as createNodeSleeper } from '../src/node.js';

const SLEEPS = 300;
/** Lengths of a sleep in milliseconds: whole ones and such that no timeout can express. */
const LENGTHS = [0.25, 1, 3.7, 10.4];
const MILLISECOND = 1e6;
const clock = new MonotonicClock();

type Sleep = (milliseconds: number) => Promise<unknown>;
const node = createNodeSleeper();
const browser = createBrowserSleeper();
const until = (milliseconds: number): bigint => clock.now() + BigInt(Math.round(milliseconds * MILLISECOND));
const ways: Record<string, Sleep> = {
  setTimeout: (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); }),
  node: (milliseconds) => node.sleepUntil(clock, until(milliseconds)),
  browser: (milliseconds) => browser.sleepUntil(clock, until(milliseconds)),
};

const percentile = (sorted: readonly number[], part: number): number => sorted[Math.floor((sorted.length - 1) * part)]!;
const text = (microseconds: number): string => microseconds.toFixed(0).padStart(7);

console.log('wake-up error in µs          median    90 %    99 %  (negative: too early)');
const errors = new Map<string, number[]>();
for (let i = 0; i < SLEEPS; i++) {
  for (const length of LENGTHS) {
    for (const [name, sleep] of Object.entries(ways)) {
      const deadline = until(length);
      await sleep(length);
      const key = `${name} ${length} ms`;
      errors.set(key, [...(errors.get(key) ?? []), Number(clock.now() - deadline) / 1000]);
    }
  }
}
for (const [key, list] of [...errors].sort(([a], [b]) => (a < b ? -1 : 1))) {
  list.sort((a, b) => a - b);
  console.log(`${key.padEnd(27)}${[0.5, 0.9, 0.99].map((part) => text(percentile(list, part))).join(' ')}`);
}

console.log('\nns each, by timers waiting       1      100    10000');
const sizes = [1, 100, 10_000];
const OPERATIONS = 200_000;
const cost = (operation: (timer: Timer, i: number, queue: TimerQueue) => void) => sizes.map((size) => {
  const queue = new TimerQueue(new VirtualClock());
  const timers = Array.from({ length: size }, (_, i) => {
    const timer = new Timer(queue, () => {});
    timer.start(BigInt((i * 7919) % 100_003));
    return timer;
  });
  const rounds = Array.from({ length: 5 }, () => {
    const start = performance.now();
    for (let i = 0; i < OPERATIONS; i++) operation(timers[i % size]!, i, queue);
    return ((performance.now() - start) * MILLISECOND) / OPERATIONS;
  });
  return rounds.sort((a, b) => a - b)[2]!;
});
const show = (name: string, costs: readonly number[]): void => console.log(`${name.padEnd(27)}${costs.map((c) => c.toFixed(0).padStart(8)).join(' ')}`);
show('start (again)', cost((timer, i) => timer.start(BigInt((i * 104_729) % 100_003))));
show('cancel and start', cost((timer, i) => {
  timer.cancel();
  timer.start(BigInt((i * 104_729) % 100_003));
}));
show('nextExpiry', cost((_, __, queue) => { queue.nextExpiry(); }));
process.exit(); // the browser's message port would keep the process
