/*
 * The x87's registers in a region: locals, or for now just a double.
 *
 * Most of what is loaded is a double that is multiplied or stored right away. So a register that was loaded with one holds
 * its bits alone, until something needs the 80-bit format: another operation, the end of the block, or a way out of the
 * region, which then makes it for itself.
 */
import { State } from '../state.js';
import type { FunctionBuilder, Value, Variable } from '../wasm/function-builder.js';
import { fromDouble } from '../x87/compiled-number.js';

const registerCount = 8;
const registerBytes = 16;
const topOffset = 8;
/** So many ways out make the 80-bit format for themselves; after that it is made once for all. */
const mostAside = 4;

/** A register that holds a double, normal or zero. Its locals hold it as well when `settled`. */
interface Double { readonly bits: Value; readonly settled: boolean; readonly aside: number }
/** Registers by number. */
export type KnownDoubles = ReadonlyMap<number, Double>;

export class FpuRegisters {
  readonly #f: FunctionBuilder;
  readonly #locals: readonly { readonly significand: Variable; readonly top: Variable }[];
  readonly #used = new Set<number>();
  readonly #written = new Set<number>();
  #doubles = new Map<number, Double>();

  constructor(f: FunctionBuilder) {
    this.#f = f;
    this.#locals = Array.from({ length: registerCount }, () => ({ significand: f.lasting('i64'), top: f.lasting('i32') }));
  }

  /** From the state page into the locals, as far as they are used. */
  enter(): void {
    const f = this.#f;
    this.#locals.forEach(({ significand, top }, i) => f.ifNeeded(() => this.#used.has(i), () => {
      significand.set(f.load('i64.load', f.i32(0), State.fpu + registerBytes * i));
      top.set(f.load('i32.load16_u', f.i32(0), State.fpu + registerBytes * i + topOffset));
    }));
  }

  /** And back, as far as they are written. */
  leave(): void {
    const f = this.#f;
    this.#locals.forEach(({ significand, top }, i) => f.ifNeeded(() => this.#written.has(i), () => {
      f.store('i64.store', f.i32(0), significand.get(), State.fpu + registerBytes * i);
      f.store('i32.store', f.i32(0), top.get(), State.fpu + registerBytes * i + topOffset);
    }));
  }

  getSignificand(i: number): Value {
    this.#used.add(i);
    this.#settle(i);
    return this.#locals[i]!.significand.get();
  }

  getTop(i: number): Value {
    this.#used.add(i);
    this.#settle(i);
    return this.#locals[i]!.top.get();
  }

  setSignificand(i: number, value: Value): void { this.#write(i).significand.set(value); }
  setTop(i: number, value: Value): void { this.#write(i).top.set(value); }

  #write(i: number): { readonly significand: Variable; readonly top: Variable } {
    this.#used.add(i);
    this.#written.add(i);
    // whoever writes one half writes the other
    this.#doubles.delete(i);
    return this.#locals[i]!;
  }

  /** The bits of a double that is known to be in a register. */
  doubleAt(i: number): Value | undefined { return this.#doubles.get(i)?.bits; }

  keepDouble(i: number, bits: Value): void {
    this.#write(i);
    this.#doubles.set(i, { bits, settled: false, aside: 0 });
  }

  #put(i: number, bits: Value): void {
    const { significand, top } = fromDouble(this.#f, bits);
    this.#locals[i]!.significand.set(significand);
    this.#locals[i]!.top.set(top);
  }

  #settle(i: number): void {
    const double = this.#doubles.get(i);
    if (!double || double.settled) return;
    this.#put(i, double.bits);
    this.#doubles.set(i, { ...double, settled: true });
  }

  /** An instruction comes; nothing up to here is conditional. */
  beforeInstruction(): void {
    for (const [i, { aside }] of this.#doubles) if (aside >= mostAside) this.#settle(i);
  }

  /** On the way out: make the locals hold all. */
  settleAside(): void {
    for (const [i, double] of this.#doubles) {
      if (double.settled) continue;
      this.#put(i, double.bits);
      this.#doubles.set(i, { ...double, aside: double.aside + 1 });
    }
  }

  /** The locals hold all from here on. */
  settle(): void {
    for (const i of this.#doubles.keys()) this.#settle(i);
  }

  /** What is known here. */
  get known(): KnownDoubles { return new Map(this.#doubles); }

  resume(known: KnownDoubles): void { this.#doubles = new Map(known); }
  forget(): void { this.#doubles.clear(); }
}
