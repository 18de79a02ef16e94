import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FLAT_GUEST_CODE, FLAT_GUEST_DATA } from './abi/segments.js';
import { FAKE_LIMIT, gate, initializedGuest, fakeGuest, stackWords } from './fakes.test-support.js';
import { flatSegment } from './gdt.js';
import { INTERRUPT_GATE, TRAP_GATE } from './idt.js';
import { deliverTrap, guestSetStack, hasErrorCode } from './traps.js';

const ESP = 4;
const USER_CODE = flatSegment(0x73, FLAT_GUEST_CODE);
const USER_DATA = flatSegment(0x7b, FLAT_GUEST_DATA);
const HANDLER = 0xc012_3456;

function inUserSpace(cpu: ReturnType<typeof initializedGuest>['cpu']): void {
  cpu.setSegment(1, USER_CODE);
  cpu.setSegment(2, USER_DATA);
  cpu.regs[ESP] = 0xbfff_0000 | 0;
  cpu.eip = 0x0804_8000;
}

describe('error codes', () => {
  it('come with vectors 8, 10 to 14 and 17', () => {
    const with_ = Array.from({ length: 256 }, (_, v) => v).filter(hasErrorCode);
    expect(with_).toEqual([8, 10, 11, 12, 13, 14, 17]);
  });
});

