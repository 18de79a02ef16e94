/*
 * Asking the oracle: batches of cases in, the same batches with the answers out.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SegmentRegister } from '../src/state.js';
import { Batch, batchOf, Case, CaseView, localSegments, localSelector, Place, plainStart, stopVector } from './case.js';
import { inLongMode, type LongCase } from './long-mode.js';
import { buildOracle, capacity } from './oracle-program.js';

const nop = 0x90;

/**
 * How the processor runs cases: as they are, in 32-bit and 16-bit code; or, where the system has no such segments for a
 * program, those that can be had in 64-bit code.
 */
export type OracleMode = 'as they are' | 'in 64-bit code';

/** The native program on disk, ready to run. */
export class Oracle {
  readonly #directory: string;
  readonly #path: string;
  readonly mode: OracleMode;

  /** Throws where there is none: it needs Linux on an x86-64 processor. */
  constructor() {
    if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error(`it is a program for Linux on x86-64, and this is ${process.platform} on ${process.arch}`);
    this.#directory = mkdtempSync(join(tmpdir(), 'x86-oracle-'));
    this.#path = join(this.#directory, 'oracle');
    writeFileSync(this.#path, buildOracle(), { mode: 0o755 });
    this.mode = 'as they are';
    if (this.#works()) return;
    this.mode = 'in 64-bit code';
    if (!this.#works()) throw new Error('an instruction that does nothing did something');
  }

  /** Does a NOP end at the INT3 behind it, in all code segments there are? */
  #works(): boolean {
    const flat = new CaseView();
    plainStart(flat);
    flat.setCode([nop]);
    const cases = [flat];
    if (this.mode === 'as they are') {
      const narrow = flat.copy();
      narrow.setSelector(SegmentRegister.cs, localSelector('code16'));
      narrow.setWord(Case.eip, Place.code - localSegments.code16.base);
      cases.push(narrow);
    }
    const answers = this.run(batchOf(cases));
    return cases.every((before, i) => {
      const after = answers.at(i);
      return after.word(Case.vector) === stopVector && after.word(Case.eip) === before.word(Case.eip) + 2;
    });
  }

  /** Can this case be asked here? */
  knows(c: CaseView): boolean {
    return this.mode === 'as they are' || inLongMode(c) !== undefined;
  }

  /** Run a batch on the real processor. Throws when a case cannot be asked, or the program dies. */
  run(batch: Batch): Batch {
    if (this.mode === 'as they are') return this.#run(batch);
    const cases = Array.from({ length: batch.count }, (_, i): LongCase => {
      const one = inLongMode(batch.at(i));
      if (one === undefined) throw new Error(`case ${i} cannot be had in 64-bit code`);
      return one;
    });
    const answers = this.#run(batchOf(cases.map(({ before }) => before)));
    cases.forEach(({ back }, i) => back(answers.at(i)));
    return answers;
  }

  #run(batch: Batch): Batch {
    if (batch.count > capacity) throw new Error(`a batch holds at most ${capacity} cases, not ${batch.count}`);
    const result = spawnSync(this.#path, [], { input: batch.bytes, maxBuffer: batch.bytes.length + 1 });
    if (result.error) throw result.error;
    if (result.status !== 0 || result.stdout.length !== batch.bytes.length) {
      throw new Error(`the oracle ended with ${result.signal ?? result.status} after ${result.stdout.length} bytes`);
    }
    return new Batch(batch.count, new Uint8Array(result.stdout));
  }

  /** Remove the program. */
  dispose(): void {
    rmSync(this.#directory, { recursive: true });
  }
}
