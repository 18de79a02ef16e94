/*
 * Pieces of code that handlers share: the state page into locals and back, and from an EIP to its record.
 */
import { State } from '../state.js';
import { noResult, Op } from '../wasm/encoder.js';
import { lazyFlags, Local } from './handler-builder.js';
import type { Output } from './node.js';
import { Field } from './record.js';

/** Locals that mirror words of the state page. */
const spilled: readonly [local: number, address: number][] = [
  ...lazyFlags, [Local.budget, State.budget],
];
const mirrored: readonly [local: number, address: number][] = [
  ...spilled, [Local.readTable, State.tlbRead], [Local.writeTable, State.tlbWrite], [Local.codeTable, State.codeTable],
];

/** Locals to memory. */
export function spill(out: Output): void {
  for (const [local, address] of spilled) out.spill(local, address);
}

/** Memory to locals. */
export function reload(out: Output): void {
  for (const [local, address] of mirrored) out.reload(local, address);
}

/** The EIP of the instruction at Local.record. */
export function pushRecordEip(out: Output): void {
  out.get(Local.pageBase);
  out.get(Local.record);
  out.memory(Op.i32Load16u, Field.offset);
  out.op(Op.i32Add);
}

/** The part of an address within its page. A code page has a table with 4 bytes for each. */
export const pageMask = 0xfff;

/** Where Local.eip has a record, do something with it; the record's address is in the local that `found` is told. */
export function findRecord(out: Output, found: (record: number) => void): void {
  const record = Local.address;
  out.get(Local.eip);
  out.constant(10);
  out.op(Op.i32ShrU);
  out.constant(~3 & 0x3fffff);
  out.op(Op.i32And);
  out.get(Local.codeTable);
  out.op(Op.i32Add);
  out.memory(Op.i32Load, 0);
  out.tee(record);
  out.op(Op.if, noResult);
  out.get(record);
  out.get(Local.eip);
  out.constant(pageMask);
  out.op(Op.i32And);
  out.constant(2);
  out.op(Op.i32Shl, Op.i32Add);
  out.memory(Op.i32Load, 0);
  out.tee(record);
  out.op(Op.if, noResult);
  out.level += 2;
  found(record);
  out.level -= 2;
  out.op(Op.end, Op.end);
}
