/*
 * What the embedding program can do wrong. What a Guest does wrong is never an exception: it is a reason, handed to the
 * `kill` function that came with the options.
 */

/** Which mistake an MmuShadowError reports. */
export type MmuShadowErrorCode =
  /** An option does not make sense. */
  | 'bad-option'
  /** The frame pool is too small to build the page tables one instruction may need. */
  | 'too-few-frames'
  /** A frame was asked for when none is left. */
  | 'out-of-frames'
  /** A frame was given back that is not on loan. */
  | 'bad-frame'
  /** A call came after dispose(), or in a state where it has no meaning. */
  | 'bad-state';

/** The one error class of this package. */
export class MmuShadowError extends Error {
  override readonly name = 'MmuShadowError';
  /** Which mistake it was. */
  readonly code: MmuShadowErrorCode;

  constructor(code: MmuShadowErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
