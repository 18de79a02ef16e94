/*S:485
 * The x87 in WebAssembly: the usual case of its frequent instructions.
 *
 * Usual are a register stack that neither overflows nor underflows, the precision exception masked, rounding to nearest
 * and to the full 64 bits (stores to integers: any rounding), and numbers that are normal or zero. All else returns to the
 * reference untouched. This file knows the stack; arithmetic and transfers are next door.
 */
import type { Instruction } from '../instruction.js';
import { type Call, firstPlace, Guard, type Operation, type OperationBuilder, Unit } from '../operations/operation.js';
import { State } from '../state.js';
import type { FunctionBuilder, Value } from '../wasm/function-builder.js';
import { Control, Exception, Status } from './environment.js';
import { maxExponent } from './float80.js';

export const x87Unit = new Unit('x87', firstPlace.x87);

interface Form {
  readonly operation: Operation;
  /** Feature bit of CPUID, or 0. */
  readonly feature: number;
  /** Address of a general register that takes part, or 0. */
  readonly register: number;
}
/** Forms with a memory operand by low opcode bits and ModRM's middle bits; with registers, by all of ModRM. */
const memoryForms = new Map<number, Form>();
const registerForms = new Map<number, Form>();
const formKey = (opcode: number, modrm: number): number => (opcode << 8) | modrm;

/** What memory forms have in common. */
export interface MemoryForm {
  readonly opcode: number;
  /** ModRM's middle bits. */
  readonly middle: number;
  readonly bytes: number;
  readonly write?: boolean;
  /** A control instruction: leaves the last-instruction pointers alone. */
  readonly control?: boolean;
  /** Pays no heed to pending exceptions. */
  readonly noWait?: boolean;
}

const guardOf = (noWait = false): number => Guard.x87 | (noWait ? 0 : Guard.pending);

/** Register an operation with a memory operand, whose address is b.operand. */
export function memoryOperation({ opcode, middle, bytes, write = false, control = false, noWait }: MemoryForm, body: (b: OperationBuilder) => void): void {
  const operation = x87Unit.operation({ bytes, write, guard: guardOf(noWait), pointers: !control }, body);
  memoryForms.set(formKey(opcode, middle), { operation, feature: 0, register: 0 });
}

/** Register an operation for ModRM bytes from `modrm` on: b.operand is the number by which a byte is above the first. */
export function registerOperation(
  opcode: number, modrm: number, count: 1 | 8, body: (b: OperationBuilder) => void,
  options: { flags?: boolean; feature?: number; control?: boolean; noWait?: boolean; register?: number } = {},
): void {
  const { flags = false, feature = 0, control = false, noWait, register = 0 } = options;
  const operation = x87Unit.operation({ guard: guardOf(noWait), pointers: !control, flags }, body);
  for (let i = 0; i < count; i++) registerForms.set(formKey(opcode, modrm + i), { operation, feature, register });
}

/** The operation of an instruction D8 to DF, and the number of its stack register. */
export function findX87Call(insn: Instruction, features: number): Call | undefined {
  const form = insn.memory ? memoryForms.get(formKey(insn.opcode, (insn.modrm >> 3) & 7)) : registerForms.get(formKey(insn.opcode, insn.modrm));
  if (form === undefined || (features & form.feature) !== form.feature) return undefined;
  return { operation: form.operation, register: form.register, operand: insn.modrm & 7 };
}

/** FWAIT has an operation as well: it is its guard that does the work. */
const waitOperation = x87Unit.operation({ guard: guardOf() }, () => undefined);
export const findWaitCall = (): Call => ({ operation: waitOperation, register: 0, operand: 0 });

// ── numbers ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** An 80-bit number: 64 bits of significand (i64); sign and exponent in 16 bits (i32, the rest 0). */
export interface Extended { readonly significand: Value; readonly top: Value }

export const signBit = 0x8000;

export function exponentOf(b: FunctionBuilder, { top }: Extended): Value {
  return b.do('i32.and', top, b.i32(maxExponent));
}

/** 1 for a normal number. */
export function isNormal(b: FunctionBuilder, x: Extended): Value {
  const inside = b.do('i32.lt_u', b.do('i32.sub', exponentOf(b, x), b.i32(1)), b.i32(maxExponent - 1));
  return b.do('i32.and', inside, b.do('i64.lt_s', x.significand, b.i64(0)));
}

export function isZero(b: FunctionBuilder, x: Extended): Value {
  return b.do('i64.eqz', b.do('i64.or', x.significand, b.do('i64.extend_i32_u', exponentOf(b, x))));
}

/** Flags of the status word after rounding: something was lost; the magnitude grew. */
export function roundingFlags(b: OperationBuilder, inexact: Value, up: Value): Value {
  const grew = b.do('i32.shl', up, b.i32(log2(Status.c1)));
  // that something was lost is remembered until somebody asks
  if (b.areSet(State.fpuStatus, Exception.precision)) return grew;
  return b.do('i32.or', b.do('i32.shl', inexact, b.i32(log2(Exception.precision))), grew);
}