describe('reflecting a trap', () => {
  it('pushes error code, eip, cs and flags on the same stack when the Guest kernel was interrupted', () => {
    const { guest, cpu, idt, memory, data } = initializedGuest();
    data.irqEnabled = 0x200;
    idt.load(14, ...gate(HANDLER, INTERRUPT_GATE));
    cpu.eflags = 0x246;
    expect(deliverTrap(guest, 14, 2, false)).toBe(true);
    expect(cpu.regs[ESP]).toBe(0x5000 - 16);
    // a fault's saved flags have RF (bit 16)
    expect(stackWords(memory, 0x5000 - 16, 4)).toEqual([2, 0x1000, 0x61, 0x1_0246]);
    expect(cpu.eip >>> 0).toBe(HANDLER);
    expect(cpu.selector(1)).toBe(0x61);
    expect(cpu.selector(2)).toBe(0x69);
  });

  it('changes to the SET_STACK stack and pushes ss and esp when user space was interrupted', () => {
    const { guest, cpu, idt, memory, data } = initializedGuest();
    data.irqEnabled = 0x200;
    guestSetStack(guest, 0x69, 0x7000, 2);
    idt.load(0, ...gate(HANDLER, TRAP_GATE));
    inUserSpace(cpu);
    expect(deliverTrap(guest, 0, 0, false)).toBe(true);
    expect(cpu.regs[ESP]).toBe(0x7000 - 20);
    expect(stackWords(memory, 0x7000 - 20, 5)).toEqual([0x0804_8000, 0x73, 0x1_0202, 0xbfff_0000, 0x7b]);
    expect(cpu.cpl).toBe(1);
    expect(cpu.selector(2)).toBe(0x69);
  });

  it('pushes where the stack segment begins, ring change or not', () => {
    const { guest, cpu, idt, gdt, memory } = initializedGuest();
    const raised = 0x3000;
    gdt.load(13, 0x3000_ffff, 0x00cf_9300);
    gdt.load(20, 0x6000_ffff, 0x00cf_9300);
    idt.load(6, ...gate(HANDLER, TRAP_GATE));
    guestSetStack(guest, 0x69, 0x7000, 0);
    inUserSpace(cpu);
    deliverTrap(guest, 6, 0, false);
    expect(cpu.regs[ESP]).toBe(0x7000 - 20);
    expect(memory.read32(raised + 0x7000 - 20)).toBe(0x0804_8000);
    expect(cpu.segment(2).base).toBe(raised);
    // the kernel is interrupted on that stack
    deliverTrap(guest, 6, 0, false);
    expect(memory.read32(raised + 0x7000 - 32)).toBe(HANDLER);
    // and on one through another descriptor, of ring 1 or as it was loaded before the Guest took it away
    for (const spoil of [false, true]) {
      cpu.regs[ESP] = 0x7000;
      cpu.setSegment(2, flatSegment(0xa1, [0x6000_ffff, 0x00cf_b300]));
      if (spoil) gdt.load(20, 0, 0);
      memory.write32(0x6000 + 0x7000 - 12, 0);
      deliverTrap(guest, 6, 0, false);
      expect(memory.read32(0x6000 + 0x7000 - 12)).toBe(HANDLER);
    }
    expect(guest.dead).toBeUndefined();
  });

  it('shows the virtual interrupt flag in the saved flags, testing bit 9 alone', () => {
    const { guest, cpu, idt, memory, data } = initializedGuest();
    idt.load(6, ...gate(HANDLER, TRAP_GATE));
    data.irqEnabled = 0x46;
    deliverTrap(guest, 6, 0, false);
    expect(memory.read32((cpu.regs[ESP]! >>> 0) + 8) & 0x200).toBe(0);
    data.irqEnabled = 0x246;
    deliverTrap(guest, 6, 0, false);
    expect(memory.read32((cpu.regs[ESP]! >>> 0) + 8) & 0x200).toBe(0x200);
  });

  it('disables virtual interrupts behind an interrupt gate, not behind a trap gate', () => {
    const { guest, idt, data } = initializedGuest();
    idt.load(0, ...gate(HANDLER, TRAP_GATE));
    idt.load(1, ...gate(HANDLER, INTERRUPT_GATE));
    data.irqEnabled = 0x200;
    deliverTrap(guest, 0, 0, false);
    expect(data.irqEnabled).toBe(0x200);
    deliverTrap(guest, 1, 0, false);
    expect(data.irqEnabled).toBe(0);
  });

  it('clears TF, NT, RF and VM for the handler and keeps them for its iret', () => {
    const { guest, cpu, idt, memory, data } = initializedGuest();
    data.irqEnabled = 0x200;
    idt.load(1, ...gate(HANDLER, INTERRUPT_GATE));
    cpu.eflags = 0x202 | 0x100 | 0x4000 | 0x1_0000 | 0x2_0000 | 0x40;
    deliverTrap(guest, 1, 0, false);
    expect(cpu.eflags).toBe(0x242);
    expect(memory.read32((cpu.regs[ESP]! >>> 0) + 8)).toBe(0x3_4342);
  });

  it('leaves out the error code of a software interrupt', () => {
    const { guest, cpu, idt } = initializedGuest();
    idt.load(10, ...gate(HANDLER, INTERRUPT_GATE, 3));
    deliverTrap(guest, 10, 0, true);
    expect(cpu.regs[ESP]).toBe(0x5000 - 12);
  });

  it('returns false without a handler, and touches nothing', () => {
    const { guest, cpu } = initializedGuest();
    expect(deliverTrap(guest, 13, 0, false)).toBe(false);
    expect(deliverTrap(guest, 256, 0, false)).toBe(false);
    expect(cpu.regs[ESP]).toBe(0x5000);
    expect(cpu.eip).toBe(0x1000);
    expect(guest.dead).toBeUndefined();
  });

  it('writes a frame across two pages to where each page really is', () => {
    const { guest, cpu, idt, memory, mmu } = initializedGuest();
    idt.load(14, ...gate(HANDLER, INTERRUPT_GATE));
    mmu.moved.set(0x4, 0x20);
    cpu.regs[ESP] = 0x5008;
    deliverTrap(guest, 14, 7, false);
    expect(memory.read32(0x5004) & 0x1_0000).toBe(0x1_0000);
    expect(memory.read32(0x5000)).toBe(0x61);
    expect(memory.read32(0x20ffc)).toBe(0x1000);
    expect(memory.read32(0x20ff8)).toBe(7);
    expect(memory.read32(0x4ffc)).toBe(0);
  });

  it('writes words that lie across a page boundary byte by byte', () => {
    const { guest, cpu, idt, memory, mmu } = initializedGuest();
    idt.load(6, ...gate(HANDLER, INTERRUPT_GATE));
    mmu.moved.set(0x4, 0x20);
    cpu.regs[ESP] = 0x5002;
    cpu.eip = 0x1122_3344;
    deliverTrap(guest, 6, 0, false);
    expect(memory.read8(0x5000)).toBe(0x01);
    expect(memory.read8(0x5001)).toBe(0x00);
    expect(memory.read8(0x20ffe)).toBe(0x02);
    expect(memory.read8(0x20fff)).toBe(0x00);
    expect(memory.read32(0x20ff6)).toBe(0x1122_3344);
  });

  it('kills a Guest whose stack is nowhere', () => {
    const { guest, cpu, idt, mmu } = initializedGuest();
    idt.load(14, ...gate(HANDLER, INTERRUPT_GATE));
    mmu.holes.add(4);
    deliverTrap(guest, 14, 0, false);
    expect(guest.dead).toMatch(/bad stack address 0x4/);
    expect(cpu.regs[ESP]).toBe(0x5000);
  });

  it('kills a Guest in user space that never set a stack', () => {
    const { guest, cpu, idt } = initializedGuest();
    idt.load(14, ...gate(HANDLER, INTERRUPT_GATE));
    inUserSpace(cpu);
    deliverTrap(guest, 14, 0, false);
    expect(guest.dead).toMatch(/no usable kernel stack/);
  });

  it('kills a Guest that spoilt its kernel code segment', () => {
    const { guest, idt, gdt } = initializedGuest();
    idt.load(14, ...gate(HANDLER, INTERRUPT_GATE));
    gdt.load(12, 0xffff, 0x00cf_9300);
    deliverTrap(guest, 14, 0, false);
    expect(guest.dead).toMatch(/not a ring-1 code segment/);
  });

  it('never writes outside guest memory, whatever the stack pointer', () => {
    fc.assert(fc.property(fc.integer(), fc.integer(), fc.boolean(), fc.integer({ min: 0, max: 31 }), (esp, esp1, user, vector) => {
      const { guest, cpu, idt } = initializedGuest();
      idt.load(vector, ...gate(HANDLER, INTERRUPT_GATE));
      guestSetStack(guest, 0x69, esp1, 0);
      if (user) inUserSpace(cpu);
      cpu.regs[ESP] = esp;
      // FakeMemory throws beyond the Switcher page after guest memory
      deliverTrap(guest, vector, 0, false);
      const used = (user ? esp1 : esp) >>> 0;
      if (used > FAKE_LIMIT + 24 && ![2, 8, 15, 31].includes(vector)) expect(guest.dead).toBeDefined();
    }));
  });

  it('does not divert the Guest before LGUEST_INIT to nowhere', () => {
    const { guest } = fakeGuest();
    expect(deliverTrap(guest, 6, 0, false)).toBe(false);
  });
});

