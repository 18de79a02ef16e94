/*
 * Writing one WebAssembly function as a program of expressions.
 *
 * do() makes pure values, which may be used any number of times: a value used once is computed where it is used, others get
 * a local. What has a place in time (loads, stores, calls, variables) happens in the order it is asked for.
 */
import { ByteWriter, type FunctionBody, noResult, Op, ValueType } from './encoder.js';
import {
  bulkCopy, bulkFill, byteShuffle, laneOperators, laneStores, loads, operator, type OperatorName, operatorOf, stores, vectorConstant, type WasmType,
} from './operators.js';

/** A value of the function being written. Belongs to the part of it (see when()) that it was made in, and parts within. */
export interface Value {
  readonly type: WasmType;
  /** What do() made it with and from, for those who look for patterns. */
  readonly operator: OperatorName | undefined;
  readonly args: readonly Value[];
  /** Of i32 constants. */
  readonly constant: number | undefined;
}

/** What a Node writes behind its arguments. */
const Form = {
  /** An opcode. */
  operator: 0,
  /** An i32 constant. */
  constant: 1,
  /** An opcode, no alignment promised, and an Offset. */
  access: 2,
  /** An opcode, and the number of a Local's; the first time it gets that. */
  local: 3,
  firstLocal: 4,
  /** Whatever a function writes. */
  custom: 5,
} as const;

/**
 * A Value on its way, or without a type something that is done. Tens of thousands of these are made for a region, and live
 * until it has been written: there is one small shape of them, and no function for those that are frequent.
 */
class Node implements Value {
  readonly type: WasmType;
  readonly args: readonly Node[];
  readonly form: number;
  readonly code: number;
  readonly extra: number | (() => number) | Local | ((out: Writer) => void) | undefined;
  /** Computed where it is used, if that is one place only. Others are computed where they stand. */
  readonly late: boolean;
  uses = 0;
  local = -1;

  constructor(type: WasmType | undefined, args: readonly Value[], late: boolean, form: number, code: number, extra?: Node['extra']) {
    this.type = type!;
    this.args = args as readonly Node[];
    this.late = late;
    this.form = form;
    this.code = code;
    this.extra = extra;
    for (let i = 0; i < args.length; i++) this.args[i]!.uses++;
  }

  get operator(): OperatorName | undefined { return this.form === Form.operator ? operatorOf(this.code) : undefined; }
  get constant(): number | undefined { return this.form === Form.constant ? this.extra as number : undefined; }

  compute(out: Writer): void {
    const { args, form, code, extra } = this;
    for (let i = 0; i < args.length; i++) out.push(args[i]!);
    switch (form) {
      case Form.operator: return out.opcode(code);
      case Form.constant:
        out.code.byte(Op.i32Const);
        return out.code.signed(extra as number);
      case Form.access: return out.access(code, resolve(extra as Offset));
      case Form.local: return out.indexed(code, (extra as Local).place(out));
      case Form.firstLocal:
        (extra as Local).index = out.local((extra as Local).type);
        return out.indexed(code, (extra as Local).index);
      default: (extra as (out: Writer) => void)(out);
    }
  }

  /** Its place has come: what is done is done; a value gets its local, if it deserves one. */
  settle(out: Writer): void {
    if (this.type === undefined) return this.compute(out);
    if (this.uses === 0 || (this.late && this.uses === 1)) return;
    this.compute(out);
    this.local = out.local(this.type);
    out.indexed(Op.localSet, this.local);
  }
}

/** A variable's local. */
class Local {
  readonly type: WasmType;
  index = -1;

  constructor(type: WasmType) {
    this.type = type;
  }

  /** Its number. One that nobody gave a number to lasts throughout the function. */
  place(out: Writer): number {
    if (this.index < 0) this.index = out.lastingLocal(this.type);
    return this.index;
  }
}

const none: readonly Value[] = [];

/** Small i32 constants, for all functions: a constant is always computed where it is used. */
const fewestConstant = -32;
const mostConstant = 4096;
const constants: Node[] = [];

/** A constant added to an address without wrapping; perhaps known only when all has been built. */
export type Offset = number | (() => number);

function resolve(offset: Offset): number { return typeof offset === 'number' ? offset : offset(); }

/** A value that changes. */
export interface Variable {
  /** Its value now. */
  get(): Value;
  set(value: Value): void;
}

/** A value with a place, or something that is done. */
type Statement = Node | ((out: Writer) => void);

function write(statements: readonly Statement[], out: Writer): void {
  for (const statement of statements) {
    if (typeof statement === 'function') statement(out);
    else statement.settle(out);
  }
}

/** Code and locals on their way. */
class Writer {
  readonly code = new ByteWriter();
  /** Nesting of blocks. */
  level = 0;
  /** A local that no scope takes back. */
  readonly lastingLocal: (type: WasmType) => number;

  constructor(newLocal: (type: WasmType) => number) {
    this.lastingLocal = newLocal;
  }

  opcode(code: number): void {
    if (code > 0xff) {
      this.code.byte(code >>> 8);
      this.code.unsigned(code & 0xff);
    } else this.code.byte(code);
  }

  /** Locals that a closed scope has no use for any more, and those of the open ones. */
  readonly #free: Record<WasmType, number[]> = { i32: [], i64: [], f32: [], f64: [], v128: [] };
  readonly #scopes: [type: WasmType, local: number][][] = [];

