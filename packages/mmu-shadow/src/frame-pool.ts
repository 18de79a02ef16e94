/*
 * Frames come from a stretch of machine memory and go back to it. A frame given out is zero.
 */
import type { FrameAllocator } from './interfaces.js';
import { ShadowError } from './error.js';

const WORDS_PER_FRAME = 1024;

/** The frames [firstFrame, endFrame) of a machine's memory. */
export class FramePool implements FrameAllocator {
  readonly #words: Uint32Array;
  readonly #first: number;
  readonly #free: Uint32Array;
  /** 1 while the frame is given out: a frame returned twice is a bug worth hearing of. */
  readonly #out: Uint8Array;
  #available: number;

  /** @throws ShadowError 'bad-frames' when the range is empty or outside the memory. */
  constructor(options: { firstFrame: number; endFrame: number; words: Uint32Array }) {
    const { firstFrame, endFrame, words } = options;
    const count = endFrame - firstFrame;
    if (!Number.isInteger(count) || firstFrame < 0 || count <= 0 || endFrame * WORDS_PER_FRAME > words.length)
      throw new ShadowError('bad-frames', `frames ${firstFrame} to ${endFrame} do not lie in a memory of ${words.length / WORDS_PER_FRAME} frames`);
    this.#words = words;
    this.#first = firstFrame;
    this.#free = Uint32Array.from({ length: count }, (_, i) => endFrame - 1 - i);
    this.#out = new Uint8Array(count);
    this.#available = count;
  }

  get available(): number { return this.#available; }
  get used(): number { return this.#free.length - this.#available; }

  /** @throws ShadowError 'no-frames' when none is left. */
  allocate(): number {
    if (this.#available === 0) throw new ShadowError('no-frames', 'all frames of the pool are in use');
    const frame = this.#free[--this.#available]!;
    this.#out[frame - this.#first] = 1;
    this.#words.fill(0, frame * WORDS_PER_FRAME, (frame + 1) * WORDS_PER_FRAME);
    return frame;
  }

  /** @throws ShadowError 'not-allocated' for a frame that is not out. */
  release(frame: number): void {
    if (this.#out[frame - this.#first] !== 1) throw new ShadowError('not-allocated', `frame ${frame} was returned but is not out`);
    this.#out[frame - this.#first] = 0;
    this.#free[this.#available++] = frame;
  }
}
