/*
 * The `lguest` command as a program, with arguments and a status. What it does is in cli/main.ts.
 */
import { main } from './cli/main.js';
import { FATAL_SIGNALS } from './node/terminal.js';

export { hasBooted } from './cli/run.js';

// where nobody reads complaints, they are lost
process.stderr.on('error', () => {});
void main(process.argv.slice(2)).then((status) => {
  // what was printed may still be on its way when stdout is a pipe; an open terminal must not keep us here
  process.stdout.write('', () => {
    // Whoever lost the terminal dies of that. It is also the way out on which Node does not look at the terminal again,
    // over whose absence it would fall (exit() of Node 20 aborts then).
    if (status === FATAL_SIGNALS.SIGHUP) process.kill(process.pid, 'SIGHUP');
    else process.exit(status);
  });
});
