import { beforeEach, describe, expect, it } from 'vitest';
import { ExitReason } from './exit.js';
import { Vector } from './fault.js';
import { deliver, deliverException, deliverExternal, softwareInterrupt, Source } from './interrupt.js';
import { Access, Cr0, Eflags, SegmentRegister, State } from './state.js';
import {
  At, eip, enterLevel, enterVirtual8086, esp, faultOf, gate, makeProcessor, peek16, peek32, poke16, poke32, pokeEntry,
  resetProtected, Sel, selector, setDescriptor, setEsp, snapshot, stackWords, Type, useSegment,
} from './testing/protected.js';

const cpu = makeProcessor({ exitSelector: Sel.owner });
const { cs, ss, ds, es, fs, gs } = SegmentRegister;
const handler = 0x0010_0123;
const flagsNow = (): number => cpu.i32[State.eflags >> 2]!;

function setGate(vector: number, at: number, target: number, type: number, dpl = 0, present = true): void {
  pokeEntry(cpu, At.idt, vector, gate(target, at, type, dpl, present));
}

beforeEach(() => {
  resetProtected(cpu);
  cpu.pendingExit = -1;
  cpu.jumped = false;
  cpu.deliveries.fill(0);
});

describe('same level', () => {
  it('pushes EFLAGS, CS, EIP and clears IF through an interrupt gate only', () => {
    setGate(0x20, handler, Sel.code0, Type.interrupt);
    setGate(0x21, handler, Sel.code0, Type.trap);
    cpu.i32[State.eflags >> 2] = Eflags.if | Eflags.df | Eflags.nt | Eflags.tf;
    const before = esp(cpu);
    deliverExternal(cpu, 0x20);
    expect(eip(cpu)).toBe(handler);
    expect(cpu.jumped).toBe(true);
    expect(esp(cpu)).toBe(before - 12);
    expect(stackWords(cpu, 3)).toEqual([At.code, Sel.code0, Eflags.if | Eflags.df | Eflags.nt | Eflags.tf | Eflags.always]);
    expect(flagsNow()).toBe(Eflags.df);
    expect(cpu.deliveries[0x20]).toBe(1);
    cpu.i32[State.eflags >> 2] = Eflags.if;
    softwareInterrupt(cpu, 0x21, 0x777);
    expect(flagsNow()).toBe(Eflags.if);
    expect(stackWords(cpu, 1)).toEqual([0x777]);
  });

  it('16-bit gates push words and have a 16-bit offset', () => {
    setGate(0x20, handler, Sel.code0, Type.interrupt16);
    const before = esp(cpu);
    deliverExternal(cpu, 0x20);
    expect(eip(cpu)).toBe(handler & 0xffff);
    expect(esp(cpu)).toBe(before - 6);
    expect(stackWords(cpu, 1)[0]).toBe(((Sel.code0 << 16) | (At.code & 0xffff)) >>> 0);
  });

  it('faults push RF set, and an error code last', () => {
    setGate(Vector.protection, handler, Sel.code0, Type.trap);
    deliverException(cpu, Vector.protection, 0x1234);
    expect(stackWords(cpu, 4)).toEqual([0x1234, At.code, Sel.code0, Eflags.rf | Eflags.always]);
    setGate(Vector.debug, handler, Sel.code0, Type.trap);
    deliverException(cpu, Vector.debug, 0);
    expect(stackWords(cpu, 3)[2]! & Eflags.rf).toBe(0);
  });

  it('a conforming handler keeps the level', () => {
    setGate(0x30, handler, Sel.conforming, Type.trap, 3);
    enterLevel(cpu, 3);
    softwareInterrupt(cpu, 0x30, 0x99);
    expect(cpu.cpl).toBe(3);
    expect(selector(cpu, cs)).toBe(Sel.conforming | 3);
    expect(selector(cpu, ss)).toBe(Sel.data3 | 3);
  });
});

