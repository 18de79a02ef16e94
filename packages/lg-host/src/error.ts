/*
 * Wrong calls by the program that embeds the Host. What a Guest does wrong never comes this way: it kills the Guest.
 */

/** What was wrong with the call. */
export type LguestErrorCode =
  /** The machine's memory is too small for the guest pages and the Host's own frames. */
  | 'machine-too-small'
  /** An option is out of its range. */
  | 'bad-option'
  /** A virtual irq number outside 0..31. */
  | 'bad-irq'
  /** runSlice() or dispose() was called from inside runSlice() (for instance from a device hook or a trace listener). */
  | 'busy'
  /** The Lguest was disposed of. */
  | 'disposed';

/** The one error class of this package. */
export class LguestError extends Error {
  readonly code: LguestErrorCode;

  constructor(code: LguestErrorCode, message: string) {
    super(message);
    this.name = 'LguestError';
    this.code = code;
  }
}
