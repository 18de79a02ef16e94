/*
 * Writing one WebAssembly function as a program of expressions.
 *
 * do() makes pure values, which may be used any number of times: a value used once is computed where it is used, others get
 * a local until their last use. (A host merges all locals wherever ways meet, dead ones, too: with hundreds of them, and as many
 * ways out of a loop, V8 needed 27 MB and a third of a second for 34 KB of code.) What has a place in time (loads, stores,
 * calls, variables) happens in the order it is asked for.
 */
import { type FunctionBody, Op, ValueType } from './encoder.js';
import {
  bulkCopy, bulkFill, byteShuffle, laneOperators, laneStores, loads, operator, type OperatorName, stores, vectorConstant, type WasmType,
} from './operators.js';
import { Form, Local, Node, type Offset, type Statement, type Value, Writer } from './statements.js';

export type { Offset, Value } from './statements.js';

/** A value that changes. */
export interface Variable {
  /** Its value now. */
  get(): Value;
  set(value: Value): void;
}

const none: readonly Value[] = [];

/** Uses that stand for those that come later. */
const usesToBe = 2;

/** Small i32 constants, for all functions: a constant is always computed where it is used. */
const fewestConstant = -32;
const mostConstant = 4096;
const constants: Node[] = [];

/** Writes one function. */
export class FunctionBuilder {
  readonly #parameters: readonly WasmType[];
  readonly #results: readonly WasmType[];
  #list: Statement[] = [];
  /** Values and actions so far. */
  size = 0;
  /** The module needs the table of functions. */
  callsTable = false;

  constructor(parameters: readonly WasmType[], results: readonly WasmType[]) {
    this.#parameters = parameters;
    this.#results = results;
  }

  /** The function's code. */
  finish(name: string): FunctionBody {
    const steps = this.finishInSteps(name, Number.POSITIVE_INFINITY);
    for (;;) {
      const { done, value } = steps.next();
      if (done) return value;
    }
  }

