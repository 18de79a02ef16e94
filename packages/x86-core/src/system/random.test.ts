/*
 * Random system programs: a few instructions that load segments, change levels, take gates and return, among random
 * descriptors, page rights and stacks.
 *
 * Two things must hold. Both engines end in the same state, whatever happened on the way. And a fault is precise: when
 * every exception leaves by a gate of the owner's, the registers stand as they did before the faulting instruction.
 *
 * LGUEST_FUZZ=N asks for N programs; fast-check names the seed of a difference.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Vector } from '../fault.js';
import { ExitReason, Machine } from '../index.js';
import type { Processor } from '../processor.js';
import { Cr0, Eflags, Layout, SegmentRegister, State } from '../state.js';
import { Random } from '../testing/random.js';
import {
  At, enterLevel, enterVirtual8086, esp, gate, poke16, poke32, pokeEntry, resetProtected, Sel, setDescriptor, setEsp, Type,
  useSegment,
} from '../testing/protected.js';

const many = Number(process.env['LGUEST_FUZZ'] ?? 0);
const physicalBytes = 1 << 20;
const machines = (['reference', 'interpreter'] as const).map((engine) => new Machine({ physicalBytes, engine, exitSelector: Sel.owner }));
const [reference, interpreter] = machines as [Machine, Machine];
const pageTable = At.directory + 0x1000;
const handlers = 0x4_0000;
const data = 0x6_0000;
const hlt = 0xf4;
const selectors = Object.values(Sel).filter((selector) => selector !== Sel.owner);

/** Small decisions. */
class Dice extends Random {
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
  selector(): number {
    return this.chance(8) ? this.below(0x10000) : this.pick(selectors) | this.below(4);
  }
}

const segmentTypes = [Type.code, Type.data, Type.readOnly, Type.executeOnly, Type.conforming, Type.expandDown, Type.ldt, Type.tss32];

function randomTables(cpu: Processor, dice: Dice): void {
  for (const selector of [Sel.free, Sel.readOnly3, Sel.small3, Sel.expandDown3]) {
    if (dice.chance(60)) {
      setDescriptor(cpu, selector, {
        type: dice.pick(segmentTypes) | dice.below(2), dpl: dice.below(4), present: dice.chance(85), big: dice.chance(80),
        limit: dice.pick([0xffff_ffff, 0xffff, data + 0x20, dice.below(0x4_0000)]),
      });
    }
  }
  const target = (): number => dice.chance(85) ? dice.pick([Sel.code0, Sel.code1, Sel.code3, Sel.conforming, Sel.free]) | dice.below(4) : dice.selector();
  const gateOf = (type: number): [number, number] => gate(target(), At.code + 0x100 + dice.below(0x80), type, dice.pick([0, 1, 3, 3]), dice.chance(90), dice.pick([0, 0, 1, 5]));
  pokeEntry(cpu, At.gdt, Sel.callGate >>> 3, gateOf(dice.pick([Type.callGate32, Type.callGate32, Type.trap])));
  pokeEntry(cpu, At.gdt, Sel.callGate16 >>> 3, gateOf(Type.callGate16));
  pokeEntry(cpu, At.gdt, Sel.taskGate >>> 3, gate(dice.pick([Sel.tss2, Sel.tss16]), 0, Type.taskGate, 3));
  for (let vector = 0; vector < 256; vector++) pokeEntry(cpu, At.idt, vector, gate(Sel.code0, handlers + 16 * vector, Type.interrupt, 3));
  for (const vector of [0x80, 0x81, Vector.breakpoint]) pokeEntry(cpu, At.idt, vector, gateOf(dice.pick([Type.trap, Type.interrupt, Type.trap16, Type.interrupt16, Type.taskGate])));
  if (dice.chance(10)) poke16(cpu, At.tss + dice.pick([8, 16]), dice.selector());
  for (let i = 0; i < 6; i++) {
    const code = i === SegmentRegister.cs;
    poke32(cpu, At.tss2 + 72 + 4 * i, dice.chance(90) ? (code ? Sel.code0 : Sel.data0) : dice.selector());
    if (i < 4) poke16(cpu, At.tss16 + 34 + 2 * i, code ? Sel.code0 : Sel.data0);
  }
  poke32(cpu, At.tss2 + 32, At.code + 0x180);
  poke32(cpu, At.tss2 + 56, At.stack0 - 0x200);
  poke32(cpu, At.tss2 + 28, At.directory);
  poke16(cpu, At.tss16 + 14, At.code & 0xffff);
  poke16(cpu, At.tss, dice.pick([Sel.tss2, Sel.tss16]));
}

