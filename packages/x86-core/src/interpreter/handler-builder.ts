/*S:320
 * The builder that writes WebAssembly.
 *
 * One of these writes the handler of one shape: a definition with the kinds and sizes of its operands. What differs
 * between two instructions of a shape (which register, which displacement) is read from the record. A handler does only
 * what is plain: an access that misses the TLB, or anything odd, branches to a common slow path before anything has
 * been committed.
 */
import type { Builder, Difference, KnownFlags, PrivilegedBuilder } from '../builder.js';
import type { Definition } from '../definition.js';
import { SlotKind } from '../instruction.js';
import { byteRegister } from '../reference.js';
import { Access, Layout, Register, SegmentField, SegmentRegister, State } from '../state.js';
import { alignmentShift, Guard, type Operation, OperationBuilder } from '../operations/operation.js';
import { RepeatStatus } from '../operations/strings.js';
import { conditionHolds } from '../semantics/flags-of.js';
import { noResult, Op } from '../wasm/encoder.js';
import { ExpressionBuilder } from './expression-builder.js';
import type { Node, Output, Statement } from './node.js';
import { operationType } from './numbers.js';
import { Field, MemoryForm, recordSize } from './record.js';
import { absent, hostBias, plainBit } from '../translation.js';
import type { UndefinedResults } from '../undefined-results.js';
import type { WasmType } from '../wasm/operators.js';

/** Operand kinds, sizes and memory form that share one handler. */
export interface Shape {
  readonly definition: Definition;
  readonly size: number;
  readonly operandSize: number;
  readonly kinds: readonly number[];
  readonly sizes: readonly number[];
  readonly memory: number;
}

/** Calls of operations that share one handler. */
export interface CallShape {
  /** A MemoryForm: none, indexed or segmented. */
  readonly memory: number;
  readonly write: boolean;
  /** See Operation. */
  readonly pointers: boolean;
  readonly flags: boolean;
  readonly repeats: boolean;
}

/** How handlers differ that write beside code (beside-code.ts): they have hostOfWrite() to ask, and are in a module of their own. */
export interface BesideCode {
  readonly hostOfWrite: number;
  readonly operationType: number;
}

/** Locals of the interpreter function that handlers read and write. */
export const Local = {
  record: 0, pageBase: 1, budget: 2, zero: 3, sign: 4, addend: 5, sum: 6, readTable: 7, writeTable: 8, codeTable: 9,
  /** Address of an access that missed; EIP to look up. */
  address: 10, eip: 11,
  exitCounter: 12,
  firstTemporary: 13,
} as const;

/** Nesting levels of the interpreter's labels. */
export const Label = { top: 1, step: 2, missWrite: 3, missRead: 4, lookup: 5, link: 6, enter: 7, handlers: 7 } as const;

/** The lazy flags: where they live inside and outside of the interpreter. */
export const lazyFlags: readonly [local: number, address: number][] = [
  [Local.zero, State.flagZero], [Local.sign, State.flagSign], [Local.addend, State.flagAddend], [Local.sum, State.flagSum],
];

/** What is left of a page offset for an access of 2 or 4 bytes. */
const pageMask = 0xfff;
const pageSize = 0x1000;
const plainMask = Access.present | Access.notSystem | Access.code | Access.expandDown;
const plain = Access.present | Access.notSystem;

/** Handlers have locals of these two types only. */
function isWide(type: WasmType): boolean {
  if (type !== 'i32' && type !== 'i64') throw new Error(`a handler has no local of type ${type}`);
  return type === 'i64';
}

/** Builder<Node> for one shape. */
export class HandlerBuilder extends ExpressionBuilder implements PrivilegedBuilder<Node> {
  readonly size: number;
  /** Instructions with 16-bit addresses have no handlers. */
  readonly addressSize = 4;
  readonly undefinedResults: UndefinedResults;
  readonly #shape: Shape;
  readonly #record: number;
  readonly #besideCode: BesideCode | undefined;
  #host: Node | undefined;
  #offset: Node | undefined;
  /** The flag words as this handler has set them. */
  #flags: KnownFlags<Node> = {};
  /** The handler has branched away for good. */
  ended = false;