describe('to an inner level', () => {
  it('3 → 1 through the TSS', () => {
    setGate(0x80, handler, Sel.code1, Type.trap, 3);
    enterLevel(cpu, 3);
    cpu.i32[State.eflags >> 2] = Eflags.if;
    const userEsp = esp(cpu);
    softwareInterrupt(cpu, 0x80, At.code + 2);
    expect(cpu.cpl).toBe(1);
    expect(selector(cpu, cs)).toBe(Sel.code1 | 1);
    expect(selector(cpu, ss)).toBe(Sel.data1 | 1);
    expect(esp(cpu)).toBe(At.stack1 - 20);
    expect(stackWords(cpu, 5)).toEqual([At.code + 2, Sel.code3 | 3, Eflags.if | Eflags.always, userEsp, Sel.data3 | 3]);
    expect(selector(cpu, ds)).toBe(Sel.data3 | 3);
    expect(cpu.deliveries[0x80]).toBe(1);
    expect(cpu.i32[State.tlbRead >> 2]).toBe(cpu.i32[State.tlbWrite >> 2]! - 0x80_0000);
  });

  it('16-bit TSS and 16-bit gate', () => {
    poke16(cpu, At.tss16 + 2, 0x4400);
    poke16(cpu, At.tss16 + 4, Sel.data0);
    useSegment(cpu, SegmentRegister.tr, Sel.tss16);
    setGate(0x81, 0x5555, Sel.code0, Type.interrupt16, 3);
    enterLevel(cpu, 3);
    softwareInterrupt(cpu, 0x81, 0x1_0002);
    expect(esp(cpu)).toBe(0x4400 - 10);
    expect(peek16(cpu, 0x4400 - 2)).toBe(Sel.data3 | 3);
    expect(peek16(cpu, 0x4400 - 10)).toBe(2);
  });

  const stackFaults: [string, () => void, number, number][] = [
    ['null SS', () => poke16(cpu, At.tss + 8, 0), Vector.invalidTss, 0],
    ['SS outside the table', () => poke16(cpu, At.tss + 8, 0x1000), Vector.invalidTss, 0x1000],
    ['SS with the wrong RPL', () => poke16(cpu, At.tss + 8, Sel.data0 | 1), Vector.invalidTss, Sel.data0],
    ['SS with the wrong DPL', () => poke16(cpu, At.tss + 8, Sel.data1), Vector.invalidTss, Sel.data1],
    ['SS is code', () => poke16(cpu, At.tss + 8, Sel.code0), Vector.invalidTss, Sel.code0],
    ['SS not present', () => poke16(cpu, At.tss + 8, Sel.absentData0), Vector.stack, Sel.absentData0],
    ['no room', () => {
      setDescriptor(cpu, Sel.free, { type: Type.data, limit: 0xfff });
      poke16(cpu, At.tss + 8, Sel.free);
    }, Vector.stack, Sel.free],
    ['TSS too short', () => { cpu.i32[(State.segments >> 2) + 4 * SegmentRegister.tr + 2] = 8; }, Vector.invalidTss, Sel.tss],
  ];
  it.each(stackFaults)('%s', (_name, spoil, vector, code) => {
    setGate(0x80, handler, Sel.code0, Type.trap, 3);
    enterLevel(cpu, 3);
    spoil();
    const before = snapshot(cpu);
    expect(faultOf(() => softwareInterrupt(cpu, 0x80, 2))).toEqual({ vector, errorCode: code });
    expect(snapshot(cpu)).toEqual(before);
    expect(faultOf(() => deliver(cpu, 0x80, Source.hardware, false, 0, 2, 0))).toEqual({ vector, errorCode: code | 1 });
    expect(cpu.deliveries[0x80]).toBe(0);
  });

  it('from virtual-8086 mode: the data segments are pushed and taken away', () => {
    setGate(0x80, handler, Sel.code0, Type.interrupt, 3);
    enterVirtual8086(cpu, 0x1800);
    deliverExternal(cpu, 0x80);
    expect(cpu.cpl).toBe(0);
    expect(flagsNow() & Eflags.vm).toBe(0);
    expect(stackWords(cpu, 9)).toEqual([
      0x100, 0x1800, Eflags.vm | Eflags.if | Eflags.always, 0x800, 0x1800, 0x1800, 0x1800, 0x1800, 0x1800,
    ]);
    for (const segment of [ds, es, fs, gs]) {
      expect(selector(cpu, segment)).toBe(0);
      expect(cpu.i32[(State.segments >> 2) + 4 * segment + 3]! & Access.present).toBe(0);
    }
    enterVirtual8086(cpu, 0x1800);
    setGate(0x80, handler, Sel.code1, Type.interrupt, 3);
    expect(faultOf(() => deliver(cpu, 0x80, Source.hardware, false, 0, 2, 0))).toEqual({ vector: Vector.protection, errorCode: Sel.code1 | 1 });
  });
});