function randomPaging(cpu: Processor, dice: Dice): void {
  poke32(cpu, At.directory, pageTable | 0x67);
  for (let page = 0; page < 256; page++) poke32(cpu, pageTable + 4 * page, (page << 12) | 0x67);
  for (const at of [At.stack0, At.stack1, At.stack3, data, At.code]) {
    const page = dice.chance(50) ? at : at - 0x1000;
    if (dice.chance(15)) poke32(cpu, pageTable + 4 * (page >>> 12), page | dice.pick([7, 5, 3, 0, 0x25]));
  }
  cpu.i32[State.cr3 >> 2] = At.directory;
  cpu.i32[State.cr0 >> 2]! |= Cr0.pg | (dice.chance(70) ? Cr0.wp : 0);
}

/** Bytes of one random instruction; what it finds in registers and on the stack is arranged beforehand. */
function randomInstruction(cpu: Processor, dice: Dice): number[] {
  const wide = dice.chance(75);
  const prefix = wide ? [] : [0x66];
  const bytes = (value: number, size: number): number[] => Array.from({ length: size }, (_, i) => (value >>> (8 * i)) & 0xff);
  const offset = At.code + 0x100 + dice.below(0x80);
  const pointer = (selector: number): number[] => [...bytes(offset, wide ? 4 : 2), ...bytes(selector, 2)];
  const stack = (...values: number[]): void => values.forEach((value, i) => {
    const at = esp(cpu) + i * (wide ? 4 : 2);
    if (wide) poke32(cpu, at, value);
    else poke16(cpu, at, value);
  });
  const code = (): number => dice.chance(75) ? dice.pick([Sel.code0, Sel.code1 | 1, Sel.code3 | 3, Sel.conforming | 3, Sel.free | 3]) : dice.selector();
  const outer = (): number[] => [At.stack3 - 0x200, dice.chance(80) ? Sel.data3 | 3 : dice.selector()];
  const flags = dice.pick([2, 0x202, 0x302, 0x3202, 0x4002, 0x4_0202, 0x1_0002, 0x20_0002, 0x8d7]);
  const memory = bytes(data + dice.pick([0, 0x10, 0x1e, 0xffd]), 4);
  cpu.i32[State.gpr >> 2] = dice.chance(90) ? dice.selector() : dice.below(1 << 24);
  switch (dice.below(20)) {
    case 0: case 1: return [0x8e, 0xc0 | (dice.pick([0, 2, 3, 4, 5]) << 3)];
    case 2: stack(dice.selector()); return [...prefix, ...dice.pick([[0x07], [0x17], [0x1f], [0x0f, 0xa1], [0x0f, 0xa9]])];
    case 3: poke32(cpu, data + (wide ? 4 : 2), dice.selector()); return [...prefix, ...dice.pick([[0xc4], [0xc5], [0x0f, 0xb2]]), 0x05, ...bytes(data, 4)];
    case 4: return [...prefix, dice.pick([0xea, 0x9a]), ...pointer(code())];
    case 5: case 6: return [...prefix, dice.pick([0x9a, 0x9a, 0xea]), ...pointer(dice.pick([Sel.callGate, Sel.callGate16, Sel.taskGate, Sel.tss2, Sel.tss16]) | dice.pick([0, 3]))];
    case 7: stack(offset, code(), ...outer()); return [...prefix, 0xcb];
    case 8: stack(offset, code(), dice.below(1 << 24), dice.below(1 << 24), ...outer()); return [...prefix, 0xca, wide ? 8 : 4, 0];
    case 9: case 10: stack(offset, code(), flags, ...outer()); return [...prefix, 0xcf];
    case 11: case 12: return [0xcd, dice.pick([0x80, 0x81, 3])];
    case 13: return [0x0f, 0x00, 0xc0 | (dice.below(6) << 3)];
    case 14: return [...prefix, 0x0f, dice.pick([2, 3]), 0xd8];
    case 15: stack(flags); return [...prefix, dice.pick([0x9c, 0x9d])];
    case 16: return [...prefix, 0xc8, dice.pick([0, 0x40]), 0, dice.below(4)];
    case 17: return [dice.pick([0x2e, 0x36, 0x64, 0x65]), dice.pick([0x8b, 0x89, 0x8a, 0x88]), 0x1d, ...memory];
    case 18: return dice.pick([[0x0f, 0x06], [0xfa], [0xfb], [0x0f, 0x20, 0xc0], [0x0f, 0x01, 0xe0], [0x63, 0xd8], [0xec]]);
    default: return [...prefix, ...dice.pick([[0x50], [0x58], [0x60], [0x61], [0x0e], [0x0f, 0xa0]])];
  }
}

