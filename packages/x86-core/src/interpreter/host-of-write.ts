/*
 * Writes to pages with decoded code.
 *
 * Such a page is not plainly writable: the tables of translations say so, and writes there miss. Most of them change no
 * instruction, only data on the same page. The map of decoded chunks tells.
 */
import { Layout, State } from '../state.js';
import type { FunctionBody } from '../wasm/encoder.js';
import { FunctionBuilder, type Value } from '../wasm/function-builder.js';
import { chunkShift } from './decode-run.js';
import { absent, hostBias, plainBit } from '../translation.js';

const pageSize = 0x1000;
const pageMask = 0xfff;

/**
 * hostOfWrite(linear address, bytes, anything): where a write at the current privilege level has met an entry that is not
 * plain, the entry to use all the same (see translation.ts), or `absent`: then the write changes code, or is odd in another
 * way, and has to take the slow path.
 */
export function writeHostOfWrite(): FunctionBody {
  const b = new FunctionBuilder(['i32', 'i32', 'i32'], ['i32']);
  const [linear, size] = [b.parameter(0), b.parameter(1)];
  const refuseIf = (condition: Value): void => b.when(condition, () => b.leave(b.i32(absent)));
  const offset = b.do('i32.and', linear, b.i32(pageMask));
  const last = b.do('i32.add', offset, b.do('i32.sub', size, b.i32(1)));
  refuseIf(b.do('i32.ge_u', last, b.i32(pageSize)));
  const table = b.load('i32.load', b.i32(0), State.tlbWrite);
  const slot = b.do('i32.add', table, b.do('i32.shl', b.do('i32.shr_u', linear, b.i32(12)), b.i32(2)));
  const entry = b.load('i32.load', slot);
  refuseIf(b.do('i32.eq', entry, b.i32(absent)));
  const plain = b.do('i32.or', entry, b.i32(plainBit));
  const page = b.do('i32.shr_u', b.do('i32.add', b.do('i32.add', plain, linear), b.i32(hostBias - Layout.physical)), b.i32(12));
  const chunks = b.do('i32.shl', page, b.i32(4));
  const decoded = (place: Value): Value => {
    const chunk = b.do('i32.shr_u', place, b.i32(chunkShift));
    const byte = b.load('i32.load8_u', b.do('i32.add', chunks, b.do('i32.shr_u', chunk, b.i32(3))), Layout.arena);
    return b.do('i32.shr_u', byte, b.do('i32.and', chunk, b.i32(7)));
  };
  refuseIf(b.do('i32.and', b.do('i32.or', decoded(offset), decoded(last)), b.i32(1)));
  // all code of this page has gone meanwhile: from now on its writes need not miss
  const any = b.do('i64.or', b.load('i64.load', chunks, Layout.arena), b.load('i64.load', chunks, Layout.arena + 8));
  b.when(b.do('i64.eqz', any), () => b.store('i32.store', slot, plain));
  b.leave(plain);
  return b.finish('');
}
