/*
 * Exceptions of the CPU, as a value that unwinds the TypeScript side of an instruction.
 *
 * Inside the reference engine and the system instructions a fault is thrown, because it can come out of any memory
 * access and must leave nothing half done. It never crosses the package's border: the engine's loop catches it and
 * delivers it through the IDT. One object per machine is reused, so a fault allocates nothing.
 */

/** Exception vectors (SDM volume 3, table 6-1). */
export const Vector = {
  divide: 0, debug: 1, nmi: 2, breakpoint: 3, overflow: 4, bound: 5, invalidOpcode: 6, noDevice: 7, doubleFault: 8,
  invalidTss: 10, notPresent: 11, stack: 12, protection: 13, pageFault: 14, x87: 16, alignment: 17, machineCheck: 18, simd: 19,
} as const;

/** Page-fault error code bits, also the access kinds asked of the page walker (SDM volume 3, 4.7). */
export const PageFault = { present: 1, write: 2, user: 4, reserved: 8, fetch: 16 } as const;

/** Vectors that push an error code: 8, 10..14, 17. */
const withErrorCode = (1 << 8) | (0x1f << 10) | (1 << 17);

/** True when exceptions of this vector push an error code. Software interrupts never do. */
export function pushesErrorCode(vector: number): boolean {
  return vector < 32 && ((withErrorCode >>> vector) & 1) !== 0;
}

/** A pending exception. `errorCode` is meaningful where pushesErrorCode(vector). */
export class CpuFault {
  vector = 0;
  errorCode = 0;
}

const pending = new CpuFault();

/**
 * Abandon the current instruction with an exception. Throws the one shared CpuFault: catch it at once, in the engine.
 * For page faults the caller has already stored CR2.
 */
export function raise(vector: number, errorCode = 0): never {
  pending.vector = vector;
  pending.errorCode = errorCode;
  throw pending;
}
