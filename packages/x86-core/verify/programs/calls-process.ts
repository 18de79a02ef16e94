/*
 * System calls about the process itself, its signals, and the time. Keys are the i386 call numbers.
 */
import { CallError, Errno, Signal, Unsupported } from './abi.js';
import type { Call, Process } from './process.js';

/** Our process number; a program that prints it cannot be compared. */
const pid = 4242;
/** struct utsname: six fields of so many bytes. */
const utsField = 65;
const uts = ['Linux', 'lguest', '6.1.0', '#1', 'i686', '(none)'];
/** SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK. */
const How = { block: 0, unblock: 1, set: 2 } as const;
const low32 = 0xffff_ffffn;
const unblockable = (1n << BigInt(Signal.KILL - 1)) | (1n << 18n);
const clockMonotonic = 1;
const noLimit = 0xffff_ffff;
const stackLimit = 8 << 20;
const rlimitStack = 3;
const rusageBytes = 72;
/** struct sysinfo: uptime, three loads, total and free memory, ..., the unit of both. */
const sysinfoWords = 16;
const totalMemory = 256 << 20;

function write64(process: Process, at: number, value: bigint): void {
  process.user.space.write(at >>> 0, new Uint8Array(BigInt64Array.of(value).buffer));
}

function read64(process: Process, at: number): bigint {
  return new DataView(process.user.space.read(at >>> 0, 8).buffer).getBigUint64(0, true);
}

/** Nanoseconds on a clock; all but the wall clock count from the same point. */
function now(clock: number): bigint {
  return clock >= clockMonotonic ? process.hrtime.bigint() : BigInt(Date.now()) * 1_000_000n;
}
const second = 1_000_000_000n;

const exit: Call = (process, status) => {
  process.end({ status: status & 0xff, signal: null });
  return 0;
};

const sigaction: Call = (process, number, next, old) => {
  const { space } = process.user;
  const { actions } = process.signals;
  if (number < 1 || number > 64) throw new CallError(Errno.EINVAL);
  const before = actions.get(number) ?? { handler: 0, flags: 0, restorer: 0, mask: 0n };
  if (next !== 0) {
    const [handler, flags, restorer] = [0, 4, 8].map((field) => space.read32((next + field) >>> 0)) as [number, number, number];
    actions.set(number, { handler, flags, restorer, mask: read64(process, next + 12) });
  }
  if (old !== 0) {
    space.write(old >>> 0, new Uint8Array(Uint32Array.of(before.handler, before.flags, before.restorer).buffer));
    write64(process, old + 12, before.mask);
  }
  return 0;
};

/** sigprocmask(2) with masks of 32 bits, the way of old, and of 64. */
const sigprocmask = (wide: boolean): Call => (process, how, next, old) => {
  const { signals, user: { space } } = process;
  const before = signals.mask;
  if (next !== 0) {
    const set = (wide ? read64(process, next) : BigInt(space.read32(next >>> 0))) & ~unblockable;
    if (how === How.block) signals.mask |= set;
    else if (how === How.unblock) signals.mask &= ~set;
    else if (how === How.set) signals.mask = wide ? set : (before & ~low32) | set;
    else throw new CallError(Errno.EINVAL);
  }
  if (old !== 0) {
    if (wide) write64(process, old, BigInt.asIntN(64, before));
    else space.write32(old >>> 0, Number(before & low32));
  }
  return 0;
};

const sigaltstack: Call = (process, next, old) => {
  const { space } = process.user;
  const { signals } = process;
  const before = signals.stack;
  if (next !== 0) {
    const [pointer, flags, size] = [0, 4, 8].map((field) => space.read32((next + field) >>> 0)) as [number, number, number];
    signals.stack = { pointer, flags, size: flags & 2 ? 0 : size };
  }
  if (old !== 0) space.write(old >>> 0, new Uint8Array(Uint32Array.of(before.pointer, before.flags, before.size).buffer));
  return 0;
};

const kill: Call = (process, target, signal) => {
  if (target !== pid && target !== 0) throw new Unsupported(`a signal to process ${target} goes nowhere`);
  process.signals.send(signal, pid);
  return 0;
};

const uname: Call = (process, at) => {
  const image = new Uint8Array(utsField * uts.length);
  uts.forEach((field, i) => image.set(Buffer.from(field), i * utsField));
  process.user.space.write(at >>> 0, image);
  return 0;
};

