/*
 * Regions with code of several pages, some of which nobody has been to since translations went; and instructions that begin in
 * one page and end in the next.
 */
import { describe, expect, it } from 'vitest';
import { type EngineName, ExitReason, type JitOptions, type Machine, Register } from '../index.js';
import { Cr0 } from '../state.js';
import { assemble, codeAt, flatMachine } from '../testing/flat-machine.js';

const budget = 200_000;
const pageSize = 0x1000;
/** A gate that names it ends a run. */
const exitSelector = 0x20;
const pageFault = 14;

const machineWith = (source: string, engine: EngineName = 'jit', jit: JitOptions = {}): Machine =>
  flatMachine(source, 0x8_0000, { physicalBytes: 1 << 20, engine, jit: { hotAfter: 1, ...jit } });

/** A loop in which an ADD of six bytes begins so many bytes before the end of the first page of code. */
function crossingLoop(before: number, rest = ''): string {
  const filled = pageSize - before - 6;
  return `jmp again\n${'nop\n'.repeat(filled - 5)}again: inc %ecx\nrol $3, %ebx\nnop\nnop\nadd $0x01020304, %ebx\nxor %ecx, %ebx\n${rest}jmp again`;
}

/** Runs machines side by side; their registers must agree. */
function runAlike(machines: readonly [Machine, Machine], rounds: number, between: (machine: Machine, round: number) => void = () => undefined): void {
  const [jit, interpreter] = machines;
  for (let i = 0; i < rounds; i++) {
    for (const { cpu } of machines) expect(cpu.run(budget - i).reason).toBe(ExitReason.budget);
    expect([...jit.cpu.regs, jit.cpu.eip]).toEqual([...interpreter.cpu.regs, interpreter.cpu.eip]);
    for (const machine of machines) between(machine, i);
  }
}

/** Paging, with pages where they are and their tables in low memory. */
function mapEverything({ cpu, physical }: Machine): void {
  for (let page = 0; page < 256; page++) physical.write32(0x6_0000 + 4 * page, (page << 12) | 7);
  physical.write32(0x6_1000, 0x6_0007);
  cpu.cr3 = 0x6_1000;
  cpu.cr0 = Cr0.pe | Cr0.et | Cr0.pg;
}

describe('an instruction across the end of a page', () => {
  it.each([1, 2, 3, 4, 5])('is part of regions, with %i bytes before it', (before) => {
    const source = crossingLoop(before);
    const machines = [machineWith(source, 'jit', { keepCode: true }), machineWith(source, 'interpreter')] as const;
    runAlike(machines, 10);
    const { cpu } = machines[0];
    const soFar = cpu.statistics.instructions;
    cpu.run(budget);
    expect(cpu.statistics.instructions.regions - soFar.regions).toBeGreaterThan(0.99 * budget);
    const { blocks } = cpu.regions()[0]!;
    for (const { linear, bytes } of blocks) expect([...bytes]).toEqual([...machines[0].physical.bytes.subarray(linear, linear + bytes.length)]);
  });

  it('is compared in lockstep', () => {
    const source = crossingLoop(3);
    const machines = [machineWith(source, 'jit', { lockstep: true }), machineWith(source, 'interpreter')] as const;
    runAlike(machines, 3);
    const { compared } = machines[0].cpu.statistics.regions;
    expect(compared.instructions).toBeGreaterThan(budget);
    expect(compared.instructions / compared.regions).toBeGreaterThan(100);
  });

  it('takes its region along when it changes, on either side', () => {
    const source = crossingLoop(3);
    const machines = [machineWith(source), machineWith(source, 'interpreter')] as const;
    const end = codeAt + pageSize;
    // the immediate's first byte, and its last
    runAlike(machines, 20, ({ physical }, round) => physical.write8(round % 2 === 0 ? end - 1 : end + 2, 0x40 + round));
    expect(machines[0].cpu.statistics.regions.dropped).toBeGreaterThan(10);
    expect(machines[0].cpu.statistics.instructions.regions).toBeGreaterThan(budget);
  });

  it('goes on in another page when the following one is mapped elsewhere', () => {
    const source = crossingLoop(3);
    const machines = [machineWith(source), machineWith(source, 'interpreter')] as const;
    const next = codeAt + pageSize;
    for (const machine of machines) {
      mapEverything(machine);
      // another immediate, in another place
      machine.physical.write(0x3_0000, machine.physical.bytes.slice(next, next + pageSize));
      machine.physical.write8(0x3_0002, 0x77);
    }
    runAlike(machines, 20, ({ cpu, physical }, round) => {
      physical.write32(0x6_0000 + 4 * (next >>> 12), (round % 2 === 0 ? 0x3_0000 : next) | 7);
      cpu.flushTlb();
    });
    expect(machines[0].cpu.statistics.instructions.regions).toBeGreaterThan(budget);
  });

  it('is decoded once what it ends in is mapped', () => {
    const source = crossingLoop(3);
    const machine = flatMachine(source, 0x8_0000, { physicalBytes: 1 << 20, engine: 'interpreter', exitSelector });
    const { cpu, physical } = machine;
    mapEverything(machine);
    cpu.setIdt(0x7_0000, 0x7ff);
    physical.write32(0x7_0000 + 8 * pageFault, exitSelector << 16);
    physical.write32(0x7_0000 + 8 * pageFault + 4, 0x8e00);
    const next = codeAt + pageSize;
    physical.write32(0x6_0000 + 4 * (next >>> 12), 0);
    expect(cpu.run(budget)).toMatchObject({ reason: ExitReason.gate, vector: pageFault });
    expect([cpu.eip, cpu.cr2]).toEqual([next - 3, next]);
    physical.write32(0x6_0000 + 4 * (next >>> 12), next | 7);
    for (let i = 0; i < 10; i++) cpu.run(budget);
    expect(cpu.regs[Register.ecx]).toBeGreaterThan(budget);
    expect(cpu.statistics.instructions.reference).toBeLessThan(100);
  });
});

