/*
 * The prefixes 66, F3 and F2 as part of the opcode.
 */
import { type Instruction, Repeat } from '../instruction.js';

/** Mandatory prefixes. */
export const Prefix = { none: 0, operandSize: 1, rep: 2, repne: 3 } as const;

/** An instruction's mandatory prefix: F3 or F2 counts before 66. */
export function prefixOf(insn: Instruction): number {
  if (insn.repeat !== Repeat.none) return insn.repeat === Repeat.rep ? Prefix.rep : Prefix.repne;
  return insn.operandPrefix ? Prefix.operandSize : Prefix.none;
}

/** Prefix and opcode (the byte behind 0F) as one number. */
export function vectorKey(prefix: number, opcode: number): number {
  return (prefix << 8) | opcode;
}
