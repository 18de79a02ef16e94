/*
 * What can be said about regions: how eager the JIT is, how much it may hold, and which of its ideas it goes without.
 *
 * Without an idea code is slower and does the same. So a wrong result that goes away with one of them tells whose fault it is.
 */
import { X86Error } from '../error.js';
import { firstPlace, tableSize } from '../operations/operation.js';

/** Options of the region JIT. All have defaults; the switches are on unless they are set to false. */
export interface JitOptions {
  /** How often a slice of execution must end at an address before that becomes the entry of a region; in a machine's first 100 million instructions or so it takes more. Default 64. */
  hotAfter?: number;
  /** Instructions of a region at most, 1 to 320; default 160. Routines that are taken in count. */
  maxInstructions?: number;
  /** Regions that live at one time, at most; when there are more, those used least go. 1 to 1023 (the default). */
  maxRegions?: number;
  /**
   * Bytes of WebAssembly that are kept at most, those of regions that have gone included; then those used least go. 1 to 2^30,
   * default 4 MiB. A host needs ten to twenty times as much for the machine code.
   */
  maxBytes?: number;
  /** Accesses near each other off one register are translated together. */
  windows?: boolean;
  /** Control words and the place of the x87's stack are taken for what they are when a region is made. */
  assume?: boolean;
  /** Small routines become part of the regions that call them. */
  inline?: boolean;
  /** Regions note where their indirect calls and jumps go, and are made anew with that in them. */
  guesses?: boolean;
  /** Regions call each other where the guest calls; else they leave. */
  calls?: boolean;
  /** Regions go on in each other by tail calls, where the host has these; else they come back to the interpreter in between. */
  links?: boolean;
  /** A region is made in steps, between which the guest goes on; else the guest waits until it is done. */
  steps?: boolean;
  /** Regions that are made soon after each other share a WebAssembly module. */
  batches?: boolean;
  /** Every region's work is compared with the reference engine's, which is slow. A difference is an Error from run(). Default false. */
  lockstep?: boolean;
  /** Keep what regions were made of and what they became, for Cpu.regions(), with a mark for each instruction. Default false. */
  keepCode?: boolean;
}

/** The same with nothing left open. */
export type JitSettings = Readonly<Required<JitOptions>>;

/** Instructions that a region follows by itself and with the routines it takes in, at most. */
export const mostInstructions = 320;
/** And where nothing is said: with more, code is hardly faster, but takes hosts longer, and much memory meanwhile. */
const usualInstructions = 160;
/** Places for regions in the table of functions; one stands for no region. */
export const mostRegions = tableSize - firstPlace.region - 1;

/** What holds where nothing is said. */
export const defaultJitOptions: JitSettings = {
  hotAfter: 64, maxInstructions: usualInstructions, maxRegions: mostRegions, maxBytes: 4 << 20,
  windows: true, assume: true, inline: true, guesses: true, calls: true, links: true, steps: true, batches: true, lockstep: false, keepCode: false,
};

/** Highest value of each number; the lowest is 1. */
const highest = { hotAfter: 2 ** 30, maxInstructions: mostInstructions, maxRegions: mostRegions, maxBytes: 2 ** 30 } as const;

/** What is wrong with options, as a sentence; undefined when nothing is. */
function wrongWithJit(options: unknown): string | undefined {
  if (typeof options !== 'object' || options === null) return `jit is ${String(options)}: an object of options is wanted`;
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    if (!(name in defaultJitOptions)) return `jit.${name} is no option; there are ${Object.keys(defaultJitOptions).join(', ')}`;
    if (name in highest) {
      const most = highest[name as keyof typeof highest];
      if (!Number.isInteger(value) || value < 1 || value > most) return `jit.${name} is ${String(value)}: a whole number from 1 to ${most} is wanted`;
    } else if (typeof value !== 'boolean') return `jit.${name} is ${String(value)}: true or false is wanted`;
  }
  return undefined;
}

/** Throws X86Error for options that there are not, or that have no such value. */
export function checkJitOptions(options: unknown): void {
  const mistake = wrongWithJit(options);
  if (mistake !== undefined) throw new X86Error('bad-argument', mistake);
}

/** Options with defaults for what they leave open. */
export function settingsOf(options: JitOptions = {}): JitSettings {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return { ...defaultJitOptions, ...Object.fromEntries(given) };
}
