/*
 * Every way in which the built-in Guest can end, but for `poweroff`, with which every other session ends.
 */
import { describe, expect, it } from 'vitest';
import { bootGuest } from '../vm/boot.js';
import { MIB, PATIENCE, session, SLOW } from './demo-session.test-support.js';

describe('crash', () => {
  it.each([
    ['kernel-page-fault', 101, /^Kernel panic: page fault in the kernel at 0xff000000, eip 0xc01\w+$/],
    ['triple', 102, /unhandled trap 14 .*0xff000000/],
    ['bad-hypercall', 102, /bad hypercall 99/],
    ['bad-pte', 102, /bad page table entry 0xfffff067/],
    ['bad-idt', 102, /bad IDT type 5 for vector 32/],
  ])('%s ends with status %i', async (kind, status, message) => {
    const { exit } = await session([`crash ${kind}`]);
    expect(exit.status).toBe(status);
    expect(exit.message).toMatch(message);
  });
});

describe('reboot', () => {
  it('boots again, and what is typed then reaches the new kernel', async () => {
    let text = '';
    const vm = await bootGuest({
      memory: 16 * MIB, virtualTime: SLOW, timeout: PATIENCE, input: 'echo first\nreboot\n',
      onConsole: (bytes) => { text += new TextDecoder().decode(bytes); },
      onRestart: () => { void vm.console.write('echo second\npoweroff\n'); },
    });
    const exit = await vm.exit;
    expect(text.match(/lguest demo kernel/g)).toHaveLength(2);
    expect(text).toMatch(/first\n.*lguest demo kernel.*second\n/s);
    expect(vm.stats().boots).toBe(2);
    expect(exit.status).toBe(0);
  });
});

describe('a Guest to which nobody types any more', () => {
  it('ends when it sleeps with no timer set', async () => {
    const { text, exit } = await session(['echo done']);
    expect(text).toContain('\ndone\n');
    expect(exit).toMatchObject({ reason: 'stuck', status: 124 });
  });

  it('goes on while it has something to do', async () => {
    const { text, exit } = await session(['spin'], { timeout: 1 });
    expect(text).toContain('$ spin\n');
    expect(exit).toMatchObject({ reason: 'timeout', status: 124, message: 'the Guest did not end within 1 second' });
  });
});
