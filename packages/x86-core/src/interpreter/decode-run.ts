/*
 * The interpreter reads on by itself.
 *
 * Where there is code without records, decodeRun() writes some: instruction after instruction, each a copy of its template
 * (template.ts) with its own displacement, immediate and place. What has no template yet is asked for, one instruction at a
 * time: the code cache decodes it. Both are functions of the interpreter's module, so new code costs no way out of it.
 */
import { Layout, State } from '../state.js';
import type { FunctionBody } from '../wasm/encoder.js';
import { FunctionBuilder, type Value, type Variable } from '../wasm/function-builder.js';
import type { StoreName } from '../wasm/operators.js';
import { Field, recordSize } from './record.js';
import { fusionRow, Head, modeKey, Outline, spread, Template, templateBits, usualMode } from './template.js';

const pageSize = 0x1000;
const pageMask = 0xfff;
/** Instructions decoded at most in one go. */
const maxRun = 64;
/** How many records are told at once how much of the run follows, whether there are that many or not. */
const closedAtOnce = 8;
/** 2 to these powers are recordSize and Outline.branches. */
const recordShift = 5;
const branchesShift = 5;

/** Before each table of records lies what decodeRun() must know of the page. Offsets from the table; it has `size` bytes. */
export const PageHeader = {
  /** i32: address of the page's first byte. */
  bytes: -32,
  /** i32: address of its 16 bytes in the map of decoded chunks. */
  chunks: -28,
  /** i64: modeKey() of its mode. */
  mode: -24,
  /** i32: last offset in the page from which eight bytes can be read; behind the last page of RAM the memory may end. */
  readable: -16,
  size: 32,
} as const;

/** Self-modification is noticed in chunks of this many bytes (as a shift). */
export const chunkShift = 5;
/** Bytes of a table: a word for each byte of code. */
export const tableBytes = pageSize * 4;
/** Room in the arena that a run may need: its records, and the following page's table. */
export const runRoom = (maxRun + closedAtOnce + 4) * recordSize + tableBytes + PageHeader.size;

/** Bytes behind a run's last record that may have been written to all the same. */
export const spilt = closedAtOnce * recordSize;

/** What the code cache answers when it is asked for one instruction, beside an Outline. */
export const Decoded = {
  /** Nothing: the run ends here. */
  none: -1,
  /** The run is complete. */
  all: 0,
} as const;

/** Numbers of the functions that these call and are, and of pseudo handlers they write. */
export interface Numbers {
  /** (linear address, table, 1 for a run's first) → an Outline or Decoded. The record goes to State.arenaTop. */
  readonly decodeOne: number;
  readonly decodeRun: number;
  readonly linkHandler: number;
}

/** Where a run is. */
class Run {
  readonly #b: FunctionBuilder;
  readonly #linear: Value;
  readonly #table: Value;
  readonly #handler: number;
  readonly #first: Value;
  /** Address of the next instruction's bytes, and where its record goes. Pages of RAM lie at multiples of their size. */
  readonly bytes: Variable;
  readonly record: Variable;
  /** First record since the last branch. */
  readonly #open: Variable;
  /** Address of the row of fused pairs that the last instruction begins. */
  readonly #row: Variable;

