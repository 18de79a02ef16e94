/** What a call or an input was wrong about. */
export type LauncherErrorCode = 'bad-kernel' | 'bad-initrd' | 'bad-memory' | 'bad-command-line' | 'bad-device' | 'bad-file';

/** Thrown for input that cannot be used. The message is one sentence with what, where and how to mend it. */
export class LauncherError extends Error {
  readonly code: LauncherErrorCode;

  constructor(code: LauncherErrorCode, message: string) {
    super(message);
    this.name = 'LauncherError';
    this.code = code;
  }
}
