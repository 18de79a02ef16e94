/*
 * Expressions on their way to becoming WebAssembly.
 *
 * A node is a pure operation on other nodes, a constant, or a value that was read at a certain moment. Creating one
 * puts it into the current list of statements, so that its place in time is known; emitting the list writes a node
 * used once where it is used, and gives one used more often a local of its own. Dead nodes cost nothing.
 */
import { ByteWriter, Op, ValueType } from '../wasm/encoder.js';

/** A value of the program being generated. */
export interface Node {
  /** WebAssembly opcode; Op.i32Const for constants, -1 for reads. */
  readonly op: number;
  readonly args: readonly Node[];
  /** The constant. */
  readonly value: number;
  /** Writes the read, for op -1: it happens at the place of its creation. */
  readonly read: ((out: Output) => void) | undefined;
  /** i32 or i64. */
  readonly wide: boolean;
  /** How often it is still to be written. */
  uses: number;
  local: number;
}

/** One step of the generated program. */
export type Statement =
  | { kind: 'value'; node: Node }
  | { kind: 'action'; emit: (out: Output) => void }
  | { kind: 'if'; condition: Node; yes: Statement[]; no: Statement[] };

/** Where a function's code goes: bytes, block nesting, and a pool of locals. */
export class Output {
  readonly code = new ByteWriter();
  /** Current block nesting; branch targets are counted from it. */
  level = 0;
  readonly #firstLocal: number;
  readonly #types: number[] = [];
  /** Locals that nobody uses now; the last one is the next to be used. */
  #free: number[] = [];

  /** @param firstLocal number of the first local of the pool */
  constructor(firstLocal: number) {
    this.#firstLocal = firstLocal;
  }

  /** Types of the function's locals behind so many parameters. The fewer there are the sooner a host has compiled it. */
  locals(parameters: number): number[] {
    return [...new Array<number>(this.#firstLocal - parameters).fill(ValueType.i32), ...this.#types];
  }

  /** The next handler uses the locals anew. */
  resetLocals(): void {
    this.#free = this.#types.map((_, i) => this.#firstLocal + i).reverse();
  }

  newLocal(wide: boolean): number {
    const type = wide ? ValueType.i64 : ValueType.i32;
    const found = this.#free.findLastIndex((local) => this.#types[local - this.#firstLocal] === type);
    return found < 0 ? this.#firstLocal + this.#types.push(type) - 1 : this.#free.splice(found, 1)[0]!;
  }

  op(...bytes: number[]): void {
    for (const byte of bytes) this.code.byte(byte);
  }

  constant(value: number): void {
    this.code.byte(Op.i32Const);
    this.code.signed(value);
  }

  get(local: number): void {
    this.code.byte(Op.localGet);
    this.code.unsigned(local);
  }

  set(local: number): void {
    this.code.byte(Op.localSet);
    this.code.unsigned(local);
  }

  tee(local: number): void {
    this.code.byte(Op.localTee);
    this.code.unsigned(local);
  }

  /** Copy a local to a fixed address. */
  spill(local: number, address: number): void {
    this.constant(0);
    this.get(local);
    this.memory(Op.i32Store, address);
  }

  /** Copy a fixed address to a local. */
  reload(local: number, address: number): void {
    this.constant(0);
    this.memory(Op.i32Load, address);
    this.set(local);
  }

  /** A load or store with alignment hint 0 and a constant offset. */
  memory(op: number, offset: number): void {
    this.code.byte(op);
    this.code.byte(0);
    this.code.unsigned(offset);
  }

  /** Branch to the label that was opened at nesting level `label`. */
  branch(op: number, label: number): void {
    this.code.byte(op);
    this.code.unsigned(this.level - label);
  }

  /** Leave the node's value on the stack: as often as it counts uses, the last of which frees its local. */
  push(node: Node): void {
    if (node.local < 0) return this.#compute(node);
    this.get(node.local);
    if (--node.uses === 0) this.#free.push(node.local);
    if (node.uses < 0) throw new Error('a node is used more often than it was said to be');
  }

  #compute(node: Node): void {
    if (node.op === Op.i32Const) return this.constant(node.value);
    if (node.op < 0) return node.read!(this);
    for (const argument of node.args) this.push(argument);
    this.code.byte(node.op);
  }

  /** Write a list of statements. */
  statements(list: readonly Statement[]): void {
    for (const statement of list) {
      if (statement.kind === 'action') statement.emit(this);
      else if (statement.kind === 'value') this.#settle(statement.node);
      else this.#branchOn(statement);
    }
  }

  /** Give a node its local, if it deserves one. */
  #settle(node: Node): void {
    if (node.uses === 0 || node.op === Op.i32Const || node.local >= 0) return;
    if (node.op >= 0 && node.uses === 1) return;
    this.#compute(node);
    const local = this.newLocal(node.wide);
    this.set(local);
    node.local = local;
  }

  #branchOn(statement: Statement & { kind: 'if' }): void {
    this.push(statement.condition);
    this.op(Op.if, 0x40);
    this.level++;
    this.statements(statement.yes);
    if (statement.no.length > 0) {
      this.op(Op.else);
      this.statements(statement.no);
    }
    this.level--;
    this.op(Op.end);
  }
}
