/*
 * Regions that wait for company.
 *
 * A module of WebAssembly and its instance cost a host about 100 KiB and some time, however small they are, and code gets
 * hot in bursts. So a region that has been compiled waits a little for others, and they share a module.
 */
import { tableSize } from '../operations/operation.js';
import { encodeModule, type FunctionBody } from '../wasm/encoder.js';
import type { Region } from './regions.js';

/** A batch with so many regions, or so many bytes of code, waits for no more. */
const mostRegions = 8;
const mostBytes = 0x1_0000;

/** Nor does one whose regions would have been called so often: places that regions are left for often are looked at now and then. */
const mostMissed = 16;

/** Each time there are so many regions more, those that follow wait longer by as much again: they matter less, and modules add up. */
const calming = 8;

/** A region that has been compiled, and the function that it will be. */
interface Waiting {
  readonly region: Region;
  readonly body: FunctionBody;
}

/** Regions on their way to a module. */
export class Batch {
  readonly #patience: number;
  #waiting: Waiting[] = [];
  #looks = 0;
  /** How often somebody has come by for one. */
  #missed = 0;

  /** @param patience looks without a further region after which nobody waits any longer */
  constructor(patience: number) {
    this.#patience = patience;
  }

  /** Nobody waits for anybody. */
  get isImpatient(): boolean { return this.#patience === 0; }

  get size(): number { return this.#waiting.length; }

  /** Does a region wait that begins at a record? Who asks comes by there, and would have it. */
  keepsWaiting(record: number): boolean {
    if (!this.#waiting.some(({ region }) => region.record === record)) return false;
    this.#missed++;
    return true;
  }

  add(region: Region, body: FunctionBody): void {
    this.#waiting.push({ region, body });
    this.#looks = 0;
  }

  /** Nobody wants some regions any more. @returns these */
  remove(unwanted: (region: Region) => boolean): Region[] {
    const gone = this.#waiting.map(({ region }) => region).filter(unwanted);
    if (gone.length > 0) this.#waiting = this.#waiting.filter(({ region }) => !gone.includes(region));
    return gone;
  }

  /** It has waited long enough, where there are so many regions already; ask once in each look. */
  isDue(regions: number): boolean {
    if (this.#waiting.length === 0) return false;
    const bytes = this.#waiting.reduce((sum, { body }) => sum + body.code.length, 0);
    return this.#waiting.length >= mostRegions || bytes >= mostBytes || this.#missed >= mostMissed || ++this.#looks > this.#patience * (1 + regions / calming);
  }

  /** Take all that wait, as one module for an instance of which a memory and the table of functions are wanted. */
  take(memoryPages: number): { module: Uint8Array<ArrayBuffer>; regions: readonly Region[] } {
    const functions = this.#waiting.map(({ body }) => body);
    const regions = this.#waiting.map(({ region }) => region);
    this.#waiting = [];
    this.#missed = 0;
    return { regions, module: encodeModule({ memoryPages, imports: [], functions, table: { size: tableSize, offset: 0, elements: [] } }) };
  }
}
