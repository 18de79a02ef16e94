/*
 * The part of a builder that writes WebAssembly which computes: pure operations on nodes, simplified where that is
 * free. What has a place in time (reads, actions) goes into the list of statements as it is asked for.
 */
import { Op } from '../wasm/encoder.js';
import type { Node, Output, Statement } from './node.js';

const zeroIsNeutral = new Set<number>([Op.i32Add, Op.i32Sub, Op.i32Or, Op.i32Xor, Op.i32Shl, Op.i32ShrU, Op.i32ShrS]);
const zeroIsNeutralLeft = new Set<number>([Op.i32Add, Op.i32Or, Op.i32Xor]);

/** Arithmetic and comparisons as nodes. */
export abstract class ExpressionBuilder {
  /** What has been asked for, in order. */
  protected list: Statement[] = [];

  /** Leave for the general rules, with nothing done, if the condition is not zero. */
  abstract unusual(condition: Node): void;

  /** A new node, computed here at the latest. */
  protected node(op: number, args: readonly Node[], wide = false, value = 0, read?: (out: Output) => void): Node {
    for (const argument of args) argument.uses++;
    const node: Node = { op, args, value, read, wide, uses: 0, local: -1 };
    this.list.push({ kind: 'value', node });
    return node;
  }

  /** A value read at this moment. */
  protected read(read: (out: Output) => void): Node {
    return this.node(-1, [], false, 0, read);
  }

  /** Something done at this moment, with these nodes' values. */
  protected action(nodes: readonly Node[], emit: (out: Output) => void): void {
    for (const node of nodes) node.uses++;
    this.list.push({ kind: 'action', emit });
  }

  imm(value: number): Node {
    return { op: Op.i32Const, args: [], value: value | 0, read: undefined, wide: false, uses: 0, local: -1 };
  }

