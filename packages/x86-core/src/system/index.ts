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
