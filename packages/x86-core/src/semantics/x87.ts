/*
 * The x87's door into the opcode tables. What the instructions do is in ../x87.
 */
import { define } from '../definition.js';
import { executeX87, fwait, fxrstor, fxsave } from '../x87/execute.js';

define('x87', { rare: executeX87 });
define('fwait', { rare: fwait });
define('fxsave', { rare: fxsave });
define('fxrstor', { rare: fxrstor });
