/*P:410
 * The demo kernel, put together.
 *
 * The list of everything the kernel is made of, in the order it is worth reading in, and the same for the program it
 * runs. What comes out is a vmlinux like any other: three pieces with physical addresses and a place to start.
 */
import * as abi from '@lguest/lg-host/abi';
import { blockDriver } from '../drivers/block.js';
import { bus } from '../drivers/bus.js';
import { consoleDriver } from '../drivers/console.js';
import { rngDriver } from '../drivers/rng.js';
import { virtqueue } from '../drivers/virtqueue.js';
import { GuestBuildError } from '../error.js';
import { clock } from '../kernel/clock.js';
import { crash } from '../kernel/crash.js';
import { faults } from '../kernel/faults.js';
import { frames } from '../kernel/frames.js';
import { main } from '../kernel/main.js';
import { pageTables } from '../kernel/page-tables.js';
import { panics } from '../kernel/panic.js';
import { proc, procHypercalls } from '../kernel/proc.js';
import { scheduler } from '../kernel/scheduler.js';
import { systemCalls, systemCallTable } from '../kernel/system-calls.js';
import { tasks } from '../kernel/tasks.js';
import { frameStruct, traps } from '../kernel/traps.js';
import type { Source } from '../language/b.js';
import { emit } from '../language/emit.js';
import { library } from '../language/library.js';
import { emptyProgram, parse } from '../language/parser.js';
import type { Program } from '../language/tree.js';
import * as layout from '../layout.js';
import { entry } from '../shim/entry.js';
import { hypercall, hypercallRing } from '../shim/hypercalls.js';
import { arithmetic, blockMoves, cpuidRead } from '../shim/instructions.js';
import { interruptFlag } from '../shim/interrupt-flag.js';
import * as pagingBits from '../shim/paging-bits.js';
import { switchStacks, switchTo } from '../shim/switch.js';
import { tables, useSegments } from '../shim/tables.js';
import { BREAKPOINT, trapEntry, trapStubs } from '../shim/traps.js';
import { userCopy } from '../shim/user-copy.js';
import { bench } from '../user/bench.js';
import { callFunctions, calls } from '../user/calls.js';
import { line } from '../user/line.js';
import { output } from '../user/output.js';
import { crashNumbers, haltCpu, shell } from '../user/shell.js';
import { labelsOf, link, type Linked, type Unit } from './assemble.js';
import { writeElf } from './elf.js';

const kernelAssembly: readonly Unit[] = [
  entry, hypercall, interruptFlag, useSegments, trapStubs, trapEntry, switchStacks, userCopy, blockMoves, arithmetic, cpuidRead,
];
const kernelSources: readonly Source[] = [
  frameStruct, library, hypercallRing, tables, switchTo, frames, pageTables, faults, traps, tasks, scheduler, clock, bus, virtqueue,
  consoleDriver, blockDriver, rngDriver, panics, crash, proc, procHypercalls, systemCalls, systemCallTable, main,
];
const userAssembly: readonly Unit[] = [calls, blockMoves, haltCpu];
const userSources: readonly Source[] = [library, callFunctions, output, line, shell, crashNumbers, bench];

/** The first program's process id. */
const INIT_PID = 1;
const VARIABLE_ALIGNMENT = 4;

/** A linked kernel and what it is made of, for tests and tools. */
export interface AssembledKernel {
  /** The ELF file. */
  readonly elf: Uint8Array;
  /** Virtual address of every function and variable of the kernel. */
  readonly symbols: ReadonlyMap<string, number>;
  /** The same for the user program. */
  readonly userSymbols: ReadonlyMap<string, number>;
  readonly kernel: Linked;
  readonly user: Linked;
}

