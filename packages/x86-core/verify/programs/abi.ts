/*
 * The words of Linux's interface to a 32-bit program, as far as the programs here speak them: error numbers, signals,
 * flags, the auxiliary vector. (The numbers of the calls themselves are the keys of the tables in calls-*.ts.)
 */

/** Error numbers (asm-generic/errno-base.h, errno.h). */
export const Errno = {
  EPERM: 1, ENOENT: 2, EIO: 5, EBADF: 9, ECHILD: 10, ENOMEM: 12, EACCES: 13, EFAULT: 14, EEXIST: 17, ENOTDIR: 20, EISDIR: 21, EINVAL: 22,
  ENOTTY: 25, ESPIPE: 29, EROFS: 30, EPIPE: 32, ERANGE: 34, ENOSYS: 38, ENOTSOCK: 88, EAFNOSUPPORT: 97,
} as const;

/** What a system call answers instead of a result. */
export class CallError extends Error {
  readonly errno: number;

  constructor(errno: number) {
    super(`errno ${errno}`);
    this.errno = errno;
  }
}

/** The runner cannot go on: the program asks for what is not here. Nothing a program compared with may do. */
export class Unsupported extends Error {}

/** Signals by name. */
export const Signal = { ILL: 4, TRAP: 5, ABRT: 6, BUS: 7, FPE: 8, KILL: 9, SEGV: 11, PIPE: 13, CHLD: 17, CONT: 18, URG: 23, WINCH: 28 } as const;

/** Name of a signal as Node gives it, from the number. */
export function signalName(number: number): string {
  const name = Object.entries(Signal).find(([, value]) => value === number)?.[0];
  return name === undefined ? `signal ${number}` : `SIG${name}`;
}

/** open(2): what is asked for. */
export const Open = { accessMode: 3, readOnly: 0, create: 0o100, exclusive: 0o200, truncate: 0o1000, append: 0o2000, directory: 0o20_0000, temporary: 0o2020_0000, closeOnExec: 0o200_0000 } as const;

/** Rights and kinds of a mapping (mmap(2)). */
export const Mapping = { read: 1, write: 2, exec: 4, shared: 1, fixed: 0x10, anonymous: 0x20 } as const;

/** Keys of the auxiliary vector. */
export const Aux = {
  null: 0, phdr: 3, phent: 4, phnum: 5, pagesz: 6, base: 7, flags: 8, entry: 9, uid: 11, euid: 12, gid: 13, egid: 14, platform: 15, hwcap: 16,
  clktck: 17, secure: 23, random: 25, hwcap2: 26, execfn: 31,
} as const;

/** The value with which calls name the current directory. */
export const atFdcwd = -100;
