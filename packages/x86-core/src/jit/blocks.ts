/*
 * From instructions to straight pieces: the blocks of a region, and how they follow each other.
 */
import type { Instruction } from '../instruction.js';

/** A straight piece of code within a region. Places are offsets from the start of the entry's page; they may lie in other pages. */
export interface Block {
  readonly start: number;
  readonly instructions: readonly Instruction[];
  /** Behind the last instruction. */
  readonly end: number;
  /** The block at `end`, when the last instruction may go there (or comes back there from a call); -1 when that is not in the region. */
  readonly next: number;
  /** Where a branch or jump goes, or a call into a routine that is part of the region; -1 when that is not in the region. */
  readonly target: number;
  /** Blocks that a return, or a jump through memory, may go to, by ascending start. */
  readonly guesses: readonly number[];
  /** The block ends in a call that calls another region, and comes back. */
  readonly calls: boolean;
  /** What is at `end`, and where a branch goes, could begin a region. */
  readonly nextIsCode: boolean;
  readonly targetIsCode: boolean;
}

/** What cut() needs to know; see discover.ts. */
export interface CodeToCut {
  readonly entry: number;
  readonly instructions: ReadonlyMap<number, Instruction>;
  readonly leaders: ReadonlySet<number>;
  readonly tables: ReadonlyMap<number, readonly number[]>;
  /** Entries of routines within the region → where they return to, if to the region. */
  readonly routines: ReadonlyMap<number, ReadonlySet<number>>;
  /** Calls of these. */
  readonly inlined: ReadonlySet<number>;
  readonly isCode: (offset: number) => boolean;
}

/** Cut code into blocks; the entry's is the first. */
export function cut(code: CodeToCut): Block[] {
  const { entry, instructions, leaders } = code;
  const starts = [entry, ...[...leaders].filter((offset) => offset !== entry)].filter((offset) => instructions.has(offset));
  const number = new Map(starts.map((start, i) => [start, i]));
  const pieces = starts.map((start) => {
    const piece: Instruction[] = [];
    let at = start;
    let last = start;
    for (;;) {
      const insn = instructions.get(at);
      if (insn === undefined || (at !== start && leaders.has(at))) break;
      piece.push(insn);
      last = at;
      at += insn.length;
      if (insn.definition.branches || insn.definition.ends) break;
    }
    return { start, instructions: piece, last, end: at };
  });
  const returns = returnTargets(code, pieces, number);
  return pieces.map(({ start, instructions: piece, last, end }) => {
    const { definition: { name, branches, ends }, immediate } = piece[piece.length - 1]!;
    const isCall = name.startsWith('call');
    const inlined = code.inlined.has(last);
    const goesTo = branches && (!isCall || inlined) ? number.get(end + immediate) ?? -1 : -1;
    const comesTo = (isCall && !inlined) || !ends ? number.get(end) ?? -1 : -1;
    const guesses = name.startsWith('ret') ? [...returns.get(last) ?? []] : code.tables.get(last) ?? [];
    return {
      start, instructions: piece, end,
      next: comesTo, target: goesTo, calls: isCall && !inlined,
      guesses: guesses.filter((offset) => number.has(offset)).sort((a, b) => a - b).map((offset) => number.get(offset)!),
      nextIsCode: comesTo >= 0 || (!ends && code.isCode(end)),
      targetIsCode: goesTo >= 0 || (branches && code.isCode(end + immediate)),
    };
  });
}

interface Piece { readonly start: number; readonly instructions: readonly Instruction[]; readonly last: number; readonly end: number }

/** Where the returns of the region's routines may go: the return's place → places behind calls. */
function returnTargets(
  { routines, tables }: CodeToCut, pieces: readonly Piece[], number: ReadonlyMap<number, number>,
): Map<number, Set<number>> {
  const found = new Map<number, Set<number>>();
  for (const [entry, sites] of routines) {
    if (sites.size === 0) continue;
    const seen = new Set<number>();
    const queue = [entry];
    for (let place = queue.pop(); place !== undefined; place = queue.pop()) {
      const index = number.get(place);
      if (index === undefined || seen.has(index)) continue;
      seen.add(index);
      const { instructions, last, end } = pieces[index]!;
      const { definition: { name, branches, ends }, immediate } = instructions[instructions.length - 1]!;
      if (name.startsWith('ret')) {
        const targets = found.get(last) ?? new Set();
        for (const site of sites) targets.add(site);
        found.set(last, targets);
        continue;
      }
      const isCall = name.startsWith('call');
      if (isCall || !ends) queue.push(end);
      if (branches && !isCall) queue.push(end + immediate);
      queue.push(...tables.get(last) ?? []);
    }
  }
  return found;
}
