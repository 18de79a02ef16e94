/*
 * Where a region begins: the handler that calls its function, and goes on from where that comes back.
 */
import { Layout, State } from '../state.js';
import { noResult, Op } from '../wasm/encoder.js';
import { Label, Local } from './handler-builder.js';
import { deepestCalls, exitsPerLook, Handler, regionRecordShift, Status } from './handlers.js';
import type { Output } from './node.js';
import { operationType } from './numbers.js';
import { findRecord, pageMask, pushRecordEip, reload, spill } from './paths.js';
import { Field } from './record.js';

/** Words at Layout.exitCounts. A power of two. */
const exitCounters = 4096;

/**
 * A region begins here. It counts for itself, so the record's run goes back into the budget. When it comes back with the
 * budget as it was, it could not even begin: then its first instruction is executed otherwise. Else it has answered with
 * an EIP, and where that has a region, too, it is called at once. Where it has none, that is counted.
 */
export function callRegion(out: Output): void {
  const addRemaining = (op: number): void => {
    out.get(Local.budget);
    out.get(Local.record);
    out.memory(Op.i32Load16u, Field.remaining);
    out.op(op);
    out.set(Local.budget);
  };
  addRemaining(Op.i32Add);
  spill(out);
  out.op(Op.loop, noResult);
  out.level++;
  const again = out.level;
  pushRecordEip(out);
  out.constant(deepestCalls);
  out.constant(0);
  pushPlace(out);
  out.op(Op.callIndirect);
  out.code.unsigned(operationType);
  out.op(0);
  out.set(Local.eip);
  out.constant(0);
  out.memory(Op.i32Load, State.budget);
  out.get(Local.budget);
  out.op(Op.i32Eq, Op.if, noResult);
  out.level++;
  declined(out);
  out.level--;
  out.op(Op.end);
  countRegion(out);
  out.reload(Local.budget, State.budget);
  findRecord(out, (record) => {
    out.get(record);
    out.memory(Op.i32Load16u, Field.handler);
    out.constant(Handler.region);
    out.op(Op.i32Ne, Op.if, noResult);
    out.level++;
    countExit(out, record);
    out.level--;
    out.op(Op.else);
    out.level++;
    out.get(Local.budget);
    out.get(record);
    out.memory(Op.i32Load16u, Field.remaining);
    out.op(Op.i32GeS, Op.if, noResult);
    out.level++;
    out.get(record);
    out.set(Local.record);
    out.get(Local.eip);
    out.constant(~pageMask);
    out.op(Op.i32And);
    out.set(Local.pageBase);
    out.branch(Op.br, again);
    out.level--;
    out.op(Op.end);
    out.level--;
    out.op(Op.end);
  });
  out.level--;
  out.op(Op.end);
  reload(out);
  out.branch(Op.br, Label.lookup);
}

/** The place of the region that begins at Local.record. */
function pushPlace(out: Output): void {
  out.get(Local.record);
  out.memory(Op.i32Load8u, Field.placeHigh);
  out.constant(8);
  out.op(Op.i32Shl);
  out.get(Local.record);
  out.memory(Op.i32Load8u, Field.placeLow);
  out.op(Op.i32Or);
}

/** A region could not begin: go on with a copy of what its first record was. */
function declined(out: Output): void {
  reload(out);
  pushPlace(out);
  out.constant(regionRecordShift);
  out.op(Op.i32Shl);
  out.constant(Layout.regionRecords);
  out.op(Op.i32Add);
  out.set(Local.record);
  out.get(Local.budget);
  out.constant(1);
  out.op(Op.i32Sub);
  out.set(Local.budget);
  out.branch(Op.br, Label.top);
}

/** What the region took from the budget, it has executed. */
function countRegion(out: Output): void {
  const add = (counter: number, count: () => void): void => {
    out.constant(0);
    out.constant(0);
    out.memory(Op.i64Load, counter);
    count();
    out.op(Op.i64ExtendI32U, Op.i64Add);
    out.memory(Op.i64Store, counter);
  };
  add(State.inRegions, () => {
    out.get(Local.budget);
    out.constant(0);
    out.memory(Op.i32Load, State.budget);
    out.op(Op.i32Sub);
  });
  add(State.entered, () => out.constant(1));
}

/** Regions were left for a record that has none. Now and then that is worth a look. */
function countExit(out: Output, record: number): void {
  const counter = Local.exitCounter;
  out.get(record);
  out.constant(3);
  out.op(Op.i32ShrU);
  out.constant((exitCounters - 1) << 2);
  out.op(Op.i32And);
  out.tee(counter);
  out.get(counter);
  out.memory(Op.i32Load, Layout.exitCounts);
  out.constant(1);
  out.op(Op.i32Add);
  out.memory(Op.i32Store, Layout.exitCounts);
  out.get(counter);
  out.memory(Op.i32Load, Layout.exitCounts);
  out.constant(exitsPerLook - 1);
  out.op(Op.i32And, Op.i32Eqz, Op.if, noResult);
  out.level++;
  // lazy flags are where the region left them
  out.constant(0);
  out.get(Local.eip);
  out.memory(Op.i32Store, State.eip);
  out.constant(Status.hot);
  out.op(Op.return);
  out.level--;
  out.op(Op.end);
}
