/*
 * Sessions with the built-in Guest: what is typed is known beforehand, what came back is looked at afterwards.
 */
import { expect } from 'vitest';
import { bootGuest } from '../vm/boot.js';
import type { BootOptions } from '../vm/options.js';

export const MIB = 1 << 20;
/** Seconds of the Guest's time after which something is wrong. */
export const PATIENCE = 120;
/** A slow computer: 50 million instructions a second make the Guest's seconds short. */
export const SLOW = { nanosecondsPerTick: 20 };

/** Boot in virtual time, type these lines, and tell how it went. */
export async function session(lines: readonly string[], options: BootOptions = {}) {
  let text = '';
  const decoder = new TextDecoder();
  const vm = await bootGuest({
    memory: 16 * MIB, virtualTime: SLOW, timeout: PATIENCE, input: lines.map((line) => `${line}\n`).join(''),
    onConsole: (bytes) => { text += decoder.decode(bytes, { stream: true }); }, ...options,
  });
  vm.console.end();
  const exit = await vm.exit;
  return { text, exit, stats: vm.stats() };
}

/** What was printed after a command, up to the next prompt. */
export function answer(text: string, command: string): string {
  const start = text.indexOf(`$ ${command}\n`);
  expect(start, `${command} in:\n${text}`).toBeGreaterThanOrEqual(0);
  const body = text.slice(start + command.length + 3);
  const end = body.indexOf('$ ');
  return end < 0 ? body : body.slice(0, end);
}
