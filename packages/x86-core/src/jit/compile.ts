/*
 * From blocks to a WebAssembly module with one function: a region.
 */
import { State } from '../state.js';
import { encodeModule, ValueType } from '../wasm/encoder.js';
import { FunctionBuilder, type Value } from '../wasm/function-builder.js';
import { tableSize } from '../operations/operation.js';
import type { Block } from './discover.js';
import { RegionBuilder, type RegionContext, type Terminator } from './region-builder.js';
import { emitStructured } from './structure.js';

/** What RegionContext has, and where the module goes. */
export interface CompileContext extends Omit<RegionContext, 'operationType'> {
  readonly memoryPages: number;
  /** The base of the tables that accesses at this privilege are looked up in (State.tlbRead). */
  readonly readTable: number;
}

/** Behind the function's own type. */
const operationType = 1;
const { i32 } = ValueType;

/**
 * Compile a region. The function takes the page's linear address, and returns with State.eip on the next instruction. It may
 * have executed none: then State.budget is what it was.
 */
export function compileRegion(blocks: readonly Block[], context: CompileContext): Uint8Array<ArrayBuffer> {
  const f = new FunctionBuilder(['i32', 'i32', 'i32'], ['i32']);
  const state = (address: number): Value => f.load('i32.load', f.i32(0), address);
  f.when(f.do('i32.ne', state(State.tlbRead), f.i32(context.readTable)), () => f.leave(f.i32(0)));
  const b = new RegionBuilder(f, f.parameter(0), { ...context, operationType });
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
          for (const site of block.returns) {
            const { start } = blocks[site]!;
            f.when(f.do('i32.eq', terminal.get(), b.eipOf(start)), () => jump(site, start));
          }
          return b.leaveAt(terminal.get());
        default: jump(block.next, block.end);
      }
    },
  }));
  f.leave(f.i32(0));
  return encodeModule({
    memoryPages: context.memoryPages, imports: [], functions: [f.finish('region')], types: [{ parameters: [i32, i32, i32], results: [i32] }],
    // a module that imports a table has its own copy of it in some hosts: only those that call operations do
    ...(b.callsOperations && { table: { size: tableSize, offset: 0, elements: [] } }),
  });
}

/** In the order compileRegion() transfers to them. */
function successorsOf({ target, next, returns }: Block): number[] {
  return [target, next, ...returns].filter((block) => block >= 0);
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
