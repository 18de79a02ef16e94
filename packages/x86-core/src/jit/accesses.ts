/*
 * Memory accesses in regions: from a linear address to a byte of the WebAssembly memory, by the tables of translations
 * (paging.ts, translation.ts), or out of the region in front of the instruction. Accesses near each other are looked up once (windows.ts).
 */
import { firstPlace } from '../operations/operation.js';
import { Layout, State } from '../state.js';
import { absent, hostBias, plainBit } from '../translation.js';
import type { FunctionBuilder, Offset, Value } from '../wasm/function-builder.js';
import type { Window, Windows } from './windows.js';

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

/** Bytes of the WebAssembly memory. */
export interface Place {
  readonly base: Value;
  readonly offset: Offset;
}

/** Writes the way out of the region, before the instruction that was being written when this was asked for has changed anything. */
export type WayOut = () => void;

function inWindow({ window, offset }: { window: Window; offset: number }): Place {
  return { base: window.host.get(), offset: () => hostBias + offset - window.low };
}

export class Accesses {
  readonly #f: FunctionBuilder;
  readonly #context: AccessContext;
  readonly #windows: Windows;
  readonly #wayOut: () => WayOut;

  constructor(f: FunctionBuilder, context: AccessContext, windows: Windows, wayOut: () => WayOut) {
    this.#f = f;
    this.#context = context;
    this.#windows = windows;
    this.#wayOut = wayOut;
  }

  /**
   * Where `size` bytes at a linear address are.
   * @param chain the address is a link of a chain of pointers: the next one depends on what is read there
   */
  translate(linear: Value, size: number, write: boolean, chain = false): Place {
    const f = this.#f;
    const { windows } = this.#context;
    const known = windows ? this.#windows.find(linear, size, write) : undefined;
    if (known) {
      if (chain) known.window.chain = true;
      return inWindow(known);
    }
    const opened = windows ? this.#windows.open(f, linear, size, write) : undefined;
    const leave = this.#wayOut();
    if (!opened) return { base: this.#hostOf(linear, size, write, chain, leave), offset: hostBias };
    const { window, offset } = opened;
    window.chain = chain;
    f.later(() => {
      if (window.accesses === 1) window.host.set(this.#hostOf(linear, size, write, window.chain, leave));
      else this.#look(window, linear, offset, leave);
    }, linear);
    return inWindow(opened);
  }

  /** Look up a window of which one address is known. */
  #look(window: Window, linear: Value, offset: number, leave: WayOut): void {
    const f = this.#f;
    const { user } = this.#context;
    const { write } = window;
    const end = (at: number): { entry: Value; host: Value } => {
      const address = f.do('i32.add', linear, f.i32(at - offset));
      const entry = this.#entryOf(address, write, user);
      return { entry, host: f.do('i32.add', window.chain ? this.#foreseen(entry) : entry, address) };
    };
    const first = end(window.low);
    const last = end(window.high - 1);
    window.host.set(first.host);
    const apart = f.do('i32.sub', f.do('i32.sub', last.host, first.host), f.i32(window.high - 1 - window.low));
    const plain = f.do('i32.and', f.do('i32.and', first.entry, last.entry), f.i32(plainBit));
    this.#missWindow(f.do('i32.or', f.do('i32.xor', plain, f.i32(plainBit)), apart), leave);
  }

  /** The same, less hostBias. */
  #hostOf(linear: Value, size: number, write: boolean, chain: boolean, leave: WayOut): Value {
    const entry = this.#usable(this.#entryOf(linear, write, this.#context.user), linear, size, write, leave);
    return this.#f.do('i32.add', chain ? this.#foreseen(entry) : entry, linear);
  }

  /**
   * An entry, by a way that a processor foresees: most often it is what it was the last time here, because links lie in
   * one page, or in memory as they do in linear space. Then what is at the address need not wait for the entry.
   */
  #foreseen(entry: Value): Value {
    const f = this.#f;
    const last = f.lasting('i32');
    f.when(f.do('i32.ne', entry, last.get()), () => last.set(entry));
    return last.get();
  }

  /** A place as one address. */
  addressOf({ base, offset }: Place): Value {
    const f = this.#f;
    return f.do('i32.add', base, typeof offset === 'number' ? f.i32(offset) : f.i32Later(offset));
  }

  /** The same for an access by the processor itself, whose privilege is the supervisor's. */
  translateForSystem(linear: Value, size: number, write: boolean): Value {
    const entry = this.#entryOf(linear, write, false);
    this.#f.when(this.#isOdd(entry, linear, size), this.#wayOut());
    return this.addressOf({ base: this.#f.do('i32.add', entry, linear), offset: hostBias });
  }

  #entryOf(linear: Value, write: boolean, user: boolean): Value {
    const f = this.#f;
    const table = write ? (user ? Layout.tlbWriteUser : Layout.tlbWriteSupervisor) : (user ? Layout.tlbReadUser : Layout.tlbReadSupervisor);
    return f.load('i32.load', f.do('i32.shl', f.do('i32.shr_u', linear, f.i32(12)), f.i32(2)), table);
  }

  /** An entry that is good for the access: this one, or for a write beside code the one that hostOfWrite() knows. */
  #usable(entry: Value, linear: Value, size: number, write: boolean, leave: WayOut): Value {
    const f = this.#f;
    const odd = this.#isOdd(entry, linear, size);
    if (!write || !this.#context.besideCode) {
      f.when(odd, leave);
      return entry;
    }
    const chosen = f.variable(entry);
    f.when(odd, () => {
      const plain = f.callIndirect(f.i32(firstPlace.hostOfWrite), linear, f.i32(size), f.i32(0));
      f.when(f.do('i32.eq', plain, f.i32(absent)), leave);
      chosen.set(plain);
    });
    return chosen.get();
  }

  /** Is an entry of the translation tables of no use for an access? */
  #isOdd(entry: Value, linear: Value, size: number): Value {
    const f = this.#f;
    if (size === 1) return f.do('i32.eqz', f.do('i32.and', entry, f.i32(plainBit)));
    return f.do('i32.gt_u', f.do('i32.and', f.do('i32.or', f.do('i32.sub', entry, f.i32(1)), linear), f.i32(pageMask)), f.i32(pageSize - size));
  }

  /** Leave, and count it: when it happens often, the region is better off without windows. */
  #missWindow(condition: Value, leave: WayOut): void {
    const f = this.#f;
    const { place } = this.#context;
    f.when(condition, () => {
      const misses = f.do('i32.add', f.load('i32.load', f.i32(0), Layout.windowMisses + 4 * place), f.i32(1));
      f.store('i32.store', f.i32(0), misses, Layout.windowMisses + 4 * place);
      f.when(f.do('i32.eqz', f.do('i32.and', misses, f.i32(missesPerLook - 1))), () => f.store('i32.store', f.i32(0), f.i32(place), State.wanted));
      leave();
    });
  }
}
