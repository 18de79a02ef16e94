/*
 * The arena of decoded code is emptied when it is full and used again: what lay there before must mean nothing.
 */
import { expect, it } from 'vitest';
import { Cr0, ExitReason, Machine, Register, SegmentRegister, Vector } from '../index.js';
import { Layout, State } from '../state.js';
import { spilt } from './decode-run.js';

const exitSelector = 0x10;
const at = { directory: 0x1000, table: 0x2000, idt: 0x3000, code: 0x8000, next: 0x9000, filling: 0x1_0000 };
const present = 3;
const gate = 0x8e00;
const flatCode = 0x00c0_9b00;
const flatData = 0x00c0_9300;
/** mov eax, 0x12345678, two bytes before the end of a page; then inc eax, hlt. */
const program = [0xb8, 0x78, 0x56, 0x34, 0x12, 0x40, 0xf4];

function makeMachine(engine: 'interpreter' | 'jit', physicalBytes = 1 << 16): Machine {
  const machine = new Machine({ physicalBytes, engine, exitSelector });
  const { cpu, physical } = machine;
  physical.write32(at.directory, at.table | present);
  for (let page = 0; page < 16; page++) physical.write32(at.table + 4 * page, (page << 12) | present);
  for (let vector = 0; vector < 32; vector++) {
    physical.write32(at.idt + 8 * vector, exitSelector << 16);
    physical.write32(at.idt + 8 * vector + 4, gate);
  }
  physical.write(at.next - 2, Uint8Array.from(program));
  cpu.setIdt(at.idt, 0xff);
  cpu.cr3 = at.directory;
  cpu.cr0 = Cr0.pe | Cr0.et | Cr0.ne | Cr0.wp | Cr0.pg;
  cpu.setSegment(SegmentRegister.cs, { selector: 8, base: 0, limit: 0xffff_ffff, access: flatCode });
  for (const register of [SegmentRegister.es, SegmentRegister.ss, SegmentRegister.ds]) {
    cpu.setSegment(register, { selector: 0x18, base: 0, limit: 0xffff_ffff, access: flatData });
  }
  return machine;
}

it.each(['interpreter', 'jit'] as const)('an instruction decoded while the page of its second half was absent (%s)', (engine) => {
  const { cpu, physical } = makeMachine(engine, 1 << 19);
  // all of the arena that is in use at first has held instructions of five bytes: add $imm32, %eax
  const { cr0 } = cpu;
  cpu.cr0 = Cr0.pe | Cr0.et;
  for (let i = 0; i < 60_000; i++) physical.write8(at.filling + 5 * i, 0x05);
  physical.write8(at.filling + 5 * 60_000, 0xf4);
  cpu.eip = at.filling;
  expect(cpu.run(100_000).reason).toBe(ExitReason.halt);
  expect(cpu.statistics.evictions).toBeGreaterThan(0);
  cpu.cr0 = cr0;
  cpu.regs.fill(0);
  physical.write32(at.table + 4 * (at.next >>> 12), 0);
  cpu.flushTlb();
  cpu.eip = at.next - 2;
  expect(cpu.run(100)).toMatchObject({ reason: ExitReason.gate, vector: Vector.pageFault });
  expect(cpu.cr2).toBe(at.next);
  physical.write32(at.table + 4 * (at.next >>> 12), at.next | present);
  expect(cpu.run(100)).toMatchObject({ reason: ExitReason.halt });
  expect(cpu.regs[Register.eax]).toBe(0x1234_5679);
  expect(cpu.eip).toBe(at.next + 5);
});

it.each([1, 3, 40])('what was never used of it holds zeros (runs of %i)', (length) => {
  const { cpu, physical } = makeMachine('interpreter', 1 << 19);
  const { u8, i32 } = cpu.processor;
  cpu.cr0 = Cr0.pe | Cr0.et;
  // inc eax, then over nothing to the next
  physical.write(at.filling, Uint8Array.from({ length: 20_000 }, (_, i) => [...new Array<number>(length - 1).fill(0x40), 0xeb, 0][i % (length + 1)]!));
  physical.write8(at.filling + Math.floor(20_000 / (length + 1)) * (length + 1), 0xf4);
  cpu.eip = at.filling;
  expect(cpu.run(100_000).reason).toBe(ExitReason.halt);
  expect(cpu.statistics.evictions).toBe(0);
  const top = i32[State.arenaTop >> 2]!;
  expect(u8.subarray(top + spilt, Layout.physical).every((byte) => byte === 0)).toBe(true);
  expect(u8.subarray(top, top + spilt).some((byte) => byte !== 0)).toBe(true);
});

it('a table over the place where what was in use once ended is empty', () => {
  const { cpu, physical } = makeMachine('interpreter', 1 << 17);
  const { u8, i32 } = cpu.processor;
  cpu.cr0 = Cr0.pe | Cr0.et;
  const [jumps, halts, another] = [at.filling, at.filling + 0x1000, at.filling + 0x2000];
  const run = (from: number): void => {
    cpu.eip = from;
    expect(cpu.run(1000).reason).toBe(ExitReason.halt);
  };
  for (let i = 0; i < 500; i++) physical.write(jumps + 2 * i, Uint8Array.of(0xeb, 0));
  for (const end of [jumps + 1000, halts, another]) physical.write8(end, 0xf4);
  run(jumps);
  const once = i32[State.arenaTop >> 2]!;
  expect(u8.subarray(once, once + spilt).some((byte) => byte !== 0)).toBe(true);
  // now there is no room for another table
  i32[State.arenaEnd >> 2] = once + 0x2000;
  run(halts);
  expect(cpu.statistics.evictions).toBe(1);
  i32[State.arenaEnd >> 2] = once + (1 << 20);
  expect(i32[State.arenaTop >> 2]).toBeLessThan(once);
  run(another);
  expect(i32[State.arenaTop >> 2]).toBeGreaterThan(once + spilt);
  expect(u8.subarray(once, once + spilt).every((byte) => byte === 0)).toBe(true);
});

it('code that runs once fills a part of the arena only; what comes back again and again gets more', () => {
  const { cpu, physical } = makeMachine('interpreter', 1 << 19);
  const instructions = 300_000;
  cpu.cr0 = Cr0.pe | Cr0.et;
  physical.write(at.code, new Uint8Array(instructions).fill(0x40)); // inc eax
  physical.write8(at.code + instructions, 0xf4);
  const run = (): { evictions: number; codeBytes: number } => {
    cpu.regs[Register.eax] = 0;
    cpu.eip = at.code;
    expect(cpu.run(1_000_000).reason).toBe(ExitReason.halt);
    expect(cpu.regs[Register.eax]).toBe(instructions);
    return cpu.statistics;
  };
  const once = run();
  expect(once.evictions).toBeGreaterThan(1);
  expect(once.codeBytes).toBeLessThan(1 << 20);
  for (let i = 0; i < 5; i++) run();
  const { evictions, codeBytes } = run();
  expect(codeBytes).toBeGreaterThan(instructions * 32);
  // all of it is there now
  expect(run().evictions).toBe(evictions);
});
