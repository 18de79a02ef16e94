/*
 * Asking the oracle: batches of cases in, the same batches with the answers out.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Batch } from './case.js';
import { buildOracle, capacity } from './oracle-program.js';

/** The native program on disk, ready to run. Only Linux on an x86 processor that runs 32-bit programs has one. */
export class Oracle {
  readonly #directory: string;
  readonly #path: string;

  constructor() {
    this.#directory = mkdtempSync(join(tmpdir(), 'x86-oracle-'));
    this.#path = join(this.#directory, 'oracle');
    writeFileSync(this.#path, buildOracle(), { mode: 0o755 });
  }

  /** Run a batch on the real processor. Throws when the program cannot run here, or dies. */
  run(batch: Batch): Batch {
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
