/*
 * The checksum at the end of a bzImage: CRC-32 with the polynomial everybody uses, in the form in which a file with its
 * checksum behind it has the remainder 0.
 */

/** x^32 + x^26 + x^23 + … + 1, with the bits mirrored. */
const POLYNOMIAL = 0xedb8_8320;
const START = 0xffff_ffff;

let table: Uint32Array | undefined;

function makeTable(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) remainder = (remainder & 1) !== 0 ? (remainder >>> 1) ^ POLYNOMIAL : remainder >>> 1;
    return remainder;
  });
}

/** The remainder of these bytes, unsigned. The usual CRC-32 is this with all bits turned over. */
export function crcRemainder(bytes: Uint8Array): number {
  table ??= makeTable();
  let remainder = START;
  for (const byte of bytes) remainder = table[(remainder ^ byte) & 0xff]! ^ (remainder >>> 8);
  return remainder >>> 0;
}
