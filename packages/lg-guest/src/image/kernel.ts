/*P:410
 * The demo kernel, put together.
 *
 * The list of everything the kernel is made of, in the order it is worth reading in, and the same for the program it
 * runs. What comes out is a vmlinux like any other: three pieces with physical addresses and a place to start.
 */
import { blockDriver } from '../drivers/block.js';
import { bus } from '../drivers/bus.js';
import { consoleDriver } from '../drivers/console.js';
import { rngDriver } from '../drivers/rng.js';
import { virtqueue } from '../drivers/virtqueue.js';
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
import { traps } from '../kernel/traps.js';
import type { Source } from '../language/b.js';
import { library } from '../language/library.js';
import * as layout from '../layout.js';
import { blockMoves } from '../shim/instructions.js';
import { shimAssembly, shimSources } from '../shim/parts.js';
import { switchTo } from '../shim/switch.js';
import { bench } from '../user/bench.js';
import { callFunctions, calls } from '../user/calls.js';
import { line } from '../user/line.js';
import { output } from '../user/output.js';
import { crashNumbers, haltCpu, shell } from '../user/shell.js';
import type { Linked, Unit } from './assemble.js';
import { kernelFile } from './guest.js';
import { buildProgram } from './program.js';

const kernelSources: readonly Source[] = [
  ...shimSources, switchTo, frames, pageTables, faults, traps, tasks, scheduler, clock, bus, virtqueue,
  consoleDriver, blockDriver, rngDriver, panics, crash, proc, procHypercalls, systemCalls, systemCallTable, main,
];
const userAssembly: readonly Unit[] = [calls, blockMoves, haltCpu];
const userSources: readonly Source[] = [library, callFunctions, output, line, shell, crashNumbers, bench];

/** The first program's process id. */
const INIT_PID = 1;

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
  const user = buildProgram({ assembly: userAssembly, sources: userSources, base: layout.USER_CODE, dataBase: layout.USER_DATA }).linked;
  const kernel = buildProgram({
    assembly: shimAssembly,
    sources: kernelSources,
    base: layout.KERNEL_BASE + layout.KERNEL_CODE,
    dataBase: layout.KERNEL_BASE + layout.KERNEL_DATA,
    constants: { INIT_PID, userImageBytes: user.bytes.length },
  });
  return { elf: kernelFile(kernel, user), symbols: kernel.linked.symbols, userSymbols: user.symbols, kernel: kernel.linked, user };
}