  /** The same in steps of so many statements. */
  *finishInSteps(name: string, statements: number): Generator<void, FunctionBody> {
    const locals: number[] = [];
    const out = new Writer((type) => this.#parameters.length + locals.push(ValueType[type]) - 1);
    out.part(this.#list);
    while (out.write(statements)) yield;
    // every way out is a leave()
    out.code.byte(Op.unreachable);
    const types = (list: readonly WasmType[]): number[] => list.map((type) => ValueType[type]);
    return { name, type: { parameters: types(this.#parameters), results: types(this.#results) }, locals, code: out.code.view() };
  }

  /** Code to be put into the midst of another function, with locals of that one's. It must end by going on, not by leave(). */
  piece(newLocal: (type: WasmType) => number): Uint8Array {
    const out = new Writer(newLocal);
    out.part(this.#list);
    out.write();
    return out.code.view();
  }

  /** A local of the function that a piece() will be in. */
  outerLocal(type: WasmType, index: number): Value {
    const node = this.#given(type);
    node.local = index;
    return node;
  }

  /** Branch out of a piece() if the condition is not 0: to the block so many levels out of it. */
  branchOut(condition: Value, levels: number): void {
    this.#action([condition], (out) => out.indexed(Op.brIf, out.level + levels));
  }

  // ── values ──────────────────────────────────────────────────────────────────────────────────────────────────────

  parameter(index: number): Value {
    const node = this.#given(this.#parameters[index]!);
    node.local = index;
    return node;
  }

  /** A value that others put into its local. */
  #given(type: WasmType): Node { return new Node(type, none, false, Form.custom, 0); }

  /** A value that is written by a function; `late` false: computed here. */
  #value(type: WasmType, args: readonly Value[], emit: (out: Writer) => void, late = true): Value {
    return this.#put(new Node(type, args, late, Form.custom, 0, emit));
  }

  #put(node: Node): Value {
    this.size++;
    this.#list.push(node);
    return node;
  }

  #constant(type: WasmType, emit: (out: Writer) => void): Value {
    return new Node(type, none, true, Form.custom, 0, emit);
  }

  i32(value: number): Value {
    const number = value | 0;
    if (number < fewestConstant || number > mostConstant) return new Node('i32', none, true, Form.constant, Op.i32Const, number);
    return constants[number - fewestConstant] ??= new Node('i32', none, true, Form.constant, Op.i32Const, number);
  }

  /** A constant that is asked for when all has been built. */
  i32Later(value: () => number): Value {
    return this.#constant('i32', (out) => {
      out.code.byte(Op.i32Const);
      out.code.signed(value());
    });
  }

  i64(value: bigint | number): Value {
    return this.#constant('i64', (out) => {
      out.code.byte(Op.i64Const);
      out.code.signed64(BigInt.asIntN(64, BigInt(value)));
    });
  }

  f64(value: number): Value {
    return this.#constant('f64', (out) => {
      out.code.byte(Op.f64Const);
      out.code.bytes(new Uint8Array(Float64Array.of(value).buffer));
    });
  }

  /** A vector of four doublewords. */
  v128(...words: readonly [number, number, number, number]): Value {
    return this.#constant('v128', (out) => {
      out.opcode(vectorConstant);
      out.code.bytes(new Uint8Array(Int32Array.from(words).buffer));
    });
  }

  /** A vector with a double in both lanes. */
  doubles(value: number): Value {
    const [low, high] = new Int32Array(Float64Array.of(value).buffer) as unknown as [number, number];
    return this.v128(low, high, low, high);
  }

  /** A vector with a single in all lanes. */
  singles(value: number): Value {
    const [word] = new Int32Array(Float32Array.of(value).buffer) as unknown as [number];
    return this.v128(word, word, word, word);
  }

  /** Apply a pure operator. */
  do(name: OperatorName, ...args: readonly Value[]): Value {
    const { code, type } = operator(name);
    return this.#put(new Node(type, args, true, Form.operator, code));
  }

  lane(name: keyof typeof laneOperators, lane: number, ...args: readonly Value[]): Value {
    const { code, type } = laneOperators[name];
    return this.#value(type, args, (out) => {
      out.opcode(code);
      out.code.byte(lane);
    });
  }

  /** Bytes of two vectors, by number: 0 to 15 are the first's. */
  shuffle(a: Value, b: Value, bytes: readonly number[]): Value {
    return this.#value('v128', [a, b], (out) => {
      out.opcode(byteShuffle);
      out.code.bytes(bytes);
    });
  }

  select(condition: Value, yes: Value, no: Value): Value {
    return this.#value(yes.type, [yes, no, condition], (out) => {
      if (yes.type !== 'v128') return out.code.byte(Op.select);
      out.code.bytes([Op.selectTyped, 1, ValueType.v128]);
    });
  }

  // ── what has its place ──────────────────────────────────────────────────────────────────────────────────────────

  load(name: keyof typeof loads, address: Value, offset: Offset = 0): Value {
    const { code, type } = loads[name];
    return this.#put(new Node(type, [address], false, Form.access, code, offset));
  }

  /** A value computed here, always into a local: what follows may change what it was made from. */
  #ordered(type: WasmType, args: readonly Value[], emit: (out: Writer) => void): Value {
    return this.#value(type, args, emit, false);
  }

  #action(args: readonly Value[], emit: (out: Writer) => void): void {
    this.#put(new Node(undefined, args, false, Form.custom, 0, emit));
  }

  store(name: keyof typeof stores, address: Value, value: Value, offset: Offset = 0): void {
    this.#put(new Node(undefined, [address, value], false, Form.access, stores[name], offset));
  }

  storeLane(name: keyof typeof laneStores, lane: number, address: Value, value: Value, offset = 0): void {
    this.#action([address, value], (out) => {
      out.access(laneStores[name], offset);
      out.code.byte(lane);
    });
  }

  /** A constant that nobody uses: a mark for people who read the code. */
  mark(value: number): void {
    this.#action([this.i32(value)], (out) => out.code.byte(Op.drop));
  }

  /** Move bytes, which may overlap. */
  copyMemory(to: Value, from: Value, bytes: Value): void {
    this.#action([to, from, bytes], (out) => out.code.bytes([...bulkCopy, 0, 0]));
  }

  /** Fill bytes with the lowest byte of a value. */
  fillMemory(to: Value, value: Value, bytes: Value): void {
    this.#action([to, value, bytes], (out) => out.code.bytes([...bulkFill, 0]));
  }

  variable(initial: Value): Variable {
    const local = new Local(initial.type);
    this.#put(new Node(undefined, [initial], false, Form.firstLocal, Op.localSet, local));
    return this.#accessTo(local);
  }

  /** A variable for the whole function, which is set before it is read, or is never read. It has a local only if it is used. */
  lasting(type: WasmType): Variable { return this.#accessTo(new Local(type)); }

  #accessTo(local: Local): Variable {
    return {
      get: () => this.#put(new Node(local.type, none, false, Form.local, Op.localGet, local)),
      set: (value) => { this.#put(new Node(undefined, [value], false, Form.local, Op.localSet, local)); },
    };
  }

  /** What a part is built of, to be put somewhere. */
  #apart(body: (() => void) | undefined): Statement[] {
    const outer = this.#list;
    this.#list = [];
    body?.();
    const inside = this.#list;
    this.#list = outer;
    return inside;
  }

  /** Run a part only when the condition is not 0. */
  when(condition: Value, then: () => void, otherwise?: () => void): void {
    if (condition.constant !== undefined) return condition.constant !== 0 ? then() : otherwise?.();
    (condition as Node).uses++;
    const [yes, no] = [this.#apart(then), this.#apart(otherwise)];
    this.#list.push((out) => {
      out.push(condition);
      out.open(Op.if);
      out.part(yes, () => {
        if (no.length === 0) return out.end();
        out.code.byte(Op.else);
        out.part(no, () => out.end());
      });
    });
  }

  /** Run the part whose number an index selects from a list; -1 there, and what is beyond its end, selects none. Then go on here. */
  choose(index: Value, choices: readonly number[], parts: readonly (() => void)[]): void {
    (index as Node).uses++;
    const written = parts.map((body) => this.#apart(body));
    this.#list.push((out) => {
      const end = out.open(Op.block);
      for (let i = 0; i < parts.length; i++) out.open(Op.block);
      out.push(index);
      out.table(choices.map((part) => (part < 0 ? parts.length : part)), parts.length);
      // a part comes behind the end of the block that its choice leaves
      const close = (next: number): void => {
        out.end();
        if (next === parts.length) return;
        out.part(written[next]!, () => {
          out.indexed(Op.br, out.level - end - 1);
          close(next + 1);
        });
      };
      close(0);
    });
  }

  /**
   * A part with values of its own: `exit` leaves it with them, from anywhere inside. Every way through the part must end
   * in an exit or leave the function.
   */
  block(types: readonly WasmType[], body: (exit: (...values: Value[]) => void) => void): Value[] {
    const values = types.map((type) => this.#given(type));
    let level = 0;
    const inside = this.#apart(() => body((...results) => {
      this.#action(results, (out) => {
        for (const value of [...values].reverse()) out.indexed(Op.localSet, value.local);
        out.indexed(Op.br, out.level - level - 1);
      });
    }));
    this.#list.push((out) => {
      for (const value of values) value.local = out.local(value.type);
      level = out.open(Op.block);
      out.part(inside, () => out.end());
    });
    return values;
  }

  /** A loop; `again` goes back to its start. Every way through the body must end in that, or leave it. */
  loop(body: (again: () => void) => void): void {
    let level = 0;
    const inside = this.#apart(() => body(() => this.#list.push((out) => out.indexed(Op.br, out.level - level - 1))));
    this.#list.push((out) => {
      level = out.open(Op.loop);
      out.openStretch();
      out.part(inside, () => {
        out.closeStretch();
        out.end();
      });
    });
  }

  /** A part whose values nobody outside of it uses: its locals can be had again. (Variables are values in this sense.) */
  scope(body: () => void): void {
    this.#list.push((out) => out.openScope());
    body();
    this.#list.push((out) => out.closeScope());
  }

  /** A place for a part that is built later, but before finish(). @returns builds it */
  hole(): (body: () => void) => void {
    const inside: Statement[] = [];
    this.#list.push((out) => out.part(inside));
    return (body) => {
      const outer = this.#list;
      this.#list = inside;
      body();
      this.#list = outer;
    };
  }

  /** A part that is built once. @returns writes it here, wherever that is; its values are its own in each place */
  reusable(body: () => void): () => void {
    const inside = this.#apart(body);
    return () => {
      this.#list.push((out) => {
        out.openStretch();
        out.part(inside, () => out.closeStretch());
      });
    };
  }

  /** A part that is written only if it turns out to be needed: asked when all has been built. */
  ifNeeded(needed: () => boolean, body: () => void): void {
    const inside = this.#apart(body);
    this.#list.push((out) => {
      if (needed()) out.part(inside);
    });
  }

  /** Call a function of the imported table, of the same type as this one. */
  callIndirect(place: Value, ...args: readonly Value[]): Value {
    this.callsTable = true;
    return this.#ordered(this.#results[0]!, [...args, place], (out) => out.code.bytes([Op.callIndirect, 0, 0]));
  }

  /** Become a function of the imported table, of the same type as this one. */
  tailCallIndirect(place: Value, ...args: readonly Value[]): void {
    this.callsTable = true;
    this.#action([...args, place], (out) => out.code.bytes([Op.returnCallIndirect, 0, 0]));
  }

  /** A part that is built when all else has been. @param values of others that it may use */
  later(body: () => void, ...values: readonly Value[]): void {
    // what is used more than once has been computed by then
    for (const value of values as Node[]) value.uses += usesToBe;
    this.#list.push((out) => {
      out.part(this.#apart(body), () => { for (const value of values as Node[]) out.used(value, usesToBe); });
    });
  }

  /** Call a function by its number, for the one value it returns. */
  call(index: number, type: WasmType, ...args: readonly Value[]): Value {
    return this.#ordered(type, args, (out) => out.indexed(Op.call, index));
  }

  /** Return these values. */
  leave(...values: readonly Value[]): void {
    this.#action(values, (out) => out.code.byte(Op.return));
  }
}