  /** @param recordOffset where the record lies from Local.record: 0, or recordSize for the second of a fused pair */
  constructor(shape: Shape, undefinedResults: UndefinedResults, recordOffset = 0, besideCode?: BesideCode) {
    super();
    this.#shape = shape;
    this.undefinedResults = undefinedResults;
    this.size = shape.size;
    this.#record = recordOffset;
    this.#besideCode = besideCode;
  }

  /** The statements of the whole handler. */
  build(): Statement[] {
    this.#prepare();
    const { execute, shortcut } = this.#shape.definition;
    (execute ?? shortcut)!(this);
    if (!this.ended) this.#finish();
    return this.list;
  }

  /**
   * The statements of this handler followed by a conditional branch on the flags it leaves: the second record of a
   * fused pair.
   */
  buildWithBranch(condition: number): Statement[] {
    this.#prepare();
    this.#shape.definition.execute!(this);
    this.#branch(conditionHolds(this as Builder<Node>, condition), recordSize);
    return this.list;
  }

  /** The statements of this handler followed by those of another: the records lie behind each other. */
  buildWithNext(next: Shape): Statement[] {
    this.#prepare();
    this.#shape.definition.execute!(this);
    // from here on everything, slow paths included, is the second instruction's
    this.#advance();
    return [...this.list, ...new HandlerBuilder(next, this.undefinedResults).build()];
  }

