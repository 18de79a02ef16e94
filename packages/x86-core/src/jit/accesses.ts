/*
 * Memory accesses in regions: from a linear address to a byte of the WebAssembly memory, by the tables of translations
 * (paging.ts), or out of the region in front of the instruction. Accesses near each other are looked up once (windows.ts).
 */
import { noHost } from '../interpreter/handler-builder.js';
import { firstPlace } from '../operations/operation.js';
import { Layout, State } from '../state.js';
import type { FunctionBuilder, Value } from '../wasm/function-builder.js';
import type { Windows } from './windows.js';

const pageMask = 0xfff;
const pageSize = 0x1000;
/** Windows that could not be used before somebody looks at how often that happens; a power of two. */
export const missesPerLook = 1024;

/** What accesses depend on. */
export interface AccessContext {
  readonly user: boolean;
  /** The region's place in the table of functions. */
  readonly place: number;
  /** Accesses near each other may be translated together. */
  readonly windows: boolean;
  /** There is data beside code that is written: a write to a page with code may be none to the code. */
  readonly besideCode: boolean;
}

/** Ways out of the region, before the instruction that is being written has changed anything. */
export interface WaysOut {
  when(condition: Value): void;
  /** @param first what is done on the way */
  after(condition: Value, first: () => void): void;
}

export class Accesses {
  readonly #f: FunctionBuilder;
  readonly #context: AccessContext;
  readonly #windows: Windows;
  readonly #leave: WaysOut;

  constructor(f: FunctionBuilder, context: AccessContext, windows: Windows, leave: WaysOut) {
    this.#f = f;
    this.#context = context;
    this.#windows = windows;
    this.#leave = leave;
  }

  /** Address in the WebAssembly memory of `size` bytes at a linear address. */
  translate(linear: Value, size: number, write: boolean): Value {
    const f = this.#f;
    const { windows, user } = this.#context;
    const known = windows ? this.#windows.find(linear, size, write) : undefined;
    if (known) return f.do('i32.xor', known.entry.get(), linear);
    const opened = windows ? this.#windows.open(f, linear, size, write) : undefined;
    if (!opened) return f.do('i32.xor', this.#usable(this.#entryOf(linear, write, user), linear, size, write), linear);
    const { window, offset } = opened;
    f.ifNeeded(() => window.accesses === 1, () => {
      window.entry.set(this.#usable(this.#entryOf(linear, write, user), linear, size, write));
    });
    const look = (writes: boolean): void => f.ifNeeded(() => window.accesses > 1 && window.write === writes, () => {
      const first = this.#entryOf(f.do('i32.add', linear, f.i32Later(() => window.low - offset)), writes, user);
      const last = this.#entryOf(f.do('i32.add', linear, f.i32Later(() => window.high - 1 - offset)), writes, user);
      window.entry.set(first);
      this.#missWindow(f.do('i32.or', f.do('i32.and', first, f.i32(pageMask)), f.do('i32.xor', first, last)));
    });
    look(false);
    look(true);
    return f.do('i32.xor', window.entry.get(), linear);
  }

  /** The same for an access by the processor itself, whose privilege is the supervisor's. */
  translateForSystem(linear: Value, size: number, write: boolean): Value {
    const entry = this.#entryOf(linear, write, false);
    this.#leave.when(this.#isOdd(entry, linear, size));
    return this.#f.do('i32.xor', entry, linear);
  }

  #entryOf(linear: Value, write: boolean, user: boolean): Value {
    const f = this.#f;
    const table = write ? (user ? Layout.tlbWriteUser : Layout.tlbWriteSupervisor) : (user ? Layout.tlbReadUser : Layout.tlbReadSupervisor);
    return f.load('i32.load', f.do('i32.shl', f.do('i32.shr_u', linear, f.i32(12)), f.i32(2)), table);
  }

  /** An entry that is good for the access: this one, or for a write beside code the one that hostOfWrite() knows. */
  #usable(entry: Value, linear: Value, size: number, write: boolean): Value {
    const f = this.#f;
    const odd = this.#isOdd(entry, linear, size);
    if (!write || !this.#context.besideCode) {
      this.#leave.when(odd);
      return entry;
    }
    const chosen = f.variable(entry);
    f.when(odd, () => {
      const plain = f.callIndirect(f.i32(firstPlace.hostOfWrite), linear, f.i32(size), f.i32(0));
      this.#leave.when(f.do('i32.eq', plain, f.i32(noHost)));
      chosen.set(plain);
    });
    return chosen.get();
  }

  /** Is an entry of the translation tables of no use for an access? */
  #isOdd(entry: Value, linear: Value, size: number): Value {
    const f = this.#f;
    if (size === 1) return f.do('i32.and', entry, f.i32(pageMask));
    return f.do('i32.gt_u', f.do('i32.and', f.do('i32.or', entry, linear), f.i32(pageMask)), f.i32(pageSize - size));
  }

  /** Leave, and count it: when it happens often, the region is better off without windows. */
  #missWindow(condition: Value): void {
    const f = this.#f;
    const { place } = this.#context;
    this.#leave.after(condition, () => {
      const misses = f.do('i32.add', f.load('i32.load', f.i32(0), Layout.windowMisses + 4 * place), f.i32(1));
      f.store('i32.store', f.i32(0), misses, Layout.windowMisses + 4 * place);
      f.when(f.do('i32.eqz', f.do('i32.and', misses, f.i32(missesPerLook - 1))), () => f.store('i32.store', f.i32(0), f.i32(place), State.wanted));
    });
  }
}
