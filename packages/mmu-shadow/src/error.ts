/** What a wrong call to this package was about. */
export type ShadowErrorCode = 'bad-frames' | 'no-frames' | 'not-allocated' | 'too-few-frames';

/** Thrown for wrong calls by the embedding program. What a Guest does wrong is handed to `kill` instead. */
export class ShadowError extends Error {
  readonly code: ShadowErrorCode;

  constructor(code: ShadowErrorCode, message: string) {
    super(message);
    this.name = 'ShadowError';
    this.code = code;
  }
}
