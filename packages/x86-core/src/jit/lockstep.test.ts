/*
 * Lockstep finds what it is there to find. A region goes wrong here because its code is changed behind the machine's back:
 * the region does what the bytes once said, the reference engine what they say now.
 */
import { describe, expect, it } from 'vitest';
import { type JitOptions, Machine } from '../index.js';
import { codeAt, flatMachine } from '../testing/flat-machine.js';

const dataAt = 0x2_0000;
const budget = 100_000;

const machineWith = (source: string, jit: JitOptions = { hotAfter: 1, lockstep: true }): Machine =>
  flatMachine(source, 0x8_0000, { physicalBytes: 1 << 20, engine: 'jit', jit });

/** Where some bytes of the code are. */
function placeOf(machine: Machine, ...bytes: number[]): number {
  const at = Buffer.from(machine.physical.bytes.subarray(codeAt, codeAt + 0x100)).indexOf(Uint8Array.of(...bytes));
  expect(at).toBeGreaterThanOrEqual(0);
  return codeAt + at;
}

/** Loops over memory, calls, pushes and pops: all of it in regions. */
const busy = `again: mov $${dataAt}, %edi\nmov $50, %ecx
  next: mov (%edi), %eax\nadd $3, %eax\nmov %eax, (%edi)\nadd $4, %edi\ncall mix\ndec %ecx\njnz next\njmp again
  mix: push %ebx\nadd %eax, %ebx\nrol $7, %ebx\nxor %ebx, %edx\npop %esi\nret`;

describe('lockstep', () => {
  it('compares all that regions do, and changes nothing', () => {
    const [checked, plain] = [machineWith(busy), machineWith(busy, { hotAfter: 1 })];
    for (const { cpu } of [checked, plain]) cpu.run(budget);
    const { regions, instructions } = checked.cpu.statistics;
    expect(regions.compared.instructions).toBe(instructions.regions);
    expect(instructions.regions).toBeGreaterThan(budget / 2);
    expect(regions.compared.regions).toBeGreaterThan(10);
    expect([checked.cpu.eip, checked.cpu.eflags, checked.cpu.retired, ...checked.cpu.regs]).toEqual([plain.cpu.eip, plain.cpu.eflags, plain.cpu.retired, ...plain.cpu.regs]);
    expect(Buffer.compare(checked.physical.bytes, plain.physical.bytes)).toBe(0);
  });

  it.each<[string, number[], number, number, RegExp]>([
    ['a register', [0xc1, 0xc3, 7], 2, 8, /ebx is 0x[0-9a-f]+, and 0x[0-9a-f]+ by the reference engine/],
    ['memory', [0x83, 0xc0, 3], 2, 4, /the byte at physical address 0x[0-9a-f]+ is 0x[0-9a-f]+, and 0x[0-9a-f]+ by/],
    ['where it goes on', [0xeb], 1, 0xfe, /it goes on at 0x10[0-9a-f]{2}, the reference engine at 0x10[0-9a-f]{2}/],
    ['how far it comes', [0x5e], 0, 0xf4, /it has executed \d+, but the reference engine stops after \d+/],
  ])('finds a difference in %s', (_what, bytes, at, value, sentence) => {
    const machine = machineWith(busy);
    machine.cpu.run(budget);
    const place = placeOf(machine, ...bytes) + at;
    machine.physical.bytes[place] = value;
    let message = '';
    try {
      machine.cpu.run(budget);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toMatch(/^lockstep: the region at 0x10[0-9a-f]{2} \(supervisor\) differs from the reference engine after \d+ instructions/);
    expect(message).toMatch(sentence);
  });
});

describe('options of the JIT', () => {
  it.each<[unknown, string]>([
    [{ hotAfter: 0 }, 'jit.hotAfter is 0: a whole number from 1 to'],
    [{ maxRegions: 5000 }, 'jit.maxRegions is 5000: a whole number from 1 to 1023 is wanted'],
    [{ maxInstructions: 1.5 }, 'jit.maxInstructions is 1.5'],
    [{ windows: 'off' }, 'jit.windows is off: true or false is wanted'],
    [{ window: false }, 'jit.window is no option; there are hotAfter,'],
    [7, 'jit is 7: an object of options is wanted'],
  ])('refuse %j', (jit, sentence) => {
    expect(() => new Machine({ physicalBytes: 1 << 16, jit: jit as JitOptions })).toThrow(sentence);
  });

  it('bound how many regions there are', () => {
    const { cpu } = machineWith(Array.from({ length: 20 }, (_, i) => `loop${i}: inc %eax\ncmp $100, %eax\njne loop${i}\nxor %eax, %eax`).join('\n') + '\njmp loop0', { hotAfter: 1, maxRegions: 2, maxInstructions: 10 });
    for (let i = 0; i < 100; i++) cpu.run(budget);
    const { regions } = cpu.statistics;
    expect(regions.live).toBeLessThanOrEqual(2);
    expect(regions.evictions).toBeGreaterThan(0);
    expect(regions.compiled - regions.dropped).toBe(regions.live);
  });
});
