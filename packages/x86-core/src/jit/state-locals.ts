/*
 * The part of the processor's state that a region keeps in locals: general registers, lazy flags, the budget, words of the
 * x87's, and vector registers. They are loaded where the region is entered as far as it has to do with them, and stored
 * where it is left as far as it changes them; both is known when all of it has been written.
 */
import { State } from '../state.js';
import type { FunctionBuilder, Value, Variable } from '../wasm/function-builder.js';

export const registerCount = 8;
const vectorBytes = 16;

/** Addresses of the words, by their index here. General registers come first, by their numbers. */
export const localWords: readonly number[] = [
  ...Array.from({ length: registerCount }, (_, i) => State.gpr + 4 * i),
  State.flagZero, State.flagSign, State.flagAddend, State.flagSum, State.budget,
  State.fpuStatus, State.fpuTop, State.fpuTags,
];
/** And the other way round. */
export const localOf: ReadonlyMap<number, number> = new Map(localWords.map((address, i) => [address, i]));

export const FlagIndex = { zero: 8, sign: 9, addend: 10, sum: 11 } as const;
export type FlagName = keyof typeof FlagIndex;
export const flagNames: ReadonlyMap<number, FlagName> = new Map([
  [State.flagZero, 'zero'], [State.flagSign, 'sign'], [State.flagAddend, 'addend'], [State.flagSum, 'sum'],
]);
export const budgetIndex = 12;

export class StateLocals {
  readonly #f: FunctionBuilder;
  readonly #words: readonly Variable[];
  readonly #used = new Set<number>();
  readonly #written = new Set<number>();
  readonly #xmm: readonly Variable[];
  readonly #xmmUsed = new Set<number>();
  readonly #xmmWritten = new Set<number>();

  constructor(f: FunctionBuilder) {
    this.#f = f;
    this.#words = localWords.map(() => f.lasting('i32'));
    this.#xmm = Array.from({ length: registerCount }, () => f.lasting('v128'));
  }

  /** From the state page. */
  enter(): void {
    const f = this.#f;
    this.#words.forEach((word, i) => f.ifNeeded(() => this.#used.has(i) || this.#written.has(i), () => {
      word.set(f.load('i32.load', f.i32(0), localWords[i]!));
    }));
    this.#xmm.forEach((vector, i) => f.ifNeeded(() => this.#xmmUsed.has(i), () => {
      vector.set(f.load('v128.load', f.i32(0), State.xmm + vectorBytes * i));
    }));
  }

  /** And back. */
  leave(): void {
    const f = this.#f;
    this.#words.forEach((word, i) => f.ifNeeded(() => this.#written.has(i), () => f.store('i32.store', f.i32(0), word.get(), localWords[i]!)));
    this.#xmm.forEach((vector, i) => f.ifNeeded(() => this.#xmmWritten.has(i), () => {
      f.store('v128.store', f.i32(0), vector.get(), State.xmm + vectorBytes * i);
    }));
  }

  /** A word will be asked for. */
  use(index: number): void { this.#used.add(index); }

  get(index: number): Value {
    this.use(index);
    return this.bare(index);
  }

  /** What the local holds, where it is somebody else's business that it holds the word. */
  bare(index: number): Value { return this.#words[index]!.get(); }

  set(index: number, value: Value): void {
    this.#written.add(index);
    this.#words[index]!.set(value);
  }

  getXmm(register: number): Value {
    this.#xmmUsed.add(register);
    return this.#xmm[register]!.get();
  }

  setXmm(register: number, value: Value): void {
    this.#xmmUsed.add(register);
    this.#xmmWritten.add(register);
    this.#xmm[register]!.set(value);
  }
}
