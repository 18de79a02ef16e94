/*
 * The script of the page that browser.test.ts opens: boots the built-in Guest and reports what it has seen.
 */
import { createSleeper } from '@lguest/hrtimer/browser';
import { bootGuest } from '../vm/boot.js';

async function session(): Promise<object> {
  const vm = await bootGuest({ input: 'echo hello-from-guest\nsleep 0.1\nbench syscall\npoweroff\n', sleeper: createSleeper() });
  let text = '';
  for await (const piece of vm.console.text()) text += piece;
  return { text, exit: await vm.exit, cpu: vm.stats().cpu };
}

const report = await session().catch((error: unknown) => ({ error: String(error instanceof Error ? error.stack : error) }));
await fetch('/report', { method: 'POST', body: JSON.stringify(report) });
