/*L:420
 * From a command line to an exit status.
 */
import { LauncherError } from '../error.js';
import { USAGE_STATUS } from '../vm/exit.js';
import { parseArguments } from './arguments.js';
import { run } from './run.js';

/** Run the command. Never throws for what a user or a Guest did wrong. */
export async function main(argv: readonly string[]): Promise<number> {
  const parsed = parseArguments(argv, {
    out: (text) => process.stdout.write(text),
    error: (text) => process.stderr.write(text),
  });
  if ('status' in parsed) return parsed.status;
  try {
    return await run(parsed.run);
  } catch (error) {
    if (!(error instanceof LauncherError)) throw error;
    process.stderr.write(`lguest: ${error.message}\n`);
    return USAGE_STATUS;
  }
}