describe('regions of several pages', () => {
  it('begin although nobody has been to some of their pages since translations went', () => {
    // the other page has its turn once in 64 times, and translations go more often than that
    const source = `again: inc %ecx\nadd %ecx, %ebx\nrol $3, %ebx\ntest $0x3f, %ecx\njz far\njmp again\n${'nop\n'.repeat(pageSize)}far: xor %ecx, %ebx\njmp again`;
    const machine = machineWith(source, 'jit', { keepCode: true });
    const { cpu } = machine;
    for (let i = 0; i < 20; i++) cpu.run(budget);
    expect(cpu.regions().some(({ blocks }) => blocks.some(({ linear }) => linear > codeAt + pageSize))).toBe(true);
    const before = cpu.statistics.instructions;
    for (let i = 0; i < 1000; i++) {
      cpu.flushTlb();
      cpu.run(100);
    }
    const { regions } = cpu.statistics.instructions;
    expect(regions - before.regions).toBeGreaterThan(0.8 * 1000 * 100);
  });

  it('leave at the edge of a page that is another one now', () => {
    const source = `again: inc %ecx\ncall far\nadd %ecx, %ebx\njmp again\n${'nop\n'.repeat(pageSize)}far: rol $3, %ebx\nadd $5, %ebx\nret`;
    const machines = [machineWith(source), machineWith(source, 'interpreter')] as const;
    const far = codeAt + assemble(source).length - 7;
    const page = far & ~(pageSize - 1);
    for (const machine of machines) {
      mapEverything(machine);
      machine.physical.write(0x3_0000, machine.physical.bytes.slice(page, page + pageSize));
      machine.physical.write8(0x3_0000 + (far & (pageSize - 1)) + 5, 0x55);
    }
    runAlike(machines, 30, ({ cpu, physical }, round) => {
      physical.write32(0x6_0000 + 4 * (page >>> 12), (round % 2 === 0 ? 0x3_0000 : page) | 7);
      cpu.flushTlb();
    });
    expect(machines[0].cpu.statistics.instructions.regions).toBeGreaterThan(budget);
  });
});

describe('a region for what comes behind an instruction that no region can have', () => {
  it('begins right there', () => {
    const source = 'again: add %eax, %ecx\nrol $3, %ecx\nsmsw %eax\nsidt 0x20000\nxor %ecx, %edx\nrol $5, %edx\njmp again';
    const machine = machineWith(source, 'jit', { keepCode: true });
    for (let i = 0; i < 40; i++) machine.cpu.run(budget);
    const behind = codeAt + Buffer.from(assemble(source)).indexOf(Uint8Array.of(0x31, 0xca));
    expect(machine.cpu.regions().map(({ linear }) => linear)).toContain(behind);
    expect(machine.cpu.regs[Register.edx]).not.toBe(0);
  });
});
