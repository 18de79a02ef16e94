/*S:330
 * The interpreter writes itself.
 *
 * This file generates a WebAssembly function, and a few more for what is seldom (rooms.ts). Each has a handler per shape,
 * written by HandlerBuilder from the instruction's definition; what else is in it is told in room-function.ts. The lazy
 * flags, the budget and the table bases live in the function's locals; everything else is in memory.
 */
import { definitionOf } from '../definition.js';
import { firstPlace, tableSize } from '../operations/operation.js';
import { Layout } from '../state.js';
import type { UndefinedResults } from '../undefined-results.js';
import { encodeModule, type FunctionType, Op, ValueType } from '../wasm/encoder.js';
import { callRegion } from './call-region.js';
import { writeDecodeRun, writeFindOrDecode } from './decode-run.js';
import { HandlerBuilder, Label, Local, type Shape } from './handler-builder.js';
import { Handler, Status } from './handlers.js';
import { writeHostOfWrite } from './host-of-write.js';
import type { Output, Statement } from './node.js';
import { FunctionNumber, importedFunctions } from './numbers.js';
import { pushRecordEip } from './paths.js';
import { Field, MemoryForm, recordSize } from './record.js';
import { leave, type Written, writeRoom } from './room-function.js';
import { everyRoom, goesWithX87, only, Room, roomCount, roomOf, type Rooms } from './rooms.js';
import { callKey, callShapes, inlineKey, keyOf, selectFusedShapes, selectInlineShapes, selectPairs, selectShapes } from './shapes.js';

/** What generate() yields: the module's bytes and the numbers of its handlers. */
export interface GeneratedInterpreter {
  readonly code: Uint8Array<ArrayBuffer>;
  /** shapeKey → handler. */
  readonly handlers: ReadonlyMap<number, number>;
  /** shapeKey × 16 + condition → handler of the fused pair. */
  readonly fused: ReadonlyMap<number, number>;
  /** shapeKey of the first → shapeKey of the second → handler of the pair. */
  readonly pairs: ReadonlyMap<number, ReadonlyMap<number, number>>;
  /** callKey → handler. */
  readonly calls: ReadonlyMap<number, number>;
  /** inlineKey → handler. */
  readonly inline: ReadonlyMap<number, number>;
  /** For each handler its unfused form (itself, mostly). */
  readonly plain: Uint16Array;
}

const { i32 } = ValueType;
const imports = [
  { name: 'step', type: { parameters: [i32, i32], results: [i32] } },
  { name: 'fill', type: { parameters: [i32, i32, i32], results: [i32] } },
  { name: 'decodeOne', type: { parameters: [i32, i32, i32], results: [i32] } },
] satisfies { name: string; type: FunctionType }[];
const numbers = { ...FunctionNumber, linkHandler: Handler.link };

/** The code of the pseudo handlers, by number. */
const pseudo: readonly ((out: Output) => void)[] = [
  (out) => out.branch(Op.br, Label.step),
  (out) => {
    pushRecordEip(out);
    out.set(Local.eip);
    out.branch(Op.br, Label.lookup);
  },
  (out) => leave(out, Status.budget, () => pushRecordEip(out)),
  (out) => {
    // the code table of the following virtual page must be the one noted in `immediate`
    out.get(Local.pageBase);
    out.constant(0x1000);
    out.op(Op.i32Add);
    out.constant(10);
    out.op(Op.i32ShrU);
    out.get(Local.codeTable);
    out.op(Op.i32Add);
    out.memory(Op.i32Load, 0);
    out.get(Local.record);
    out.memory(Op.i32Load, Field.immediate);
    out.op(Op.i32Ne);
    out.branch(Op.brIf, Label.step);
    out.get(Local.record);
    out.constant(recordSize);
    out.op(Op.i32Add);
    out.set(Local.record);
    out.branch(Op.br, Label.top);
  },
  callRegion,
];

/** What every machine's memory has, in pages of 64 KiB. */
const leastMemoryPages = Layout.physical >>> 16;

/** Calls of operations have no shape of their own. */
export const noShape: Shape = { definition: definitionOf('nop'), size: 4, operandSize: 4, kinds: [], sizes: [], memory: MemoryForm.none };

/** Generate the interpreter. It runs over the memory of any machine. */
export function generateInterpreter(undefinedResults: UndefinedResults): GeneratedInterpreter {
  const shapes = selectShapes();
  const fusedShapes = selectFusedShapes(shapes);
  const handlers = new Map<number, number>();
  const fused = new Map<number, number>();
  const shapePairs = selectPairs(shapes);
  const pairs = new Map<number, Map<number, number>>();
  const inlineShapes = selectInlineShapes();
  const inline = new Map<number, number>();
  const count = Handler.first + shapes.length + fusedShapes.length + shapePairs.length + callShapes.length + inlineShapes.length;
  const calls = new Map<number, number>();
  const plain = Uint16Array.from({ length: count }, (_, handler) => (handler === Handler.region ? Handler.step : handler));
  const written: Written[] = pseudo.map((body, handler) => ({ rooms: handler === Handler.region ? only(Room.usual) : everyRoom, half: -1, body }));
  const write = (rooms: Rooms, make: () => Statement[], half = -1): void => { written.push({ rooms, half, body: (out) => out.statements(make()) }); };
  const roomsOf = (shape: Shape): Rooms => only(roomOf(shape)) | (goesWithX87(shape) ? only(Room.x87) : 0);
  for (const shape of shapes) {
    handlers.set(keyOf(shape), written.length);
    write(roomsOf(shape), () => new HandlerBuilder(shape, undefinedResults).build());
  }
  for (const { first, condition } of fusedShapes) {
    const key = keyOf(first);
    fused.set(key * 16 + condition, written.length);
    plain[written.length] = handlers.get(key)!;
    write(roomsOf(first), () => new HandlerBuilder(first, undefinedResults).buildWithBranch(condition));
  }
  for (const { first, second } of shapePairs) {
    const key = keyOf(first);
    let seconds = pairs.get(key);
    if (seconds === undefined) pairs.set(key, (seconds = new Map()));
    seconds.set(keyOf(second), written.length);
    plain[written.length] = handlers.get(key)!;
    write(only(Room.usual), () => new HandlerBuilder(first, undefinedResults).buildWithNext(second), handlers.get(key));
  }

  for (const shape of callShapes) {
    calls.set(callKey(shape), written.length);
    const room = shape.memory === MemoryForm.segmented ? Room.segmented : Room.usual;
    write(only(room), () => new HandlerBuilder(noShape, undefinedResults).buildCall(shape));
  }
  for (const shape of inlineShapes) {
    const { operation } = shape;
    inline.set(inlineKey(shape), written.length);
    const memory = shape.memory === MemoryForm.none ? MemoryForm.none : MemoryForm.indexed;
    plain[written.length] = calls.get(callKey({ ...operation, memory }))!;
    write(only(Room.x87), () => new HandlerBuilder(noShape, undefinedResults).buildInline(operation, shape.memory));
  }

  const code = encodeModule({
    memoryPages: leastMemoryPages,
    imports,
    types: [{ parameters: [i32, i32, i32], results: [i32] }],
    table: { size: tableSize, offset: firstPlace.hostOfWrite, elements: [FunctionNumber.hostOfWrite - importedFunctions] },
    functions: [
      writeRoom('run', Room.usual, written), writeDecodeRun(numbers), writeFindOrDecode(numbers), writeHostOfWrite(),
      ...Array.from({ length: roomCount - 1 }, (_, i) => writeRoom('', i + 1, written)),
    ],
  });
  return { code, handlers, fused, pairs, calls, inline, plain };
}
