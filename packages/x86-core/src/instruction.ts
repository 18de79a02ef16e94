/*
 * What the decoder knows about one instruction. Both engines and the system instructions work from this record.
 */
import type { Definition } from './definition.js';

/** Repeat prefixes. */
export const Repeat = { none: 0, repne: 1, rep: 2 } as const;

/** What an operand slot is. */
export const SlotKind = { none: 0, register: 1, memory: 2, immediate: 3 } as const;

/** One decoded instruction. The decoder reuses one object: copy what must outlive the next decode. */
export interface Instruction {
  /** What it does; see definition.ts. */
  definition: Definition;
  /** One-byte opcodes 0x00..0xff; two-byte (0F xx) opcodes as 0x100 | xx. */
  opcode: number;
  /** ModRM byte, or -1. */
  modrm: number;
  /** Length in bytes, 1..15. */
  length: number;
  /** Prefix bytes, and bytes of everything before displacement and immediates: prefixes, opcode, ModRM, SIB. */
  prefixes: number;
  head: number;
  /** Bytes of the displacement, and of the immediates together. */
  displacementBytes: number;
  immediateBytes: number;
  /** The immediate is sign-extended. */
  immediateSigned: boolean;
  /** The operand-size prefix (66) is there. It is part of the opcode of vector instructions. */
  operandPrefix: boolean;
  /** Operand size in bytes by mode and prefix: 2 or 4. */
  operandSize: number;
  /** Operand size of this form in bytes: 1, 2 or 4. */
  size: number;
  /** Address size in bytes: 2 or 4. */
  addressSize: number;
  /** Segment register of the memory operand: the default one (ss for ebp/esp based addresses) or the override. */
  segment: number;
  /** A segment override prefix was present. */
  segmentOverride: boolean;
  lock: boolean;
  /** Repeat.none, .repne (F2) or .rep (F3), whatever the opcode makes of it. */
  repeat: number;
  /** True when an operand is in memory; then base/index (register number or -1), scale (shift count) and displacement hold. */
  memory: boolean;
  base: number;
  index: number;
  scale: number;
  displacement: number;
  /** First immediate (sign-extended where the encoding says so), relative displacement, or far offset. */
  immediate: number;
  /** Second immediate: far selector, ENTER's level. */
  immediate2: number;
  /** Operand slots: SlotKind, register number (1-byte registers: 4..7 are ah..bh), size in bytes. */
  readonly kind: Uint8Array;
  readonly register: Uint8Array;
  readonly slotSize: Uint8Array;
}

/** Three bytes → the array that all copies with these in their slots share: a typed array is far dearer than the rest of a copy. */
const slots = new Map<number, Uint8Array>();

function sharedSlots(bytes: Uint8Array): Uint8Array {
  const key = bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16);
  let shared = slots.get(key);
  if (shared === undefined) slots.set(key, (shared = bytes.slice()));
  return shared;
}

/** A copy that the next decode leaves alone, to be read only. */
export function copyInstruction(insn: Instruction): Readonly<Instruction> {
  return { ...insn, kind: sharedSlots(insn.kind), register: sharedSlots(insn.register), slotSize: sharedSlots(insn.slotSize) };
}
