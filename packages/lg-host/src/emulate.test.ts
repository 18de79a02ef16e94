import { describe, expect, it } from 'vitest';
import { FLAT_GUEST_CODE } from './abi/segments.js';
import { emulateInstruction } from './emulate.js';
import { fakeGuest } from './fakes.test-support.js';
import { flatSegment } from './gdt.js';

/** bytes, eax before, length (0: not emulated), eax after */
const cases: [string, number[], number, number, number][] = [
  ['cli', [0xfa], 0x1234, 1, 0x1234],
  ['in al, imm8', [0xe4, 0x60], 0x1200, 2, 0x12ff],
  ['in eax, imm8', [0xe5, 0x60], 0x1200, 2, -1],
  ['in al, dx', [0xec], 0x1200, 1, 0x12ff],
  ['in eax, dx', [0xed], 0x1200, 1, -1],
  ['in ax, imm8', [0x66, 0xe5, 0x60], 0x5678_0000, 3, 0x5678_ffff],
  ['in ax, dx', [0x66, 0xed], 0x5678_0000, 2, 0x5678_ffff],
  ['in al, dx with 66', [0x66, 0xec], 0x5678_0000, 2, 0x5678_00ff],
  ['out imm8, al', [0xe6, 0x80], 7, 2, 7],
  ['out imm8, eax', [0xe7, 0x80], 7, 2, 7],
  ['out dx, al', [0xee], 7, 1, 7],
  ['out dx, eax', [0xef], 7, 1, 7],
  ['out dx, ax', [0x66, 0xef], 7, 2, 7],
  ['mov eax, dr0', [0x0f, 0x21, 0xc0], 7, 3, 0],
  ['mov eax, dr6', [0x0f, 0x21, 0xf0], 7, 3, 0xffff_0ff0 | 0],
  ['mov eax, dr7', [0x0f, 0x21, 0xf8], 7, 3, 0x400],
  ['mov ecx, dr7', [0x0f, 0x21, 0xf9], 7, 3, 7],
  ['mov dr7, eax', [0x0f, 0x23, 0xf8], 7, 0, 7],
  ['sti', [0xfb], 7, 0, 7],
  ['hlt', [0xf4], 7, 0, 7],
  ['mov eax, cr4', [0x0f, 0x20, 0xe0], 7, 0, 7],
  ['rdmsr', [0x0f, 0x32], 7, 0, 7],
  ['insb', [0x6c], 7, 0, 7],
  ['66 cli', [0x66, 0xfa], 7, 0, 7],
  ['66 66 in', [0x66, 0x66, 0xed], 7, 0, 7],
  ['jecxz', [0xe3, 0x00], 7, 0, 7],
  ['call', [0xe8, 0, 0, 0, 0], 7, 0, 7],
];

describe('instructions skipped for the Guest kernel', () => {
  it.each(cases)('%s', (_name, bytes, eax, length, after) => {
    const { guest, cpu, memory, counters } = fakeGuest();
    bytes.forEach((byte, i) => memory.write8(0x1000 + i, byte));
    cpu.regs[0] = eax;
    expect(emulateInstruction(guest)).toBe(length > 0);
    expect(cpu.eip).toBe(0x1000 + length);
    expect(cpu.regs[0]).toBe(after);
    expect(counters.portInstructions).toBe(length > 0 ? 1 : 0);
  });

  it('are not skipped for user space', () => {
    const { guest, cpu, memory } = fakeGuest();
    memory.write8(0x1000, 0xec);
    cpu.setSegment(1, flatSegment(0x73, FLAT_GUEST_CODE));
    expect(emulateInstruction(guest)).toBe(false);
    expect(cpu.eip).toBe(0x1000);
  });

  it('are read across a page boundary', () => {
    const { guest, cpu, memory, mmu } = fakeGuest();
    mmu.moved.set(2, 0x30);
    cpu.eip = 0x1fff;
    memory.write8(0x1fff, 0x66);
    memory.write8(0x30000, 0xed);
    expect(emulateInstruction(guest)).toBe(true);
    expect(cpu.eip).toBe(0x2001);
  });

  it('are not guessed when their page is gone', () => {
    const { guest, cpu, memory, mmu } = fakeGuest();
    mmu.holes.add(2);
    cpu.eip = 0x1fff;
    memory.write8(0x1fff, 0x66);
    expect(emulateInstruction(guest)).toBe(false);
    mmu.holes.add(1);
    expect(emulateInstruction(guest)).toBe(false);
    expect(cpu.eip).toBe(0x1fff);
  });
});