const log2 = (bit: number): number => 31 - Math.clz32(bit);

// ── the stack ───────────────────────────────────────────────────────────────────────────────────────────────────────

const registerMask = 7;
const slotShift = 4;
const topOffset = 8;
const controlUsual = {
  /** Masked precision exceptions, rounding to nearest, 64 bits. */
  arithmetic: { mask: Exception.precision | (3 << Control.precisionShift) | (3 << Control.roundingShift), value: Exception.precision | (3 << Control.precisionShift) },
  /** The same for results that precision control does not concern. */
  store: { mask: Exception.precision | (3 << Control.roundingShift), value: Exception.precision },
  /** … and neither does rounding. */
  integer: { mask: Exception.precision, value: Exception.precision },
} as const;

/** The x87's registers, as an operation sees them at its start. */
export class Stack {
  readonly #b: OperationBuilder;
  readonly #status: Value;
  readonly #tags: Value;
  readonly #top: Value;

  constructor(b: OperationBuilder) {
    this.#b = b;
    this.#status = b.state(State.fpuStatus);
    this.#tags = b.state(State.fpuTags);
    this.#top = b.state(State.fpuTop);
  }

  /** The control word asks for nothing unusual of results of this sort. */
  needUsual(sort: keyof typeof controlUsual): void {
    const b = this.#b;
    const { mask, value } = controlUsual[sort];
    b.unusual(b.do('i32.ne', b.do('i32.and', b.state(State.fpuControl), b.i32(mask)), b.i32(value)));
  }

  /** Number of the physical register ST(i). */
  #number(i: Value | number): Value {
    const b = this.#b;
    if (i === 0) return this.#top;
    return b.do('i32.and', b.do('i32.add', this.#top, typeof i === 'number' ? b.i32(i) : i), b.i32(registerMask));
  }

  #address(i: Value | number): Value {
    const b = this.#b;
    return b.do('i32.shl', this.#number(i), b.i32(slotShift));
  }

  #used(i: Value | number): Value {
    const b = this.#b;
    return b.do('i32.and', b.do('i32.shr_u', this.#tags, this.#number(i)), b.i32(1));
  }

  /** ST(i), which must not be empty. */
  read(i: Value | number): Extended {
    const b = this.#b;
    b.unusual(b.do('i32.eqz', this.#used(i)));
    const address = this.#address(i);
    return {
      significand: b.load('i64.load', address, State.fpu),
      top: b.load('i32.load16_u', address, State.fpu + topOffset),
    };
  }

  write(i: Value | number, { significand, top }: Extended): void {
    const b = this.#b;
    const address = this.#address(i);
    b.store('i64.store', address, significand, State.fpu);
    b.store('i32.store', address, top, State.fpu + topOffset);
  }

  /** Mark ST(i) in use. */
  use(i: Value | number): void {
    const b = this.#b;
    b.setState(State.fpuTags, b.do('i32.or', this.#tags, b.do('i32.shl', b.i32(1), this.#number(i))));
  }

  /** There must be room for a push. */
  needRoom(): void {
    this.#b.unusual(this.#used(registerMask));
  }

  /** Clear C1, set `flags`, and pop so often (or push: -1). To be called last. */
  finish(flags?: Value, pops = 0): void {
    const b = this.#b;
    const status = b.do('i32.and', this.#status, b.i32(~Status.c1));
    b.setState(State.fpuStatus, flags ? b.do('i32.or', status, flags) : status);
    this.pop(pops);
  }

  /** Move TOP, and mark what was popped empty. */
  pop(count: number): void {
    if (count === 0) return;
    this.#b.setState(State.fpuTop, this.#number(count & registerMask));
    if (count > 0) this.#empty(count, this.#b.state(State.fpuTags));
  }

  #empty(count: number, tags: Value): void {
    const b = this.#b;
    let left = tags;
    for (let i = 0; i < count; i++) left = b.do('i32.and', left, b.do('i32.xor', b.do('i32.shl', b.i32(1), this.#number(i)), b.i32(-1)));
    b.setState(State.fpuTags, left);
  }

  /** Push a number; needRoom() has been asked. */
  push(value: Extended): void {
    this.write(registerMask, value);
    this.use(registerMask);
    this.finish(undefined, -1);
  }

  /** Set C0, C1, C2 and C3 as given, and pop. */
  finishComparison(conditions: Value, pops: number): void {
    const b = this.#b;
    b.setState(State.fpuStatus, b.do('i32.or', b.do('i32.and', this.#status, b.i32(~Status.conditions)), conditions));
    this.pop(pops);
  }
}
