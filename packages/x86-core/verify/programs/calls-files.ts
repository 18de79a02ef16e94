/*
 * System calls about files. Keys are the i386 call numbers.
 */
import {
  type BigIntStats, accessSync, chmodSync, linkSync, lstatSync, mkdirSync, readdirSync, readlinkSync, renameSync, rmdirSync, statSync, symlinkSync, truncateSync,
  unlinkSync, utimesSync,
} from 'node:fs';
import { atFdcwd, CallError, Errno, Open } from './abi.js';
import { host } from './files.js';
import type { Call, Process } from './process.js';
import { stat64, statx } from './stat-images.js';

const maxTransfer = 1 << 20;
const seekEnd = 2;
const atRemoveDir = 0x200;
const atSymlinkNofollow = 0x100;
const atEmptyPath = 0x1000;
const iovecBytes = 8;
/** socketcall(2): make one. */
const socketCreate = 1;
/** POLLIN and POLLOUT. */
const pollReady = 5;
/** fcntl(2) */
const Fcntl = { dupFd: 0, getFd: 1, setFd: 2, getFl: 3, setFl: 4, dupCloexec: 1030 } as const;
/** Calls with a directory descriptor say "none" by this. */
const here = atFdcwd;

const text = (process: Process, at: number): string => process.user.space.readString(at >>> 0);

const read: Call = (process, fd, at, length) => {
  const file = process.files.get(fd);
  if (file.directory) throw new CallError(Errno.EISDIR);
  const bytes = file.read(Math.min(length >>> 0, maxTransfer));
  process.user.space.write(at >>> 0, bytes);
  return bytes.length;
};

const write: Call = (process, fd, at, length) => process.files.get(fd).write(process.user.space.read(at >>> 0, Math.min(length >>> 0, maxTransfer)));

/** readv(2) and writev(2): the plain call once per piece. */
const pieces = (call: Call): Call => (process, fd, at, count) => {
  let all = 0;
  for (let i = 0; i < count; i++) {
    const piece = (at + i * iovecBytes) >>> 0;
    const length = process.user.space.read32(piece + 4);
    if (length === 0) continue;
    const done = call(process, fd, process.user.space.read32(piece), length, 0, 0, 0);
    all += done;
    if (done < length) break;
  }
  return all;
};

const llseek: Call = (process, fd, high, low, at, whence) => {
  if (whence > seekEnd) throw new CallError(Errno.EINVAL);
  const position = process.files.get(fd).seek(high * 2 ** 32 + (low >>> 0), whence);
  process.user.space.write32(at >>> 0, position % 2 ** 32);
  process.user.space.write32((at + 4) >>> 0, Math.floor(position / 2 ** 32));
  return 0;
};

const fcntl: Call = (process, fd, command, argument) => {
  const file = process.files.get(fd);
  switch (command) {
    case Fcntl.dupFd: case Fcntl.dupCloexec:
      file.users++;
      return process.files.add(file, argument);
    case Fcntl.getFl: return file.flags & ~(Open.create | Open.truncate | Open.exclusive);
    case Fcntl.getFd: case Fcntl.setFd: case Fcntl.setFl: return 0;
    default: throw new CallError(Errno.EINVAL);
  }
};

const open = (process: Process, base: number, name: number, flags: number, mode: number): number =>
  process.files.open(text(process, name), flags, mode, base);

function readlink(process: Process, base: number, name: number, at: number, length: number): number {
  const target = Buffer.from(host(() => readlinkSync(process.files.path(text(process, name), base)))).subarray(0, length);
  process.user.space.write(at >>> 0, target);
  return target.length;
}

function unlink(process: Process, base: number, name: number, directory: boolean): number {
  const path = process.files.ownPath(text(process, name), base);
  host(() => (directory ? rmdirSync(path) : unlinkSync(path)));
  return 0;
}

function rename(process: Process, fromBase: number, from: number, toBase: number, to: number): number {
  const source = process.files.ownPath(text(process, from), fromBase);
  const target = process.files.ownPath(text(process, to), toBase);
  host(() => renameSync(source, target));
  return 0;
}

function access(process: Process, base: number, name: number, mode: number): number {
  host(() => accessSync(process.files.path(text(process, name), base), mode));
  return 0;
}

function changeMode(process: Process, base: number, name: number, mode: number): number {
  const path = process.files.ownPath(text(process, name), base);
  host(() => chmodSync(path, mode));
  return 0;
}

function makeDirectory(process: Process, base: number, name: number, mode: number): number {
  const path = process.files.ownPath(text(process, name), base);
  host(() => mkdirSync(path, mode));
  return 0;
}

