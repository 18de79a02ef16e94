/* Under PAE a physical address may have 36 bits. What lies beyond memory reads as all ones, whatever its lower 32 bits are. */
import { expect, it } from 'vitest';
import { type EngineName, ExitReason, Register } from './index.js';
import { Cr0, Cr4 } from './state.js';
import { assemble, codeAt, flatMachine } from './testing/flat-machine.js';

const [pointers, directory, table] = [0x4000, 0x5000, 0x6000];
const [target, lowFrame] = [0x2000, 0x3000];

it.each(['reference', 'interpreter', 'jit'] as const)('neither code nor data is taken from the frame below (%s)', (engine: EngineName) => {
  const { cpu, physical } = flatMachine(`mov ${target}, %edx\nmov $${target}, %ecx\njmp *%ecx`, 0x8000, { physicalBytes: 1 << 16, engine });
  physical.write32(pointers, directory | 1);
  physical.write32(directory, table | 7);
  for (let page = 0; page < 16; page++) physical.write32(table + 8 * page, (page << 12) | 7);
  physical.write32(table + 8 * (target >>> 12), lowFrame | 7);
  physical.write32(table + 8 * (target >>> 12) + 4, 1);
  physical.write(lowFrame, assemble('inc %eax\nhlt'));
  cpu.cr4 = Cr4.pae;
  cpu.cr3 = pointers;
  cpu.cr0 = Cr0.pe | Cr0.et | Cr0.pg;
  expect(cpu.eip).toBe(codeAt);
  // all ones are no instruction, and there is no handler
  expect(cpu.run(100).reason).toBe(ExitReason.shutdown);
  expect([cpu.regs[Register.eax], cpu.regs[Register.edx]]).toEqual([0, -1]);
});
