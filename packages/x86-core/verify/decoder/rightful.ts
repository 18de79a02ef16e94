/*
 * Differences that are ours by right.
 */
import type { Instruction } from '../../src/instruction.js';
import type { Plan } from './plan.js';

/** An entry: which differences it covers, and why they are right. */
export interface Rightful {
  readonly name: string;
  readonly why: string;
  covers(ours: Instruction, theirs: Plan, bytes: Uint8Array, at: number): boolean;
}

/** All of them. */
export const rightful: readonly Rightful[] = [
  {
    name: 'PADDQ mm is SSE2',
    why: 'it came with SSE2 (SDM volume 2, PADDQ); iced-x86 files it under MMX',
    covers: (ours, theirs) => theirs.code === 'Paddq_mm_mmm64' && ours.opcode === 0x1d4,
  },
];
