/*
 * The books: what each machine frame is used for that shadow tables are made of.
 *
 * A frame is a directory or a page table. Of a table is known which region it covers, which slot it belongs to, how many
 * entries of the Guest's it maps, and its *source*: the Guest's directory entry it was filled from. As long as the
 * Guest's entry is still the same, so are the table's contents; when it is not, nothing in the table may be believed.
 */
import type { FrameAllocator } from './interfaces.js';

/** What a frame is used for; see shadow-tables.ts for the three kinds of table. */
export const FrameUse = { none: 0, directory: 1, private: 2, shared: 3, window: 4 } as const;

/** The source of a table with nothing of the Guest's in it: no real one lacks Present. */
export const NO_SOURCE = 0;

/** No frame: frame 0 is the Guest's. */
export const NO_FRAME = 0;

/** Books over all machine frames, and a hand that goes round those in use. */
export class TableFrames {
  /** Frames in use. */
  held = 0;
  /** Per frame: one of FrameUse. */
  readonly use: Uint8Array;
  /** Per table: its region. */
  readonly region: Uint16Array;
  /** Per private or window table: its slot. */
  readonly slot: Int16Array;
  /** Per table: the signed source. */
  readonly source: Int32Array;
  /** Per table: how many entries of the Guest's it maps. */
  readonly mapped: Uint16Array;

  readonly #frames: FrameAllocator;
  readonly #allocate: () => number;
  /** Where the last search for a table to give up ended, and between which frames it goes on. */
  #hand = 0;
  #lowest = 0x7fff_ffff;
  #highest = 0;

  /** @param count machine frames. @param allocate a frame, whatever has to be given up for it. */
  constructor(count: number, frames: FrameAllocator, allocate: () => number) {
    this.#frames = frames;
    this.#allocate = allocate;
    this.use = new Uint8Array(count);
    this.region = new Uint16Array(count);
    this.slot = new Int16Array(count);
    this.source = new Int32Array(count);
    this.mapped = new Uint16Array(count);
  }

  /** A zeroed frame for a use. Other tables may be given up for it, so nothing half-built may be reachable. */
  take(use: number): number {
    const frame = this.#allocate();
    this.use[frame] = use;
    this.mapped[frame] = 0;
    this.source[frame] = NO_SOURCE;
    this.held++;
    if (frame < this.#lowest) this.#lowest = frame;
    if (frame > this.#highest) this.#highest = frame;
    return frame;
  }

  /** Give a frame back. */
  giveBack(frame: number): void {
    this.use[frame] = FrameUse.none;
    this.held--;
    this.#frames.release(frame);
  }

  /**
   * The next private or shared table, or NO_FRAME. The hand goes round, so a table just made is safe until all others
   * had their turn: an instruction that needs several at once gets on.
   */
  nextTable(): number {
    for (let tries = this.#highest - this.#lowest + 1; tries > 0; tries--) {
      if (this.#hand < this.#lowest || this.#hand > this.#highest) this.#hand = this.#lowest;
      const frame = this.#hand++;
      const use = this.use[frame]!;
      if (use === FrameUse.shared || use === FrameUse.private) return frame;
    }
    return NO_FRAME;
  }
}