/** Compile, assemble and link everything. Takes about a second. @throws GuestBuildError. */
export function assembleKernel(): AssembledKernel {
  const user = build(userAssembly, userSources, layout.USER_CODE, layout.USER_DATA, {});
  mustFit('the user program', layout.USER_IMAGE, user.linked.bytes.length, layout.KERNEL_DATA);
  const kernel = build(kernelAssembly, kernelSources, layout.KERNEL_BASE + layout.KERNEL_CODE, layout.KERNEL_BASE + layout.KERNEL_DATA, {
    userImageBytes: user.linked.bytes.length,
  });
  mustFit('the kernel', layout.KERNEL_CODE, kernel.linked.bytes.length, layout.USER_IMAGE);
  const elf = writeElf(layout.KERNEL_CODE, [
    { physical: layout.KERNEL_CODE, virtual: layout.KERNEL_BASE + layout.KERNEL_CODE, bytes: kernel.linked.bytes, memoryBytes: kernel.linked.bytes.length, executable: true },
    { physical: layout.USER_IMAGE, virtual: layout.KERNEL_BASE + layout.USER_IMAGE, bytes: user.linked.bytes, memoryBytes: user.linked.bytes.length, executable: false },
    { physical: layout.KERNEL_DATA, virtual: layout.KERNEL_BASE + layout.KERNEL_DATA, bytes: new Uint8Array(0), memoryBytes: kernel.dataBytes, executable: false },
  ]);
  return { elf, symbols: kernel.linked.symbols, userSymbols: user.linked.symbols, kernel: kernel.linked, user: user.linked };
}

function build(assembly: readonly Unit[], sources: readonly Source[], base: number, dataBase: number, extra: Readonly<Record<string, number>>): { linked: Linked; dataBytes: number } {
  const program = emptyProgram({ ...numbers(abi), ...numbers(layout), ...numbers(pagingBits), ...ownNumbers, ...extra });
  parse(sources, program);
  const { addresses, bytes } = placeVariables(program, dataBase);
  const externals = new Set(assembly.flatMap(labelsOf));
  const known = new Map(addresses);
  known.set('bssStart', dataBase);
  known.set('bssWords', bytes / VARIABLE_ALIGNMENT);
  known.set('bssBytes', bytes);
  externals.add('bssBytes');
  const linked = link([...assembly, ...emit(program, externals).units], base, known);
  return { linked, dataBytes: bytes };
}

/** Names of our own that the little language knows. */
const ownNumbers = {
  INIT_PID,
  BREAKPOINT,
  KERNEL_STACK_PAGES: layout.KERNEL_STACK_BYTES / abi.PAGE_SIZE,
  USER_TLS_SELECTOR: (abi.GDT_ENTRY_TLS_MIN << 3) | abi.USER_PL,
};

/** Every exported number by its name, and every number in an exported table as table_name. */
function numbers(module: Readonly<Record<string, unknown>>): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [name, value] of Object.entries(module)) {
    if (typeof value === 'number') found[name] = value;
    else if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [key, inner] of Object.entries(value)) if (typeof inner === 'number') found[`${name}_${key}`] = inner;
    }
  }
  return found;
}

/** Pages first (page tables and stacks must begin on one), then the small ones. */
function placeVariables(program: Program, base: number): { addresses: Map<string, number>; bytes: number } {
  const addresses = new Map<string, number>();
  let at = base;
  const wholePages = (size: number): boolean => size % abi.PAGE_SIZE === 0;
  const all = [...program.variables];
  for (const [name, { bytes }] of [...all.filter(([, v]) => wholePages(v.bytes)), ...all.filter(([, v]) => !wholePages(v.bytes))]) {
    addresses.set(name, at);
    at += Math.ceil(bytes / VARIABLE_ALIGNMENT) * VARIABLE_ALIGNMENT;
  }
  return { addresses, bytes: Math.ceil((at - base) / abi.PAGE_SIZE) * abi.PAGE_SIZE };
}

function mustFit(what: string, start: number, bytes: number, end: number): void {
  if (start + bytes > end) throw new GuestBuildError('link', `${what} has ${bytes} bytes, ${start + bytes - end} too many for its place; move the next part up in layout.ts`);
}
