/*
 * The command in a terminal: keys go to the Guest one by one, and on every way out the terminal is as it was.
 */
import { describe, expect, it } from 'vitest';
import { inTerminal, type Step, terminalsAreMissing } from './pseudo-terminal.test-support.js';
import { commandPath } from './run-command.test-support.js';

const missing = terminalsAreMissing('terminal');
const PROMPT = '\n$ ';

describe.skipIf(missing).concurrent('the terminal is put back', () => {
  const session = async (steps: readonly Step[], options: readonly string[] = [], env: Record<string, string> = {}) =>
    inTerminal([process.execPath, await commandPath(), 'run', ...options], steps, env);

  it.each<[string, number, Step[], string]>([
    ['poweroff', 0, [{ wait: PROMPT, type: 'echo typ\x7fped\r' }, { wait: '\nty', type: 'poweroff\r' }], 'typed'],
    ['Ctrl-A x', 130, [{ wait: PROMPT, type: '\x01x' }], '\n$ \r\nlguest: the user left\r\n'],
    ['three Ctrl-C', 130, [{ wait: PROMPT, type: 'spin\r' }, { wait: 'spin', type: '\x03\x03\x03' }], 'the user left'],
    ['a panic', 101, [{ wait: PROMPT, type: 'crash kernel-page-fault\r' }], 'the Guest panicked'],
    ['a killed Guest', 102, [{ wait: PROMPT, type: 'crash bad-hypercall\r' }], 'the Host killed the Guest'],
    ['SIGTERM', 143, [{ wait: PROMPT, type: 'spin\r' }, { wait: 'spin', signal: 'SIGTERM' }], 'SIGTERM'],
    ['SIGINT', 130, [{ wait: PROMPT, signal: 'SIGINT' }], 'SIGINT'],
    ['SIGQUIT', 131, [{ wait: PROMPT, signal: 'SIGQUIT' }], 'SIGQUIT'],
    ['SIGHUP', -1, [{ wait: PROMPT, signal: 'SIGHUP' }], 'SIGHUP'],
  ])('after %s, with status %i', async (_, status, steps, text) => {
    const seen = await session(steps);
    expect(seen).toMatchObject({ status, rawDuring: true, restored: true });
    expect(seen.output).toContain(text);
  });

  it('after --timeout and --expect', async () => {
    expect(await session([{ wait: PROMPT }], ['--timeout', '1.5'])).toMatchObject({ status: 124, rawDuring: true, restored: true });
    expect(await session([{ wait: PROMPT, type: 'echo to""ken\r' }], ['--expect', 'to""ken'])).toMatchObject({ status: 0, restored: true });
  });

  it('after a mistake in this program', async () => {
    const bomb = 'data:text/javascript,process.on(`SIGUSR2`,()=>{throw(Error(`boom`))})';
    const seen = await session([{ wait: PROMPT, signal: 'SIGUSR2' }], [], { NODE_OPTIONS: `--import=${bomb}` });
    expect(seen.output).toContain('boom');
    expect(seen).toMatchObject({ status: 1, rawDuring: true, restored: true });
  });

  it('and what cannot run leaves it alone', async () => {
    expect(await session([], ['no-such-kernel'])).toMatchObject({ status: 2, restored: true });
  });
});

describe.skipIf(missing).concurrent('the keys', () => {
  const session = async (steps: readonly Step[]) => inTerminal([process.execPath, await commandPath(), 'run'], steps);

  it('help, and Ctrl-A twice is one for the Guest', async () => {
    const seen = await session([
      { wait: PROMPT, type: '\x01h' }, { wait: 'Ctrl-A Ctrl-A', type: 'echo on\x01\x01ce\r' }, { wait: PROMPT, type: 'poweroff\r' },
    ]);
    expect(seen.status).toBe(0);
    expect(seen.output).toContain('Ctrl-A x       leave');
  });

  it('end the foreground program with one Ctrl-C', async () => {
    const seen = await session([
      { wait: PROMPT, type: 'spin\r' }, { wait: 'spin\r\n', pause: 500, type: '\x03' }, { wait: '$ ', type: 'poweroff\r' },
    ]);
    expect(seen).toMatchObject({ status: 0, restored: true });
  });

  it('end with the terminal', async () => {
    const seen = await session([{ wait: PROMPT, type: 'spin\r' }, { wait: 'spin', signal: 'HANGUP' }]);
    expect(seen.status).toBe(-1); // it died of SIGHUP, which shells call 129
  });
});