describe('gates that refuse', () => {
  const cases: [string, () => void, number, number][] = [
    ['beyond the IDT limit', () => { cpu.i32[State.idtLimit >> 2] = 0x80 * 8 + 6; }, Vector.protection, 0x402],
    ['empty gate', () => setGate(0x80, 0, 0, 0, 3), Vector.protection, 0x402],
    ['call gate', () => setGate(0x80, handler, Sel.code0, Type.callGate32, 3), Vector.protection, 0x402],
    ['DPL below CPL', () => setGate(0x80, handler, Sel.code0, Type.trap, 0), Vector.protection, 0x402],
    ['not present', () => setGate(0x80, handler, Sel.code0, Type.trap, 3, false), Vector.notPresent, 0x402],
    ['null code selector', () => setGate(0x80, handler, 3, Type.trap, 3), Vector.protection, 0],
    ['selector outside the GDT', () => setGate(0x80, handler, 0x2000, Type.trap, 3), Vector.protection, 0x2000],
    ['selector in a missing LDT', () => setGate(0x80, handler, 0xc, Type.trap, 3), Vector.protection, 0xc],
    ['data segment', () => setGate(0x80, handler, Sel.data0, Type.trap, 3), Vector.protection, Sel.data0],
    ['code not present', () => setGate(0x80, handler, Sel.absentCode3, Type.trap, 3), Vector.notPresent, Sel.absentCode3],
    ['offset beyond the segment', () => {
      setDescriptor(cpu, Sel.free, { type: Type.code, dpl: 0, limit: 0xfff });
      setGate(0x80, handler, Sel.free, Type.trap, 3);
    }, Vector.protection, 0],
  ];
  it.each(cases)('%s', (_name, spoil, vector, code) => {
    enterLevel(cpu, 3);
    spoil();
    expect(faultOf(() => softwareInterrupt(cpu, 0x80, 2))).toEqual({ vector, errorCode: code });
    expect(eip(cpu)).toBe(At.code);
  });

  it('hardware does not ask for the gate DPL', () => {
    setGate(0x80, handler, Sel.code0, Type.trap, 0);
    enterLevel(cpu, 3);
    deliverExternal(cpu, 0x80);
    expect(cpu.cpl).toBe(0);
  });

  it('a handler of an outer level is refused', () => {
    setGate(0x80, handler, Sel.code3, Type.trap, 3);
    expect(faultOf(() => softwareInterrupt(cpu, 0x80, 2))).toEqual({ vector: Vector.protection, errorCode: Sel.code3 });
  });
});

