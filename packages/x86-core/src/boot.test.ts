/*
 * A small operating system, from real mode to a user program and back: every way of changing mode or level in one run,
 * on both engines. Each event leaves a word in a log; the log is the expectation.
 */
import { AssemblyState } from '@defasm/core';
import { describe, expect, it } from 'vitest';
import { Access, ExitReason, Machine, SegmentRegister, type EngineName } from './index.js';
import { At, descriptor, gate, Sel, Type } from './testing/protected.js';

/** Physical addresses of the program's parts; At has the tables. */
const Place = { stub: 0x7c00, gdtr: 0x7d00, idtr: 0x7d08, log: 0x9_0000, logEnd: 0x9_0800, v86Code: 0x1_8000, lazyPage: 0xc_0000 } as const;
const codeBase = At.code;
const user = { code: Sel.code3 | 3, data: Sel.data3 | 3 };
const pageTable = At.directory + 0x1000;
const userLinear = 0x4000_0000;
const lazyLinear = 0x4000_5000;

/** Real mode: count an interrupt through the vector table, load GDTR and IDTR, set PE, jump. */
const stub = (entry: number): number[] => [
  0xfa, // cli
  0xcd, 0x21, // int 0x21
  0x0f, 0x01, 0x16, Place.gdtr & 0xff, Place.gdtr >> 8, // lgdt
  0x0f, 0x01, 0x1e, Place.idtr & 0xff, Place.idtr >> 8, // lidt
  0x0f, 0x20, 0xc0, 0x0c, 0x01, 0x0f, 0x22, 0xc0, // mov eax, cr0; or al, 1; mov cr0, eax
  0x66, 0xea, entry & 0xff, (entry >> 8) & 0xff, (entry >> 16) & 0xff, entry >>> 24, Sel.code0, 0,
];
/** Vector 0x21 in real mode: add dx, 1; iret */
const realHandler = [0x83, 0xc2, 0x01, 0xcf];
const realHandlerAt = 0x7e00;

/** The kernel's entry points, each assembled for itself, 0x100 bytes apart. */
const kernel = {
  start: `
  mov $${Sel.data0}, %eax
  mov %ax, %ds
  mov %ax, %es
  mov %ax, %ss
  mov $${At.stack0 - 0x400}, %esp
  mov $${Sel.tss}, %eax
  ltr %ax
  mov $${Place.log}, %edi
  mov $0x1000, %eax
  or %edx, %eax
  stosl
  # paging: PSE off, the first 4 MiB identity-mapped, 0x40000000 for the user
  mov $${At.directory}, %eax
  mov %eax, %cr3
  mov %cr0, %eax
  or $0x80010000, %eax
  mov %eax, %cr0
  mov $0x2000, %eax
  stosl
  # to level 3
  push $${user.data}
  push $${userLinear + 0x3f00}
  push $0x202
  push $${user.code}
  push $${userLinear}
  mov $${user.data}, %eax
  mov %ax, %ds
  mov %ax, %es
  iretl
`,
  trap80: `
  mov $${Sel.data0}, %eax
  mov %ax, %es
  mov $0x80, %eax
  stosl
  mov (%esp), %eax
  stosl
  cmp $7, %ebx
  je toV86
  iretl
toV86:
  push $0
  push $0
  push $0
  push $0
  push $${Place.v86Code >> 4}
  push $0xfff0
  push $0x20202
  push $${Place.v86Code >> 4}
  push $0
  iretl
`,
  fault6: `
  mov $${Sel.data0}, %eax
  mov %ax, %es
  mov $6, %eax
  stosl
  addl $2, (%esp)
  iretl
`,
  fault13: `
  mov $${Sel.data0}, %eax
  mov %ax, %es
  mov $13, %eax
  stosl
  pop %eax
  stosl
  mov 8(%esp), %ecx
  mov %ecx, %eax
  stosl
  test $0x20000, %ecx
  jnz fromV86
  # skip the one byte of CLI
  incl (%esp)
  iretl
fromV86:
  # what the program did to BP and SP
  mov %ebp, %eax
  stosl
  mov 12(%esp), %eax
  stosl
  hlt
`,
  fault14: `
  mov $${Sel.data0}, %eax
  mov %ax, %es
  mov $14, %eax
  stosl
  pop %eax
  stosl
  mov %cr2, %eax
  stosl
  movl $${Place.lazyPage | 7}, ${pageTable + 0x1000 + 4 * 5}
  iretl
`,
};
const entryOf = (name: keyof typeof kernel): number => codeBase + 0x100 * Object.keys(kernel).indexOf(name);

/** At 0x40000000, level 3. Table accesses fault; the page at lazyLinear appears when it is touched. */
const userSource = `
  mov $1, %ebx
  int $0x80
  incl ${lazyLinear + 8}
  cli
  ud2
  mov $7, %ebx
  int $0x80
`;
/** Virtual-8086: mov bp, 0x1234; push ax; int 0x21 (refused, IOPL is 0) */
const v86 = [0xbd, 0x34, 0x12, 0x50, 0xcd, 0x21];

