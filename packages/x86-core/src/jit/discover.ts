/*
 * Which instructions a region has.
 *
 * From its entry a region follows fall-through, branches and jumps, breadth first, up to a limit; jumps through a table, to
 * what the table holds now, other indirect ones to where they are known to have gone. Small routines that it calls become part of it, anew for each call:
 * their calls and returns are jumps then, the latter after a look at the return address. Other calls call the callee's region, if there is one. What cannot be in a
 * region (rare instructions, strange addressing) ends a path: there the region is left. So does what nobody has met: most of
 * a program is for what hardly ever happens, and a host takes 10 ms to compile a region well.
 */
import { type Decoder, newInstruction } from '../decode.js';
import { copyInstruction, type Instruction, Repeat } from '../instruction.js';
import { Mode, SegmentRegister } from '../state.js';
import { type Block, cut, successorsOf } from './blocks.js';
import { isReducible } from './structure.js';

const pageSize = 0x1000;
const pageShift = 12;
/** Instructions that a region follows by itself, where there may be so many with the routines it takes in. */
const maxOwn = 200;
/** Routines beyond this many instructions are called, not taken in. */
const maxRoutine = 60;
/** How deep calls within a region nest, and how often a routine may be among those that it is called by. */
const deepest = 8;
const mostRecursions = 1;
/** How far a region's code may be from its entry's page, in bytes: exits have room for that (region-builder.ts). */
const farthest = 4_000_000;
/** Instructions that no region can have, one behind the other, for which it is worth while to look further. */
const mostRare = 4;
/** Entries of a jump table that are looked at. */
const maxTable = 64;

/** What code may depend on. */
export interface CodeContext {
  /** Machine memory. */
  readonly bytes: Uint8Array;
  /** Is there decoded code at an offset? The interpreter has been there then, or just before it. */
  readonly isMet: (offset: number) => boolean;
  /** Where a page begins in it, by its number from the entry's; undefined when it has no decoded code. */
  readonly pageAt: (index: number) => number | undefined;
  /** A 32-bit word at a linear address, as an offset from the entry's page; undefined when it cannot be read. */
  readonly peekOffset: (linear: number) => number | undefined;
  /** Where an indirect jump or call at an offset has gone, as far as that is known. */
  readonly knownTargets: (offset: number) => readonly number[];
  /** Flat-segment bits of State.mode. */
  readonly mode: number;
  readonly decoder: Decoder;
  /** Instructions of the region at most. */
  readonly maxInstructions: number;
  /** Routines may be taken in. */
  readonly inline: boolean;
  /** Is there a compiled operation for the instruction, ready to be called? */
  readonly hasOperation: (insn: Instruction) => boolean;
}

/** A call: where it is, where it goes (or may go), what is behind it. Places are offsets from the start of the entry's page. */
export interface CallSite {
  readonly at: number;
  readonly target: number;
  readonly end: number;
}

/** Where an indirect jump may go. Places are offsets from the start of the entry's page. */
export interface JumpTargets {
  /** A target may come more than once. */
  readonly targets: readonly number[];
  /** The jump's index register says which of them it is. */
  readonly indexed: boolean;
}

/** What is reached from a place without following calls and returns. */
export interface Walk {
  readonly entry: number;
  readonly instructions: ReadonlyMap<number, Instruction>;
  readonly leaders: ReadonlySet<number>;
  readonly calls: readonly CallSite[];
  /** Where an indirect jump may go, by the jump's place. */
  readonly tables: ReadonlyMap<number, JumpTargets>;
  /** Nothing was left out for want of room. */
  readonly complete: boolean;
}

/** A routine in a region, once for each call of it that is part of the region. */
export interface Routine extends Walk {
  /** Who calls it, and where it returns to; undefined for the region's own. */
  readonly caller: { readonly routine: Routine; readonly end: number } | undefined;
  /** Those it calls, by the call's place and its target. */
  readonly callees: Map<number, Routine[]>;
}

