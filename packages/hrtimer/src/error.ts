/*
 * Mistakes of the program that uses clocks and timers.
 */

/** What kind of mistake. */
export type HrtimerErrorCode = 'clock-cannot-go-back' | 'bad-interval' | 'already-sleeping' | 'run-inside-run';

/** A wrong call of this package: `code` says which kind, the message what to mend. */
export class HrtimerError extends Error {
  override readonly name = 'HrtimerError';
  readonly code: HrtimerErrorCode;

  constructor(code: HrtimerErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
