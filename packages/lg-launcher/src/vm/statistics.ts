/*
 * Numbers about a Guest, for --stats and for programs. In virtual time there is nothing in them that the wall clock had
 * a hand in: two runs with the same input give the same numbers.
 */
import type { HostStatistics } from '@lguest/lg-host';
import type { DeviceStatistics } from '../devices/device.js';
import type { Blueprint, Computer } from './assemble.js';
import type { GuestExit } from './exit.js';

/** A snapshot. */
export interface VmStatistics {
  readonly kernel: { readonly name: string; readonly format: 'vmlinux' | 'bzImage' };
  /** Bytes of RAM. */
  readonly memory: number;
  readonly virtualTime: boolean;
  /** How often it booted: 1, and one more for each restart. The counters below are those of the last boot. */
  readonly boots: number;
  /** How it ended, if it has. */
  readonly exit: GuestExit | undefined;
  /** Instructions and exits of this boot, in ticks. */
  readonly ticks: number;
  /** What the Guest's clock shows, in nanoseconds since the epoch; in virtual time only. */
  readonly clock?: string;
  /** Milliseconds since bootGuest(); not in virtual time. */
  readonly wallMilliseconds?: number;
  readonly host: HostStatistics;
  readonly shadow: unknown;
  readonly cpu: unknown;
  /** By name: "console 0", "block 0". */
  readonly devices: Readonly<Record<string, DeviceStatistics>>;
}

/** Take one. */
export function takeStatistics(
  blueprint: Blueprint, computer: Computer, boots: number, exit: GuestExit | undefined, startedAt: number,
): VmStatistics {
  const { lguest, bus, kernel } = computer;
  const virtual = blueprint.stopwatch === undefined;
  const { regions: { milliseconds, longestMilliseconds, ...regions }, ...cpu } = lguest.cpu.statistics;
  return {
    kernel: { name: blueprint.images.kernelName, format: kernel.format },
    memory: blueprint.ramBytes,
    virtualTime: virtual,
    boots,
    exit,
    ticks: lguest.ticks,
    ...(virtual ? { clock: String(blueprint.time.clock.now()) } : { wallMilliseconds: performance.now() - startedAt }),
    host: lguest.counters.snapshot(),
    shadow: { ...lguest.mmu.stats },
    cpu: virtual ? { ...cpu, regions } : { ...cpu, regions: { ...regions, milliseconds, longestMilliseconds } },
    devices: Object.fromEntries(bus.devices.map(({ name, device }) => [name, { ...device.statistics }])),
  };
}
