/*P:420
 * From a program to a kernel file.
 *
 * All kernels made here have the same places in memory (layout.ts): code at 1 MiB, what it carries for user space behind
 * that, variables above both; and all of it a second time at 3 GiB, where the code is linked to run.
 */
import { GuestBuildError } from '../error.js';
import type { Source } from '../language/b.js';
import * as layout from '../layout.js';
import { shimAssembly, shimSources } from '../shim/parts.js';
import type { Linked, Unit } from './assemble.js';
import { type ElfSymbol, writeElf } from './elf.js';
import { type BuiltProgram, buildProgram } from './program.js';

/** What a kernel of your own consists of, besides the shim. */
export interface GuestParts {
  /** In the little language. */
  readonly sources: readonly Source[];
  /** In assembly. */
  readonly assembly?: readonly Unit[];
  /** More numbers for the little language to know by name. */
  readonly constants?: Readonly<Record<string, number>>;
}

/**
 * A kernel for lguest: the shim and your parts, as an ELF file that any lguest Launcher takes.
 * @throws GuestBuildError.
 */
export function buildGuest(parts: GuestParts): Uint8Array {
  return kernelFile(
    buildProgram({
      assembly: [...shimAssembly, ...(parts.assembly ?? [])],
      sources: [...shimSources, ...parts.sources],
      base: layout.KERNEL_BASE + layout.KERNEL_CODE,
      dataBase: layout.KERNEL_BASE + layout.KERNEL_DATA,
      constants: parts.constants ?? {},
    }),
    { bytes: new Uint8Array(0), symbols: new Map() },
  );
}

/** The ELF file of a kernel and of its user program, with the names in both. @throws GuestBuildError 'link' when one outgrows its place. */
export function kernelFile(kernel: BuiltProgram, { bytes: user, symbols: userSymbols }: Linked): Uint8Array {
  mustFit('the kernel', layout.KERNEL_CODE, kernel.linked.bytes.length, layout.USER_IMAGE);
  mustFit('the user program', layout.USER_IMAGE, user.length, layout.KERNEL_DATA);
  const segment = (physical: number, bytes: Uint8Array, memoryBytes: number, executable = false) =>
    ({ physical, virtual: layout.KERNEL_BASE + physical, bytes, memoryBytes, executable });
  return writeElf(layout.KERNEL_CODE, [
    segment(layout.KERNEL_CODE, kernel.linked.bytes, kernel.linked.bytes.length, true),
    ...(user.length > 0 ? [segment(layout.USER_IMAGE, user, user.length)] : []),
    segment(layout.KERNEL_DATA, new Uint8Array(0), kernel.dataBytes),
  ], [
    ...named(kernel.linked.symbols, layout.KERNEL_BASE + layout.KERNEL_CODE, layout.KERNEL_BASE + layout.USER_IMAGE),
    ...named(userSymbols, layout.USER_CODE, layout.USER_DATA),
  ]);
}

/** Symbols by address. Numbers that are no addresses have names, too; they are left out. @param code where code is @param end behind it */
function named(symbols: ReadonlyMap<string, number>, code: number, end: number): ElfSymbol[] {
  return [...symbols].filter(([, address]) => address >= code).sort(([, a], [, b]) => a - b)
    .map(([name, address]) => ({ name, address, isCode: address < end }));
}

function mustFit(what: string, start: number, bytes: number, end: number): void {
  if (start + bytes > end) throw new GuestBuildError('link', `${what} has ${bytes} bytes, ${start + bytes - end} too many for its place; move the next part up in layout.ts`);
}
