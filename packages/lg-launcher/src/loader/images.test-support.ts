/*
 * Kernels made by hand, for tests: the smallest files the loaders accept, and spoilt ones.
 */
import {
  BOOT_FLAG, BOOT_HEADER_MAGIC, BOOT_PROTOCOL_VERSION, BootParamsOffset, BZIMAGE_LOAD_ADDRESS, LGUEST_TRAP_ENTRY,
  LOADFLAG_LOADED_HIGH,
} from '@lguest/lg-host/abi';

/** Where test kernels are linked. */
export const KERNEL_ADDRESS = 0x10_0000;

/** What an ELF file should say; everything has a good default. */
export interface ElfParts {
  readonly code?: Uint8Array;
  readonly address?: number;
  readonly entry?: number;
  readonly memoryBytes?: number;
  readonly fileBytes?: number;
  readonly elfClass?: number;
  readonly type?: number;
  readonly machine?: number;
  readonly programHeaderBytes?: number;
  readonly programType?: number;
}

/** An ELF file with one part to load. */
export function elfImage(parts: ElfParts = {}): Uint8Array {
  const headerBytes = 52;
  const programBytes = 32;
  const code = parts.code ?? Uint8Array.of(0xf4);
  const address = parts.address ?? KERNEL_ADDRESS;
  const image = new Uint8Array(headerBytes + programBytes + code.length);
  const view = new DataView(image.buffer);
  image.set([0x7f, 0x45, 0x4c, 0x46, parts.elfClass ?? 1, 1, 1]);
  view.setUint16(16, parts.type ?? 2, true);
  view.setUint16(18, parts.machine ?? 3, true);
  view.setUint32(24, parts.entry ?? address, true);
  view.setUint32(28, headerBytes, true);
  view.setUint16(42, parts.programHeaderBytes ?? programBytes, true);
  view.setUint16(44, 1, true);
  view.setUint32(headerBytes, parts.programType ?? 1, true);
  view.setUint32(headerBytes + 4, headerBytes + programBytes, true);
  view.setUint32(headerBytes + 8, address + 0xc000_0000, true);
  view.setUint32(headerBytes + 12, address, true);
  view.setUint32(headerBytes + 16, parts.fileBytes ?? code.length, true);
  view.setUint32(headerBytes + 20, parts.memoryBytes ?? code.length, true);
  image.set(code, headerBytes + programBytes);
  return image;
}

/** What a bzImage should say. */
export interface BzParts {
  readonly payload?: Uint8Array;
  readonly version?: number;
  readonly loadflags?: number;
  readonly entry?: number;
  readonly setupSectors?: number;
  readonly syssize?: number;
  readonly initSize?: number;
  readonly xloadflags?: number;
  /** Where a bzImage since protocol 2.08 has its checksum. Default: the value that says there is none. */
  readonly checksum?: number;
}

/** A bzImage with one sector of set-up code. */
export function bzImage(parts: BzParts = {}): Uint8Array {
  const payload = parts.payload ?? new Uint8Array(64).fill(0x90);
  const setup = parts.setupSectors ?? 1;
  const start = ((setup || 4) + 1) * 512;
  const image = new Uint8Array(start + payload.length);
  const view = new DataView(image.buffer);
  image[BootParamsOffset.setupSects] = setup;
  view.setUint32(0x1f4, parts.syssize ?? Math.ceil(payload.length / 16), true);
  view.setUint16(BootParamsOffset.bootFlag, BOOT_FLAG, true);
  view.setUint32(BootParamsOffset.header, BOOT_HEADER_MAGIC, true);
  view.setUint16(BootParamsOffset.version, parts.version ?? BOOT_PROTOCOL_VERSION, true);
  image[BootParamsOffset.loadflags] = parts.loadflags ?? LOADFLAG_LOADED_HIGH;
  view.setUint32(BootParamsOffset.code32Start, parts.entry ?? BZIMAGE_LOAD_ADDRESS, true);
  view.setUint32(0x260, parts.initSize ?? 0, true);
  view.setUint16(0x236, parts.xloadflags ?? 0, true);
  image.set(payload, start);
  if (view.getUint16(BootParamsOffset.version, true) >= 0x208) view.setUint32(image.length - 4, parts.checksum ?? 0xffff_ffff, true);
  return image;
}

function word(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
}

/** Code of a hypercall with up to three arguments. */
export function hypercall(number: number, ...[ebx = 0, ecx = 0, edx = 0]: number[]): number[] {
  return [0xb8, ...word(number), 0xbb, ...word(ebx), 0xb9, ...word(ecx), 0xba, ...word(edx), 0xcd, LGUEST_TRAP_ENTRY];
}

/** Code of an endless loop. */
export const LOOP = [0xeb, 0xfe];
/** Where tiny kernels keep their struct lguest_data; in the same page as the strings. */
export const DATA_ADDRESS = KERNEL_ADDRESS + 0x1000;
/** Where tiny kernels keep their strings, 256 bytes each. */
export const STRING_ADDRESS = KERNEL_ADDRESS + 0x2000;

/** A kernel of hand-made code, with strings it can name by stringAt(). */
export function tinyKernel(code: readonly number[], strings: readonly string[] = []): Uint8Array {
  const bytes = new Uint8Array(0x4000);
  bytes.set(code);
  const data = DATA_ADDRESS - KERNEL_ADDRESS;
  bytes.fill(0xff, data + 24, data + 24 + 64); // every slot of the hypercall ring is free
  new DataView(bytes.buffer).setUint32(data + 1384, 0xc000_0000, true);
  new DataView(bytes.buffer).setUint32(data + 1388, 0x80, true);
  strings.forEach((text, n) => bytes.set(new TextEncoder().encode(text), stringAt(n) - KERNEL_ADDRESS));
  return elfImage({ code: bytes });
}

/** Address of string `n` of a tiny kernel. */
export function stringAt(n: number): number {
  return STRING_ADDRESS + 256 * n;
}
