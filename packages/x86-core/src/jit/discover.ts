/*
 * Which instructions a region has.
 *
 * From its entry a region follows fall-through, branches and jumps, breadth first, up to a limit; jumps through a table, to
 * what the table holds now. Small routines that it calls become part of it: their calls and returns are jumps then, the
 * latter after a look at the return address. Other calls call the callee's region, if there is one. What cannot be in a
 * region (rare instructions, strange addressing) ends a path: there the region is left.
 */
import { type Decoder, newInstruction } from '../decode.js';
import { copyInstruction, type Instruction, Repeat } from '../instruction.js';
import { Mode, SegmentRegister } from '../state.js';
import { cut, type Block } from './blocks.js';

const pageSize = 0x1000;
const pageShift = 12;
/** Instructions that a region follows by itself, and with the routines it takes in. */
const maxOwn = 200;
const maxInstructions = 320;
/** Routines beyond this many instructions are called, not taken in. */
const maxRoutine = 60;
/** Entries of a jump table that are looked at. */
const maxTable = 64;

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

/** A direct call: where it is, where it goes, what is behind it. All places are offsets from the start of the entry's page. */
interface CallSite {
  readonly at: number;
  readonly target: number;
  readonly end: number;
}

/** What is reached from a place without following calls and returns. */
interface Walk {
  readonly instructions: Map<number, Instruction>;
  readonly leaders: Set<number>;
  readonly calls: CallSite[];
  /** Where a jump through a table may go, by the jump's place. */
  readonly tables: Map<number, readonly number[]>;
  /** Nothing was left out for want of room. */
  readonly complete: boolean;
}

/** Blocks of the region that begins at an offset, the entry first; undefined when there is nothing to be gained. */
export function discover(context: CodeContext, entry: number): Block[] | undefined {
  const code = walk(context, entry, maxOwn, new Map());
  if (!code.instructions.has(entry)) return undefined;
  /** Routines that are part of the region → behind which of its calls they return. */
  const routines = new Map<number, Set<number>>([[entry, new Set()]]);
  const inlined = new Set<number>();
  // calls of routines that are taken in are appended while we go
  for (const { at, target, end } of code.calls) {
    let sites = routines.get(target);
    if (sites === undefined) {
      const body = walk(context, target, Math.min(maxRoutine, maxInstructions - code.instructions.size), code.instructions);
      if (!body.complete) continue;
      for (const [place, insn] of body.instructions) code.instructions.set(place, insn);
      for (const place of body.leaders) code.leaders.add(place);
      for (const [place, targets] of body.tables) code.tables.set(place, targets);
      code.calls.push(...body.calls);
      routines.set(target, (sites = new Set()));
    }
    sites.add(end);
    inlined.add(at);
  }
  return cut({ entry, routines, inlined, isCode: (offset) => decodeAt(context, offset) !== undefined, ...code });
}

/** @param known instructions that cost nothing: the region has them already */
function walk(context: CodeContext, entry: number, limit: number, known: ReadonlyMap<number, Instruction>): Walk {
  const instructions = new Map<number, Instruction>();
  const leaders = new Set<number>([entry]);
  const calls: CallSite[] = [];
  const tables = new Map<number, readonly number[]>();
  const queue = [entry];
  let complete = context.pageAt(entry >> pageShift) !== undefined;
  let added = 0;
  const visit = (offset: number): void => {
    if (context.pageAt(offset >> pageShift) === undefined) return;
    leaders.add(offset);
    queue.push(offset);
  };
  for (let from = queue.shift(); from !== undefined; from = queue.shift()) {
    for (let at = from; !instructions.has(at);) {
      if (added >= limit) {
        complete = false;
        break;
      }
      const insn = decodeAt(context, at);
      if (insn === undefined) break;
      instructions.set(at, insn);
      if (!known.has(at)) added++;
      const end = at + insn.length;
      const { definition: { name, branches, ends } } = insn;
      if (name.startsWith('call')) {
        if (branches) calls.push({ at, target: end + insn.immediate, end });
        visit(end);
      } else if (branches) visit(end + insn.immediate);
      if (name === 'jmp_indirect') {
        const table = tableTargets(context, insn);
        tables.set(at, table);
        for (const target of table) visit(target);
      }
      if (ends) break;
      if (branches) {
        visit(end);
        break;
      }
      at = end;
    }
  }
  return { instructions, leaders, calls, tables, complete };
}

/** Where a jump through a word in memory may go: what the word, or the table that an index selects it from, holds. */
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

const scratch = newInstruction();

/** A copy of the instruction at an offset, if it may be part of a region. */
function decodeAt(context: CodeContext, at: number): Instruction | undefined {
  const { bytes, pageAt, decoder } = context;
  const base = pageAt(at >> pageShift);
  if (base === undefined || !decoder.decode(scratch, bytes, base + (at & (pageSize - 1)), base + pageSize, true)) return undefined;
  return canCompile(scratch, context) ? copyInstruction(scratch) : undefined;
}

const usesStack = /^(push|pop|call|call_indirect|ret|ret_pop|leave)$/;

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
