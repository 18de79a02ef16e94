/*L:430
 * The command line, in two grammars: ours (`lguest run …`), and the one lguest's Launcher always had, unchanged, for
 * people and scripts who know it.
 */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { defaultJitOptions, type JitOptions } from '@lguest/x86-core';
import { checkMemory, type CpuName, cpuNames, DEFAULT_MEMORY, MAX_MEMORY, MIN_MEMORY } from '../vm/options.js';
import { type BlockRequest, parseBlock, parseJit, parseMemory, type RunRequest } from './request.js';

/** What came out of a command line: something to run, or something that was said and a status. */
export type Parsed =
  | { readonly run: RunRequest }
  | { readonly status: number };

/** Where help goes, and where complaints. */
export interface ArgumentOutput {
  out(text: string): void;
  error(text: string): void;
}

const MEBIBYTE = 1 << 20;
const USAGE_STATUS = 2;

const RUN_HELP = `
Without a kernel the built-in Guest is booted. Kernel arguments follow "--".

On a terminal: Ctrl-A x leaves, Ctrl-A h helps; Ctrl-C three times leaves, too.

Exit status:
    0  the Guest powered off, or --expect was met
    2  wrong usage, or unreadable input
  101  the Guest's kernel panicked
  102  the Host killed the Guest; the reason is printed
  124  --timeout was reached (or nothing could ever wake the Guest)
  130  the user left
  128 + n  ended by signal n

Examples:
  lguest run
  lguest run --memory 128M --initrd initrd.gz vmlinux -- console=hvc0
  lguest run --block disk.img,overlay --expect 'login:' --timeout 60 bzImage -- root=/dev/vda
  printf 'ps\\npoweroff\\n' | lguest run --virtual-time --stats stats.json
`;

const ROOT_HELP = `
The two ways to call it:
  lguest run [options] [kernel] [-- kernel arguments]          see: lguest run --help
  lguest [--verbose] [--block=file]... [--initrd=file] [--rng] <MiB> <vmlinux> [kernel arguments]
`;

/**
 * Understand a command line (without "node" and the program's name).
 */
export function parseArguments(argv: readonly string[], output: ArgumentOutput): Parsed {
  let request: RunRequest | undefined;
  const { before, after } = splitKernelArguments(argv);
  const program = rootCommand((made) => { request = made; });
  program.addCommand(runCommand(after, (made) => { request = made; }));
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({ writeOut: (text) => output.out(text), writeErr: (text) => output.error(text) });
  }
  try {
    if (argv.length === 0) {
      output.error(program.helpInformation() + ROOT_HELP);
      return { status: USAGE_STATUS };
    }
    program.parse([...before], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return { status: error.exitCode === 0 ? 0 : USAGE_STATUS };
  }
  return request === undefined ? { status: USAGE_STATUS } : { run: request };
}

/** In `lguest run`, everything after the first "--" is the kernel's. Commander would take its first word for a kernel. */
function splitKernelArguments(argv: readonly string[]): { before: readonly string[]; after: readonly string[] } {
  const dashes = argv.indexOf('--');
  if (dashes < 0 || argv.find((word) => !word.startsWith('-')) !== 'run') return { before: argv, after: [] };
  return { before: argv.slice(0, dashes), after: argv.slice(dashes + 1) };
}

/** lguest's own grammar. Everything after the kernel is the kernel's, options too. */
function rootCommand(done: (request: RunRequest) => void): Command {
  const command = new Command('lguest')
    .description('Boot lguest Guests: small paravirtualised x86 kernels, on a CPU written in TypeScript.')
    .usage('run [options] [kernel] [-- kernel arguments]')
    .enablePositionalOptions()
    .passThroughOptions()
    .option('-v, --verbose', 'say what is being done')
    .option('--block <file>', 'a disk; can be repeated', collectBlock)
    .option('--initrd <file>', 'an initial ramdisk')
    .option('--rng', 'an entropy device')
    .argument('[MiB]', 'memory in MiB')
    .argument('[vmlinux]', 'the kernel')
    .argument('[arguments...]', 'kernel arguments')
    .addHelpText('after', ROOT_HELP);
  command.action((mebibytes: string | undefined, kernel: string | undefined, kernelArguments: string[], options: LegacyOptions) => {
    if (mebibytes === undefined) return command.error('lguest: what shall be booted? Try: lguest run');
    if (!/^\d+$/.test(mebibytes)) {
      return command.error(`lguest: ${JSON.stringify(mebibytes)} is neither "run" nor a number of MiB; try: lguest run ${mebibytes}`);
    }
    if (kernel === undefined) return command.error(`lguest: after ${mebibytes} (MiB) the kernel to boot is missing.`);
    done({
      ...defaults, kernel, kernelArguments, memory: memorySize(command, mebibytes), initrd: options.initrd,
      blocks: options.block ?? [], rng: options.rng ?? false, verbose: options.verbose ?? false,
    });
  });
  return command;
}

interface LegacyOptions {
  verbose?: boolean;
  block?: BlockRequest[];
  initrd?: string;
  rng?: boolean;
}

interface RunOptions extends LegacyOptions {
  memory: string;
  cpu: CpuName;
  engine: RunRequest['engine'];
  jit?: JitOptions;
  lockstep?: boolean;
  directTraps: boolean;
  stats?: string;
  trace?: string;
  profile?: string;
  symbols?: string;
  dumpRegions?: string;
  expect?: string;
  timeout?: number;
  virtualTime?: boolean;
}

