/*
 * The function of a room of the interpreter: a branch table over the record's handler number, the handlers that live there,
 * and the few common paths that these share.
 */
import { firstPlace } from '../operations/operation.js';
import { State } from '../state.js';
import { absent } from '../translation.js';
import { type FunctionBody, noResult, Op, ValueType } from '../wasm/encoder.js';
import { Label, lazyFlags, Local } from './handler-builder.js';
import { Status } from './handlers.js';
import { Output } from './node.js';
import { FunctionNumber, operationType } from './numbers.js';
import { findRecord, pageMask, pushRecordEip, reload, spill } from './paths.js';
import { Field, recordSize } from './record.js';
import { homeOf, only, Room, roomCount, type Rooms } from './rooms.js';

const { i32 } = ValueType;
/** The most bytes that an instruction writes in one place. */
const mostWritten = 16;

/** A handler's code, and the rooms it is in. */
export interface Written {
  readonly rooms: Rooms;
  /** The handler of a pair's first half, for rooms that have just that; -1 for others. */
  readonly half: number;
  readonly body: (out: Output) => void;
}

/** Its function. What has no handler here leads to a door: from the usual room to another one, and from there back. */
export function writeRoom(name: string, room: number, written: readonly Written[]): FunctionBody {
  const own = written.map((_, handler) => handler).filter((handler) => (written[handler]!.rooms & only(room)) !== 0);
  const doors: ((out: Output) => void)[] = room === Room.usual
    ? Array.from({ length: roomCount - 1 }, (_, i) => (out) => enterRoom(out, i + 1))
    : [leaveRoom];
  const bodies = [...own.map((handler) => written[handler]!.body), ...doors];
  const places = new Map(own.map((handler, place) => [handler, place]));
  const doorTo = ({ rooms }: Written): number => own.length + (room === Room.usual ? homeOf(rooms) - 1 : 0);

  const out = new Output(Local.firstTemporary);
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

  const parameters = [i32, i32];
  return { name, type: { parameters, results: [i32] }, locals: out.locals(parameters.length), code: out.code.view() };
}

/** The record at hand is another room's: go on where that comes back, if it does not leave for the engine. */
function enterRoom(out: Output, room: number): void {
  const status = Local.eip;
  spill(out);
  out.get(Local.record);
  out.get(Local.pageBase);
  out.op(Op.call);
  out.code.unsigned(FunctionNumber.firstRoom + room - 1);
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

/** Leave the function with a status; EIP is on the stack below via `eip`. */
export function leave(out: Output, status: number, eip: () => void): void {
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
  out.code.unsigned(FunctionNumber.findOrDecode);
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
  out.code.unsigned(FunctionNumber.hostOfWrite);
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
    out.code.unsigned(FunctionNumber.fill);
    out.branch(Op.brIf, Label.top);
    out.branch(Op.br, Label.step);
  }
  out.op(Op.end);
  out.level = Label.step - 1;
  spill(out);
  out.get(Local.record);
  out.get(Local.pageBase);
  out.op(Op.call);
  out.code.unsigned(FunctionNumber.step);
  out.op(Op.if, noResult);
  out.constant(Status.unwind);
  out.op(Op.return, Op.end);
  reload(out);
  goOn(out);
}