describe('exit by gate', () => {
  it('pushes nothing and changes nothing', () => {
    setGate(Vector.pageFault, 0x1234, Sel.owner, Type.interrupt);
    enterLevel(cpu, 3);
    const before = snapshot(cpu);
    deliverException(cpu, Vector.pageFault, 6);
    expect(cpu.pendingExit).toBe(ExitReason.gate);
    expect(cpu.exit).toEqual({ reason: ExitReason.gate, vector: Vector.pageFault, errorCode: 6, hasErrorCode: true });
    const after = snapshot(cpu);
    before[(State.attention - State.gpr) >> 2] = 1;
    expect(after).toEqual(before);
    expect(cpu.deliveries[Vector.pageFault]).toBe(0);
  });

  it('int n leaves EIP after the instruction, RPL bits of the gate do not matter', () => {
    setGate(0x1f, 0x1234, Sel.owner | 3, Type.interrupt, 1);
    enterLevel(cpu, 1);
    softwareInterrupt(cpu, 0x1f, At.code + 2);
    expect(eip(cpu)).toBe(At.code + 2);
    expect(cpu.exit).toEqual({ reason: ExitReason.gate, vector: 0x1f, errorCode: 0, hasErrorCode: false });
  });

  it('comes after presence and DPL checks', () => {
    setGate(0x1f, 0x1234, Sel.owner, Type.interrupt, 1);
    enterLevel(cpu, 3);
    expect(faultOf(() => softwareInterrupt(cpu, 0x1f, 2))).toEqual({ vector: Vector.protection, errorCode: 0xfa });
    setGate(0x1f, 0x1234, Sel.owner, Type.interrupt, 3, false);
    expect(faultOf(() => softwareInterrupt(cpu, 0x1f, 2))).toEqual({ vector: Vector.notPresent, errorCode: 0xfa });
  });

  it('a fault while a trap is delivered exits with its own vector', () => {
    setGate(0x80, handler, Sel.code1, Type.trap, 3);
    setGate(Vector.stack, 0x1234, Sel.owner, Type.interrupt);
    setDescriptor(cpu, Sel.data1, { type: Type.data, dpl: 1, limit: 0xfff });
    enterLevel(cpu, 3);
    deliverExternal(cpu, 0x80);
    expect(cpu.exit).toMatchObject({ vector: Vector.stack, errorCode: Sel.data1 | 1, hasErrorCode: true });
    expect(eip(cpu)).toBe(At.code);
  });
});

describe('faults upon faults', () => {
  it('contributory after contributory is a double fault with code 0', () => {
    setGate(Vector.doubleFault, handler, Sel.code0, Type.interrupt);
    setGate(Vector.protection, handler, Sel.absentCode3, Type.interrupt);
    deliverException(cpu, Vector.protection, 0x18);
    expect(cpu.deliveries[Vector.doubleFault]).toBe(1);
    expect(stackWords(cpu, 2)).toEqual([0, At.code]);
  });

  it('benign first: the second is delivered', () => {
    setGate(Vector.notPresent, handler, Sel.code0, Type.interrupt);
    setGate(Vector.invalidOpcode, handler, Sel.code0, Type.interrupt, 0, false);
    deliverException(cpu, Vector.invalidOpcode, 0);
    expect(cpu.deliveries[Vector.notPresent]).toBe(1);
    expect(stackWords(cpu, 1)).toEqual([Vector.invalidOpcode * 8 + 3]);
  });

  it('contributory, then page fault: the page fault is delivered; the other way round: double fault', () => {
    setGate(Vector.pageFault, handler, Sel.code0, Type.interrupt);
    setGate(Vector.doubleFault, handler, Sel.code0, Type.interrupt);
    setGate(Vector.protection, handler, Sel.code0, Type.interrupt, 0, false);
    deliverException(cpu, Vector.pageFault, 2);
    expect(cpu.deliveries[Vector.pageFault]).toBe(1);
    setGate(Vector.pageFault, handler, Sel.code0, Type.interrupt, 0, false);
    deliverException(cpu, Vector.pageFault, 2);
    expect(cpu.deliveries[Vector.doubleFault]).toBe(1);
  });

  it('a third fault shuts down', () => {
    cpu.i32[State.idtLimit >> 2] = 0;
    deliverException(cpu, Vector.protection, 0);
    expect(cpu.pendingExit).toBe(ExitReason.shutdown);
    expect(eip(cpu)).toBe(At.code);
  });
});

