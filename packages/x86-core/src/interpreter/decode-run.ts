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
import { fusionRow, Head, Outline, spread, Template, templateBits } from './template.js';

const pageSize = 0x1000;
const pageMask = 0xfff;
/** Instructions decoded at most in one go. */
const maxRun = 64;

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
export const runRoom = (maxRun + 4) * recordSize + tableBytes + PageHeader.size;

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
  /** Linear address of the next instruction, and where its record goes. */
  readonly at: Variable;
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
    this.at = b.variable(this.#linear);
    this.record = b.variable(this.#first);
    this.#open = b.variable(this.#first);
    this.#row = b.variable(b.i32(0));
  }

  #offset(linear: Value): Value { return this.#b.do('i32.and', linear, this.#b.i32(pageMask)); }

  /** Address of a place's entry in the table. */
  entry(linear: Value): Value {
    const b = this.#b;
    return b.do('i32.add', this.#table, b.do('i32.shl', this.#offset(linear), b.i32(2)));
  }

  /** Address of an instruction's bytes. */
  bytesAt(linear: Value): Value {
    const b = this.#b;
    return b.do('i32.add', b.load('i32.load', b.do('i32.add', this.#table, b.i32(PageHeader.bytes))), this.#offset(linear));
  }

  /** An instruction's record has been written. */
  add(record: Value, outline: Value): void {
    const b = this.#b;
    const at = this.at.get();
    b.store('i32.store', this.entry(at), record);
    const bits = (shift: number, mask: number): Value => b.do('i32.and', b.do('i32.shr_u', outline, b.i32(shift)), b.i32(mask));
    const second = b.do('i32.shl', bits(Outline.secondShift, Outline.secondMask), b.i32(1));
    const fused = b.load('i32.load16_u', b.do('i32.add', this.#row.get(), second), Layout.fusions);
    b.when(fused, () => b.store('i32.store16', b.do('i32.sub', record, b.i32(recordSize)), fused, Field.handler));
    this.#row.set(b.do('i32.mul', b.do('i32.shr_u', outline, b.i32(Outline.firstShift)), b.i32(fusionRow * 2)));
    this.record.set(b.do('i32.add', record, b.i32(recordSize)));
    this.at.set(b.do('i32.add', at, b.do('i32.and', outline, b.i32(Outline.length))));
  }

  /** A branch: what lies before it is charged together. */
  close(): void {
    const b = this.#b;
    const remaining = b.variable(b.i32(0));
    const record = b.variable(this.record.get());
    const open = this.#open.get();
    b.block([], (exit) => b.loop((again) => {
      const last = record.get();
      b.when(b.do('i32.eq', last, open), () => exit());
      remaining.set(b.do('i32.add', remaining.get(), b.i32(1)));
      record.set(b.do('i32.sub', last, b.i32(recordSize)));
      b.store('i32.store16', record.get(), remaining.get(), Field.remaining);
      again();
    }));
    this.#open.set(this.record.get());
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
    return b.do('i32.sub', this.at.get(), b.do('i32.and', this.#linear, b.i32(~pageMask)));
  }

  /** Give the records to the arena, and watch the bytes they were made of. */
  watch(): void {
    const b = this.#b;
    const record = this.record.get();
    b.store('i32.store', b.i32(0), record, State.arenaTop);
    const count = b.do('i32.div_u', b.do('i32.sub', record, this.#first), b.i32(recordSize));
    b.store('i32.store', b.i32(0), b.do('i32.add', b.load('i32.load', b.i32(0), State.decoded), count), State.decoded);
    const chunks = b.load('i32.load', b.do('i32.add', this.#table, b.i32(PageHeader.chunks)));
    const last = b.do('i32.shr_u', b.do('i32.sub', this.#behind(), b.i32(1)), b.i32(chunkShift));
    const chunk = b.variable(b.do('i32.shr_u', this.#offset(this.#linear), b.i32(chunkShift)));
    b.block([], (exit) => b.loop((again) => {
      const now = chunk.get();
      b.when(b.do('i32.gt_u', now, last), () => exit());
      const byte = b.do('i32.add', chunks, b.do('i32.shr_u', now, b.i32(3)));
      const bit = b.do('i32.shl', b.i32(1), b.do('i32.and', now, b.i32(7)));
      b.store('i32.store8', byte, b.do('i32.or', b.load('i32.load8_u', byte), bit));
      chunk.set(b.do('i32.add', now, b.i32(1)));
      again();
    }));
  }

  /** Return the run's first record. */
  leave(): void {
    this.#b.leave(this.#b.load('i32.load', this.entry(this.#linear)));
  }
}

/** The template of the instruction whose first eight bytes are given; 0 when there is none. */
function findTemplate(b: FunctionBuilder, raw: Value, mode: Value): Value {
  const head = (bytes: Value): Value => b.load('i32.load8_u', b.do('i32.and', b.do('i32.wrap_i64', bytes), b.i32(0xffff)), Layout.heads);
  const constant = (value: number): Value => b.i64(value);
  const [template] = b.block(['i32'], (exit) => {
    const prefixes = b.variable(b.i64(0));
    const kind = b.variable(head(raw));
    b.when(b.do('i32.eq', kind.get(), b.i32(Head.prefixed)), () => {
      prefixes.set(constant(8));
      kind.set(head(b.do('i64.shr_u', raw, constant(8))));
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
    for (const slot of [first, b.do('i32.xor', first, b.i32(Template.size))])
      b.when(b.do('i64.eq', b.load('i64.load', slot, Template.key), key), () => exit(slot));
    exit(b.i32(0));
  });
  return template!;
}

/** A number of the instruction's: the word at a place in its bytes, as far as it goes. */
function number(b: FunctionBuilder, template: Value, bytes: Value, place: { at: number; shift: number; mask: number }): Value {
  const word = b.load('i32.load', b.do('i32.add', bytes, b.load('i32.load8_u', template, place.at)));
  const shift = b.load('i32.load8_u', template, place.shift);
  return b.do('i32.and', b.do('i32.shr_s', b.do('i32.shl', word, shift), shift), b.load('i32.load', template, place.mask));
}

const displacement = { at: Template.displacementAt, shift: Template.displacementShift, mask: Template.displacementMask };
const immediate = { at: Template.immediateAt, shift: Template.immediateShift, mask: Template.immediateMask };

/** Copy a template to a record, and put in what is the instruction's own. */
function copyTemplate(b: FunctionBuilder, run: Run, template: Value, bytes: Value, record: Value, at: Value): void {
  for (let offset = 0; offset < recordSize; offset += 8) b.store('i64.store', record, b.load('i64.load', template, offset), offset);
  b.store('i32.store16', record, b.do('i32.and', at, b.i32(pageMask)), Field.offset);
  const fill = (field: number, value: Value): void =>
    b.store('i32.store', record, b.do('i32.or', b.load('i32.load', template, field), value), field);
  fill(Field.displacement, number(b, template, bytes, displacement));
  const distance = number(b, template, bytes, immediate);
  fill(Field.immediate, distance);
  const outline = b.load('i32.load', template, Template.outline);
  b.when(b.do('i32.and', outline, b.i32(Outline.branches)), () => {
    const target = b.do('i32.add', b.do('i32.add', at, b.do('i32.and', outline, b.i32(Outline.length))), distance);
    const otherPage = b.do('i32.and', b.do('i32.xor', target, at), b.i32(~pageMask));
    b.when(b.do('i32.eqz', otherPage), () => b.store('i32.store', record, b.load('i32.load', run.entry(target)), Field.link));
  });
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
  const [goesOn] = b.block(['i32'], (finish) => b.loop((again) => {
    const at = run.at.get();
    const record = run.record.get();
    const [outline] = b.block(['i32'], (exit) => {
      const offset = b.do('i32.and', at, b.i32(pageMask));
      b.when(b.do('i32.le_u', offset, readable), () => {
        const bytes = run.bytesAt(at);
        const template = findTemplate(b, b.load('i64.load', bytes), mode);
        b.when(template, () => {
          const known = b.load('i32.load', template, Template.outline);
          // an instruction over the page's end has nothing to do with what lies behind this page in memory
          const end = b.do('i32.add', offset, b.do('i32.and', known, b.i32(Outline.length)));
          b.when(b.do('i32.le_u', end, b.i32(pageSize)), () => {
            copyTemplate(b, run, template, bytes, record, at);
            exit(known);
          });
        });
      });
      b.store('i32.store', b.i32(0), record, State.arenaTop);
      exit(b.call(decodeOne, 'i32', at, table, b.do('i32.eq', record, first)));
    });
    b.when(b.do('i32.eqz', outline!), () => run.leave());
    b.when(b.do('i32.lt_s', outline!, b.i32(0)), () => finish(b.i32(1)));
    run.add(record, outline!);
    b.when(b.do('i32.and', outline!, b.i32(Outline.ends | Outline.branches)), () => run.close());
    b.when(b.do('i32.and', outline!, b.i32(Outline.ends)), () => finish(b.i32(0)));
    const behind = run.at.get();
    const otherPage = b.do('i32.and', b.do('i32.xor', behind, at), b.i32(~pageMask));
    const known = b.load('i32.load', run.entry(behind));
    const full = b.do('i32.ge_u', b.do('i32.sub', record, first), b.i32((maxRun - 1) * recordSize));
    b.when(b.do('i32.or', b.do('i32.or', otherPage, known), full), () => finish(b.i32(1)));
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
