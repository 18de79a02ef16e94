/*
 * Files in, sentences out: whatever is wrong with a file, the user learns which, what, and what to do.
 */
import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { LauncherError } from '../error.js';

/** What the system says, in words. */
const faults: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission is denied',
  EPERM: 'permission is denied',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of its path is not a directory',
  EROFS: 'its file system is read-only',
  ENOSPC: 'no space is left',
  EMFILE: 'too many files are open',
  ERR_FS_FILE_TOO_LARGE: 'it is larger than 2 GiB',
};

/** The fault in an error of node:fs, as part of a sentence. */
export function faultOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return faults[code ?? ''] ?? message;
}

/**
 * The bytes of a file. @param what for the message: "kernel". @param remedy what the user can do.
 * @throws LauncherError 'unreadable'.
 */
export function readWholeFile(path: string, what: string, remedy: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new LauncherError('unreadable', `Cannot read the ${what} ${path}: ${faultOf(error)}; ${remedy}.`, { cause: error });
  }
}

/** Make sure of a directory. @throws LauncherError 'unreadable'. */
export function makeDirectory(path: string, what: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw new LauncherError('unreadable', `Cannot make the directory ${path} for ${what}: ${faultOf(error)}; name another one.`, { cause: error });
  }
}

/** A file that is written line by line, or in one go. */
export interface OutputFile {
  write(text: string): void;
  close(): void;
}

/** Text is collected up to this size before it is written, in characters. */
const BUFFER = 1 << 16;

/**
 * Create a file, or empty it. @throws LauncherError 'unreadable'.
 */
export function createOutputFile(path: string, what: string): OutputFile {
  let file: number;
  try {
    file = openSync(path, 'w');
  } catch (error) {
    throw new LauncherError('unreadable', `Cannot write ${what} to ${path}: ${faultOf(error)}; name another file.`, { cause: error });
  }
  let waiting = '';
  const flush = (): void => {
    const bytes = Buffer.from(waiting);
    waiting = '';
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
  };
  return {
    write: (text) => {
      waiting += text;
      if (waiting.length >= BUFFER) flush();
    },
    close: () => {
      flush();
      closeSync(file);
    },
  };
}
