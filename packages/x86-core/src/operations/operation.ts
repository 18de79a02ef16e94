/*S:360
 * Operations: the x87's and the vector units' instructions as WebAssembly functions of their own.
 *
 * The interpreter has a handler per shape of integer instruction; coprocessor instructions are too many and too long for
 * that. Each becomes a function of three numbers: the address of the register that ModRM's middle bits name, the address
 * of the other operand (a register in the state page, or memory that the caller has found), and the immediate. It does
 * what is usual and returns 0, or finds that it cannot, changes nothing, and returns 1: then the reference does the
 * instruction. The functions of a unit are generated when the first of its instructions is decoded.
 */
import { State } from '../state.js';
import { encodeModule, type FunctionBody } from '../wasm/encoder.js';
import type { LaneStoreName, LoadName, OperatorName, StoreName, WasmType } from '../wasm/operators.js';
import { FunctionBuilder, type Offset, type Value } from '../wasm/function-builder.js';

/**
 * What must not be the case for an operation to run: bits of State.unavailable, and `pending`, the x87's error summary,
 * where it has its bit. `aligned`: an operand in memory must be a multiple of 16.
 */
export const Guard = { x87: 1, xmm: 2, aligned: 15 << 3, pending: 1 << 7 } as const;

/** Guard.aligned as a mask of address bits, shifted. */
export const alignmentShift = 3;

/** How an operation is called. */
export interface Operation {
  /** Bytes of its operand, when that is in memory. */
  readonly bytes: number;
  /** The operand in memory is written, and nothing else is done to it. */
  readonly write: boolean;
  /** Guard bits. */
  readonly guard: number;
  /** Leaves its address in the x87's last-instruction pointers. */
  readonly pointers: boolean;
  /** Reads or writes the arithmetic flags in the state page. */
  readonly flags: boolean;
  /** A repeated string instruction: takes from State.budget what it does beyond one element, and returns a RepeatStatus. */
  readonly repeats: boolean;
  /** Frequent enough for a handler of its own in the interpreter. */
  readonly frequent: boolean;
  /** Whose it is. */
  readonly unit: Unit;
  /** Place in the table of operations. */
  readonly index: number;
  /** Writes it, here or into other code. */
  readonly body: (b: OperationBuilder) => void;
}

/** Options of Unit.operation(): an Operation without its place. */
export interface OperationOptions {
  /** Tells it from the unit's others. */
  name: string;
  bytes?: number;
  write?: boolean;
  guard: number;
  pointers?: boolean;
  flags?: boolean;
  repeats?: boolean;
  frequent?: boolean;
}

/** An operation of an instruction, with where its operands are. */
export interface Call {
  readonly operation: Operation;
  /** Address of the register named by ModRM's middle bits. */
  readonly register: number;
  /** Address of the operand, or what else the operation expects, when that is not memory. */
  readonly operand: number;
}

/** Registers of the state page that live elsewhere while an operation is written in the midst of other code. */
export interface RegisterFile {
  /** What a load from a fixed address yields; undefined when that is no such register. */
  load(name: LoadName, address: number): Value | undefined;
  /** Store to a fixed address. @returns false when that is no such register */
  store(name: StoreName, address: number, value: Value): boolean;
  /** Store the lowest lane of a vector. */
  storeLane(name: LaneStoreName, address: number, value: Value): boolean;
  /**
   * C1 of the x87's status word, 0 or 1, where it is kept apart; that word's own bit then means nothing. So it is where
   * the precision exception is known to be there already.
   */
  readonly c1: { get(): Value; set(value: Value): void } | undefined;
  /** The double, as bits, that the x87 register at an address is known to hold: normal or zero. */
  doubleAt(address: number): Value | undefined;
  /** Have an x87 register hold a double, of which its own format is made when somebody needs it. @returns false when that is not possible */
  keepDouble(address: number, bits: Value): boolean;
}

/** Writes one operation. */
export class OperationBuilder extends FunctionBuilder {
  /** Address of the register named by ModRM's middle bits. */
  register = this.parameter(0);
  /** Address of the other operand. */
  operand = this.parameter(1);
  immediate = this.parameter(2);
  #registers: RegisterFile | undefined;
  #leaveIf = (condition: Value): void => this.when(condition, () => this.leave(this.i32(1)));

  constructor() {
    super(['i32', 'i32', 'i32'], ['i32']);
  }

  /** Leave the instruction to the reference if the condition is not 0. Nothing may have been changed yet. */
  unusual(condition: Value): void {
    this.#leaveIf(condition);
  }

  /**
   * Write an operation in the midst of other code.
   * @param registers what it finds where registers are in the state page @param leaveIf what unusual() does there
   */
  inline(
    operation: Operation, register: Value, operand: Value, immediate: Value, registers: RegisterFile, leaveIf: (condition: Value) => void,
  ): void {
    this.#registers = registers;
    this.register = register;
    this.operand = operand;
    this.immediate = immediate;
    this.#leaveIf = leaveIf;
    operation.body(this);
    this.#registers = undefined;
  }

  /**
   * An operation as a piece of another function, which has its operand's address in a local (and no register).
   * @param levels nesting of the place it is put in, within the block that unusual() leaves
   */
  static piece(operation: Operation, operand: number, levels: number, newLocal: (type: WasmType) => number): Uint8Array {
    const b = new OperationBuilder();
    b.operand = b.outerLocal('i32', operand);
    b.#leaveIf = (condition) => b.branchOut(condition, levels);
    operation.body(b);
    return b.piece(newLocal);
  }

