/*
 * What is hot. Looks at where the guest is are counted by the record of the instruction there. Code that was met often enough
 * becomes the entry of a region; how often that is depends on what has been before.
 */
import type { JitSettings } from './options.js';

/** Regions after which a further one must be twice as hot. */
const patience = 2048;
/**
 * The first regions take longest, 20 ms each, because the host has not compiled us yet. In so many looks code must be hotter by
 * so much more: a Linux boots in about as many, and what it does then it hardly does again.
 */
const beginning = 8000;
const beginnerPatience = 7;
/** Code of a page must be twice as hot after so many changes of it (a power of two), and again; up to so many times. */
const changesShift = 3;
const mostDoublings = 6;
/** What was tried is looked at again after so many times as many looks. */
const retryPatience = 8;
/** Addresses remembered before counting starts anew. */
const maxCounted = 4096;

/** How often code was met, and how often it must be. */
export class Heat {
  readonly #settings: JitSettings;
  #looks = 0;
  /** Record → times it was met. */
  readonly #counts = new Map<number, number>();
  /** Physical page → times that it has changed under its regions, or under one on its way. */
  readonly #changes = new Map<number, number>();

  constructor(settings: JitSettings) {
    this.#settings = settings;
  }

  /** One more look at where the guest is. */
  noteLook(): void { this.#looks++; }

  /** A page has changed that regions had code of. */
  noteChange(physicalPage: number): void { this.#changes.set(physicalPage, this.#changesOf(physicalPage) + 1); }

  #changesOf(physicalPage: number): number { return this.#changes.get(physicalPage) ?? 0; }

  /** The instruction at a record was met. @returns how often by now */
  meet(record: number, times: number): number {
    if (this.#counts.size >= maxCounted) this.#counts.clear();
    const met = (this.#counts.get(record) ?? 0) + times;
    this.#counts.set(record, met);
    return met;
  }

  /** How often that must be, in a page, after so many regions. The more there have been the more must be gained by another: a guest cannot make us compile for ever. */
  needed(physicalPage: number, compiled: number): number {
    const { hotAfter, lockstep } = this.#settings;
    const often = Math.min(this.#changesOf(physicalPage) >> changesShift, mostDoublings);
    // whoever compares regions wants many
    const beginner = this.#looks < beginning && !lockstep ? beginnerPatience : 0;
    return (hotAfter + Math.floor((hotAfter - 1) * beginner + (hotAfter * compiled) / patience)) * 2 ** often;
  }

  /** A region is tried there. What cannot be compiled, or not well, is looked at again, but not soon. */
  coolDown(record: number, needed: number): void { this.#counts.set(record, -retryPatience * needed); }

  /** It begins anew. */
  restart(record: number): void { this.#counts.set(record, 0); }

  /** All begin anew. */
  restartAll(): void { this.#counts.clear(); }
}
