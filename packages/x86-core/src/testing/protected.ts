/*
 * A processor in protected mode for tests of the system side: descriptor tables, a task state segment and stacks in
 * low memory, segments for all four levels, everything flat unless a test says otherwise.
 */
import { CpuFault } from '../fault.js';
import { Processor, type ProcessorOptions } from '../processor.js';
import { Access, Cr0, Eflags, Layout, Register, SegmentRegister, State } from '../state.js';
import { setCache } from '../descriptor.js';

/** Where the tests' tables lie, linear and physical. */
export const At = {
  gdt: 0x1000, idt: 0x2000, tss: 0x3000, tss2: 0x3400, tss16: 0x3800, ldt: 0x3c00, gateCode: 0x5000,
  stack0: 0x1_0000, stack1: 0x1_4000, stack3: 0x1_8000, code: 0x2_0000, directory: 0x8_0000,
} as const;

/** Selectors in the tests' GDT, RPL 0. */
export const Sel = {
  code0: 0x08, data0: 0x10, code1: 0x18, data1: 0x20, code3: 0x28, data3: 0x30, tss: 0x38, tss2: 0x40, tss16: 0x48,
  ldt: 0x50, conforming: 0x58, absentCode3: 0x60, absentData3: 0x68, readOnly3: 0x70, executeOnly3: 0x78,
  callGate: 0x80, callGate16: 0x88, taskGate: 0x90, absentData0: 0x98, small3: 0xa0, expandDown3: 0xa8, owner: 0xb0,
  free: 0xb8, last: 0xf8,
} as const;

/** Type bits for descriptor(). */
export const Type = {
  code: 0x1a, data: 0x12, readOnly: 0x10, executeOnly: 0x18, conforming: 0x1e, expandDown: 0x16,
  tss16: 1, ldt: 2, callGate16: 4, taskGate: 5, interrupt16: 6, trap16: 7, tss32: 9, tss32Busy: 11, callGate32: 12, interrupt: 14, trap: 15,
} as const;

export interface DescriptorSpec {
  base?: number;
  /** In bytes, inclusive; 4 GiB by default. */
  limit?: number;
  type: number;
  dpl?: number;
  present?: boolean;
  big?: boolean;
}

/** The two words of a segment descriptor. */
export function descriptor(spec: DescriptorSpec): [number, number] {
  const { base = 0, limit = 0xffff_ffff, type, dpl = 0, present = true, big = true } = spec;
  const granular = limit > 0xf_ffff;
  const units = granular ? limit >>> 12 : limit;
  const low = ((base << 16) | (units & 0xffff)) >>> 0;
  const high = (base & 0xff00_0000) | ((base >>> 16) & 0xff) | (units & 0xf_0000) | (type << 8) | (dpl << 13) |
    (present ? Access.present : 0) | (big ? Access.big : 0) | (granular ? Access.granular : 0);
  return [low, high >>> 0];
}

/** The two words of a gate. `parameters` is a call gate's count. */
export function gate(selector: number, offset: number, type: number, dpl = 0, present = true, parameters = 0): [number, number] {
  const low = ((selector << 16) | (offset & 0xffff)) >>> 0;
  const high = (offset & 0xffff_0000) | (type << 8) | (dpl << 13) | (present ? Access.present : 0) | parameters;
  return [low, high >>> 0];
}

/** One processor is enough for a test file: making one clears 16 MiB of tables. */
export function makeProcessor(options: Partial<ProcessorOptions> = {}): Processor {
  const physicalBytes = options.physicalBytes ?? 1 << 20;
  const pages = (Layout.physical + physicalBytes) / 65536;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  return new Processor(memory, { ...options, physicalBytes });
}

/** Physical memory access for tests. */
export function peek32(cpu: Processor, physical: number): number {
  return cpu.view.getUint32(Layout.physical + physical, true);
}

export function peek16(cpu: Processor, physical: number): number {
  return cpu.view.getUint16(Layout.physical + physical, true);
}

export function poke32(cpu: Processor, physical: number, value: number): void {
  cpu.view.setUint32(Layout.physical + physical, value, true);
}

export function poke16(cpu: Processor, physical: number, value: number): void {
  cpu.view.setUint16(Layout.physical + physical, value, true);
}

/** Put two words into a table. */
export function pokeEntry(cpu: Processor, table: number, index: number, [low, high]: [number, number]): void {
  poke32(cpu, table + index * 8, low);
  poke32(cpu, table + index * 8 + 4, high);
}

export function setDescriptor(cpu: Processor, selector: number, spec: DescriptorSpec): void {
  pokeEntry(cpu, At.gdt, selector >>> 3, descriptor(spec));
}

