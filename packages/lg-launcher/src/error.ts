/*
 * What goes wrong before a Guest runs: files, sizes, options. What a running Guest does wrong never comes this way; it
 * is a value (see vm/exit.ts).
 */

/** What was wrong. */
export type LauncherErrorCode =
  /** The kernel is not one this Launcher can load. */
  | 'bad-kernel'
  /** Kernel or initrd do not fit into the Guest's memory. */
  | 'does-not-fit'
  /** A memory size out of range. */
  | 'bad-memory-size'
  /** The kernel's command line is too long. */
  | 'bad-command-line'
  /** The bus has no room, ring or interrupt left for a device. */
  | 'too-many-devices'
  /** A disk image that cannot be one. */
  | 'bad-disk'
  /** A file that cannot be read, or not written. */
  | 'unreadable'
  /** The host cannot give the memory. */
  | 'no-memory'
  /** A call or an option that makes no sense. */
  | 'usage';

/** The one error class of this package. Its message is a sentence for a person: file, fault, remedy. */
export class LauncherError extends Error {
  readonly code: LauncherErrorCode;

  constructor(code: LauncherErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'LauncherError';
    this.code = code;
  }
}
