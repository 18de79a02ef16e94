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

/**
 * Counts reports, and times them: a turn begins with a report, or where the program marks its beginning, and ends with
 * the first one after so long. Only there the clock is read, for it is a slow one.
 */
export class RoundCounter {
  readonly results = new Set<number>();
  /** The turn is over. */
  done = false;
  #milliseconds = 0;
  #rounds = -1;
  #began = 0;
  #turn: Turn | undefined;
  /** By the clock on the wall. */
  #deadline = 0;

  begin(milliseconds: number): void {
    this.#milliseconds = milliseconds;
    this.#rounds = -1;
    this.#turn = undefined;
    this.done = false;
  }

  /** A round starts here; its report will be the first to count. */
  mark(): void {
    this.#rounds = 0;
    this.#deadline = performance.now() + this.#milliseconds;
    this.#began = now();
  }

  report(value: number): void {
    this.results.add(value >>> 0);
    if (this.done) return;
    if (this.#rounds < 0) {
      this.mark();
      return;
    }
    this.#rounds++;
    if (performance.now() < this.#deadline) return;
    this.#turn = { rounds: this.#rounds, milliseconds: now() - this.#began };
    this.done = true;
  }

  end(): Turn {
    if (!this.#turn) throw new Error(`no end of a round in ${patience / 1000} seconds; the round is too long, or the program does not run`);
    return this.#turn;
  }
}