/** Back to the state that all tests start from: protected mode, level 0, paging off, all RAM zero but the tables. */
export function resetProtected(cpu: Processor): void {
  cpu.mmu.flushAll(true);
  cpu.u8.fill(0, Layout.physical, Layout.physical + cpu.physicalBytes);
  // all registers; what the owner has set up behind them stays
  cpu.i32.fill(0, Layout.state >> 2, (State.mxcsr >> 2) + 1);
  const { i32 } = cpu;
  i32[State.cr0 >> 2] = Cr0.pe | Cr0.et;
  i32[State.gdtBase >> 2] = At.gdt;
  i32[State.gdtLimit >> 2] = Sel.last + 7;
  i32[State.idtBase >> 2] = At.idt;
  i32[State.idtLimit >> 2] = 256 * 8 - 1;
  // all arithmetic flags clear
  i32[State.flagZero >> 2] = 1;
  i32[State.flagSign >> 2] = 1;

  const table: [number, DescriptorSpec][] = [
    [Sel.code0, { type: Type.code }], [Sel.data0, { type: Type.data }],
    [Sel.code1, { type: Type.code, dpl: 1 }], [Sel.data1, { type: Type.data, dpl: 1 }],
    [Sel.code3, { type: Type.code, dpl: 3 }], [Sel.data3, { type: Type.data, dpl: 3 }],
    [Sel.tss, { type: Type.tss32Busy, base: At.tss, limit: 0x67 }],
    [Sel.tss2, { type: Type.tss32, base: At.tss2, limit: 0x67, dpl: 3 }],
    [Sel.tss16, { type: Type.tss16, base: At.tss16, limit: 0x2b, dpl: 3, big: false }],
    [Sel.ldt, { type: Type.ldt, base: At.ldt, limit: 0x1f }],
    [Sel.conforming, { type: Type.conforming, dpl: 0 }],
    [Sel.absentCode3, { type: Type.code, dpl: 3, present: false }],
    [Sel.absentData3, { type: Type.data, dpl: 3, present: false }],
    [Sel.readOnly3, { type: Type.readOnly, dpl: 3 }],
    [Sel.executeOnly3, { type: Type.executeOnly, dpl: 3 }],
    [Sel.absentData0, { type: Type.data, present: false }],
    [Sel.small3, { type: Type.data, dpl: 3, base: At.stack3, limit: 0xff }],
    [Sel.expandDown3, { type: Type.expandDown, dpl: 3, limit: 0xfff }],
  ];
  for (const [selector, spec] of table) setDescriptor(cpu, selector, spec);
  poke32(cpu, At.tss + 4, At.stack0);
  poke32(cpu, At.tss + 8, Sel.data0);
  poke32(cpu, At.tss + 12, At.stack1);
  poke32(cpu, At.tss + 16, Sel.data1 | 1);
  // the I/O permission map would start beyond the limit: no ports for anybody
  poke16(cpu, At.tss + 102, 0x68);
  useSegment(cpu, SegmentRegister.tr, Sel.tss);
  enterLevel(cpu, 0);
}

/** Load a segment cache from the GDT without any check. */
export function useSegment(cpu: Processor, segment: number, selector: number): void {
  const at = At.gdt + (selector & 0xfff8);
  setCache(cpu, segment, selector, peek32(cpu, at) | 0, peek32(cpu, at + 4) | 0);
  cpu.updateMode();
}

/** Run at a privilege level (0, 1 or 3) with its flat segments, EIP at At.code, ESP on the level's stack. */
export function enterLevel(cpu: Processor, cpl: number): void {
  const code = cpl === 0 ? Sel.code0 : cpl === 1 ? Sel.code1 : Sel.code3;
  const data = cpl === 0 ? Sel.data0 : cpl === 1 ? Sel.data1 : Sel.data3;
  cpu.i32[State.cpl >> 2] = cpl;
  useSegment(cpu, SegmentRegister.cs, code | cpl);
  for (const segment of [SegmentRegister.ss, SegmentRegister.ds, SegmentRegister.es, SegmentRegister.fs, SegmentRegister.gs]) {
    useSegment(cpu, segment, data | cpl);
  }
  cpu.i32[State.eip >> 2] = At.code;
  setEsp(cpu, (cpl === 0 ? At.stack0 : cpl === 1 ? At.stack1 : At.stack3) - 0x100);
  cpu.updateMode();
}

/** Virtual-8086 mode with all segments at `selector`. */
export function enterVirtual8086(cpu: Processor, selector: number, iopl = 0): void {
  const { i32 } = cpu;
  i32[State.cpl >> 2] = 3;
  i32[State.eflags >> 2] = Eflags.vm | (iopl << Eflags.ioplShift) | Eflags.if;
  for (let segment = 0; segment < 6; segment++) {
    const cache = (State.segments >> 2) + 4 * segment;
    i32[cache] = selector;
    i32[cache + 1] = selector << 4;
    i32[cache + 2] = 0xffff;
    i32[cache + 3] = Access.present | Access.dplMask | Access.notSystem | Access.writable | Access.accessed;
  }
  i32[State.eip >> 2] = 0x100;
  setEsp(cpu, 0x800);
  cpu.updateMode();
}

export function esp(cpu: Processor): number {
  return cpu.u32[(State.gpr >> 2) + Register.esp]!;
}

export function setEsp(cpu: Processor, value: number): void {
  cpu.i32[(State.gpr >> 2) + Register.esp] = value;
}

export function eip(cpu: Processor): number {
  return cpu.u32[State.eip >> 2]!;
}

export function selector(cpu: Processor, segment: number): number {
  return cpu.u32[(State.segments >> 2) + 4 * segment]!;
}

/** The dwords on top of the stack, from ESP upwards. */
export function stackWords(cpu: Processor, count: number): number[] {
  const base = cpu.u32[(State.segments >> 2) + 4 * SegmentRegister.ss + 1]!;
  return Array.from({ length: count }, (_, i) => cpu.readSystem32(base + (esp(cpu) & cpu.stackMask) + 4 * i));
}

export interface Fault {
  vector: number;
  errorCode: number;
}

/** The fault that an action raises, or undefined. */
export function faultOf(action: () => void): Fault | undefined {
  try {
    action();
  } catch (fault) {
    if (!(fault instanceof CpuFault)) throw fault;
    return { vector: fault.vector, errorCode: fault.errorCode };
  }
  return undefined;
}

/** All words of the state page, to show that a fault changed nothing. */
export function snapshot(cpu: Processor): number[] {
  return Array.from(cpu.i32.subarray(Layout.state >> 2, (Layout.state + 0x200) >> 2));
}
