/*
 * Regions: that hot code gets them, that they do what the interpreter does, count as it does, and go when their code goes.
 * (That they compute the same as the reference on all sorts of code is told in engines.test.ts.)
 */
import { AssemblyState } from '@defasm/core';
import { describe, expect, it } from 'vitest';
import { type EngineName, ExitReason, Machine, Register, SegmentRegister } from '../index.js';
import { Access, Cr0 } from '../state.js';
import { emitStructured } from './structure.js';

const codeAt = 0x1000;
const budget = 200_000;

function assemble(source: string): Uint8Array {
  const state = new AssemblyState({ bitness: 32 });
  state.compile(source, { haltOnError: true });
  return state.head.dump();
}

function machineWith(source: string, engine: EngineName = 'jit'): Machine {
  const machine = new Machine({ physicalBytes: 1 << 20, engine, hotAfter: 1 });
  const { cpu, physical } = machine;
  const access = Access.present | Access.notSystem | Access.writable | Access.accessed | Access.big | Access.granular;
  cpu.cr0 = Cr0.pe | Cr0.et;
  for (const register of [SegmentRegister.es, SegmentRegister.ss, SegmentRegister.ds]) {
    cpu.setSegment(register, { selector: 0x10, base: 0, limit: 0xffff_ffff, access });
  }
  cpu.setSegment(SegmentRegister.cs, { selector: 0x8, base: 0, limit: 0xffff_ffff, access: access | Access.code });
  physical.write(codeAt, assemble(source));
  cpu.eip = codeAt;
  cpu.regs[Register.esp] = 0x8_0000;
  return machine;
}

/** The same program on both engines, in pieces of odd lengths: registers and counts must always agree. */
function compare(source: string, rounds = 40, prepare: (machine: Machine) => void = () => undefined): Machine {
  const [jit, interpreter] = [machineWith(source), machineWith(source, 'interpreter')];
  for (const machine of [jit, interpreter]) prepare(machine);
  for (let i = 0; i < rounds; i++) {
    const length = i % 3 === 0 ? budget : 1 + ((i * 7919) % 30_011);
    for (const { cpu } of [jit, interpreter]) expect(cpu.run(length).reason).toBe(ExitReason.budget);
    expect(Array.from(jit.cpu.regs), `after ${i} pieces`).toEqual(Array.from(interpreter.cpu.regs));
    expect([jit.cpu.eip, jit.cpu.eflags, jit.cpu.retired]).toEqual([interpreter.cpu.eip, interpreter.cpu.eflags, interpreter.cpu.retired]);
  }
  expect(Buffer.compare(jit.physical.bytes, interpreter.physical.bytes)).toBe(0);
  return jit;
}

describe('regions', () => {
  it('are made of loops, and count exactly', () => {
    const { cpu } = compare('again: inc %eax\nadd %eax, %ebx\ncmp $1000, %eax\njne again\nxor %eax, %eax\njmp again');
    expect(cpu.statistics.regions.compiled).toBeGreaterThan(0);
    expect(cpu.statistics.stepped).toBeLessThan(cpu.retired / 1000);
  });

  it('hold calls and returns, across pages', () => {
    const { cpu } = compare(`again: call first\ncall second\nmov %eax, 0x20000(,%edx,4)\ninc %edx\nand $0xff, %edx\njmp again
      ${'nop\n'.repeat(0x1100)}
      first: add $3, %eax\ncall second\nret\nsecond: rol $5, %eax\nxor %edx, %eax\nret`);
    expect(cpu.statistics.regions.compiled).toBeGreaterThan(0);
  });

  it('hold jumps through tables, and leave them for places not in the table', () => {
    const source = `again: inc %ecx\nmov %ecx, %eax\nand $3, %eax\ncmp $3, %eax\nje far\njmp *0x30000(,%eax,4)
      add $1, %ebx\njmp again\nadd $20, %ebx\njmp again\nadd $30, %ebx\nimul $3, %ebx, %ebx\njmp again
      far: mov 0x3000c, %edi\njmp *%edi\nadd $40, %ebx\nxor %ecx, %ebx\njmp again`;
    const places = [1, 20, 30, 40].map((value) => codeAt + Buffer.from(assemble(source)).indexOf(Uint8Array.of(0x83, 0xc3, value)));
    const { cpu } = compare(source, 40, ({ physical }) => places.forEach((place, i) => physical.write32(0x3_0000 + 4 * i, place)));
    expect(cpu.statistics.regions.compiled).toBeGreaterThan(0);
  });

  it('leave for what they do not have, and come back', () => {
    compare('again: pushf\npop %eax\ncpuid\nshl $3, %ebx\nadc %ecx, %edx\ndec %esi\njnz again\nmov $100, %esi\njmp again');
  });

  it('go when their code changes', () => {
    const machine = machineWith('again: add $1, %eax\njmp again');
    const { cpu, physical } = machine;
    cpu.run(budget);
    const { compiled } = cpu.statistics.regions;
    expect(compiled).toBeGreaterThan(0);
    expect(cpu.regs[Register.eax]).toBe(budget / 2);
    physical.write8(codeAt + 2, 3);
    expect(cpu.statistics.regions.dropped).toBe(compiled);
    cpu.run(budget);
    expect(cpu.regs[Register.eax]).toBe((budget / 2) * 4);
  });

  it('go when they change themselves', () => {
    // the immediate of the first instruction grows every 256 rounds
    compare('again: add $1, %eax\ninc %ecx\ntest $0xff, %ecx\njnz again\nincb 0x1002\njmp again', 12);
  });
});

