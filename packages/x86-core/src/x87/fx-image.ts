/*
 * The image of FXSAVE and FXRSTOR (SDM volume 1, table 10-2).
 */

/** Offsets in it, and its size, in bytes. */
export const Fx = {
  bytes: 512, control: 0, status: 2, tags: 4, opcode: 6, eip: 8, cs: 12, data: 16, ds: 20,
  mxcsr: 24, mxcsrMask: 28, st: 32, xmm: 160,
} as const;
/** It lies at a multiple of 16, or there is #GP. */
export const fxAlignment = 15;
/** MXCSR bits that exist, denormals-are-zero among them. */
export const mxcsrBits = 0xffff;
/** Words of all XMM registers. */
export const xmmWords = 32;
/** Bits of the last instruction's opcode that the x87 keeps. */
export const opcodeMask = 0x7ff;