/** Blocks of the region that begins at an offset, the entry first; undefined when there is nothing to be gained. */
export function discover(context: CodeContext, entry: number): Block[] | undefined {
  const own = walk(context, entry, Math.min(maxOwn, context.maxInstructions));
  if (!own.instructions.has(entry)) return undefined;
  const isCode = (offset: number): boolean => decodes(context, offset);
  if (context.inline && own.calls.some(({ at, target }) => target === entry && own.instructions.get(at)!.definition.branches)) {
    // a routine that calls itself can go back to its start, if that makes no loop with two beginnings
    const blocks = cut(takeIn(context, own, true), isCode, true);
    if (isReducible(blocks.map(successorsOf))) return blocks;
  }
  return cut(takeIn(context, own, false), isCode, false);
}

/** A region's own routine, and those that it takes in. @param recursive its calls of itself are left alone */
function takeIn(context: CodeContext, own: Walk, recursive: boolean): Routine[] {
  const walks = new Map<number, Walk>();
  const routines: Routine[] = [{ ...own, caller: undefined, callees: new Map() }];
  if (!context.inline) return routines;
  let size = own.instructions.size;
  // routines that are taken in are appended while we go
  for (const routine of routines) {
    for (const { at, target, end } of routine.calls) {
      if (recursive && target === own.entry) continue;
      if (depthOf(routine) >= deepest || timesIn(routine, target) > mostRecursions) continue;
      const body = walks.get(target) ?? walk(context, target, maxRoutine);
      walks.set(target, body);
      if (!body.complete || !body.instructions.has(target) || size + body.instructions.size > context.maxInstructions) continue;
      size += body.instructions.size;
      const callee = { ...body, caller: { routine, end }, callees: new Map() };
      routine.callees.set(at, [...routine.callees.get(at) ?? [], callee]);
      routines.push(callee);
    }
  }
  return routines;
}

function depthOf({ caller }: Routine): number { return caller === undefined ? 0 : 1 + depthOf(caller.routine); }

/** How often a routine stands in a chain of calls. */
function timesIn({ entry, caller }: Routine, routine: number): number {
  return (entry === routine ? 1 : 0) + (caller === undefined ? 0 : timesIn(caller.routine, routine));
}

function walk(context: CodeContext, entry: number, limit: number): Walk {
  const instructions = new Map<number, Instruction>();
  const leaders = new Set<number>([entry]);
  const calls: CallSite[] = [];
  const tables = new Map<number, JumpTargets>();
  const queue = [entry];
  const mayHave = (offset: number): boolean => Math.abs(offset) <= farthest && context.isMet(offset);
  let complete = mayHave(entry);
  const visit = (offset: number): void => {
    if (!mayHave(offset)) return;
    leaders.add(offset);
    queue.push(offset);
  };
  for (let from = queue.shift(); from !== undefined; from = queue.shift()) {
    for (let at = from; !instructions.has(at);) {
      if (instructions.size >= limit) {
        complete = false;
        break;
      }
      const insn = decodeAt(context, at);
      if (insn === undefined) break;
      instructions.set(at, insn);
      const end = at + insn.length;
      const { definition: { name, branches, ends } } = insn;
      if (name.startsWith('call')) {
        const targets = branches ? [end + insn.immediate] : context.knownTargets(at);
        for (const target of targets) calls.push({ at, target, end });
        visit(end);
      } else if (branches) visit(end + insn.immediate);
      if (name === 'jmp_indirect') {
        const table = indirectTargets(context, insn, at);
        tables.set(at, table);
        for (const target of new Set(table.targets)) visit(target);
      }
      if (ends) break;
      if (branches) {
        visit(end);
        break;
      }
      if (end >> pageShift !== at >> pageShift) {
        // blocks belong to a page each
        visit(end);
        break;
      }
      at = end;
    }
  }
  return { entry, instructions, leaders, calls, tables, complete };
}