describe('structured control flow', () => {
  /** Writes a graph down, and walks it as WebAssembly would. */
  function walk(successors: readonly (readonly number[])[], choices: readonly number[]): number[] {
    type Jump = { readonly label: object };
    const visited: number[] = [];
    let choice = 0;
    let running: (() => void)[] = [];
    const part = (body: () => void): (() => void)[] => {
      const outer = running;
      running = [];
      body();
      const inside = running;
      running = outer;
      return inside;
    };
    const execute = (steps: readonly (() => void)[]): void => {
      for (const step of steps) step();
    };
    const catching = (label: object, body: () => void): boolean => {
      try {
        body();
        return false;
      } catch (jump) {
        if ((jump as Jump).label !== label) throw jump;
        return true;
      }
    };
    const done = {};
    emitStructured(successors, {
      loop: (body) => {
        const label = {};
        const inside = part(() => body(() => { running.push(() => { throw { label }; }); }));
        running.push(() => { while (catching(label, () => execute(inside))); });
      },
      block: (body) => {
        const label = {};
        const inside = part(() => body(() => { running.push(() => { throw { label }; }); }));
        running.push(() => { catching(label, () => execute(inside)); });
      },
      code: (node, goTo) => {
        running.push(() => {
          visited.push(node);
          if (choice === choices.length) throw { label: done };
        });
        const ways = successors[node]!.map((next) => part(() => {
          if (!goTo(next)) running.push(() => { throw { label: done }; });
        }));
        running.push(() => {
          const way = ways[choices[choice++]! % Math.max(1, ways.length)];
          if (way === undefined) throw { label: done };
          execute(way);
        });
      },
    });
    catching(done, () => execute(running));
    return visited;
  }

  it.each([
    ['a diamond', [[1, 2], [3], [3], []], [1, 0, 0], [0, 2, 3]],
    ['a loop in a loop', [[1], [2], [2, 3], [1, 4], []], [0, 0, 0, 1, 0, 0, 1, 1], [0, 1, 2, 2, 3, 1, 2, 3, 4]],
    ['both ways to the same place', [[1, 1], [0]], [1, 0, 0], [0, 1, 0, 1]],
    ['merges behind each other', [[1, 2], [3, 4], [3, 4], [4], [5], [0]], [0, 1, 0, 0, 1, 0, 0, 0], [0, 1, 4, 5, 0, 2, 3, 4, 5]],
  ] as const)('of %s', (_, graph, choices, expected) => {
    expect(walk(graph, choices)).toEqual(expected);
  });

  it('leaves at an edge into the middle of a loop', () => {
    // 1 and 2 form a loop with two entries
    expect(walk([[1, 2], [2], [1]], [0, 0, 0, 0])).toEqual([0, 1, 2]);
  });
});
