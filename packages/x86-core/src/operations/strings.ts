/*S:365
 * Repeated string instructions: as many elements at a time as the pages and the budget allow.
 *
 * To the same effect as repeat() of semantics/strings.ts, element after element: each element counts as one retired
 * instruction, and whenever one of these functions returns, registers and flags are those after a whole element. So it may
 * be left anywhere and begun again. Segments must be flat and addresses of 32 bits: whoever decodes sees to that.
 */
import { type Instruction, Repeat } from '../instruction.js';
import { Eflags, Register, State } from '../state.js';
import { hostBias, plainBit } from '../translation.js';
import type { Value, Variable } from '../wasm/function-builder.js';
import { type Call, firstPlace, type Operation, type OperationBuilder, Unit } from './operation.js';

/**
 * What a repeated instruction's operation returns. All but `done` ask to be called again: after somebody has executed an
 * element, or has made the page at State.repeatMiss accessible for reading or writing.
 */
export const RepeatStatus = { done: 0, unusual: 1, missRead: 2, missWrite: 3 } as const;

/** The general registers that these operations read and write in the state page; EAX they only read. */
export const repeatRegisters = [Register.eax, Register.ecx, Register.esi, Register.edi] as const;

/** Apart, because nearly every program moves and fills before it has done much else; few compare. */
const moveUnit = new Unit('moves', firstPlace.moves);
const compareUnit = new Unit('comparisons', firstPlace.comparisons);

const ECX = State.gpr + 4 * Register.ecx;
const ESI = State.gpr + 4 * Register.esi;
const EDI = State.gpr + 4 * Register.edi;
const pageSize = 0x1000;
const pageMask = 0xfff;
/** From so many bytes on, WebAssembly's own copying and filling is worth its call. */
const manyBytes = 128;

/** Loads and stores by size. */
const access = {
  1: ['i32.load8_u', 'i32.store8'], 2: ['i32.load16_u', 'i32.store16'], 4: ['i32.load', 'i32.store'],
} as const;
type Size = keyof typeof access;
const sizes: readonly Size[] = [1, 2, 4];

/** A repeated instruction at work. */
class Repetition {
  readonly count: Variable;
  readonly from: Variable;
  readonly to: Variable;
  /** Elements that may be done besides the last one, which the caller has paid for. */
  readonly budget: Variable;
  /** Not 0: towards lower addresses. */
  readonly down: Value;
  readonly size: Size;
  readonly #b: OperationBuilder;
  readonly #shift: number;

  constructor(b: OperationBuilder, size: Size) {
    this.#b = b;
    this.size = size;
    this.#shift = size >> 1;
    const count = b.state(ECX);
    b.when(b.do('i32.eqz', count), () => b.leave(b.i32(RepeatStatus.done)));
    this.count = b.variable(count);
    this.from = b.variable(b.state(ESI));
    this.to = b.variable(b.state(EDI));
    this.budget = b.variable(b.state(State.budget));
    this.down = b.do('i32.and', b.state(State.eflags), b.i32(Eflags.df));
  }

  /** Write back what has been done, and return. */
  leave(status: number): void {
    const b = this.#b;
    b.setState(ECX, this.count.get());
    b.setState(ESI, this.from.get());
    b.setState(EDI, this.to.get());
    b.setState(State.budget, this.budget.get());
    b.leave(b.i32(status));
  }

  /** A linear address in the machine's memory. */
  host(pointer: Value, write = false): Value {
    const b = this.#b;
    const table = write ? State.tlbWrite : State.tlbRead;
    const slot = b.do('i32.add', b.state(table), b.do('i32.shl', b.do('i32.shr_u', pointer, b.i32(12)), b.i32(2)));
    const entry = b.load('i32.load', slot);
    b.when(b.do('i32.eqz', b.do('i32.and', entry, b.i32(plainBit))), () => {
      b.setState(State.repeatMiss, pointer);
      this.leave(write ? RepeatStatus.missWrite : RepeatStatus.missRead);
    });
    return b.do('i32.add', b.do('i32.add', entry, pointer), b.i32(hostBias));
  }