function indirectTargets(context: CodeContext, insn: Instruction, at: number): JumpTargets {
  const targets = tableTargets(context, insn);
  return targets.length > 0 ? { targets, indexed: insn.index >= 0 } : { targets: context.knownTargets(at), indexed: false };
}

/** Where a jump through a word in memory may go: what the word, or the table that an index selects it from, holds. */
function tableTargets({ pageAt, peekOffset, mode }: CodeContext, insn: Instruction): number[] {
  const { memory, base, index, scale, displacement, segment } = insn;
  if (!memory || base >= 0 || (index >= 0 && scale !== 2) || (mode & flatBit(segment)) === 0) return [];
  const found: number[] = [];
  for (let i = 0; i < (index < 0 ? 1 : maxTable); i++) {
    const offset = peekOffset((displacement + 4 * i) >>> 0);
    if (offset === undefined || pageAt(offset >> pageShift) === undefined) break;
    found.push(offset);
  }
  return found;
}

const scratch = newInstruction();

/** Is there an instruction at an offset that may be part of a region? It is in `scratch` then. */
function decodes(context: CodeContext, at: number): boolean { return isThere(context, at) && canCompile(scratch, context); }

/** Is there an instruction at an offset? It is in `scratch` then. */
function isThere(context: CodeContext, at: number): boolean {
  const { bytes, pageAt, decoder } = context;
  const base = pageAt(at >> pageShift);
  if (base === undefined) return false;
  const start = base + (at & (pageSize - 1));
  const end = base + pageSize;
  if (decoder.decode(scratch, bytes, start, end, true)) return true;
  const next = pageAt((at >> pageShift) + 1);
  return next !== undefined && decoder.decodeAcross(scratch, bytes, start, end, next, true);
}

/** Where a region can begin: at an offset, or close behind it, if no region can have the instructions between, but control gets past them. */
export function beginning(context: CodeContext, entry: number): number {
  let at = entry;
  for (let i = 0; i < mostRare && isThere(context, at); i++) {
    const { definition: { branches, ends }, length } = scratch;
    if (canCompile(scratch, context)) return at;
    if (branches || ends) break;
    at += length;
  }
  return entry;
}

/** A copy of it. */
function decodeAt(context: CodeContext, at: number): Instruction | undefined {
  return decodes(context, at) ? copyInstruction(scratch) : undefined;
}

/** Regions may have the x87's registers elsewhere. */
const movesRegisters = /^(fxsave|fxrstor)$/;
const usesStack = /^(push|pop|call|call_indirect|ret|ret_pop|leave)$/;

function canCompile(insn: Instruction, { mode, hasOperation }: CodeContext): boolean {
  const { definition } = insn;
  if (insn.addressSize === 2) return false;
  if (insn.lock && definition.findCall && !definition.lockable) return false;
  if (definition.string) {
    const flat = flatBit(insn.segment);
    if (flat === 0 || (mode & (flat | Mode.flatEs)) !== (flat | Mode.flatEs)) return false;
    return insn.repeat === Repeat.none || hasOperation(insn);
  }
  if (definition.findCall) return hasOperation(insn);
  if (movesRegisters.test(definition.name)) return false;
  // MOV from a segment register writes two bytes of memory
  if (definition.shortcut) return insn.operandSize === 4 && !(insn.memory && definition.uses[0] === 'w') && (mode & Mode.flatSs) !== 0;
  if (!definition.execute || !definition.hot || (definition.bitString && insn.size !== 4)) return false;
  if ((definition.ends || definition.branches) && insn.operandSize === 2) return false;
  return !usesStack.test(definition.name) || (mode & Mode.flatSs) !== 0;
}

/** The mode bit that says whether a segment is flat; 0 for segments that never count as flat. */
export function flatBit(segment: number): number {
  return segment === SegmentRegister.ds ? Mode.flatDs : segment === SegmentRegister.ss ? Mode.flatSs
    : segment === SegmentRegister.es ? Mode.flatEs : 0;
}
