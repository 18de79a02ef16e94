/*
 * System calls as programs make them, in generated code: INT to level 1 or 0, segments saved and loaded, IRET. The
 * general rules are the reference engine's; with most things as usual and a few not, both must end alike.
 * LGUEST_FUZZ=N asks for N of them.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ExitReason, Machine } from '../index.js';
import { Access, Cr0, Eflags, Layout, SegmentRegister, State } from '../state.js';
import { At, enterLevel, gate, peek32, poke16, poke32, pokeEntry, resetProtected, Sel, setDescriptor, Type, useSegment } from '../testing/protected.js';

const many = Number(process.env['LGUEST_FUZZ'] ?? 0);
const physicalBytes = 1 << 20;
const machines = ([['reference'], ['interpreter'], ['jit'], ['jit', true]] as const).map(([engine, lockstep = false]) =>
  new Machine({ physicalBytes, engine, exitSelector: Sel.owner, jit: { hotAfter: 1, steps: false, lockstep } }));
const pageTable = At.directory + 0x1000;
const pageBytes = 0x1000;
/** A page that keeps changing gets regions ever more seldom, so handlers take turns in the pages behind the tables. */
const firstHandler = pageTable + pageBytes;
const handlerPages = (physicalBytes - firstHandler) / pageBytes;

/** int 0x80; inc ecx; int 0x80; inc ecx; int 0x1f, which is the owner's */
const program = [0xcd, 0x80, 0x41, 0xcd, 0x80, 0x41, 0xcd, 0x1f];
const entry = {
  plain: [0x40, 0xcf],
  // push ds; push es; push fs; mov ebx, esp; mov ds, dx; mov es, dx; pop fs; pop es; pop ds; iret
  saving: [0x1e, 0x06, 0x0f, 0xa0, 0x89, 0xe3, 0x8e, 0xda, 0x8e, 0xc2, 0x0f, 0xa1, 0x07, 0x1f, 0xcf],
  // pusha; push gs; mov gs, dx; pop gs; popa; iret
  pusha: [0x60, 0x0f, 0xa8, 0x8e, 0xea, 0x0f, 0xa9, 0x61, 0xcf],
  // verw dx; pushf; pop ebx; lfence; iret
  verifying: [0x0f, 0x00, 0xea, 0x9c, 0x5b, 0x0f, 0xae, 0xe8, 0xcf],
  // pushf; or dword [esp], 0x200; popf; iret
  flags: [0x9c, 0x81, 0x0c, 0x24, 0, 2, 0, 0, 0x9d, 0xcf],
} as const;

const mostly = <T>(usual: T, ...others: T[]): fc.Arbitrary<T> =>
  fc.oneof({ arbitrary: fc.constant(usual), weight: 12 }, { arbitrary: fc.constantFrom(...others), weight: 1 });

const scenario = fc.record({
  target: mostly<number>(Sel.code1 | 1, Sel.code0, Sel.conforming, Sel.code3 | 3, Sel.data1, 0, 0x2000, 0xc),
  gateType: mostly<number>(Type.trap, Type.interrupt, Type.trap16, Type.interrupt16, Type.taskGate),
  gateDpl: mostly(3, 1, 0),
  entry: fc.constantFrom(...Object.values(entry)),
  edx: mostly<number>(Sel.data1 | 1, Sel.data3 | 3, 0, Sel.code1 | 1, Sel.small3 | 3, Sel.absentData3 | 3, Sel.data0, Sel.expandDown3 | 3),
  userDs: mostly<number>(Sel.data3 | 3, 0, Sel.small3 | 3, Sel.readOnly3 | 3, Sel.conforming | 3),
  innerEsp: mostly<number>(At.stack1, At.stack1 - 2, At.stack1 - 0xfe0, At.stack1 + 4, At.stack1 - 0xff0),
  innerSs: mostly<number>(Sel.data1 | 1, Sel.data0, Sel.data1, 0, Sel.small3 | 1),
  stackPage: mostly(0x67, 0x27, 7, 5, 0),
  flags: mostly<number>(Eflags.if, 0, Eflags.nt | Eflags.if, Eflags.iopl, Eflags.ac, Eflags.df | Eflags.if, Eflags.tf),
  fresh: mostly<number>(0, Sel.code1, Sel.data1, Sel.code3, Sel.data3),
  idtLimit: mostly(0x7ff, 0x3ff, 0x402),
  slice: mostly(1000, 1, 2, 3),
});

