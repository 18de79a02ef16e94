/*
 * The files a program sees: the host's, to look at, and one directory of its own, to write in.
 */
import { type BigIntStats, closeSync, constants, fstatSync, ftruncateSync, lstatSync, openSync, readSync, realpathSync, writeSync } from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { CallError, Errno, Open } from './abi.js';

const maxDescriptors = 1024;

/** Run something of the host's; its error becomes the program's. */
export function host<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    const { errno } = error as NodeJS.ErrnoException;
    throw errno === undefined ? error : new CallError(-errno);
  }
}

/** An open file, shared by all descriptors that were made from one. */
export class OpenFile {
  readonly path: string;
  readonly flags: number;
  readonly directory: boolean;
  /** Others (devices) have no position. */
  readonly #regular: boolean;
  readonly #handle: number;
  position = 0;
  users = 1;

  constructor(path: string, flags: number, mode: number) {
    this.path = path;
    this.flags = flags;
    this.#handle = host(() => openSync(path, flags & ~Open.closeOnExec, mode));
    const kind = fstatSync(this.#handle);
    this.directory = kind.isDirectory();
    this.#regular = kind.isFile();
  }

  status(): BigIntStats {
    return fstatSync(this.#handle, { bigint: true });
  }

  read(length: number): Uint8Array {
    if ((this.flags & Open.accessMode) === 1) throw new CallError(Errno.EBADF);
    const bytes = this.readAt(length, this.#regular ? this.position : null);
    this.position += bytes.length;
    return bytes;
  }

  readAt(length: number, position: number | null): Uint8Array {
    const bytes = new Uint8Array(length);
    return bytes.subarray(0, host(() => readSync(this.#handle, bytes, 0, length, position)));
  }

  write(bytes: Uint8Array): number {
    if ((this.flags & Open.accessMode) === Open.readOnly) throw new CallError(Errno.EBADF);
    if (this.flags & Open.append) this.position = this.size();
    const written = host(() => writeSync(this.#handle, bytes, 0, bytes.length, this.#regular ? this.position : null));
    this.position += written;
    return written;
  }

  size(): number {
    return fstatSync(this.#handle).size;
  }

  seek(offset: number, whence: number): number {
    if (!this.#regular && !this.directory) throw new CallError(Errno.ESPIPE);
    const base = [0, this.position, this.size()][whence];
    if (base === undefined || base + offset < 0) throw new CallError(Errno.EINVAL);
    return (this.position = base + offset);
  }

  truncate(length: number): void {
    host(() => ftruncateSync(this.#handle, length));
  }

  /** One descriptor less. */
  release(): void {
    if (--this.users === 0) closeSync(this.#handle);
  }
}

/** Descriptor table, current directory, and what a path means. */
export class Files {
  readonly #descriptors: (OpenFile | undefined)[] = [];
  readonly #own: string;
  directory: string;

  /** `own` is the directory the program starts in and may write in. */
  constructor(own: string) {
    this.#own = realpathSync(own);
    this.directory = this.#own;
  }

  /** The host's path. */
  path(name: string, base?: number): string {
    if (name === '') throw new CallError(Errno.ENOENT);
    const from = base === undefined || base < 0 ? this.directory : this.get(base).path;
    return resolve(from, name) + (name.endsWith('/') ? sep : '');
  }

  /** The same for a call that changes something; EROFS outside the program's own directory. */
  ownPath(name: string, base?: number): string {
    const path = this.path(name, base).replace(/(.)\/+$/, '$1');
    const parent = host(() => realpathSync(dirname(path)));
    if (parent !== this.#own && !parent.startsWith(this.#own + sep)) throw new CallError(Errno.EROFS);
    return join(parent, basename(path));
  }

  /** open(2). A file without a name, wherever it is wanted, is made in the program's own directory. */
  open(name: string, flags: number, mode: number, base?: number): number {
    const device = name.startsWith('/dev/');
    const changes = (flags & (Open.accessMode | Open.create | Open.truncate)) !== 0 && !device;
    const path = (flags & Open.temporary) === Open.temporary ? this.#own : changes ? this.ownPath(name, base) : this.path(name, base);
    if (changes && this.#isLink(path)) throw new CallError(Errno.EROFS);
    return this.add(new OpenFile(path, flags, mode));
  }

  #isLink(path: string): boolean {
    return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
  }

  /** Give a file the lowest free descriptor. */
  add(file: OpenFile, from = 0): number {
    for (let fd = from; fd < maxDescriptors; fd++) {
      if (this.#descriptors[fd] !== undefined) continue;
      this.#descriptors[fd] = file;
      return fd;
    }
    throw new CallError(Errno.EINVAL);
  }

  get(fd: number): OpenFile {
    const file = this.#descriptors[fd];
    if (file === undefined) throw new CallError(Errno.EBADF);
    return file;
  }

  close(fd: number): void {
    this.get(fd).release();
    this.#descriptors[fd] = undefined;
  }

  /** dup2(2). */
  duplicate(from: number, to: number): number {
    const file = this.get(from);
    if (from === to) return to;
    if (this.#descriptors[to] !== undefined) this.close(to);
    file.users++;
    this.#descriptors[to] = file;
    return to;
  }

  closeAll(): void {
    for (const file of this.#descriptors) file?.release();
    this.#descriptors.length = 0;
  }
}

/** How standard streams are opened. */
export const streams = { input: constants.O_RDONLY, output: constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC } as const;
