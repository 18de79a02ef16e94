/*L:330
 * How a Guest can end, and the number the `lguest` command makes of it.
 *
 * lguest's own Launcher knew two ends: "lguest: <reason>" and exit status 1. A script wants to know more.
 */

/** Why a Guest ended. */
export type ExitReason =
  /** It powered itself off. */
  | 'poweroff'
  /** It printed what was expected of it. */
  | 'expected'
  /** Its kernel gave up; the message is its last words. */
  | 'panic'
  /** It did what no Guest may do; the message names it. */
  | 'killed'
  /** It had its time. */
  | 'timeout'
  /** It sleeps, and nothing could ever wake it. */
  | 'stuck'
  /** Somebody stopped it from outside. */
  | 'stopped';

/** Exit status of the `lguest` command for each reason. */
export const ExitStatus = {
  poweroff: 0, expected: 0, panic: 101, killed: 102, timeout: 124, stuck: 124, stopped: 130,
} as const satisfies Record<ExitReason, number>;

/** Exit status for a usage error or unreadable input: no Guest ever ran. */
export const USAGE_STATUS = 2;

/** The end of a Guest. */
export interface GuestExit {
  readonly reason: ExitReason;
  /** ExitStatus[reason]. */
  readonly status: number;
  /** One sentence, or the Guest's last words. */
  readonly message: string;
}

/** A GuestExit from its parts. */
export function guestExit(reason: ExitReason, message: string): GuestExit {
  return { reason, status: ExitStatus[reason], message };
}

/** What Linux, and every polite kernel, says when it is switched off. Other last words are those of a panic. */
export const POWER_OFF_MESSAGE = 'Power down';
