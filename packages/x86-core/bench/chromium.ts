/*
 * The bench in a Chromium without a window: serves a page with the same bundle and passes on what it reports.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Listener, Row } from './measure.js';
import type { Order } from './page.js';
import type { Request } from './request.js';

const flags = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
];
const candidates = [process.env['CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Path of a Chromium. Throws a sentence when there is none. */
export function findChromium(): string {
  const found = candidates.find((path) => path !== undefined && existsSync(path));
  if (found === undefined) throw new Error('there is no Chromium; install one, or set CHROMIUM to the path of one');
  return found;
}

/** Such as "Chromium 140.0". */
export function chromiumVersion(path: string): string {
  return execFileSync(path, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim().split(' ').slice(0, 2).join(' ');
}

/** Measure in Chromium. The listener hears of each program when it is done. */
export async function measureInChromium({ programs, sides, effort }: Request, v86Module: string, { row, failure }: Listener): Promise<void> {
  const wasm = v86Module.replace(/libv86\.mjs$/, 'v86.wasm');
  const page = fileURLToPath(new URL('./page.js', import.meta.url));
  const html = `<!doctype html><meta charset="utf-8"><script type="importmap">{"imports":{"v86":"/${basename(v86Module)}"}}</script><script type="module" src="/${basename(page)}"></script>`;
  const types: Record<string, string> = { js: 'text/javascript', mjs: 'text/javascript', wasm: 'application/wasm' };
  let finished: () => void;
  const end = new Promise<void>((resolve) => { finished = resolve; });
  const heard: Record<string, (what: unknown) => void> = {
    '/row': (what) => row(what as Row), '/failure': (what) => failure(String(what)), '/end': () => finished(),
  };

  const server = createServer((request, response) => {
    // isolation gives the page a finer clock
    response.setHeader('cross-origin-opener-policy', 'same-origin').setHeader('cross-origin-embedder-policy', 'require-corp');
    if (request.method === 'POST') {
      let body = '';
      request.setEncoding('utf8').on('data', (piece: string) => { body += piece; }).on('end', () => {
        response.end();
        heard[request.url!]?.(JSON.parse(body));
      });
      return;
    }
    const name = basename(request.url!);
    const file = [v86Module, wasm, page, join(dirname(page), name)].find((path) => basename(path) === name && existsSync(path));
    if (file) response.setHeader('content-type', types[name.split('.').pop()!] ?? 'text/plain').end(readFileSync(file));
    else if (request.url === '/') response.setHeader('content-type', 'text/html').end(html);
    else response.writeHead(404).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const { port } = server.address() as AddressInfo;
  const order: Order = { programs: programs.map(({ name }) => name), sides: sides.filter((name) => name !== 'native'), effort, wasm: `/${basename(wasm)}` };
  const profile = mkdtempSync(join(tmpdir(), 'bench-chromium-'));
  const browser = spawn(findChromium(), [...flags, `--user-data-dir=${profile}`, `http://127.0.0.1:${port}/#${encodeURIComponent(JSON.stringify(order))}`], { stdio: 'ignore' });
  const ended = once(browser, 'exit');
  try {
    await Promise.race([end, ended.then(() => { throw new Error('the browser ended before the page had reported'); })]);
  } finally {
    browser.kill('SIGKILL');
    server.close();
    server.closeAllConnections();
    await ended;
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
