/*
 * The same Guest in a browser: everything but the sub-path entries for Node, bundled into a page, in a Chromium without
 * a window. The page reports by POST what it has seen.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const PATIENCE_MS = 50_000;
const chromium = [process.env['LGUEST_TEST_CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
  .find((path) => path !== undefined && existsSync(path));
if (chromium === undefined) console.info('browser: skipped; install chromium, or set LGUEST_TEST_CHROMIUM to the path of one');

const flags = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
];

describe.skipIf(chromium === undefined)('in a browser', () => {
  let folder: string;
  let server: Server;
  let report: Promise<Record<string, unknown>>;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'lguest-page-'));
    await build({
      entry: { page: fileURLToPath(new URL('./browser-page.test-support.ts', import.meta.url)) }, outDir: folder, format: ['esm'],
      platform: 'browser', target: 'es2022', silent: true, config: false, dts: false, noExternal: [/.*/], splitting: false,
      outExtension: () => ({ js: '.js' }),
      esbuildOptions: (options) => { options.conditions = ['@lguest/source']; },
    });
    const script = readFileSync(join(folder, 'page.js'));
    let reported: (text: string) => void;
    report = new Promise<string>((resolve) => { reported = resolve; }).then((text) => JSON.parse(text) as Record<string, unknown>);
    server = createServer((request, response) => {
      if (request.method === 'POST') {
        let body = '';
        request.setEncoding('utf8').on('data', (piece: string) => { body += piece; }).on('end', () => {
          response.end();
          reported(body);
        });
      } else if (request.url === '/page.js') response.setHeader('content-type', 'text/javascript').end(script);
      else response.setHeader('content-type', 'text/html').end('<!doctype html><meta charset="utf-8"><script type="module" src="/page.js"></script>');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(() => {
    server.close();
    server.closeAllConnections();
    // children of the browser write there for a while after it has ended
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  });

  it('boots, answers and powers off, on the interpreter', async () => {
    const { port } = server.address() as AddressInfo;
    const browser = spawn(chromium!, [...flags, `--user-data-dir=${folder}`, `http://127.0.0.1:${port}/`], { stdio: 'ignore' });
    const ended = once(browser, 'exit');
    const seen = await Promise.race([
      report,
      ended.then(() => { throw new Error('the browser ended before the page had reported'); }),
    ]).finally(() => browser.kill('SIGKILL'));
    await ended;
    expect(seen).not.toHaveProperty('error');
    expect(seen['text']).toMatch(/\$ echo hello-from-guest\r?\nhello-from-guest\r?\n/);
    expect(seen['text']).toMatch(/BENCH syscall \d+ ns/);
    expect(seen['exit']).toMatchObject({ reason: 'poweroff', status: 0 });
    expect(seen['cpu']).toMatchObject({ engine: 'jit' });
  }, PATIENCE_MS);
});
