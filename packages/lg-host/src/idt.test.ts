import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fakeGuest, gate } from './fakes.test-support.js';
import { INTERRUPT_GATE, TRAP_GATE } from './idt.js';

const HANDLER = 0xc023_c020;
const selectorOf = (low: number) => low >>> 16;
const dplOf = (high: number) => (high >>> 13) & 3;

describe('the IDT the CPU uses', () => {
  it('starts with 256 gates that end the run; only the hypercall opens to ring 1', () => {
    const { switcher } = fakeGuest();
    for (let vector = 0; vector < 256; vector++) {
      const [low, high] = switcher.readGate(vector);
      expect(selectorOf(low)).toBe(0x50);
      expect(high & 0x8f00).toBe(0x8e00);
      expect(dplOf(high)).toBe(vector === 0x1f ? 1 : 0);
    }
  });

  it('takes the system call gate as it is, with the Guest kernel selector', () => {
    const { idt, switcher } = fakeGuest();
    expect(idt.load(0x80, ...gate(HANDLER, TRAP_GATE, 3))).toBeUndefined();
    expect(switcher.readGate(0x80)).toEqual([0x0061_c020, 0xc023_ef00]);
    expect(idt.goesDirect(0x80)).toBe(true);
  });

  it('sends interrupt gates through the Host but keeps their privilege level', () => {
    const { idt, switcher } = fakeGuest();
    idt.load(3, ...gate(HANDLER, INTERRUPT_GATE, 3));
    const [low, high] = switcher.readGate(3);
    expect(selectorOf(low)).toBe(0x50);
    expect(dplOf(high)).toBe(3);
    expect(idt.entries[7]).toBe(0xc023_ee00);
  });

  it.each([7, 13, 14])('never lets vector %i go direct, nor changes its gate', (vector) => {
    const { idt, switcher } = fakeGuest();
    const before = switcher.readGate(vector);
    idt.load(vector, ...gate(HANDLER, TRAP_GATE, 3));
    expect(switcher.readGate(vector)).toEqual(before);
    expect(idt.entries[2 * vector + 1]).toBe(0xc023_ef00);
  });

  it.each([2, 8, 15, 0x1f])('ignores what the Guest wants for vector %i, whatever the type', (vector) => {
    const { idt, switcher } = fakeGuest();
    const before = switcher.readGate(vector);
    expect(idt.load(vector, 0xffff_ffff, 0x8500)).toBeUndefined();
    expect(idt.load(vector, ...gate(HANDLER, TRAP_GATE, 3))).toBeUndefined();
    expect(switcher.readGate(vector)).toEqual(before);
    expect(idt.entries[2 * vector + 1]).toBe(0);
  });

  it('lets one more system call vector go direct, and no other vector above the exceptions', () => {
    const { idt } = fakeGuest({ syscallVector: 64 });
    for (let vector = 32; vector < 256; vector++) {
      idt.load(vector, ...gate(HANDLER, TRAP_GATE, 3));
      expect(idt.goesDirect(vector)).toBe(vector === 64 || vector === 0x80);
    }
  });

  it('lets nothing go direct when told so', () => {
    const { idt, switcher } = fakeGuest({ directTraps: false });
    idt.load(0x80, ...gate(HANDLER, TRAP_GATE, 3));
    const [low, high] = switcher.readGate(0x80);
    expect(selectorOf(low)).toBe(0x50);
    expect(dplOf(high)).toBe(3);
  });

  it('forgets an entry that is no longer present', () => {
    const { idt, switcher } = fakeGuest();
    const before = switcher.readGate(0);
    idt.load(0, ...gate(HANDLER, TRAP_GATE, 1));
    expect(switcher.readGate(0)).not.toEqual(before);
    idt.load(0, 0x1234, 0x0f00);
    expect(switcher.readGate(0)).toEqual(before);
    expect([idt.entries[0], idt.entries[1]]).toEqual([0, 0]);
  });

  it('names what is wrong with a vector or a type', () => {
    const { idt } = fakeGuest();
    expect(idt.load(256, 0, 0)).toMatch(/setting IDT entry 256/);
    expect(idt.load(0xffff_ffff, 0, 0)).toMatch(/setting IDT entry 4294967295/);
    expect(idt.load(5, ...gate(HANDLER, 0x5))).toMatch(/bad IDT type 5 for vector 5/);
  });

  it('never holds a gate into ring 0 that does not end the run, nor a selector of the Guest’s choice', () => {
    fc.assert(fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 300 }), fc.integer(), fc.integer()), { maxLength: 40 }), fc.boolean(),
      (loads, directTraps) => {
        const { idt, switcher } = fakeGuest({ directTraps });
        for (const [vector, low, high] of loads) idt.load(vector, low, high);
        for (let vector = 0; vector < 256; vector++) {
          const [low, high] = switcher.readGate(vector);
          const type = (high >>> 8) & 0x1f;
          if (selectorOf(low) === 0x50) {
            expect(type).toBe(INTERRUPT_GATE);
          } else {
            expect(selectorOf(low)).toBe(0x61);
            expect(type).toBe(TRAP_GATE);
            expect(idt.goesDirect(vector)).toBe(true);
          }
        }
      },
    ));
  });
});
