/*
 * Two operands as numbers of any width.
 *
 * A vector instruction reads its operands into here (8 bytes of an MMX register, 16 of an XMM one), works on whichever
 * view fits, and the result is stored from `destination`. One pair serves all CPUs: an instruction is never interrupted.
 */

/** Sixteen bytes, seen as lanes of each width. Little-endian, like the registers. */
export interface Lanes {
  readonly u8: Uint8Array;
  readonly i8: Int8Array;
  readonly u16: Uint16Array;
  readonly i16: Int16Array;
  readonly u32: Uint32Array;
  readonly i32: Int32Array;
  readonly u64: BigUint64Array;
}

function lanes(): Lanes {
  const buffer = new ArrayBuffer(16);
  return {
    u8: new Uint8Array(buffer), i8: new Int8Array(buffer), u16: new Uint16Array(buffer), i16: new Int16Array(buffer),
    u32: new Uint32Array(buffer), i32: new Int32Array(buffer), u64: new BigUint64Array(buffer),
  };
}

/** The first operand, and the result. */
export const destination = lanes();
/** The second operand. */
export const source = lanes();