  /** The statements of a handler that calls an operation: its operand found, its answer heeded. */
  buildCall({ memory, write, pointers, flags, repeats }: CallShape): Statement[] {
    const status = this.and(this.state(State.fpuStatus), this.imm(Guard.pending));
    const guard = this.#field(Op.i32Load8u, Field.guard);
    this.unusual(this.and(this.or(this.state(State.unavailable), status), guard));
    let operand = this.#field(Op.i32Load16u, Field.slot1);
    if (memory !== MemoryForm.none) {
      const offset = (this.#offset = this.#effectiveOffset(memory));
      const bytes = this.#field(Op.i32Load8u, Field.bytes);
      const linear = memory === MemoryForm.segmented ? this.#segmented(offset, bytes, write) : offset;
      const alignment = this.and(this.shr(guard, this.imm(alignmentShift)), this.imm(Guard.aligned >> alignmentShift));
      this.unusual(this.and(linear, alignment));
      operand = this.add(this.#translate(linear, bytes, write), this.imm(hostBias));
    }
    if (flags) this.action([], (out) => { for (const [local, address] of lazyFlags) out.spill(local, address); });
    const operands = [
      this.#field(Op.i32Load16u, Field.slot0), operand, this.#field(Op.i32Load, Field.immediate), this.#field(Op.i32Load16u, Field.operation),
    ];
    for (const node of operands) node.uses++;
    if (repeats) this.action([], (out) => out.spill(Local.budget, State.budget));
    const answer = this.read((out) => {
      for (const node of operands) out.push(node);
      out.op(Op.callIndirect);
      out.code.unsigned(this.#besideCode?.operationType ?? operationType);
      out.op(0);
    });
    if (repeats) this.#heedRepeat(answer, flags);
    else this.unusual(answer);
    if (flags) this.action([], (out) => { for (const [local, address] of lazyFlags) out.reload(local, address); });
    if (pointers) this.#notePointers(memory !== MemoryForm.none);
    this.#finish();
    return this.list;
  }

  /** The statements of a handler that has an operation in it: of an x87 instruction, with its operand in a flat segment. */
  buildInline(operation: Operation, memory: number): Statement[] {
    const { bytes, write, guard, pointers } = operation;
    const status = this.and(this.state(State.fpuStatus), this.imm(guard & Guard.pending));
    this.unusual(this.or(this.and(this.state(State.unavailable), this.imm(guard & Guard.x87)), status));
    let operand = this.#field(Op.i32Load16u, Field.slot1);
    if (memory !== MemoryForm.none) {
      this.#offset = this.#effectiveOffset(memory);
      operand = this.add(this.#translate(this.#offset, bytes, write), this.imm(hostBias));
    }
    this.action([operand], (out) => {
      let { local } = operand;
      if (local < 0) {
        local = out.newLocal(false);
        out.push(operand);
        out.set(local);
      }
      out.code.bytes(OperationBuilder.piece(operation, local, out.level - Label.step, (type) => out.newLocal(isWide(type))));
    });
    if (pointers) this.#notePointers(memory !== MemoryForm.none);
    this.#finish();
    return this.list;
  }

  /** A repeated string instruction is not done yet: make the page accessible that it has come to, or step. */
  #heedRepeat(status: Node, flags: boolean): void {
    this.action([], (out) => out.reload(Local.budget, State.budget));
    this.when(status, () => {
      if (flags) this.action([], (out) => { for (const [local, address] of lazyFlags) out.reload(local, address); });
      this.unusual(this.eq(status, this.imm(RepeatStatus.unusual)));
      this.action([status], (out) => {
        out.reload(Local.address, State.repeatMiss);
        out.push(status);
        out.constant(RepeatStatus.missWrite);
        out.op(Op.i32Eq);
        out.branch(Op.brIf, Label.missWrite);
        out.branch(Op.br, Label.missRead);
      });
    });
  }

  /** What the x87 remembers of its last instruction. */
  #notePointers(memory: boolean): void {
    const base = this.read((out) => out.get(Local.pageBase));
    const selector = (cache: Node): Node => this.#loadFrom(cache, 2);
    this.setState(State.fpuEip, this.add(base, this.#field(Op.i32Load16u, Field.offset)));
    this.setState(State.fpuOpcode, this.#field(Op.i32Load16u, Field.x87Opcode));
    this.setState(State.fpuCs, selector(this.imm(State.segments + SegmentRegister.cs * SegmentField.size)));
    if (!memory) return;
    this.setState(State.fpuData, this.#offset!);
    this.setState(State.fpuDs, selector(this.#field(Op.i32Load16u, Field.segment)));
  }

  // ── operands ────────────────────────────────────────────────────────────────────────────────────────────────────

  #field(op: number, field: number): Node {
    return this.read((out) => {
      out.get(Local.record);
      out.memory(op, this.#record + field);
    });
  }

  state(address: number): Node {
    return this.read((out) => {
      out.constant(0);
      out.memory(Op.i32Load, address);
    });
  }

  /** Load from an address held in a node. */
  #loadFrom(address: Node, size: number, offset = 0): Node {
    const op = size === 4 ? Op.i32Load : size === 2 ? Op.i32Load16u : Op.i32Load8u;
    address.uses++;
    return this.read((out) => {
      out.push(address);
      out.memory(op, offset);
    });
  }

  #storeTo(address: Node, size: number, value: Node, offset = 0): void {
    const op = size === 4 ? Op.i32Store : size === 2 ? Op.i32Store16 : Op.i32Store8;
    this.action([address, value], (out) => {
      out.push(address);
      out.push(value);
      out.memory(op, offset);
    });
  }

  #registerAddress(slot: number): Node {
    if (slot === 2) return this.#field(Op.i32Load, Field.immediate);
    return this.#field(Op.i32Load16u, slot === 0 ? Field.slot0 : Field.slot1);
  }

  /** Before the instruction proper: find the memory operand, or leave. */
  #prepare(): void {
    const { memory, kinds, sizes, definition } = this.#shape;
    if (memory === MemoryForm.none) return;
    let offset = this.#effectiveOffset(memory);
    // the bit's number, in bytes of whole doublewords
    if (definition.bitString) offset = this.add(offset, this.shl(this.sar(this.get(1), this.imm(5)), this.imm(2)));
    this.#offset = offset;
    const slot = kinds.indexOf(SlotKind.memory);
    const use = definition.uses[slot];
    if (use === undefined) return;
    const linear = memory === MemoryForm.segmented ? this.#segmented(offset, sizes[slot]!, use !== 'r') : offset;
    this.#host = this.#translate(linear, sizes[slot]!, use !== 'r');
  }

  /** Base, index and displacement. */
  #effectiveOffset(memory: number): Node {
    let offset = this.add(this.#loadFrom(this.#field(Op.i32Load16u, Field.base), 4), this.#field(Op.i32Load, Field.displacement));
    if (memory !== MemoryForm.base) {
      const index = this.#loadFrom(this.#field(Op.i32Load16u, Field.index), 4);
      offset = this.add(offset, this.shl(index, this.#field(Op.i32Load8u, Field.scale)));
    }
    return offset;
  }

  /** Segment base plus offset, for segments that are ordinary data of whatever size; others take the slow path. */
  #segmented(offset: Node, size: number | Node, write: boolean): Node {
    const cache = this.#field(Op.i32Load16u, Field.segment);
    const field = (at: number): Node => this.#loadFrom(this.add(cache, this.imm(at)), 4);
    const needed = write ? Access.writable : 0;
    const access = this.and(field(SegmentField.access), this.imm(plainMask | needed));
    this.unusual(this.ne(access, this.imm(plain | needed)));
    const limit = field(SegmentField.limit);
    this.unusual(this.lessUnsigned(limit, offset));
    if (typeof size !== 'number') this.unusual(this.lessUnsigned(this.sub(limit, offset), this.sub(size, this.imm(1))));
    else if (size > 1) this.unusual(this.lessUnsigned(this.sub(limit, offset), this.imm(size - 1)));
    return this.add(field(SegmentField.base), offset);
  }

  /** Where in the WebAssembly memory `size` bytes at a linear address are, less hostBias; or off to the miss path. */
  #translate(linear: Node, size: number | Node, write: boolean): Node {
    const table = this.read((out) => out.get(write ? Local.writeTable : Local.readTable));
    const entry = this.#loadFrom(this.add(this.shl(this.shr(linear, this.imm(12)), this.imm(2)), table), 4);
    const odd = this.#isOdd(entry, linear, size);
    const asks = write ? this.#besideCode : undefined;
    this.action([linear, odd, ...(asks && typeof size !== 'number' ? [size] : [])], (out) => {
      out.push(linear);
      out.set(Local.address);
      out.push(odd);
      if (asks) this.#askForHost(out, entry, size, asks);
      else out.branch(Op.brIf, write ? Label.missWrite : Label.missRead);
    });
    return this.add(entry, linear);
  }

  /** Is an entry of the translation tables of no use for an access? */
  #isOdd(entry: Node, linear: Node, size: number | Node): Node {
    if (size === 1) return this.eq(this.and(entry, this.imm(plainBit)), this.imm(0));
    const place = this.and(this.or(this.sub(entry, this.imm(1)), linear), this.imm(pageMask));
    return typeof size === 'number' ? this.node(Op.i32GtU, [place, this.imm(pageSize - size)])
      : this.node(Op.i32GtU, [this.add(place, size), this.imm(pageSize)]);
  }

  #loadBytes(bytes: Node, size: number): Node { return this.#loadFrom(bytes, size, hostBias); }
  #storeBytes(bytes: Node, size: number, value: Node): void { this.#storeTo(bytes, size, value, hostBias); }

  /** If the number on the stack is not 0, a write to Local.address has no plain entry: perhaps it gets one. */
  #askForHost(out: Output, entry: Node, size: number | Node, numbers: BesideCode): void {
    out.op(Op.if, noResult);
    out.level++;
    out.get(Local.address);
    if (typeof size === 'number') out.constant(size);
    else out.push(size);
    out.constant(0);
    out.op(Op.call);
    out.code.unsigned(numbers.hostOfWrite);
    out.tee(entry.local);
    out.constant(absent);
    out.op(Op.i32Eq);
    out.branch(Op.brIf, Label.missWrite);
    out.level--;
    out.op(Op.end);
  }

  unusual(condition: Node): void {
    this.action([condition], (out) => {
      out.push(condition);
      out.branch(Op.brIf, Label.step);
    });
  }

  get(slot: number): Node {
    const { kinds, sizes } = this.#shape;
    switch (kinds[slot]) {
      case SlotKind.register: return this.#loadFrom(this.#registerAddress(slot), sizes[slot]!);
      case SlotKind.memory: return this.#loadBytes(this.#host!, sizes[slot]!);
      default: return this.#field(Op.i32Load, Field.immediate);
    }
  }

  kindOf(slot: number): number { return this.#shape.kinds[slot]!; }

  set(slot: number, value: Node): void {
    const { kinds, sizes } = this.#shape;
    if (kinds[slot] === SlotKind.memory) this.#storeBytes(this.#host!, sizes[slot]!, value);
    else this.#storeTo(this.#registerAddress(slot), sizes[slot]!, value);
  }

  offset(): Node { return this.#offset!; }

  // string instructions have handlers only where both segments are flat
  loadSource(offset: Node): Node { return this.#loadBytes(this.#translate(offset, this.size, false), this.size); }
  loadDestination(offset: Node): Node { return this.loadSource(offset); }
  storeDestination(offset: Node, value: Node): void {
    this.#storeBytes(this.#translate(offset, this.size, true), this.size, value);
  }

  gpr(register: number, size: number): Node {
    return this.#loadFrom(this.imm(registerAddress(register, size)), size);
  }

  setGpr(register: number, size: number, value: Node): void {
    this.#storeTo(this.imm(registerAddress(register, size)), size, value);
  }

  // ── the stack; handlers run only with a flat or at least 32-bit stack ───────────────────────────────────────────

  push(value: Node, size: number): void {
    const top = this.sub(this.gpr(Register.esp, 4), this.imm(size));
    this.#storeBytes(this.#translate(top, size, true), size, value);
    this.setGpr(Register.esp, 4, top);
  }

  pop(size: number): Node {
    const top = this.gpr(Register.esp, 4);
    const value = this.#loadBytes(this.#translate(top, size, false), size);
    this.setGpr(Register.esp, 4, this.add(top, this.imm(size)));
    return value;
  }

  popFrame(size: number): Node {
    const frame = this.gpr(Register.ebp, 4);
    const value = this.#loadBytes(this.#translate(frame, size, false), size);
    this.setGpr(Register.esp, 4, this.add(frame, this.imm(size)));
    return value;
  }

  // ── flags ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #flag(name: 'zero' | 'sign' | 'addend' | 'sum'): Node {
    return (this.#flags[name] ??= this.read((out) => out.get(Local[name])));
  }
  zeroWord(): Node { return this.#flag('zero'); }
  signWord(): Node { return this.#flag('sign'); }
  addend(): Node { return this.#flag('addend'); }
  sum(): Node { return this.#flag('sum'); }

  #setFlag(name: 'zero' | 'sign' | 'addend' | 'sum', value: Node): void {
    this.#flags[name] = value;
    this.#flags.difference = undefined;
    this.action([value], (out) => {
      out.push(value);
      out.set(Local[name]);
    });
  }

  setFlags(zero: Node, sign: Node, addend: Node, sum: Node): void {
    this.#setFlag('zero', zero);
    this.#setFlag('sign', sign);
    this.setCarries(addend, sum);
  }

  setCarries(addend: Node, sum: Node): void {
    this.#setFlag('addend', addend);
    this.#setFlag('sum', sum);
  }

  noteDifference(difference: Difference<Node>): void { this.#flags.difference = difference; }
  lastDifference(): Difference<Node> | undefined { return this.#flags.difference; }

  eflags(): Node { return this.state(State.eflags); }
  setEflags(value: Node): void { this.#storeTo(this.imm(State.eflags), 4, value); }

  // ── control ─────────────────────────────────────────────────────────────────────────────────────────────────────

  when(condition: Node, then: () => void, otherwise?: () => void): void {
    condition.uses++;
    const outer = this.list;
    const flags = { ...this.#flags };
    const part = (body: (() => void) | undefined): Statement[] => {
      this.list = [];
      this.#flags = { ...flags };
      body?.();
      return this.list;
    };
    const [yes, no] = [part(then), part(otherwise)];
    this.list = outer;
    // what a part set is not known to be so afterwards
    this.#flags = {};
    this.list.push({ kind: 'if', condition, yes, no });
  }

  #eip(field: 'next' | 'target'): Node {
    const base = this.read((out) => out.get(Local.pageBase));
    const here = this.add(base, this.#field(Op.i32Load16u, Field.offset));
    const next = this.add(here, this.#field(Op.i32Load8u, Field.length));
    return field === 'next' ? next : this.add(next, this.#field(Op.i32Load, Field.immediate));
  }

  next(): Node { return this.#eip('next'); }
  target(): Node { return this.#eip('target'); }

  /** Go on with the following record. */
  #finish(): void {
    this.#advance();
    this.action([], (out) => out.branch(Op.br, Label.top));
    this.ended = true;
  }

  #advance(): void {
    this.action([], (out) => {
      out.get(Local.record);
      out.constant(recordSize);
      out.op(Op.i32Add);
      out.set(Local.record);
    });
  }

  jump(target: Node): void {
    if (this.#shape.definition.branches) return this.#follow(0);
    this.#lookup(target);
  }

  #lookup(eip: Node): void { this.#goTo(eip, Label.lookup); }

  /** Leave for the code at an address, by one of the common paths that find it. */
  #goTo(eip: Node, path: typeof Label.lookup | typeof Label.link): void {
    this.action([eip], (out) => {
      out.push(eip);
      out.set(Local.eip);
      if (path === Label.link && this.#record !== 0) {
        // the common path takes the branch to be the record at hand
        out.get(Local.record);
        out.constant(this.#record);
        out.op(Op.i32Add);
        out.set(Local.record);
      }
      out.branch(Op.br, path);
    });
    this.ended = true;
  }

  /** Take a direct branch: by its link if it has one, else by its target address. */
  #follow(recordOffset: number): void {
    const link = this.read((out) => {
      out.get(Local.record);
      out.memory(Op.i32Load, recordOffset + Field.link);
    });
    this.when(link, () => this.action([link], (out) => {
      out.push(link);
      out.set(Local.record);
      out.branch(Op.br, Label.enter);
    }));
    const second = recordOffset === 0 ? this : new HandlerBuilder(this.#shape, this.undefinedResults, recordOffset);
    second.list = this.list;
    second.#goTo(second.target(), Label.link);
    this.ended = true;
  }

  branch(condition: Node, commit?: () => void): void {
    commit?.();
    this.#branch(condition, 0);
  }

  #branch(condition: Node, recordOffset: number): void {
    this.when(condition, () => this.#follow(recordOffset));
    this.action([], (out) => {
      out.get(Local.record);
      out.constant(recordOffset + recordSize);
      out.op(Op.i32Add);
      out.set(Local.record);
      out.branch(Op.br, Label.enter);
    });
    this.ended = true;
  }

  call(target: Node): void {
    this.push(this.next(), 4);
    this.jump(target);
  }

  ret(extra: Node): void {
    const top = this.gpr(Register.esp, 4);
    const to = this.#loadBytes(this.#translate(top, 4, false), 4);
    this.setGpr(Register.esp, 4, this.add(this.add(top, this.imm(4)), extra));
    this.#lookup(to);
  }

  // ── shortcuts of rare instructions ──────────────────────────────────────────────────────────────────────────────

  setState(address: number, value: Node): void { this.#storeTo(this.imm(address), 4, value); }

  flatBytes(linear: Node, size: number, write: boolean): Node { return this.add(this.#translate(linear, size, write), this.imm(hostBias)); }

  systemBytes(linear: Node, size: number, write = false): Node {
    const table = this.imm(write ? Layout.tlbWriteSupervisor : Layout.tlbReadSupervisor);
    const entry = this.#loadFrom(this.add(this.shl(this.shr(linear, this.imm(12)), this.imm(2)), table), 4);
    this.unusual(this.#isOdd(entry, linear, size));
    return this.add(this.add(entry, linear), this.imm(hostBias));
  }

  load(bytes: Node, offset: number, size: number): Node { return this.#loadFrom(bytes, size, offset); }
  store(bytes: Node, offset: number, size: number, value: Node): void {
    this.#storeTo(bytes, size, value, offset);
  }

  setLevel(level: Node): void {
    const user = this.eq(level, this.imm(3));
    this.setState(State.cpl, level);
    const table = (local: number, address: number, userTable: number, supervisorTable: number): void => {
      const base = this.select(user, this.imm(userTable), this.imm(supervisorTable));
      this.setState(address, base);
      this.action([base], (out) => {
        out.push(base);
        out.set(local);
      });
    };
    table(Local.readTable, State.tlbRead, Layout.tlbReadUser, Layout.tlbReadSupervisor);
    table(Local.writeTable, State.tlbWrite, Layout.tlbWriteUser, Layout.tlbWriteSupervisor);
    table(Local.codeTable, State.codeTable, Layout.codeUser, Layout.codeSupervisor);
  }

  raise(): void {
    this.action([], (out) => out.branch(Op.br, Label.step));
  }
}

/** Byte address of a general register's part. */
export function registerAddress(register: number, size: number): number {
  return size === 1 ? byteRegister(register) : State.gpr + register * 4;
}
