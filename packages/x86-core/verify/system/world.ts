/*
 * The world that system cases live in: 64 KiB of low memory with descriptor tables, tasks, page tables, stacks and code.
 *
 * Every case begins with this world and a few changes to it. The supervisor (supervisor.ts) puts it in place before each
 * case and tells afterwards which words of it have changed. Addresses are physical, and linear too: the page tables
 * map this memory, and the supervisor's, to themselves.
 */
import { descriptor, gate } from '../../src/testing/protected.js';

export { type DescriptorSpec as Segment, descriptor as segment, gate } from '../../src/testing/protected.js';

export const worldBytes = 0x1_0000;

/** Where things lie. */
export const At = {
  /** Real mode's vectors. */
  ivt: 0,
  /** The way into real mode, its variables, and the way out. Nothing for cases to touch. */
  trampoline: 0x500, trampolineData: 0x580, realStubs: 0x600, realExit: 0xc00, realData: 0xfc0,
  gdt: 0x1000, ldt: 0x1200, tss: 0x1400, tssB: 0x1500, tss16: 0x1600, tssFault: 0x1700, idt: 0x1800,
  stubs: 0x2000, code: 0x3000, landing: 0x3800,
  /** Tops of stacks; they grow down from here. */
  stack0: 0x4f00, stack1: 0x5700, stack2: 0x5f00, stack3: 0x6f00, stackFault: 0x8f00,
  data: 0x7000,
  /** Two-level paging: a table for the world and the supervisor, one for the windows. */
  directory: 0x9000, table: 0xa000, windowTable: 0xb000,
  /** PAE. */
  pointers: 0xc000, directory64: 0xd000, table64: 0xe000, windowTable64: 0xf000,
  /** Linear addresses of cases about paging: the first pages of windowTable, and a large page of the directory. */
  window: 0x40_0000, largeWindow: 0x80_0000,
} as const;

/** Selectors, RPL 0. From `free` on entries are empty. */
export const Sel = {
  code0: 0x08, data0: 0x10, code1: 0x18, data1: 0x20, code2: 0x28, data2: 0x30, code3: 0x38, data3: 0x40,
  tss: 0x48, tssB: 0x50, tss16: 0x58, tssFault: 0x60, ldt: 0x68, code16: 0x70, data16: 0x78, free: 0x80,
} as const;
export const gdtEntries = 64;
export const ldtEntries = 16;

/** INT through this vector ends a case; everybody may. */
export const endVector = 0xf0;
export const doubleFault = 8;
/** What lies on the stacks before a case; so pushed zeros are seen, too. */
export const stackFill = 0xa5;

/** Type with the S bit, bits 8..12 of a descriptor's high word. */
export const Type = {
  tss16: 1, ldt: 2, busyTss16: 3, callGate16: 4, taskGate: 5, interrupt16: 6, trap16: 7, tss32: 9, busyTss32: 11, callGate: 12, interrupt: 14, trap: 15,
  readOnly: 0x11, data: 0x13, expandDownReadOnly: 0x15, expandDown: 0x17, executeOnly: 0x19, code: 0x1b, conformingExecuteOnly: 0x1d, conforming: 0x1f,
} as const;

/** Two words, low and high. */
export type Entry = readonly [low: number, high: number];

/** Fields of a 32-bit TSS (SDM volume 3, figure 8-2), and of a 16-bit one. */
export const Tss = { link: 0, stacks: 4, cr3: 28, eip: 32, eflags: 36, registers: 40, segments: 72, ldt: 96, trap: 100, map: 102, bytes: 104 } as const;
export const Tss16 = { link: 0, stacks: 2, ip: 14, flags: 16, registers: 18, segments: 34, ldt: 42, bytes: 44 } as const;
/** The main task's permission map covers ports up to this one. */
export const mappedPorts = 0x400;
export const tssLimit = Tss.bytes + mappedPorts / 8;

/** Page-table bits (SDM volume 3, 4.3). */
export const Pte = { present: 1, writable: 2, user: 4, accessed: 0x20, dirty: 0x40, large: 0x80, global: 0x100 } as const;
const everything = Pte.present | Pte.writable | Pte.user | Pte.accessed | Pte.dirty;
const supervisorOnly = everything & ~Pte.user;
/** Pages of the window that are mapped, each to data. */
export const windowPages = 16;

/** INT endVector. */
export const endCode = [0xcd, endVector] as const;

