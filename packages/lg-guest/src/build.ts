/*
 * @lguest/lg-guest/build: the parts to make a kernel of one's own. Re-exports only.
 */
export { GuestBuildError, type GuestBuildErrorCode } from './error.js';
export type { Unit } from './image/assemble.js';
export { buildGuest, type GuestParts } from './image/guest.js';
export { type Source, source } from './language/b.js';