const stat = (follow: boolean): Call => (process, name, at) => {
  const path = process.files.path(text(process, name));
  process.user.space.write(at >>> 0, stat64(host(() => (follow ? statSync : lstatSync)(path, { bigint: true }))));
  return 0;
};

function statOf(process: Process, base: number, name: string, flags: number): BigIntStats {
  if (name === '' && flags & atEmptyPath) return process.files.get(base).status();
  const path = process.files.path(name, base);
  return host(() => (flags & atSymlinkNofollow ? lstatSync : statSync)(path, { bigint: true }));
}

/** getdents64(2): one call gives as many whole entries as fit, and `position` counts them. */
const getdents64: Call = (process, fd, at, length) => {
  const file = process.files.get(fd);
  if (!file.directory) throw new CallError(Errno.ENOTDIR);
  const names = ['.', '..', ...readdirSync(file.path).sort()];
  const out = new Uint8Array(length);
  const view = new DataView(out.buffer);
  const header = 19;
  let done = 0;
  for (; file.position < names.length; file.position++) {
    const name = Buffer.from(names[file.position]!);
    const size = (header + name.length + 1 + 7) & ~7;
    if (done + size > length) {
      if (done === 0) throw new CallError(Errno.EINVAL);
      break;
    }
    view.setBigUint64(done, BigInt(file.position + 1), true);
    view.setBigUint64(done + 8, BigInt(file.position + 1), true);
    view.setUint16(done + 16, size, true);
    out.set(name, done + header);
    done += size;
  }
  process.user.space.write(at >>> 0, out.subarray(0, done));
  return done;
};

const getcwd: Call = (process, at, size) => {
  const bytes = Buffer.from(`${process.files.directory}\0`);
  if (bytes.length > size >>> 0) throw new CallError(Errno.ERANGE);
  process.user.space.write(at >>> 0, bytes);
  return bytes.length;
};

/** Set times; two struct timespec with words of 32 or 64 bits. Null, or anything special, is "now": nobody compares times. */
const utimens = (wordBytes: number): Call => (process, base, name, at) => {
  if (name === 0) return 0;
  const path = process.files.ownPath(text(process, name), base);
  const seconds = at === 0 ? [Date.now() / 1000, Date.now() / 1000] : [0, 1].map((i) => process.user.space.read32((at + 2 * i * wordBytes) >>> 0));
  host(() => utimesSync(path, seconds[0]!, seconds[1]!));
  return 0;
};

function chdir(process: Process, name: number): number {
  const path = process.files.path(text(process, name));
  if (!host(() => statSync(path)).isDirectory()) throw new CallError(Errno.ENOTDIR);
  process.files.directory = path;
  return 0;
}

/** fsync(2) and fdatasync(2): the files live for one run. */
function syncNothing(process: Process, fd: number): number {
  process.files.get(fd);
  return 0;
}

/** Files are always ready. struct pollfd: descriptor, events asked for and seen. */
const poll: Call = (process, at, count) => {
  for (let i = 0; i < count; i++) {
    const [fd, events] = [0, 4].map((field) => process.user.space.read32((at + 8 * i + field) >>> 0)) as [number, number];
    process.files.get(fd);
    process.user.space.write32((at + 8 * i + 4) >>> 0, (events & 0xffff) | ((events & pollReady) << 16));
  }
  return count;
};