it('all engines end alike', () => {
  let plain = 0;
  let turn = 0;
  fc.assert(fc.property(scenario, (s) => {
    const handler = firstHandler + (turn++ % handlerPages) * pageBytes;
    // the first time is there to make regions of everything
    const ends = machines.flatMap((machine) => [1, s.slice].map((slice, time) => {
      const cpu = machine.cpu.processor;
      resetProtected(cpu);
      for (const selector of [Sel.code0, Sel.data0, Sel.code1, Sel.data1, Sel.code3, Sel.data3, Sel.small3, Sel.conforming, Sel.readOnly3, Sel.expandDown3]) {
        if (selector !== s.fresh) poke32(cpu, At.gdt + selector + 4, peek32(cpu, At.gdt + selector + 4) | Access.accessed);
      }
      setDescriptor(cpu, Sel.owner, { type: Type.code });
      for (let vector = 0; vector < 256; vector++) pokeEntry(cpu, At.idt, vector, gate(Sel.owner, 0, Type.interrupt, 3));
      pokeEntry(cpu, At.idt, 0x80, gate(s.target, handler, s.gateType, s.gateDpl));
      poke32(cpu, At.tss + 12, s.innerEsp);
      poke16(cpu, At.tss + 16, s.innerSs);
      poke32(cpu, At.directory, pageTable | 0x67);
      for (let page = 0; page < 256; page++) poke32(cpu, pageTable + 4 * page, (page << 12) | 0x67);
      poke32(cpu, pageTable + 4 * ((At.stack1 - 1) >>> 12), (At.stack1 - 0x1000) | s.stackPage);
      cpu.i32[State.cr3 >> 2] = At.directory;
      cpu.i32[State.cr0 >> 2]! |= Cr0.pg | Cr0.wp;
      cpu.i32[State.idtLimit >> 2] = s.idtLimit;
      enterLevel(cpu, 3);
      for (const segment of [SegmentRegister.ds, SegmentRegister.fs]) {
        if (s.userDs !== 0) useSegment(cpu, segment, s.userDs);
      }
      cpu.i32[State.eflags >> 2] = s.flags;
      machine.cpu.regs[2] = s.edx;
      cpu.u8.set(program, Layout.physical + At.code);
      cpu.u8.set(s.entry, Layout.physical + handler);
      // gates that lead nowhere may have had tables executed; the program is the same each time
      machine.physical.invalidate(0, At.code);
      machine.physical.invalidate(At.code + pageBytes, firstHandler - At.code - pageBytes);
      if (time === 0) machine.physical.invalidate(handler, pageBytes);
      cpu.mmu.flushAll(true);
      cpu.updateMode();
      const from = machine.cpu.retired;
      let exit = machine.cpu.run(slice);
      for (let i = 0; i < 100 && exit.reason === ExitReason.budget; i++) exit = machine.cpu.run(slice);
      if (exit.reason === ExitReason.gate && exit.vector === 0x1f) plain++;
      return {
        exit: { ...exit }, retired: machine.cpu.retired - from, flags: machine.cpu.eflags, deliveries: machine.cpu.deliveries[0x80],
        registers: [...machine.cpu.regs, machine.cpu.eip, ...cpu.i32.subarray(State.segments >> 2, (State.idtLimit >> 2) + 1)],
      };
    }));
    for (const [i, end] of ends.entries()) expect(end).toEqual(ends[i & 1]);
    for (const { physical } of machines) expect(Buffer.compare(machines[0]!.physical.bytes, physical.bytes)).toBe(0);
    for (const machine of machines) machine.cpu.deliveries.fill(0);
  }), { numRuns: Math.max(many, 400) });
  expect(plain).toBeGreaterThan(100);
  expect(machines[2]!.cpu.statistics.regions.compiled).toBeGreaterThan(100);
  expect(machines[3]!.cpu.statistics.regions.compared.regions).toBeGreaterThan(100);
}, 120_000 + many * 60);