  /** Each byte of an element that may lie across two pages. */
  across(pointer: Value, write = false): Value[] {
    const b = this.#b;
    const inFirst = b.do('i32.sub', b.i32(pageSize), b.do('i32.and', pointer, b.i32(pageMask)));
    const crosses = b.do('i32.lt_u', inFirst, b.i32(this.size));
    const first = this.host(pointer, write);
    const following = b.do('i32.add', b.do('i32.or', pointer, b.i32(pageMask)), b.i32(1));
    const second = b.do('i32.sub', this.host(b.select(crosses, following, pointer), write), inFirst);
    return Array.from({ length: this.size }, (_, i) =>
      b.do('i32.add', b.select(b.do('i32.lt_u', b.i32(i), inFirst), first, second), b.i32(i)));
  }

  /** The element whose bytes these are. */
  loadBytes(bytes: readonly Value[]): Value {
    const b = this.#b;
    return bytes.map((at, i) => b.do('i32.shl', b.load('i32.load8_u', at), b.i32(8 * i))).reduce((sum, part) => b.do('i32.or', sum, part));
  }

  storeBytes(bytes: readonly Value[], value: Value): void {
    const b = this.#b;
    bytes.forEach((at, i) => b.store('i32.store8', at, b.do('i32.shr_u', value, b.i32(8 * i))));
  }

