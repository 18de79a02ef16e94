import { Cr4, cpuidModels } from '@lguest/x86-core';
import { describe, expect, it } from 'vitest';
import * as abi from './abi/index.js';
import { LguestError } from './error.js';
import { Lguest } from './lguest.js';
import { machineFor } from './machine.js';
import {
  assemble, BASE, DATA, enterUser, GUEST_PAGES, hypercall, init, KERNEL_STACK, paePaging, paging, RESULT, runToStop, setGate, shutdown,
  stack, START_TIME, testGuest, text, USER_STACK, userSegments, type GuestOptions,
} from './test-guest.test-support.js';
import type { TraceEvent } from './trace.js';

const TRAP = 0xf;
const INTERRUPT = 0xe;

function run(source: string, options?: GuestOptions) {
  const made = testGuest(assemble(source), options);
  const exit = runToStop(made.guest);
  return { ...made, exit };
}

describe('a Guest in linear mode', () => {
  it('starts with the registers every Guest finds', () => {
    const { guest } = testGuest(assemble('nop'));
    const { cpu } = guest;
    expect([...cpu.regs]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    expect([0, 1, 2, 3, 4, 5].map((r) => cpu.selector(r))).toEqual([0x69, 0x61, 0x69, 0x69, 0, 0]);
    expect([cpu.eip >>> 0, cpu.eflags, cpu.cpl]).toEqual([BASE, 0x202, 1]);
  });

  it('says hello and goes', () => {
    const { exit, guest } = run(init + shutdown('bye') + text('bye', 'Power down'));
    expect(exit).toEqual({ kind: 'shutdown', restart: false, message: 'Power down' });
    expect(guest.runSlice()).toEqual(exit);
    expect(guest.counters.hypercalls[abi.LHCALL_SHUTDOWN]).toBe(1);
  });

  it('asks for a restart', () => {
    expect(run(init + shutdown('bye', abi.SHUTDOWN_RESTART) + text('bye', 'again')).exit)
      .toEqual({ kind: 'shutdown', restart: true, message: 'again' });
  });

  it('gets its registers back from a hypercall', () => {
    const { machine } = run(`${init} mov $0x1111, %ebp\n mov $0x2222, %edi\n mov $0x3333, %esi\n mov $0, %eax\n mov $5, %ebx\n mov $6, %ecx\n mov $7, %edx\n int $0x1f\n` +
      `mov %eax, ${RESULT}\nmov %ebx, ${RESULT + 4}\nmov %ecx, ${RESULT + 8}\nmov %edx, ${RESULT + 12}\nmov %esi, ${RESULT + 16}\nmov %edi, ${RESULT + 20}\nmov %ebp, ${RESULT + 24}\nmov %esp, ${RESULT + 28}\n` +
      shutdown('bye') + text('bye', ''));
    expect([0, 1, 2, 3, 4, 5, 6, 7].map((i) => machine.physical.read32(RESULT + 4 * i)))
      .toEqual([0, 5, 6, 7, 0x3333, 0x2222, 0x1111, KERNEL_STACK]);
  });

  it('reads empty ports as ones, and may say cli', () => {
    const { machine, exit } = run(`${init} cli\n xor %eax, %eax\n in $0x60, %al\n mov %eax, ${RESULT}\n mov $0xcf8, %edx\n out %eax, %dx\n in %dx, %eax\n mov %eax, ${RESULT + 4}\n` +
      shutdown('bye') + text('bye', 'done'));
    expect(exit).toMatchObject({ message: 'done' });
    expect(machine.physical.read32(RESULT)).toBe(0xff);
    expect(machine.physical.read32(RESULT + 4)).toBe(0xffff_ffff);
  });
});

describe('a kernel that is no Guest', () => {
  it.each([
    ['mov %cr0, %eax', /unhandled trap 13 \(general protection\) at 0x100000 \(0x0\) before LGUEST_INIT.*CONFIG_LGUEST_GUEST/],
    ['ud2', /unhandled trap 6 \(invalid opcode\) at 0x100000.*CONFIG_LGUEST_GUEST/],
    ['mov 0xf0000000, %eax', /unhandled trap 14 \(page fault\) at 0x100000 \(0xf0000000\).*CONFIG_LGUEST_GUEST/],
    ['mov $5, %eax\nint $0x1f', /hypercall 5 at 0x100007 before LGUEST_INIT.*CONFIG_LGUEST_GUEST/],
  ])('%s dies early with a reason', (source, reason) => {
    const { exit } = run(source);
    expect(exit).toMatchObject({ kind: 'killed', reason: expect.stringMatching(reason) as string });
  });
});

const syscallGuest = (pages: string) => init + pages + userSegments + stack + setGate(0x80, 'syscall', TRAP, 3) + enterUser('user') +
  `syscall: incl ${RESULT}\n cmp $1000, %eax\n je stop\n iret\n stop: ${shutdown('bye')} ${text('bye', 'stopped')}\n` +
  'user: xor %eax, %eax\n next: inc %eax\n int $0x80\n jmp next\n';

describe('a program in user space', () => {
  it('gets the alignment checks it asks for', () => {
    const { exit } = run(init + paging + userSegments + stack + setGate(17, 'unaligned', TRAP, 0) + enterUser('user') +
      `unaligned: ${shutdown('bye')} ${text('bye', 'unaligned')}\n` +
      'user: pushf\n orl $0x40000, (%esp)\n popf\n mov -7(%esp), %eax\n ud2\n');
    expect(exit).toMatchObject({ kind: 'shutdown', message: 'unaligned' });
  });

  it.each([
    ['486', 0], ['i686', Cr4.pge | Cr4.osfxsr], ['pentium3', Cr4.pge | Cr4.osfxsr | Cr4.osxmmexcpt],
    ['default', Cr4.pge | Cr4.osfxsr | Cr4.osxmmexcpt],
  ] as const)('has on a %s what there is of SSE and Global pages', (model, cr4) => {
    const machine = machineFor({ guestPages: GUEST_PAGES, hostPages: 256, engine: 'reference', cpuid: cpuidModels[model] });
    expect(testGuest(assemble('nop'), { machine }).guest.cpu.cr4).toBe(cr4);
  });
});

describe('system calls', () => {
  it('go direct', () => {
    const { exit, guest, machine } = run(syscallGuest(paging));
    expect(exit).toMatchObject({ kind: 'shutdown', message: 'stopped' });
    expect(machine.physical.read32(RESULT)).toBe(1000);
    expect(guest.counters.directTraps).toBe(1000);
    expect(guest.counters.exits[0x80]).toBe(0);
  });

  it('go direct under PAE', () => {
    const { exit, guest } = run(syscallGuest(paePaging));
    expect(exit).toMatchObject({ kind: 'shutdown', message: 'stopped' });
    expect(guest.counters.directTraps).toBe(1000);
    expect(guest.counters.hypercalls[abi.LHCALL_NEW_PGTABLE]).toBe(1);
  });

  it('do the same when they are reflected', () => {
    const { exit, guest, machine } = run(syscallGuest(paging), { directTraps: false });
    expect(exit).toMatchObject({ kind: 'shutdown', message: 'stopped' });
    expect(machine.physical.read32(RESULT)).toBe(1000);
    expect(guest.counters.directTraps).toBe(0);
    expect(guest.counters.reflected[0x80]).toBe(1000);
  });

  it.each([true, false])('find the frame an iret needs (direct: %s)', (directTraps) => {
    const { guest, machine } = run(init + paging + userSegments + stack + setGate(0x80, 'syscall', TRAP, 3) + enterUser('user') +
      `syscall: pop %eax\n mov %eax, ${RESULT}\n pop ${RESULT + 4}\n pop ${RESULT + 8}\n pop ${RESULT + 12}\n pop ${RESULT + 16}\n mov %esp, ${RESULT + 20}\n${shutdown('user')}` +
      'user: int $0x80\n after: nop\n', { directTraps });
    expect(guest.dead).toBeDefined();
    const [eip, cs, eflags, esp, ss, now] = [0, 1, 2, 3, 4, 5].map((i) => machine.physical.read32(RESULT + 4 * i));
    // a direct trap shows the real interrupt flag, a reflected one the virtual, which this Guest never enabled
    expect([cs, eflags, esp, ss, now]).toEqual([0x73, directTraps ? 0x202 : 0x002, USER_STACK, 0x7b, KERNEL_STACK]);
    expect(machine.physical.read8(eip! - 2)).toBe(0xcd);
  });

  it('are not for ring 3 through a kernel gate', () => {
    const { exit } = run(init + paging + userSegments + stack + setGate(0x80, 'user', TRAP, 1) + setGate(13, 'gp', INTERRUPT) + enterUser('user') +
      `gp: pop ${RESULT}\n ${shutdown('bye')} ${text('bye', 'refused')} user: int $0x80\n`);
    expect(exit).toMatchObject({ message: 'refused' });
  });
});

describe('traps', () => {
  it('are reflected with error code and cr2 for a page fault in user space', () => {
    const { exit, machine, data, guest } = run(init + paging + userSegments + stack + setGate(14, 'fault', INTERRUPT) + enterUser('user') +
      `fault: pop ${RESULT}\n pop ${RESULT + 4}\n ${shutdown('bye')} ${text('bye', 'faulted')} user: movl $1, 0x80000000\n`);
    expect(exit).toMatchObject({ message: 'faulted' });
    expect(machine.physical.read32(RESULT)).toBe(6);
    expect(data.cr2).toBe(0x8000_0000);
    expect(guest.counters.shadowFaultsReflected).toBe(1);
    expect(guest.counters.shadowFaultsFilled).toBeGreaterThan(0);
  });

  it('come back with iret', () => {
    const { exit, machine } = run(`${init}${paging}${stack}${setGate(3, 'breakpoint', INTERRUPT, 1)}movl $0x200, ${DATA}\n int3\n incl ${RESULT + 4}\n${shutdown('bye')}${text('bye', 'back')}` +
      `breakpoint: incl ${RESULT}\n iret\n`);
    expect(exit).toMatchObject({ message: 'back' });
    expect([machine.physical.read32(RESULT), machine.physical.read32(RESULT + 4)]).toEqual([1, 1]);
  });

  it('without a handler kill, naming what and where', () => {
    const { exit } = run(init + paging + 'xor %ecx, %ecx\n div %ecx\n');
    expect(exit).toMatchObject({ kind: 'killed', reason: expect.stringMatching(/^unhandled trap 0 \(divide error\) at 0x1000/) as string });
  });

  it('device not available comes only while TS is set', () => {
    const { exit, machine } = run(`${init}${paging}${stack}${setGate(7, 'nofpu', INTERRUPT)}fninit\n movl $0, ${RESULT}\n${hypercall(abi.LHCALL_TS, 8)} fninit\n${shutdown('bye')}${text('bye', 'fpu')}` +
      `nofpu: incl ${RESULT}\n push %eax\n push %ebx\n ${hypercall(abi.LHCALL_TS, 0)} pop %ebx\n pop %eax\n iret\n`);
    expect(exit).toMatchObject({ message: 'fpu' });
    expect(machine.physical.read32(RESULT)).toBe(1);
  });

  it('a hypercall from ring 3 is a general protection fault', () => {
    const { exit, machine } = run(init + paging + userSegments + stack + setGate(13, 'gp', INTERRUPT) + enterUser('user') +
      `gp: pop ${RESULT}\n ${shutdown('bye')} ${text('bye', 'refused')} user: int $0x1f\n`);
    expect(exit).toMatchObject({ message: 'refused' });
    expect(machine.physical.read32(RESULT)).toBe(0xfa);
  });

  it('the Switcher page can be read by the Guest kernel but not written', () => {
    const { exit, machine, data } = run(`${init}${paging}${stack}${setGate(14, 'fault', INTERRUPT)} mov ${abi.SWITCHER_ADDRESS}, %eax\n mov %eax, ${RESULT}\n movl $0, ${abi.SWITCHER_ADDRESS}\n` +
      `fault: ${shutdown('bye')} ${text('bye', 'read-only')}`);
    expect(exit).toMatchObject({ message: 'read-only' });
    expect(machine.physical.read32(RESULT)).toBe(0x0050_0000);
    expect(data.cr2).toBe(abi.SWITCHER_ADDRESS);
  });
});

const TIMER_GUEST = (delta: number) => init + paging + stack + setGate(0x20, 'tick', INTERRUPT) +
  hypercall(abi.LHCALL_SET_CLOCKEVENT, delta) + `movl $0x200, ${DATA}\n idle: ${hypercall(abi.LHCALL_HALT)} incl ${RESULT + 4}\n jmp idle\n` +
  `tick: incl ${RESULT}\n movl $0x200, ${DATA}\n iret\n`;

describe('the clock', () => {
  it('wakes a halted Guest when its time has come, and not before', () => {
    const { guest, machine, clock, exit, data } = run(TIMER_GUEST(5_000_000));
    expect(exit).toEqual({ kind: 'halted', wakeAt: START_TIME + 5_000_000n });
    clock.advance(4_999_999n);
    expect(runToStop(guest).kind).toBe('halted');
    expect(machine.physical.read32(RESULT)).toBe(0);
    clock.advance(1n);
    expect(runToStop(guest)).toEqual({ kind: 'halted', wakeAt: undefined });
    expect(machine.physical.read32(RESULT)).toBe(1);
    expect([data.timeSeconds, data.timeNanoseconds]).toEqual([1_600_000_000, 5_000_000]);
    expect(guest.counters.interrupts[0]).toBe(1);
  });

  it('interrupts a busy Guest', () => {
    const { guest, machine, clock } = testGuest(assemble(init + paging + stack + setGate(0x20, 'tick', INTERRUPT) +
      hypercall(abi.LHCALL_SET_CLOCKEVENT, 1000) + `movl $0x200, ${DATA}\n busy: jmp busy\n tick: incl ${RESULT}\n movl $0x200, ${DATA}\n iret\n`));
    expect(guest.runSlice(20_000).kind).toBe('yield');
    clock.advance(1000n);
    expect(guest.runSlice(20_000).kind).toBe('yield');
    expect(machine.physical.read32(RESULT)).toBe(1);
  });

  it('is dead with the Guest', () => {
    const { guest, timers } = run(TIMER_GUEST(5_000_000));
    guest.dispose();
    expect(timers.nextExpiry()).toBeUndefined();
    expect(() => guest.runSlice()).toThrow(LguestError);
  });
});

describe('interrupts of devices', () => {
  const source = init + paging + stack + setGate(0x23, 'device', INTERRUPT) + hypercall(abi.LHCALL_HALT) + `wait: jmp wait\n device: incl ${RESULT}\n iret\n`;

  it('wake a halted Guest', () => {
    const { guest, machine, exit } = run(source);
    expect(exit).toEqual({ kind: 'halted', wakeAt: undefined });
    guest.raiseIrq(3);
    guest.runSlice(10_000);
    expect(machine.physical.read32(RESULT)).toBe(1);
  });

  it('wait while they are blocked', () => {
    const { guest, machine, data } = run(source);
    data.blockedInterrupts = 1 << 3;
    guest.raiseIrq(3);
    expect(guest.runSlice(10_000).kind).toBe('halted');
    expect(machine.physical.read32(RESULT)).toBe(0);
  });

  it('reach a Guest that runs at its next instruction', () => {
    const device = 0x30_0000;
    const machine = machineFor({
      guestPages: GUEST_PAGES, hostPages: 256, engine: 'interpreter',
      devices: [{ base: device, length: 4096, read: () => 0, write: () => guest.raiseIrq(3) }],
    });
    const { guest, physical } = testGuest(assemble(init + paging + stack + setGate(0x23, 'device', INTERRUPT) +
      `movl $0x200, ${DATA}\n movl $1, ${device}\n again: incl ${RESULT}\n jmp again\n device: ${shutdown('bye')} ${text('bye', 'interrupted')}`), { machine });
    expect(runToStop(guest)).toMatchObject({ kind: 'shutdown', message: 'interrupted' });
    expect(physical.read32(RESULT)).toBeLessThanOrEqual(1);
  });

  it.each(['reference', 'interpreter'] as const)('never come between a load of ss and the next instruction (%s)', (engine) => {
    const { guest, physical } = testGuest(assemble(init + paging + stack + setGate(0x23, 'device', INTERRUPT) +
      `mov %ss, %eax\n again: movl $0x200, ${DATA}\n mov %eax, %ss\n mov $${KERNEL_STACK}, %esp\n nop\n jmp again\n device: movl $0x200, ${DATA}\n iret\n`), { engine });
    const at = new Set<number>();
    guest.onTrace = (event) => {
      if (event.type === 'interrupt') at.add(event.eip);
    };
    guest.runSlice(10_000);
    for (let i = 0; i < 1000; i++) {
      if (i % 11 === 0) guest.raiseIrq(3);
      guest.runSlice(1);
    }
    expect(at.size).toBeGreaterThan(3);
    // mov $imm32, %esp begins with 0xbc
    expect([...at].map((eip) => physical.read8(eip))).not.toContain(0xbc);
  });

  it('have numbers from 0 to 31', () => {
    const { guest } = run(source);
    for (const irq of [-1, 32, 1.5]) expect(() => guest.raiseIrq(irq)).toThrow(/no virtual irq/);
  });
});

describe('NOTIFY', () => {
  it('goes to the Launcher, and the Guest goes on after it', () => {
    const { guest, exit, machine } = run(init + hypercall(abi.LHCALL_NOTIFY, 0x12_3000) + `movl $1, ${RESULT}\n` + shutdown('bye') + text('bye', 'notified'));
    expect(exit).toEqual({ kind: 'notify', address: 0x12_3000 });
    expect(machine.physical.read32(RESULT)).toBe(0);
    expect(runToStop(guest)).toMatchObject({ message: 'notified' });
    expect(machine.physical.read32(RESULT)).toBe(1);
  });

  it('in the ring comes before the call that emptied it', () => {
    const { guest, data } = testGuest(assemble(init + hypercall(abi.LHCALL_FLUSH_ASYNC) + shutdown('bye') + text('bye', 'end')));
    [abi.LHCALL_NOTIFY, 0x5000].forEach((word, i) => data.setHcallArgument(0, i, word));
    data.setHcallStatus(0, abi.LHCALL_SLOT_PENDING);
    expect(runToStop(guest)).toEqual({ kind: 'notify', address: 0x5000 });
    expect(runToStop(guest)).toMatchObject({ message: 'end' });
    expect(guest.counters.hypercalls[abi.LHCALL_FLUSH_ASYNC]).toBe(1);
  });

  it('can be routed to a handler inside the slice, and may raise an interrupt there', () => {
    const { guest, machine } = testGuest(assemble(init + paging + stack + setGate(0x21, 'done', INTERRUPT) + `movl $0x200, ${DATA}\n` +
      hypercall(abi.LHCALL_NOTIFY, 0x12_3000) + `movl $1, ${RESULT + 4}\n` + hypercall(abi.LHCALL_NOTIFY, 0x12_4000) + `done: incl ${RESULT}\n iret\n`));
    const served: number[] = [];
    guest.onNotify(0x12_3000, (address) => {
      served.push(address);
      guest.raiseIrq(1);
    });
    expect(runToStop(guest)).toEqual({ kind: 'notify', address: 0x12_4000 });
    expect(served).toEqual([0x12_3000]);
    expect([machine.physical.read32(RESULT), machine.physical.read32(RESULT + 4)]).toEqual([1, 1]);
    guest.onNotify(0x12_3000, undefined);
  });

  it('routed in the ring comes before the call that emptied it, which runs once', () => {
    const { guest, data } = testGuest(assemble(init + hypercall(abi.LHCALL_FLUSH_ASYNC) + shutdown('bye') + text('bye', 'end')));
    [abi.LHCALL_NOTIFY, 0x5000].forEach((word, i) => data.setHcallArgument(0, i, word));
    data.setHcallStatus(0, abi.LHCALL_SLOT_PENDING);
    const order: string[] = [];
    guest.onTrace = (event) => { if (event.type === 'hypercall') order.push(`${event.number}`); };
    guest.onNotify(0x5000, () => order.push('served'));
    expect(runToStop(guest)).toMatchObject({ message: 'end' });
    expect(order).toEqual(['1', '17', 'served', '0', '2']);
  });

  it('storms do not renew the slice', () => {
    const { guest } = testGuest(assemble(`${init} again: ${hypercall(abi.LHCALL_NOTIFY, 0x5000)} jmp again\n`), { sliceInstructions: 10_000 });
    let notifies = 0;
    while (guest.runSlice().kind === 'notify') notifies++;
    expect(notifies).toBeGreaterThan(10);
    expect(notifies).toBeLessThan(10_000);
  });
});

describe('slices', () => {
  it('are exact in instructions when nothing exits', () => {
    const { guest } = testGuest(assemble('spin: jmp spin'));
    guest.runSlice(10_000);
    const before = guest.cpu.retired;
    expect(guest.runSlice(12_345)).toEqual({ kind: 'yield' });
    expect(guest.cpu.retired - before).toBe(12_345);
  });

  it('end for a Guest that faults without running anything', () => {
    // the handler's page is not there, and the frame goes round and round one stack page
    const { guest } = testGuest(assemble(`${init}${paging}${stack}${hypercall(abi.LHCALL_LOAD_IDT_ENTRY, 14, 0x61_0000, 0x8000_8e00)} movl $1, 0x90000000\n`));
    const exit = guest.runSlice(1_000_000);
    expect(['yield', 'killed']).toContain(exit.kind);
  });

  it('can be cut short by kill()', () => {
    const { guest } = testGuest(assemble('spin: jmp spin'));
    guest.runSlice(1000);
    guest.kill('enough');
    guest.kill('and more');
    expect(guest.runSlice(1000)).toEqual({ kind: 'killed', reason: 'enough' });
    expect(guest.dead).toBe('enough');
  });

  it('cannot be nested', () => {
    const { guest } = testGuest(assemble(init));
    let error: unknown;
    guest.onTrace = () => {
      try {
        guest.runSlice();
      } catch (caught) {
        error ??= caught;
      }
    };
    guest.runSlice(1000);
    expect(error).toMatchObject({ code: 'busy' });
  });

  it('cannot be pulled from under a Guest', () => {
    const { guest } = testGuest(assemble(init + hypercall(abi.LHCALL_NOTIFY, 0x5000)));
    let error: unknown;
    guest.onNotify(0x5000, () => {
      try {
        guest.dispose();
      } catch (caught) {
        error = caught;
      }
    });
    guest.runSlice(10_000);
    expect(error).toMatchObject({ code: 'busy' });
    guest.dispose();
  });

  it('are numbers of ticks', () => {
    const { guest } = testGuest(assemble('spin: jmp spin'));
    for (const ticks of [Number.NaN, -1]) expect(() => guest.runSlice(ticks)).toThrow(/ticks; it must be/);
    guest.runSlice(1000);
    const before = guest.cpu.retired;
    guest.runSlice(0.5);
    guest.runSlice(10.9);
    expect(guest.cpu.retired - before).toBe(10);
  });
});

describe('two runs', () => {
  it('are the same, event for event', () => {
    const traces = [0, 1].map(() => {
      const events: TraceEvent[] = [];
      const { guest, clock } = testGuest(assemble(TIMER_GUEST(3_000)));
      guest.onTrace = (event) => events.push(event);
      for (let i = 0; i < 5; i++) {
        guest.runSlice(5000);
        clock.advance(1000n);
      }
      return JSON.stringify([events, guest.counters.snapshot(), guest.ticks]);
    });
    expect(traces[0]).toBe(traces[1]);
  });
});

it('a Guest finds nothing of the one before it in the Switcher page', () => {
  const { machine, physical, timers } = testGuest(assemble('nop'));
  const page = GUEST_PAGES * 4096;
  physical.bytes.fill(0xff, page, page + 4096);
  new Lguest({ machine, guestPages: GUEST_PAGES, entry: BASE, timers });
  const descriptor = page + 8 * (abi.IDT_ENTRIES + abi.GDT_ENTRY_USER_CS);
  expect([physical.read32(descriptor), physical.read32(descriptor + 4), physical.read32(page + 4092)]).toEqual([0, 0, 0]);
});

describe('wrong calls', () => {
  it('are told apart by a code', () => {
    const { machine, timers } = testGuest(assemble('nop'));
    const options = { machine, guestPages: GUEST_PAGES, entry: BASE, timers };
    const codeOf = (change: object) => {
      try {
        new Lguest({ ...options, ...change });
      } catch (error) {
        return (error as LguestError).code;
      }
      return undefined;
    };
    expect(codeOf({ guestPages: GUEST_PAGES + 250 })).toBe('machine-too-small');
    expect(codeOf({ entry: GUEST_PAGES * 4096 })).toBe('bad-option');
    expect(codeOf({ entry: -1 })).toBe('bad-option');
    expect(codeOf({ syscallVector: 63 })).toBe('bad-option');
    expect(codeOf({ syscallVector: 256 })).toBe('bad-option');
    expect(codeOf({ tscKhz: -1 })).toBe('bad-option');
    expect(codeOf({ sliceInstructions: 0 })).toBe('bad-option');
    expect(codeOf({ sliceInstructions: 1.5 })).toBe('bad-option');
    expect(codeOf({ guestPages: 0 })).toBe('bad-option');
    expect(() => machineFor({ guestPages: 10, hostPages: 3 })).toThrow(/hostPages is 3/);
    expect(() => machineFor({ guestPages: 1 << 20 })).toThrow(/guestPages is 1048576/);
  });
});
