/*L:210
 * Building the computer.
 *
 * Memory with pages for devices on top of RAM, a CPU, a kernel in the memory, a bus with the console and whatever else
 * was asked for, and a Host around it. This is done again for every restart: a rebooted Guest finds nothing of its
 * former life but the disks, and what was typed ahead.
 */
import { Lguest, machineFor } from '@lguest/lg-host';
import { DEVICE_PAGES, PAGE_SIZE } from '@lguest/lg-host/abi';
import { LguestBus } from '../bus/lguest-bus.js';
import { createBlock } from '../devices/block.js';
import { createConsole } from '../devices/console.js';
import type { Device } from '../devices/device.js';
import { createRng, type RandomSource } from '../devices/rng.js';
import { LauncherError } from '../error.js';
import { type BootImages, type LoadedKernel, loadImages } from '../loader/kernel.js';
import { guestMemoryOf } from '../memory.js';
import type { VmConsole } from './console-stream.js';
import { type BootOptions, cpuModel } from './options.js';
import type { GuestTime } from './time.js';

/** What stays over a restart. */
export interface Blueprint {
  readonly options: BootOptions;
  readonly images: BootImages;
  readonly ramBytes: number;
  readonly console: VmConsole;
  readonly random: RandomSource | undefined;
  readonly time: GuestTime;
  /** Milliseconds, for the time spent in Guest and Host; undefined where that must not be seen. */
  readonly stopwatch: (() => number) | undefined;
}

/** A computer ready to run. */
export interface Computer {
  readonly lguest: Lguest;
  readonly bus: LguestBus;
  readonly console: Device;
  readonly kernel: LoadedKernel;
}

/**
 * Build one.
 * @throws LauncherError when kernel, initrd or devices do not fit, or the host has not enough memory.
 */
export function assemble(blueprint: Blueprint): Computer {
  const { options, ramBytes, time } = blueprint;
  const guestPages = ramBytes / PAGE_SIZE + DEVICE_PAGES;
  const machine = buildMachine(blueprint, guestPages);
  const memory = guestMemoryOf(machine.physical, guestPages * PAGE_SIZE);
  const kernel = loadImages(blueprint.images, memory, ramBytes);
  const timers = time.newTimers();
  const lguest = new Lguest({
    machine, guestPages, entry: kernel.entry, timers, tscKhz: time.tscKhz,
    ...(options.directTraps === undefined ? {} : { directTraps: options.directTraps }),
    ...(blueprint.stopwatch === undefined ? {} : { now: blueprint.stopwatch }),
  });
  const bus = new LguestBus({
    memory, ramBytes,
    raiseIrq: (irq) => lguest.raiseIrq(irq),
    kill: (reason) => lguest.kill(reason),
    earlyPrint: (bytes) => blueprint.console.print(bytes),
  });
  for (const disk of options.disks ?? []) bus.add((irq) => createBlock({ memory, irq, backend: disk }));
  const { random } = blueprint;
  if (random !== undefined) bus.add((irq) => createRng({ memory, irq, backend: random }));
  const console = bus.add((irq) => createConsole({ memory, irq, backend: blueprint.console.backend }));
  return { lguest, bus, console, kernel };
}

function buildMachine(blueprint: Blueprint, guestPages: number): ReturnType<typeof machineFor> {
  const { options, time, ramBytes } = blueprint;
  try {
    return machineFor({
      guestPages,
      cpuid: cpuModel(options.cpu ?? 'default'),
      ...(options.engine === undefined ? {} : { engine: options.engine }),
      ...(options.jit === undefined ? {} : { jit: options.jit }),
      timestampCounter: time.timestampCounter,
    });
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'no-memory') throw error;
    throw new LauncherError('no-memory', `This computer cannot provide ${ramBytes / (1 << 20)} MiB for a Guest; give it less (--memory).`, { cause: error });
  }
}
