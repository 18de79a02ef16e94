/*
 * What regions take for granted.
 *
 * Control words hardly ever change, and TOP is the same each time some piece of code is reached. So a region takes these words of the state
 * for constants, as far as it depends on them, and looks at its entry whether they are what they were when it was made. If
 * not, it notes what it finds instead and declines. When that happens often it is made anew, for what was found.
 */
import { Layout, State } from '../state.js';
import type { FunctionBuilder, Value } from '../wasm/function-builder.js';
import { Exception, Status } from '../x87/environment.js';

/** Words that are assumed. The last three change within a region, in ways that are known. */
export const assumable = [State.fpuControl, State.mxcsr, State.unavailable, State.fpuTop, State.fpuTags, State.fpuStatus] as const;
/** What is assumed of the status word: bits that, once set, stay so. */
const stickyStatus = Exception.precision;
/** The words' values by their addresses. With State.fpu among these, the x87's registers may be kept elsewhere than in memory. */
export type Assumptions = ReadonlyMap<number, number>;

/** Bytes of an observation, as a shift: the words, then how often. */
const observationShift = 5;
const countAt = 4 * assumable.length;
/** Entries declined before a region asks to be made anew; a power of two. */
export const declinesPerLook = 256;

const observationOf = (place: number): number => Layout.observations + (place << observationShift);

/** All words as they are. */
export function assumeNow(i32: Int32Array): Assumptions {
  return withRegisters(assumable.map((address) => [address, i32[address >> 2]!]));
}

const withRegisters = (words: (readonly [number, number])[]): Assumptions => new Map([
  ...words.map(([address, value]) => [address, address === State.fpuStatus ? value & stickyStatus : value] as const), [State.fpu, 0],
]);

/** Without those that do not hold throughout a region. */
export function without(assumptions: Assumptions, conflicts: ReadonlySet<number>): Assumptions {
  const stack = [State.fpuTop, State.fpuTags, State.fpu];
  const all = new Set(conflicts.has(State.fpuTop) ? [...conflicts, ...stack] : conflicts);
  return new Map([...assumptions].filter(([address]) => !all.has(address)));
}

/** What the region in a place found instead, and how often; begins to count anew. */
export function takeObservation(i32: Int32Array, place: number): { assumptions: Assumptions; declines: number } {
  const first = observationOf(place) >> 2;
  const assumptions = withRegisters(assumable.map((address, i) => [address, i32[first + i]!]));
  const declines = i32[first + assumable.length]!;
  i32[first + assumable.length] = 0;
  return { assumptions, declines };
}

/** Write code that notes what there is instead, and asks for the region to be made anew when that is often. */
export function noteObservation(f: FunctionBuilder, place: number): void {
  const at = observationOf(place);
  const zero = f.i32(0);
  assumable.forEach((address, i) => f.store('i32.store', zero, f.load('i32.load', zero, address), at + 4 * i));
  const declines = f.do('i32.add', f.load('i32.load', zero, at + countAt), f.i32(1));
  f.store('i32.store', zero, declines, at + countAt);
  f.when(f.do('i32.eqz', f.do('i32.and', declines, f.i32(declinesPerLook - 1))), () => f.store('i32.store', zero, f.i32(place), State.wanted));
}

/** Nothing is taken for granted. */
export const noAssumptions: Assumptions = new Map();

/** A value that is 0 when those of the words that are needed are as assumed. @param nothingPending no error of the x87's may be pending either */
export function differs(f: FunctionBuilder, assumptions: Assumptions, needed: ReadonlySet<number>, nothingPending: boolean): Value {
  const word = (address: number): Value => {
    const value = f.load('i32.load', f.i32(0), address);
    return address === State.fpuStatus ? f.do('i32.and', value, f.i32(stickyStatus)) : value;
  };
  return [...needed].map((address): Value => f.do('i32.xor', word(address), f.i32(assumptions.get(address)!)))
    .reduce((all, one) => f.do('i32.or', all, one), nothingPending ? f.do('i32.and', f.load('i32.load', f.i32(0), State.fpuStatus), f.i32(Status.summary)) : f.i32(0));
}
