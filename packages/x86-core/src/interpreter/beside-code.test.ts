/*
 * Data on a page of code: writing it changes no code, and need not be slow; writing what is code does.
 */
import { expect, it } from 'vitest';
import { Cr4, type EngineName, ExitReason, Register } from '../index.js';
import { assemble, codeAt as at, flatMachine } from '../testing/flat-machine.js';

/** Run assembly until it halts, on a flat machine. The registers and the whole page of code are what it has done. */
function run(engine: EngineName, source: string, routine = ''): { state: { page: Uint8Array; registers: number[] }; stepped: number; inRegions: number } {
  const { cpu, physical } = flatMachine(source, at + 0x800, { physicalBytes: 1 << 16, engine, jit: { hotAfter: 1 } });
  physical.write(at + routineAt, assemble(routine));
  cpu.cr4 = Cr4.osfxsr;
  expect(cpu.run(5_000_000).reason).toBe(ExitReason.halt);
  const { reference, regions } = cpu.statistics.instructions;
  return { state: { page: physical.bytes.slice(at, at + 0x1000), registers: [...cpu.regs] }, stepped: reference, inRegions: regions / cpu.retired };
}

const routineAt = 0x200;
const data = (offset: number): string => `0x${(at + 0x400 + offset).toString(16)}`;

/** Writes of all sorts to data on the page. */
const stores = `
  incl ${data(0)}; movb %cl, ${data(5)}; movw %cx, ${data(6)}; addl $3, ${data(8)}; mov %ecx, ${data(12)}(,%eax,4)
  xorl %ecx, ${data(20)}; rolb $1, ${data(24)}; setc ${data(25)}; fildl ${data(0)}; fistpl ${data(28)}
  mov $${data(32)}, %edi; stosl; mov $${data(0)}, %esi; movsl; lock xaddl %ebx, ${data(40)}; movups ${data(0)}, %xmm0; movups %xmm0, ${data(48)}
  fildl ${data(0)}; fstl ${data(64)}; fstpl ${data(72)}(,%eax,8)
`;
const loop = (body: string, count = 300): string => `fninit; xor %eax, %eax; mov $${count}, %ecx; mov $7, %ebx\nagain: ${body}\n dec %ecx; jnz again; hlt`;

it.each(['interpreter', 'jit'] as const)('is written without a detour (%s)', (engine) => {
  const { state, stepped } = run(engine, loop(stores));
  expect(state).toEqual(run('reference', loop(stores)).state);
  expect(state.registers[Register.ecx]).toBe(0);
  // once it is clear that there is such data
  expect(stepped).toBeLessThan(100);
});

it.each(['interpreter', 'jit'] as const)('is told from the code (%s)', (engine) => {
  // the loop writes data, and the number in an instruction of the routine that it calls
  const source = loop(`${stores} mov %ecx, 0x${(at + routineAt + 1).toString(16)}; mov $0x${(at + routineAt).toString(16)}, %edx; call *%edx`);
  const routine = 'mov $0x11111111, %edx; add %edx, %ebp; ret';
  const { state } = run(engine, source, routine);
  expect(state).toEqual(run('reference', source, routine).state);
  expect(state.registers[Register.ebp]).toBe((300 * 301) / 2);
});

it('is written by regions, which go when it is code after all', () => {
  const many = 20_000;
  const plain = run('jit', loop(stores, many));
  expect(plain.state).toEqual(run('reference', loop(stores, many)).state);
  expect(plain.inRegions).toBeGreaterThan(0.8);
  // now and then the number in an instruction of the routine is changed as well
  const source = loop(`${stores} mov $0x${(at + routineAt).toString(16)}, %edx; test $0xfff, %ecx; jnz same; mov %ecx, 1(%edx); same: call *%edx`, many);
  const routine = 'mov $0x11111111, %edx; add %edx, %ebp; ret';
  const changing = run('jit', source, routine);
  expect(changing.state).toEqual(run('reference', source, routine).state);
  expect(changing.inRegions).toBeGreaterThan(0.5);
});
