import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { buildGuest, GuestBuildError, source, type Unit } from '../build.js';
import { buildDemoKernel } from '../demo-kernel.js';
import { boot, type Outcome } from './boot.test-support.js';

/** The names that the shim leaves to a kernel, and a way to speak. */
const frame = source('frame of a test')`
bytes kernelDirectory[4096], bootTable[4096], kernelStacks[KERNEL_STACK_BYTES], text[512];
var length, systemCalls, syscallCount, syscallTable[2], needReschedule, ticks, skip;
function put(c) { store8(text + length, c); length++; }
function say(format, ...) {
  length = 0;
  formatTo(put, format, arguments() + 4);
  put(0);
  hypercall(LHCALL_NOTIFY, text - KERNEL_BASE, 0, 0, 0);
}
function end() { hypercall(LHCALL_SHUTDOWN, "end" - KERNEL_BASE, SHUTDOWN_POWEROFF, 0, 0); }
function beforeUser() {}
function handleTrap(frame) {
  if (frame->frameVector == FIRST_EXTERNAL_VECTOR) {
    ticks++;
    return;
  }
  var eip = frame->frameEip;
  if (eip >= userCopyStart && eip < userCopyEnd) {
    frame->frameEip = userCopyFault;
    return;
  }
  say("trap %d error %d cr2 %x", frame->frameVector, frame->frameError, load32(lguestData + LguestDataOffset_cr2));
  end();
}
function start() {
  loadSegments();
  loadTraps();
  hypercall(LHCALL_SET_STACK, GUEST_KERNEL_DS, kernelStacks + KERNEL_STACK_BYTES, KERNEL_STACK_PAGES, 0);
  store32(lguestData + LguestDataOffset_blockedInterrupts, ~(1 << LGUEST_TIMER_IRQ));
}
function spend(count) { for (var i = 0; i < count; i++) hypercall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0); }
function main() { start(); test(); end(); }
`;

/** throughGs(address): the byte there in the first TLS segment. */
const throughGs: Unit = { name: 'throughGs', text: 'throughGs:\n  mov 4(%esp), %ecx\n  mov $0x33, %eax\n  mov %eax, %gs\n  movzbl %gs:(%ecx), %eax\n  ret' };

const run = (text: string): Outcome => boot(buildGuest({ sources: [frame, { name: 'test', text }], assembly: [throughGs] }));

describe('the shim', () => {
  it('keeps interrupts back while they are off, and lets them in with the flag', () => {
    const { heard, end } = run(`function test() {
      hypercall(LHCALL_SET_CLOCKEVENT, 1000, 0, 0, 0);
      spend(200);
      say("off %d ", ticks);
      irqEnable();
      say("on %d ", ticks);
      var flags = irqSave();
      hypercall(LHCALL_SET_CLOCKEVENT, 1000, 0, 0, 0);
      spend(200);
      say("saved %d ", ticks);
      irqRestore(flags);
      say("restored %d", ticks);
    }`);
    expect([heard, end]).toEqual(['off 0 on 1 saved 1 restored 2', 'end']);
  });

  it('is woken from HALT by the clock', () => {
    expect(run('function test() { while (ticks < 3) { irqDisable(); hypercall(LHCALL_SET_CLOCKEVENT, 10000000, 0, 0, 0); hypercall(LHCALL_HALT, 0, 0, 0, 0); } say("%d", ticks); }').heard).toBe('3');
  });

  it('puts hypercalls off until one traps, in order; a full ring loses none', () => {
    // 100 descriptors for one entry, that of number i with base i: the last must be the one that stays
    const { heard } = run(`bytes marks[128]; function test() {
      for (var i = 0; i < 100; i++) {
        store8(marks + i, i);
        hypercallLater(LHCALL_LOAD_GDT_ENTRY, GDT_ENTRY_TLS_MIN, (i << 16) | 0xffff, 0x00cff200, 0);
      }
      spend(1);
      say("%d %d ", deferredCalls, hypercallCounts[LHCALL_LOAD_GDT_ENTRY]);
      for (var slot = 0; slot < LHCALL_RING_SIZE; slot++) if (load8(lguestData + LguestDataOffset_hcallStatus + slot) != LHCALL_SLOT_FREE) say("slot %d ", slot);
      say("last %d", throughGs(marks));
    }`);
    // 64 into the ring, the 65th traps, the other 35 into the ring again; loadSegments() made four
    expect(heard).toBe('99 5 last 99');
  });

  it('gives a page fault its error code and address', () => {
    expect(run('function test() { load32(NOWHERE); }').heard).toBe('trap 14 error 0 cr2 ff000000');
    expect(run('function test() { store8(NOWHERE + 5, 1); }').heard).toBe('trap 14 error 2 cr2 ff000005');
  });

  it('copies from and to user space, and says so when it cannot', () => {
    expect(run(`bytes from[8]; bytes to[8]; function test() {
      store32(from, 0x12345678);
      say("%x ", copyUser(to, from, 4, 0x1000));
      say("%x ", load32(to));
      say("%x ", copyUser(to, 0x10000000, 4, 0x10000000));
      say("%x ", copyUser(to, KERNEL_BASE, 4, KERNEL_BASE));
      say("%x", copyUser(to, KERNEL_BASE - 4, 5, KERNEL_BASE - 4));
    }`).heard).toBe('0 12345678 ffffffff ffffffff ffffffff');
  });
});

describe('the demo kernel', () => {
  it('gets as far as it can without devices', () => {
    expect(boot(buildDemoKernel())).toEqual({ heard: 'Kernel panic: no console device\n', end: 'Kernel panic: no console device' });
  });
});

describe('buildGuest', () => {
  it('is what the README says', () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
    const [, text] = /source\('kernel'\)`([^`]*)`/.exec(readme)!;
    expect(boot(buildGuest({ sources: [{ name: 'README', text: text! }] }))).toEqual({
      heard: 'hello from ring 1\ntick 1\ntick 2\ntick 3\n',
      end: 'Power down',
    });
  });
  it('says which name is missing', () => {
    expect(() => buildGuest({ sources: [source('empty')`function main() {}`] })).toThrow(GuestBuildError);
    expect(() => buildGuest({ sources: [source('empty')`function main() {}`] })).toThrow(/which nobody defines/);
  });
  it('takes constants and assembly', () => {
    const { heard } = boot(buildGuest({
      sources: [frame, source('test')`function test() { say("%d", triple(ANSWER)); }`],
      assembly: [{ name: 'triple', text: 'triple:\n  imul $3, 4(%esp), %eax\n  ret' }],
      constants: { ANSWER: 14 },
    }));
    expect(heard).toBe('42');
  });
});
