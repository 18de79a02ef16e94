/*
 * One program on several sides, in turns, so that whatever else the machine has to do slows all of them down.
 */
import { imageOf, type Program, runsInUserMode } from './programs.js';
import type { Runner, Side, Turn } from './runner.js';

/** How long to look. Times are in milliseconds. */
export interface Effort {
  /** Before the first turn, for engines that have something to compile. */
  warmUp: number;
  turn: number;
  /** The median of this many turns counts. */
  turns: number;
}

export const thorough: Effort = { warmUp: 1000, turn: 200, turns: 7 };
export const quick: Effort = { warmUp: 500, turn: 60, turns: 3 };

/** Guest instructions per microsecond (MIPS) on each side, and what they are made from. */
export interface Row {
  program: Program;
  instructionsPerRound: number;
  /** Side → MIPS, the median of all turns. A side that cannot run the program is not there. */
  mips: Record<string, number>;
  /** Side → MIPS of each turn. */
  turns: Record<string, number[]>;
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

const isNative = (side: string): boolean => side === 'native';
const isV86 = (side: string): boolean => side.startsWith('v86');

/** Throws if two sides, or two rounds, differ in what they compute. */
function compare({ name, countsDiffer }: Program, runners: ReadonlyMap<string, Runner>): number {
  const results = [...runners].flatMap(([side, runner]) => runner.results().map((result) => ({ side, result })));
  if (new Set(results.map(({ result }) => result)).size !== 1)
    throw new Error(`${name}: results differ: ${results.map(({ side, result }) => `${side} ${result.toString(16)}`).join(', ')}`);
  const counts = [...runners].map(([side, runner]) => ({ side, count: runner.instructionsPerRound?.() })).filter(({ count }) => count !== undefined);
  const comparable = countsDiffer ? counts.filter(({ side }) => !isV86(side)) : counts;
  if (new Set(comparable.map(({ count }) => count)).size > 1)
    throw new Error(`${name}: instructions per round differ: ${comparable.map(({ side, count }) => `${side} ${count}`).join(', ')}`);
  const count = (counts.find(({ side }) => !isV86(side)) ?? counts[0])?.count;
  if (count === undefined) throw new Error(`${name}: nobody has counted its instructions; take an emulator among the sides`);
  return count;
}

/** Measure a program. Throws if the sides do not agree on what it computes. */
export async function measure(program: Program, sides: Readonly<Record<string, Side>>, effort: Effort): Promise<Row> {
  const image = await imageOf(program);
  const able = Object.entries(sides).filter(([name]) => !isNative(name) || runsInUserMode(program));
  const turns: Record<string, Turn[]> = Object.fromEntries(able.map(([name]) => [name, []]));
  const instructionsPerRound = await (program.group === 'cold' ? startAnew : keepRunning)(program, image, able, effort, turns);
  const mips = Object.fromEntries(Object.entries(turns).map(([name, list]) => [name, list.map(({ rounds, milliseconds }) => (rounds * instructionsPerRound) / milliseconds / 1000)]));
  return { program, instructionsPerRound, turns: mips, mips: Object.fromEntries(Object.entries(mips).map(([name, list]) => [name, median(list)])) };
}

type Method = (program: Program, image: Uint8Array, sides: readonly [string, Side][], effort: Effort, turns: Record<string, Turn[]>) => Promise<number>;

/** The usual way: one runner a side, warmed up, and turn after turn. */
const keepRunning: Method = async (program, image, sides, effort, turns) => {
  const runners = new Map<string, Runner>();
  for (const [name, side] of sides) runners.set(name, await side(image));
  for (const runner of runners.values()) await runner.run(effort.warmUp);
  for (let turn = 0; turn < effort.turns; turn++) {
    for (const [name, runner] of runners) turns[name]!.push(await runner.run(effort.turn));
  }
  const instructions = compare(program, runners);
  for (const runner of runners.values()) await runner.stop?.();
  return instructions;
};

/** For what is new only once: every turn is the first round of a new runner. One turn more, before, goes to the host's own compilers. */
const startAnew: Method = async (program, image, sides, effort, turns) => {
  let instructions = 0;
  for (let turn = -1; turn < effort.turns; turn++) {
    const runners = new Map<string, Runner>();
    for (const [name, side] of sides) {
      const runner = await side(image);
      runners.set(name, runner);
      const { rounds, milliseconds } = await runner.run(0);
      if (turn >= 0) turns[name]!.push({ rounds, milliseconds });
    }
    instructions = compare(program, runners);
    for (const runner of runners.values()) await runner.stop?.();
  }
  return instructions;
};
