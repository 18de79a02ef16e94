/*
 * From an EIP to the region there.
 *
 * The way there is that of the interpreter: the table of the page's code, the record, its handler. Places found that way are kept in a small
 * table by EIP, because these are four loads from all over memory. It says nothing of whether the EIP is still mapped
 * to the same code: each region asks that for itself.
 */
import { Handler } from '../interpreter/handlers.js';
import { Field } from '../interpreter/record.js';
import { Layout } from '../state.js';
import type { FunctionBuilder, Value } from '../wasm/function-builder.js';

const pageShift = 12;
const pageMask = 0xfff;
const slotBits = 10;
const slotShift = 3;
/** 2^32 divided by the golden ratio (Knuth, "The Art of Computer Programming", 6.4). */
const hashFactor = 0x9e37_79b1;

/** Forget all places: regions have gone. @param nowhere what is found instead, even by a guest that goes to where unused EIPs point */
export function forgetPlaces(i32: Int32Array, nowhere: number): void {
  const first = Layout.dispatch >> 2;
  for (let slot = 0; slot < 2 << slotBits; slot += 2) {
    i32[first + slot] = -1;
    i32[first + slot + 1] = nowhere;
  }
}

/**
 * Write code that finds the region at an EIP.
 * @param codeTables base of the tables of decoded code @param nowhere place to be found when there is none
 */
export function placeOf(f: FunctionBuilder, eip: Value, codeTables: Value, nowhere: number): Value {
  const word = (index: Value): Value => f.do('i32.shl', index, f.i32(2));
  const hash = f.do('i32.shr_u', f.do('i32.mul', eip, f.i32(hashFactor)), f.i32(32 - slotBits));
  const slot = f.do('i32.shl', hash, f.i32(slotShift));
  const place = f.variable(f.load('i32.load', slot, Layout.dispatch + 4));
  f.when(f.do('i32.ne', f.load('i32.load', slot, Layout.dispatch), eip), () => {
    place.set(f.i32(nowhere));
    const table = f.load('i32.load', f.do('i32.add', word(f.do('i32.shr_u', eip, f.i32(pageShift))), codeTables));
    f.when(table, () => {
      // address 0 is where records are that there are not, and holds zeros
      const record = f.load('i32.load', f.do('i32.add', table, word(f.do('i32.and', eip, f.i32(pageMask)))));
      f.when(f.do('i32.eq', f.load('i32.load16_u', record, Field.handler), f.i32(Handler.region)), () => {
        const found = f.do('i32.or', f.do('i32.shl', f.load('i32.load8_u', record, Field.placeHigh), f.i32(8)), f.load('i32.load8_u', record, Field.placeLow));
        place.set(found);
        f.store('i32.store', slot, eip, Layout.dispatch);
        f.store('i32.store', slot, found, Layout.dispatch + 4);
      });
    });
  });
  return place.get();
}
