/*
 * bootGuest(): from options to a running Guest.
 */
import { cryptoRandom, seededRandom } from '../devices/random-sources.js';
import type { RandomSource } from '../devices/rng.js';
import { VmConsole } from './console-stream.js';
import { anywhereSleeper } from './event-loop.js';
import { GuestVm } from './guest-vm.js';
import { type BootOptions, checkMemory, DEFAULT_MEMORY } from './options.js';
import { stopwatch, virtualTime, type VirtualTimeOptions, wallTime } from './time.js';

/** What messages call the kernel that comes with us. */
export const BUILT_IN_KERNEL_NAME = 'the built-in Guest';
const DEFAULT_SEED = 1;

/**
 * Boot a Guest. It starts to run in the next turn of the event loop.
 * @throws LauncherError (as a rejection) when what was given cannot be booted; nothing was touched then.
 * @throws the signal's reason when it is aborted already.
 */
export async function bootGuest(options: BootOptions = {}): Promise<GuestVm> {
  options.signal?.throwIfAborted();
  const ramBytes = checkMemory(options.memory ?? DEFAULT_MEMORY);
  const kernel = options.kernel ?? (await builtInKernel());
  const virtual: VirtualTimeOptions | undefined =
    options.virtualTime === true ? {} : options.virtualTime === false ? undefined : options.virtualTime;
  const console = new VmConsole(options.onConsole);
  if (options.input !== undefined) void console.write(options.input);
  options.signal?.throwIfAborted();
  return new GuestVm({
    options,
    images: {
      kernel,
      kernelName: options.kernelName ?? (options.kernel === undefined ? BUILT_IN_KERNEL_NAME : 'the kernel'),
      initrd: options.initrd,
      initrdName: options.initrdName,
      commandLine: options.commandLine ?? '',
    },
    ramBytes,
    console,
    random: randomSource(options.rng, virtual),
    time: virtual === undefined ? wallTime(options.sleeper ?? anywhereSleeper()) : virtualTime(virtual),
    stopwatch: virtual === undefined ? stopwatch : undefined,
  });
}

/** The demo kernel, fetched when it is wanted. */
export async function builtInKernel(): Promise<Uint8Array> {
  const { buildDemoKernel } = await import('@lguest/lg-guest');
  return buildDemoKernel();
}

function randomSource(rng: BootOptions['rng'], virtual: VirtualTimeOptions | undefined): RandomSource | undefined {
  if (rng === undefined || rng === false) return undefined;
  if (rng !== true) return rng;
  return virtual === undefined ? cryptoRandom() : seededRandom(virtual.seed ?? DEFAULT_SEED);
}