/** Set one machine up from a seed. */
function prepare(machine: Machine, seed: number, length: number): void {
  const cpu = machine.cpu.processor;
  const dice = new Dice(seed);
  resetProtected(cpu);
  randomTables(cpu, dice);
  if (dice.chance(50)) randomPaging(cpu, dice);
  cpu.u8.fill(hlt, Layout.physical + At.code, Layout.physical + At.code + 0x1000);
  cpu.u8.fill(hlt, Layout.physical + handlers, Layout.physical + handlers + 0x1000);
  const level = dice.pick([0, 0, 1, 3, 3, 86]);
  if (level === 86) {
    enterVirtual8086(cpu, At.code >>> 4, dice.pick([0, 3]));
    cpu.i32[State.eip >> 2] = 0;
  } else {
    enterLevel(cpu, level);
    setEsp(cpu, esp(cpu) + dice.pick([0, 0, 0xe0, 0xfe, -0x1000 + 0x102]));
    if (dice.chance(30)) useSegment(cpu, SegmentRegister.fs, dice.pick([Sel.data3, Sel.conforming]) | 3);
    cpu.i32[State.eflags >> 2] = dice.pick([0, Eflags.if, Eflags.iopl, Eflags.nt, Eflags.df | Eflags.if, Eflags.tf]);
  }
  const program: number[] = [];
  for (let i = 0; i < length; i++) program.push(...randomInstruction(cpu, dice));
  cpu.u8.set(program, Layout.physical + At.code);
  machine.physical.invalidate(0, physicalBytes);
  cpu.mmu.flushAll(true);
  cpu.updateMode();
  cpu.pendingExit = -1;
}

/** Registers, segments, control registers. */
function registers(machine: Machine): number[] {
  const { i32 } = machine.cpu.processor;
  return [...machine.cpu.regs, machine.cpu.eip, machine.cpu.eflags, ...i32.subarray(State.segments >> 2, (State.idtLimit >> 2) + 1)];
}

it('both engines end alike', () => {
  fc.assert(fc.property(fc.nat(), fc.integer({ min: 1, max: 5 }), (seed, length) => {
    const ends = machines.map((machine) => {
      prepare(machine, seed, length);
      const exit = machine.cpu.run(100);
      return { reason: exit.reason, retired: machine.cpu.retired, registers: registers(machine) };
    });
    expect(ends[0]).toEqual(ends[1]);
    expect(Buffer.compare(reference.physical.bytes, interpreter.physical.bytes)).toBe(0);
  }), { numRuns: Math.max(many, 300) });
}, 10_000 + many * 20);

it('faults leave the registers alone', () => {
  const seen = new Set<number>();
  const { cpu } = reference;
  const task = (State.segments >> 2) + 4 * SegmentRegister.tr;
  fc.assert(fc.property(fc.nat(), (seed) => {
    prepare(reference, seed, 1);
    for (let vector = 0; vector < 32; vector++) {
      if (vector !== Vector.breakpoint) pokeEntry(cpu.processor, At.idt, vector, gate(Sel.owner, 0, Type.interrupt));
    }
    cpu.cr2 = 0;
    const before = registers(reference);
    const tr = cpu.processor.i32[task];
    const exit = cpu.run(1);
    // a single step is a trap, which comes afterwards; in a new task a fault belongs to the new task
    if (exit.reason !== ExitReason.gate || exit.vector === Vector.debug || cpu.processor.i32[task] !== tr) return;
    seen.add(exit.vector);
    cpu.cr2 = 0;
    expect(registers(reference)).toEqual(before);
  }), { numRuns: Math.max(many, 600) });
  expect([...seen].sort((a, b) => a - b)).toEqual(expect.arrayContaining([Vector.invalidOpcode, Vector.notPresent, Vector.protection, Vector.pageFault]));
}, 10_000 + many * 20);
