/*
 * What an instruction means, apart from how it is encoded.
 *
 * Common instructions are written once against a Builder (builder.ts); rare and system instructions are plain
 * functions on the Processor, which every engine calls.
 */
import type { Execute, Shortcut } from './builder.js';
import type { Instruction } from './instruction.js';
import type { Call } from './operations/operation.js';
import type { Processor } from './processor.js';

/**
 * A rare instruction. State.eip still points at the instruction itself; the engine has computed nothing else. On
 * return, if `State.eip` is to be anything but the next instruction, the function has set it through
 * `cpu.jump(eip)`. Faults are thrown by raise(), before anything is committed.
 */
export type RareExecute = (cpu: Processor, insn: Instruction) => void;

/** @returns undefined when there is none, or the CPU's `features` do not include it */
export type FindCall = (insn: Instruction, features: number) => Call | undefined;

/** How a slot is used: read, written, or both. Decides how memory is probed before anything is committed. */
export type SlotUse = 'r' | 'w' | 'rw';

/** One meaning, shared by all encodings of it. Exactly one of `execute` and `rare` is given. */
export interface Definition {
  readonly name: string;
  /** Small number, unique in a process. */
  readonly id: number;
  readonly uses: readonly SlotUse[];
  readonly execute: Execute | undefined;
  readonly rare: RareExecute | undefined;
  /** Beside `rare`: what generated code does in the usual case. */
  readonly shortcut: Shortcut | undefined;
  /** Beside the others: finds the operation that does the usual case of one encoding (operations/operation.ts). */
  readonly findCall: FindCall | undefined;
  /** Feature bits of CPUID: on a CPU without all of them it is #UD. */
  readonly feature: number;
  /** LOCK is allowed when slot 0 is memory. */
  readonly lockable: boolean;
  /** The generated interpreter has handlers for it; without, it calls the reference. */
  readonly hot: boolean;
  /** Never falls through to the next record: what follows must be looked up. */
  readonly ends: boolean;
  /** Conditional or direct branch: has a target within reach of decoding. */
  readonly branches: boolean;
  /** Bit instructions whose register bit number reaches beyond the memory operand. */
  readonly bitString: boolean;
  /** A string instruction: a repeat prefix repeats it, and its operands are where ESI and EDI point. */
  readonly string: boolean;
}

const definitions = new Map<string, Definition>();

/** Options of define(). */
export interface DefinitionOptions {
  uses?: string;
  execute?: Execute;
  rare?: RareExecute;
  shortcut?: Shortcut;
  findCall?: FindCall;
  feature?: number;
  lockable?: boolean;
  hot?: boolean;
  ends?: boolean;
  branches?: boolean;
  bitString?: boolean;
  string?: boolean;
}

/** Register a meaning under a name of its own. Throws on a name used twice. */
export function define(name: string, options: DefinitionOptions): Definition {
  if (definitions.has(name)) throw new Error(`instruction ${name} is defined twice`);
  const definition: Definition = {
    name,
    id: definitions.size,
    execute: options.execute,
    rare: options.rare,
    shortcut: options.shortcut,
    findCall: options.findCall,
    uses: (options.uses ?? '').split(' ').filter((use): use is SlotUse => use !== ''),
    feature: options.feature ?? 0,
    lockable: options.lockable ?? false,
    hot: options.hot ?? options.shortcut !== undefined,
    ends: options.ends ?? false,
    branches: options.branches ?? false,
    bitString: options.bitString ?? false,
    string: options.string ?? false,
  };
  definitions.set(name, definition);
  return definition;
}

/** The meaning registered under a name. Throws when there is none: a hole in the opcode tables. */
export function definitionOf(name: string): Definition {
  const definition = definitions.get(name);
  if (!definition) throw new Error(`no instruction is defined under the name ${name}`);
  return definition;
}

/** All meanings, in the order of their ids. */
export function allDefinitions(): Definition[] {
  return [...definitions.values()];
}
