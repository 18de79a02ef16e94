/*
 * @lguest/lg-launcher: boot lguest Guests. Re-exports only. Files and terminals are in ./node, helpers for tests in
 * ./testing.
 */
export { bootGuest, BUILT_IN_KERNEL_NAME } from './vm/boot.js';
export { GuestVm } from './vm/guest-vm.js';
export { type BootOptions, type CpuName, cpuNames, DEFAULT_MEMORY, MAX_MEMORY, MIN_MEMORY } from './vm/options.js';
export { CONSOLE_BACKLOG, VmConsole } from './vm/console-stream.js';
export { type ExitReason, ExitStatus, type GuestExit, POWER_OFF_MESSAGE, USAGE_STATUS } from './vm/exit.js';
export type { VmStatistics } from './vm/statistics.js';
export { GuestProfiler, type ProfileEntry } from './profile/profiler.js';
export { formatProfile } from './profile/formats.js';
export { readSymbols, type SymbolTable } from './profile/symbols.js';
export type { VirtualTimeOptions } from './vm/time.js';
export { type BootImages, type LoadedKernel, loadImages } from './loader/kernel.js';
export { type GuestMemory, guestMemoryOf } from './memory.js';
export { type AttachedDevice, LguestBus, type LguestBusOptions } from './bus/lguest-bus.js';
export { type Chain, type Segment, Virtqueue, type VirtqueueOptions, type VirtqueueState } from './bus/virtqueue.js';
export type { Device, DeviceOptions, DeviceState, DeviceStatistics } from './devices/device.js';
export { type ConsoleBackend, createConsole } from './devices/console.js';
export { createBlock, type Disk } from './devices/block.js';
export { createRng, type RandomSource, RNG_BYTES_PER_REQUEST } from './devices/rng.js';
export { cryptoRandom, seededRandom } from './devices/random-sources.js';
export { type DiskOptions, memoryDisk } from './disks/memory-disk.js';
export { overlayDisk } from './disks/overlay-disk.js';
export { LauncherError, type LauncherErrorCode } from './error.js';
