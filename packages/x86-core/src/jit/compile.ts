/*
 * From blocks to a WebAssembly function: a region.
 */
import { State } from '../state.js';
import type { FunctionBody } from '../wasm/encoder.js';
import type { Value } from '../wasm/function-builder.js';
import { OperationBuilder } from '../operations/operation.js';
import { without } from './assumptions.js';
import { type Block, successorsOf } from './blocks.js';
import { pathLengths } from './budget.js';
import { placeOf } from './dispatch.js';
import { noteTarget } from './call-profiles.js';
import { guess } from './guesses.js';
import { type Knowledge, RegionBuilder, type RegionContext } from './region-builder.js';
import { functionName } from './regions.js';
import { emitStructured, reversePostorder } from './structure.js';

/** What RegionContext has, and what the region's surroundings are. */
export interface CompileContext extends RegionContext {
  /** The base of the tables that accesses at this privilege are looked up in (State.tlbRead). */
  readonly readTable: number;
  /** The base of the tables of decoded code (State.codeTable). */
  readonly codeTables: number;
  /** Pages the region has code of, by their number from the entry's: the table of decoded code that must still be theirs. */
  readonly pages: ReadonlyMap<number, number>;
  /** The address of a word that holds the place, in the table of functions, of the region that begins at an offset. */
  readonly linkTo: (offset: number) => number | undefined;
  /** Address of a profile to be filled by the indirect call or jump at an offset, if it wants one. */
  readonly profileOf: (offset: number) => number | undefined;
  readonly tailCalls: boolean;
  /** Calls of routines that are not part of the region come back to it. */
  readonly calls: boolean;
  /** Linear address of the entry's page, if each instruction's code is to begin with a mark: the instruction's address. */
  readonly marks: number | undefined;
  /** Place of a function that does nothing but return the EIP it is given. */
  readonly nowhere: number;
}

const pageShift = 12;
/** Values and actions built in a step, about, and statements put into bytes: the guest waits meanwhile. An instruction has some 25, one of the x87's 150. */
const builtAtOnce = 1000;
const statementsAtOnce = 2000;

/** A region as a function that may call those in the table, and the budget without which it does not begin. */
export interface CompiledRegion {
  readonly body: FunctionBody;
  readonly needed: number;
}

/**
 * Compile a region, in steps between which the guest may go on. The function takes its entry's EIP and how deep regions may
 * still call each other, and returns the EIP of the next instruction. It may have executed none: then State.budget is what it was.
 */
export function* compileRegion(blocks: readonly Block[], context: CompileContext): Generator<void, CompiledRegion> {
  let { assumptions } = context;
  for (;;) {
    const { conflicts, needed, finish } = yield* writeRegion(blocks, { ...context, assumptions });
    yield;
    if (conflicts.size === 0) return { body: yield* finish(), needed };
    assumptions = without(assumptions, conflicts);
  }
}

/** A region written, and not yet put into bytes. */
interface Draft {
  /** Assumptions that it must be written without. */
  readonly conflicts: ReadonlySet<number>;
  readonly needed: number;
  finish(): Generator<void, FunctionBody>;
}