const defaults: RunRequest = {
  kernel: undefined, kernelArguments: [], memory: DEFAULT_MEMORY, initrd: undefined, blocks: [], rng: false,
  cpu: 'default', engine: 'auto', jit: undefined, directTraps: true, stats: undefined, trace: undefined, profile: undefined, symbols: undefined, dumpRegions: undefined, expect: undefined, timeout: undefined,
  virtualTime: false, verbose: false,
};

function runCommand(kernelArguments: readonly string[], done: (request: RunRequest) => void): Command {
  const command = new Command('run')
    .description('Boot a Guest.')
    .usage('[options] [kernel] [-- kernel arguments]')
    .argument('[kernel]', 'an ELF vmlinux or a bzImage built with CONFIG_LGUEST_GUEST=y')
    .optionsGroup('The Guest:')
    .option('--memory <size>', `memory, ${MIN_MEMORY / MEBIBYTE}M to ${MAX_MEMORY / MEBIBYTE}M`, `${DEFAULT_MEMORY / MEBIBYTE}M`)
    .option('--initrd <file>', 'an initial ramdisk')
    .option('--block <file[,ro|,overlay]>', 'a disk: written, read only, or with changes forgotten at the end; can be repeated', collectBlock)
    .option('--rng', 'an entropy device')
    .addOption(new Option('--cpu <model>', 'what CPUID says, and which instructions there are').choices(cpuNames).default('default'))
    .optionsGroup('How it runs:')
    .addOption(new Option('--engine <engine>', 'how instructions are executed').choices(['reference', 'interpreter', 'jit', 'auto']).default('auto'))
    .option('--jit <option=value,...>', `what the JIT may do: ${jitOptionNames}`, jitOptions)
    .option('--lockstep', 'compare every region of the JIT with the reference engine (slow)')
    .option('--no-direct-traps', 'send system calls through the Host (to measure what that costs)')
    .option('--virtual-time', 'time passes with instructions; piped input is read first: the same input gives the same run')
    .optionsGroup('When it ends:')
    .option('--expect <text>', 'stop with status 0 when the console has printed this')
    .option('--timeout <seconds>', 'stop with status 124 (in virtual time: seconds of the Guest)', positiveNumber)
    .optionsGroup('What it tells:')
    .option('--stats <file>', 'write counters as JSON at the end; - is stderr')
    .option('--trace <file>', 'write a line for each exit, hypercall and interrupt (slow)')
    .option('--profile <file>', 'write where the Guest spent its time, for speedscope.app (.json) or as collapsed stacks')
    .option('--symbols <file>', 'the names for that: a vmlinux or a System.map (by default the kernel\'s own)')
    .option('--dump-regions <directory>', 'write the code of each region of the JIT there at the end, the Guest\'s and ours')
    .option('-v, --verbose', 'say what is being done')
    .optionsGroup('Help:')
    .helpOption('-h, --help', 'this text')
    .allowExcessArguments(true)
    .addHelpText('after', RUN_HELP);
  command.action((kernel: string | undefined, options: RunOptions) => {
    const excess = command.args[1];
    if (excess !== undefined) command.error(`lguest: what is ${JSON.stringify(excess)}? Kernel arguments come after "--".`);
    const parent = command.parent?.opts<LegacyOptions>();
    done({
      kernel, kernelArguments, memory: memorySize(command, options.memory), initrd: options.initrd ?? parent?.initrd,
      blocks: [...(parent?.block ?? []), ...(options.block ?? [])], rng: options.rng ?? parent?.rng ?? false, cpu: options.cpu, engine: options.engine,
      jit: jitOf(options),
      directTraps: options.directTraps, stats: options.stats, trace: options.trace, profile: options.profile, symbols: options.symbols, dumpRegions: options.dumpRegions, expect: options.expect,
      timeout: options.timeout, virtualTime: options.virtualTime ?? false, verbose: options.verbose ?? parent?.verbose ?? false,
    });
  });
  return command;
}

function collectBlock(text: string, before: BlockRequest[] = []): BlockRequest[] {
  return [...before, parseBlock(text)];
}

/** As in "hotAfter=16, windows=on". */
const jitOptionNames = Object.entries(defaultJitOptions).filter(([name]) => name !== 'lockstep' && name !== 'keepCode')
  .map(([name, value]) => `${name}=${typeof value === 'boolean' ? 'on' : value}`).join(', ');

function jitOptions(text: string, before: JitOptions = {}): JitOptions {
  try {
    return { ...before, ...parseJit(text) };
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

/** What all options together say of the JIT. */
function jitOf({ jit, lockstep, dumpRegions }: RunOptions): JitOptions | undefined {
  if (!lockstep && dumpRegions === undefined) return jit;
  return { ...jit, ...(lockstep && { lockstep }), ...(dumpRegions !== undefined && { keepCode: true }) };
}

function positiveNumber(text: string): number {
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value)) throw new InvalidArgumentError('Give a number of seconds above 0.');
  return value;
}

function memorySize(command: Command, text: string): number {
  const bytes = parseMemory(text);
  if (bytes === undefined) command.error(`lguest: ${JSON.stringify(text)} is no memory size; write 128M or 1G.`);
  try {
    return checkMemory(bytes);
  } catch (error) {
    command.error(`lguest: ${(error as Error).message}`);
  }
}
