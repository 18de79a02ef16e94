/*P:150
 * Where the tables are.
 *
 * LGDT, LIDT, SGDT and SIDT move a "pseudo-descriptor" between memory and the processor: a limit of 16 bits and, right
 * behind it, the table's linear address. Six bytes, or ten in 64-bit mode. (SDM volume 3, figure 3-11.)
 */
import { checkAddress64, checkField, DescriptorError } from './error.js';

/** A GDTR or IDTR. */
export interface PseudoDescriptor {
  /** Offset of the table's last byte. */
  limit: number;
  /** Linear address of the table. */
  base: number;
}

/** A GDTR or IDTR in 64-bit mode. */
export interface LongPseudoDescriptor { limit: number; base: bigint }

/** Bytes of an image in memory. */
export const PSEUDO_DESCRIPTOR_BYTES = 6;
/** Bytes of an image in memory, in 64-bit mode. */
export const LONG_PSEUDO_DESCRIPTOR_BYTES = 10;

const baseOffset = 2;
/** With a 16-bit operand size LGDT and LIDT take 24 bits of the base. */
const base24Mask = 0xff_ffff;

function check(view: DataView, offset: number, bytes: number): void {
  if (offset < 0 || offset + bytes > view.byteLength) {
    throw new DescriptorError('outside-table', `a pseudo-descriptor of ${bytes} bytes at offset ${offset} does not fit a view of ${view.byteLength} bytes`);
  }
}

/**
 * Read a six-byte image. `operandBits` 16 drops the base's upper byte, as LGDT and LIDT do then.
 * @throws DescriptorError `outside-table`.
 */
export function readPseudoDescriptor(view: DataView, offset = 0, operandBits: 16 | 32 = 32): PseudoDescriptor {
  check(view, offset, PSEUDO_DESCRIPTOR_BYTES);
  const base = view.getUint32(offset + baseOffset, true);
  return { limit: view.getUint16(offset, true), base: operandBits === 16 ? base & base24Mask : base };
}

/** Write a six-byte image. @throws DescriptorError `outside-table`, `out-of-range`. */
export function writePseudoDescriptor(view: DataView, offset: number, { limit, base }: PseudoDescriptor): void {
  check(view, offset, PSEUDO_DESCRIPTOR_BYTES);
  view.setUint16(offset, checkField('limit', limit, 16), true);
  view.setUint32(offset + baseOffset, checkField('base', base, 32), true);
}

/** Read a ten-byte image. @throws DescriptorError `outside-table`. */
export function readLongPseudoDescriptor(view: DataView, offset = 0): LongPseudoDescriptor {
  check(view, offset, LONG_PSEUDO_DESCRIPTOR_BYTES);
  return { limit: view.getUint16(offset, true), base: view.getBigUint64(offset + baseOffset, true) };
}

/** Write a ten-byte image. @throws DescriptorError `outside-table`, `out-of-range`. */
export function writeLongPseudoDescriptor(view: DataView, offset: number, { limit, base }: LongPseudoDescriptor): void {
  check(view, offset, LONG_PSEUDO_DESCRIPTOR_BYTES);
  view.setUint16(offset, checkField('limit', limit, 16), true);
  view.setBigUint64(offset + baseOffset, checkAddress64('base', base), true);
}
