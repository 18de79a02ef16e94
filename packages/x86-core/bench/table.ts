/*
 * The table as text: MIPS of each side, and the ratios that matter.
 */
import type { Row } from './measure.js';
import type { Group } from './programs.js';

/** A column of ratios: one side over another. */
export const ratios = [
  { title: 'interp/v86', of: 'interpreter', to: 'v86' },
  { title: 'jit/v86', of: 'jit', to: 'v86' },
  { title: 'jit/native', of: 'jit', to: 'native' },
] as const;

const nameWidth = 14;
const cell = (text: string): string => text.padStart(12);

export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** One side's speed over another's; undefined where one of them is missing. */
export function ratioOf(mips: Readonly<Record<string, number>>, { of, to }: { of: string; to: string }): number | undefined {
  const numerator = mips[of];
  const denominator = mips[to];
  return numerator === undefined || denominator === undefined ? undefined : numerator / denominator;
}

function speed(mips: number | undefined): string {
  return mips === undefined ? '-' : mips.toFixed(mips < 20 ? 1 : 0);
}

const ratioText = (value: number | undefined): string => (value === undefined ? '-' : value.toFixed(2));
const shown = (sides: readonly string[]): typeof ratios[number][] => ratios.filter(({ of, to }) => sides.includes(of) && sides.includes(to));

/** Guest instructions per microsecond, and ratios. */
export function heading(sides: readonly string[]): string {
  return 'MIPS'.padEnd(nameWidth) + [...sides, ...shown(sides).map(({ title }) => title)].map(cell).join('');
}

function text(name: string, mips: Readonly<Record<string, number>>, sides: readonly string[]): string {
  return name.padEnd(nameWidth) + [...sides.map((side) => speed(mips[side])), ...shown(sides).map((ratio) => ratioText(ratioOf(mips, ratio)))].map(cell).join('');
}

export function line(row: Row, sides: readonly string[]): string {
  return text(row.program.name, row.mips, sides);
}

/** Geometric means of the ratios, each over the programs that both sides ran. */
export function means(rows: readonly Row[], groups?: readonly Group[]): Record<string, number> {
  const counted = rows.filter(({ program }) => groups?.includes(program.group) ?? true);
  const entries = ratios.map((ratio) => [ratio.title, counted.map(({ mips }) => ratioOf(mips, ratio)).filter((value) => value !== undefined)] as const);
  return Object.fromEntries(entries.filter(([, values]) => values.length > 0).map(([title, values]) => [title, geometricMean(values)]));
}

/** The last lines: means over the CPU-bound programs, and over all. */
export function summary(rows: readonly Row[], sides: readonly string[]): string[] {
  const mean = (name: string, values: Record<string, number>): string =>
    name.padEnd(nameWidth) + [...sides.map(() => ''), ...shown(sides).map(({ title }) => ratioText(values[title]))].map(cell).join('');
  return [mean('geo. mean, cpu', means(rows, ['cpu'])), mean('geo. mean, all', means(rows))];
}
