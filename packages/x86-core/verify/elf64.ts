/*
 * Executable files of 64-bit Linux, of memory segments alone: no sections, no libraries (the System V ABI, chapters 4 and 5).
 */

/** What may be done with a segment's memory. */
export const Access = { x: 1, w: 2, r: 4 } as const;

/** Memory that the program finds when it starts. */
export interface Segment {
  /** A multiple of 4096. */
  readonly address: number;
  /** What it begins with; nothing unless this is said. */
  readonly bytes?: Uint8Array;
  /** How many bytes it has, zeros behind `bytes`; no more than these unless this is said. */
  readonly memory?: number;
  /** A sum of `Access`. */
  readonly access: number;
}

const pageBytes = 0x1000;
const headerBytes = 64;
const entryBytes = 56;
/** Of the identification: the magic number, 64 bits, little-endian, version 1. */
const identification = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1];
const executableFile = 2;
const machineX8664 = 62;
const kind = { load: 1, gnuStack: 0x6474_e551 } as const;

/** The file of a program that starts at `entry`. */
export function executable(entry: number, segments: readonly Segment[]): Uint8Array {
  const pages = segments.map(({ bytes }) => Math.ceil((bytes?.length ?? 0) / pageBytes));
  const image = new Uint8Array(pageBytes * pages.reduce((sum, count) => sum + count, 1));
  const view = new DataView(image.buffer);
  const put64 = (at: number, value: number): void => view.setBigUint64(at, BigInt(value), true);
  image.set(identification);
  view.setUint16(16, executableFile, true);
  view.setUint16(18, machineX8664, true);
  view.setUint32(20, 1, true);
  put64(24, entry);
  put64(32, headerBytes);
  view.setUint16(52, headerBytes, true);
  view.setUint16(54, entryBytes, true);
  view.setUint16(56, segments.length + 1, true);
  let at = headerBytes;
  const describe = (type: number, access: number, fields: readonly number[]): void => {
    view.setUint32(at, type, true);
    view.setUint32(at + 4, access, true);
    fields.forEach((field, i) => put64(at + 8 + 8 * i, field));
    at += entryBytes;
  };
  let offset = pageBytes;
  segments.forEach(({ address, bytes, memory, access }, i) => {
    const length = bytes?.length ?? 0;
    describe(kind.load, access, [length > 0 ? offset : 0, address, address, length, Math.max(memory ?? 0, length), pageBytes]);
    if (bytes !== undefined) image.set(bytes, offset);
    offset += pages[i]! * pageBytes;
  });
  // without this old kernels would make every readable page executable
  describe(kind.gnuStack, Access.r | Access.w, [0, 0, 0, 0, 0, 16]);
  return image;
}
