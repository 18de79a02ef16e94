import { describe, expect, it } from 'vitest';
import { PAGE_WORDS } from './entries.js';
import { MmuShadowError } from './error.js';
import { FramePool } from './frame-pool.js';

const FRAMES = 8;
const pool = (firstFrame = 2, endFrame = 5) => {
  const words = new Uint32Array(FRAMES * PAGE_WORDS).fill(7);
  return { words, pool: new FramePool({ firstFrame, endFrame, words }) };
};
const code = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    if (error instanceof MmuShadowError) return error.code;
  }
  return 'nothing was thrown';
};

describe('FramePool', () => {
  it('hands out every frame of its range once, zeroed, and no other', () => {
    const { words, pool: frames } = pool();
    const taken = [frames.allocate(), frames.allocate(), frames.allocate()];
    expect(taken.sort()).toEqual([2, 3, 4]);
    expect([frames.used, frames.available]).toEqual([3, 0]);
    expect(words.subarray(2 * PAGE_WORDS, 5 * PAGE_WORDS).every((word) => word === 0)).toBe(true);
    expect(words[2 * PAGE_WORDS - 1]).toBe(7);
    expect(words[5 * PAGE_WORDS]).toBe(7);
    expect(code(() => frames.allocate())).toBe('out-of-frames');
  });

  it('zeroes a frame that comes back', () => {
    const { words, pool: frames } = pool();
    const frame = frames.allocate();
    words[frame * PAGE_WORDS + 9] = 1;
    frames.release(frame);
    expect(frames.used).toBe(0);
    expect(frames.allocate()).toBe(frame);
    expect(words[frame * PAGE_WORDS + 9]).toBe(0);
  });

  it('refuses frames that are not on loan', () => {
    const { pool: frames } = pool();
    const frame = frames.allocate();
    frames.release(frame);
    for (const bad of [frame, 0, 1, 5, -1, 2.5]) expect(code(() => frames.release(bad))).toBe('bad-frame');
  });

  it.each([[0, 4], [3, 3], [4, 3], [2, FRAMES + 1], [1.5, 3]])('refuses the range %d to %d', (first, end) => {
    expect(code(() => pool(first, end))).toBe('bad-option');
  });
});
