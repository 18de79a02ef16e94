/*
 * Programs that go from room to room of the interpreter.
 */
import { describe, expect, it } from 'vitest';
import { type EngineName, ExitReason, type Machine, Register, SegmentRegister } from '../index.js';
import { Access, Cr0 } from '../state.js';
import { flatMachine } from '../testing/flat-machine.js';
import { Room, roomCount, roomOf } from './rooms.js';
import { selectShapes } from './shapes.js';

const dataAt = 0x4000;
const rounds = 5;
/** In a loop: what is usual and, one after the other, what is in other rooms. */
const program = `
  mov $${rounds}, %ecx
again:
  fildl 0x4000
  fadd %st, %st
  fistpl 0x4004
  sub $0x1001, %ax
  add %eax, %fs:8
  rcl $1, %edx
  notw %bx
  adc %fs:8, %edx
  add 0x4004, %edx
  dec %ecx
  jnz again
  hlt`;

function makeMachine(engine: EngineName): Machine {
  const machine = flatMachine(program, 0x8000, { physicalBytes: 1 << 16, engine });
  const { cpu, physical } = machine;
  cpu.cr0 = Cr0.pe | Cr0.ne | Cr0.mp;
  const access = Access.present | Access.notSystem | Access.writable | Access.accessed | Access.big;
  cpu.setSegment(SegmentRegister.fs, { selector: 0x18, base: dataAt, limit: 0xfff, access });
  physical.write32(dataAt, 12345);
  return machine;
}

const stateOf = ({ cpu, physical }: Machine): unknown =>
  [[...cpu.regs], cpu.eip, cpu.eflags, cpu.retired, [0, 4, 8].map((offset) => physical.read32(dataAt + offset))];

describe('a program in several rooms', () => {
  it.each([1, 2, 3, 7, 1000])('does as the reference does, %i instructions at a time', (budget) => {
    const [reference, interpreter] = [makeMachine('reference'), makeMachine('interpreter')];
    for (;;) {
      const [wanted, exit] = [reference.cpu.run(budget), interpreter.cpu.run(budget)];
      expect(exit).toEqual(wanted);
      expect(stateOf(interpreter)).toEqual(stateOf(reference));
      if (exit.reason !== ExitReason.budget) break;
    }
    expect(reference.cpu.regs[Register.ecx]).toBe(0);
    const { instructions } = interpreter.cpu.statistics;
    // all but a few, which are executed for the first time
    expect(instructions.interpreter).toBeGreaterThan((rounds - 1) * 11);
  });
});

it('every room has something, and the usual one most', () => {
  const counts = new Array<number>(roomCount).fill(0);
  for (const shape of selectShapes()) counts[roomOf(shape)]!++;
  // the x87's handlers are made of operations, and have no shapes
  expect(counts[Room.x87]).toBe(0);
  expect(counts.filter((count) => count === 0)).toHaveLength(1);
  expect(Math.max(...counts)).toBe(counts[Room.usual]);
});