function* writeRegion(blocks: readonly Block[], context: CompileContext): Generator<void, Draft> {
  const f = new OperationBuilder();
  const eip = f.parameter(0);
  const state = (address: number): Value => f.load('i32.load', f.i32(0), address);
  f.when(f.do('i32.ne', state(State.tlbRead), f.i32(context.readTable)), () => f.leave(eip));
  const codeTables = f.i32(context.codeTables);
  const b = new RegionBuilder(f, f.do('i32.sub', eip, f.i32(blocks[0]!.start)), f.parameter(1), context);
  const entryPage = blocks[0]!.start >> pageShift;
  /** Not 0: a page's code is not what it was, or not mapped, or nobody has been there since translations went. */
  const isStrange = (page: number): Value => {
    const slot = f.do('i32.shl', f.do('i32.shr_u', b.eipOf(page << pageShift), f.i32(pageShift)), f.i32(2));
    return f.do('i32.ne', f.load('i32.load', slot, context.codeTables), f.i32(context.pages.get(page)!));
  };
  f.when(isStrange(entryPage), () => f.leave(eip));
  const successors = blocks.map(successorsOf);
  const order = reversePostorder(successors);
  const position = new Map(order.map((node, i) => [node, i]));
  const lengths = pathLengths(blocks, successors, order);
  /** What is known where blocks are reached from, and which pages' code has been looked at by then. */
  const known = new Map<number, { readonly values: Knowledge; readonly pages: ReadonlySet<number> }>();
  const steps = emitStructured(successors, {
    hole: () => f.hole(),
    loop: (body) => f.loop(body),
    block: (body) => { f.block([], (exit) => body(() => exit())); },
    code: (node, goTo, only) => f.scope(() => {
      const block = blocks[node]!;
      const before = only ? known.get(node) : undefined;
      const pages = new Set(before?.pages ?? [entryPage, block.start >> pageShift]);
      b.beginBlock(node, before?.values, lengths[node]!);
      writeInstructions(b, block, (at) => {
        if (context.marks !== undefined) f.mark(context.marks + at);
      }, (page) => {
        if (!pages.has(page)) b.leaveBefore(isStrange(page));
        pages.add(page);
      });
      const { terminator, returns } = b;
      // what follows writes further blocks, each of which goes on from here
      let end = b.endBlock();
      const leave = (offset: number, isCode: boolean): void => {
        const link = isCode ? context.linkTo(offset) : undefined;
        if (link === undefined) b.leaveTo(offset);
        else b.goOn(b.eipOf(offset), state(link));
      };
      const jump = (successor: number, offset: number, isCode: boolean): void => {
        b.resume(end);
        if (successor >= 0 && position.get(successor)! <= position.get(node)!) b.needBudget(offset, lengths[successor]!);
        const page = offset >> pageShift;
        // who gets to a page fetches from it, and no sooner: most ways through a region stay clear of some of its pages
        if (successor >= 0 && !pages.has(page)) b.leaveToWhen(isStrange(page), offset);
        known.set(successor, { values: end, pages: new Set([...pages, page]) });
        if (successor < 0 || !b.arriveAt(successor) || !goTo(successor)) leave(offset, isCode);
      };
      const target = block.end + block.instructions[block.instructions.length - 1]!.immediate;
      const next = (): void => {
        if (block.calls) {
          end = b.endBlock();
          if (block.next >= 0) b.needBudget(block.end, lengths[block.next]!);
        }
        jump(block.next, block.end, block.nextIsCode);
      };
      switch (terminator?.kind) {
        case 'branch':
          f.when(terminator.condition, () => jump(block.target, target, block.targetIsCode));
          return next();
        case 'jump':
          if (!block.calls) return jump(block.target, target, block.targetIsCode);
          if (!context.calls) return leave(target, block.targetIsCode);
          b.callRegion(b.eipOf(target), (block.targetIsCode ? linked(target) : undefined) ?? f.i32(context.nowhere), block.end);
          return next();
        case 'indirect':
          if (terminator.throughGate) return b.goOn(terminator.eip, placeOf(f, terminator.eip, state(State.codeTable), context.nowhere));
          guess(f, blocks, block, b.offsetOf(terminator.eip), terminator.index, (successor) => jump(successor, blocks[successor]!.start, true));
          b.resume(end);
          // a return is what a calling region waits for
          if (returns) return b.leaveAt(terminator.eip);
          note(block.last, terminator.eip);
          if (!block.calls || !context.calls) return b.goOn(terminator.eip, placeOf(f, terminator.eip, codeTables, context.nowhere));
          b.callRegion(terminator.eip, placeOf(f, terminator.eip, codeTables, context.nowhere), block.end);
          return next();
        default: next();
      }
    }),
  });
  const inside = b.frame(context.tailCalls, lengths[0]!);
  for (let done = false, before = f.size; !done;) {
    inside(() => { done = steps.next().done!; });
    if (f.size < before + builtAtOnce) continue;
    before = f.size;
    yield;
  }
  return { conflicts: b.conflicts, needed: lengths[0]!, finish: () => f.finishInSteps(functionName(context.place), statementsAtOnce) };

  function note(offset: number, target: Value): void {
    const profile = context.profileOf(offset);
    if (profile !== undefined) noteTarget(f, profile, target, context.place);
  }

  function linked(offset: number): Value | undefined {
    const link = context.linkTo(offset);
    return link === undefined ? undefined : state(link);
  }
}

/** @param reach an instruction ends in this page, and begins in the one before */
function writeInstructions(b: RegionBuilder, { start, instructions }: Block, mark: (at: number) => void, reach: (page: number) => void): void {
  b.charge(instructions.length);
  let at = start;
  instructions.forEach((insn, i) => {
    mark(at);
    b.beginInstruction(insn, at, instructions.length - i);
    const page = (at + insn.length - 1) >> pageShift;
    if (page !== at >> pageShift) reach(page);
    b.instruction();
    at += insn.length;
  });
}
