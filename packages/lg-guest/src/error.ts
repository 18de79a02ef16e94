/*
 * What can go wrong while the demo kernel is put together. Nothing here happens to a user of the published package,
 * which holds the finished kernel; it happens to whoever changes the sources.
 */

/** syntax: the little language. assembly: what @defasm/core rejects. link: a name or a size does not work out. */
export type GuestBuildErrorCode = 'syntax' | 'assembly' | 'link';

/** The demo kernel cannot be built; the message says where and what to change. */
export class GuestBuildError extends Error {
  readonly code: GuestBuildErrorCode;
  constructor(code: GuestBuildErrorCode, message: string) {
    super(message);
    this.name = 'GuestBuildError';
    this.code = code;
  }
}