const clock = (wide: boolean): Call => (process, id, at) => {
  const ns = now(id);
  if (wide) {
    write64(process, at, ns / second);
    write64(process, at + 8, ns % second);
  } else {
    process.user.space.write32(at >>> 0, Number(ns / second));
    process.user.space.write32((at + 4) >>> 0, Number(ns % second));
  }
  return 0;
};

const gettimeofday: Call = (process, at) => {
  const ns = now(0);
  if (at !== 0) process.user.space.write(at >>> 0, new Uint8Array(Uint32Array.of(Number(ns / second), Number((ns % second) / 1000n)).buffer));
  return 0;
};

const time: Call = (process, at) => {
  const seconds = Math.floor(Date.now() / 1000);
  if (at !== 0) process.user.space.write32(at >>> 0, seconds);
  return seconds;
};

const limit = (resource: number): number => (resource === rlimitStack ? stackLimit : noLimit);

const identity = (own: (() => number) | undefined): Call => () => own?.() ?? 0;

/** The calls of this kind, by number. */
export const processCalls: Readonly<Record<number, Call>> = {
  /* exit */ 1: exit,
  /* time */ 13: time,
  /* getpid */ 20: () => pid,
  /* kill */ 37: kill,
  /* getppid */ 64: () => 1,
  /* times */ 43: (process, at) => {
    if (at !== 0) process.user.space.write(at >>> 0, new Uint8Array(16));
    return Number(now(clockMonotonic) / (second / 100n)) | 0;
  },
  /* getpgrp */ 65: () => pid,
  /* getrusage */ 77: (process, _who, at) => {
    process.user.space.write(at >>> 0, new Uint8Array(rusageBytes));
    return 0;
  },
  /* gettimeofday */ 78: gettimeofday,
  /* wait4 */ 114: () => -Errno.ECHILD,
  /* sysinfo: total and free memory, all the rest zero */ 116: (process, at) => {
    process.user.space.write(at >>> 0, new Uint8Array(Uint32Array.from({ length: sysinfoWords }, (_, i) => (i === 4 || i === 5 ? totalMemory : i === sysinfoWords - 3 ? 1 : 0)).buffer));
    return 0;
  },
  /* sigreturn */ 119: (process) => process.signals.return(false),
  /* uname */ 122: uname,
  /* sigprocmask */ 126: sigprocmask(false),
  /* sched_yield */ 158: () => 0,
  /* nanosleep: nobody here waits */ 162: () => 0,
  /* prctl */ 172: () => 0,
  /* rt_sigreturn */ 173: (process) => process.signals.return(true),
  /* rt_sigaction */ 174: sigaction,
  /* rt_sigprocmask */ 175: sigprocmask(true),
  /* rt_sigpending */ 176: (process, at) => {
    write64(process, at, BigInt.asIntN(64, process.signals.pending));
    return 0;
  },
  /* sigaltstack */ 186: sigaltstack,
  /* ugetrlimit */ 191: (process, resource, at) => {
    process.user.space.write(at >>> 0, new Uint8Array(Uint32Array.of(limit(resource), noLimit).buffer));
    return 0;
  },
  /* getuid32 */ 199: identity(process.getuid),
  /* getgid32 */ 200: identity(process.getgid),
  /* geteuid32 */ 201: identity(process.geteuid),
  /* getegid32 */ 202: identity(process.getegid),
  /* setuid32 */ 213: () => 0,
  /* setgid32 */ 214: () => 0,
  /* gettid */ 224: () => pid,
  /* futex: there is one thread */ 240: () => 0,
  /* exit_group */ 252: exit,
  /* set_tid_address */ 258: () => pid,
  /* clock_gettime */ 265: clock(false),
  /* clock_nanosleep */ 267: () => 0,
  /* tgkill */ 270: (process, _group, target, signal) => kill(process, target, signal, 0, 0, 0, 0),
  /* set_robust_list */ 311: () => 0,
  /* prlimit64 */ 340: (process, _pid, resource, _next, old) => {
    if (old === 0) return 0;
    write64(process, old, resource === rlimitStack ? BigInt(stackLimit) : -1n);
    write64(process, old + 8, -1n);
    return 0;
  },
  /* getrandom: always the same */ 355: (process, at, length) => {
    process.user.space.write(at >>> 0, Uint8Array.from({ length }, (_, i) => (i * 151 + 7) & 0xff));
    return length;
  },
  /* rseq */ 386: () => -Errno.ENOSYS,
  /* clock_gettime64 */ 403: clock(true),
  /* clock_nanosleep_time64 */ 407: () => 0,
};
