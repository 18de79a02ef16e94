/*
 * From an Instruction to its record: which handler, and where its operands are.
 *
 * Both depend on the mode the page is decoded for: where a segment is flat its accesses need no checks, and other handlers
 * do for them.
 */
import type { Definition } from '../definition.js';
import { type Instruction, Repeat, SlotKind } from '../instruction.js';
import type { Call, Unit } from '../operations/operation.js';
import type { Processor } from '../processor.js';
import { byteRegister } from '../reference.js';
import { Layout, Mode, SegmentField, SegmentRegister, State } from '../state.js';
import type { GeneratedInterpreter } from './generate.js';
import { Handler } from './handlers.js';
import { Field, MemoryForm, recordSize } from './record.js';
import { callKey, inlineKey, shapeKey } from './shapes.js';
import { fusionRow, mostFusionRows, Outline } from './template.js';

const conditions = 16;

/** Writes records into a machine's memory. */
export class RecordWriter {
  readonly #cpu: Processor;
  readonly #generated: GeneratedInterpreter;
  readonly #install: (unit: Unit) => boolean;
  /** Shape keys → numbers in the table of fused pairs, as first and as second half. Conditional branches are 1 to 16. */
  readonly #firsts = new Map<number, number>();
  readonly #seconds = new Map<number, number>();

  /** @param install makes sure that a unit's operations are in the table; false when they cannot be */
  constructor(cpu: Processor, generated: GeneratedInterpreter, install: (unit: Unit) => boolean) {
    this.#cpu = cpu;
    this.#generated = generated;
    this.#install = install;
    this.#fillFusions();
  }

