/*
 * The file a Launcher wants: ELF for i386 with program headers and nothing else (Tool Interface Standard, ELF 1.2).
 */

/** A part of the image. Addresses and sizes in bytes; memory beyond the bytes is zero. */
export interface Segment {
  readonly physical: number;
  readonly virtual: number;
  readonly bytes: Uint8Array;
  readonly memoryBytes: number;
  readonly executable: boolean;
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

/** An executable with these segments, entered at a physical address. */
export function writeElf(entry: number, segments: readonly Segment[]): Uint8Array {
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
