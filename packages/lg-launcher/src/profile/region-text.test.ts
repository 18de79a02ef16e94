/*
 * A region as text: both sides must be what was there.
 */
import { Access, Cr0, Cr4, Machine, SegmentRegister } from '@lguest/x86-core';
import { expect, it } from 'vitest';
import { regionFormatter } from './region-text.js';

it('shows a region\'s instructions and its WebAssembly, vectors and tail calls included', async () => {
  const machine = new Machine({ physicalBytes: 1 << 20, engine: 'jit', jit: { hotAfter: 1, keepCode: true } });
  const { cpu, physical } = machine;
  const access = Access.present | Access.notSystem | Access.writable | Access.accessed | Access.big | Access.granular;
  cpu.cr0 = Cr0.pe | Cr0.et;
  cpu.cr4 = Cr4.osfxsr;
  for (const register of [SegmentRegister.es, SegmentRegister.ss, SegmentRegister.ds]) cpu.setSegment(register, { selector: 0x10, base: 0, limit: 0xffff_ffff, access });
  cpu.setSegment(SegmentRegister.cs, { selector: 8, base: 0, limit: 0xffff_ffff, access: access | Access.code });
  // again: inc eax; paddd xmm1, xmm2; test al, al; jne again; jmp ecx
  physical.write(0x1000, Uint8Array.of(0x40, 0x66, 0x0f, 0xfe, 0xca, 0x84, 0xc0, 0x75, 0xf7, 0xff, 0xe1));
  cpu.eip = 0x1000;
  cpu.regs[1] = 0x1000;
  for (let i = 0; i < 10; i++) cpu.run(20_000);
  const regions = cpu.regions();
  expect(regions.length).toBeGreaterThan(0);
  const format = await regionFormatter((address) => (address === 0x1000 ? 'again' : undefined));
  const text = format(regions[0]!);
  expect(text).toMatch(/^Region at 00001000 for levels 0 to 2: \d+ blocks?, \d+ bytes of WebAssembly\n/);
  expect(text).toContain('\n00001000: in again\n');
  expect(text).toMatch(/\n {2}00001000 {2}40 +inc %eax\n {2}00001001 {2}66 0f fe ca +paddd %xmm2,%xmm1\n/);
  // and once more, each before its own code: the increment before the vector's addition
  expect(text).toMatch(/\n +;; 00001000 {2}inc %eax\n[^;]*i32\.add[^;]*\n +;; 00001001 {2}paddd %xmm2,%xmm1\n[^;]*i32x4\.add/);
  expect(text).not.toContain('(drop');
  for (const word of ['(module', 'i32x4.add', 'return_call_indirect']) expect(text).toContain(word);
});
