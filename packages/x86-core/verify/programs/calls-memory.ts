/*
 * System calls about memory: the heap, mappings, thread-local storage. Keys are the i386 call numbers.
 */
import { CallError, Errno, Mapping, Unsupported } from './abi.js';
import { pageBytes, pagesOf } from './address-space.js';
import type { Call, Process } from './process.js';
import { Tls } from './user-machine.js';

const heapLimit = 64 << 20;
const mremapMayMove = 1;

/** struct user_desc. */
const UserDesc = { entry: 0, base: 4, limit: 8, flags: 12 } as const;
const anyEntry = -1;
/** Its flags: 32-bit, contents (two bits), read-only or exec-only, limit in pages, absent, available. */
const Desc = { seg32: 1, contents: 6, readExecOnly: 8, pages: 16, absent: 32, useable: 64 } as const;

const brk: Call = (process, end) => {
  const { space } = process.user;
  const wanted = end >>> 0;
  if (wanted < process.heapStart || wanted > process.heapStart + heapLimit) return process.heapEnd;
  const [from, to] = [pagesOf(process.heapEnd), pagesOf(wanted)];
  if (to > from) space.map(from * pageBytes, to - from, Mapping.read | Mapping.write);
  else space.unmap(to * pageBytes, from - to);
  return (process.heapEnd = wanted);
};

function mmap(process: Process, hint: number, length: number, rights: number, flags: number, fd: number, offset: number): number {
  const { space } = process.user;
  if (length === 0) throw new CallError(Errno.EINVAL);
  if ((flags & Mapping.shared) !== 0 && (rights & Mapping.write) !== 0 && (flags & Mapping.anonymous) === 0)
    throw new Unsupported('a shared, writable mapping of a file is not there');
  const pages = pagesOf(length >>> 0);
  const address = flags & Mapping.fixed ? hint >>> 0 : space.findHole(pages);
  if (flags & Mapping.anonymous) space.map(address, pages, rights);
  else {
    const file = process.files.get(fd);
    space.map(address, pages, rights);
    if (rights !== 0) space.write(address, file.readAt(length >>> 0, offset), true);
  }
  return address | 0;
}

function setThreadArea(process: Process, at: number): number {
  const { user } = process;
  const [entry, base, limit, flags] = [UserDesc.entry, UserDesc.base, UserDesc.limit, UserDesc.flags].map((field) => user.space.read32((at + field) >>> 0) | 0) as [number, number, number, number];
  let index = entry;
  if (index === anyEntry) {
    index = Array.from({ length: Tls.count }, (_, i) => Tls.first + i).find((i) => user.descriptor(i)[1] === 0) ?? 0;
    if (index === 0) throw new CallError(Errno.EINVAL);
    user.space.write32((at + UserDesc.entry) >>> 0, index);
  }
  if (index < Tls.first || index >= Tls.first + Tls.count) throw new CallError(Errno.EINVAL);
  const type = ((flags & Desc.contents) << 1) | (flags & Desc.readExecOnly ? 0 : 2) | 1;
  // descriptor bits: type, code or data, DPL 3, then present, available, size, granularity
  const access = (type << 8) | 0x7000 | (flags & Desc.absent ? 0 : 0x8000) | (flags & Desc.useable ? 0x10_0000 : 0) |
    (flags & Desc.seg32 ? 0x40_0000 : 0) | (flags & Desc.pages ? 0x80_0000 : 0);
  user.setDescriptor(index, (limit & 0xffff) | (base << 16), (base & 0xff00_0000) | ((base >>> 16) & 0xff) | (limit & 0xf_0000) | access);
  return 0;
}

function mremap(process: Process, from: number, oldLength: number, newLength: number, flags: number): number {
  const { space } = process.user;
  const [oldPages, newPages] = [pagesOf(oldLength >>> 0), pagesOf(newLength >>> 0)];
  if (newPages <= oldPages) {
    space.unmap((from >>> 0) + newPages * pageBytes, oldPages - newPages);
    return from;
  }
  if ((flags & mremapMayMove) === 0) throw new CallError(Errno.ENOMEM);
  const to = space.findHole(newPages);
  space.map(to, newPages, Mapping.read | Mapping.write);
  space.move(from >>> 0, to, oldPages);
  return to | 0;
}

/** The calls of this kind, by number. */
export const memoryCalls: Readonly<Record<number, Call>> = {
  /* brk */ 45: brk,
  /* munmap */ 91: (process, address, length) => {
    process.user.space.unmap(address >>> 0, pagesOf(length >>> 0));
    return 0;
  },
  /* mprotect */ 125: (process, address, length, rights) => {
    process.user.space.protect(address >>> 0, pagesOf(length >>> 0), rights & 7);
    return 0;
  },
  /* mremap */ 163: mremap,
  /* mmap2 */ 192: (process, a, b, c, d, e, f) => mmap(process, a, b, c, d, e, (f >>> 0) * pageBytes),
  /* madvise */ 219: () => 0,
  /* set_thread_area */ 243: setThreadArea,
};
