/*
 * How regions find each other.
 *
 * A region that goes on at a known place reads the number of the function to call from a word of its own: that of the
 * region there, while there is one, else of a function that only returns where to go on. So regions need not know
 * of each other when they are compiled, and taking one away is writing one word.
 */
import { Layout } from '../state.js';

const wordSize = 4;
const capacity = (Layout.exitCounts - Layout.links) / wordSize;

/** The words at Layout.links. A key stands for a place in a page of decoded code, at a privilege level. */
export class Links {
  readonly #i32: Int32Array;
  readonly #nowhere: number;
  readonly #words = new Map<number, number>();
  readonly #places = new Map<number, number>();

  /** @param nowhere place of the function that stands for no region */
  constructor(i32: Int32Array, nowhere: number) {
    this.#i32 = i32;
    this.#nowhere = nowhere;
  }

  /** There is no room for so many more words. */
  isFull(more: number): boolean { return this.#words.size + more > capacity; }

  /** Words in use. */
  get size(): number { return this.#words.size; }

  /** Address of the key's word. */
  wordOf(key: number): number {
    let address = this.#words.get(key);
    if (address === undefined) {
      address = Layout.links + this.#words.size * wordSize;
      this.#words.set(key, address);
      this.#i32[address >> 2] = this.#places.get(key) ?? this.#nowhere;
    }
    return address;
  }

  /** The key's region is in a place of the table from now on; undefined: there is none. */
  set(key: number, place: number | undefined): void {
    if (place === undefined) this.#places.delete(key);
    else this.#places.set(key, place);
    const address = this.#words.get(key);
    if (address !== undefined) this.#i32[address >> 2] = place ?? this.#nowhere;
  }

  /** Nobody reads any of the words any more. */
  clear(): void {
    this.#words.clear();
    this.#places.clear();
  }
}