/** The world without the supervisor's part of it. */
export function makeWorld(): Uint8Array {
  const world = new Uint8Array(worldBytes);
  const view = new DataView(world.buffer);
  const w16 = (at: number, value: number): void => view.setUint16(at, value, true);
  const w32 = (at: number, value: number): void => view.setUint32(at, value >>> 0, true);
  const put = (table: number, index: number, [low, high]: Entry): void => {
    w32(table + 8 * index, low);
    w32(table + 8 * index + 4, high);
  };
  world.fill(stackFill, At.stack0 & ~0xfff, At.data);
  world.fill(stackFill, At.stackFault & ~0xfff, At.stackFault);
  for (let i = 0; i < 0x1000; i++) world[At.data + i] = (i * 7 + (i >> 8)) & 0xff;

  // descriptors
  for (let level = 0; level < 4; level++) {
    put(At.gdt, 1 + 2 * level, descriptor({ type: Type.code, dpl: level }));
    put(At.gdt, 2 + 2 * level, descriptor({ type: Type.data, dpl: level }));
  }
  const system: readonly (readonly [number, Parameters<typeof descriptor>[0]])[] = [
    [Sel.tss, { type: Type.tss32, base: At.tss, limit: tssLimit, big: false }],
    [Sel.tssB, { type: Type.tss32, base: At.tssB, limit: Tss.bytes - 1, big: false }],
    [Sel.tss16, { type: Type.tss16, base: At.tss16, limit: Tss16.bytes - 1, big: false }],
    [Sel.tssFault, { type: Type.tss32, base: At.tssFault, limit: Tss.bytes - 1, big: false }],
    [Sel.ldt, { type: Type.ldt, base: At.ldt, limit: 8 * ldtEntries - 1, big: false }],
    [Sel.code16, { type: Type.code, limit: 0xffff, big: false }],
    [Sel.data16, { type: Type.data, limit: 0xffff, big: false }],
  ];
  for (const [selector, spec] of system) put(At.gdt, selector >>> 3, descriptor(spec));
  for (let level = 0; level < 4; level++) {
    put(At.ldt, 2 * level, descriptor({ type: Type.code, dpl: level }));
    put(At.ldt, 2 * level + 1, descriptor({ type: Type.data, dpl: level }));
  }

  // interrupts: a stub for each vector, double faults by a task of their own
  for (let vector = 0; vector < 256; vector++) {
    const open = vector >= 0x20 || vector === 3 || vector === 4;
    put(At.idt, vector, gate(Sel.code0, At.stubs + 8 * vector, Type.interrupt, open ? 3 : 0));
    w32(At.ivt + 4 * vector, At.realStubs + 6 * vector);
  }
  put(At.idt, doubleFault, gate(Sel.tssFault, 0, Type.taskGate));

  // tasks: the one that runs, two to switch to, and the one for double faults
  const stacks = [[At.stack0, Sel.data0], [At.stack1, Sel.data1 | 1], [At.stack2, Sel.data2 | 2]] as const;
  for (const at of [At.tss, At.tssB, At.tssFault]) {
    stacks.forEach(([top, selector], level) => {
      w32(at + Tss.stacks + 8 * level, top);
      w32(at + Tss.stacks + 8 * level + 4, selector);
    });
    w32(at + Tss.cr3, At.directory);
    w32(at + Tss.eip, at === At.tssFault ? At.stubs + 8 * doubleFault : At.landing);
    w32(at + Tss.eflags, 2);
    for (let i = 0; i < 8; i++) w32(at + Tss.registers + 4 * i, 0x7e57_0000 | i);
    w32(at + Tss.registers + 16, at === At.tssFault ? At.stackFault : At.stack0 - 0x400);
    for (let i = 0; i < 6; i++) w32(at + Tss.segments + 4 * i, i === 1 ? Sel.code0 : Sel.data0);
    w16(at + Tss.map, Tss.bytes);
  }
  stacks.forEach(([top, selector], level) => {
    w16(At.tss16 + Tss16.stacks + 4 * level, top);
    w16(At.tss16 + Tss16.stacks + 4 * level + 2, selector);
  });
  w16(At.tss16 + Tss16.ip, At.landing);
  w16(At.tss16 + Tss16.flags, 2);
  for (let i = 0; i < 8; i++) w16(At.tss16 + Tss16.registers + 2 * i, 0x1600 | i);
  w16(At.tss16 + Tss16.registers + 8, At.stack0 - 0x400);
  for (let i = 0; i < 4; i++) w16(At.tss16 + Tss16.segments + 2 * i, i === 1 ? Sel.code0 : Sel.data0);
  // ports: every third pair of eight closed
  for (let i = 0; i < mappedPorts / 8; i++) world[At.tss + Tss.bytes + i] = i % 3 === 0 ? 0x5a : 0;
  world[At.tss + tssLimit] = 0xff;

  world.set(endCode, At.code);
  for (let at = At.landing; at < At.code + 0x1000; at += endCode.length) world.set(endCode, at);

  // pages
  w32(At.directory, At.table | everything);
  w32(At.directory + 4, At.windowTable | everything);
  w32(At.directory + 8, everything | Pte.large);
  for (let page = 0; page < 1024; page++) w32(At.table + 4 * page, (page << 12) | (page < 16 ? everything : supervisorOnly));
  w32(At.pointers, At.directory64 | Pte.present);
  w32(At.directory64, At.table64 | everything);
  w32(At.directory64 + 8, 0x20_0000 | supervisorOnly | Pte.large);
  w32(At.directory64 + 16, At.windowTable64 | everything);
  w32(At.directory64 + 32, everything | Pte.large);
  for (let page = 0; page < 512; page++) w32(At.table64 + 8 * page, (page << 12) | (page < 16 ? everything : supervisorOnly));
  for (let page = 0; page < windowPages; page++) {
    w32(At.windowTable + 4 * page, At.data | everything);
    w32(At.windowTable64 + 8 * page, At.data | everything);
  }
  return world;
}
