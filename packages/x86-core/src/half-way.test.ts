/*
 * Instructions that fault half way, on all engines: what they leave behind differs between makers (undefined-results.ts),
 * and must not between engines, which find out about a fault in different places.
 */
import { describe, expect, it } from 'vitest';
import { Cr0, Cr4, type EngineName, ExitReason, Machine, Register, SegmentRegister } from './index.js';
import { State } from './state.js';
import type { UndefinedResults } from './undefined-results.js';

const pageBytes = 0x1000;
const exitSelector = 0x10;
const Frame = { directory: 1, table: 2, idt: 3, code: 4, data: 8 } as const;
const code = Frame.code * pageBytes;
/** A page that can be written, between two that are not there. */
const data = Frame.data * pageBytes;
const above = data + pageBytes;
const present = 3;
const filler = 0xa5;
const loops = 300;

function makeMachine(engine: EngineName, undefinedResults: UndefinedResults): Machine {
  const machine = new Machine({ physicalBytes: 16 * pageBytes, engine, exitSelector, undefinedResults, jit: { hotAfter: 1, steps: false } });
  const { cpu, physical } = machine;
  physical.write32(Frame.directory * pageBytes, (Frame.table * pageBytes) | present);
  for (const page of [Frame.idt, Frame.code, Frame.data]) physical.write32(Frame.table * pageBytes + 4 * page, (page * pageBytes) | present);
  for (let vector = 0; vector < 32; vector++) {
    physical.write32(Frame.idt * pageBytes + 8 * vector, exitSelector << 16);
    physical.write32(Frame.idt * pageBytes + 8 * vector + 4, 0x8e00);
  }
  cpu.setIdt(Frame.idt * pageBytes, 0xff);
  cpu.cr3 = Frame.directory * pageBytes;
  cpu.cr4 = Cr4.osfxsr;
  cpu.cr0 = Cr0.pe | Cr0.pg | Cr0.wp | Cr0.ne | Cr0.mp;
  for (const register of [SegmentRegister.ss, SegmentRegister.ds, SegmentRegister.es])
    cpu.setSegment(register, { selector: 8, base: 0, limit: 0xffff_ffff, access: 0x00c0_9300 });
  cpu.setSegment(SegmentRegister.cs, { selector: 0x18, base: 0, limit: 0xffff_ffff, access: 0x00c0_9b00 });
  return machine;
}

/** A register where all goes well, and where it does not. */
interface Play { readonly name: string; readonly bytes: readonly number[]; readonly register: number; readonly good: number; readonly bad: number }

const { ebx, ebp, esi } = Register;
const plays: readonly Play[] = [
  { name: 'pusha', bytes: [0x60], register: ebp, good: data + 0x800, bad: data + 12 },
  { name: 'popa', bytes: [0x61, 0xba, 1, 0, 0, 0], register: ebp, good: data + 0x800, bad: above - 12 },
  { name: 'fstp m80', bytes: [0xd9, 0xe8, 0xdb, 0x3b], register: ebx, good: data, bad: above - 9 },
  { name: 'fbstp', bytes: [0xd9, 0xe8, 0xdf, 0x33], register: ebx, good: data, bad: above - 8 },
  { name: 'fst m32 to a page that is not there', bytes: [0xd9, 0x13], register: ebx, good: data, bad: above },
  { name: 'movq m64', bytes: [0x0f, 0x7f, 0x03], register: ebx, good: data, bad: above },
  { name: 'movntq m64', bytes: [0x0f, 0xe7, 0x03], register: ebx, good: data, bad: above - 4 },
  { name: 'push ds', bytes: [0x1e], register: ebp, good: data + 0x800, bad: above },
  { name: 'push ds across', bytes: [0x1e], register: ebp, good: data + 0x800, bad: above + 2 },
  // lea edi, [esi - 4 pages]: another page that is there, or is not
  { name: 'repe cmpsd', bytes: [0x8d, 0xbe, 0, 0xc0, 0xff, 0xff, 0xb9, 9, 0, 0, 0, 0xf3, 0xa7], register: esi, good: data, bad: above },
  { name: 'repe cmpsd across', bytes: [0x8d, 0xbe, 0, 0xc0, 0xff, 0xff, 0xb9, 9, 0, 0, 0, 0xf3, 0xa7], register: esi, good: data, bad: above - 2 },
  { name: 'cmpsd', bytes: [0x8d, 0xbe, 0, 0xc0, 0xff, 0xff, 0xa7], register: esi, good: data, bad: above },
  { name: 'repne scasd', bytes: [0x89, 0xf7, 0xb9, 9, 0, 0, 0, 0xf2, 0xaf], register: esi, good: data, bad: above - 8 },
];