  /** A pure binary operation, folded when both sides are constant or one is neutral. */
  #binary(op: number, a: Node, b: Node, fold: (x: number, y: number) => number): Node {
    const aConstant = a.op === Op.i32Const;
    const bConstant = b.op === Op.i32Const;
    if (aConstant && bConstant) return this.imm(fold(a.value, b.value));
    if (bConstant && b.value === 0 && zeroIsNeutral.has(op)) return a;
    if (aConstant && a.value === 0 && zeroIsNeutralLeft.has(op)) return b;
    if (op === Op.i32And && ((aConstant && a.value === 0) || (bConstant && b.value === 0))) return this.imm(0);
    return this.node(op, [a, b]);
  }

  add(a: Node, b: Node): Node { return this.#binary(Op.i32Add, a, b, (x, y) => x + y); }
  sub(a: Node, b: Node): Node { return this.#binary(Op.i32Sub, a, b, (x, y) => x - y); }
  mul(a: Node, b: Node): Node { return this.#binary(Op.i32Mul, a, b, Math.imul); }
  and(a: Node, b: Node): Node { return this.#binary(Op.i32And, a, b, (x, y) => x & y); }
  or(a: Node, b: Node): Node { return this.#binary(Op.i32Or, a, b, (x, y) => x | y); }
  xor(a: Node, b: Node): Node { return this.#binary(Op.i32Xor, a, b, (x, y) => x ^ y); }
  shl(a: Node, b: Node): Node { return this.#binary(Op.i32Shl, a, b, (x, y) => x << y); }
  shr(a: Node, b: Node): Node { return this.#binary(Op.i32ShrU, a, b, (x, y) => x >>> y); }
  sar(a: Node, b: Node): Node { return this.#binary(Op.i32ShrS, a, b, (x, y) => x >> y); }
  rotl(a: Node, b: Node): Node { return this.#binary(Op.i32Rotl, a, b, (x, y) => (x << y) | (x >>> (32 - y))); }
  clz(a: Node): Node { return this.node(Op.i32Clz, [a]); }
  ctz(a: Node): Node { return this.node(Op.i32Ctz, [a]); }
  popcount(a: Node): Node { return this.node(Op.i32Popcnt, [a]); }
  signExtend8(a: Node): Node { return this.node(Op.i32Extend8S, [a]); }
  signExtend16(a: Node): Node { return this.node(Op.i32Extend16S, [a]); }
  eq(a: Node, b: Node): Node { return this.#binary(Op.i32Eq, a, b, (x, y) => Number(x === y)); }
  ne(a: Node, b: Node): Node { return this.#binary(Op.i32Ne, a, b, (x, y) => Number(x !== y)); }
  isZero(a: Node): Node {
    // a difference is zero when its sides are equal: one comparison instead of two operations
    return a.op === Op.i32Sub ? this.node(Op.i32Eq, a.args) : this.node(Op.i32Eqz, [a]);
  }
  lessUnsigned(a: Node, b: Node): Node {
    return this.#binary(Op.i32LtU, a, b, (x, y) => Number(x >>> 0 < y >>> 0));
  }
  lessSigned(a: Node, b: Node): Node { return this.#binary(Op.i32LtS, a, b, (x, y) => Number(x < y)); }

  select(condition: Node, yes: Node, no: Node): Node {
    for (const node of [yes, no, condition]) node.uses++;
    const node: Node = {
      op: -1, args: [], value: 0, wide: false, uses: 0, local: -1,
      read: (out) => {
        out.push(yes);
        out.push(no);
        out.push(condition);
        out.op(Op.select);
      },
    };
    this.list.push({ kind: 'value', node });
    return node;
  }

  #wide(node: Node, signed: boolean): Node {
    return this.node(signed ? Op.i64ExtendI32S : Op.i64ExtendI32U, [node], true);
  }

  #wideConstant(value: number): Node {
    return this.node(-1, [], true, 0, (out) => {
      out.op(Op.i64Const);
      out.code.signed(value);
    });
  }

  #mulHigh(a: Node, b: Node, signed: boolean): Node {
    const product = this.node(Op.i64Mul, [this.#wide(a, signed), this.#wide(b, signed)], true);
    return this.node(Op.i32WrapI64, [this.node(Op.i64ShrU, [product, this.#wideConstant(32)], true)]);
  }
  mulHighSigned(a: Node, b: Node): Node { return this.#mulHigh(a, b, true); }
  mulHighUnsigned(a: Node, b: Node): Node { return this.#mulHigh(a, b, false); }

  /** Divisions that would fault go to the slow path, which faults. */
  #divide(high: Node, low: Node, divisor: Node, signed: boolean): { quotient: Node; remainder: Node } {
    const upper = this.node(Op.i64Shl, [this.#wide(high, false), this.#wideConstant(32)], true);
    const dividend = this.node(Op.i64Or, [upper, this.#wide(low, false)], true);
    const by = this.#wide(divisor, signed);
    this.unusual(this.node(Op.i32Eqz, [divisor]));
    if (signed) {
      // the one 64-bit quotient that WebAssembly traps on: -2^63 / -1; leave all of divisor -1 with a high half aside
      this.unusual(this.and(this.eq(divisor, this.imm(-1)), this.eq(high, this.imm(1 << 31))));
    } else this.unusual(this.node(Op.i32GeU, [high, divisor]));
    const quotient = this.node(signed ? Op.i64DivS : Op.i64DivU, [dividend, by], true);
    const narrow = this.node(Op.i32WrapI64, [quotient]);
    if (signed) this.unusual(this.node(Op.i64Ne, [this.#wide(narrow, true), quotient]));
    const remainder = this.node(Op.i32WrapI64, [this.node(signed ? Op.i64RemS : Op.i64RemU, [dividend, by], true)]);
    return { quotient: narrow, remainder };
  }
  divideUnsigned(high: Node, low: Node, divisor: Node): { quotient: Node; remainder: Node } {
    return this.#divide(high, low, divisor, false);
  }
  divideSigned(high: Node, low: Node, divisor: Node): { quotient: Node; remainder: Node } {
    return this.#divide(high, low, divisor, true);
  }
}
