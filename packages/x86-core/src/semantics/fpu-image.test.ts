/*
 * FXSAVE and FXRSTOR of two tasks that take turns, and all that their shortcut must leave to the reference.
 */
import { expect, it } from 'vitest';
import { Cr4, type EngineName, ExitReason, type Machine } from '../index.js';
import { Cr0, State } from '../state.js';
import { assemble, codeAt, flatMachine } from '../testing/flat-machine.js';

const turns = 200;
const [first, second] = [0x4000, 0x4e00];

/** Two tasks' registers are loaded, changed and saved by turns; in memory is then what each has come to. */
const program = (images: readonly number[], between = ''): string => `mov $${turns}, %ecx
  again:
  ${images.map((image) => `fxrstor 0x${image.toString(16)}\n ${between}
  fldl 0x3000\nfaddl 0x3008\nfstpl 0x3000\nfld1\nfstp %st(3)\npaddd %xmm1, %xmm0\npxor %xmm0, %xmm7
  fxsave 0x${image.toString(16)}`).join('\n')}
  dec %ecx\njnz again\nhlt`;

function run(engine: EngineName, source: string, prepare: (machine: Machine) => void = () => undefined): { state: unknown; stepped: number; reason: number } {
  const machine = flatMachine(source, 0x8000, { physicalBytes: 1 << 16, engine, jit: { hotAfter: 1 } });
  const { cpu, physical } = machine;
  cpu.cr0 = Cr0.pe | Cr0.ne | Cr0.mp;
  cpu.cr4 = Cr4.osfxsr;
  for (const image of [first, second]) {
    for (let at = image & ~15; at < image + 512; at += 4) physical.write32(at, Math.imul(at, 0x9e37_79b1));
    // TOP is 2 or 3, no register in use
    physical.write32(image, 0x037f | ((image === first ? 2 : 3) << 27));
    physical.write32(image + 4, 0);
    physical.write32(image + 24, 0x1f80);
  }
  physical.write(0x3000, new Uint8Array(new Float64Array([0.1, 1e-3]).buffer));
  prepare(machine);
  const { reason } = cpu.run(1_000_000);
  const u8 = new Uint8Array(physical.bytes.buffer);
  const fpu = [...u8.subarray(State.fpuControl, State.mxcsr + 8)];
  return { state: [[...cpu.regs], cpu.eip, cpu.retired, fpu, [...physical.bytes.subarray(0x3000, 0x6000)]], stepped: cpu.statistics.instructions.reference, reason };
}

it.each(['interpreter', 'jit'] as const)('are done by generated code (%s)', (engine) => {
  const { state, stepped, reason } = run(engine, program([first, second]));
  expect(state).toEqual(run('reference', program([first, second])).state);
  expect(reason).toBe(ExitReason.halt);
  // the second image is met for the first time, and what both restore at first may be pending
  expect(stepped).toBeLessThan(turns / 4);
});

it.each<[string, string, ((machine: Machine) => void)?]>([
  ['across pages', program([first, 0x5f00])],
  ['that is pending', program([first, second], 'fwait'), ({ physical }) => physical.write32(first, 0x0001_0340)],
  ['with bits that there are not', program([first]), ({ physical }) => physical.write32(first + 24, 0x1_1f80)],
  ['at no multiple of 16', program([first + 4])],
  ['without SSE', program([first, second]).replaceAll(/p(addd|xor) .*/g, ''), ({ cpu }) => { cpu.cr4 = 0; }],
  ['that is not to be had', program([first]), ({ cpu }) => { cpu.cr0 = Cr0.pe | Cr0.ts; }],
  ['through a segment', program([first, second]).replaceAll('fxsave ', 'fxsave %fs:')],
])('do as the reference does with an image %s', (_, source, prepare) => {
  const wanted = run('reference', source, prepare);
  for (const engine of ['interpreter', 'jit'] as const) expect(run(engine, source, prepare).state).toEqual(wanted.state);
});

it('write an image beside code', () => {
  const beside = codeAt + 0x200;
  const source = program([beside]);
  expect(assemble(source).length).toBeLessThan(0x200);
  const prepare = ({ physical }: Machine): void => {
    physical.write32(beside, 0x037f);
    physical.write32(beside + 24, 0x1f80);
  };
  const wanted = run('reference', source, prepare);
  expect(wanted.reason).toBe(ExitReason.halt);
  for (const engine of ['interpreter', 'jit'] as const) {
    const { state, stepped } = run(engine, source, prepare);
    expect(state).toEqual(wanted.state);
    expect(stepped).toBeLessThan(turns / 2);
  }
});
