/*
 * Repeated string instructions on all engines: lengths that end inside pages and beyond, both directions, elements that
 * overlap what they were copied from, pages that are read only or not there, and budgets that end anywhere.
 */
import { describe, expect, it } from 'vitest';
import { Cr0, Eflags, type EngineName, ExitReason, Machine, Register, SegmentRegister } from '../index.js';
import { Random } from '../testing/random.js';

const pageBytes = 0x1000;
const exitSelector = 0x10;
const Frame = { directory: 1, table: 2, idt: 3, code: 4, data: 8, dataPages: 8 } as const;
const data = Frame.data * pageBytes;
const opcodes = { movs: 0xa4, cmps: 0xa6, stos: 0xaa, scas: 0xae } as const;
const Pte = { present: 1, writable: 2 } as const;
const ring0 = { code: 0x00c0_9b00, data: 0x00c0_9300 } as const;

function makeMachine(engine: EngineName): Machine {
  const machine = new Machine({ physicalBytes: 32 * pageBytes, engine, exitSelector, jit: { hotAfter: 1, steps: false } });
  const { cpu, physical } = machine;
  physical.write32(Frame.directory * pageBytes, (Frame.table * pageBytes) | Pte.present | Pte.writable);
  for (let vector = 0; vector < 32; vector++) {
    physical.write32(Frame.idt * pageBytes + 8 * vector, exitSelector << 16);
    physical.write32(Frame.idt * pageBytes + 8 * vector + 4, 0x8e00);
  }
  cpu.setIdt(Frame.idt * pageBytes, 0xff);
  cpu.cr3 = Frame.directory * pageBytes;
  cpu.cr0 = Cr0.pe | Cr0.wp;
  for (const register of [SegmentRegister.ss, SegmentRegister.ds, SegmentRegister.es])
    cpu.setSegment(register, { selector: 8, base: 0, limit: 0xffff_ffff, access: ring0.data });
  cpu.setSegment(SegmentRegister.cs, { selector: 0x18, base: 0, limit: 0xffff_ffff, access: ring0.code });
  return machine;
}

/** One case on one machine: how each run ended, and everything it left. */
function play(machine: Machine, seed: number, bytes: readonly number[]): string {
  const random = new Random(seed);
  const { cpu, physical } = machine;
  const small = random.oneIn(2);
  physical.write(data, Uint8Array.from({ length: Frame.dataPages * pageBytes }, () => (small ? Number(random.oneIn(500)) : random.below(256))));
  for (let page = 0; page < 32; page++) {
    const rights = page < Frame.data || !random.oneIn(6) ? Pte.present | Pte.writable : random.pick([0, Pte.present]);
    physical.write32(Frame.table * pageBytes + 4 * page, (page * pageBytes) | rights);
  }
  const code = Frame.code * pageBytes;
  physical.write(code, Uint8Array.of(
    0x89, 0xe9, // again: mov ecx, ebp
    ...bytes,
    0x4a, // dec edx
    0x75, 0x100 - bytes.length - 5, // jnz again
    0xf4,
  ));
  cpu.cr0 = Cr0.pe | Cr0.wp | Cr0.pg;
  cpu.flushTlb();
  cpu.eip = code;
  const length = random.pick([1, 4, 30, 300, 3000]);
  const middle = data + 3 * pageBytes + random.below(2 * pageBytes);
  cpu.regs.set([small ? random.pick([0, 0, 0x0101_0101, 1]) : random.word(), 0, 1 + random.below(12)]);
  cpu.regs[Register.ebp] = random.below(length);
  cpu.regs[Register.esi] = middle;
  cpu.regs[Register.edi] = random.oneIn(2) ? middle + random.below(41) - 20 : data + 2 * pageBytes + random.below(4 * pageBytes);
  cpu.eflags = random.pick([0, 0, Eflags.df]) | random.pick([0, Eflags.zf | Eflags.cf]) | Eflags.always;
  const log: string[] = [];
  for (let run = 0; run < 300; run++) {
    const exit = cpu.run(random.pick([1, 2, 7, 50, 1000, 5000]));
    log.push([exit.reason, exit.vector, exit.errorCode, cpu.cr2, cpu.eip, cpu.eflags, cpu.retired, ...cpu.regs].join(' '));
    if (exit.reason !== ExitReason.budget) break;
  }
  // bytes, and the Accessed and Dirty bits of their pages
  return `${log.join('\n')}\n${Buffer.from(physical.bytes.subarray(Frame.table * pageBytes, data + Frame.dataPages * pageBytes)).toString('base64')}`;
}

describe.each(['interpreter', 'jit'] as const)('repeated string instructions on the %s', (engine) => {
  it.each(Object.entries(opcodes).flatMap(([name, opcode]) => [1, 2, 4].flatMap((size) => [0xf3, 0xf2].map((prefix) => ({ name, opcode, size, prefix })))))(
    '$name, $size bytes, prefix $prefix', ({ opcode, size, prefix }) => {
      const machines = [makeMachine('reference'), makeMachine(engine)] as const;
      const bytes = [prefix, ...(size === 2 ? [0x66] : []), opcode + (size > 1 ? 1 : 0)];
      for (let seed = 1; seed <= 20; seed++) {
        const [expected, actual] = machines.map((machine) => play(machine, seed, bytes));
        if (actual !== expected) expect({ seed, state: actual!.slice(0, 2000) }).toEqual({ seed, state: expected!.slice(0, 2000) });
      }
      expect(machines[1].cpu.statistics.regions.compiled > 0).toBe(engine === 'jit');
      expect(machines[1].cpu.statistics.instructions.reference).toBeLessThan(machines[1].cpu.retired / 2);
    });
});
