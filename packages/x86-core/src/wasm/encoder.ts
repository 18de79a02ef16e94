/*
 * The WebAssembly binary format, as far as the engines need it: bytes, LEB128 numbers, opcodes, and a module of one
 * imported memory, perhaps an imported table, a few imported functions and functions of its own. (WebAssembly core specification, chapter 5.)
 */

/** A growing byte buffer. */
export class ByteWriter {
  #bytes = new Uint8Array(256);
  length = 0;

  byte(value: number): void {
    if (this.length === this.#bytes.length) this.#grow(this.length * 2);
    this.#bytes[this.length++] = value;
  }

  bytes(source: ArrayLike<number>): void {
    if (this.length + source.length > this.#bytes.length) this.#grow(2 * (this.length + source.length));
    this.#bytes.set(source, this.length);
    this.length += source.length;
  }

  #grow(capacity: number): void {
    const bigger = new Uint8Array(capacity);
    bigger.set(this.#bytes.subarray(0, this.length));
    this.#bytes = bigger;
  }

  /** Unsigned LEB128 of a 32-bit value. */
  unsigned(value: number): void {
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.byte(rest);
  }

  /** Signed LEB128 of a 32-bit value. */
  signed(value: number): void {
    let rest = value | 0;
    while (rest < -64 || rest > 63) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>= 7;
    }
    this.byte(rest & 0x7f);
  }

  /** Signed LEB128 of a 64-bit value. */
  signed64(value: bigint): void {
    let rest = value;
    while (rest < -64n || rest > 63n) {
      this.byte(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.byte(Number(rest & 0x7fn));
  }

  name(text: string): void {
    this.unsigned(text.length);
    for (let i = 0; i < text.length; i++) this.byte(text.charCodeAt(i));
  }

  /** The bytes written so far; a view, valid until the next write. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }
}

/** Value types. */
export const ValueType = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b } as const;

/** Block type of a block without result. */
export const noResult = 0x40;

/** Opcodes, under the names of the text format. */
export const Op = {
  unreachable: 0x00, block: 0x02, loop: 0x03, if: 0x04, else: 0x05, end: 0x0b, br: 0x0c, brIf: 0x0d, brTable: 0x0e, return: 0x0f, call: 0x10, callIndirect: 0x11, returnCallIndirect: 0x13,
  drop: 0x1a, select: 0x1b, selectTyped: 0x1c, localGet: 0x20, localSet: 0x21, localTee: 0x22,
  i32Load: 0x28, i64Load: 0x29, i32Load8u: 0x2d, i32Load16u: 0x2f, i32Store: 0x36, i64Store: 0x37, i32Store8: 0x3a, i32Store16: 0x3b,
  i32Const: 0x41, i64Const: 0x42, f64Const: 0x44,
  i32Eqz: 0x45, i32Eq: 0x46, i32Ne: 0x47, i32LtS: 0x48, i32LtU: 0x49, i32GtS: 0x4a, i32GtU: 0x4b, i32LeU: 0x4d, i32GeS: 0x4e, i32GeU: 0x4f,
  i64Eqz: 0x50, i64Ne: 0x52, i64LtU: 0x54,
  i32Clz: 0x67, i32Ctz: 0x68, i32Popcnt: 0x69, i32Add: 0x6a, i32Sub: 0x6b, i32Mul: 0x6c,
  i32And: 0x71, i32Or: 0x72, i32Xor: 0x73, i32Shl: 0x74, i32ShrS: 0x75, i32ShrU: 0x76, i32Rotl: 0x77,
  i64Add: 0x7c, i64Sub: 0x7d, i64Mul: 0x7e, i64DivS: 0x7f, i64DivU: 0x80, i64RemS: 0x81, i64RemU: 0x82,
  i64Or: 0x84, i64Shl: 0x86, i64ShrS: 0x87, i64ShrU: 0x88,
  i32WrapI64: 0xa7, i64ExtendI32S: 0xac, i64ExtendI32U: 0xad, i32Extend8S: 0xc0, i32Extend16S: 0xc1,
} as const;

/** A function type: parameter and result value types. */
export interface FunctionType { parameters: readonly number[]; results: readonly number[] }

/** An imported function: module and field name. */
export interface FunctionImport { name: string; type: FunctionType }

/** A function to define: exported under its name, unless that is empty. `locals` are the types of its locals after the parameters. */
export interface FunctionBody { name: string; type: FunctionType; locals: readonly number[]; code: Uint8Array }

/** The imported table of functions, env.operations, and which of its places this module fills. */
export interface TableUse {
  /** Least number of places. */
  size: number;
  /** First place to fill. */
  offset: number;
  /** Functions, by their index among `functions`. */
  elements: readonly number[];
}

/**
 * What goes into a module. The memory of at least `memoryPages` pages of 64 KiB is imported as env.memory, functions as env.<name>, in this order. `types` are further
 * function types, for indirect calls: they are numbered behind those of imports and functions.
 */
export interface ModuleParts {
  memoryPages: number;
  imports: readonly FunctionImport[];
  functions: readonly FunctionBody[];
  types?: readonly FunctionType[];
  table?: TableUse;
}

const Section = { type: 1, import: 2, function: 3, export: 7, element: 9, code: 10 } as const;
const functionKind = 0;
const tableKind = 1;
const functionReference = 0x70;
const memoryKind = 2;
const functionTypeTag = 0x60;
const minAndMax = 1;
/** 4 GiB in pages of 64 KiB. */
const mostMemoryPages = 0x10000;

function section(out: ByteWriter, id: number, fill: (body: ByteWriter) => void): void {
  const body = new ByteWriter();
  fill(body);
  out.byte(id);
  out.unsigned(body.length);
  out.bytes(body.view());
}

/** Encode a module. */
export function encodeModule({ memoryPages, imports, functions, types = [], table }: ModuleParts): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter();
  out.bytes([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
  section(out, Section.type, (body) => {
    const all = [...imports, ...functions].map(({ type }) => type).concat(types);
    body.unsigned(all.length);
    for (const type of all) {
      body.byte(functionTypeTag);
      body.unsigned(type.parameters.length);
      body.bytes(type.parameters);
      body.unsigned(type.results.length);
      body.bytes(type.results);
    }
  });
  section(out, Section.import, (body) => {
    body.unsigned(imports.length + (table ? 2 : 1));
    body.name('env');
    body.name('memory');
    body.byte(memoryKind);
    body.byte(minAndMax);
    body.unsigned(memoryPages);
    body.unsigned(mostMemoryPages);
    if (table) {
      body.name('env');
      body.name('operations');
      body.byte(tableKind);
      body.byte(functionReference);
      body.byte(0);
      body.unsigned(table.size);
    }
    imports.forEach(({ name }, index) => {
      body.name('env');
      body.name(name);
      body.byte(functionKind);
      body.unsigned(index);
    });
  });
  section(out, Section.function, (body) => {
    body.unsigned(functions.length);
    for (let i = 0; i < functions.length; i++) body.unsigned(imports.length + i);
  });
  section(out, Section.export, (body) => {
    const exported = functions.flatMap(({ name }, index) => (name === '' ? [] : [{ name, index }]));
    body.unsigned(exported.length);
    for (const { name, index } of exported) {
      body.name(name);
      body.byte(functionKind);
      body.unsigned(imports.length + index);
    }
  });
  if (table && table.elements.length > 0) {
    section(out, Section.element, (body) => {
      body.unsigned(1);
      body.byte(0); // into table 0, from the offset of this constant expression
      body.byte(Op.i32Const);
      body.signed(table.offset);
      body.byte(Op.end);
      body.unsigned(table.elements.length);
      for (const index of table.elements) body.unsigned(imports.length + index);
    });
  }
  section(out, Section.code, (body) => {
    body.unsigned(functions.length);
    for (const { locals, code } of functions) {
      const text = new ByteWriter();
      text.unsigned(locals.length);
      for (const type of locals) {
        text.unsigned(1);
        text.byte(type);
      }
      text.bytes(code);
      text.byte(Op.end);
      body.unsigned(text.length);
      body.bytes(text.view());
    }
  });
  return out.view().slice();
}
