/*L:425
 * `lguest run`: open what was named, boot, connect the terminal, wait, and clean up, in this order, so that nothing is
 * touched before everything was found good.
 */
import { join } from 'node:path';
import { createSleeper } from '@lguest/hrtimer/node';
import type { Disk } from '../devices/block.js';
import { fileDisk } from '../node/file-disk.js';
import { createOutputFile, makeDirectory, type OutputFile, readWholeFile } from '../node/files.js';
import { KEY_HELP, keyFilter } from '../node/keys.js';
import { FATAL_SIGNALS, rawTerminal, watchSignals } from '../node/terminal.js';
import { recordingLine } from '../trace/recording.js';
import { formatProfile } from '../profile/formats.js';
import { GuestProfiler } from '../profile/profiler.js';
import { readSymbols, type SymbolTable } from '../profile/symbols.js';
import { bootGuest, builtInKernel } from '../vm/boot.js';
import { ExitStatus, type GuestExit } from '../vm/exit.js';
import type { GuestVm } from '../vm/guest-vm.js';
import type { BootOptions } from '../vm/options.js';
import type { RunRequest } from './request.js';

const LINE_FEED = 0x0a;

let booted = false;

/** Has a Guest begun to run in this process? */
export const hasBooted = (): boolean => booted;

/** What the process ends with. */
interface Outcome {
  status: number;
}

/**
 * Run a Guest for the command. Returns the exit status.
 * @throws LauncherError when something named cannot be used.
 */
export async function run(request: RunRequest): Promise<number> {
  const cursor = { midLine: false };
  const say = (text: string): void => {
    // on a terminal the Guest's output and ours share the lines
    const newLine = cursor.midLine && process.stdout.isTTY && process.stderr.isTTY;
    cursor.midLine = false;
    process.stderr.write(`${newLine ? '\n' : ''}lguest: ${text}\n`);
  };
  const kernel = request.kernel === undefined ? undefined
    : readWholeFile(request.kernel, 'kernel', 'name a vmlinux or a bzImage, or none for the built-in Guest');
  const initrd = request.initrd === undefined ? undefined
    : readWholeFile(request.initrd, 'initrd', 'name an initial ramdisk, or leave --initrd out');
  const symbols = request.symbols === undefined ? undefined : readWholeFile(request.symbols, 'symbols', 'name a vmlinux or a System.map');
  const profiler = request.profile === undefined ? undefined : new GuestProfiler();
  const outputs: { stats?: OutputFile; trace?: OutputFile; profile?: OutputFile } = {};
  const disks: Disk[] = [];
  let vm: GuestVm;
  const outcome: Outcome = { status: 0 };
  try {
    if (request.dumpRegions !== undefined) makeDirectory(request.dumpRegions, 'regions');
    for (const block of request.blocks) disks.push(fileDisk(block.path, block.mode));
    if (request.stats !== undefined && request.stats !== '-') outputs.stats = createOutputFile(request.stats, 'statistics');
    if (request.trace !== undefined) outputs.trace = createOutputFile(request.trace, 'the trace');
    if (request.profile !== undefined) outputs.profile = createOutputFile(request.profile, 'the profile');
    const input = request.virtualTime && !process.stdin.isTTY ? await readAllInput() : undefined;
    vm = await bootGuest({ ...bootOptions(request, disks, outputs.trace, say, cursor), ...images(request, kernel, initrd), ...(input && { input }), ...(profiler && { profiler }) });
    booted = true;
    if (input !== undefined) vm.console.end();
  } catch (error) {
    for (const disk of disks) disk.close();
    outputs.stats?.close();
    outputs.trace?.close();
    outputs.profile?.close();
    throw error;
  }
  if (request.verbose) announce(vm, request, say);

  const letGo = connect(vm, request, outcome, say);
  try {
    const exit = await vm.exit;
    letGo();
    report(exit, request, say);
    return outcome.status === 0 ? exit.status : outcome.status;
  } finally {
    letGo();
    const text = request.stats === undefined ? '' : `${JSON.stringify(vm.stats(), undefined, 2)}\n`;
    if (request.stats === '-') process.stderr.write(text);
    outputs.stats?.write(text);
    outputs.stats?.close();
    outputs.trace?.close();
    const names = async () => readSymbols(symbols ?? kernel ?? (await builtInKernel()));
    if (profiler) outputs.profile?.write(formatProfile(profiler, await names(), request.profile!, vm.stats().kernel.name));
    outputs.profile?.close();
    if (request.dumpRegions !== undefined) await dumpRegions(vm, request.dumpRegions, await names());
  }
}

