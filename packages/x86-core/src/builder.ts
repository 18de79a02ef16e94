/*S:130
 * The language instructions are written in.
 *
 * An instruction's meaning is one TypeScript function that talks to a Builder: take this operand, add, set the flags,
 * store. The reference engine hands it a builder that simply does these things (V = number). The generated interpreter
 * hands it a builder that writes WebAssembly which will do them (V = a node of an expression). So there is one
 * meaning, and the engines cannot drift apart.
 *
 * Rules for authors: all accesses that can fault come before anything is committed; conditions decided while building
 * (sizes, operand kinds) are ordinary `if`s, conditions of the running program go through when() and select().
 */
import type { UndefinedResults } from './undefined-results.js';

/** left - right, two values of so many bytes, zero-extended. */
export interface Difference<V> {
  readonly left: V;
  readonly right: V;
  readonly size: number;
}

/** The words of the lazy flags, as far as they have been set or asked for, and what they are the flags of. For builders that write code. */
export interface KnownFlags<V> {
  zero?: V;
  sign?: V;
  addend?: V;
  sum?: V;
  difference?: Difference<V> | undefined;
}

/** Comparison and arithmetic on 32-bit values, operands, flags, control. `V` is the engine's idea of a value. */
export interface Builder<V> {
  /** Operand size in bytes: 1, 2 or 4. Values of 1 and 2 bytes are zero-extended. */
  readonly size: number;
  /** Address size in bytes: 2 or 4. */
  readonly addressSize: number;
  /** Known while building, as sizes are. */
  readonly undefinedResults: UndefinedResults;

  imm(value: number): V;
  add(a: V, b: V): V;
  sub(a: V, b: V): V;
  mul(a: V, b: V): V;
  /** High halves of the 64-bit product. */
  mulHighSigned(a: V, b: V): V;
  mulHighUnsigned(a: V, b: V): V;
  and(a: V, b: V): V;
  or(a: V, b: V): V;
  xor(a: V, b: V): V;
  /** Shifts and rotates take their count modulo 32. */
  shl(a: V, count: V): V;
  shr(a: V, count: V): V;
  sar(a: V, count: V): V;
  rotl(a: V, count: V): V;
  clz(a: V): V;
  ctz(a: V): V;
  popcount(a: V): V;
  signExtend8(a: V): V;
  signExtend16(a: V): V;
  /** Comparisons give 1 or 0. */
  eq(a: V, b: V): V;
  ne(a: V, b: V): V;
  lessSigned(a: V, b: V): V;
  lessUnsigned(a: V, b: V): V;
  isZero(a: V): V;
  select(condition: V, yes: V, no: V): V;
  /** Quotient and remainder of high:low by divisor; raises #DE when the quotient does not fit 32 bits or divisor is 0. */
  divideUnsigned(high: V, low: V, divisor: V): { quotient: V; remainder: V };
  divideSigned(high: V, low: V, divisor: V): { quotient: V; remainder: V };

  /** Operand slots, in the order of the manual's syntax. Destination slots are probed for writing before anything else. */
  get(slot: number): V;
  set(slot: number, value: V): void;
  /** What the operand is, a SlotKind; known while building. */
  kindOf(slot: number): number;
  /** Effective address of the memory operand, without its segment base. */
  offset(): V;

  /** A general register named by the instruction itself; sizes 1 (low byte, or with number 4..7 the high byte), 2, 4. */
  gpr(register: number, size: number): V;
  setGpr(register: number, size: number, value: V): void;

  /** An element of a string instruction: at an offset in the source's segment (DS or an override), or in ES. */
  loadSource(offset: V): V;
  loadDestination(offset: V): V;
  storeDestination(offset: V, value: V): void;

  /** Push and pop with the stack's own address size. pop() moves the stack pointer only when all else has worked. */
  push(value: V, size: number): void;
  pop(size: number): V;
  /** LEAVE: pop from where EBP points, then move the stack pointer past it. */
  popFrame(size: number): V;

  /** The four lazy flag words; see flags.ts. */
  zeroWord(): V;
  signWord(): V;
  addend(): V;
  sum(): V;
  setFlags(zero: V, sign: V, addend: V, sum: V): void;
  /** CF, OF and AF only. */
  setCarries(addend: V, sum: V): void;
  /** The flags that have just been set are those of a difference. Builders that write code may keep that in mind, for comparisons. */
  noteDifference?(difference: Difference<V>): void;
  /** The difference that the flags are of, if that is known. */
  lastDifference?(): Difference<V> | undefined;
  /** The non-arithmetic flags word. */
  eflags(): V;
  setEflags(value: V): void;

  /** Run a part only when the condition is not 0. */
  when(condition: V, then: () => void, otherwise?: () => void): void;

  /** Target of a relative jump, and the address of the next instruction (both as EIP values). */
  target(): V;
  next(): V;
  /** Control transfers. The instruction ends there. */
  jump(target: V): void;
  /** `commit` runs once the target is known to be reachable, taken or not. */
  branch(condition: V, commit?: () => void): void;
  call(target: V): void;
  /** Near return; releases `extra` more bytes of stack. */
  ret(extra: V): void;

  raise(vector: number): void;
}

/**
 * What shortcuts for generated code need beside that: the state page and memory by address. Addresses of bytes come
 * from flatBytes() and systemBytes(), which see to it that they are there, and go into load() and store().
 */
export interface PrivilegedBuilder<V> extends Builder<V> {
  /** If the condition is not 0, the instruction is none for the shortcut. Nothing may have been committed yet. */
  unusual(condition: V): void;
  /** A 32-bit word of the state page, by its address. */
  state(address: number): V;
  setState(address: number, value: V): void;
  /** Bytes of a flat segment at a linear address, at the current privilege level. */
  flatBytes(linear: V, size: number, write: boolean): V;
  /** Bytes at a linear address, with supervisor rights. */
  systemBytes(linear: V, size: number, write?: boolean): V;
  load(bytes: V, offset: number, size: number): V;
  store(bytes: V, offset: number, size: number, value: V): void;
  /** Change the privilege level, and the translation tables with it. */
  setLevel(level: V): void;
}

/** A shortcut to what a rare instruction usually does. */
export type Shortcut = <V>(b: PrivilegedBuilder<V>) => void;

/** The meaning of an instruction. */
export type Execute = <V>(b: Builder<V>) => void;