/** How it ended, and what there is then: registers, TOP, and the page. */
function outcome(machine: Machine, { bytes, register, good, bad }: Play): Record<string, unknown> {
  const { cpu, physical } = machine;
  const body = [0x89, 0xec, ...bytes, 0x4a]; // mov esp, ebp; …; dec edx
  physical.write(code, Uint8Array.of(...body, 0x75, 0x100 - body.length - 2, 0xf4));
  const run = (where: number, times: number): ReturnType<typeof cpu.run> => {
    physical.write(data, new Uint8Array(pageBytes).fill(filler));
    const { i32 } = cpu.processor;
    i32.fill(0, State.fpuControl >> 2, (State.fpu >> 2) + 32);
    i32[State.fpuControl >> 2] = 0x37f;
    i32[State.fpuTop >> 2] = 3;
    cpu.regs.set([0x1111_1111, 0x2222_2222, times, 0, 0, data + 0x800, 0, 0]);
    cpu.regs[register] = where;
    cpu.eflags = 0x8d7;
    cpu.eip = code;
    return cpu.run(100_000);
  };
  expect(run(good, loops).reason).toBe(ExitReason.halt);
  const exit = run(bad, 1);
  const page = physical.bytes.slice(data, data + pageBytes);
  const written = [...page.entries()].flatMap(([at, byte]) => (byte === filler ? [] : [`${at.toString(16)}:${byte.toString(16)}`]));
  return {
    vector: exit.reason === ExitReason.gate ? exit.vector : exit.reason, cr2: cpu.cr2, eip: cpu.eip, eflags: cpu.eflags, regs: Array.from(cpu.regs),
    top: cpu.processor.i32[State.fpuTop >> 2], tags: cpu.processor.i32[State.fpuTags >> 2], written,
  };
}

describe.each(['intel', 'amd'] as const)('results of %s', (maker) => {
  const [first, ...others] = (['reference', 'interpreter', 'jit'] as const).map((engine) => ({ engine, machine: makeMachine(engine, maker) }));
  it.each(plays)('$name', (play) => {
    const wanted = outcome(first!.machine, play);
    for (const { engine, machine } of others) expect(outcome(machine, play), engine).toEqual(wanted);
  });

  const ends = (name: string): Record<string, unknown> => outcome(first!.machine, plays.find((play) => play.name === name)!);
  const intel = maker === 'intel';
  it('are as they were measured', () => {
    expect(ends('pusha')).toMatchObject({ vector: 14, written: intel ? ['0:1', '1:0', '2:0', '3:0', '4:22', '5:22', '6:22', '7:22', '8:11', '9:11', 'a:11', 'b:11'] : [] });
    expect(ends('fstp m80')).toMatchObject({ vector: 14, written: intel ? ['ff7:0', 'ff8:0', 'ff9:0', 'ffa:0', 'ffb:0', 'ffc:0', 'ffd:0', 'ffe:80'] : [] });
    expect(ends('movq m64')).toMatchObject({ vector: 14, top: intel ? 0 : 3, tags: 0 });
    expect(ends('push ds')).toMatchObject({ vector: ExitReason.halt, written: intel ? ['ffc:8', 'ffd:0'] : ['ffc:8', 'ffd:0', 'ffe:0', 'fff:0'] });
    expect(ends('push ds across')).toMatchObject({ vector: intel ? ExitReason.halt : 14 });
    for (const name of ['repe cmpsd', 'repe cmpsd across', 'cmpsd']) expect(ends(name)).toMatchObject({ vector: 14, cr2: intel ? above - 0x4000 : above });
    expect(ends('repne scasd')).toMatchObject({ vector: 14, eflags: intel ? 0x8d7 : 0x17 });
  });
});

describe.each(['reference', 'interpreter', 'jit'] as const)('%s engine', (engine) => {
  it.each([['intel', ExitReason.halt], ['amd', 14]] as const)('a store that an unmasked exception prevents: %s', (maker, wanted) => {
    const machine = makeMachine(engine, maker);
    const { cpu, physical } = machine;
    physical.write(code, Uint8Array.of(0xd9, 0x13, 0xf4)); // fst dword [ebx]; hlt
    cpu.processor.i32[State.fpuControl >> 2] = 0x37e;
    cpu.regs[ebx] = above;
    cpu.eip = code;
    const exit = cpu.run(100);
    expect(exit.reason === ExitReason.gate ? exit.vector : exit.reason).toBe(wanted);
  });
});
