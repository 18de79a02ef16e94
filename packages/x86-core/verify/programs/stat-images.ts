/*
 * What the host says of a file, in the shapes a 32-bit program reads.
 */
import type { BigIntStats } from 'node:fs';

// struct stat64 (arch/x86/include/uapi/asm/stat.h)
const Stat64 = { dev: 0, shortIno: 12, mode: 16, nlink: 20, uid: 24, gid: 28, rdev: 32, size: 44, blksize: 52, blocks: 56, atime: 64, mtime: 72, ctime: 80, ino: 88, bytes: 96 } as const;
// struct statx (linux/stat.h)
const Statx = {
  mask: 0, blksize: 4, nlink: 16, uid: 20, gid: 24, mode: 28, ino: 32, size: 40, blocks: 48, atime: 64, ctime: 96, mtime: 112,
  rdevMajor: 128, rdevMinor: 132, devMajor: 136, devMinor: 140, bytes: 256,
} as const;
/** All fields but the birth time. */
const basicStats = 0x7ff;
const second = 1_000_000_000n;

const major = (device: bigint): number => Number((device >> 8n) & 0xfffn);
const minor = (device: bigint): number => Number((device & 0xffn) | ((device >> 12n) & 0xfff00n));

export function stat64(stats: BigIntStats): Uint8Array {
  const image = new Uint8Array(Stat64.bytes);
  const view = new DataView(image.buffer);
  const word = (at: number, value: bigint): void => view.setUint32(at, Number(value & 0xffff_ffffn), true);
  view.setBigUint64(Stat64.dev, stats.dev, true);
  view.setBigUint64(Stat64.rdev, stats.rdev, true);
  view.setBigUint64(Stat64.size, stats.size, true);
  view.setBigUint64(Stat64.blocks, stats.blocks, true);
  view.setBigUint64(Stat64.ino, stats.ino, true);
  word(Stat64.shortIno, stats.ino);
  word(Stat64.mode, stats.mode);
  word(Stat64.nlink, stats.nlink);
  word(Stat64.uid, stats.uid);
  word(Stat64.gid, stats.gid);
  word(Stat64.blksize, stats.blksize);
  for (const [at, ns] of [[Stat64.atime, stats.atimeNs], [Stat64.mtime, stats.mtimeNs], [Stat64.ctime, stats.ctimeNs]] as const) {
    word(at, ns / second);
    word(at + 4, ns % second);
  }
  return image;
}

export function statx(stats: BigIntStats): Uint8Array {
  const image = new Uint8Array(Statx.bytes);
  const view = new DataView(image.buffer);
  view.setUint32(Statx.mask, basicStats, true);
  view.setUint32(Statx.blksize, Number(stats.blksize), true);
  view.setUint32(Statx.nlink, Number(stats.nlink), true);
  view.setUint32(Statx.uid, Number(stats.uid), true);
  view.setUint32(Statx.gid, Number(stats.gid), true);
  view.setUint16(Statx.mode, Number(stats.mode), true);
  view.setBigUint64(Statx.ino, stats.ino, true);
  view.setBigUint64(Statx.size, stats.size, true);
  view.setBigUint64(Statx.blocks, stats.blocks, true);
  for (const [at, ns] of [[Statx.atime, stats.atimeNs], [Statx.mtime, stats.mtimeNs], [Statx.ctime, stats.ctimeNs]] as const) {
    view.setBigInt64(at, ns / second, true);
    view.setUint32(at + 8, Number(ns % second), true);
  }
  for (const [at, value] of [[Statx.rdevMajor, major(stats.rdev)], [Statx.rdevMinor, minor(stats.rdev)], [Statx.devMajor, major(stats.dev)], [Statx.devMinor, minor(stats.dev)]] as const) {
    view.setUint32(at, value, true);
  }
  return image;
}
