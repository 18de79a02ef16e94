/*
 * Which directories are worth remembering.
 *
 * A process that runs again finds its shadow as it left it, if we kept it; if not, it faults every page in anew. How many
 * to keep, and which to give up for a new one, was measured: see bench/ and the README.
 */
import type { Replacement } from './interfaces.js';
import { NO_SLOT } from './shadow-directories.js';

const FREE = -1;

/** Slots, and which Guest directory sits in each. */
export class DirectoryCache {
  /** Per slot: the Guest's directory (guest-physical), or -1. */
  readonly #pgdir: Float64Array;
  /** Per slot: when it was last switched to, in switches. */
  readonly #usedAt: Float64Array;
  readonly #replacement: Replacement;
  #now = 0;
  /** State of a small generator: what is random here must be the same in every run. */
  #random = 0x2545_f491;

  constructor(slots: number, replacement: Replacement) {
    this.#pgdir = new Float64Array(slots).fill(FREE);
    this.#usedAt = new Float64Array(slots);
    this.#replacement = replacement;
  }

  /** Slots, in use or not. */
  get size(): number {
    return this.#pgdir.length;
  }

  /** The slot of a Guest directory, or NO_SLOT. */
  find(pgdir: number): number {
    const directories = this.#pgdir;
    for (let slot = 0; slot < directories.length; slot++) {
      if (directories[slot] === pgdir) return slot;
    }
    return NO_SLOT;
  }

  /** The Guest directory in a slot. */
  pgdir(slot: number): number {
    return this.#pgdir[slot]!;
  }

  /** Put a directory into a slot. */
  set(slot: number, pgdir: number): void {
    this.#pgdir[slot] = pgdir;
    this.touch(slot);
  }

  /** The directory in a slot is switched to. */
  touch(slot: number): void {
    this.#usedAt[slot] = ++this.#now;
  }

  /** Nothing is in the slot any more. */
  clear(slot: number): void {
    this.#pgdir[slot] = FREE;
  }

  /** A free slot, or the one that should be freed: `current` only when there is no other. */
  slotForNew(current: number): number {
    const free = this.#pgdir.indexOf(FREE);
    if (free !== -1) return free;
    if (this.size === 1) return 0;
    if (this.#replacement === 'lru') return this.oldest(current);
    const slot = this.#nextRandom() % (this.size - 1);
    return slot < current ? slot : slot + 1;
  }

  /** The slot not used for the longest time, other than `except`; NO_SLOT when there is none. */
  oldest(except: number): number {
    let oldest = NO_SLOT;
    for (let slot = 0; slot < this.size; slot++) {
      if (slot === except || this.#pgdir[slot] === FREE) continue;
      if (oldest === NO_SLOT || this.#usedAt[slot]! < this.#usedAt[oldest]!) oldest = slot;
    }
    return oldest;
  }

  #nextRandom(): number {
    let x = this.#random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#random = x;
    return x >>> 0;
  }
}
