/*
 * How a run of guest code ends: the small record that the CPU hands to its owner. One object per CPU is reused.
 */

/** Why run() came back. */
export const ExitReason = {
  /** A trap met a gate that carries the owner's selector. Nothing was pushed; no register changed. */
  gate: 0,
  /** The instruction budget is spent. */
  budget: 1,
  /** Somebody called kick(). */
  kick: 2,
  /** HLT at privilege level 0; the instruction is retired. */
  halt: 3,
  /** Triple fault: the CPU cannot go on until it is set up afresh. */
  shutdown: 4,
} as const;

/** What ended a run. `vector`, `errorCode` and `hasErrorCode` belong to ExitReason.gate. */
export interface Exit {
  reason: number;
  vector: number;
  errorCode: number;
  hasErrorCode: boolean;
}
