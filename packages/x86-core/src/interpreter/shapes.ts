/*
 * Which shapes get a handler of their own.
 *
 * Every handler costs compile time and a place in the branch predictor, so the selection follows what compilers emit:
 * 32-bit forms in all addressings for the common instructions, one general addressing for the others, 16-bit forms of a
 * few. A shape without a handler is executed by the reference engine.
 */
import type { Definition } from '../definition.js';
import { operandForms } from '../decode.js';
import { SlotKind } from '../instruction.js';
import type { Operation } from '../operations/operation.js';
import { x87Unit } from '../x87/compiled.js';
import type { CallShape, Shape } from './handler-builder.js';
import { MemoryForm } from './record.js';

const everyAddressing = /^(mov|add|sub|cmp|and|or|xor|test|inc|dec|push|movzx8|movzx16|movsx8|movsx16|lea|call_indirect|jmp_indirect)$/;
const throughSegments = /^(mov|add|sub|cmp|and|or|xor|test|inc|dec|push|movzx8|movzx16|call_indirect|jmp_indirect|xadd|cmpxchg|xchg)$/;
const sixteenBit = /^(mov|add|sub|cmp|and|or|xor|test|inc|dec|movzx8|shl|shr|sar|rol|ror|imul|cbw|lea|not|neg|nop|hint|movs|stos|lods|scas)$/;

/** A number that tells shapes apart. To an instruction on bytes the operand-size prefix means nothing. */
export function shapeKey(
  definition: Definition, size: number, operandSize: number, kinds: ArrayLike<number>, sizes: ArrayLike<number>, memory: number,
): number {
  let key = definition.id;
  key = key * 4 + (size >> 1);
  key = key * 4 + memory;
  key = key * 2 + (size === 1 ? 1 : operandSize >> 2);
  for (let slot = 0; slot < 3; slot++) {
    const kind = slot < kinds.length ? kinds[slot]! : SlotKind.none;
    key = key * 4 + kind;
    key = key * 4 + (kind === SlotKind.none ? 0 : sizes[slot]! >> 1);
  }
  return key;
}

/** The same of a shape as a whole. */
export function keyOf({ definition, size, operandSize, kinds, sizes, memory }: Shape): number {
  return shapeKey(definition, size, operandSize, kinds, sizes, memory);
}

/** All shapes the interpreter has handlers for. */
export function selectShapes(): Shape[] {
  const shapes = new Map<number, Shape>();
  for (const form of operandForms()) {
    const { name, hot } = form.definition;
    if (!hot || (form.operandSize === 2 && !sixteenBit.test(name))) continue;
    const common = everyAddressing.test(name) && form.size !== 2 && form.operandSize === 4;
    const forms = !form.kinds.includes(SlotKind.memory) ? [MemoryForm.none]
      : [
          ...(common ? [MemoryForm.base] : []),
          MemoryForm.indexed,
          ...(throughSegments.test(name) && name !== 'lea' ? [MemoryForm.segmented] : []),
        ];
    // MOV from a segment register writes two bytes of memory but four of a register: only the latter is plain
    if (name.startsWith('mov_from_') && form.kinds[0] === SlotKind.memory) continue;
    for (const memory of forms) {
      const shape = { ...form, memory };
      const key = keyOf(shape);
      if (form.operandSize === 4 || !shapes.has(key)) shapes.set(key, shape);
    }
  }
  return [...shapes.values()];
}

/** A comparison and the conditional branch behind it, as one handler. */
export interface FusedShape { readonly first: Shape; readonly condition: number }

const compareConditions = [2, 3, 4, 5, 6, 7, 12, 13, 14, 15];
const byteConditions = [2, 3, 4, 5, 6, 7];
const testConditions = [4, 5, 8, 9, 14, 15];
const equality = [4, 5];

/** The pairs worth fusing. Only forms whose first half is frequent right before a branch. */
export function selectFusedShapes(shapes: readonly Shape[]): FusedShape[] {
  const fused: FusedShape[] = [];
  for (const first of shapes) {
    if (first.memory > MemoryForm.base || first.operandSize === 2) continue;
    const { name } = first.definition;
    const conditions = name === 'cmp' && first.size !== 2 ? (first.size === 1 ? byteConditions : compareConditions)
      : name === 'test' && first.size !== 2 ? (first.memory === MemoryForm.none ? testConditions : equality)
      : (name === 'dec' || name === 'inc' || name === 'sub' || name === 'and' || name === 'add') &&
        first.size === 4 && first.memory === MemoryForm.none ? equality
      : [];
    for (const condition of conditions) fused.push({ first, condition });
  }
  return fused;
}

/** A number that tells the handlers of calls apart. */
export function callKey({ memory, write, pointers, flags, repeats }: CallShape): number {
  return memory * 16 + (repeats ? 8 : 0) + (write ? 4 : 0) + (pointers ? 2 : 0) + (flags ? 1 : 0);
}

/** The ways operations are called. */
export const callShapes: readonly CallShape[] = [
  ...[false, true].flatMap((pointers) => [
    { memory: MemoryForm.none, write: false, pointers, flags: false },
    { memory: MemoryForm.none, write: false, pointers, flags: true },
    ...[MemoryForm.indexed, MemoryForm.segmented].flatMap((memory) => [
      { memory, write: false, pointers, flags: false }, { memory, write: true, pointers, flags: false },
      ...(pointers ? [] : [false, true].map((write) => ({ memory, write, pointers, flags: true }))),
    ]),
  ]).map((shape) => ({ ...shape, repeats: false })),
  ...[false, true].map((flags) => ({ memory: MemoryForm.none, write: false, pointers: false, flags, repeats: true })),
];

/** A frequent operation with a handler of its own. */
export interface InlineShape { readonly operation: Operation; readonly memory: number }

export const inlineKey = ({ operation, memory }: InlineShape): number => operation.index * 4 + memory;

/** All of these; with operands in memory both by a base alone and by an index. */
export function selectInlineShapes(): InlineShape[] {
  return x87Unit.frequent.flatMap((operation) =>
    (operation.bytes === 0 ? [MemoryForm.none] : [MemoryForm.base, MemoryForm.indexed]).map((memory) => ({ operation, memory })));
}

/** Two instructions behind each other as one handler. */
export interface ShapePair { readonly first: Shape; readonly second: Shape }

/** What both halves of a pair are drawn from: name and operands (r register, m memory by a base, i immediate). */
const pairable = new Set([
  'mov rr', 'mov rm', 'mov mr', 'push r', 'pop r', 'lea rm', 'add rr', 'add ri', 'sub ri', 'xor rr', 'and ri', 'shl ri', 'shr ri',
]);
const kindLetters: Readonly<Record<number, string>> = { [SlotKind.register]: 'r', [SlotKind.memory]: 'm', [SlotKind.immediate]: 'i' };

/** All pairs of the most frequent 32-bit instructions. */
export function selectPairs(shapes: readonly Shape[]): ShapePair[] {
  const members = shapes.filter(({ definition, size, operandSize, memory, kinds }) =>
    size === 4 && operandSize === 4 && memory <= MemoryForm.base &&
    pairable.has(`${definition.name} ${kinds.map((kind) => kindLetters[kind]).join('')}`));
  return members.flatMap((first) => members.map((second) => ({ first, second })));
}