function bootOptions(
  request: RunRequest, disks: Disk[], trace: OutputFile | undefined, say: (text: string) => void, cursor: { midLine: boolean },
): BootOptions {
  let start: bigint | undefined;
  return {
    memory: request.memory,
    commandLine: request.kernelArguments.join(' '),
    disks,
    rng: request.rng,
    cpu: request.cpu,
    engine: request.engine,
    ...(request.jit === undefined ? {} : { jit: request.jit }),
    directTraps: request.directTraps,
    virtualTime: request.virtualTime,
    sleeper: createSleeper(),
    onConsole: (bytes) => {
      cursor.midLine = bytes.at(-1) !== LINE_FEED;
      process.stdout.write(bytes);
    },
    onRestart: (message) => { if (request.verbose) say(`the Guest restarts: ${message}`); },
    ...(request.expect === undefined ? {} : { expect: request.expect }),
    ...(request.timeout === undefined ? {} : { timeout: request.timeout }),
    ...(trace === undefined ? {} : {
      onTrace: (event, time) => {
        start ??= time;
        const line = recordingLine(event, time - start);
        if (line !== undefined) trace.write(`${line}\n`);
      },
    }),
  };
}

function images(request: RunRequest, kernel: Uint8Array | undefined, initrd: Uint8Array | undefined): BootOptions {
  return {
    ...(kernel === undefined ? {} : { kernel, kernelName: request.kernel! }),
    ...(initrd === undefined ? {} : { initrd, initrdName: request.initrd! }),
  };
}

async function readAllInput(): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Connect terminal, pipes and signals with a running Guest. Returns the function that lets go of them. */
function connect(vm: GuestVm, request: RunRequest, outcome: Outcome, say: (text: string) => void): () => void {
  const { stdin, stdout } = process;
  const leave = (message: string, status: number): void => {
    if (outcome.status === 0) outcome.status = status;
    void vm.stop(message);
  };
  const unwatch = watchSignals(process, (signal, status) => leave(`ended by ${signal}`, status));
  const hangUp = (): void => leave('the terminal was closed', FATAL_SIGNALS.SIGHUP);
  const onPipeError = (error: NodeJS.ErrnoException): void => {
    if (stdout.isTTY) return hangUp();
    if (error.code !== 'EPIPE') say(`cannot write the Guest's output: ${error.message}`);
    leave('nobody reads the output any more', ExitStatus.stopped);
  };
  stdout.on('error', onPipeError);

  const restore = rawTerminal(stdin, process);
  const forGuest = async (bytes: Uint8Array): Promise<void> => {
    stdin.pause();
    await vm.console.write(bytes); // a Guest that is slow to read makes the other end of a pipe wait
    stdin.resume();
  };
  const filter = keyFilter({
    send: (bytes) => { void vm.console.write(bytes); },
    leave: () => leave('the user left', ExitStatus.stopped),
    help: () => process.stderr.write(KEY_HELP),
    now: () => performance.now(),
  });
  const onData = (bytes: Buffer): void => {
    if (stdin.isTTY) filter(bytes);
    else void forGuest(bytes);
  };
  // a pipe that ends has nothing more to say; a terminal that ends is gone
  const onEnd = (): void => {
    if (stdin.isTTY) hangUp();
    else vm.console.end();
  };
  if (!request.virtualTime || stdin.isTTY) {
    stdin.on('data', onData);
    stdin.on('end', onEnd);
    stdin.on('error', onEnd);
  }
  return () => {
    restore();
    unwatch();
    stdin.off('data', onData);
    stdin.off('end', onEnd);
    stdin.pause();
  };
}

/** A file for each region that is there now. */
async function dumpRegions(vm: GuestVm, directory: string, { nameAt }: SymbolTable): Promise<void> {
  const { regionFormatter } = await import('../profile/region-text.js');
  const format = await regionFormatter(nameAt);
  for (const region of vm.regions()) {
    const name = `${region.linear.toString(16).padStart(8, '0')}-${region.user ? 'user' : 'kernel'}.txt`;
    const file = createOutputFile(join(directory, name), 'a region');
    file.write(format(region));
    file.close();
  }
}

function announce(vm: GuestVm, request: RunRequest, say: (text: string) => void): void {
  const { kernel, memory, devices } = vm.stats();
  say(`${kernel.name} (${kernel.format}), ${memory / (1 << 20)} MiB, devices: ${Object.keys(devices).join(', ')}`);
  if (request.kernelArguments.length > 0) say(`kernel arguments: ${request.kernelArguments.join(' ')}`);
}

/** Say how it ended, where that is not plain to see. */
function report(exit: GuestExit, request: RunRequest, say: (text: string) => void): void {
  switch (exit.reason) {
    case 'panic':
      say(`the Guest panicked: ${exit.message}`);
      break;
    case 'killed':
      say(`the Host killed ${request.kernel === undefined ? 'the Guest' : `the Guest ${request.kernel}`}: ${exit.message}`);
      break;
    case 'timeout':
    case 'stuck':
      say(exit.message);
      break;
    case 'stopped':
      say(exit.message);
      break;
    case 'poweroff':
    case 'expected':
      if (request.verbose) say(exit.message);
      break;
  }
}