  /** A new local, or one that is free again. */
  local(type: WasmType): number {
    const local = this.#free[type].pop() ?? this.lastingLocal(type);
    this.#scopes.at(-1)?.push([type, local]);
    return local;
  }

  openScope(): void {
    this.#scopes.push([]);
  }

  closeScope(): void {
    for (const [type, local] of this.#scopes.pop()!) this.#free[type].push(local);
  }

  indexed(code: number, index: number): void {
    this.code.byte(code);
    this.code.unsigned(index);
  }

  /** Leave a value on the stack. */
  push(value: Value): void {
    const node = value as Node;
    if (node.local >= 0) this.indexed(Op.localGet, node.local);
    else node.compute(this);
  }

  /** Opcode, no alignment promised, and a constant offset. */
  access(code: number, offset: number): void {
    this.opcode(code);
    this.code.byte(0);
    this.code.unsigned(offset);
  }
}

/** Writes one function. */
export class FunctionBuilder {
  readonly #parameters: readonly WasmType[];
  readonly #results: readonly WasmType[];
  #list: Statement[] = [];
  /** The module needs the table of functions. */
  callsTable = false;

  constructor(parameters: readonly WasmType[], results: readonly WasmType[]) {
    this.#parameters = parameters;
    this.#results = results;
  }

  /** The function's code. */
  finish(name: string): FunctionBody {
    const locals: number[] = [];
    const out = new Writer((type) => this.#parameters.length + locals.push(ValueType[type]) - 1);
    write(this.#list, out);
    // every way out is a leave()
    out.code.byte(Op.unreachable);
    const types = (list: readonly WasmType[]): number[] => list.map((type) => ValueType[type]);
    return { name, type: { parameters: types(this.#parameters), results: types(this.#results) }, locals, code: out.code.view() };
  }

  /** Code to be put into the midst of another function, with locals of that one's. It must end by going on, not by leave(). */
  piece(newLocal: (type: WasmType) => number): Uint8Array {
    const out = new Writer(newLocal);
    write(this.#list, out);
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

  /** Run a part only when the condition is not 0. */
  when(condition: Value, then: () => void, otherwise?: () => void): void {
    if (condition.constant !== undefined) return condition.constant !== 0 ? then() : otherwise?.();
    (condition as Node).uses++;
    const outer = this.#list;
    const part = (body: (() => void) | undefined): Statement[] => {
      this.#list = [];
      body?.();
      return this.#list;
    };
    const [yes, no] = [part(then), part(otherwise)];
    this.#list = outer;
    outer.push((out) => {
      out.push(condition);
      out.code.bytes([Op.if, noResult]);
      out.level++;
      write(yes, out);
      if (no.length > 0) {
        out.code.byte(Op.else);
        write(no, out);
      }
      out.level--;
      out.code.byte(Op.end);
    });
  }

  /**
   * A part with values of its own: `exit` leaves it with them, from anywhere inside. Every way through the part must end
   * in an exit or leave the function.
   */
  block(types: readonly WasmType[], body: (exit: (...values: Value[]) => void) => void): Value[] {
    const outer = this.#list;
    this.#list = [];
    const values = types.map((type) => this.#given(type));
    let level = 0;
    body((...results) => {
      this.#action(results, (out) => {
        for (const value of [...values].reverse()) out.indexed(Op.localSet, value.local);
        out.indexed(Op.br, out.level - level - 1);
      });
    });
    const inside = this.#list;
    this.#list = outer;
    outer.push((out) => {
      for (const value of values) value.local = out.local(value.type);
      level = out.level++;
      out.code.bytes([Op.block, noResult]);
      write(inside, out);
      out.level--;
      out.code.byte(Op.end);
    });
    return values;
  }

  /** A loop; `again` goes back to its start. Every way through the body must end in that, or leave it. */
  loop(body: (again: () => void) => void): void {
    const outer = this.#list;
    this.#list = [];
    let level = 0;
    body(() => this.#list.push((out) => out.indexed(Op.br, out.level - level - 1)));
    const inside = this.#list;
    this.#list = outer;
    outer.push((out) => {
      level = out.level++;
      out.code.bytes([Op.loop, noResult]);
      write(inside, out);
      out.level--;
      out.code.byte(Op.end);
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
    this.#list.push((out) => write(inside, out));
    return (body) => {
      const outer = this.#list;
      this.#list = inside;
      body();
      this.#list = outer;
    };
  }

  /** A part that is built once. @returns writes it here, wherever that is; its values are its own in each place */
  reusable(body: () => void): () => void {
    const outer = this.#list;
    this.#list = [];
    body();
    const inside = this.#list;
    this.#list = outer;
    return () => { this.#list.push((out) => write(inside, out)); };
  }

  /** A part that is written only if it turns out to be needed: asked when all has been built. */
  ifNeeded(needed: () => boolean, body: () => void): void {
    const outer = this.#list;
    this.#list = [];
    body();
    const inside = this.#list;
    this.#list = outer;
    outer.push((out) => {
      if (needed()) write(inside, out);
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
    for (const value of values) (value as Node).uses += 2;
    this.#list.push((out) => {
      const outer = this.#list;
      this.#list = [];
      body();
      const inside = this.#list;
      this.#list = outer;
      write(inside, out);
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
