/*
 * Gives the rare and system instructions their definitions: plain functions under the names the opcode maps use.
 */
import { define } from '../definition.js';
import { systemInstructions } from '../system/index.js';
import { executeX87, fwait, fxrstor, fxsave } from '../x87/execute.js';

/** After these the next instruction is looked up afresh: they jump, or change what addresses mean. */
const ending = new Set([
  'jmp_far', 'call_far', 'ret_far', 'iret', 'int', 'int3', 'int1', 'hlt', 'mov_to_cr', 'lmsw', 'wrmsr', 'invlpg',
]);

for (const [name, rare] of Object.entries(systemInstructions)) define(name, { rare, ends: ending.has(name) });

define('x87', { rare: executeX87 });
define('fwait', { rare: fwait });
define('fxsave', { rare: fxsave });
define('fxrstor', { rare: fxrstor });
