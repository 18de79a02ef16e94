/** What went wrong in a call to this package. */
export type X86ErrorCode = 'bad-argument' | 'bad-state' | 'no-memory';

/** Thrown for wrong calls by the embedding program; never for anything a guest does. */
export class X86Error extends Error {
  readonly code: X86ErrorCode;

  constructor(code: X86ErrorCode, message: string) {
    super(message);
    this.name = 'X86Error';
    this.code = code;
  }
}
