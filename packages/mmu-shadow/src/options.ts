/*
 * What the embedding program may ask for, and whether it makes sense.
 */
import { hex, PAGE_SIZE, PAGE_WORDS } from './entries.js';
import { MmuShadowError } from './error.js';
import { PAE } from './form.js';
import type { ShadowOptions } from './interfaces.js';
import { MAX_SLOTS } from './shadow-directories.js';

/** Directories kept when nothing else is said: see the README for how it was chosen. */
export const DEFAULT_DIRECTORIES = 64;

/**
 * The fewest frames that will do: two PAE directories with their window tables (one of them being switched to), and
 * enough page tables for whatever a single instruction can touch, so that a Guest gets on, however slowly.
 */
export const MINIMUM_FRAMES = 32;

/** @throws MmuShadowError 'bad-option', 'too-few-frames' unless the options make sense. */
export function checkOptions(options: ShadowOptions, directories: number, maxFrames: number): void {
  const { guest, frames, memory, switcher } = options;
  const bad = (message: string): never => {
    throw new MmuShadowError('bad-option', message);
  };
  if (!Number.isInteger(guest.limit / PAGE_SIZE) || guest.limit <= 0 || guest.limit >= 2 ** 32) {
    bad(`Guest memory of ${guest.limit} bytes: it must be a multiple of ${PAGE_SIZE} below 4 GiB.`);
  }
  if (!Number.isInteger(switcher.base / PAGE_SIZE) || switcher.base <= 0 || switcher.base >= 2 ** 32) {
    bad(`The Switcher window at ${switcher.base} must begin at a multiple of ${PAGE_SIZE} below 4 GiB.`);
  }
  if (switcher.base + switcher.frames.length * PAGE_SIZE > 2 ** 32) {
    bad(`${switcher.frames.length} frames do not fit into the Switcher window at ${hex(switcher.base)}.`);
  }
  for (const frame of switcher.frames) {
    if (!(Number.isInteger(frame) && frame >= 1 && (frame + 1) * PAGE_WORDS <= memory.words.length)) {
      bad(`There is no machine frame ${frame} to map in the Switcher window.`);
    }
  }
  if (!Number.isInteger(directories) || directories < 1 || directories > MAX_SLOTS) {
    bad(`directories is ${directories}; it must be a whole number from 1 to ${MAX_SLOTS}.`);
  }
  const most = Math.min(maxFrames, frames.available);
  const windowTables = Math.ceil((2 ** 32 - switcher.base) / 2 ** PAE.regionShift);
  const needed = MINIMUM_FRAMES + 2 * (windowTables - 1);
  if (most < needed) {
    throw new MmuShadowError('too-few-frames', `Shadow page tables need ${needed} frames at least; there are ${most}.`);
  }
}