  /** Sums and such of what is known are known: addresses of lanes, for instance. */
  override do(name: OperatorName, ...args: readonly Value[]): Value {
    const [a, b] = [args[0]?.constant, args[1]?.constant];
    const fold = folds[name];
    return fold && a !== undefined && (b !== undefined || args.length === 1) ? this.i32(fold(a, b ?? 0)) : super.do(name, ...args);
  }

  override select(condition: Value, yes: Value, no: Value): Value {
    return condition.constant === undefined ? super.select(condition, yes, no) : condition.constant !== 0 ? yes : no;
  }

  override load(name: LoadName, address: Value, offset: Offset = 0): Value {
    const found = address.constant === undefined || typeof offset !== 'number' ? undefined : this.#registers?.load(name, address.constant + offset);
    return found ?? super.load(name, address, offset);
  }

  override store(name: StoreName, address: Value, value: Value, offset: Offset = 0): void {
    if (address.constant !== undefined && typeof offset === 'number' && this.#registers?.store(name, address.constant + offset, value)) return;
    super.store(name, address, value, offset);
  }

  override storeLane(name: LaneStoreName, lane: number, address: Value, value: Value, offset = 0): void {
    if (lane === 0 && address.constant !== undefined && this.#registers?.storeLane(name, address.constant + offset, value)) return;
    super.storeLane(name, lane, address, value, offset);
  }

  /** See RegisterFile. */
  get c1(): RegisterFile['c1'] { return this.#registers?.c1; }

  /** The double, as bits, that the x87 register at an address is known to hold: normal or zero. */
  doubleAt({ constant }: Value, offset = 0): Value | undefined {
    return constant === undefined ? undefined : this.#registers?.doubleAt(constant + offset);
  }

  /** Have an x87 register hold a double that is normal or zero. @returns false when it must be stored in the register's own format */
  keepDouble({ constant }: Value, bits: Value, offset = 0): boolean {
    return constant !== undefined && (this.#registers?.keepDouble(constant + offset, bits) ?? false);
  }

  /** A word of the state page. */
  state(address: number): Value {
    return this.load('i32.load', this.i32(0), address);
  }

  setState(address: number, value: Value): void {
    this.store('i32.store', this.i32(0), value, address);
  }

  /** Store to the state page itself, even where registers are elsewhere. */
  storeInPage(address: number, value: Value): void {
    super.store('i32.store', this.i32(0), value, address);
  }

  /** ZF and CF as given, the other arithmetic flags 0, in the lazy form of flags.ts. */
  setComparison(zero: Value, carry: Value): void {
    this.setState(State.flagZero, this.do('i32.eqz', zero));
    this.setState(State.flagSign, this.i32(1));
    this.setState(State.flagAddend, this.select(carry, this.i32(3 << 30), this.i32(0)));
    this.setState(State.flagSum, this.i32(0));
  }
}

const folds: { readonly [name in OperatorName]?: (a: number, b: number) => number } = {
  'i32.add': (a, b) => a + b, 'i32.sub': (a, b) => a - b, 'i32.mul': Math.imul,
  'i32.and': (a, b) => a & b, 'i32.or': (a, b) => a | b, 'i32.xor': (a, b) => a ^ b,
  'i32.shl': (a, b) => a << b, 'i32.shr_u': (a, b) => a >>> b,
  'i32.eq': (a, b) => Number(a === b), 'i32.ne': (a, b) => Number(a !== b), 'i32.eqz': (a) => Number(a === 0),
};

/** Places in the table of functions: operations come first, then what writes beside code need (interpreter/beside-code.ts), then regions (jit/). */
export const tableSize = 2048;
export const firstPlace = { x87: 0, vector: 256, moves: 992, comparisons: 1000, integer: 1016, besideCode: 1022, hostOfWrite: 1023, region: 1024 } as const;

const units: Unit[] = [];

/** Every unit there is. */
export function allUnits(): readonly Unit[] { return units; }

/** A coprocessor: its operations, and the module they go into. */
export class Unit {
  readonly name: string;
  readonly #first: number;
  readonly #operations: (() => FunctionBody)[] = [];
  readonly #names: string[] = [];

  /** @param first its first place in the table */
  constructor(name: string, first: number) {
    this.name = name;
    this.#first = first;
    units.push(this);
  }

  /** The names of its operations in the order of their places. */
  get order(): string { return this.#names.join(' '); }

  /** Operations that are frequent. */
  readonly frequent: Operation[] = [];

  operation(options: OperationOptions, write: (b: OperationBuilder) => void): Operation {
    this.#operations.push(() => {
      const b = new OperationBuilder();
      write(b);
      b.leave(b.i32(0));
      return b.finish('');
    });
    this.#names.push(options.name);
    const { bytes = 0, write: writes = false, guard, pointers = false, flags = false, repeats = false, frequent = false } = options;
    const operation = { bytes, write: writes, guard, pointers, flags, repeats, frequent, unit: this, body: write, index: this.#first + this.#operations.length - 1 };
    if (frequent) this.frequent.push(operation);
    return operation;
  }

  /** The module: instantiating it fills its places of the table. */
  generate(): Uint8Array<ArrayBuffer> {
    const operations = this.#operations.map((write) => write());
    return encodeModule({
      memoryPages: 1, imports: [], functions: operations,
      table: { size: tableSize, offset: this.#first, elements: operations.map((_, i) => i) },
    });
  }
}
