/*
 * The JIT in the place of the real processor: a region is made of each case's code before it runs.
 *
 * Compiling takes longer than all else about a case, so the JIT is asked about fewer of them.
 */
import type { Engine } from '../src/engine.js';
import { Handler } from '../src/interpreter/handlers.js';
import { InterpreterEngine } from '../src/interpreter/engine.js';
import { Field } from '../src/interpreter/record.js';
import { settingsOf } from '../src/jit/options.js';
import type { Processor } from '../src/processor.js';
import { Mode, State } from '../src/state.js';
import type { UndefinedResults } from '../src/undefined-results.js';
import type { CaseView } from './case.js';
import { Subject } from './subject.js';

/** Cases per machine: the host does not forget the code of regions that have gone. */
const casesPerMachine = 500;
/** Code that changes must be hotter and hotter to become a region. */
const mostSamples = 256;
const IN_REGIONS = State.inRegions >> 2;

/** Makes a region of the instructions at EIP, and runs them. */
class RegionEngine implements Engine {
  readonly #cpu: Processor;
  readonly #engine: InterpreterEngine;

  constructor(cpu: Processor) {
    this.#cpu = cpu;
    this.#engine = new InterpreterEngine(cpu, settingsOf({ hotAfter: 1, steps: false }));
  }

  run(): void {
    this.#compile();
    this.#engine.run();
  }

  /** Nothing happens where there can be no region: in 16-bit code, while alignment is checked, where nothing can be fetched. */
  #compile(): void {
    const { i32, u16 } = this.#cpu;
    if ((i32[State.mode >> 2]! & (Mode.fast | Mode.alignmentCheck)) !== Mode.fast) return;
    const { code, jit } = this.#engine;
    const eip = i32[State.eip >> 2]! >>> 0;
    const record = code.recordAt(eip);
    if (record <= 0) return;
    for (let i = 0; i < mostSamples && u16[(record + Field.handler) >> 1] !== Handler.region; i++) jit!.sample(eip);
  }

  /** Instructions that regions have executed. */
  get inRegions(): number { return this.#cpu.u32[IN_REGIONS]!; }
}

/** A machine that runs cases in regions. */
export class RegionSubject {
  readonly #maker: UndefinedResults;
  #subject!: Subject;
  #engine!: RegionEngine;
  #left = 0;
  /** Cases run so far. */
  cases = 0;
  /** Cases of which a region has executed something: not those whose first instruction faults, or is none for regions. */
  inRegions = 0;

  constructor(maker: UndefinedResults) {
    this.#maker = maker;
  }

  /** Run a case and put what came out into its place. */
  run(c: CaseView): void {
    if (this.#left-- === 0) this.#renew();
    this.cases++;
    const before = this.#engine.inRegions;
    this.#subject.run(c);
    if (this.#engine.inRegions !== before) this.inRegions++;
  }

  #renew(): void {
    this.#left = casesPerMachine - 1;
    this.#subject = new Subject((cpu) => (this.#engine = new RegionEngine(cpu)), this.#maker);
  }
}
