/*
 * What a processor remembers of the last x87 instruction, as FNSTENV shows it.
 *
 * Processors have come to remember less: by CPUID leaf 7 some keep the operand's address for instructions only that raise
 * an unmasked exception, and store 0 for the selectors (SDM volume 1, 8.1.8); the opcode has been like that since the
 * Pentium 4 (8.1.9.1). Ours promises nothing of the kind in CPUID, and remembers all. So before it is compared with such a
 * processor, what that one would not have stored is taken out of our answer, and nothing else.
 */
import { Case, type CaseView, Place, stopVector } from './case.js';
import { environmentAt, pointersGroups } from './x87-state-cases.js';

/** What is remembered of instructions that raise no unmasked exception, and whether selectors are. */
export interface Remembered {
  readonly operand: boolean;
  readonly opcode: boolean;
  readonly selectors: boolean;
}

/** EBX of CPUID leaf 7. */
export const Leaf7 = { operandOnExceptionsOnly: 1 << 6, noSelectors: 1 << 13 } as const;

/** The processor whose answers are in tables/intel. */
export const rememberedByRecorded: Remembered = { operand: false, opcode: false, selectors: false };

const at = Case.window + environmentAt - Place.window;
/** Fields of the image that FNSTENV stores, by their offsets. */
const Environment = { status: 4, code: 16, opcode: 18, operand: 20, data: 24 } as const;
/** An unmasked exception is pending. */
const summary = 1 << 7;

/** Our answer to a case of a group, as a processor that remembers no more than this would have stored it. */
export function asRemembered({ operand, opcode, selectors }: Remembered, group: string, ours: CaseView): CaseView {
  if (!pointersGroups.some((name) => name === group) || ours.word(Case.vector) !== stopVector) return ours;
  const stored = ours.copy();
  const forget = (field: number): void => stored.view.setUint16(at + field, 0, true);
  if (!selectors) for (const field of [Environment.code, Environment.data]) forget(field);
  if ((ours.view.getUint16(at + Environment.status, true) & summary) !== 0) return stored;
  if (!opcode) forget(Environment.opcode);
  if (!operand) for (const field of [Environment.operand, Environment.operand + 2]) forget(field);
  return stored;
}
