/*
 * Which instructions a region has.
 *
 * From its entry it follows fall-through, branches, jumps and calls into pages that have decoded code, breadth first, up to a
 * limit. A return may go behind any call of the region; a jump through a table, to what the table holds now. What cannot be in a region (rare instructions, strange addressing) ends a path: there the region is left.
 */
import { type Decoder, newInstruction } from '../decode.js';
import { copyInstruction, type Instruction, Repeat, SlotKind } from '../instruction.js';
import { Mode, SegmentRegister } from '../state.js';

const pageSize = 0x1000;
const maxInstructions = 200;

/** A straight piece of code within a region. */
export interface Block {
  /** Offset from the start of the entry's page, like all offsets here; it may lie in another page. */
  readonly start: number;
  readonly instructions: readonly Instruction[];
  /** Offset behind the last instruction. */
  readonly end: number;
  /** The next block when the last instruction does not branch, or does not take its branch; -1 when the region is left. */
  readonly next: number;
  /** Where a branch, jump or call goes; -1 when that is not in the region (or there is none). */
  readonly target: number;
  /** Blocks that a return, or a jump or call through memory, may go to, by ascending start. */
  readonly guesses: readonly number[];
}

/** What code may depend on. */
export interface CodeContext {
  /** Machine memory. */
  readonly bytes: Uint8Array;
  /** Where a page begins in it, by its number from the entry's; undefined when it has no decoded code. */
  readonly pageAt: (index: number) => number | undefined;
  /** A 32-bit word at a linear address, as an offset from the entry's page; undefined when it cannot be read. */
  readonly peekOffset: (linear: number) => number | undefined;
  /** Flat-segment bits of State.mode. */
  readonly mode: number;
  readonly decoder: Decoder;
  /** Is there a compiled operation for the instruction, ready to be called? */
  readonly hasOperation: (insn: Instruction) => boolean;
}

/** Entries of a jump table that are looked at. */
const maxTable = 64;
const pageShift = 12;
const usesStack = /^(push|pop|call|call_indirect|ret|ret_pop|leave)$/;
/** Return sites a RET is compared with. */
const maxReturns = 4;

/** Blocks of the region that begins at an offset, the entry first; undefined when there is nothing to be gained. */
export function discover(context: CodeContext, entry: number): Block[] | undefined {
  const known = new Map<number, Instruction>();
  const leaders = new Set<number>([entry]);
  const returnSites: number[] = [];
  const tables = new Map<number, readonly number[]>();
  const queue = [entry];
  let called = 0;
  for (let from = queue.shift(); from !== undefined; from = queue.shift()) {
    called = 0;
    for (let at = from; known.size < maxInstructions && !known.has(at);) {
      const insn = decodeAt(context, at);
      if (insn === undefined) break;
      known.set(at, insn);
      const end = at + insn.length;
      const { definition } = insn;
      if (definition.branches) {
        visit(end + insn.immediate, definition.name === 'call');
      }
      const table = definition.name.endsWith('_indirect') ? tableTargets(context, insn) : [];
      tables.set(at, table);
      for (const target of table) visit(target);
      if (definition.name.startsWith('call')) {
        visit(end, true);
        if (returnSites.length < maxReturns && !returnSites.includes(end)) returnSites.push(end);
      }
      if (definition.ends) break;
      if (definition.branches) {
        visit(end);
        break;
      }
      at = end;
    }
  }
  if (!known.has(entry)) return undefined;
  return cut(known, leaders, entry, (at, name) => (name.startsWith('ret') ? returnSites : tables.get(at) ?? []));

  /** What is called comes first: a call without its return is of little use. */
  function visit(offset: number, first = false): void {
    if (context.pageAt(offset >> pageShift) === undefined) return;
    leaders.add(offset);
    if (first) queue.splice(called++, 0, offset);
    else queue.push(offset);
  }
}

/** Where a jump or call through a word in memory may go: what the word, or the table that an index selects it from, holds. */
function tableTargets({ pageAt, peekOffset, mode }: CodeContext, insn: Instruction): number[] {
  const { memory, base, index, scale, displacement, segment } = insn;
  if (!memory || base >= 0 || (index >= 0 && scale !== 2) || (mode & flatBit(segment)) === 0) return [];
  const found = new Set<number>();
  for (let i = 0; i < (index < 0 ? 1 : maxTable); i++) {
    const offset = peekOffset((displacement + 4 * i) >>> 0);
    if (offset === undefined || pageAt(offset >> pageShift) === undefined) break;
    found.add(offset);
  }
  return [...found];
}

/** @param guess places that an indirect jump, call or return at an offset may go to */
function cut(
  known: ReadonlyMap<number, Instruction>, leaders: ReadonlySet<number>, entry: number, guess: (at: number, name: string) => readonly number[],
): Block[] {
  const starts = [entry, ...[...leaders].filter((offset) => offset !== entry)].filter((offset) => known.has(offset));
  const number = new Map(starts.map((start, i) => [start, i]));
  const blockAt = (offset: number): number => number.get(offset) ?? -1;
  return starts.map((start) => {
    const instructions: Instruction[] = [];
    let at = start;
    for (;;) {
      const insn = known.get(at);
      if (insn === undefined || (at !== start && leaders.has(at))) break;
      instructions.push(insn);
      at += insn.length;
      if (insn.definition.branches || insn.definition.ends) break;
    }
    const last = instructions[instructions.length - 1]!;
    const { branches, ends, name } = last.definition;
    const guesses = guess(at - last.length, name).filter((offset) => number.has(offset)).sort((a, b) => a - b);
    return {
      start, instructions, end: at,
      next: ends ? -1 : blockAt(at),
      target: branches ? blockAt(at + last.immediate) : -1,
      guesses: guesses.map(blockAt),
    };
  });
}

const scratch = newInstruction();

/** A copy of the instruction at an offset, if it may be part of a region. */
function decodeAt(context: CodeContext, at: number): Instruction | undefined {
  const { bytes, pageAt, decoder } = context;
  const base = pageAt(at >> pageShift);
  if (base === undefined || !decoder.decode(scratch, bytes, base + (at & (pageSize - 1)), base + pageSize, true)) return undefined;
  return canCompile(scratch, context) ? copyInstruction(scratch) : undefined;
}

function canCompile(insn: Instruction, { mode, hasOperation }: CodeContext): boolean {
  const { definition } = insn;
  if (insn.addressSize === 2) return false;
  if (definition.findCall) return !insn.lock && hasOperation(insn);
  if (!definition.execute || !definition.hot || definition.bitString) return false;
  if ((definition.ends || definition.branches) && insn.operandSize === 2) return false;
  if (usesStack.test(definition.name) && (mode & Mode.flatSs) === 0) return false;
  if (!definition.string) return true;
  const flat = flatBit(insn.segment);
  return insn.repeat === Repeat.none && flat !== 0 && (mode & (flat | Mode.flatEs)) === (flat | Mode.flatEs);
}

/** The mode bit that says whether a segment is flat; 0 for segments that never count as flat. */
export function flatBit(segment: number): number {
  return segment === SegmentRegister.ds ? Mode.flatDs : segment === SegmentRegister.ss ? Mode.flatSs
    : segment === SegmentRegister.es ? Mode.flatEs : 0;
}

/** Does the instruction read or write its memory operand (LEA and NOP do not)? */
export function touchesMemory({ definition, kind }: Instruction): boolean {
  return definition.findCall !== undefined || kind.some((k, slot) => k === SlotKind.memory && definition.uses[slot] !== undefined);
}
