/*
 * A case: the state of a user program before one instruction, and after it.
 *
 * The layout is the oracle's (oracle-program.ts), so that batches go to the real processor as they are. The same bytes
 * are given to our engines (subject.ts) and written to the tables (table.ts).
 */

/** Bytes of a case and where its parts lie. All little-endian 32-bit words unless noted. */
export const Case = {
  /** eax ecx edx ebx esp ebp esi edi */
  registers: 0,
  eflags: 32,
  /** Before: where to start. After: the address of the fault, or behind the INT3 that was met. */
  eip: 36,
  /** After: exception vector, its error code, CR2. The normal end is vector 3, by the INT3 behind the instruction. */
  vector: 40,
  errorCode: 44,
  cr2: 48,
  /** 32 bytes, padded with INT3. */
  code: 64,
  codeBytes: 32,
  /** es cs ss ds fs gs, 16 bits each (the order of the encoding). */
  selectors: 96,
  selectorBytes: 12,
  /** 512 bytes as FXSAVE writes them. */
  fxsave: 128,
  fxsaveBytes: 512,
  /** The part of the data page that a case sees and changes. */
  window: 640,
  size: 896,
} as const;

/** Parts of the FXSAVE image, as offsets in it. */
export const Fx = { control: 0, status: 2, tags: 4, opcode: 6, eip: 8, cs: 12, data: 16, ds: 20, mxcsr: 24, st: 32, xmm: 160 } as const;

/** Where things are in the address space of a case. */
export const Place = {
  /** The instruction's address, in the middle of a page of INT3. */
  code: 0x1000_0800,
  codePage: 0x1000_0000,
  /** A writable page: zeros, but for the window at its end. */
  dataPage: 0x2000_0000,
  window: 0x2000_0f00,
  windowBytes: 256,
  /** Right behind it a read-only page with a fixed pattern, and behind that nothing. */
  readOnlyPage: 0x2000_1000,
  nothing: 0x2000_2000,
} as const;

/** The 32-bit code segment and the data segment that 64-bit Linux kernels have for programs. */
export const Selector = { code: 0x23, data: 0x2b } as const;

/** A segment of the local descriptor table, in the terms of Linux's modify_ldt(2). */
export interface LocalSegment {
  base: number;
  limit: number;
  /** Limit in pages. */
  pages?: boolean;
  /** Default size 32 bits. */
  big?: boolean;
  kind: 'data' | 'down' | 'code';
  /** No writing, or for code no reading. */
  restricted?: boolean;
  absent?: boolean;
}

const dataPage = 0x2000_0000;
const codePage = 0x1000_0000;

/** The local descriptor table of every case. */
export const localSegments = {
  code16: { base: codePage, limit: 0xffff, kind: 'code' },
  code16Short: { base: codePage, limit: 0xfff, kind: 'code' },
  code32Short: { base: codePage, limit: 0xfff, big: true, kind: 'code' },
  codeUnreadable: { base: codePage, limit: 0xffff, big: true, kind: 'code', restricted: true },
  data16: { base: dataPage, limit: 0xffff, kind: 'data' },
  data16Short: { base: dataPage, limit: 0xfbf, kind: 'data' },
  data32Short: { base: dataPage + 0xf00, limit: 0x7f, big: true, kind: 'data' },
  down32: { base: dataPage, limit: 0xf7f, big: true, kind: 'down' },
  down16: { base: dataPage, limit: 0xf7f, kind: 'down' },
  readOnly: { base: dataPage, limit: 0xfff, big: true, kind: 'data', restricted: true },
  absent: { base: dataPage, limit: 0xfff, big: true, kind: 'data', absent: true },
  pages: { base: 0, limit: 0x2_0000, pages: true, big: true, kind: 'data' },
} as const satisfies Readonly<Record<string, LocalSegment>>;

export type LocalName = keyof typeof localSegments;

/** The selector of a segment of the local table, with RPL 3. */
export function localSelector(name: LocalName): number {
  return (Object.keys(localSegments).indexOf(name) << 3) | 4 | 3;
}

/** Byte i of the read-only page. */
export function readOnlyPattern(i: number): number {
  return (i * 37 + 11) & 0xff;
}

/** The INT3 that stops a case. */
export const int3 = 0xcc;
/** Vector of the normal end. */
export const stopVector = 3;

/** One case as a view of its bytes. */
export class CaseView {
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(bytes: Uint8Array = new Uint8Array(Case.size)) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The same bytes apart. (Not slice(): a Node Buffer's is a view of the same bytes.) */
  copy(): CaseView {
    return new CaseView(new Uint8Array(this.bytes));
  }

  word(offset: number): number {
    return this.view.getUint32(offset, true);
  }

  setWord(offset: number, value: number): void {
    this.view.setUint32(offset, value, true);
  }

  register(number: number): number {
    return this.word(Case.registers + 4 * number);
  }

  setRegister(number: number, value: number): void {
    this.setWord(Case.registers + 4 * number, value);
  }

  get code(): Uint8Array {
    return this.bytes.subarray(Case.code, Case.code + Case.codeBytes);
  }

  /** The instruction; INT3 behind it. */
  setCode(code: ArrayLike<number>): void {
    this.code.fill(int3);
    this.code.set(code);
  }

  selector(register: number): number {
    return this.view.getUint16(Case.selectors + 2 * register, true);
  }

  setSelector(register: number, value: number): void {
    this.view.setUint16(Case.selectors + 2 * register, value, true);
  }

  get fxsave(): Uint8Array {
    return this.bytes.subarray(Case.fxsave, Case.fxsave + Case.fxsaveBytes);
  }

  get window(): Uint8Array {
    return this.bytes.subarray(Case.window, Case.window + Place.windowBytes);
  }

  /** A 16-bit field of the FXSAVE image. */
  fx16(offset: number): number {
    return this.view.getUint16(Case.fxsave + offset, true);
  }

  setFx16(offset: number, value: number): void {
    this.view.setUint16(Case.fxsave + offset, value, true);
  }
}

/** Cases one after the other in one block of bytes. */
export class Batch {
  readonly count: number;
  readonly bytes: Uint8Array;

  constructor(count: number, bytes: Uint8Array = new Uint8Array(count * Case.size)) {
    this.count = count;
    this.bytes = bytes;
  }

  at(i: number): CaseView {
    return new CaseView(this.bytes.subarray(i * Case.size, (i + 1) * Case.size));
  }

  clone(): Batch {
    return new Batch(this.count, new Uint8Array(this.bytes));
  }
}

/** Copies of these cases, one after the other. */
export function batchOf(cases: readonly CaseView[]): Batch {
  const batch = new Batch(cases.length);
  cases.forEach(({ bytes }, i) => batch.at(i).bytes.set(bytes));
  return batch;
}

const startEflags = 0x202;
const startMxcsr = 0x1f80;
const startControl = 0x37f;
/** es cs ss ds fs gs */
const startSelectors = [Selector.data, Selector.code, Selector.data, Selector.data, 0, 0];
const esp = 4;

/** Fill a case with a plain start: everything zero, a stack in the window, the x87 as after FNINIT. */
export function plainStart(c: CaseView): void {
  c.bytes.fill(0);
  c.setWord(Case.eflags, startEflags);
  c.setWord(Case.eip, Place.code);
  startSelectors.forEach((selector, register) => c.setSelector(register, selector));
  c.setRegister(esp, Place.window + 128);
  c.setFx16(Fx.control, startControl);
  c.view.setUint32(Case.fxsave + Fx.mxcsr, startMxcsr, true);
}
