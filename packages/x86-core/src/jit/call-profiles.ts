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
/** Calls noted of each place, each time; and how often what is guessed may turn out to be not all. */
const enough = 1000;
const mostTimes = 4;
const capacity = (Layout.callProfilesEnd - Layout.callProfiles) / bytes;
/** 2^32 divided by the golden ratio (Knuth, "The Art of Computer Programming", 6.4). */
const hashFactor = 0x9e37_79b1;

/** The profiles of a machine, by keys like those of Links. */
export class CallProfiles {
  readonly #i32: Int32Array;
  readonly #addresses = new Map<number, number>();
  /** How often a profile has been begun, by its address. */
  readonly #times = new Map<number, number>();

  constructor(i32: Int32Array) {
    this.#i32 = i32;
  }

  /**
   * Where to note those targets of the call with this key that are not guessed; undefined when that is of no use, or
   * there is no room.
   */
  toFill(key: number): number | undefined {
    let address = this.#addresses.get(key);
    if (address === undefined) {
      if (this.#addresses.size === capacity) return undefined;
      address = Layout.callProfiles + this.#addresses.size * bytes;
      this.#addresses.set(key, address);
      this.#i32.fill(0, address >> 2, (address + bytes) >> 2);
    }
    if (this.#i32[address >> 2]! > 0) return address;
    const times = this.#times.get(address) ?? 0;
    if (times === mostTimes || this.#seen(address).length === targetCount) return undefined;
    this.#times.set(address, times + 1);
    this.#i32[address >> 2] = enough;
    return address;
  }

  /** EIPs that the call with this key went to; none when that is not known yet, or there were too many. */
  targets(key: number): number[] {
    const address = this.#addresses.get(key);
    if (address === undefined || (this.#i32[address >> 2]! > 0 && this.#times.get(address) === 1)) return [];
    const seen = this.#seen(address);
    return seen.length === targetCount ? [] : seen;
  }

  #seen(address: number): number[] {
    const first = (address + targetsAt) >> 2;
    return [...this.#i32.subarray(first, first + targetCount)].filter((eip) => eip !== 0);
  }

  clear(): void {
    this.#addresses.clear();
    this.#times.clear();
  }
}

/** Write code that notes a target, and asks for the region in a place of the table to be made anew when that is enough. */
export function noteTarget(f: FunctionBuilder, profile: number, eip: Value, place: number): void {
  const slot = f.do('i32.shr_u', f.do('i32.mul', eip, f.i32(hashFactor)), f.i32(32 - targetBits));
  f.store('i32.store', f.do('i32.shl', slot, f.i32(2)), eip, profile + targetsAt);
  const left = f.do('i32.sub', f.load('i32.load', f.i32(profile)), f.i32(1));
  f.store('i32.store', f.i32(profile), left);
  f.when(f.do('i32.eqz', left), () => f.store('i32.store', f.i32(State.wanted), f.i32(place)));
}
