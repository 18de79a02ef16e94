/*
 * What goes wrong here is the program's mistake, never the table's: any 64 bits are some descriptor.
 */

/** What kind of mistake. */
export type DescriptorErrorCode = 'out-of-range' | 'limit-not-representable' | 'outside-table' | 'bad-table';

/** A wrong call of this package: `code` says which kind, the message what to mend. */
export class DescriptorError extends Error {
  override readonly name = 'DescriptorError';
  readonly code: DescriptorErrorCode;

  constructor(code: DescriptorErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Check that a field is an integer that fits so many bits. @throws DescriptorError `out-of-range`. */
export function checkField(name: string, value: number, bits: number): number {
  const end = 2 ** bits;
  if (!Number.isInteger(value) || value < 0 || value >= end) {
    throw new DescriptorError('out-of-range', `${name} is ${value}: it must be an integer from 0 to 0x${(end - 1).toString(16)}`);
  }
  return value;
}

/** Check that a field is a bigint that fits 64 bits. @throws DescriptorError `out-of-range`. */
export function checkAddress64(name: string, value: bigint): bigint {
  if (BigInt.asUintN(64, value) !== value) {
    throw new DescriptorError('out-of-range', `${name} is ${value}: it must be a bigint from 0 to 2^64 - 1`);
  }
  return value;
}
