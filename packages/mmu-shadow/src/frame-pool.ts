/*
 * Where shadow page tables come from: a range of machine frames, handed out one at a time and zeroed.
 */
import { PAGE_WORDS } from './entries.js';
import { MmuShadowError } from './error.js';
import type { FrameAllocator } from './interfaces.js';

/** What a FramePool is made from. */
export interface FramePoolOptions {
  /** The first machine frame number of the pool, not 0. */
  firstFrame: number;
  /** The first one after it. */
  endFrame: number;
  /** Machine memory as 32-bit words, to zero frames in. */
  words: Uint32Array;
}

/** A pool over [firstFrame, endFrame). The frame given back last is the first to go out again: it is still in the caches. */
export class FramePool implements FrameAllocator {
  readonly #first: number;
  readonly #words: Uint32Array;
  /** Frames in the pool lie below #free, as a stack. */
  readonly #stack: Int32Array;
  #free: number;
  /** 1 for each frame on loan: a frame that came back twice would be given to two tables. */
  readonly #onLoan: Uint8Array;

  /** @throws MmuShadowError 'bad-option' when the range is empty, or not within the memory. */
  constructor({ firstFrame, endFrame, words }: FramePoolOptions) {
    const whole = Number.isInteger(firstFrame) && Number.isInteger(endFrame);
    if (!whole || firstFrame < 1 || endFrame <= firstFrame || endFrame * PAGE_WORDS > words.length) {
      throw new MmuShadowError(
        'bad-option',
        `Frames ${firstFrame} to ${endFrame} are no range within a memory of ${Math.floor(words.length / PAGE_WORDS)} frames, or start at 0.`,
      );
    }
    const count = endFrame - firstFrame;
    this.#first = firstFrame;
    this.#words = words;
    this.#stack = Int32Array.from({ length: count }, (_, i) => endFrame - 1 - i);
    this.#free = count;
    this.#onLoan = new Uint8Array(count);
  }

  /** Frames on loan. */
  get used(): number {
    return this.#stack.length - this.#free;
  }

  /** Frames left. */
  get available(): number {
    return this.#free;
  }

  /** @throws MmuShadowError 'out-of-frames' when `available` is 0. */
  allocate(): number {
    if (this.#free === 0) {
      throw new MmuShadowError('out-of-frames', `All ${this.#stack.length} frames of the pool are in use.`);
    }
    const frame = this.#stack[--this.#free]!;
    this.#onLoan[frame - this.#first] = 1;
    this.#words.fill(0, frame * PAGE_WORDS, (frame + 1) * PAGE_WORDS);
    return frame;
  }

  /** @throws MmuShadowError 'bad-frame' when the frame is not on loan from this pool. */
  release(frame: number): void {
    if (this.#onLoan[frame - this.#first] !== 1) {
      throw new MmuShadowError('bad-frame', `Frame ${frame} is not on loan from this pool.`);
    }
    this.#onLoan[frame - this.#first] = 0;
    this.#stack[this.#free++] = frame;
  }
}
