/*P:160
 * Tables.
 *
 * GDT, LDT and IDT are arrays of descriptors in memory. A DescriptorTable looks at one through any DataView, guest
 * memory for instance, and copies nothing: what it reads is what is there now.
 */
import { DescriptorError } from './error.js';
import { decodeLongDescriptor, encodeLongDescriptor, type LongDescriptor } from './long-record.js';
import { type Descriptor, decodeDescriptor, encodeDescriptor } from './record.js';

/** Bytes of one descriptor. */
export const DESCRIPTOR_BYTES = 8;
/** Bytes of an IA-32e system descriptor or gate. */
export const LONG_DESCRIPTOR_BYTES = 16;

/** Where in the view the table is. */
export interface TableOptions {
  /** Default 0. */
  byteOffset?: number;
  /** Default: to the end of the view. A last entry that is not whole does not count, as with a segment limit. */
  byteLength?: number;
  /** 16 for the IDT of a 64-bit system. Default 8. */
  entryBytes?: typeof DESCRIPTOR_BYTES | typeof LONG_DESCRIPTOR_BYTES;
}

/** A view of a descriptor table. */
export class DescriptorTable implements Iterable<Descriptor> {
  readonly view: DataView;
  readonly byteOffset: number;
  readonly entryBytes: number;
  /** Entries. */
  readonly length: number;

  /** @throws DescriptorError `bad-table` when the view is too short. */
  constructor(view: DataView, options: TableOptions = {}) {
    const { byteOffset = 0, entryBytes = DESCRIPTOR_BYTES, byteLength = view.byteLength - byteOffset } = options;
    if (byteOffset < 0 || byteLength < 0 || byteOffset + byteLength > view.byteLength) {
      throw new DescriptorError('bad-table', `a table of ${byteLength} bytes at offset ${byteOffset} does not fit a view of ${view.byteLength} bytes`);
    }
    this.view = view;
    this.byteOffset = byteOffset;
    this.entryBytes = entryBytes;
    this.length = Math.floor(byteLength / entryBytes);
  }

  /** The word at the lower address. @throws DescriptorError `outside-table`. */
  lo(index: number): number {
    return this.view.getUint32(this.#place(index, 1), true);
  }

  /** The word above it. @throws DescriptorError `outside-table`. */
  hi(index: number): number {
    return this.view.getUint32(this.#place(index, 1) + 4, true);
  }

  /** Store two words. @throws DescriptorError `outside-table`. */
  set(index: number, lo: number, hi: number): void {
    const place = this.#place(index, 1);
    this.view.setUint32(place, lo, true);
    this.view.setUint32(place + 4, hi, true);
  }

  /** The entry as a record. @throws DescriptorError `outside-table`. */
  get(index: number): Descriptor {
    return decodeDescriptor(this.lo(index), this.hi(index));
  }

  /** Store a record. @throws DescriptorError `outside-table`, and as encodeDescriptor() does. */
  put(index: number, descriptor: Descriptor): void {
    const { lo, hi } = encodeDescriptor(descriptor);
    this.set(index, lo, hi);
  }

  /** A sixteen-byte descriptor; in a table of eight-byte entries it takes two. @throws DescriptorError `outside-table`. */
  getLong(index: number): LongDescriptor {
    const place = this.#longPlace(index);
    const word = (n: number): number => this.view.getUint32(place + 4 * n, true);
    return decodeLongDescriptor({ lo: word(0), hi: word(1), upper: word(2), last: word(3) });
  }

  /** Store a sixteen-byte descriptor. @throws DescriptorError `outside-table`, and as encodeLongDescriptor() does. */
  putLong(index: number, descriptor: LongDescriptor): void {
    const place = this.#longPlace(index);
    const { lo, hi, upper, last } = encodeLongDescriptor(descriptor);
    [lo, hi, upper, last].forEach((word, n) => { this.view.setUint32(place + 4 * n, word, true); });
  }

  /** All entries, as records of eight bytes. */
  *[Symbol.iterator](): Iterator<Descriptor> {
    for (let index = 0; index < this.length; index++) yield this.get(index);
  }

  #longPlace(index: number): number {
    return this.#place(index, LONG_DESCRIPTOR_BYTES / this.entryBytes);
  }

  #place(index: number, entries: number): number {
    if (!Number.isInteger(index) || index < 0 || index + entries > this.length) {
      throw new DescriptorError('outside-table', `entry ${index}${entries > 1 ? ' (two entries long)' : ''} is outside a table of ${this.length}`);
    }
    return this.byteOffset + index * this.entryBytes;
  }
}
