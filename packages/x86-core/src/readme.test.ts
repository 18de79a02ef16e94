/*
 * The README's example.
 */
import { expect, it } from 'vitest';
import { ExitReason, Machine, Register, SegmentRegister } from './index.js';

it.each(['reference', 'interpreter'] as const)('prints from real mode (%s)', (engine) => {
  let printed = '';
  const machine = new Machine({
    physicalBytes: 1 << 20, engine,
    ports: { read: () => 0xff, write: (port, _size, value) => { if (port === 0xe9) printed += String.fromCharCode(value); } },
  });
  const { cpu, physical } = machine;
  physical.write(0x7c00, Uint8Array.of(
    0xbe, 0x09, 0x7c, // mov si, text
    0xac,             // next: lodsb
    0xe6, 0xe9,       // out 0xe9, al
    0xe2, 0xfb,       // loop next
    0xf4,             // hlt
    ...new TextEncoder().encode('hello\n'),
  ));
  cpu.loadSegment(SegmentRegister.cs, 0);
  cpu.eip = 0x7c00;
  cpu.regs[Register.ecx] = 6;
  const exit = cpu.run(1000);
  expect([printed, exit.reason, cpu.retired]).toEqual(['hello\n', ExitReason.halt, 20]);
});

it('loads segments as the mode at hand does', () => {
  const { cpu } = new Machine({ physicalBytes: 1 << 20 });
  cpu.loadSegment(SegmentRegister.ds, 0x1234);
  expect(cpu.segment(SegmentRegister.ds)).toMatchObject({ selector: 0x1234, base: 0x1_2340, limit: 0xffff });
});
