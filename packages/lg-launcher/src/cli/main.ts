/*L:420
 * From a command line to an exit status.
 */
import { LauncherError } from '../error.js';
import { USAGE_STATUS } from '../vm/exit.js';
import { parseArguments } from './arguments.js';

/** Run the command. Never throws for what a user or a Guest did wrong. */
export async function main(argv: readonly string[]): Promise<number> {
  const parsed = parseArguments(argv, {
    out: (text) => process.stdout.write(text),
    error: (text) => process.stderr.write(text),
  });
  if ('status' in parsed) return parsed.status;
  try {
    // the machine is big; help and complaints should not wait for it
    const { run } = await import('./run.js');
    return await run(parsed.run);
  } catch (error) {
    if (!(error instanceof LauncherError)) throw error;
    process.stderr.write(`lguest: ${error.message}\n`);
    return USAGE_STATUS;
  }
}