  /** The fused handlers as a table: a row for each first half, a column for each second half. */
  #fillFusions(): void {
    const { u16 } = this.#cpu;
    const put = (first: number, second: number, handler: number): void => {
      u16[(Layout.fusions >> 1) + first * fusionRow + second] = handler;
    };
    const numberIn = (map: Map<number, number>, key: number, next: number): number => {
      const number = map.get(key) ?? next;
      map.set(key, number);
      return number;
    };
    const first = (key: number): number => numberIn(this.#firsts, key, this.#firsts.size + 1);
    const second = (key: number): number => numberIn(this.#seconds, key, this.#seconds.size + 1 + conditions);
    for (const [key, handler] of this.#generated.fused) put(first(Math.floor(key / conditions)), 1 + (key % conditions), handler);
    for (const [key, seconds] of this.#generated.pairs) {
      for (const [next, handler] of seconds) put(first(key), second(next), handler);
    }
    if (this.#firsts.size >= mostFusionRows || this.#seconds.size + conditions >= fusionRow)
      throw new Error(`the table of fused pairs has ${mostFusionRows} rows of ${fusionRow}: ${this.#firsts.size} and ${this.#seconds.size} are too many`);
  }

  /** Write the record of an instruction at an offset in its page, all but what depends on its neighbours. @returns its Outline */
  write(record: number, insn: Instruction, at: number, mode: number): number {
    const { u16, i32, u8 } = this.#cpu;
    const { definition } = insn;
    clearRecord(i32, record);
    const call = this.#callOf(insn, mode);
    const key = call ? -1 : this.#shapeOf(insn, mode);
    u16[(record + Field.handler) >> 1] = key < 0 ? Handler.step : this.#generated.handlers.get(key)!;
    u16[(record + Field.offset) >> 1] = at;
    u8[record + Field.length] = insn.length;
    for (let slot = 0; slot < 3; slot++) {
      if (insn.kind[slot] !== SlotKind.register) continue;
      const register = insn.register[slot]!;
      const address = insn.slotSize[slot] === 1 ? byteRegister(register) : State.gpr + register * 4;
      if (slot === 2) i32[(record + Field.immediate) >> 2] = address;
      else u16[(record + (slot === 0 ? Field.slot0 : Field.slot1)) >> 1] = address;
    }
    if (insn.kind[2] !== SlotKind.register) i32[(record + Field.immediate) >> 2] = insn.immediate;
    u16[(record + Field.base) >> 1] = insn.base < 0 ? State.zero : State.gpr + insn.base * 4;
    u16[(record + Field.index) >> 1] = insn.index < 0 ? State.zero : State.gpr + insn.index * 4;
    i32[(record + Field.displacement) >> 2] = insn.displacement;
    u16[(record + Field.segment) >> 1] = State.segments + insn.segment * SegmentField.size;
    u8[record + Field.scale] = insn.scale;
    if (call) this.#writeCall(record, insn, call, mode);
    return insn.length | (definition.ends ? Outline.ends : 0) | (definition.branches ? Outline.branches : 0) |
      (this.#second(insn, key) << Outline.secondShift) | ((this.#firsts.get(key) ?? 0) << Outline.firstShift);
  }

  #second(insn: Instruction, key: number): number {
    const condition = conditionOf(insn.definition);
    if (condition < 0) return this.#seconds.get(key) ?? 0;
    return insn.operandSize === 4 ? 1 + condition : 0;
  }

  /** The operation an instruction calls. That of a repeated string instruction takes its segments to be flat. */
  #callOf(insn: Instruction, mode: number): Call | undefined {
    const flat = flatBit(insn.segment) | Mode.flatEs;
    if (insn.definition.string && (flatBit(insn.segment) === 0 || (mode & flat) !== flat)) return undefined;
    return insn.definition.findCall?.(insn, this.#cpu.features);
  }

  /** Make a record call an operation, if the operand's address is of a plain sort. */
  #writeCall(record: number, insn: Instruction, { operation, register, operand }: Call, mode: number): void {
    const { u16, u8 } = this.#cpu;
    if ((insn.lock && !insn.definition.lockable) || (insn.memory && insn.addressSize === 2) || !this.#install(operation.unit)) return;
    const memory = !insn.memory ? MemoryForm.none : (mode & flatBit(insn.segment)) !== 0 ? MemoryForm.indexed : MemoryForm.segmented;
    const form = memory === MemoryForm.indexed && insn.index < 0 ? MemoryForm.base : memory;
    const handler = this.#generated.inline.get(inlineKey({ operation, memory: form }))
      ?? this.#generated.calls.get(callKey({ ...operation, memory, write: insn.memory && operation.write }));
    if (handler === undefined) return;
    u16[(record + Field.handler) >> 1] = handler;
    u16[(record + Field.slot0) >> 1] = register;
    u16[(record + Field.slot1) >> 1] = operand;
    u16[(record + Field.operation) >> 1] = operation.index;
    u16[(record + Field.x87Opcode) >> 1] = ((insn.opcode & 7) << 8) | insn.modrm;
    u8[record + Field.bytes] = operation.bytes;
    u8[record + Field.guard] = operation.guard;
  }

  /** Key of an instruction's shape, or -1 when that has no handler. */
  #shapeOf(insn: Instruction, mode: number): number {
    const { definition } = insn;
    if (!definition.hot || insn.lock && !insn.memory || definition.bitString && insn.size !== 4) return -1;
    // a rep prefix means something to the string instructions only, which are not hot
    if (usesStack.test(definition.name) && (mode & Mode.flatSs) === 0) return -1;
    if (insn.operandSize === 2 && (definition.ends || definition.branches)) return -1;
    if (definition.string) {
      const flat = flatBit(insn.segment) | Mode.flatEs;
      if (insn.repeat !== Repeat.none || insn.addressSize === 2 || flatBit(insn.segment) === 0 || (mode & flat) !== flat) return -1;
    }
    if (!insn.memory) return this.#known(insn, MemoryForm.none);
    if (insn.addressSize === 2) return -1;
    const touches = insn.kind.some((kind, slot) => kind === SlotKind.memory && definition.uses[slot] !== undefined);
    if (!touches || (mode & flatBit(insn.segment)) !== 0) {
      const simple = insn.index < 0 ? this.#known(insn, MemoryForm.base) : -1;
      return simple >= 0 ? simple : this.#known(insn, MemoryForm.indexed);
    }
    return this.#known(insn, MemoryForm.segmented);
  }

  #known(insn: Instruction, memory: number): number {
    const key = shapeKey(insn.definition, insn.size, insn.operandSize, insn.kind, insn.slotSize, memory);
    return this.#generated.handlers.has(key) ? key : -1;
  }
}

/** The arena is used again and again: what a record does not say must not be what another once said. */
export function clearRecord(i32: Int32Array, record: number): void {
  i32.fill(0, record >> 2, (record + recordSize) >> 2);
}

const usesStack = /^(push|pop|call|call_indirect|ret|ret_pop|leave|pusha|popa|pushf|popf|int|iret|(push|pop)_[a-z]s)$/;

function conditionOf(definition: Definition): number {
  return /^j\d+$/.test(definition.name) ? Number(definition.name.slice(1)) : -1;
}

function flatBit(segment: number): number {
  return segment === SegmentRegister.ds ? Mode.flatDs : segment === SegmentRegister.ss ? Mode.flatSs
    : segment === SegmentRegister.es ? Mode.flatEs : 0;
}
