/*
 * What bootGuest() can be told, and what it makes of it.
 */
import type { Sleeper } from '@lguest/hrtimer';
import type { TraceEvent } from '@lguest/lg-host';
import { type CpuidModel, cpuidModels, type JitOptions } from '@lguest/x86-core';
import type { Disk } from '../devices/block.js';
import type { RandomSource } from '../devices/rng.js';
import { LauncherError } from '../error.js';
import type { GuestProfiler } from '../profile/profiler.js';
import type { VirtualTimeOptions } from './time.js';

/** A CPU by name. */
export type CpuName = keyof typeof cpuidModels;

/** The names there are. */
export const cpuNames = Object.keys(cpuidModels) as CpuName[];

/** Options of bootGuest(). Everything has a default. */
export interface BootOptions {
  /** An ELF vmlinux or a bzImage with lguest support. Default: the built-in demo kernel. */
  readonly kernel?: Uint8Array;
  /** What messages call the kernel. */
  readonly kernelName?: string;
  /** The kernel's command line. */
  readonly commandLine?: string;
  /** An initial ramdisk. */
  readonly initrd?: Uint8Array;
  readonly initrdName?: string;
  /** RAM in bytes, a multiple of a MiB. Default DEFAULT_MEMORY. */
  readonly memory?: number;
  /** Block devices, in order. They are closed when the Guest has ended. */
  readonly disks?: readonly Disk[];
  /** An entropy device: true for the default source. */
  readonly rng?: boolean | RandomSource;
  /** The CPU's model: what CPUID says, and which instructions there are. Default 'default', an i686 with MMX, SSE and SSE2. */
  readonly cpu?: CpuName;
  /** The CPU engine. Default 'auto'. */
  readonly engine?: 'reference' | 'interpreter' | 'jit' | 'auto';
  /** What the JIT may do, and must not. */
  readonly jit?: JitOptions;
  /** False sends system calls through the Host, to measure what that costs. */
  readonly directTraps?: boolean;
  /** Time made of the Guest's work instead of the wall clock. */
  readonly virtualTime?: boolean | VirtualTimeOptions;
  /** Typed before the Guest starts. */
  readonly input?: string | Uint8Array;
  /** Told at once what the Guest prints; then there is nothing to iterate. */
  readonly onConsole?: (bytes: Uint8Array) => void;
  /** End with 'expected' when the console has printed this. */
  readonly expect?: string;
  /** End with 'timeout' after so many seconds (of the Guest's time, when that is virtual). */
  readonly timeout?: number;
  /** Aborting stops the Guest. */
  readonly signal?: AbortSignal;
  /** Told everything that happens between Guest and Host, with the Guest's clock (nanoseconds). Costs speed. */
  readonly onTrace?: (event: TraceEvent, time: bigint) => void;
  /** Looks where the Guest spends its time. */
  readonly profiler?: GuestProfiler;
  /** Told when the Guest restarts. */
  readonly onRestart?: (message: string) => void;
  /** How to sleep; the sub-path entries have better ones than the default. */
  readonly sleeper?: Sleeper;
}

const MEBIBYTE = 1 << 20;
/** RAM of a Guest when nothing is said. */
export const DEFAULT_MEMORY = 64 * MEBIBYTE;
/** Less than this holds no kernel. */
export const MIN_MEMORY = 4 * MEBIBYTE;
/** A WebAssembly memory has 4 GiB, and the Host needs some of them. */
export const MAX_MEMORY = 3072 * MEBIBYTE;

/**
 * Check a memory size.
 * @throws LauncherError 'bad-memory-size'.
 */
export function checkMemory(bytes: number): number {
  if (!Number.isInteger(bytes) || bytes < MIN_MEMORY || bytes > MAX_MEMORY || bytes % MEBIBYTE !== 0) {
    throw new LauncherError(
      'bad-memory-size',
      `A memory size of ${sizeText(bytes)} is out of range; give whole MiB from ${MIN_MEMORY / MEBIBYTE}M to ${MAX_MEMORY / MEBIBYTE}M.`,
    );
  }
  return bytes;
}

/**
 * The model of a CPU by name.
 * @throws LauncherError 'usage'.
 */
export function cpuModel(name: CpuName): CpuidModel {
  if (!cpuNames.includes(name)) throw new LauncherError('usage', `There is no CPU ${JSON.stringify(name)}; choose one of ${cpuNames.join(', ')}.`);
  return cpuidModels[name];
}

function sizeText(bytes: number): string {
  return bytes % MEBIBYTE === 0 ? `${bytes / MEBIBYTE}M` : `${bytes} bytes`;
}
