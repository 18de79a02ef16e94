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
import type { Value } from '../wasm/function-builder.js';
import { type Extended, fromDouble } from './compiled-number.js';
import { Control, Exception, Status } from './environment.js';

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
  /** See Operation. */
  readonly frequent?: boolean;
}

const guardOf = (noWait = false): number => Guard.x87 | (noWait ? 0 : Guard.pending);

/** Register an operation with a memory operand, whose address is b.operand. */
export function memoryOperation({ opcode, middle, bytes, write = false, control = false, noWait, frequent = false }: MemoryForm, body: (b: OperationBuilder) => void): void {
  const operation = x87Unit.operation({ name: `${opcode}/${middle}`, bytes, write, guard: guardOf(noWait), pointers: !control, frequent }, body);
  memoryForms.set(formKey(opcode, middle), { operation, feature: 0, register: 0 });
}

/** Register an operation for ModRM bytes from `modrm` on: b.operand is the number by which a byte is above the first. */
export function registerOperation(
  opcode: number, modrm: number, count: 1 | 8, body: (b: OperationBuilder) => void,
  options: { flags?: boolean; feature?: number; control?: boolean; noWait?: boolean; register?: number; frequent?: boolean } = {},
): void {
  const { flags = false, feature = 0, control = false, noWait, register = 0, frequent = false } = options;
  const operation = x87Unit.operation({ name: `${opcode}:${modrm}`, guard: guardOf(noWait), pointers: !control, flags, frequent }, body);
  for (let i = 0; i < count; i++) registerForms.set(formKey(opcode, modrm + i), { operation, feature, register });
}

/** The operation of an instruction D8 to DF, and the number of its stack register. */
export function findX87Call(insn: Instruction, features: number): Call | undefined {
  const form = insn.memory ? memoryForms.get(formKey(insn.opcode, (insn.modrm >> 3) & 7)) : registerForms.get(formKey(insn.opcode, insn.modrm));
  if (form === undefined || (features & form.feature) !== form.feature) return undefined;
  return { operation: form.operation, register: form.register, operand: insn.modrm & 7 };
}

/** FWAIT has an operation as well: it is its guard that does the work. */
const waitOperation = x87Unit.operation({ name: 'wait', guard: guardOf() }, () => undefined);
export const findWaitCall = (): Call => ({ operation: waitOperation, register: 0, operand: 0 });

/**
 * Flags after rounding, for Stack.finish(): those of the status word, something was lost and the magnitude grew. Only the
 * latter, as 0 or 1, where C1 is apart: that something was lost is remembered until somebody asks.
 */
export function roundingFlags(b: OperationBuilder, inexact: Value, up: Value): Value {
  if (b.c1) return up;
  return b.do('i32.or', b.do('i32.shl', inexact, b.i32(log2(Exception.precision))), b.do('i32.shl', up, b.i32(log2(Status.c1))));
}

const log2 = (bit: number): number => 31 - Math.clz32(bit);

// ── the stack ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** The status word, without TOP. */
export function statusOf(b: OperationBuilder): Value {
  const status = b.state(State.fpuStatus);
  if (!b.c1) return status;
  return b.do('i32.or', b.do('i32.and', status, b.i32(~Status.c1)), b.do('i32.shl', b.c1.get(), b.i32(log2(Status.c1))));
}

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
  readonly #tags: Value;
  readonly #top: Value;

  constructor(b: OperationBuilder) {
    this.#b = b;
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
    const double = b.doubleAt(address, State.fpu);
    if (double) return fromDouble(b, double);
    return {
      significand: b.load('i64.load', address, State.fpu),
      top: b.load('i32.load16_u', address, State.fpu + topOffset),
    };
  }

  /** Make a number ST(i): in any case, not in a part that may be left out. */
  write(i: Value | number, { significand, top, double }: Extended): void {
    const b = this.#b;
    const address = this.#address(i);
    if (double && b.keepDouble(address, double, State.fpu)) return;
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

  /** Clear C1, set `flags` (see roundingFlags()), and pop so often (or push: -1). To be called last. */
  finish(flags?: Value, pops = 0): void {
    const b = this.#b;
    if (b.c1) b.c1.set(flags ?? b.i32(0));
    else {
      const status = b.do('i32.and', b.state(State.fpuStatus), b.i32(~Status.c1));
      b.setState(State.fpuStatus, flags ? b.do('i32.or', status, flags) : status);
    }
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

  /** Set C0, C2 and C3 as given, C1 as well (0 or 1), and pop. */
  finishComparison(conditions: Value, pops: number, c1 = this.#b.i32(0)): void {
    const b = this.#b;
    if (b.c1) b.c1.set(c1);
    const all = b.c1 ? conditions : b.do('i32.or', conditions, b.do('i32.shl', c1, b.i32(log2(Status.c1))));
    b.setState(State.fpuStatus, b.do('i32.or', b.do('i32.and', b.state(State.fpuStatus), b.i32(~Status.conditions)), all));
    this.pop(pops);
  }
}
