/*
 * What surrounds every x87 operation: how to round, which exceptions are masked, and which have happened so far.
 *
 * An instruction begins by copying the control word here, computes, and commits the exceptions it raised at its end,
 * so that a page fault of its operand leaves no trace in the status word.
 */
import { State } from '../state.js';

/** Exception flags; the same bit positions in the status word and as masks in the control word (SDM volume 1, 8.1.3.3). */
export const Exception = {
  invalid: 1 << 0, denormal: 1 << 1, zeroDivide: 1 << 2, overflow: 1 << 3, underflow: 1 << 4, precision: 1 << 5,
  /** Status word only: the invalid operation was a stack over- or underflow. */
  stackFault: 1 << 6,
  all: 0x3f,
} as const;

/** The other fields of the status word (SDM volume 1, 8.1.3). */
export const Status = {
  summary: 1 << 7, c0: 1 << 8, c1: 1 << 9, c2: 1 << 10, topShift: 11, topMask: 7 << 11, exceptTop: 0xc7ff, c3: 1 << 14, busy: 1 << 15,
  conditions: (1 << 8) | (1 << 9) | (1 << 10) | (1 << 14),
} as const;

/** Fields of the control word (SDM volume 1, 8.1.5). */
export const Control = { precisionShift: 8, roundingShift: 10, reset: 0x37f, alwaysSet: 1 << 6, writable: 0x1f3f } as const;

/** Rounding control values. */
export const Rounding = { nearest: 0, down: 1, up: 2, zero: 3 } as const;

/** The environment of the operation going on. One per process is enough: operations do not nest. */
export const env = {
  /** One of Rounding. */
  rounding: 0 as number,
  /** Bits of significand that add, subtract, multiply, divide and square root round to: 24, 53 or 64. */
  precision: 64,
  /** Exceptions that are not masked. */
  unmasked: 0,
  /** Exceptions raised by this operation, and stackFault. */
  raised: 0,
  /** The last rounding went away from zero: what C1 reports with the precision exception. */
  roundedUp: false,
};

const precisions = [24, 64, 53, 64] as const;

/** Start an operation: take over the control word, forget earlier exceptions. */
export function beginOperation(i32: Int32Array): void {
  const control = i32[State.fpuControl >> 2]!;
  env.rounding = (control >>> Control.roundingShift) & 3;
  env.precision = precisions[((control >>> Control.precisionShift) & 3) as 0 | 1 | 2 | 3];
  env.unmasked = ~control & Exception.all;
  env.raised = 0;
  env.roundedUp = false;
}

/** Raise an exception; true when it is unmasked, that is, the operation must not deliver a result. */
export function raiseException(exception: number): boolean {
  env.raised |= exception;
  return (env.unmasked & exception) !== 0;
}

const blocking = Exception.invalid | Exception.denormal | Exception.zeroDivide;

/** An unmasked exception of the kind found before computing has happened: destination and stack stay as they are. */
export function isBlocked(): boolean {
  return (env.raised & env.unmasked & blocking) !== 0;
}

/** Put the raised exceptions into the status word, with C1 as given and the error summary if one is unmasked. */
export function commitExceptions(i32: Int32Array, c1: boolean): void {
  let status = (i32[State.fpuStatus >> 2]! & ~Status.c1) | env.raised;
  if (c1) status |= Status.c1;
  if (env.raised & env.unmasked) status |= Status.summary | Status.busy;
  i32[State.fpuStatus >> 2] = status;
}

/** The status word with TOP in it. */
export function readStatus(i32: Int32Array): number {
  return i32[State.fpuStatus >> 2]! | (i32[State.fpuTop >> 2]! << Status.topShift);
}

/** Take over a whole status word. */
export function writeStatus(i32: Int32Array, value: number): void {
  i32[State.fpuStatus >> 2] = value & Status.exceptTop;
  i32[State.fpuTop >> 2] = (value & Status.topMask) >> Status.topShift;
}

/** Recompute the error summary after the control or status word was written as a whole. */
export function updateSummary(i32: Int32Array): void {
  const status = i32[State.fpuStatus >> 2]!;
  const pending = status & ~i32[State.fpuControl >> 2]! & Exception.all;
  const summary = Status.summary | Status.busy;
  i32[State.fpuStatus >> 2] = pending ? status | summary : status & ~summary;
}
