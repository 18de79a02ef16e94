/*
 * What runs a bench program: one of several emulators, each with the same image in the same place.
 */

/** An emulator with a program loaded. The program works in rounds, and reports each one's result on a port. */
export interface Runner {
  /** Run for about so long. @returns rounds done and the time they took; whole rounds, from report to report */
  run(milliseconds: number): Promise<{ rounds: number; milliseconds: number }>;
  /** What the rounds reported, each value once: a program's rounds are all alike, so it is one value. */
  results(): readonly number[];
  /** Instructions that a round retires, by this emulator's own count. */
  instructionsPerRound(): number;
  stop?(): Promise<void>;
}

/** Counts reports, and times them. */
export class RoundCounter {
  rounds = 0;
  readonly results = new Set<number>();
  #first = 0;
  #last = 0;

  begin(): void {
    this.rounds = -1;
  }

  report(value: number): void {
    this.results.add(value >>> 0);
    this.rounds++;
    this.#last = performance.now();
    if (this.rounds === 0) this.#first = this.#last;
  }

  end(): { rounds: number; milliseconds: number } {
    if (this.rounds < 1) throw new Error('not one whole round in this time; the round is too long, or the program does not run');
    return { rounds: this.rounds, milliseconds: this.#last - this.#first };
  }
}
