/*
 * The table as text: MIPS of each side, and the ratios that matter.
 */
import type { Row } from './measure.js';
import { meanRatio, type Ratio, ratioOf, ratios } from './results.js';

const nameWidth = 14;
const slow = 20;
const cells = (name: string, values: readonly string[]): string => name.padEnd(nameWidth) + values.map((value) => value.padStart(Math.max(11, value.length + 2))).join('');

/** MIPS; a dash where there are none. */
export function speed(mips: number | undefined): string {
  return mips === undefined ? '–' : mips.toFixed(mips < slow ? 1 : 0);
}

export function ratioText(value: number | undefined): string {
  return value === undefined ? '–' : value.toFixed(2);
}

/** The ratios that can be had from some sides. */
export function ratiosAmong(sides: readonly string[]): Ratio[] {
  return ratios.filter(({ of, to }) => sides.includes(of) && sides.includes(to));
}

/** Prints a table line by line, as it comes. */
export class TextTable {
  readonly #sides: readonly string[];
  readonly #ratios: readonly Ratio[];
  readonly #print: (line: string) => void;

  constructor(sides: readonly string[], print: (line: string) => void) {
    this.#sides = sides;
    this.#ratios = ratiosAmong(sides);
    this.#print = print;
    print(cells('MIPS', [...sides, ...this.#ratios.map(({ title }) => title)]));
  }

  row({ program, mips }: Row): void {
    this.#print(cells(program, [...this.#sides.map((side) => speed(mips[side])), ...this.#ratios.map((ratio) => this.#cell(ratio, ratioOf(mips, ratio)))]));
  }

  /** Geometric means of the ratios, each over the programs that both sides ran. */
  means(rows: readonly Row[]): void {
    const mean = (name: string, of: (ratio: Ratio) => number | undefined): void =>
      this.#print(cells(name, [...this.#sides.map(() => ''), ...this.#ratios.map((ratio) => this.#cell(ratio, of(ratio)))]));
    mean('mean, cpu', (ratio) => meanRatio(rows, ratio, ['cpu']));
    mean('mean, all', (ratio) => meanRatio(rows, ratio));
  }

  #cell({ title }: Ratio, value: number | undefined): string {
    return ratioText(value).padStart(title.length);
  }
}