  constructor(b: FunctionBuilder, linkHandler: number) {
    this.#b = b;
    this.#linear = b.parameter(0);
    this.#table = b.parameter(1);
    this.#handler = linkHandler;
    this.#first = b.load('i32.load', b.i32(0), State.arenaTop);
    this.bytes = b.variable(b.do('i32.add', b.load('i32.load', b.do('i32.add', this.#table, b.i32(PageHeader.bytes))), this.offset(this.#linear)));
    this.record = b.variable(this.#first);
    this.#open = b.variable(this.#first);
    this.#row = b.variable(b.i32(0));
  }

  /** Offset in the page. */
  offset(address: Value): Value { return this.#b.do('i32.and', address, this.#b.i32(pageMask)); }

  /** Address of a place's entry in the table. */
  entry(offset: Value): Value {
    const b = this.#b;
    return b.do('i32.add', this.#table, b.do('i32.shl', offset, b.i32(2)));
  }

  /** Linear address of an offset in the page. */
  linear(offset: Value): Value {
    const b = this.#b;
    return b.do('i32.or', b.do('i32.and', this.#linear, b.i32(~pageMask)), offset);
  }

  /** The record of an instruction at an offset has been written; `short` has the low bits of its Outline. */
  add(record: Value, offset: Value, outline: Value, short: Value): void {
    const b = this.#b;
    b.store('i32.store', this.entry(offset), record);
    // a column's offset in a row is twice the second half's number
    const column = b.do('i32.and', b.do('i32.shr_u', outline, b.i32(Outline.secondShift - 1)), b.i32(Outline.secondMask << 1));
    const fused = b.load('i32.load16_u', b.do('i32.add', this.#row.get(), column), Layout.fusions);
    // before a run's first record lies something that remains as it is
    const before = b.do('i32.sub', record, b.i32(recordSize));
    b.store('i32.store16', before, b.select(fused, fused, b.load('i32.load16_u', before, Field.handler)), Field.handler);
    this.#row.set(b.do('i32.mul', b.do('i32.shr_u', outline, b.i32(Outline.firstShift)), b.i32(fusionRow * 2)));
    this.record.set(b.do('i32.add', record, b.i32(recordSize)));
    this.bytes.set(b.do('i32.add', this.bytes.get(), b.do('i32.and', short, b.i32(Outline.length))));
  }

  /** The last record may be a direct branch: it is linked to its target's record, if that is in the same page and there already. */
  branch(record: Value, short: Value): void {
    const b = this.#b;
    const behind = this.bytes.get();
    const target = b.do('i32.add', behind, b.load('i32.load', record, Field.immediate));
    // the byte behind the page's last is no part of it
    const here = b.do('i32.sub', behind, b.i32(1));
    const samePage = b.do('i32.lt_u', b.do('i32.xor', target, here), b.i32(pageSize));
    const links = b.do('i32.and', b.do('i32.shr_u', short, b.i32(branchesShift)), samePage);
    const known = b.load('i32.load', this.entry(this.offset(target)));
    b.store('i32.store', record, b.select(links, known, b.load('i32.load', record, Field.link)), Field.link);
  }

  /** A branch: what lies before it is charged together. */
  close(): void {
    const b = this.#b;
    const open = this.#open.get();
    const end = this.record.get();
    const count = b.do('i32.shr_u', b.do('i32.sub', end, open), b.i32(recordShift));
    // most have a few, and what lies behind them is free
    for (let i = 0; i < closedAtOnce; i++) b.store('i32.store16', open, b.do('i32.sub', count, b.i32(i)), i * recordSize + Field.remaining);
    const record = b.variable(b.do('i32.add', open, b.i32(closedAtOnce * recordSize)));
    b.block([], (exit) => b.loop((again) => {
      const next = record.get();
      b.when(b.do('i32.ge_u', next, end), () => exit());
      b.store('i32.store16', next, b.do('i32.shr_u', b.do('i32.sub', end, next), b.i32(recordShift)), Field.remaining);
      record.set(b.do('i32.add', next, b.i32(recordSize)));
      again();
    }));
    this.#open.set(end);
    this.#row.set(b.i32(0));
  }

  /** The code goes on, but no more of it is decoded now: whoever comes by goes on wherever the next instruction is known to be by then. */
  link(): void {
    const b = this.#b;
    this.close();
    const record = this.record.get();
    const words: [StoreName, number, Value][] = [
      ['i64.store', 0, b.do('i64.extend_i32_u', b.do('i32.or', b.i32(this.#handler), b.do('i32.shl', this.#behind(), b.i32(8 * Field.offset))))],
      ...[8, 16, 24].map((offset): [StoreName, number, Value] => ['i64.store', offset, b.i64(0)]),
    ];
    for (const [name, offset, value] of words) b.store(name, record, value, offset);
    this.record.set(b.do('i32.add', record, b.i32(recordSize)));
  }

  /** Offset behind the last instruction; 4096 at the page's end. */
  #behind(): Value {
    const b = this.#b;
    return b.do('i32.add', this.offset(b.do('i32.sub', this.bytes.get(), b.i32(1))), b.i32(1));
  }

  /** Give the records to the arena, and watch the bytes they were made of. */
  watch(): void {
    const b = this.#b;
    const record = this.record.get();
    b.store('i32.store', b.i32(0), record, State.arenaTop);
    const count = b.do('i32.shr_u', b.do('i32.sub', record, this.#first), b.i32(recordShift));
    b.store('i32.store', b.i32(0), b.do('i32.add', b.load('i32.load', b.i32(0), State.decoded), count), State.decoded);
    const chunk = b.do('i32.shr_u', this.offset(this.#linear), b.i32(chunkShift));
    const last = b.do('i32.shr_u', b.do('i32.sub', this.#behind(), b.i32(1)), b.i32(chunkShift));
    // so many bits, less than 32, from a bit of a byte on
    const bits = b.do('i64.sub', b.do('i64.shl', b.i64(2), b.do('i64.extend_i32_u', b.do('i32.sub', last, chunk))), b.i64(1));
    const shift = b.do('i64.extend_i32_u', b.do('i32.and', chunk, b.i32(7)));
    const chunks = b.load('i32.load', b.do('i32.add', this.#table, b.i32(PageHeader.chunks)));
    const word = b.do('i32.add', chunks, b.do('i32.shr_u', chunk, b.i32(3)));
    b.store('i64.store', word, b.do('i64.or', b.load('i64.load', word), b.do('i64.shl', bits, shift)));
  }

  /** Return the run's first record. */
  leave(): void {
    this.#b.leave(this.#b.load('i32.load', this.entry(this.offset(this.#linear))));
  }
}

/**
 * What is known of the instruction at an address: the address of its template, with the low bits of its Outline in the
 * address's own; 0 when there is none. `short` is Head.template if the page's mode is the usual one, else 0.
 */
function findTemplate(b: FunctionBuilder, bytes: Value, mode: Value, short: Value): Value {
  const head = (at: number): Value => {
    const [first, second] = [b.load('i32.load8_u', bytes, at), b.load('i32.load8_u', bytes, at + 1)];
    return b.load('i32.load', b.do('i32.add', b.do('i32.shl', first, b.i32(10)), b.do('i32.shl', second, b.i32(2))), Layout.heads);
  };
  const constant = (value: number): Value => b.i64(value);
  const [template] = b.block(['i32'], (exit) => {
    const known = head(0);
    b.when(b.do('i32.and', known, short), () => exit(known));
    const raw = b.load('i64.load', bytes);
    const kindOf = (word: Value): Value => b.do('i32.shr_u', word, b.i32(Head.shift));
    const prefixes = b.variable(b.i64(0));
    const kind = b.variable(kindOf(known));
    b.when(b.do('i32.eq', kind.get(), b.i32(Head.prefixed)), () => {
      prefixes.set(constant(8));
      kind.set(kindOf(head(1)));
    });
    const length = b.variable(kind.get());
    b.when(b.do('i32.eq', kind.get(), b.i32(Head.modrmThird)), () => {
      const modrm = b.do('i32.and', b.do('i32.wrap_i64', b.do('i64.shr_u', b.do('i64.shr_u', raw, prefixes.get()), constant(16))), b.i32(0xff));
      const sib = b.do('i32.and', b.do('i32.eq', b.do('i32.and', modrm, b.i32(7)), b.i32(4)), b.do('i32.lt_u', modrm, b.i32(0xc0)));
      length.set(b.do('i32.add', b.i32(3), sib));
    });
    // 1 to 4 bytes and a prefix
    b.when(b.do('i32.gt_u', b.do('i32.sub', length.get(), b.i32(1)), b.i32(3)), () => exit(b.i32(0)));
    const bits = b.do('i64.add', b.do('i64.shl', b.do('i64.extend_i32_u', length.get()), constant(3)), prefixes.get());
    const key = b.do('i64.or', mode, b.do('i64.and', raw, b.do('i64.shr_u', constant(-1), b.do('i64.sub', constant(64), bits))));
    const hash = b.do('i32.wrap_i64', b.do('i64.shr_u', b.do('i64.mul', key, b.i64(spread)), constant(64 - templateBits)));
    const first = b.do('i32.add', b.do('i32.mul', hash, b.i32(Template.size)), b.i32(Layout.templates));
    for (const slot of [first, b.do('i32.xor', first, b.i32(Template.size))]) {
      b.when(b.do('i64.eq', b.load('i64.load', slot, Template.key), key), () =>
        exit(b.do('i32.or', slot, b.do('i32.and', b.load('i32.load', slot, Template.outline), b.i32(Head.outline)))));
    }
    exit(b.i32(0));
  });
  return template!;
}

/** Copy a template to a record, and put in what is the instruction's own. */
function copyTemplate(b: FunctionBuilder, template: Value, bytes: Value, record: Value, offset: Value): void {
  const of = (field: number): Value => b.load('i32.load', template, field);
  const number = (at: number, mask: number, sign: number, field: number): Value => {
    const word = b.load('i32.load', b.do('i32.add', bytes, b.load('i32.load8_u', template, at)));
    return b.do('i32.add', b.do('i32.xor', b.do('i32.and', word, of(mask)), of(sign)), of(field));
  };
  for (const word of [0, 8, 24]) b.store('i64.store', record, b.load('i64.load', template, word), word);
  b.store('i32.store16', record, offset, Field.offset);
  const displacement = number(Template.displacementAt, Template.displacementMask, Template.displacementSign, Field.displacement);
  b.store('i32.store', record, displacement, Field.displacement);
  const immediate = number(Template.immediateAt, Template.immediateMask, Template.immediateSign, Field.immediate);
  b.store('i32.store', record, b.do('i32.and', immediate, of(Template.immediateKept)), Field.immediate);
}

/**
 * decodeRun(linear address, table): records for the code from there on, up to where it goes elsewhere or is known. Returns
 * the first. There must be runRoom in the arena, and the page's writes be watched.
 */
export function writeDecodeRun({ decodeOne, linkHandler }: Numbers): FunctionBody {
  const b = new FunctionBuilder(['i32', 'i32'], ['i32']);
  const table = b.parameter(1);
  const run = new Run(b, linkHandler);
  const first = run.record.get();
  const mode = b.load('i64.load', b.do('i32.add', table, b.i32(PageHeader.mode)));
  const readable = b.load('i32.load', b.do('i32.add', table, b.i32(PageHeader.readable)));
  const short = b.select(b.do('i64.eq', mode, b.i64(modeKey(usualMode))), b.i32(Head.template), b.i32(0));
  const limit = b.do('i32.add', first, b.i32(maxRun * recordSize));
  const [goesOn] = b.block(['i32'], (finish) => b.loop((again) => {
    const bytes = run.bytes.get();
    const record = run.record.get();
    const offset = run.offset(bytes);
    const [outline, shape] = b.block(['i32', 'i32'], (exit) => {
      b.when(b.do('i32.le_u', offset, readable), () => {
        const known = findTemplate(b, bytes, mode, short);
        b.when(known, () => {
          // an instruction over the page's end has nothing to do with what lies behind this page in memory
          const end = b.do('i32.add', offset, b.do('i32.and', known, b.i32(Outline.length)));
          b.when(b.do('i32.le_u', end, b.i32(pageSize)), () => {
            const template = b.do('i32.and', known, b.i32(Head.template));
            copyTemplate(b, template, bytes, record, offset);
            exit(b.load('i32.load', template, Template.outline), known);
          });
        });
      });
      b.store('i32.store', b.i32(0), record, State.arenaTop);
      const decoded = b.call(decodeOne, 'i32', run.linear(offset), table, b.do('i32.eq', record, first));
      b.when(b.do('i32.eqz', decoded), () => run.leave());
      b.when(b.do('i32.lt_s', decoded, b.i32(0)), () => finish(b.i32(1)));
      exit(decoded, decoded);
    });
    run.add(record, offset, outline!, shape!);
    b.when(b.do('i32.and', shape!, b.i32(Outline.ends | Outline.branches)), () => {
      run.branch(record, shape!);
      run.close();
      b.when(b.do('i32.and', shape!, b.i32(Outline.ends)), () => finish(b.i32(0)));
    });
    const behind = run.offset(run.bytes.get());
    b.when(b.do('i32.eqz', behind), () => finish(b.i32(1)));
    b.when(b.load('i32.load', run.entry(behind)), () => finish(b.i32(1)));
    b.when(b.do('i32.eq', run.record.get(), limit), () => finish(b.i32(1)));
    again();
  }));
  b.when(goesOn!, () => run.link());
  run.watch();
  run.leave();
  return b.finish('decodeRun');
}

/**
 * findOrDecode(linear address, tables of virtual pages): the record there, decoded now if need be, or 0 when there is more
 * to do first than decoding.
 */
export function writeFindOrDecode({ decodeRun }: Numbers): FunctionBody {
  const b = new FunctionBuilder(['i32', 'i32'], ['i32']);
  const [linear, tables] = [b.parameter(0), b.parameter(1)];
  const page = b.do('i32.shl', b.do('i32.shr_u', linear, b.i32(12)), b.i32(2));
  const table = b.load('i32.load', b.do('i32.add', tables, page));
  b.when(b.do('i32.eqz', table), () => b.leave(b.i32(0)));
  const top = b.do('i32.add', b.load('i32.load', b.i32(0), State.arenaTop), b.i32(runRoom));
  const room = b.do('i32.le_u', top, b.load('i32.load', b.i32(0), State.arenaEnd));
  // the first code of a page makes its writes special
  const chunks = b.load('i32.load', b.do('i32.add', table, b.i32(PageHeader.chunks)));
  const watched = b.do('i64.ne', b.do('i64.or', b.load('i64.load', chunks), b.load('i64.load', chunks, 8)), b.i64(0));
  b.when(b.do('i32.and', room, watched), () => b.leave(b.call(decodeRun, 'i32', linear, table)));
  b.leave(b.i32(0));
  return b.finish('');
}
