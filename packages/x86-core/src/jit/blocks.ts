/*
 * From instructions to straight pieces: the blocks of a region, and how they follow each other.
 */
import type { Instruction } from '../instruction.js';
import type { JumpTargets, Routine } from './discover.js';

const pageSize = 0x1000;
const noTargets: JumpTargets = { targets: [], indexed: false };

/**
 * A straight piece of code within a region. Places are offsets from the start of the entry's page; they may lie in other pages.
 * All instructions of a block begin in one page; the last may end in the next.
 */
export interface Block {
  readonly start: number;
  readonly instructions: readonly Instruction[];
  /** The last instruction, and behind it. */
  readonly last: number;
  readonly end: number;
  /** The block at `end`, when the last instruction may go there (or comes back there from a call); -1 when that is not in the region. */
  readonly next: number;
  /** Where a branch or jump goes, or a call into a routine that is part of the region; -1 when that is not in the region. */
  readonly target: number;
  /** Blocks that a return, or an indirect jump or call, may go to, by ascending start. */
  readonly guesses: readonly number[];
  /** Where the jump at the block's end goes through a table: the block that each word of it leads to, or -1 where that is not in the region. */
  readonly choices: readonly number[];
  /** The block ends in a call that may call another region, and comes back. */
  readonly calls: boolean;
  /** What is at `end`, and where a branch goes, could begin a region. */
  readonly nextIsCode: boolean;
  readonly targetIsCode: boolean;
}

/** A block before it has a number. */
interface Piece {
  readonly routine: Routine;
  readonly start: number;
  readonly instructions: readonly Instruction[];
  readonly last: number;
  readonly end: number;
}

/**
 * Cut routines into blocks; the first routine's entry is the first block.
 * @param isCode could a region begin there?
 * @param recursive the first routine's direct calls of itself are jumps
 */
export function cut(routines: readonly Routine[], isCode: (offset: number) => boolean, recursive: boolean): Block[] {
  const [own] = routines as [Routine];
  const ownCalls = recursive ? own.calls.filter(({ at, target }) => target === own.entry && own.instructions.get(at)!.definition.branches) : [];
  const callsItself = new Set(ownCalls.map(({ at }) => at));
  const pieces = routines.flatMap(piecesOf);
  const numbers = new Map<Routine, Map<number, number>>(routines.map((routine) => [routine, new Map()]));
  pieces.forEach(({ routine, start }, i) => numbers.get(routine)!.set(start, i));
  const blockAt = (routine: Routine, offset: number): number => numbers.get(routine)!.get(offset) ?? -1;

  const guessesOf = ({ routine, last }: Piece, name: string): number[] => {
    const { caller, callees, tables } = routine;
    if (name.startsWith('ret')) {
      if (caller) return [blockAt(caller.routine, caller.end)];
      return ownCalls.map(({ end }) => blockAt(own, end));
    }
    if (name === 'call_indirect') return (callees.get(last) ?? []).map((callee) => blockAt(callee, callee.entry));
    return [...new Set((tables.get(last) ?? noTargets).targets)].map((offset) => blockAt(routine, offset));
  };

  const choicesOf = ({ routine, last }: Piece): number[] => {
    const { targets, indexed } = routine.tables.get(last) ?? noTargets;
    return indexed ? targets.map((offset) => blockAt(routine, offset)) : [];
  };

  return pieces.map((piece) => {
    const { routine, start, instructions, last, end } = piece;
    const { definition: { name, branches, ends }, immediate } = instructions[instructions.length - 1]!;
    const isCall = name.startsWith('call');
    const callee = !isCall || !branches ? undefined : routine === own && callsItself.has(last) ? own : routine.callees.get(last)?.[0];
    const target = callee ? blockAt(callee, callee.entry) : branches && !isCall ? blockAt(routine, end + immediate) : -1;
    const next = (isCall && !callee) || !ends ? blockAt(routine, end) : -1;
    return {
      start, instructions, last, end, next, target,
      choices: choicesOf(piece),
      calls: isCall && !callee,
      guesses: guessesOf(piece, name).filter((block) => block >= 0).sort((a, b) => pieces[a]!.start - pieces[b]!.start),
      nextIsCode: next >= 0 || (!ends && isCode(end)),
      targetIsCode: target >= 0 || (branches && isCode(end + immediate)),
    };
  });
}

/** The bytes of a block, page by page. */
export function* inPages({ start, end }: Pick<Block, 'start' | 'end'>): Generator<{ start: number; end: number }> {
  for (let from = start; from < end;) {
    const to = Math.min(end, (from | (pageSize - 1)) + 1);
    yield { start: from, end: to };
    from = to;
  }
}

/** Where a block may lead within the region. */
export function successorsOf({ target, next, guesses }: Block): number[] {
  return [target, next, ...guesses].filter((block) => block >= 0);
}

/** Where the innermost loop around a region's entry begins, if that is elsewhere: compilers put loops behind their beginnings. */
export function loopAround(blocks: readonly Block[]): number | undefined {
  const entry = blocks[0]!.start;
  let [header, length] = [entry, Number.POSITIVE_INFINITY];
  for (const { start, target, instructions } of blocks) {
    if (instructions[instructions.length - 1]!.definition.name === 'call') continue;
    const to = target < 0 ? start : blocks[target]!.start;
    if (to < start && to <= entry && start >= entry && start - to < length) [header, length] = [to, start - to];
  }
  return header === entry ? undefined : header;
}

/** A routine's pieces, its entry's first. */
function piecesOf(routine: Routine): Piece[] {
  const { entry, instructions, leaders } = routine;
  const starts = [entry, ...[...leaders].filter((offset) => offset !== entry)].filter((offset) => instructions.has(offset));
  return starts.map((start) => {
    const piece: Instruction[] = [];
    let at = start;
    let last = start;
    for (let insn = instructions.get(at); insn !== undefined && (at === start || !leaders.has(at)); insn = instructions.get(at)) {
      piece.push(insn);
      last = at;
      at += insn.length;
      if (insn.definition.branches || insn.definition.ends) break;
    }
    return { routine, start, instructions: piece, last, end: at };
  });
}
