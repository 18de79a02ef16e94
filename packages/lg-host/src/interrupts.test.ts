import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LGUEST_IRQS } from './abi/segments.js';
import { fakeGuest, gate, initializedGuest, stackWords } from './fakes.test-support.js';
import { INTERRUPT_GATE } from './idt.js';
import { interruptPending, setInterrupt, tryDeliverInterrupt } from './interrupts.js';

const HANDLER = 0xc000_1000;

function readyGuest() {
  const made = initializedGuest();
  for (let irq = 0; irq < LGUEST_IRQS; irq++) made.idt.load(32 + irq, ...gate(HANDLER + irq, INTERRUPT_GATE));
  made.data.irqEnabled = 0x200;
  return made;
}

describe('interruptPending', () => {
  it('finds nothing before LGUEST_INIT', () => {
    const { guest } = fakeGuest();
    setInterrupt(guest, 3);
    expect(interruptPending(guest)).toBe(LGUEST_IRQS);
  });

  it('finds the lowest interrupt that is not blocked', () => {
    fc.assert(fc.property(fc.integer(), fc.integer(), (pending, blocked) => {
      const { guest, data } = initializedGuest();
      guest.pendingIrqs = pending;
      data.blockedInterrupts = blocked >>> 0;
      let expected = 0;
      while (expected < 32 && !((pending >>> expected) & 1 && !((blocked >>> expected) & 1))) expected++;
      expect(interruptPending(guest)).toBe(expected);
    }));
  });
});

describe('delivering an interrupt', () => {
  it('diverts the Guest, clears the bit, stores the time and disables interrupts', () => {
    const { guest, cpu, data, memory, counters } = readyGuest();
    data.irqPending = 0x200;
    setInterrupt(guest, 2);
    tryDeliverInterrupt(guest, 2);
    expect(cpu.eip >>> 0).toBe(HANDLER + 2);
    expect(stackWords(memory, 0x5000 - 12, 3)).toEqual([0x1000, 0x61, 0x202]);
    expect(guest.pendingIrqs).toBe(0);
    expect(data.irqEnabled).toBe(0);
    expect(data.irqPending).toBe(0);
    expect([data.timeSeconds, data.timeNanoseconds]).toEqual([1_700_000_000, 123_456_789]);
    expect(counters.interrupts[2]).toBe(1);
  });

  it('leaves a note and nothing else while interrupts are disabled, whatever other flags lie beside', () => {
    const { guest, cpu, data } = readyGuest();
    data.irqEnabled = 0x46;
    setInterrupt(guest, 1);
    tryDeliverInterrupt(guest, 1);
    expect(data.irqPending).toBe(0x200);
    expect(guest.pendingIrqs).toBe(2);
    expect(cpu.eip).toBe(0x1000);
    expect(data.timeSeconds).toBe(0);
  });

  it.each([[0x1fff, true], [0x2000, false], [0x2007, false], [0x2008, true]])(
    'respects the noirq range: eip %i delivers %s', (eip, delivers) => {
      const { guest, cpu, data } = readyGuest();
      cpu.eip = eip;
      setInterrupt(guest, 1);
      tryDeliverInterrupt(guest, 1);
      expect(cpu.eip >>> 0).toBe(delivers ? HANDLER + 1 : eip);
      expect(data.irqPending).toBe(0);
      expect(guest.pendingIrqs).toBe(delivers ? 0 : 2);
    },
  );

  it('waits until the instruction after a load of ss is over, unless the Guest sleeps', () => {
    const { guest, cpu, data } = readyGuest();
    cpu.interruptible = false;
    setInterrupt(guest, 1);
    tryDeliverInterrupt(guest, 1);
    expect([cpu.eip, guest.pendingIrqs, data.irqPending]).toEqual([0x1000, 2, 0]);
    guest.halted = true;
    tryDeliverInterrupt(guest, 1);
    expect(cpu.eip >>> 0).toBe(HANDLER + 1);
  });

  it('wakes a halted Guest, with interrupts on again whatever the word said', () => {
    const { guest, cpu, data, memory } = readyGuest();
    guest.halted = true;
    data.irqEnabled = 0;
    setInterrupt(guest, 0);
    tryDeliverInterrupt(guest, 0);
    expect(guest.halted).toBe(false);
    expect(cpu.eip >>> 0).toBe(HANDLER);
    expect(memory.read32((cpu.regs[4]! >>> 0) + 8) & 0x200).toBe(0x200);
    expect(data.irqEnabled).toBe(0);
  });

  it('wakes a halted Guest that has no handler, too, and keeps the interrupt', () => {
    const { guest, cpu, data, idt } = readyGuest();
    idt.load(36, 0, 0);
    guest.halted = true;
    data.irqEnabled = 0;
    setInterrupt(guest, 4);
    tryDeliverInterrupt(guest, 4);
    expect([guest.halted, cpu.eip, data.irqEnabled, guest.pendingIrqs]).toEqual([false, 0x1000, 0x200, 1 << 4]);
  });

  it('keeps irq_pending as long as another interrupt waits, and only that long', () => {
    const { guest, data } = readyGuest();
    data.irqPending = 0x200;
    setInterrupt(guest, 1);
    setInterrupt(guest, 5);
    tryDeliverInterrupt(guest, interruptPending(guest));
    expect(data.irqPending).toBe(0x200);
    data.irqEnabled = 0x200;
    tryDeliverInterrupt(guest, interruptPending(guest));
    expect(data.irqPending).toBe(0);
  });

  it('does not count blocked interrupts as waiting', () => {
    const { guest, data } = readyGuest();
    data.irqPending = 0x200;
    data.blockedInterrupts = 1 << 5;
    setInterrupt(guest, 1);
    setInterrupt(guest, 5);
    tryDeliverInterrupt(guest, interruptPending(guest));
    expect(data.irqPending).toBe(0);
    expect(guest.pendingIrqs).toBe(1 << 5);
  });

  it('keeps an interrupt without a handler, but stores the time', () => {
    const { guest, cpu, data, idt, counters } = readyGuest();
    idt.load(35, 0, 0);
    data.irqPending = 0x200;
    setInterrupt(guest, 3);
    tryDeliverInterrupt(guest, 3);
    expect(cpu.eip).toBe(0x1000);
    expect(guest.pendingIrqs).toBe(8);
    expect(data.timeSeconds).toBe(1_700_000_000);
    expect(data.irqEnabled).toBe(0x200);
    expect(counters.interrupts[3]).toBe(0);
    // to ask for it would change nothing: as far as the Guest is concerned nothing else waits
    expect(data.irqPending).toBe(0);
  });

  it('delivers irq 31', () => {
    const { guest, cpu } = readyGuest();
    setInterrupt(guest, 31);
    expect(interruptPending(guest)).toBe(31);
    tryDeliverInterrupt(guest, 31);
    expect(cpu.eip >>> 0).toBe(HANDLER + 31);
    expect(guest.pendingIrqs).toBe(0);
  });
});