function assemble(text: string): Uint8Array {
  const state = new AssemblyState({ bitness: 32 });
  state.compile(text, { haltOnError: true });
  return state.head.dump();
}

function boot(engine: EngineName, slice: number): { log: number[]; lazy: number; retired: number; regs: number[]; reason: number } {
  const machine = new Machine({ physicalBytes: 1 << 20, engine });
  const { cpu, physical } = machine;
  const words = (at: number, ...values: number[]): void => values.forEach((value, i) => physical.write32(at + 4 * i, value));
  for (const [name, text] of Object.entries(kernel)) physical.write(entryOf(name as keyof typeof kernel), assemble(text));
  physical.write(Place.stub, Uint8Array.from(stub(entryOf('start'))));
  physical.write(realHandlerAt, Uint8Array.from(realHandler));
  words(0x21 * 4, realHandlerAt);
  words(Place.gdtr, (At.gdt << 16) | 0xff, At.gdt >>> 16);
  words(Place.idtr, (At.idt << 16) | 0x7ff, At.idt >>> 16);
  for (const [selector, type, dpl] of [[Sel.code0, Type.code, 0], [Sel.data0, Type.data, 0], [Sel.code3, Type.code, 3], [Sel.data3, Type.data, 3]] as const) {
    words(At.gdt + selector, ...descriptor({ type, dpl }));
  }
  words(At.gdt + Sel.tss, ...descriptor({ type: Type.tss32, base: At.tss, limit: 0x67 }));
  words(At.tss + 4, At.stack0, Sel.data0);
  words(At.idt + 0x80 * 8, ...gate(Sel.code0, entryOf('trap80'), Type.trap, 3));
  words(At.idt + 13 * 8, ...gate(Sel.code0, entryOf('fault13'), Type.interrupt));
  words(At.idt + 14 * 8, ...gate(Sel.code0, entryOf('fault14'), Type.interrupt));
  words(At.idt + 6 * 8, ...gate(Sel.code0, entryOf('fault6'), Type.interrupt));
  // the first 4 MiB: identity, the v86 program's page for users; 0x40000000: code at 0xa0000, stack at 0xa3000
  words(At.directory, pageTable | 7);
  for (let page = 0; page < 256; page++) words(pageTable + 4 * page, (page << 12) | (page === Place.v86Code >> 12 || page === 0x27 ? 7 : 3));
  words(At.directory + 4 * (userLinear >>> 22), (pageTable + 0x1000) | 7);
  words(pageTable + 0x1000, 0xa_0000 | 7, 0, 0, 0xa_3000 | 7);
  physical.write(0xa_0000, assemble(userSource));
  physical.write(Place.v86Code, Uint8Array.from(v86));

  cpu.setSegment(SegmentRegister.cs, { selector: 0, base: 0, limit: 0xffff, access: Access.present | Access.notSystem | Access.code | Access.writable | Access.accessed });
  cpu.setIdt(0, 0x3ff);
  cpu.eip = Place.stub;
  cpu.regs[4] = 0x7000;
  cpu.regs[2] = 0;
  let exit = cpu.run(slice);
  for (let i = 0; i < 400 && exit.reason === ExitReason.budget; i++) exit = cpu.run(slice);
  const log: number[] = [];
  for (let at: number = Place.log; at < Math.min(cpu.regs[7]!, Place.logEnd); at += 4) log.push(physical.read32(at));
  return { log, lazy: physical.read32(Place.lazyPage + 8), retired: cpu.retired, regs: [...cpu.regs, cpu.eip, cpu.eflags], reason: exit.reason };
}

const afterInt = userLinear + 7;
const expected = [
  0x1001, // the real-mode interrupt was counted
  0x2000, // paging is on
  0x80, afterInt, // first system call
  14, 6, lazyLinear + 8, // write to an absent page by a user
  13, 0, 0x1_0202, // cli; RF is set for a fault
  6, // ud2
  0x80, userLinear + 7 + 6 + 1 + 2 + 7, // second system call
  13, 0, 0x3_0202, 0x1234, 0xffee, // int 0x21 in virtual-8086 mode: #GP(0), its BP, its SP
];

describe('from real mode to level 3, to virtual-8086 mode and back', () => {
  it.each<[EngineName, number]>([['reference', 100], ['interpreter', 100], ['interpreter', 1], ['interpreter', 3]])('%s, %i instructions at a time', (engine, slice) => {
    const result = boot(engine, slice);
    expect(result.log).toEqual(expected);
    expect(result.lazy).toBe(1);
    expect(result.reason).toBe(ExitReason.halt);
  });

  it('both engines count and end alike', () => {
    expect(boot('interpreter', 100)).toEqual(boot('reference', 7));
  });
});
