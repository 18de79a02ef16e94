/*
 * The file a Launcher wants: ELF for i386 with program headers (Tool Interface Standard, ELF 1.2), and a symbol table for
 * profilers and debuggers.
 */

/** A part of the image. Addresses and sizes in bytes; memory beyond the bytes is zero. */
export interface Segment {
  readonly physical: number;
  readonly virtual: number;
  readonly bytes: Uint8Array;
  readonly memoryBytes: number;
  readonly executable: boolean;
}

/** A name for an address. */
export interface ElfSymbol {
  readonly name: string;
  readonly address: number;
  readonly isCode: boolean;
}

const HEADER_BYTES = 52;
const PROGRAM_HEADER_BYTES = 32;
const FILE_ALIGNMENT = 4096;
/** e_ident: magic, 32 bits, little-endian, version 1. */
const IDENTITY = [0x7f, 0x45, 0x4c, 0x46, 1, 1, 1];
const ET_EXEC = 2;
const EM_386 = 3;
const EV_CURRENT = 1;
const PT_LOAD = 1;
const Flag = { execute: 1, write: 2, read: 4 } as const;
const SECTION_HEADER_BYTES = 40;
const SYMBOL_BYTES = 16;
/** sh_type */
const SectionType = { symbols: 2, strings: 3 } as const;
/** st_info of a symbol that all may know: STB_GLOBAL, and STT_OBJECT or STT_FUNC. */
const SymbolInfo = { object: 0x11, code: 0x12 } as const;
/** st_shndx: the address is as it is. */
const SHN_ABS = 0xfff1;
const sectionNames = ['', '.symtab', '.strtab', '.shstrtab'];

/** An executable with these segments, entered at a physical address. */
export function writeElf(entry: number, segments: readonly Segment[], symbols: readonly ElfSymbol[] = []): Uint8Array {
  const file = writeSegments(entry, segments);
  return symbols.length === 0 ? file : addSymbols(file, symbols);
}

/** Names one after the other, each with a 0 behind it, and where they begin; the first is empty. */
function stringTable(names: readonly string[]): { bytes: Uint8Array; offsets: number[] } {
  const offsets: number[] = [];
  let text = '';
  for (const name of names) {
    offsets.push(text.length);
    text += `${name}\0`;
  }
  return { bytes: new TextEncoder().encode(text), offsets };
}

/** The file with sections for symbols behind it. */
function addSymbols(file: Uint8Array, symbols: readonly ElfSymbol[]): Uint8Array {
  const strings = stringTable(['', ...symbols.map(({ name }) => name)]);
  const headings = stringTable(sectionNames);
  const table = new DataView(new ArrayBuffer(SYMBOL_BYTES * (symbols.length + 1)));
  symbols.forEach(({ address, isCode }, i) => {
    const at = SYMBOL_BYTES * (i + 1);
    table.setUint32(at, strings.offsets[i + 1]!, true);
    table.setUint32(at + 4, address, true);
    table.setUint8(at + 12, isCode ? SymbolInfo.code : SymbolInfo.object);
    table.setUint16(at + 14, SHN_ABS, true);
  });
  const parts = [new Uint8Array(table.buffer), strings.bytes, headings.bytes];
  const places = parts.map((_, i) => file.length + parts.slice(0, i).reduce((sum, { length }) => sum + Math.ceil(length / 4) * 4, 0));
  const headers = places[2]! + Math.ceil(headings.bytes.length / 4) * 4;
  const whole = new Uint8Array(headers + SECTION_HEADER_BYTES * sectionNames.length);
  whole.set(file);
  parts.forEach((part, i) => whole.set(part, places[i]));
  const view = new DataView(whole.buffer);
  parts.forEach(({ length }, i) => {
    // name, type, flags, address, offset, size, link (to the strings), info (the first global symbol), alignment, entry size
    const fields = [
      headings.offsets[i + 1]!, i === 0 ? SectionType.symbols : SectionType.strings, 0, 0, places[i]!, length, i === 0 ? 2 : 0, i === 0 ? 1 : 0, 4, i === 0 ? SYMBOL_BYTES : 0,
    ];
    fields.forEach((field, word) => view.setUint32(headers + SECTION_HEADER_BYTES * (i + 1) + 4 * word, field, true));
  });
  view.setUint32(0x20, headers, true);
  [SECTION_HEADER_BYTES, sectionNames.length, sectionNames.length - 1].forEach((half, i) => view.setUint16(0x2e + 2 * i, half, true));
  return whole;
}

function writeSegments(entry: number, segments: readonly Segment[]): Uint8Array {
  const offsets: number[] = [];
  let end = FILE_ALIGNMENT;
  for (const { bytes } of segments) {
    offsets.push(end);
    end += Math.ceil(bytes.length / FILE_ALIGNMENT) * FILE_ALIGNMENT;
  }
  const file = new Uint8Array(end);
  const view = new DataView(file.buffer);
  const words = (at: number, ...values: number[]): void => values.forEach((value, i) => view.setUint32(at + 4 * i, value, true));
  const halves = (at: number, ...values: number[]): void => values.forEach((value, i) => view.setUint16(at + 2 * i, value, true));
  file.set(IDENTITY);
  halves(0x10, ET_EXEC, EM_386);
  words(0x14, EV_CURRENT, entry, HEADER_BYTES, 0, 0);
  halves(0x28, HEADER_BYTES, PROGRAM_HEADER_BYTES, segments.length);
  segments.forEach((segment, i) => {
    const { virtual, physical, bytes, memoryBytes, executable } = segment;
    const flags = Flag.read | (executable ? Flag.execute : Flag.write);
    words(HEADER_BYTES + PROGRAM_HEADER_BYTES * i, PT_LOAD, offsets[i]!, virtual, physical, bytes.length, memoryBytes, flags, FILE_ALIGNMENT);
    file.set(bytes, offsets[i]!);
  });
  return file;
}
