/*
 * What the user asked for, after the command line was understood: the hand-off from cli/arguments.ts to cli/run.ts.
 */
import { checkJitOptions, defaultJitOptions, type JitOptions } from '@lguest/x86-core';
import type { FileDiskMode } from '../node/file-disk.js';
import type { CpuName } from '../vm/options.js';

/** A `--block`. */
export interface BlockRequest {
  readonly path: string;
  readonly mode: FileDiskMode;
}

/** A Guest to boot. */
export interface RunRequest {
  /** Undefined: the built-in Guest. */
  readonly kernel: string | undefined;
  readonly kernelArguments: readonly string[];
  /** Bytes. */
  readonly memory: number;
  readonly initrd: string | undefined;
  readonly blocks: readonly BlockRequest[];
  readonly rng: boolean;
  readonly cpu: CpuName;
  readonly engine: 'reference' | 'interpreter' | 'jit' | 'auto';
  /** What --jit and --lockstep say. */
  readonly jit: JitOptions | undefined;
  readonly directTraps: boolean;
  /** A file, or "-" for stderr. */
  readonly stats: string | undefined;
  readonly trace: string | undefined;
  /** A file for a profile, and one with names for it. */
  readonly profile: string | undefined;
  readonly symbols: string | undefined;
  /** A directory for the code of the JIT's regions. */
  readonly dumpRegions: string | undefined;
  readonly expect: string | undefined;
  /** Seconds. */
  readonly timeout: number | undefined;
  readonly virtualTime: boolean;
  readonly verbose: boolean;
}

const MEBIBYTE = 1 << 20;
const unitBytes: Readonly<Record<string, number>> = { '': MEBIBYTE, K: 1 << 10, M: MEBIBYTE, G: 1 << 30 };

/** Bytes of "128M", "1G", "131072K" or "128" (MiB); undefined when it is none of these. */
export function parseMemory(text: string): number | undefined {
  const match = /^(\d+)([KMG]?)(?:i?B)?$/i.exec(text.trim());
  if (match === null) return undefined;
  return Number(match[1]) * unitBytes[match[2]!.toUpperCase()]!;
}

/** "file", "file,ro" or "file,overlay". Any other comma is part of the name. */
export function parseBlock(text: string): BlockRequest {
  const match = /^(.+),(ro|overlay)$/s.exec(text);
  if (match === null) return { path: text, mode: 'read-write' };
  return { path: match[1]!, mode: match[2] === 'ro' ? 'read-only' : 'overlay' };
}

const switches: Readonly<Record<string, boolean>> = { on: true, off: false };

/**
 * The JIT's options in "windows=off,maxRegions=100".
 * @throws Error with a sentence when one does not exist, or cannot have such a value.
 */
export function parseJit(text: string): JitOptions {
  const options: Record<string, unknown> = {};
  for (const part of text.split(',')) {
    const [name = '', value = ''] = part.split('=', 2);
    const isSwitch = typeof defaultJitOptions[name as keyof JitOptions] === 'boolean';
    if (isSwitch && !(value in switches)) throw new Error(`${name} is on or off, not ${JSON.stringify(value)}`);
    options[name] = isSwitch ? switches[value] : Number(value);
  }
  checkJitOptions(options);
  return options;
}
