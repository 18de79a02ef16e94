/*
 * Machines that are alike but for their engines, for one random program after the other. They are replaced now and then: the JIT
 * loses interest in pages that have changed often, and all programs are in the same pages.
 */
import type { Machine } from '../index.js';
import type { InstructionCounts } from '../interpreter/engine.js';

/** Programs that a machine is used for. */
const programs = 16;

/** What an engine has done on all machines that there were. */
export interface Work extends InstructionCounts {
  /** Regions made, and runs of regions that were compared with the reference engine (JIT option `lockstep`). */
  compiled: number;
  compared: number;
}

export class Stable {
  readonly #make: readonly (() => Machine)[];
  readonly #former: Work[];
  #machines: readonly Machine[] = [];
  #used = 0;

  /** @param make how each of the machines is made */
  constructor(...make: readonly (() => Machine)[]) {
    this.#make = make;
    this.#former = make.map(() => ({ regions: 0, interpreter: 0, reference: 0, compiled: 0, compared: 0 }));
  }

  /** The machines, for another program. */
  take(): readonly Machine[] {
    if (this.#used++ % programs === 0) {
      this.work.forEach((work, i) => { this.#former[i] = work; });
      this.#machines = this.#make.map((make) => make());
    }
    return this.#machines;
  }

  /** By machine. */
  get work(): readonly Work[] {
    return this.#former.map((former, i) => {
      const now = this.#machines[i]?.cpu.statistics;
      if (!now) return former;
      const { regions, interpreter, reference } = now.instructions;
      return {
        regions: former.regions + regions, interpreter: former.interpreter + interpreter,
        reference: former.reference + reference, compiled: former.compiled + now.regions.compiled, compared: former.compared + now.regions.compared.regions,
      };
    });
  }
}
