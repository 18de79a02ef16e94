/*S:335
 * The interpreter's rooms.
 *
 * A host's compilers take long for a function with all handlers in it: 50 ms for the quick one, before the first
 * instruction, and a fifth of a second for the good one. But nearly everything that programs execute is of a few hundred
 * forms. So these live in one room, and what is seldom in others beside it, each a function that the host compiles when
 * somebody comes in. A room goes from record to record by itself, and back with the first one that is none of its own.
 */
import { SlotKind } from '../instruction.js';
import type { Shape } from './handler-builder.js';
import { MemoryForm } from './record.js';

/** The rooms; the usual one is the way into the others. */
export const Room = {
  usual: 0,
  /** The x87's most frequent operations. */
  x87: 1,
  /** 16-bit operands. */
  short: 2,
  /** Memory through segments that are not flat. */
  segmented: 3,
  seldom: 4,
} as const;

/** How many there are. */
export const roomCount = 5;

/** A set of rooms, a bit for each. */
export type Rooms = number;
export const everyRoom: Rooms = (1 << roomCount) - 1;
export const only = (room: number): Rooms => 1 << room;
/** The room of a handler that the usual one has not. */
export const homeOf = (rooms: Rooms): number => 31 - Math.clz32(rooms);

/** By where their operands are. All but the first two are about doublewords and bytes. */
const throughSegments = /^(mov|push|sub|call_indirect)$/;
const ofWords = { anywhere: /^(mov|movzx8|cmp|inc|nop|movs)$/, inRegisters: /^(add|and|test)$/ };
const anywhere = /^(mov|movzx8|movzx16|movsx8|movsx16|lea|push|pop|call|call_indirect|jmp|jmp_indirect|ret|ret_pop|leave|cmp|nop|hint|cld|sahf|int|iret|pushf|popf|loop_32|store_fence|verw|movs|stos|lods|scas)$|^(j|bt|push_.|pop_.)/;
const inRegisters = /^(neg|not|imul|imul3|mul|div|idiv|imul_wide|shl|shr|sar|shld|shrd|bsf|bsr|bswap|xchg|cbw|cwd)$|^(cmov|set|mov_)/;
const ofDoublewords = { anywhere: /^(add|sub|and|or|xor|test|inc|dec|adc|sbb|mul|div|imul3|bsr|shl|shr|cmpxchg|xadd|xchg)$/, inRegisters: /^r[ol][lr]$/ };
const ofBytes = /^(add|sub|and|or|xor|test|inc)$/;

/** Where a shape's handler is. */
export function roomOf(shape: Shape): number {
  const { definition: { name }, size, operandSize, memory, kinds } = shape;
  const registers = memory === MemoryForm.none;
  const among = (names: { anywhere: RegExp; inRegisters: RegExp }): boolean => names.anywhere.test(name) || (registers && names.inRegisters.test(name));
  if (memory === MemoryForm.segmented) return size === 4 && operandSize === 4 && throughSegments.test(name) ? Room.usual : Room.segmented;
  if (operandSize === 2 && !name.startsWith('mov_')) return among(ofWords) ? Room.usual : Room.short;
  const isUsual = among({ anywhere, inRegisters }) || (size === 4 && among(ofDoublewords)) ||
    (size === 1 && ofBytes.test(name) && (registers || kinds[1] === SlotKind.immediate));
  return isUsual ? Room.usual : Room.seldom;
}

const besideX87 = /^(mov|lea|jmp|j\d+)$/;
const besideX87OfRegisters = /^(add|sub|inc|dec|cmp|test)$/;

/** Between two x87 instructions there are some that are not: their handlers are in both rooms. */
export function goesWithX87({ definition: { name }, size, operandSize, memory }: Shape): boolean {
  if (size !== 4 || operandSize !== 4 || memory === MemoryForm.segmented) return false;
  return besideX87.test(name) || (memory === MemoryForm.none && besideX87OfRegisters.test(name));
}
