/*
 * The arena of decoded code is emptied when it is full and used again: what lay there before must mean nothing.
 */
import { expect, it } from 'vitest';
import { Cr0, ExitReason, Machine, Register, SegmentRegister, Vector } from '../index.js';
import { Layout, State } from '../state.js';

const exitSelector = 0x10;
const at = { directory: 0x1000, table: 0x2000, idt: 0x3000, code: 0x8000, next: 0x9000 };
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
  const { cpu, physical } = makeMachine(engine);
  // as if instructions of five bytes had been there
  cpu.processor.u8.fill(5, cpu.processor.i32[State.arenaTop >> 2], Layout.physical);
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
