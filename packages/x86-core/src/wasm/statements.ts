/*
 * What a function is built of before it is written: values on their way, and statements. When all is there they are
 * written in their order, and only then values get locals.
 */
import { ByteWriter, noResult, Op } from './encoder.js';
import { type OperatorName, operatorOf, type WasmType } from './operators.js';

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
export const Form = {
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
export class Node implements Value {
  readonly type: WasmType;
  readonly args: readonly Node[];
  readonly form: number;
  readonly code: number;
  readonly extra: number | (() => number) | Local | ((out: Writer) => void) | undefined;
  /** Computed where it is used, if that is one place only. Others are computed where they stand. */
  readonly late: boolean;
  uses = 0;
  local = -1;
  /** Once it has a local: uses that have been written, and the stretch of code (see Writer) in which they count. */
  written = 0;
  stretch = -1;

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
    if (this.uses === 0) return this.giveUpArguments(out);
    if (this.late && this.uses === 1) return;
    this.compute(out);
    this.local = out.local(this.type);
    this.written = 0;
    this.stretch = out.stretch;
    out.indexed(Op.localSet, this.local);
  }

  /** Nobody wants it, nor what was to be computed for it alone. */
  giveUpArguments(out: Writer): void {
    for (const arg of this.args) {
      if (arg.local >= 0) out.used(arg);
      else arg.giveUpArguments(out);
    }
  }
}

/** A variable's local. */
export class Local {
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

/** A constant added to an address without wrapping; perhaps known only when all has been built. */
export type Offset = number | (() => number);

function resolve(offset: Offset): number { return typeof offset === 'number' ? offset : offset(); }

/** A value with a place, or something that is done. */
export type Statement = Node | ((out: Writer) => void);

/** Statements that are written one after the other, and what comes behind them. */
interface Part {
  readonly statements: readonly Statement[];
  next: number;
  readonly then: (() => void) | undefined;
}

/** Code and locals on their way. */
export class Writer {
  readonly code = new ByteWriter();
  /** Nesting of blocks. */
  level = 0;
  /** A local that no scope takes back. */
  readonly lastingLocal: (type: WasmType) => number;

  constructor(newLocal: (type: WasmType) => number) {
    this.lastingLocal = newLocal;
  }

  /** Parts that are being written; the innermost comes last. */
  readonly #parts: Part[] = [];

  /** Write a part next, then what comes behind it. From within a statement this must be the last thing that it does. */
  part(statements: readonly Statement[], then?: () => void): void {
    this.#parts.push({ statements, next: 0, then });
  }

  /** Write what has been built: so many statements, or all. @returns whether there are more */
  write(most = Number.POSITIVE_INFINITY): boolean {
    for (let left = most; left > 0; left--) {
      const part = this.#parts[this.#parts.length - 1];
      if (part === undefined) return false;
      if (part.next === part.statements.length) {
        this.#parts.pop();
        part.then?.();
        continue;
      }
      const statement = part.statements[part.next++]!;
      if (typeof statement === 'function') statement(this);
      else statement.settle(this);
    }
    return true;
  }

  /** Open a block, a loop or a condition. @returns its level, for branches to it */
  open(code: number): number {
    this.code.bytes([code, noResult]);
    return this.level++;
  }

  /** Close it. */
  end(): void {
    this.level--;
    this.code.byte(Op.end);
  }

  /** Branch out of so many blocks, by the number on the stack; out of `beyond` if there is no such number. */
  table(depths: readonly number[], beyond: number): void {
    this.code.byte(Op.brTable);
    this.code.unsigned(depths.length);
    for (const depth of [...depths, beyond]) this.code.unsigned(depth);
  }

  opcode(code: number): void {
    if (code > 0xff) {
      this.code.byte(code >>> 8);
      this.code.unsigned(code & 0xff);
    } else this.code.byte(code);
  }

  /** Locals that a closed scope has no use for any more, and those of the open ones. */
  readonly #free: Record<WasmType, number[]> = { i32: [], i64: [], f32: [], f64: [], v128: [] };
  readonly #scopes: Map<number, WasmType>[] = [];
  /** The innermost stretch of code that is executed or written again as a whole; those around it. */
  stretch = 0;
  #lastStretch = 0;
  readonly #stretches: number[] = [];

  /** A new local, or one that is free again. */
  local(type: WasmType): number {
    const local = this.#free[type].pop() ?? this.lastingLocal(type);
    this.#scopes.at(-1)?.set(local, type);
    return local;
  }

  openScope(): void {
    this.#scopes.push(new Map());
  }

  closeScope(): void {
    for (const [local, type] of this.#scopes.pop()!) this.#free[type].push(local);
  }

  /** What follows is executed again, or written again: uses in there are none after which a value from before it is not wanted. */
  openStretch(): void {
    this.#stretches.push(this.stretch);
    this.stretch = ++this.#lastStretch;
  }

  closeStretch(): void {
    this.stretch = this.#stretches.pop()!;
  }

  /** A value has been used so many times; after its last use its local is free. */
  used(node: Node, times = 1): void {
    if (node.stretch !== this.stretch || (node.written += times) < node.uses) return;
    if (node.written > node.uses) throw new Error('a value is used more often than was known when it was computed');
    this.#scopes.findLast((scope) => scope.delete(node.local));
    this.#free[node.type].push(node.local);
  }

  indexed(code: number, index: number): void {
    this.code.byte(code);
    this.code.unsigned(index);
  }

  /** Leave a value on the stack. */
  push(value: Value): void {
    const node = value as Node;
    if (node.local < 0) return node.compute(this);
    this.indexed(Op.localGet, node.local);
    this.used(node);
  }

  /** Opcode, no alignment promised, and a constant offset. */
  access(code: number, offset: number): void {
    this.opcode(code);
    this.code.byte(0);
    this.code.unsigned(offset);
  }
}
