/*
 * Where indirect calls and jumps go.
 *
 * A region notes the targets of its indirect calls for a while, each in one of a few words chosen by a hash of the target. When it has
 * noted enough it asks to be made anew: then the targets, if they are few, are guessed, and become part of the region.
 */
import { Layout, State } from '../state.js';
import type { FunctionBuilder, Value } from '../wasm/function-builder.js';

/** A profile: a count of calls still to be noted, some words of room, and the targets. */
const bytes = 64;
const targetsAt = 32;
const targetBits = 3;
const targetCount = 1 << targetBits;
/** Calls noted of each place. */
const enough = 1000;
const capacity = (Layout.callProfilesEnd - Layout.callProfiles) / bytes;
/** 2^32 divided by the golden ratio (Knuth, "The Art of Computer Programming", 6.4). */
const hashFactor = 0x9e37_79b1;

/** The profiles of a machine, by keys like those of Links. */
export class CallProfiles {
  readonly #i32: Int32Array;
  readonly #addresses = new Map<number, number>();

  constructor(i32: Int32Array) {
    this.#i32 = i32;
  }

  /** Where to note the targets of the call with this key; undefined when that is done, or there is no room. */
  toFill(key: number): number | undefined {
    const known = this.#addresses.get(key);
    if (known !== undefined) return this.#i32[known >> 2]! > 0 ? known : undefined;
    if (this.#addresses.size === capacity) return undefined;
    const address = Layout.callProfiles + this.#addresses.size * bytes;
    this.#addresses.set(key, address);
    this.#i32.fill(0, address >> 2, (address + bytes) >> 2);
    this.#i32[address >> 2] = enough;
    return address;
  }

  /** EIPs that the call with this key went to; none when that is not known yet, or there were too many. */
  targets(key: number): number[] {
    const address = this.#addresses.get(key);
    if (address === undefined || this.#i32[address >> 2]! > 0) return [];
    const first = (address + targetsAt) >> 2;
    const seen = [...this.#i32.subarray(first, first + targetCount)].filter((eip) => eip !== 0);
    return seen.length === targetCount ? [] : seen;
  }

  clear(): void { this.#addresses.clear(); }
}

/** Write code that notes a target, and asks for the region in a place of the table to be made anew when that is enough. */
export function noteTarget(f: FunctionBuilder, profile: number, eip: Value, place: number): void {
  const slot = f.do('i32.shr_u', f.do('i32.mul', eip, f.i32(hashFactor)), f.i32(32 - targetBits));
  f.store('i32.store', f.do('i32.shl', slot, f.i32(2)), eip, profile + targetsAt);
  const left = f.do('i32.sub', f.load('i32.load', f.i32(profile)), f.i32(1));
  f.store('i32.store', f.i32(profile), left);
  f.when(f.do('i32.eqz', left), () => f.store('i32.store', f.i32(State.wanted), f.i32(place)));
}
