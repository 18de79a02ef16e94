/*
 * Accesses near each other, translated once.
 *
 * Code reads and writes several words off the same register: a stack frame, a record. What each address is made of is
 * known while a region is written: some unknown value, its root, and a constant. All accesses within a few hundred bytes off one root
 * share a window: where the first of them is, the pages of the window's first and last byte are looked up. They must be one
 * page, or lie in memory as they do in linear space; then all others are loads and stores with a constant offset from
 * where the window begins in memory. How far a window reaches
 * is not known before the last access has been written, so the code that looks is finished last.
 */
import type { FunctionBuilder, Value, Variable } from '../wasm/function-builder.js';

/** A value as the sum of an unknown and a constant. Root 0 stands for nothing. */
export interface Sum {
  readonly root: number;
  readonly offset: number;
}

const absolute: Sum = { root: 0, offset: 0 };
/** Bytes of a window. */
const widest = 256;

/** Some bytes around root + offset. */
export interface Window {
  low: number;
  /** Behind the last byte. */
  high: number;
  write: boolean;
  accesses: number;
  /** Other code has been reached: what is not in the window may belong to one way only. */
  closed: boolean;
  /** A chain of pointers leads through it. */
  chain: boolean;
  /** Where its first byte is in the WebAssembly memory. */
  readonly host: Variable;
}

/** What is known at one point of a region: registers as sums, and windows that have been looked up. */
export interface Known {
  readonly registers: readonly Sum[];
  readonly windows: ReadonlyMap<number, Window>;
}

/** Sums and windows of a region while it is written. */
export class Windows {
  #roots = 0;
  #registers: Sum[];
  #windows = new Map<number, Window>();
  readonly #sums = new Map<Value, Sum>();
  readonly #indexed = new Map<string, number>();
  /** Roots in the stack, which is there beyond what is accessed. */
  readonly #stack = new Set<number>();
  readonly #stackRegisters: readonly number[];

  /** @param stackRegisters the numbers of registers that point into the stack */
  constructor(registers: number, stackRegisters: readonly number[]) {
    this.#stackRegisters = stackRegisters;
    this.#registers = Array.from({ length: registers }, () => absolute);
    this.forget();
  }

  /** Nothing is known, as where several ways meet. */
  forget(): void {
    this.#registers = this.#registers.map(() => this.#unknown());
    for (const register of this.#stackRegisters) this.#stack.add(this.#registers[register]!.root);
    this.#windows = new Map();
  }

  get known(): Known { return { registers: [...this.#registers], windows: new Map(this.#windows) }; }

  /** Go on from a point where this was known. */
  resume({ registers, windows }: Known): void {
    this.#registers = [...registers];
    this.#windows = new Map(windows);
  }

  /** What follows is reached by some ways only. */
  close(): void {
    for (const [root, window] of this.#windows) window.closed = !this.#stack.has(root);
  }

  #unknown(): Sum { return { root: ++this.#roots, offset: 0 }; }

  /** A value has been taken out of a register. */
  got(register: number, value: Value): void { this.#sums.set(value, this.#registers[register]!); }

  /** A value has been put into a register. */
  put(register: number, value: Value): void {
    let sum = this.#sumOf(value);
    if (sum === undefined) {
      sum = this.#unknown();
      this.#sums.set(value, sum);
    }
    this.#registers[register] = sum;
  }

  /** Nothing is known of registers that differ from what was known, nor of windows that were not. */
  meet({ registers, windows }: Known): void {
    this.#registers = this.#registers.map((sum, i) => (sum === registers[i] ? sum : this.#unknown()));
    this.#windows = new Map(windows);
  }

  #sumOf(value: Value): Sum | undefined {
    return value.constant === undefined ? this.#sums.get(value) : { root: absolute.root, offset: value.constant };
  }

  /** A value is another plus a constant. */
  add(result: Value, value: Value, constant: number): void {
    const sum = this.#sumOf(value);
    if (sum) this.#sums.set(result, { root: sum.root, offset: (sum.offset + constant) | 0 });
  }

  /** A value is one register (or none), plus another shifted, plus a constant. */
  index(result: Value, base: number, index: number, scale: number, constant: number): void {
    const from = base < 0 ? absolute : this.#registers[base]!;
    const by = this.#registers[index]!;
    const key = `${from.root} ${by.root} ${by.offset} ${scale}`;
    let root = this.#indexed.get(key);
    if (root === undefined) this.#indexed.set(key, (root = ++this.#roots));
    this.#sums.set(result, { root, offset: (from.offset + constant) | 0 });
  }

  /** The window for an access, and where in it. Undefined when nothing is known of the address, or what is known does not help. */
  find(address: Value, size: number, write: boolean): { window: Window; offset: number } | undefined {
    const sum = this.#sumOf(address);
    const window = sum && this.#windows.get(sum.root);
    if (!sum || !window) return undefined;
    const low = Math.min(window.low, sum.offset);
    const high = Math.max(window.high, sum.offset + size);
    if (high - low > widest) return undefined;
    if (window.closed && (low < window.low || high > window.high || (write && !window.write))) return undefined;
    Object.assign(window, { low, high, write: window.write || write, accesses: window.accesses + 1 });
    return { window, offset: sum.offset };
  }

  /** Begin a window with an access. Undefined when nothing is known of the address. */
  open(f: FunctionBuilder, address: Value, size: number, write: boolean): { window: Window; offset: number } | undefined {
    const sum = this.#sumOf(address);
    if (!sum) return undefined;
    const window: Window = { low: sum.offset, high: sum.offset + size, write, accesses: 1, closed: false, chain: false, host: f.variable(f.i32(0)) };
    this.#windows.set(sum.root, window);
    return { window, offset: sum.offset };
  }
}
