/*
 * Which instructions regions have, by their records.
 *
 * A word for each record, in pieces that are there where there are regions. (One Map of all records would do, but for the
 * times it grows: the guest waits for some milliseconds then.)
 */
import { recordSize } from '../interpreter/record.js';
import { tableSize } from '../operations/operation.js';

const recordShift = 31 - Math.clz32(recordSize);
const pieceBits = 7;
const pieceMask = (1 << pieceBits) - 1;

/** A word: the place of the last region that got the instruction, whether a block began there, and how many regions have it. */
const placeMask = tableSize - 1;
const leader = tableSize;
const one = tableSize * 2;

/** As far as a region goes. */
interface Covering {
  readonly place: number;
  /** Records of its instructions, and those of them that begin a block. */
  readonly covers: readonly number[];
  readonly leaders: readonly number[];
}

/** The instructions that regions have. */
export class Coverage {
  readonly #pieces = new Map<number, Int32Array>();

  add({ place, covers, leaders }: Covering): void {
    for (const record of covers) this.#change(record, (word) => ((word & ~placeMask) | place) + one);
    for (const record of leaders) this.#change(record, (word) => word | leader);
  }

  remove({ covers }: Covering): void {
    for (const record of covers) this.#change(record, (word) => word - one);
  }

  /** How many regions have the instruction. */
  count(record: number): number { return Math.floor(this.#word(record) / one); }

  /** The place of the last region that got it, which may have gone meanwhile. */
  placeOfLast(record: number): number { return this.#word(record) & placeMask; }

  /** Did a block ever begin there? */
  isLeader(record: number): boolean { return (this.#word(record) & leader) !== 0; }

  /** Records are numbered anew. */
  clear(): void { this.#pieces.clear(); }

  #word(record: number): number {
    const index = record >>> recordShift;
    return this.#pieces.get(index >>> pieceBits)?.[index & pieceMask] ?? 0;
  }

  #change(record: number, change: (word: number) => number): void {
    const index = record >>> recordShift;
    let piece = this.#pieces.get(index >>> pieceBits);
    if (piece === undefined) this.#pieces.set(index >>> pieceBits, piece = new Int32Array(1 << pieceBits));
    piece[index & pieceMask] = change(piece[index & pieceMask]!);
  }
}
