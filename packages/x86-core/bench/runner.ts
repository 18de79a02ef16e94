/*
 * What runs a bench program: one of several emulators, or the machine itself, each with the same image in the same place.
 */
import { now } from './clock.js';

/** Rounds done and the time they took. */
export interface Turn {
  rounds: number;
  milliseconds: number;
}

/** An emulator with a program loaded. The program works in rounds, and reports each one's result on a port. */
export interface Runner {
  /**
   * Run for about so long: at least one round, timed from report to report. In the first turn the first round counts,
   * too, from its first instruction on.
   */
  run(milliseconds: number): Promise<Turn>;
  /** What the rounds reported, each value once: a program's rounds are all alike, so it is one value. */
  results(): readonly number[];
  /** Instructions that a round retires, by this emulator's own count. Undefined where nobody counts. */
  instructionsPerRound?(): number;
  stop?(): Promise<void>;
  /** True where nothing gets faster by running for a while. */
  readonly needsNoWarmUp?: boolean;
}

/** A round that takes longer than this, in milliseconds, will never end. */
export const patience = 60_000;

/** Makes a runner for a program's image. */
export type Side = (image: Uint8Array) => Promise<Runner>;

/** Counts reports, and times them. */
export class RoundCounter {
  rounds = 0;
  readonly results = new Set<number>();
  #first = 0;
  #last = 0;

  begin(): void {
    this.rounds = -1;
  }

  /** A round starts here; its report will be the first to count. */
  mark(): void {
    this.rounds = 0;
    this.#first = now();
  }

  report(value: number): void {
    this.results.add(value >>> 0);
    this.rounds++;
    this.#last = now();
    if (this.rounds === 0) this.#first = this.#last;
  }

  end(): Turn {
    if (this.rounds < 1) throw new Error(`not one whole round in ${patience / 1000} seconds; the round is too long, or the program does not run`);
    return { rounds: this.rounds, milliseconds: this.#last - this.#first };
  }
}
