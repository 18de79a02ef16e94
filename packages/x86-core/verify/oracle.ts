/*
 * Asking the oracle: batches of cases in, the same batches with the answers out.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Case, Place, buildOracle, capacity } from './oracle-program.js';

/** A batch of cases as one block of bytes, with the views to fill and read it. */
export class Batch {
  readonly count: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(count: number, bytes = new Uint8Array(count * Case.size)) {
    this.count = count;
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The bytes of case `i` as a view of their own. */
  at(i: number): CaseView {
    return new CaseView(this.bytes.subarray(i * Case.size, (i + 1) * Case.size));
  }
}

/** One case: the state before an instruction, or what it left behind. */
export class CaseView {
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(bytes = new Uint8Array(Case.size)) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  word(offset: number): number {
    return this.view.getUint32(offset, true);
  }

  setWord(offset: number, value: number): void {
    this.view.setUint32(offset, value, true);
  }

  get code(): Uint8Array {
    return this.bytes.subarray(Case.code, Case.code + 16);
  }

  /** The instruction, without the INT3s behind it unless it is one. */
  setCode(code: ArrayLike<number>): void {
    this.code.fill(0xcc);
    this.code.set(code);
  }

  get fxsave(): Uint8Array {
    return this.bytes.subarray(Case.fxsave, Case.fxsave + 512);
  }

  get window(): Uint8Array {
    return this.bytes.subarray(Case.window, Case.window + Place.windowBytes);
  }
}

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
    return new Batch(batch.count, result.stdout);
  }

  /** Remove the program. */
  dispose(): void {
    rmSync(this.#directory, { recursive: true });
  }
}
