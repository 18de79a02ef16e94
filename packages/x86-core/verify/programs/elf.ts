/*
 * Loading a static 32-bit ELF file, and the stack Linux hands to a new program: arguments, environment and the
 * auxiliary vector, which tells the C library where it lies and what processor it is on.
 */
import type { AddressSpace } from './address-space.js';
import { pageBytes, pagesOf, top } from './address-space.js';
import { Aux, Mapping, Unsupported } from './abi.js';

// Elf32_Ehdr and Elf32_Phdr (System V ABI, chapters 4 and 5)
const elfMagic = 0x464c_457f;
const machine386 = 3;
const typeExecutable = 2;
const Header = { type: 16, machine: 18, entry: 24, phoff: 28, phentsize: 42, phnum: 44 } as const;
const Segment = { type: 0, offset: 4, vaddr: 8, filesz: 16, memsz: 20, flags: 24 } as const;
const segmentLoad = 1;
const segmentInterpreter = 3;
const SegmentFlags = { exec: 1, write: 2, read: 4 } as const;

const stackBytes = 8 << 20;
const stackAlignment = 16;
/** Zeros above everything. */
const endBytes = 8;
/** AT_RANDOM: sixteen bytes, here always the same. */
const randomBytes = Uint8Array.from({ length: 16 }, (_, i) => (i * 73 + 19) & 0xff);
const clockTicks = 100;
/** The program belongs to whoever runs us, as it does natively. */
const user = process.getuid?.() ?? 0;
const group = process.getgid?.() ?? 0;

/** What a loaded program needs besides its memory. */
export interface Loaded {
  entry: number;
  /** First byte behind the program: where its heap begins. */
  end: number;
  programHeaders: { address: number; size: number; count: number };
}

/** Map the segments of a static executable. Throws Unsupported for everything else. */
export function loadElf(space: AddressSpace, file: Uint8Array): Loaded {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < 52 || view.getUint32(0, true) !== elfMagic || view.getUint16(Header.machine, true) !== machine386)
    throw new Unsupported('the program is no 32-bit x86 ELF file');
  if (view.getUint16(Header.type, true) !== typeExecutable) throw new Unsupported('the program is not linked to a fixed address');
  const phoff = view.getUint32(Header.phoff, true);
  const size = view.getUint16(Header.phentsize, true);
  const count = view.getUint16(Header.phnum, true);
  let end = 0;
  let headers = 0;
  for (let i = 0; i < count; i++) {
    const at = phoff + i * size;
    const type = view.getUint32(at + Segment.type, true);
    if (type === segmentInterpreter) throw new Unsupported('the program wants a dynamic linker');
    if (type !== segmentLoad) continue;
    const offset = view.getUint32(at + Segment.offset, true);
    const address = view.getUint32(at + Segment.vaddr, true);
    const fileBytes = view.getUint32(at + Segment.filesz, true);
    const memoryBytes = view.getUint32(at + Segment.memsz, true);
    const flags = view.getUint32(at + Segment.flags, true);
    const rights = (flags & SegmentFlags.read ? Mapping.read : 0) | (flags & SegmentFlags.write ? Mapping.write : 0) | (flags & SegmentFlags.exec ? Mapping.exec : 0);
    const first = address & -pageBytes;
    const lead = address - (first >>> 0);
    space.map(first >>> 0, pagesOf(lead + memoryBytes), rights);
    // whole pages of the file, as Linux maps them; what lies behind filesz on the last one is zero where memsz says so
    const tail = memoryBytes > fileBytes ? fileBytes : Math.min(file.length - offset, pagesOf(lead + fileBytes) * pageBytes - lead);
    space.write(first >>> 0, file.subarray(offset - lead, offset + tail), true);
    if (phoff >= offset && phoff < offset + fileBytes) headers = address + phoff - offset;
    end = Math.max(end, address + memoryBytes);
  }
  return { entry: view.getUint32(Header.entry, true), end, programHeaders: { address: headers, size, count } };
}

/** Build the first stack; returns its pointer. `hwcap` is CPUID's feature word (leaf 1, EDX). */
export function buildStack(
  space: AddressSpace, loaded: Loaded, args: readonly string[], environment: readonly string[], hwcap: number,
): number {
  space.map(top - stackBytes, stackBytes / pageBytes, Mapping.read | Mapping.write);
  let at = top;
  const push = (bytes: Uint8Array): number => {
    at -= bytes.length;
    space.write(at, bytes);
    return at;
  };
  const text = (value: string): number => push(Buffer.from(`${value}\0`, 'latin1'));
  /** Strings in memory in the order of the list, so the last goes first. */
  const texts = (values: readonly string[]): number[] => values.toReversed().map(text).reverse();
  push(new Uint8Array(endBytes));
  const name = text(args[0] ?? '');
  const variables = texts(environment);
  const words = texts(args);
  const platform = text('i686');
  const random = push(randomBytes);
  const { address, size, count } = loaded.programHeaders;
  const auxiliary: readonly (readonly [number, number])[] = [
    [Aux.hwcap, hwcap], [Aux.pagesz, pageBytes], [Aux.clktck, clockTicks], [Aux.phdr, address], [Aux.phent, size], [Aux.phnum, count],
    [Aux.base, 0], [Aux.flags, 0], [Aux.entry, loaded.entry], [Aux.uid, user], [Aux.euid, user], [Aux.gid, group], [Aux.egid, group],
    [Aux.secure, 0], [Aux.random, random], [Aux.hwcap2, 0], [Aux.execfn, name], [Aux.platform, platform], [Aux.null, 0],
  ];
  const image = Uint32Array.from([words.length, ...words, 0, ...variables, 0, ...auxiliary.flat()]);
  at = (at - image.byteLength) & -stackAlignment;
  space.write(at >>> 0, new Uint8Array(image.buffer));
  return at >>> 0;
}
