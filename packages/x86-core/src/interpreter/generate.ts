/*S:330
 * The interpreter writes itself.
 *
 * This file generates a WebAssembly function, and a few more for what is seldom (rooms.ts): a branch table over the record's
 * handler number, a handler per shape written by HandlerBuilder from the instruction's definition, and the few common paths
 * they share. The lazy flags, the budget and the table bases live in the function's locals; everything else is in memory.
 */
import { definitionOf } from '../definition.js';
import { firstPlace, tableSize } from '../operations/operation.js';
import { Layout, State } from '../state.js';
import { encodeModule, type FunctionBody, type FunctionType, noResult, Op, ValueType } from '../wasm/encoder.js';
import { callRegion } from './call-region.js';
import { writeDecodeRun, writeFindOrDecode } from './decode-run.js';
import { firstRoom, HandlerBuilder, hostOfWrite, Label, lazyFlags, Local, operationType, type Shape } from './handler-builder.js';
import { Handler, Status } from './handlers.js';
import { writeHostOfWrite } from './host-of-write.js';
import { Output, type Statement } from './node.js';
import { findRecord, pageMask, pushRecordEip, reload, spill } from './paths.js';
import { Field, MemoryForm, recordSize } from './record.js';
import { everyRoom, goesWithX87, only, Room, roomCount, roomOf, type Rooms } from './rooms.js';
import { callKey, callShapes, inlineKey, keyOf, selectFusedShapes, selectInlineShapes, selectPairs, selectShapes } from './shapes.js';
import { absent } from '../translation.js';
import type { UndefinedResults } from '../undefined-results.js';

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

const { i32, i64 } = ValueType;
const imports = [
  { name: 'step', type: { parameters: [i32, i32], results: [i32] } },
  { name: 'fill', type: { parameters: [i32, i32, i32], results: [i32] } },
  { name: 'decodeOne', type: { parameters: [i32, i32, i32], results: [i32] } },
] satisfies { name: string; type: FunctionType }[];
const importStep = 0;
const importFill = 1;
/** Functions: imported ones come first, then run(), then these, hostOfWrite(), and the other rooms. */
const numbers = { decodeOne: 2, decodeRun: 4, findOrDecode: 5, linkHandler: Handler.link };
/** hostOfWrite() among the module's own functions. */
const ownHostOfWrite = 3;
/** The most bytes that an instruction writes in one place. */
const mostWritten = 16;

/** Leave the function with a status; EIP is on the stack below via `eip`. */
function leave(out: Output, status: number, eip: () => void): void {
  spill(out);
  out.constant(0);
  eip();
  out.memory(Op.i32Store, State.eip);
  out.constant(status);
  out.op(Op.return);
}

/** Take the run at Local.record out of the budget, or leave. Falls through when there is enough. */
function charge(out: Output): void {
  out.get(Local.budget);
  out.get(Local.record);
  out.memory(Op.i32Load16u, Field.remaining);
  out.op(Op.i32Sub);
  out.tee(Local.budget);
  out.constant(0);
  out.op(Op.i32LtS, Op.if, noResult);
  out.get(Local.budget);
  out.get(Local.record);
  out.memory(Op.i32Load16u, Field.remaining);
  out.op(Op.i32Add);
  out.set(Local.budget);
  leave(out, Status.budget, () => pushRecordEip(out));
  out.op(Op.end);
}

/** Local.eip → Local.record and Local.pageBase, or leave for the engine. */
function lookup(out: Output): void {
  const goTo = (): void => {
    out.get(Local.eip);
    out.constant(~pageMask);
    out.op(Op.i32And);
    out.set(Local.pageBase);
    charge(out);
    out.branch(Op.br, Label.top);
  };
  findRecord(out, (record) => {
    out.get(record);
    out.set(Local.record);
    goTo();
  });
  // nobody has been there yet
  out.get(Local.eip);
  out.get(Local.codeTable);
  out.op(Op.call);
  out.code.unsigned(numbers.findOrDecode);
  out.tee(Local.record);
  out.op(Op.if, noResult);
  out.level++;
  goTo();
  out.level--;
  out.op(Op.end);
  leave(out, Status.lookup, () => out.get(Local.eip));
}

/**
 * The direct branch at Local.record has no link yet and goes to Local.eip. Within a page the link can be set once and
 * for all: records of a page go together. Falls through when that is not so, or there is nothing to link to.
 */
function link(out: Output): void {
  out.get(Local.eip);
  out.get(Local.pageBase);
  out.op(Op.i32Xor);
  out.constant(~pageMask);
  out.op(Op.i32And, Op.i32Eqz, Op.if, noResult);
  out.level++;
  findRecord(out, (record) => {
    out.get(Local.record);
    out.get(record);
    out.memory(Op.i32Store, Field.link);
  });
  out.level--;
  out.op(Op.end);
}

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

/** A handler's code, and the rooms it is in. */
interface Written {
  readonly rooms: Rooms;
  /** The handler of a pair's first half, for rooms that have just that; -1 for others. */
  readonly half: number;
  readonly body: (out: Output) => void;
}

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
    table: { size: tableSize, offset: firstPlace.hostOfWrite, elements: [ownHostOfWrite] },
    functions: [
      writeRoom('run', Room.usual, written), writeDecodeRun(numbers), writeFindOrDecode(numbers), writeHostOfWrite(),
      ...Array.from({ length: roomCount - 1 }, (_, i) => writeRoom('', i + 1, written)),
    ],
  });
  return { code, handlers, fused, pairs, calls, inline, plain };
}

