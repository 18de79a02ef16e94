/*
 * From blocks to a WebAssembly module with one function: a region.
 */
import { State } from '../state.js';
import { encodeModule } from '../wasm/encoder.js';
import type { FunctionBuilder, Value } from '../wasm/function-builder.js';
import { OperationBuilder } from '../operations/operation.js';
import type { Block } from './discover.js';
import { RegionBuilder, type RegionContext, type Terminator } from './region-builder.js';
import { emitStructured } from './structure.js';

/** What RegionContext has, and where the module goes. */
export interface CompileContext extends RegionContext {
  readonly memoryPages: number;
  /** The base of the tables that accesses at this privilege are looked up in (State.tlbRead). */
  readonly readTable: number;
  /** The base of the tables of decoded code (State.codeTable). */
  readonly codeTables: number;
  /** Pages beside the entry's: their number from it, and the table of decoded code that must still be theirs. */
  readonly otherPages: readonly { readonly index: number; readonly table: number }[];
}

const pageShift = 12;
const pageNumberMask = 0xf_ffff;

/**
 * Compile a region. The function takes the page's linear address, and returns with State.eip on the next instruction. It may
 * have executed none: then State.budget is what it was.
 */
export function compileRegion(blocks: readonly Block[], context: CompileContext): Uint8Array<ArrayBuffer> {
  const f = new OperationBuilder();
  const state = (address: number): Value => f.load('i32.load', f.i32(0), address);
  f.when(f.do('i32.ne', state(State.tlbRead), f.i32(context.readTable)), () => f.leave(f.i32(0)));
  for (const { index, table } of context.otherPages) {
    const page = f.do('i32.add', f.do('i32.shr_u', f.parameter(0), f.i32(pageShift)), f.i32(index));
    const entry = f.load('i32.load', f.do('i32.shl', f.do('i32.and', page, f.i32(pageNumberMask)), f.i32(2)), context.codeTables);
    f.when(f.do('i32.ne', entry, f.i32(table)), () => f.leave(f.i32(0)));
  }
  const b = new RegionBuilder(f, f.parameter(0), context);
  const terminal = f.variable(f.i32(0));
  b.frame(() => emitStructured(blocks.map(successorsOf), {
    loop: (body) => f.loop(body),
    block: (body) => { f.block([], (exit) => body(() => exit())); },
    code: (node, goTo) => {
      const block = blocks[node]!;
      f.scope(() => {
        writeBlock(b, block);
        if (b.terminator?.kind === 'branch') terminal.set(b.terminator.condition);
        else if (b.terminator?.kind === 'indirect') terminal.set(b.terminator.eip);
      });
      const jump = (successor: number, offset: number): void => {
        if (successor < 0 || !goTo(successor)) b.leaveTo(offset);
      };
      const target = block.end + block.instructions[block.instructions.length - 1]!.immediate;
      switch ((b.terminator as Terminator | undefined)?.kind) {
        case 'branch':
          f.when(terminal.get(), () => jump(block.target, target));
          return jump(block.next, block.end);
        case 'jump': return jump(block.target, target);
        case 'indirect':
          guess(f, blocks, block.guesses, b.offsetOf(terminal.get()), jump);
          return b.leaveAt(terminal.get());
        default: jump(block.next, block.end);
      }
    },
  }));
  f.leave(f.i32(0));
  return encodeModule({ memoryPages: context.memoryPages, imports: [], functions: [f.finish('region')] });
}

/** Go to the block at an offset, if it is one of those guessed: a search by halves. */
function guess(f: FunctionBuilder, blocks: readonly Block[], guesses: readonly number[], offset: Value, jump: (block: number, offset: number) => void): void {
  if (guesses.length <= 2) {
    for (const block of guesses) {
      const { start } = blocks[block]!;
      f.when(f.do('i32.eq', offset, f.i32(start)), () => jump(block, start));
    }
    return;
  }
  const half = guesses.length >> 1;
  const below = f.do('i32.lt_s', offset, f.i32(blocks[guesses[half]!]!.start));
  f.when(below, () => guess(f, blocks, guesses.slice(0, half), offset, jump), () => guess(f, blocks, guesses.slice(half), offset, jump));
}

/** In the order compileRegion() transfers to them. */
function successorsOf({ target, next, guesses }: Block): number[] {
  return [target, next, ...guesses].filter((block) => block >= 0);
}

function writeBlock(b: RegionBuilder, { start, instructions }: Block): void {
  b.beginBlock();
  b.charge(start, instructions.length);
  let at = start;
  instructions.forEach((insn, i) => {
    b.instruction(insn, at, instructions.length - i);
    at += insn.length;
  });
}
