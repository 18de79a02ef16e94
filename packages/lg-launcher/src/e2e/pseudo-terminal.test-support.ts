/*
 * A terminal without a person: Python's pty module makes one, types what it is told when it sees what it is told to wait
 * for, and looks at the terminal's mode before, during and after.
 */
import { spawn, spawnSync } from 'node:child_process';

/** One step: wait until the text was printed, and a while more, then type, or send a signal. */
export interface Step {
  readonly wait: string;
  /** Milliseconds. */
  readonly pause?: number;
  readonly type?: string;
  /** For instance SIGTERM; HANGUP closes the terminal's other side. */
  readonly signal?: string;
}

/** What was seen. */
export interface TerminalSession {
  /** Exit status, or minus the number of the signal that ended it. */
  readonly status: number;
  readonly output: string;
  /** Whether the terminal was in raw mode (no echo, no lines, no signals) when the first text was seen. */
  readonly rawDuring: boolean;
  /** Whether its mode was the same before and after, to the last bit; undefined after HANGUP. */
  readonly restored: boolean | undefined;
}

const DRIVER = `
import json, os, pty, select, signal, subprocess, sys, termios, time

job = json.loads(sys.argv[1])
master, slave = pty.openpty()
before = termios.tcgetattr(slave)

def child():
    os.setsid()
    import fcntl
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)

process = subprocess.Popen(job['argv'], stdin=slave, stdout=slave, stderr=slave, preexec_fn=child, env={**os.environ, **job['env']})
output = b''
seen = 0
raw = None
deadline = time.time() + job['patience']

def read(until):
    global output, seen
    while until is None or output.find(until, seen) < 0:
        if time.time() > deadline:
            process.kill()
            sys.exit('no %r within the time; printed: %r' % (until, output))
        if master is None:
            return
        ready, _, _ = select.select([master], [], [], 0.05)
        if ready:
            try:
                output += os.read(master, 65536)
            except OSError:
                return
        elif process.poll() is not None:
            return
    seen = output.find(until, seen) + len(until)

for step in job['steps']:
    read(step['wait'].encode())
    time.sleep(step.get('pause', 0) / 1000)
    if raw is None:
        flags = termios.tcgetattr(slave)[3]
        raw = (flags & (termios.ECHO | termios.ICANON | termios.ISIG)) == 0
    if 'type' in step:
        os.write(master, step['type'].encode())
    if step.get('signal') == 'HANGUP':
        os.close(slave)
        os.close(master)
        slave = master = None
    elif 'signal' in step:
        process.send_signal(getattr(signal, step['signal']))
if master is not None:
    read(None)
status = process.wait(job['patience'])
restored = None if slave is None else termios.tcgetattr(slave) == before
json.dump({'status': status, 'output': output.decode('utf-8', 'replace'), 'rawDuring': raw, 'restored': restored}, sys.stdout)
`;

/** Whether there is a Python with pseudo-terminals. */
export function terminalsAreMissing(what: string): boolean {
  const missing = spawnSync('python3', ['-c', 'import pty, termios']).status !== 0;
  if (missing) console.info(`${what}: skipped; it needs python3 with its pty module to make a terminal`);
  return missing;
}

/** Run a program in a terminal of its own. */
export async function inTerminal(argv: readonly string[], steps: readonly Step[], env: Record<string, string> = {}): Promise<TerminalSession> {
  const child = spawn('python3', ['-c', DRIVER, JSON.stringify({ argv, steps, env, patience: 40 })], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => { stdout += text; });
  child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr += text; });
  await new Promise((resolve) => { child.on('close', resolve); });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as TerminalSession;
}