/** The function of a room: from record to record, by their handlers. */
function writeRoom(name: string, room: number, written: readonly Written[]): FunctionBody {
  const own = written.map((_, handler) => handler).filter((handler) => (written[handler]!.rooms & only(room)) !== 0);
  const doors: ((out: Output) => void)[] = room === Room.usual
    ? Array.from({ length: roomCount - 1 }, (_, i) => (out) => enterRoom(out, i + 1))
    : [leaveRoom];
  const bodies = [...own.map((handler) => written[handler]!.body), ...doors];
  const places = new Map(own.map((handler, place) => [handler, place]));
  const doorTo = ({ rooms }: Written): number => own.length + (room === Room.usual ? 31 - Math.clz32(rooms) - 1 : 0);

  const out = new Output(Local.firstTemporary, Local.firstWide);
  reload(out);
  out.op(Op.loop, noResult);
  const labels = Label.handlers - Label.top;
  for (let i = 0; i < labels + bodies.length; i++) out.op(Op.block, noResult);
  out.get(Local.record);
  out.memory(Op.i32Load16u, Field.handler);
  out.code.byte(Op.brTable);
  out.code.unsigned(written.length - 1);
  written.forEach((one, handler) => out.code.unsigned(places.get(handler) ?? places.get(one.half) ?? doorTo(one)));
  bodies.forEach((body, place) => {
    out.op(Op.end);
    out.level = Label.handlers + (bodies.length - 1 - place);
    out.resetLocals();
    body(out);
  });
  commonPaths(out);
  out.op(Op.end);
  // the loop never falls out of its end
  out.constant(0);

  const locals = [
    ...new Array<number>(Local.firstWide - 2).fill(i32),
    ...new Array<number>(Local.wideCount).fill(i64),
    ...new Array<number>(out.most32).fill(i32),
  ];
  return { name, type: { parameters: [i32, i32], results: [i32] }, locals, code: out.code.view() };
}

/** The record at hand is another room's: go on where that comes back, if it does not leave for the engine. */
function enterRoom(out: Output, room: number): void {
  const status = Local.eip;
  spill(out);
  out.get(Local.record);
  out.get(Local.pageBase);
  out.op(Op.call);
  out.code.unsigned(firstRoom + room - 1);
  out.tee(status);
  out.constant(Status.elsewhere);
  out.op(Op.i32Ne, Op.if, noResult);
  out.get(status);
  out.op(Op.return, Op.end);
  reload(out);
  out.reload(Local.record, State.nextRecord);
  out.reload(Local.pageBase, State.nextPageBase);
  out.branch(Op.br, Label.top);
}

/** The record at hand is none of this room's. */
function leaveRoom(out: Output): void {
  spill(out);
  out.spill(Local.record, State.nextRecord);
  out.spill(Local.pageBase, State.nextPageBase);
  out.constant(Status.elsewhere);
  out.op(Op.return);
}

/** Local.record misses with a write to Local.address: that may be data beside code. If so, it is executed by other handlers. */
function writeBesideCode(out: Output): void {
  out.constant(0);
  out.memory(Op.i32Load, State.besideCode);
  out.op(Op.if, noResult);
  out.level++;
  out.get(Local.address);
  out.constant(mostWritten);
  out.constant(0);
  out.op(Op.call);
  out.code.unsigned(hostOfWrite);
  out.constant(absent);
  out.op(Op.i32Ne, Op.if, noResult);
  out.level++;
  spill(out);
  out.get(Local.record);
  out.get(Local.pageBase);
  out.constant(0);
  out.constant(firstPlace.besideCode);
  out.op(Op.callIndirect);
  out.code.unsigned(operationType);
  out.op(0, Op.i32Eqz, Op.if, noResult);
  out.level++;
  for (const [local, address] of lazyFlags) out.reload(local, address);
  goOn(out);
  for (let i = 0; i < 3; i++) {
    out.level--;
    out.op(Op.end);
  }
}

/** Behind the instruction at Local.record. */
function goOn(out: Output): void {
  out.get(Local.record);
  out.constant(recordSize);
  out.op(Op.i32Add);
  out.set(Local.record);
  out.branch(Op.br, Label.top);
}

/** What follows the handlers: the labels they leave to, innermost first. */
function commonPaths(out: Output): void {
  // each `end` closes the block whose label is the level before it
  out.op(Op.end);
  out.level = Label.enter - 1;
  charge(out);
  out.branch(Op.br, Label.top);
  out.op(Op.end);
  out.level = Label.link - 1;
  link(out);
  out.op(Op.end);
  out.level = Label.lookup - 1;
  lookup(out);
  for (const [label, kind] of [[Label.missRead, 0], [Label.missWrite, 1]] as const) {
    out.op(Op.end);
    out.level = label - 1;
    if (label === Label.missWrite) writeBesideCode(out);
    // filled: try the same record again
    out.get(Local.address);
    out.constant(kind);
    out.get(Local.record);
    out.op(Op.call);
    out.code.unsigned(importFill);
    out.branch(Op.brIf, Label.top);
    out.branch(Op.br, Label.step);
  }
  out.op(Op.end);
  out.level = Label.step - 1;
  spill(out);
  out.get(Local.record);
  out.get(Local.pageBase);
  out.op(Op.call);
  out.code.unsigned(importStep);
  out.op(Op.if, noResult);
  out.constant(Status.unwind);
  out.op(Op.return, Op.end);
  reload(out);
  goOn(out);
}
