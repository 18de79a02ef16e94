/*
 * One program from its first instruction to its end: runs the CPU, and plays the kernel whenever it comes out.
 */
import { type CpuidModel, ExitReason, PageFault, Register, Vector } from '../../src/index.js';
import { type AddressSpace, pagesOf, pageBytes } from './address-space.js';
import { CallError, Unsupported } from './abi.js';
import { buildStack, loadElf } from './elf.js';
import { Files, type OpenFile } from './files.js';
import { startFpu } from './fpu-image.js';
import { Signals, causeOf } from './signals.js';
import { type EngineChoice, UserMachine } from './user-machine.js';

const physicalBytes = 96 << 20;
const systemCall = 0x80;
const slice = 1 << 28;

/** How a program ended: one of the two. */
export interface Outcome {
  status: number | null;
  /** Signal number. */
  signal: number | null;
}

/** What a program is started with. */
export interface Start {
  engine: EngineChoice;
  cpuid: CpuidModel;
  program: Uint8Array;
  /** With the program's name as the first. */
  args: readonly string[];
  environment: readonly string[];
  /** Where it starts, and may write. */
  directory: string;
  /** Already open: standard input, output, error. */
  streams: readonly OpenFile[];
}

/** A system call: the program, and its six arguments as they stand in EBX, ECX, EDX, ESI, EDI, EBP (signed). */
export type Call = (process: Process, a: number, b: number, c: number, d: number, e: number, f: number) => number;

/** A running program. */
export class Process {
  readonly user: UserMachine;
  readonly files: Files;
  readonly signals: Signals;
  /** End of the heap, and where it began. */
  heapEnd: number;
  readonly heapStart: number;
  #outcome: Outcome | undefined;
  readonly #calls: Readonly<Record<number, Call>>;

  constructor(start: Start, calls: Readonly<Record<number, Call>>) {
    this.#calls = calls;
    this.user = new UserMachine(physicalBytes, start.engine, start.cpuid);
    const { space, machine } = this.user;
    const loaded = loadElf(space, start.program);
    this.heapStart = pagesOf(loaded.end) * pageBytes;
    this.heapEnd = this.heapStart;
    const stack = buildStack(space, loaded, start.args, start.environment, start.cpuid.basic[1]?.edx ?? 0);
    this.user.start(loaded.entry, stack);
    startFpu(machine.cpu);
    this.signals = new Signals(machine.cpu, space);
    this.files = new Files(start.directory);
    for (const stream of start.streams) this.files.add(stream);
  }

  /** Instructions so far. */
  get retired(): number {
    return this.user.machine.cpu.retired;
  }

  /** Called by exit(2) and by signals. */
  end(outcome: Outcome): void {
    this.#outcome = outcome;
  }

  /** Run to the end, or to `budget` instructions (then Unsupported). */
  run(budget: number): Outcome {
    const { cpu } = this.user.machine;
    try {
      while (this.#outcome === undefined) {
        if (this.retired > budget) throw new Unsupported(`not finished after ${budget} instructions`);
        const exit = cpu.run(slice);
        if (exit.reason === ExitReason.budget) continue;
        if (exit.reason !== ExitReason.gate) throw new Unsupported(`the CPU stopped for reason ${exit.reason} at ${cpu.eip.toString(16)}`);
        if (exit.vector === systemCall) this.#call();
        else this.#exception(exit.vector, exit.errorCode);
      }
    } finally {
      this.files.closeAll();
    }
    return this.#outcome;
  }

  #call(): void {
    const { regs } = this.user.machine.cpu;
    const number = regs[Register.eax]!;
    const call = this.#calls[number];
    const [a, b, c, d, e, f] = [regs[Register.ebx]!, regs[Register.ecx]!, regs[Register.edx]!, regs[Register.esi]!, regs[Register.edi]!, regs[Register.ebp]!];
    if (call === undefined) throw new Unsupported(`system call ${number} (${[a, b, c, d, e, f].map((word) => (word >>> 0).toString(16)).join(', ')}) is not there`);
    try {
      regs[Register.eax] = call(this, a, b, c, d, e, f);
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      regs[Register.eax] = -error.errno;
    }
    this.#dieOf(this.signals.deliver());
  }

  #exception(vector: number, errorCode: number): void {
    const { machine: { cpu }, space } = this.user;
    const absent = vector === Vector.pageFault && (errorCode & PageFault.present) === 0;
    if (absent && this.#touch(cpu.cr2, (errorCode & PageFault.write) !== 0, (errorCode & PageFault.fetch) !== 0)) return;
    this.#dieOf(this.signals.force(causeOf(cpu, space, vector, errorCode)));
  }

  #touch(...[address, write, execute]: Parameters<AddressSpace['touch']>): boolean {
    try {
      return this.user.space.touch(address, write, execute);
    } catch (error) {
      throw error instanceof CallError ? new Unsupported(`the program wants more than ${physicalBytes} bytes of memory`) : error;
    }
  }

  #dieOf(signal: number): void {
    if (signal !== 0) this.end({ status: null, signal });
  }
}
