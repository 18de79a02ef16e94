/*
 * Regions that wait for company.
 *
 * A module of WebAssembly and its instance cost a host about 100 KiB and some time, however small they are, and code gets
 * hot in bursts. So a region that has been compiled waits a little for others, and they share a module.
 */
import { tableSize } from '../operations/operation.js';
import { encodeModule, type FunctionBody } from '../wasm/encoder.js';

/** A batch with so many regions, or so many bytes of code, waits for no more. */
const mostRegions = 8;
const mostBytes = 0x1_0000;

/** A region's function, and whatever its owner wants to know when it has become one. */
export interface Waiting<T> {
  readonly region: T;
  readonly body: FunctionBody;
}

/** Regions on their way to a module. */
export class Batch<T> {
  readonly #patience: number;
  #waiting: Waiting<T>[] = [];
  #bytes = 0;
  #looks = 0;

  /** @param patience looks without a further region after which nobody waits any longer */
  constructor(patience: number) {
    this.#patience = patience;
  }

  /** Nobody waits for anybody. */
  get isImpatient(): boolean { return this.#patience === 0; }

  /** Regions that wait. */
  get regions(): readonly T[] { return this.#waiting.map(({ region }) => region); }

  add(waiting: Waiting<T>): void {
    this.#waiting.push(waiting);
    this.#bytes += waiting.body.code.length;
    this.#looks = 0;
  }

  /** Nobody wants a region any more. */
  remove(region: T): void {
    this.#waiting = this.#waiting.filter((waiting) => waiting.region !== region);
  }

  /** It has waited long enough; ask once in each look. */
  get isDue(): boolean {
    if (this.#waiting.length === 0) return false;
    return this.#waiting.length >= mostRegions || this.#bytes >= mostBytes || ++this.#looks > this.#patience;
  }

  /** Take all that wait, as one module for an instance of which a memory and the table of functions are wanted. */
  take(memoryPages: number): { module: Uint8Array<ArrayBuffer>; regions: readonly Waiting<T>[] } {
    const regions = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    const functions = regions.map(({ body }) => body);
    return { regions, module: encodeModule({ memoryPages, imports: [], functions, table: { size: tableSize, offset: 0, elements: [] } }) };
  }
}