describe('task gates', () => {
  it('a double fault gets a fresh task with the error code on its stack', () => {
    setGate(Vector.doubleFault, 0, Sel.tss2, Type.taskGate);
    poke32(cpu, At.tss2 + 32, 0x4_0000);
    poke32(cpu, At.tss2 + 56, 0x9000);
    for (const [at, value] of [[72, Sel.data0], [76, Sel.code0], [80, Sel.data0], [84, Sel.data0], [88, 0], [92, 0]] as const) {
      poke32(cpu, At.tss2 + at, value);
    }
    enterLevel(cpu, 3);
    setEsp(cpu, 0x1234_5678);
    setGate(Vector.protection, 0, 0, 0);
    deliverException(cpu, Vector.protection, 0);
    expect(cpu.pendingExit).toBe(-1);
    expect(selector(cpu, SegmentRegister.tr)).toBe(Sel.tss2);
    expect(cpu.cpl).toBe(0);
    expect(eip(cpu)).toBe(0x4_0000);
    expect(esp(cpu)).toBe(0x9000 - 4);
    expect(stackWords(cpu, 1)).toEqual([0]);
    expect(peek32(cpu, At.tss2)).toBe(Sel.tss);
    expect(peek32(cpu, At.tss + 56)).toBe(0x1234_5678);
    expect(peek32(cpu, At.tss + 32)).toBe(At.code);
    expect(peek16(cpu, At.tss + 76)).toBe(Sel.code3 | 3);
    expect(flagsNow() & Eflags.nt).toBe(Eflags.nt);
    expect(cpu.i32[State.cr0 >> 2]! & Cr0.ts).toBe(Cr0.ts);
  });
});

describe('an external interrupt that goes to a task', () => {
  it.each([[0, 0x4_0000], [1, handler]])('with the T flag %i begins with %i', (trapFlag, begins) => {
    setGate(0x30, 0, Sel.tss2, Type.taskGate);
    setGate(Vector.debug, handler, Sel.code0, Type.interrupt);
    poke32(cpu, At.tss2 + 32, 0x4_0000);
    poke32(cpu, At.tss2 + 56, 0x9000);
    for (const [at, value] of [[72, Sel.data0], [76, Sel.code0], [80, Sel.data0], [84, Sel.data0], [88, 0], [92, 0]] as const) {
      poke32(cpu, At.tss2 + at, value);
    }
    poke16(cpu, At.tss2 + 100, trapFlag);
    deliverExternal(cpu, 0x30);
    expect(selector(cpu, SegmentRegister.tr)).toBe(Sel.tss2);
    expect(eip(cpu)).toBe(begins);
    expect(cpu.debugStatus).toBe(0);
    if (trapFlag === 1) expect(stackWords(cpu, 2)).toEqual([0x4_0000, Sel.code0]);
  });
});

describe('real-address mode', () => {
  it('uses the vector table and pushes three words', () => {
    cpu.i32[State.cr0 >> 2] = 0;
    cpu.i32[State.idtBase >> 2] = 0;
    cpu.i32[State.idtLimit >> 2] = 0x3ff;
    poke32(cpu, 0x21 * 4, 0x1234_0056);
    for (const segment of [cs, ss]) {
      const cache = (State.segments >> 2) + 4 * segment;
      cpu.i32[cache] = 0x1000;
      cpu.i32[cache + 1] = 0x1_0000;
      cpu.i32[cache + 2] = 0xffff;
      cpu.i32[cache + 3] = Access.present | Access.notSystem | Access.writable;
    }
    cpu.i32[State.eflags >> 2] = Eflags.if;
    setEsp(cpu, 2);
    cpu.updateMode();
    softwareInterrupt(cpu, 0x21, 0x302);
    expect(selector(cpu, cs)).toBe(0x1234);
    expect(eip(cpu)).toBe(0x56);
    expect(esp(cpu)).toBe(0xfffc);
    expect(peek16(cpu, 0x1_0000)).toBe(Eflags.if | Eflags.always);
    expect(peek16(cpu, 0x1_fffe)).toBe(0x1000);
    expect(peek16(cpu, 0x1_fffc)).toBe(0x302);
    expect(flagsNow() & Eflags.if).toBe(0);
  });
});
