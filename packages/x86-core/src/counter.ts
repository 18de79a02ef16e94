/*
 * Counters of 64 bits in the state page, which generated code counts by itself.
 */
import type { LinearMemory } from './linear-memory.js';

/** What the counter at an address of machine memory has come to. */
export function readCounter({ view }: LinearMemory, address: number): number {
  return Number(view.getBigUint64(address, true));
}

/** Count as generated code does, where it is not at work. */
export function addToCounter({ view }: LinearMemory, address: number, count: number): void {
  view.setBigUint64(address, view.getBigUint64(address, true) + BigInt(count), true);
}
