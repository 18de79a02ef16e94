/*
 * The system instructions by the names the opcode tables use.
 */
import type { RareExecute } from '../definition.js';
import { controlInstructions } from './control.js';
import { flagInstructions } from './flags.js';
import { flowInstructions } from './flow.js';
import { portInstructions } from './ports.js';
import { segmentInstructions } from './segments.js';
import { tableInstructions } from './tables.js';

/** Everything in this directory: definition name → what it does. */
export const systemInstructions: Readonly<Record<string, RareExecute>> = {
  ...controlInstructions, ...flagInstructions, ...flowInstructions, ...portInstructions, ...segmentInstructions,
  ...tableInstructions,
};

/** Those that change what code follows or how it is decoded, so that an engine looks up its next instruction afresh. */
export const endingInstructions: readonly string[] = [
  'mov_to_cr', 'mov_to_dr', 'lmsw', 'wrmsr', 'invlpg', 'popf', 'sti', 'hlt',
  'jmp_far', 'call_far', 'ret_far', 'iret', 'int', 'int3', 'into', 'int1', 'ins', 'outs',
  'mov_to_sreg', 'pop_sreg', 'load_far_pointer', 'out',
];
