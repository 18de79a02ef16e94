import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fakeGuest } from './fakes.test-support.js';

describe('the GDT the CPU uses', () => {
  it('starts with the Host’s segments, the Guest kernel’s and the TSS', () => {
    const { switcher } = fakeGuest();
    expect(switcher.readDescriptor(10)).toEqual([0xffff, 0x00cf_9b00]);
    expect(switcher.readDescriptor(11)).toEqual([0xffff, 0x00cf_9300]);
    expect(switcher.readDescriptor(12)).toEqual([0xffff, 0x00cf_bb00]);
    expect(switcher.readDescriptor(13)).toEqual([0xffff, 0x00cf_b300]);
    const [low, high] = switcher.readDescriptor(16);
    const base = ((low >>> 16) | ((high & 0xff) << 16) | (high & 0xff00_0000)) >>> 0;
    expect(base).toBe(switcher.taskRegister.base);
    expect(high & 0x9f00).toBe(0x8b00);
    for (const index of [0, 1, 6, 14, 17, 31]) expect(switcher.readDescriptor(index)).toEqual([0, 0]);
  });

  it('puts the Guest’s ring 0 into ring 1 and sets the accessed bit', () => {
    const { gdt, switcher } = fakeGuest();
    gdt.load(12, 0xffff, 0x00cf_9a00);
    gdt.load(14, 0xffff, 0x00cf_fa00);
    expect(switcher.readDescriptor(12)).toEqual([0xffff, 0x00cf_bb00]);
    expect(switcher.readDescriptor(14)).toEqual([0xffff, 0x00cf_fb00]);
  });

  it.each([10, 11, 16, 31])('ignores entry %i', (index) => {
    const { gdt, switcher } = fakeGuest();
    const before = switcher.readDescriptor(index);
    expect(gdt.load(index, 0xffff, 0x00cf_fb00)).toBeUndefined();
    expect(switcher.readDescriptor(index)).toEqual(before);
  });

  it('names an index out of range', () => {
    expect(fakeGuest().gdt.load(32, 0, 0)).toMatch(/setting GDT entry 32/);
  });

  it('never lets a gate, a task or a ring-0 segment of the Guest’s in', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 31 }), fc.integer(), fc.integer(), (index, low, high) => {
      const { gdt, switcher } = fakeGuest();
      gdt.load(index, low, high);
      if ([10, 11, 16, 31].includes(index)) return;
      const [, real] = switcher.readDescriptor(index);
      if (real === 0) return;
      expect(real & 0x1000).toBe(0x1000);
      expect(real & 0x6000).not.toBe(0);
      expect(real & 0x0100).toBe(0x0100);
    }));
  });

  it('has kernel segments ready for trap delivery, and notices when they change', () => {
    const { gdt } = fakeGuest();
    expect(gdt.kernelCode()).toEqual({ selector: 0x61, base: 0, limit: 0xffff_ffff, access: 0x00c0_bb00 });
    expect(gdt.kernelStack(0x69)).toEqual({ selector: 0x69, base: 0, limit: 0xffff_ffff, access: 0x00c0_b300 });
    expect(gdt.kernelStack(0x69)).toBe(gdt.kernelStack(0x69));
    gdt.load(13, 0xffff, 0x01cf_9312);
    expect(gdt.kernelStack(0x69)?.base).toBe(0x0112_0000);
    // absent, data, conforming, ring 2
    for (const high of [0, 0x00cf_9300, 0x00cf_9e00, 0x00cf_da00]) {
      gdt.load(12, 0xffff, high);
      expect(gdt.kernelCode()).toBeUndefined();
    }
  });

  it.each([[0x61, 'code'], [0x6d, 'in an LDT'], [0x68, 'ring 0'], [0x0109, 'beyond the table'], [0x79, 'absent']])(
    'takes no stack from selector %i (%s)', (selector) => {
      expect(fakeGuest().gdt.kernelStack(selector)).toBeUndefined();
    },
  );
});