describe('SET_STACK', () => {
  it('stores the stack in the TSS and pins its pages from the top down', () => {
    const { guest, switcher, mmu } = initializedGuest();
    guestSetStack(guest, 0x69, 0xc12b_e000, 2);
    expect(switcher.readStack()).toEqual([0x69, 0xc12b_e000]);
    expect(mmu.calls).toEqual([`pinPage ${0xc12b_dfff}`, `pinPage ${0xc12b_cfff}`]);
    expect(guest.dead).toBeUndefined();
  });

  it.each([
    [0x68, 0x7000, 1, /bad stack segment 0x68/],
    [0x7b, 0x7000, 1, /bad stack segment 0x7b/],
    [0x69, 0x7000, 3, /bad stack pages 3/],
  ])('kills for ss %i, esp %i, pages %i', (ss, esp, pages, reason) => {
    const { guest, switcher } = initializedGuest();
    guestSetStack(guest, ss, esp, pages);
    expect(guest.dead).toMatch(reason);
    expect(switcher.readStack()).toEqual([0, 0]);
  });

  it('kills when a page cannot be pinned', () => {
    const { guest, mmu } = initializedGuest();
    mmu.pins = false;
    guestSetStack(guest, 0x69, 0x7000, 1);
    expect(guest.dead).toBe('bad stack page 0x6fff');
  });
});