  /** How many elements, from the one at a pointer on, lie in its page: none when that crosses into the next. */
  #room(pointer: Value): Value {
    const b = this.#b;
    const offset = b.do('i32.and', pointer, b.i32(pageMask));
    const left = b.do('i32.sub', b.i32(pageSize), offset);
    const above = b.do('i32.shr_u', left, b.i32(this.#shift));
    const below = b.do('i32.add', b.do('i32.shr_u', offset, b.i32(this.#shift)), b.i32(1));
    return b.select(this.down, b.select(b.do('i32.lt_u', left, b.i32(this.size)), b.i32(0), below), above);
  }

  #least(a: Value, c: Value): Value {
    return this.#b.select(this.#b.do('i32.lt_u', a, c), a, c);
  }

  /** How many elements can be done in one go. When the first one crosses into another page, it is done by `single`. */
  portion(pointers: readonly Value[], single: () => void): Value {
    const b = this.#b;
    const count = this.count.get();
    const budget = this.budget.get();
    const affordable = b.select(b.do('i32.le_u', b.do('i32.sub', count, b.i32(1)), budget), count, budget);
    b.when(b.do('i32.eqz', affordable), () => this.leave(RepeatStatus.unusual));
    const portion = pointers.reduce((least, pointer) => this.#least(least, this.#room(pointer)), affordable);
    if (this.size > 1) b.when(b.do('i32.eqz', portion), single);
    return portion;
  }

  bytes(elements: Value): Value { return this.#b.do('i32.shl', elements, this.#b.i32(this.#shift)); }

  /** The lowest address of so many bytes of elements that begin at one. */
  lowest(first: Value, bytes: Value): Value {
    const b = this.#b;
    return b.select(this.down, b.do('i32.add', b.do('i32.sub', first, bytes), b.i32(this.size)), first);
  }

  /** So many elements are done: move the pointers, and be finished when none is left. `last` comes before the end. */
  advance(elements: Value, pointers: readonly Variable[], again: () => void, finished?: Value, last?: () => void): void {
    const b = this.#b;
    const bytes = this.bytes(elements);
    const step = b.select(this.down, b.do('i32.sub', b.i32(0), bytes), bytes);
    for (const pointer of pointers) pointer.set(b.do('i32.add', pointer.get(), step));
    const left = b.do('i32.sub', this.count.get(), elements);
    this.count.set(left);
    const budget = b.do('i32.sub', this.budget.get(), elements);
    this.budget.set(budget);
    const none = b.do('i32.eqz', left);
    b.when(finished ? b.do('i32.or', none, finished) : none, () => {
      this.budget.set(b.do('i32.add', budget, b.i32(1)));
      last?.();
      this.leave(RepeatStatus.done);
    });
    again();
  }
}

/** Do something for so many bytes, `size` at a time; `at` is how far it has come. */
function overBytes(b: OperationBuilder, bytes: Value, size: number, body: (at: Value) => void, at = b.variable(b.i32(0))): Variable {
  b.loop((again) => {
    const here = at.get();
    const next = b.do('i32.add', here, b.i32(size));
    b.when(b.do('i32.le_u', next, bytes), () => {
      body(here);
      at.set(next);
      again();
    });
  });
  return at;
}

/** Copy bytes upwards, eight at a time: right wherever nothing is read that has been written before. */
function copyFew(b: OperationBuilder, to: Value, from: Value, bytes: Value): void {
  const at = overBytes(b, bytes, 8, (here) =>
    b.store('i64.store', b.do('i32.add', to, here), b.load('i64.load', b.do('i32.add', from, here))));
  for (const size of [4, 2, 1] as const) {
    const [load, store] = access[size];
    b.when(b.do('i32.and', bytes, b.i32(size)), () => {
      const here = at.get();
      b.store(store, b.do('i32.add', to, here), b.load(load, b.do('i32.add', from, here)));
      at.set(b.do('i32.add', here, b.i32(size)));
    });
  }
}

/** Copy element by element, each one possibly what has just been written. */
function copyElements(b: OperationBuilder, { size, down }: Repetition, to: Value, from: Value, bytes: Value): void {
  const [load, store] = access[size];
  overBytes(b, bytes, size, (here) => {
    const at = b.select(down, b.do('i32.sub', b.i32(0), here), here);
    b.store(store, b.do('i32.add', to, at), b.load(load, b.do('i32.add', from, at)));
  });
}

function move(b: OperationBuilder, size: Size): void {
  const r = new Repetition(b, size);
  b.loop((again) => {
    const [from, to] = [r.from.get(), r.to.get()];
    // in the order of the accesses: a read that faults must not have made the target's page dirty
    const portion = r.portion([from, to], () => {
      const source = r.across(from);
      const target = r.across(to, true);
      r.storeBytes(target, r.loadBytes(source));
      r.advance(b.i32(1), [r.from, r.to], again);
    });
    const bytes = r.bytes(portion);
    const source = r.host(from);
    const target = r.host(to, true);
    const ahead = b.do('i32.sub', target, source);
    const distance = b.select(r.down, b.do('i32.sub', b.i32(0), ahead), ahead);
    b.when(b.do('i32.lt_u', distance, bytes), () => copyElements(b, r, target, source, bytes), () => {
      b.when(b.do('i32.or', b.do('i32.ge_u', bytes, b.i32(manyBytes)), r.down),
        () => b.copyMemory(r.lowest(target, bytes), r.lowest(source, bytes), bytes),
        () => copyFew(b, target, source, bytes));
    });
    r.advance(portion, [r.from, r.to], again);
  });
}

/** The low `size` bytes of EAX, as often as they go into a doubleword. */
function pattern(b: OperationBuilder, size: Size): Value {
  if (size === 4) return b.state(State.gpr);
  return b.do('i32.mul', b.load(access[size][0], b.i32(0), State.gpr), b.i32(size === 1 ? 0x0101_0101 : 0x0001_0001));
}

function store(b: OperationBuilder, size: Size): void {
  const r = new Repetition(b, size);
  const value = pattern(b, size);
  const wide = b.do('i64.mul', b.do('i64.extend_i32_u', value), b.i64(0x1_0000_0001));
  const uniform = b.do('i32.eq', value, b.do('i32.rotl', value, b.i32(8)));
  b.loop((again) => {
    const to = r.to.get();
    const portion = r.portion([to], () => {
      r.storeBytes(r.across(to, true), value);
      r.advance(b.i32(1), [r.to], again);
    });
    const bytes = r.bytes(portion);
    const target = r.lowest(r.host(to, true), bytes);
    b.when(b.do('i32.and', b.do('i32.ge_u', bytes, b.i32(manyBytes)), uniform), () => b.fillMemory(target, value, bytes), () => {
      const fillWide = (at: Value, count: number): void => {
        const address = b.do('i32.add', target, at);
        for (let i = 0; i < count; i++) b.store('i64.store', address, wide, 8 * i);
      };
      const at = overBytes(b, bytes, 64, (here) => fillWide(here, 8));
      overBytes(b, bytes, 8, (here) => fillWide(here, 1), at);
      for (const part of [4, 2, 1] as const) {
        if (part < size) continue;
        b.when(b.do('i32.and', bytes, b.i32(part)), () => {
          const here = at.get();
          b.store(access[part][1], b.do('i32.add', target, here), value);
          at.set(b.do('i32.add', here, b.i32(part)));
        });
      }
    });
    r.advance(portion, [r.to], again);
  });
}

const adjustBit = 0x10;

/** The lazy flags of left - right, as setSubtractFlags() has them. */
function setFlags(b: OperationBuilder, size: Size, left: Value, right: Value): void {
  const result = b.do('i32.sub', left, right);
  const shift = b.i32(32 - 8 * size);
  const extended = size === 4 ? result : b.do(size === 1 ? 'i32.extend8_s' : 'i32.extend16_s', result);
  const adjust = b.do('i32.and', b.do('i32.xor', b.do('i32.xor', left, right), result), b.i32(adjustBit));
  const high = (value: Value, low: Value): Value => (size === 4 ? value : b.do('i32.or', b.do('i32.shl', value, shift), low));
  b.setState(State.flagZero, extended);
  b.setState(State.flagSign, extended);
  b.setState(State.flagAddend, high(right, b.do('i32.shr_u', adjust, b.i32(1))));
  b.setState(State.flagSum, high(left, adjust));
}

/**
 * SCAS, and with a source CMPS: goes on while elements are equal, or while they are not. Whether elements that do not end it
 * leave flags, and which operand is looked at first, differs between makers: see undefined-results.ts.
 */
function compare(b: OperationBuilder, size: Size, withSource: boolean, whileEqual: boolean): void {
  const r = new Repetition(b, size);
  const [load] = access[size];
  const accumulator = b.load(load, b.i32(0), State.gpr);
  const left = b.variable(accumulator);
  const right = b.variable(b.i32(0));
  const pointers = withSource ? [r.from, r.to] : [r.to];
  const likeAmd = b.variable(b.state(State.likeAmd));
  b.loop((again) => {
    const addresses = pointers.map((pointer) => pointer.get());
    const [from, to] = [addresses[0]!, addresses.at(-1)!];
    const advance = (elements: Value): void => {
      const note = (): void => setFlags(b, size, left.get(), right.get());
      b.when(likeAmd.get(), note);
      r.advance(elements, pointers, again, b.do(whileEqual ? 'i32.ne' : 'i32.eq', left.get(), right.get()), note);
    };
    const portion = r.portion(addresses, () => {
      if (withSource) b.when(likeAmd.get(), () => void r.across(from));
      const target = r.across(to);
      if (withSource) left.set(r.loadBytes(r.across(from)));
      right.set(r.loadBytes(target));
      advance(b.i32(1));
    });
    if (withSource) b.when(likeAmd.get(), () => void r.host(from));
    const target = r.host(to);
    const source = withSource ? r.host(from) : undefined;
    const done = b.variable(b.i32(0));
    b.loop((next) => {
      const before = done.get();
      const bytes = r.bytes(before);
      const at = b.select(r.down, b.do('i32.sub', b.i32(0), bytes), bytes);
      if (source) left.set(b.load(load, b.do('i32.add', source, at)));
      right.set(b.load(load, b.do('i32.add', target, at)));
      const after = b.do('i32.add', before, b.i32(1));
      done.set(after);
      const goesOn = b.do(whileEqual ? 'i32.eq' : 'i32.ne', left.get(), right.get());
      b.when(b.do('i32.and', goesOn, b.do('i32.lt_u', after, portion)), next);
    });
    advance(done.get());
  });
}

type Write = (b: OperationBuilder, size: Size) => void;

/** By size (as a shift) and prefix: index 0 for REP, 1 for REPNE. */
type Forms = readonly (readonly [Call, Call])[];

function forms(name: string, rep: Write, repne: Write | undefined): Forms {
  return sizes.map((size) => {
    const call = (write: Write, prefix: 'rep' | 'repne'): Call => {
      const unit = repne === undefined ? moveUnit : compareUnit;
      const operation: Operation = unit.operation({ name: `${prefix}-${name}${size}`, guard: 0, flags: repne !== undefined, repeats: true }, (b) => write(b, size));
      return { operation, register: 0, operand: 0 };
    };
    const first = call(rep, 'rep');
    return [first, repne ? call(repne, 'repne') : first];
  });
}

const byName: Readonly<Record<string, Forms>> = {
  movs: forms('movs', move, undefined),
  stos: forms('stos', store, undefined),
  scas: forms('scas', (b, size) => compare(b, size, false, true), (b, size) => compare(b, size, false, false)),
  cmps: forms('cmps', (b, size) => compare(b, size, true, true), (b, size) => compare(b, size, true, false)),
};

/** The operation of a string instruction with a repeat prefix and 32-bit addresses; undefined when there is none. */
export function findRepeatCall(insn: Instruction): Call | undefined {
  if (insn.repeat === Repeat.none || insn.addressSize !== 4) return undefined;
  return byName[insn.definition.name]?.[insn.size >> 1]?.[insn.repeat === Repeat.repne ? 1 : 0];
}
