/*
 * Vector instructions as operations: which there are, where their registers lie, and how values get in and out.
 *
 * Everything packed is one WebAssembly SIMD instruction or a few. An MMX register is the lower half of a vector.
 * Instructions without an operation here (and all of them where there is no SIMD) are left to the reference.
 */
import { type Call, firstPlace, Guard, type Operation, type OperationBuilder, Unit } from '../operations/operation.js';
import type { Instruction } from '../instruction.js';
import { State } from '../state.js';
import type { Value } from '../wasm/function-builder.js';
import { low, middle } from './operands.js';
import { prefixOf, vectorKey } from './prefix.js';

/** Register files: MMX, XMM, general. */
export type RegisterFile = 'm' | 'x' | 'g';
const firstRegister: Readonly<Record<RegisterFile, number>> = { m: State.fpu, x: State.xmm, g: State.gpr };
const registerBytes: Readonly<Record<RegisterFile, number>> = { m: 16, x: 16, g: 4 };
/** Bytes of a vector register that count. */
export const widthOf = { m: 8, x: 16 } as const;
/** Sign and exponent of an x87 register that holds an MMX value. */
const mmxExponent = 0xffff;
const allValid = 0xff;

export const vectorUnit = new Unit('vector', firstPlace.vector);

interface Form {
  readonly operation: Operation;
  readonly files: readonly [register: RegisterFile, operand: RegisterFile];
  readonly extension: number;
}

/** Form by kind of operand (memory 1), prefix, opcode and, for the opcodes that need them, ModRM's middle bits. */
const forms = new Map<number, Form>();
const memoryBit = 1 << 16;
const middleShift = 17;
/** Opcodes whose meaning depends on ModRM's middle bits: shifts by an immediate. */
const groups = new Set([0x71, 0x72, 0x73]);

/** How an operation is found and called. */
export interface VectorForm {
  readonly prefix: number;
  /** The byte behind 0F. */
  readonly opcode: number;
  /** ModRM's middle bits, where they are part of the opcode. */
  readonly middle?: number;
  /** CPUID's feature bit. */
  readonly extension: number;
  /** Files of the register named by ModRM's middle bits, and of the other operand when that is a register. */
  readonly files: `${RegisterFile}${RegisterFile}`;
  /** Bytes of a memory operand. */
  readonly bytes: number;
  /** In memory it must be a multiple of 16. */
  readonly aligned?: boolean;
  readonly write?: boolean;
  readonly only?: 'memory' | 'register';
  readonly flags?: boolean;
}

/** Register an operation. MMX registers bring their checks and MMX mode with them. */
export function vectorOperation(form: VectorForm, write: (b: OperationBuilder) => void): void {
  const { prefix, opcode, extension, bytes, only, flags = false } = form;
  const files = [form.files[0] as RegisterFile, form.files[1] as RegisterFile] as const;
  const usesMmx = files.includes('m');
  const unit = usesMmx ? Guard.x87 | Guard.pending : files.includes('x') ? Guard.xmm : 0;
  const guard = unit | (form.aligned ? Guard.aligned : 0);
  const name = `${prefix}:${opcode}/${form.middle ?? ''}${only ?? ''}`;
  const operation = vectorUnit.operation({ name, bytes, write: form.write ?? false, guard, flags }, (b) => {
    write(b);
    if (usesMmx) {
      b.setState(State.fpuTags, b.i32(allValid));
      b.setState(State.fpuTop, b.i32(0));
    }
  });
  const key = vectorKey(prefix, opcode) | ((form.middle ?? 0) << middleShift);
  if (only !== 'register') forms.set(key | memoryBit, { operation, files, extension });
  if (only !== 'memory') forms.set(key, { operation, files, extension });
}

/** The operation of an instruction of the vector table, and its operands; undefined when there is none. */
export function findVectorCall(insn: Instruction, features: number): Call | undefined {
  const opcode = insn.opcode & 0xff;
  const form = forms.get(
    vectorKey(prefixOf(insn), opcode) | (insn.memory ? memoryBit : 0) | (groups.has(opcode) ? middle(insn) << middleShift : 0),
  );
  if (form === undefined || (features & form.extension) === 0) return undefined;
  const address = (file: RegisterFile, register: number): number => firstRegister[file] + registerBytes[file] * register;
  return { operation: form.operation, register: address(form.files[0], middle(insn)), operand: address(form.files[1], low(insn)) };
}

// ── values ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Load 8 bytes (the rest is zero) or 16. */
export function loadVector(b: OperationBuilder, bytes: number, address: Value): Value {
  return b.load(bytes === widthOf.m ? 'v128.load64_zero' : 'v128.load', address);
}

/** Write an MMX or XMM register. */
export function storeVector(b: OperationBuilder, bytes: number, address: Value, value: Value): void {
  if (bytes !== widthOf.m) return b.store('v128.store', address, value);
  b.storeLane('v128.store64_lane', 0, address, value);
  b.store('i32.store', address, b.i32(mmxExponent), 8);
}
