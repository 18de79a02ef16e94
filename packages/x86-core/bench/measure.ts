/*
 * One program on several sides, in turns, so that whatever else the machine has to do slows all of them down.
 */
import { imageOf, type Program, runsInUserMode } from './programs.js';
import type { Runner, Side, Turn } from './runner.js';

/** How long to look. Times are in milliseconds. */
export interface Effort {
  /** Before the first turn, for engines that have something to compile: so long, and on while it helps, but not for ever. */
  warmUp: number;
  longestWarmUp: number;
  turn: number;
  /** The median of this many turns counts. */
  turns: number;
}

export const thorough: Effort = { warmUp: 600, longestWarmUp: 3000, turn: 150, turns: 7 };
export const quick: Effort = { warmUp: 300, longestWarmUp: 1500, turn: 60, turns: 3 };

/** Guest instructions per microsecond (MIPS) on each side, and what they are made from. */
export interface Row {
  program: Program['name'];
  instructionsPerRound: number;
  /** Side → MIPS, the median of all turns. A side that cannot run the program is not there. */
  mips: Record<string, number>;
  /** Side → MIPS of each turn. */
  turns: Record<string, number[]>;
}

/** Hears of programs as they are done. */
export interface Listener {
  row(row: Row): void;
  failure(sentence: string): void;
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

const isNative = (side: string): boolean => side === 'native';
const isV86 = (side: string): boolean => side.startsWith('v86');

/** Throws if two sides, or two rounds, differ in what they compute. @returns instructions per round */
function compare({ countsDiffer }: Program, runners: ReadonlyMap<string, Runner>): number {
  const results = [...runners].flatMap(([side, runner]) => runner.results().map((result) => ({ side, result })));
  if (new Set(results.map(({ result }) => result)).size !== 1)
    throw new Error(`results differ: ${results.map(({ side, result }) => `${side} ${result.toString(16)}`).join(', ')}`);
  const counts = [...runners].map(([side, runner]) => ({ side, count: runner.instructionsPerRound?.() })).filter(({ count }) => count !== undefined);
  const comparable = countsDiffer ? counts.filter(({ side }) => !isV86(side)) : counts;
  if (new Set(comparable.map(({ count }) => count)).size > 1)
    throw new Error(`instructions per round differ: ${comparable.map(({ side, count }) => `${side} ${count}`).join(', ')}`);
  const count = (counts.find(({ side }) => !isV86(side)) ?? counts[0])?.count;
  if (count === undefined) throw new Error('nobody has counted the instructions; have an emulator among the sides');
  return count;
}

/** Measure some programs, one after the other. What fails is told, and the others are measured all the same. */
export async function measureAll(chosen: readonly Program[], sides: Readonly<Record<string, Side>>, effort: Effort, { row, failure }: Listener): Promise<void> {
  for (const program of chosen) {
    try {
      row(await measure(program, sides, effort));
    } catch (thrown) {
      failure(`${program.name}: ${String(thrown)}`);
    }
  }
}

/** Measure a program. Throws if the sides do not agree on what it computes. */
async function measure(program: Program, sides: Readonly<Record<string, Side>>, effort: Effort): Promise<Row> {
  const image = await imageOf(program);
  const able = Object.entries(sides).filter(([name]) => !isNative(name) || runsInUserMode(program));
  const turns: Record<string, Turn[]> = Object.fromEntries(able.map(([name]) => [name, []]));
  const instructionsPerRound = await (program.group === 'cold' ? startAnew : keepRunning)(program, image, able, effort, turns);
  const mips = Object.fromEntries(Object.entries(turns).map(([name, list]) => [name, list.map(({ rounds, milliseconds }) => (rounds * instructionsPerRound) / milliseconds / 1000)]));
  return { program: program.name, instructionsPerRound, turns: mips, mips: Object.fromEntries(Object.entries(mips).map(([name, list]) => [name, median(list)])) };
}

/** This much faster than all before is progress; so many turns without it are the end. */
const progress = 1.03;
const mostIdle = 3;

/** Takes turns until they get no faster, or it has been too long. */
async function untilIdle(turn: () => Promise<Turn>, end: number): Promise<void> {
  let best = 0;
  let idle = 0;
  while (idle < mostIdle && performance.now() < end) {
    const { rounds, milliseconds } = await turn();
    const speed = rounds / milliseconds;
    idle = speed > best * progress ? 0 : idle + 1;
    best = Math.max(best, speed);
  }
}

async function warm(runner: Runner, { warmUp, longestWarmUp, turn }: Effort): Promise<void> {
  if (runner.needsNoWarmUp) return;
  const end = performance.now() + longestWarmUp;
  await runner.run(warmUp);
  await untilIdle(() => runner.run(turn), end);
}

type Method = (program: Program, image: Uint8Array, sides: readonly [string, Side][], effort: Effort, turns: Record<string, Turn[]>) => Promise<number>;

/** The usual way: one runner a side, warmed up, and turn after turn. */
const keepRunning: Method = async (program, image, sides, effort, turns) => {
  const runners = new Map<string, Runner>();
  for (const [name, side] of sides) runners.set(name, await side(image));
  for (const runner of runners.values()) await warm(runner, effort);
  for (let turn = 0; turn < effort.turns; turn++) {
    for (const [name, runner] of runners) turns[name]!.push(await runner.run(effort.turn));
  }
  const instructions = compare(program, runners);
  for (const runner of runners.values()) await runner.stop?.();
  return instructions;
};

/** The first round of a new runner. */
async function firstRound(side: Side, image: Uint8Array): Promise<{ turn: Turn; runner: Runner }> {
  const runner = await side(image);
  return { turn: await runner.run(0), runner };
}

/** New runners warm the host's own compilers, who have the same code in all of them. */
async function warmAnew(side: Side, image: Uint8Array, { warmUp, longestWarmUp }: Effort): Promise<void> {
  const start = performance.now();
  let done = false;
  const round = async (): Promise<Turn> => {
    const { turn, runner } = await firstRound(side, image);
    await runner.stop?.();
    done = runner.needsNoWarmUp ?? false;
    return turn;
  };
  do await round(); while (!done && performance.now() < start + warmUp);
  if (!done) await untilIdle(round, start + longestWarmUp);
}

/** For what is new only once: every turn is the first round of a new runner. */
const startAnew: Method = async (program, image, sides, effort, turns) => {
  for (const [, side] of sides) await warmAnew(side, image, effort);
  let instructions = 0;
  for (let turn = 0; turn < effort.turns; turn++) {
    const runners = new Map<string, Runner>();
    for (const [name, side] of sides) {
      const round = await firstRound(side, image);
      runners.set(name, round.runner);
      turns[name]!.push(round.turn);
    }
    instructions = compare(program, runners);
    for (const runner of runners.values()) await runner.stop?.();
  }
  return instructions;
};