/** The calls of this kind, by number. */
export const fileCalls: Readonly<Record<number, Call>> = {
  /* read */ 3: read,
  /* write */ 4: write,
  /* open */ 5: (process, name, flags, mode) => open(process, here, name, flags, mode),
  /* close */ 6: (process, fd) => {
    process.files.close(fd);
    return 0;
  },
  /* link */ 9: (process, from, to) => {
    const [source, target] = [process.files.ownPath(text(process, from)), process.files.ownPath(text(process, to))];
    host(() => linkSync(source, target));
    return 0;
  },
  /* unlink */ 10: (process, name) => unlink(process, here, name, false),
  /* chdir */ 12: chdir,
  /* chmod */ 15: (process, name, mode) => changeMode(process, here, name, mode),
  /* lseek */ 19: (process, fd, offset, whence) => process.files.get(fd).seek(offset, whence),
  /* access */ 33: (process, name, mode) => access(process, here, name, mode),
  /* rename */ 38: (process, from, to) => rename(process, here, from, here, to),
  /* mkdir */ 39: (process, name, mode) => makeDirectory(process, here, name, mode),
  /* rmdir */ 40: (process, name) => unlink(process, here, name, true),
  /* dup */ 41: (process, fd) => {
    const file = process.files.get(fd);
    file.users++;
    return process.files.add(file);
  },
  /* ioctl: no file here is a terminal */ 54: (process, fd) => {
    process.files.get(fd);
    throw new CallError(Errno.ENOTTY);
  },
  /* fcntl */ 55: fcntl,
  /* umask */ 60: () => 0o22,
  /* dup2 */ 63: (process, from, to) => process.files.duplicate(from, to),
  /* symlink */ 83: (process, target, name) => {
    const path = process.files.ownPath(text(process, name));
    host(() => symlinkSync(text(process, target), path));
    return 0;
  },
  /* readlink */ 85: (process, name, at, length) => readlink(process, here, name, at, length),
  /* fchmod */ 94: (process, fd, mode) => {
    const path = process.files.ownPath(process.files.get(fd).path);
    host(() => chmodSync(path, mode));
    return 0;
  },
  /* socketcall: there are no sockets, and nothing is one */ 102: (_process, which) => -(which === socketCreate ? Errno.EAFNOSUPPORT : Errno.ENOTSOCK),
  /* fsync */ 118: (process, fd) => syncNothing(process, fd),
  /* _llseek */ 140: llseek,
  /* readv */ 145: pieces(read),
  /* writev */ 146: pieces(write),
  /* fdatasync */ 148: (process, fd) => syncNothing(process, fd),
  /* poll */ 168: poll,
  /* pread64 */ 180: (process, fd, at, length, low, high) => {
    const bytes = process.files.get(fd).readAt(Math.min(length >>> 0, maxTransfer), high * 2 ** 32 + (low >>> 0));
    process.user.space.write(at >>> 0, bytes);
    return bytes.length;
  },
  /* getcwd */ 183: getcwd,
  /* truncate64 */ 193: (process, name, low, high) => {
    const path = process.files.ownPath(text(process, name));
    host(() => truncateSync(path, high * 2 ** 32 + (low >>> 0)));
    return 0;
  },
  /* ftruncate64 */ 194: (process, fd, low, high) => {
    process.files.get(fd).truncate(high * 2 ** 32 + (low >>> 0));
    return 0;
  },
  /* stat64 */ 195: stat(true),
  /* lstat64 */ 196: stat(false),
  /* fstat64 */ 197: (process, fd, at) => {
    process.user.space.write(at >>> 0, stat64(process.files.get(fd).status()));
    return 0;
  },
  /* lchown32 */ 198: () => 0,
  /* fchown32 */ 207: () => 0,
  /* chown32 */ 212: () => 0,
  /* getdents64 */ 220: getdents64,
  /* fcntl64 */ 221: fcntl,
  /* sendfile64: programs that are told no copy by hand */ 239: () => -Errno.ENOSYS,
  /* fadvise64_64 */ 272: () => 0,
  /* openat */ 295: (process, base, name, flags, mode) => open(process, base, name, flags, mode),
  /* mkdirat */ 296: (process, base, name, mode) => makeDirectory(process, base, name, mode),
  /* fchownat */ 298: () => 0,
  /* fstatat64 */ 300: (process, base, name, at, flags) => {
    process.user.space.write(at >>> 0, stat64(statOf(process, base, text(process, name), flags)));
    return 0;
  },
  /* unlinkat */ 301: (process, base, name, flags) => unlink(process, base, name, (flags & atRemoveDir) !== 0),
  /* renameat */ 302: (process, a, b, c, d) => rename(process, a, b, c, d),
  /* readlinkat */ 305: (process, base, name, at, length) => readlink(process, base, name, at, length),
  /* fchmodat */ 306: (process, base, name, mode) => changeMode(process, base, name, mode),
  /* faccessat */ 307: (process, base, name, mode) => access(process, base, name, mode),
  /* utimensat */ 320: utimens(4),
  /* dup3 */ 330: (process, from, to) => process.files.duplicate(from, to),
  /* renameat2 */ 353: (process, a, b, c, d) => rename(process, a, b, c, d),
  /* copy_file_range */ 377: () => -Errno.ENOSYS,
  /* statx */ 383: (process, base, name, flags, _mask, at) => {
    process.user.space.write(at >>> 0, statx(statOf(process, base, text(process, name), flags)));
    return 0;
  },
  /* utimensat_time64 */ 412: utimens(8),
  /* socket */ 359: () => -Errno.EAFNOSUPPORT,
  /* faccessat2 */ 439: (process, base, name, mode) => access(process, base, name, mode),
};
