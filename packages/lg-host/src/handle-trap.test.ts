import { describe, expect, it } from 'vitest';
import { fakeGuest, gate, initializedGuest } from './fakes.test-support.js';
import { handleTrap } from './handle-trap.js';
import type { CpuExit } from './hardware.js';
import { INTERRUPT_GATE } from './idt.js';
import type { TraceEvent } from './trace.js';

const HANDLER = 0xc000_1000;
const fault = (vector: number, errorCode?: number): CpuExit => ({
  reason: 0, vector, errorCode: errorCode ?? 0, hasErrorCode: errorCode !== undefined,
});

describe('a page fault', () => {
  it('is over when the shadow page table could be filled', () => {
    const { guest, cpu, mmu, counters } = initializedGuest();
    cpu.cr2 = 0xc123_4567 | 0;
    handleTrap(guest, fault(14, 2));
    expect(mmu.calls).toEqual([`demandPage ${0xc123_4567} 2`]);
    expect(counters.shadowFaultsFilled).toBe(1);
    expect(cpu.eip).toBe(0x1000);
  });

  it('is reflected with cr2 in lguest_data when it is the Guest’s own', () => {
    const { guest, cpu, mmu, idt, data, counters } = initializedGuest();
    mmu.fills = false;
    idt.load(14, ...gate(HANDLER, INTERRUPT_GATE));
    cpu.cr2 = 0xc123_4567 | 0;
    handleTrap(guest, fault(14, 2));
    expect(data.cr2).toBe(0xc123_4567);
    expect(cpu.eip >>> 0).toBe(HANDLER);
    expect(counters.shadowFaultsReflected).toBe(1);
    expect(counters.reflected[14]).toBe(1);
  });

  it('kills with the fault address when there is no handler', () => {
    const { guest, cpu, mmu } = initializedGuest();
    mmu.fills = false;
    cpu.cr2 = 0xdead_beef | 0;
    handleTrap(guest, fault(14, 2));
    expect(guest.dead).toBe('unhandled trap 14 (page fault) at 0x1000 (0xdeadbeef)');
  });

  it('says what may be wrong with a kernel that dies early', () => {
    const { guest } = fakeGuest();
    handleTrap(guest, fault(13, 0));
    expect(guest.dead).toBe(
      'unhandled trap 13 (general protection) at 0x1000 (0x0) before LGUEST_INIT: ' +
      'the kernel does not seem to have lguest support (CONFIG_LGUEST_GUEST=y is needed)',
    );
  });
});

describe('a general protection fault', () => {
  it('is over when a port instruction was skipped', () => {
    const { guest, cpu, memory } = initializedGuest();
    memory.write8(0x1000, 0xee);
    handleTrap(guest, fault(13, 0));
    expect(cpu.eip).toBe(0x1001);
  });

  it('with an error code is not about ports', () => {
    const { guest, cpu, memory, idt } = initializedGuest();
    idt.load(13, ...gate(HANDLER, INTERRUPT_GATE));
    memory.write8(0x1000, 0xee);
    handleTrap(guest, fault(13, 0xfa));
    expect(cpu.eip >>> 0).toBe(HANDLER);
    expect(memory.read32(cpu.regs[4]! >>> 0)).toBe(0xfa);
  });
});

describe('device not available', () => {
  it('is the Guest’s when it set TS', () => {
    const { guest, cpu, idt } = initializedGuest();
    idt.load(7, ...gate(HANDLER, INTERRUPT_GATE));
    guest.ts = true;
    cpu.cr0 = 8;
    handleTrap(guest, fault(7));
    expect(cpu.eip >>> 0).toBe(HANDLER);
  });

  it('is a mistake when it did not: TS is cleared and the instruction runs again', () => {
    const { guest, cpu } = initializedGuest();
    cpu.cr0 = 8;
    handleTrap(guest, fault(7));
    expect(cpu.cr0).toBe(0);
    expect(cpu.eip).toBe(0x1000);
  });
});

describe('other traps', () => {
  it('the hypercall is noted for the run loop', () => {
    const { guest, counters } = initializedGuest();
    handleTrap(guest, fault(0x1f));
    expect(guest.hypercallPending).toBe(true);
    expect(counters.exits[0x1f]).toBe(1);
  });

  it('a reflected system call goes to the Guest’s gate', () => {
    const { guest, cpu, idt } = initializedGuest({ directTraps: false });
    idt.load(0x80, ...gate(HANDLER, 0xf, 3));
    handleTrap(guest, fault(0x80));
    expect(cpu.eip >>> 0).toBe(HANDLER);
    expect(cpu.regs[4]).toBe(0x5000 - 12);
  });

  it('a double fault kills, whatever the Guest loaded', () => {
    const { guest, idt } = initializedGuest();
    idt.load(8, ...gate(HANDLER, INTERRUPT_GATE));
    handleTrap(guest, fault(8, 0));
    expect(guest.dead).toBe('unhandled trap 8 (double fault) at 0x1000 (0x0)');
  });

  it('are told to whoever listens', () => {
    const { guest, cpu, idt } = initializedGuest();
    const events: TraceEvent[] = [];
    guest.onTrace = (event) => events.push(event);
    idt.load(6, ...gate(HANDLER, INTERRUPT_GATE));
    cpu.regs[0] = -1;
    handleTrap(guest, fault(6));
    expect(events).toEqual([
      { type: 'exit', vector: 6, errorCode: 0, cs: 0x61, eip: 0x1000, esp: 0x5000, cr2: 0, eax: 0xffff_ffff, edx: 0, retired: 0 },
      { type: 'reflect', vector: 6, errorCode: 0, eip: 0x1000 },
    ]);
  });
});
