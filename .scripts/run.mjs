/*
 * `npm start`, `npm test` and `npm run bench` on a machine that has only Node and npm: bring pnpm, install and build what
 * is not there yet, and do what was asked. What setting up prints goes to stderr; stdin and stdout belong to the Guest.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const pnpmVersion = '10.34.8';
const [task, ...rest] = process.argv.slice(2);

/** Run a command; its output goes to our stderr unless it owns the terminal. Ends the process when it fails. */
function run(command, args, { terminal = false } = {}) {
  const { status, error, signal } = spawnSync(command, args, {
    cwd: root,
    stdio: terminal ? 'inherit' : ['ignore', process.stderr, process.stderr],
    shell: process.platform === 'win32',
    env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1' },
  });
  if (error) {
    process.stderr.write(`lguest: cannot run ${command}: ${error.message}\n`);
    process.exit(1);
  }
  if (status !== 0) process.exit(status ?? (signal === 'SIGINT' ? 130 : 1));
}

function pnpm(args, options) {
  run('npx', ['-y', `pnpm@${pnpmVersion}`, ...args], options);
}

function newest(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0;
}

const installed = join(root, 'node_modules', '.modules.yaml');
if (newest(installed) < newest(join(root, 'pnpm-lock.yaml'))) pnpm(['install', '--frozen-lockfile', '--prefer-offline']);

if (task === 'test') {
  pnpm(['exec', 'turbo', 'run', 'test', '--continue', ...rest], { terminal: true });
} else if (task === 'bench') {
  pnpm(['--filter', '@lguest/x86-core', 'run', 'bench', ...rest], { terminal: true });
} else {
  pnpm(['exec', 'turbo', 'run', 'build', '--output-logs=errors-only']);
  run(process.execPath, [join(root, 'packages/lg-launcher/dist/cli.cjs'), 'run', ...rest], { terminal: true });
}
