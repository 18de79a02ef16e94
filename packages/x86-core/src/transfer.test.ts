import { beforeEach, describe, expect, it } from 'vitest';
import { Vector } from './fault.js';
import { Access, Cr0, Eflags, SegmentRegister, State } from './state.js';
import {
  At, eip, enterLevel, enterVirtual8086, esp, faultOf, gate, makeProcessor, peek16, peek32, poke16, poke32, pokeEntry,
  resetProtected, Sel, selector, setDescriptor, setEsp, snapshot, stackWords, Type, useSegment,
} from './testing/protected.js';
import { callFar, interruptReturn, jumpFar, returnFar } from './transfer.js';

const cpu = makeProcessor();
const { cs, ss, ds, es, fs, gs, tr } = SegmentRegister;
const { protection, notPresent, invalidTss, stack } = Vector;
const next = At.code + 7;
const flagsNow = (): number => cpu.i32[State.eflags >> 2]!;

function setGate(sel: number, target: number, offset: number, type: number, dpl: number, present = true, parameters = 0): void {
  pokeEntry(cpu, At.gdt, sel >>> 3, gate(target, offset, type, dpl, present, parameters));
}

beforeEach(() => {
  resetProtected(cpu);
});

describe('far jump', () => {
  const cases: [string, number, number, number | undefined, number, number][] = [
    // name, selector, level, vector, error code, resulting CS
    ['same level', Sel.code1 | 1, 1, undefined, 0, Sel.code1 | 1],
    ['RPL below CPL is raised to it', Sel.code1, 1, undefined, 0, Sel.code1 | 1],
    ['conforming code of level 0', Sel.conforming, 3, undefined, 0, Sel.conforming | 3],
    ['null', 2, 1, protection, 0, 0],
    ['RPL above CPL', Sel.code1 | 3, 1, protection, Sel.code1, 0],
    ['inner level', Sel.code0, 1, protection, Sel.code0, 0],
    ['outer level', Sel.code3 | 3, 1, protection, Sel.code3, 0],
    ['data', Sel.data1 | 1, 1, protection, Sel.data1, 0],
    ['beyond the table', 0x200, 1, protection, 0x200, 0],
    ['not present', Sel.absentCode3 | 3, 3, notPresent, Sel.absentCode3, 0],
    ['an LDT', Sel.ldt, 0, protection, Sel.ldt, 0],
  ];
  it.each(cases)('%s', (_name, sel, level, vector, code, result) => {
    enterLevel(cpu, level);
    const before = snapshot(cpu);
    const fault = faultOf(() => jumpFar(cpu, sel, 0x4321, next));
    if (vector === undefined) {
      expect(fault).toBeUndefined();
      expect([selector(cpu, cs), eip(cpu), cpu.cpl]).toEqual([result, 0x4321, level]);
    } else {
      expect(fault).toEqual({ vector, errorCode: code });
      expect(snapshot(cpu)).toEqual(before);
    }
  });

  it('checks the offset against the new limit', () => {
    setDescriptor(cpu, Sel.free, { type: Type.code, limit: 0xfff });
    expect(faultOf(() => jumpFar(cpu, Sel.free, 0x1000, next))).toEqual({ vector: protection, errorCode: 0 });
    jumpFar(cpu, Sel.free, 0xfff, next);
    expect(eip(cpu)).toBe(0xfff);
  });

  it('through a call gate stays at its level', () => {
    setGate(Sel.callGate, Sel.code3, 0x9_0000, Type.callGate32, 3);
    enterLevel(cpu, 3);
    jumpFar(cpu, Sel.callGate | 3, 0, next);
    expect([selector(cpu, cs), eip(cpu)]).toEqual([Sel.code3 | 3, 0x9_0000]);
    setGate(Sel.callGate, Sel.code0, 0x9_0000, Type.callGate32, 3);
    expect(faultOf(() => jumpFar(cpu, Sel.callGate | 3, 0, next))).toEqual({ vector: protection, errorCode: Sel.code0 });
  });
});

describe('far call', () => {
  it('pushes CS and EIP at the same level', () => {
    enterLevel(cpu, 1);
    const before = esp(cpu);
    callFar(cpu, Sel.code1 | 1, 0x100, 4, next);
    expect(esp(cpu)).toBe(before - 8);
    expect(stackWords(cpu, 2)).toEqual([next, Sel.code1 | 1]);
    callFar(cpu, Sel.code1 | 1, 0x100, 2, 0x55);
    expect(esp(cpu)).toBe(before - 12);
    expect(stackWords(cpu, 1)).toEqual([(((Sel.code1 | 1) << 16) | 0x55) >>> 0]);
  });

  it('leaves ESP when the stack is too small', () => {
    enterLevel(cpu, 3);
    useSegment(cpu, ss, Sel.small3 | 3);
    setEsp(cpu, 4);
    expect(faultOf(() => callFar(cpu, Sel.code3 | 3, 0, 4, next))).toEqual({ vector: stack, errorCode: 0 });
    expect(esp(cpu)).toBe(4);
  });

  it('through a gate to an inner level copies parameters', () => {
    setGate(Sel.callGate, Sel.code0, 0x9_0000, Type.callGate32, 3, true, 3);
    enterLevel(cpu, 3);
    for (const value of [0x33, 0x22, 0x11]) cpu.push32(value);
    const userEsp = esp(cpu);
    callFar(cpu, Sel.callGate | 3, 0xffff_ffff, 4, next);
    expect([cpu.cpl, eip(cpu), selector(cpu, cs), selector(cpu, ss)]).toEqual([0, 0x9_0000, Sel.code0, Sel.data0]);
    expect(esp(cpu)).toBe(At.stack0 - 28);
    expect(stackWords(cpu, 7)).toEqual([next, Sel.code3 | 3, 0x11, 0x22, 0x33, userEsp, Sel.data3 | 3]);
    returnFar(cpu, 4, 12);
    expect([cpu.cpl, eip(cpu), esp(cpu), selector(cpu, ss)]).toEqual([3, next, userEsp + 12, Sel.data3 | 3]);
  });

  it('16-bit gates copy words', () => {
    setGate(Sel.callGate16, Sel.code0, 0x9999, Type.callGate16, 3, true, 1);
    enterLevel(cpu, 3);
    cpu.push16(0x7777);
    callFar(cpu, Sel.callGate16 | 3, 0, 4, next);
    expect(esp(cpu)).toBe(At.stack0 - 10);
    expect(peek16(cpu, At.stack0 - 6)).toBe(0x7777);
    expect(eip(cpu)).toBe(0x9999);
  });

  const cases: [string, () => void, number, number][] = [
    ['gate DPL below CPL', () => setGate(Sel.callGate, Sel.code0, 0, Type.callGate32, 1), protection, Sel.callGate],
    ['gate not present', () => setGate(Sel.callGate, Sel.code0, 0, Type.callGate32, 3, false), notPresent, Sel.callGate],
    ['null target', () => setGate(Sel.callGate, 1, 0, Type.callGate32, 3), protection, 0],
    ['data target', () => setGate(Sel.callGate, Sel.data0, 0, Type.callGate32, 3), protection, Sel.data0],
    ['absent target', () => setGate(Sel.callGate, Sel.absentCode3, 0, Type.callGate32, 3), notPresent, Sel.absentCode3],
    ['interrupt gate', () => setGate(Sel.callGate, Sel.code0, 0, Type.interrupt, 3), protection, Sel.callGate],
    ['bad inner stack', () => {
      setGate(Sel.callGate, Sel.code0, 0, Type.callGate32, 3);
      poke16(cpu, At.tss + 8, Sel.data1);
    }, invalidTss, Sel.data1],
  ];
  it.each(cases)('%s', (_name, spoil, vector, code) => {
    enterLevel(cpu, 3);
    spoil();
    const before = snapshot(cpu);
    expect(faultOf(() => callFar(cpu, Sel.callGate | 3, 0, 4, next))).toEqual({ vector, errorCode: code });
    expect(snapshot(cpu)).toEqual(before);
  });
});

/** Push a frame for returnFar or interruptReturn, last value first in memory. */
function frameOf(...values: number[]): void {
  for (const value of [...values].reverse()) cpu.push32(value);
}

describe('far return', () => {
  it('outwards takes inner segments away', () => {
    enterLevel(cpu, 1);
    useSegment(cpu, fs, Sel.data3 | 3);
    useSegment(cpu, gs, Sel.conforming);
    frameOf(0x1234, Sel.code3 | 3, 0x5678, Sel.data3 | 3);
    returnFar(cpu, 4, 0);
    expect([cpu.cpl, eip(cpu), esp(cpu)]).toEqual([3, 0x1234, 0x5678]);
    expect([ds, es, fs, gs].map((segment) => selector(cpu, segment))).toEqual([0, 0, Sel.data3 | 3, Sel.conforming]);
    expect(faultOf(() => cpu.readSeg8(ds, 0))).toEqual({ vector: protection, errorCode: 0 });
  });

  const cases: [string, number[], number, number][] = [
    ['null CS', [0, 0, 0, 0], protection, 0],
    ['inner level', [0, Sel.code0, 0, 0], protection, Sel.code0],
    ['RPL and DPL differ', [0, Sel.code1 | 3, 0, 0], protection, Sel.code1],
    ['data', [0, Sel.data1 | 1, 0, 0], protection, Sel.data1],
    ['absent code', [0, Sel.absentCode3 | 3, 0, 0], notPresent, Sel.absentCode3],
    ['null SS', [0, Sel.code3 | 3, 0, 0], protection, 0],
    ['SS of another level', [0, Sel.code3 | 3, 0, Sel.data1 | 3], protection, Sel.data1],
    ['SS with another RPL', [0, Sel.code3 | 3, 0, Sel.data3], protection, Sel.data3],
    ['SS not present', [0, Sel.code3 | 3, 0, Sel.absentData3 | 3], stack, Sel.absentData3],
    ['SS beyond the table', [0, Sel.code3 | 3, 0, 0xfffb], protection, 0xfff8],
  ];
  it.each(cases)('%s', (_name, values, vector, code) => {
    enterLevel(cpu, 1);
    frameOf(...values);
    const before = snapshot(cpu);
    expect(faultOf(() => returnFar(cpu, 4, 0))).toEqual({ vector, errorCode: code });
    expect(snapshot(cpu)).toEqual(before);
  });
});

describe('IRET', () => {
  it('to the same level', () => {
    frameOf(0x1234, Sel.code0, Eflags.if | Eflags.cf | Eflags.iopl | Eflags.nt);
    const top = esp(cpu);
    interruptReturn(cpu, 4, next);
    expect([eip(cpu), esp(cpu)]).toEqual([0x1234, top + 12]);
    expect(flagsNow()).toBe(Eflags.if | Eflags.iopl | Eflags.nt);
  });

  it('to an outer level', () => {
    enterLevel(cpu, 1);
    frameOf(0x1234, Sel.code3 | 3, Eflags.tf, 0x5678, Sel.data3 | 3);
    interruptReturn(cpu, 4, next);
    expect([cpu.cpl, eip(cpu), esp(cpu), selector(cpu, ss)]).toEqual([3, 0x1234, 0x5678, Sel.data3 | 3]);
    expect(flagsNow()).toBe(Eflags.tf);
  });

  it('IF and IOPL need privilege', () => {
    enterLevel(cpu, 1);
    cpu.i32[State.eflags >> 2] = Eflags.if;
    frameOf(0x1234, Sel.code1 | 1, Eflags.iopl);
    interruptReturn(cpu, 4, next);
    expect(flagsNow()).toBe(Eflags.if);
    enterLevel(cpu, 1);
    cpu.i32[State.eflags >> 2] = Eflags.if | (1 << Eflags.ioplShift);
    frameOf(0x1234, Sel.code1 | 1, Eflags.iopl);
    interruptReturn(cpu, 4, next);
    expect(flagsNow()).toBe(1 << Eflags.ioplShift);
  });

  it('a 16-bit return leaves the upper flags', () => {
    cpu.i32[State.eflags >> 2] = Eflags.ac | Eflags.id;
    const before = esp(cpu);
    for (const value of [Eflags.if, Sel.code0, 0x99]) cpu.push16(value);
    interruptReturn(cpu, 2, next);
    expect([eip(cpu), esp(cpu)]).toEqual([0x99, before]);
    expect(flagsNow()).toBe(Eflags.ac | Eflags.id | Eflags.if);
  });

  it('RF is kept while a breakpoint is armed', () => {
    frameOf(0x1234, Sel.code0, Eflags.rf);
    interruptReturn(cpu, 4, next);
    expect(flagsNow()).toBe(0);
    cpu.i32[(State.dr >> 2) + 7] = 1;
    cpu.updateMode();
    frameOf(0x1234, Sel.code0, Eflags.rf);
    interruptReturn(cpu, 4, next);
    expect(flagsNow()).toBe(Eflags.rf);
  });

  it('into virtual-8086 mode and within it', () => {
    frameOf(0x100, 0x2000, Eflags.vm | Eflags.if | Eflags.iopl, 0x800, 0x3000, 0x4000, 0x5000, 0x6000, 0x7000);
    interruptReturn(cpu, 4, next);
    expect(cpu.cpl).toBe(3);
    expect([cs, ss, es, ds, fs, gs].map((segment) => selector(cpu, segment))).toEqual([0x2000, 0x3000, 0x4000, 0x5000, 0x6000, 0x7000]);
    expect([eip(cpu), esp(cpu)]).toEqual([0x100, 0x800]);
    expect(flagsNow() & Eflags.vm).toBe(Eflags.vm);
    for (const value of [Eflags.nt, 0x1111, 0x22]) cpu.push16(value);
    interruptReturn(cpu, 2, next);
    expect([selector(cpu, cs), eip(cpu), esp(cpu)]).toEqual([0x1111, 0x22, 0x800]);
    expect(flagsNow()).toBe(Eflags.vm | Eflags.nt | Eflags.iopl);
  });

  it('virtual-8086 mode with IOPL below 3: #GP(0)', () => {
    enterVirtual8086(cpu, 0x2000, 2);
    expect(faultOf(() => interruptReturn(cpu, 2, next))).toEqual({ vector: protection, errorCode: 0 });
  });

  it('the VM bit in an image is ignored outside level 0', () => {
    enterLevel(cpu, 1);
    frameOf(0x1234, Sel.code1 | 1, Eflags.vm);
    interruptReturn(cpu, 4, next);
    expect(flagsNow()).toBe(0);
    expect(cpu.cpl).toBe(1);
  });
});

describe('tasks', () => {
  const fields32: [number, number][] = [
    [32, 0x4_0000], [36, Eflags.if | Eflags.cf], [40, 1], [44, 2], [48, 3], [52, 4], [56, 0x9000], [60, 6], [64, 7], [68, 8],
    [72, Sel.data3 | 3], [76, Sel.code3 | 3], [80, Sel.data3 | 3], [84, Sel.data3 | 3], [88, 0], [92, 0], [96, Sel.ldt],
  ];
  const fillTss2 = (): void => {
    for (const [at, value] of fields32) poke32(cpu, At.tss2 + at, value);
  };
  const typeOfTss = (sel: number): number => (peek32(cpu, At.gdt + sel + 4) >>> 8) & 15;

  it('CALL to a TSS, and IRET back', () => {
    fillTss2();
    cpu.i32[State.eflags >> 2] = Eflags.df;
    callFar(cpu, Sel.tss2, 0, 4, next);
    expect([cpu.cpl, eip(cpu), esp(cpu), selector(cpu, tr)]).toEqual([3, 0x4_0000, 0x9000, Sel.tss2]);
    expect(Array.from(cpu.i32.subarray(State.gpr >> 2, (State.gpr >> 2) + 4))).toEqual([1, 2, 3, 4]);
    expect(flagsNow()).toBe(Eflags.if | Eflags.nt);
    expect(selector(cpu, SegmentRegister.ldtr)).toBe(Sel.ldt);
    expect([typeOfTss(Sel.tss), typeOfTss(Sel.tss2)]).toEqual([11, 11]);
    expect(peek16(cpu, At.tss2)).toBe(Sel.tss);
    expect(peek32(cpu, At.tss + 32)).toBe(next);
    expect(cpu.i32[State.cr0 >> 2]! & Cr0.ts).toBe(Cr0.ts);

    interruptReturn(cpu, 4, 0x4_0005);
    expect([cpu.cpl, eip(cpu), selector(cpu, tr), selector(cpu, cs)]).toEqual([0, next, Sel.tss, Sel.code0]);
    expect(flagsNow()).toBe(Eflags.df);
    expect([typeOfTss(Sel.tss), typeOfTss(Sel.tss2)]).toEqual([11, 9]);
    expect(peek32(cpu, At.tss2 + 36) & Eflags.nt).toBe(0);
    expect(peek32(cpu, At.tss2 + 32)).toBe(0x4_0005);
  });

  it('JMP through a task gate frees the old task', () => {
    fillTss2();
    setGate(Sel.taskGate, Sel.tss2, 0, Type.taskGate, 0);
    jumpFar(cpu, Sel.taskGate, 0, next);
    expect(selector(cpu, tr)).toBe(Sel.tss2);
    expect([typeOfTss(Sel.tss), typeOfTss(Sel.tss2)]).toEqual([9, 11]);
    expect(flagsNow() & Eflags.nt).toBe(0);
  });

  it('a 16-bit TSS', () => {
    for (const [at, value] of [[14, 0x4444], [16, Eflags.if], [18, 0x1111], [26, 0x9000], [34, Sel.data0], [36, Sel.code0], [38, Sel.data0], [40, Sel.data0], [42, 0]] as const) {
      poke16(cpu, At.tss16 + at, value);
    }
    jumpFar(cpu, Sel.tss16, 0, next);
    expect([cpu.cpl, eip(cpu), esp(cpu) & 0xffff, cpu.i32[State.gpr >> 2]! & 0xffff]).toEqual([0, 0x4444, 0x9000, 0x1111]);
  });

  const cases: [string, () => void, number, number][] = [
    ['busy', () => pokeEntry(cpu, At.gdt, Sel.tss2 >>> 3, [peek32(cpu, At.gdt + Sel.tss2), peek32(cpu, At.gdt + Sel.tss2 + 4) | 0x200]), protection, Sel.tss2],
    ['not present', () => setDescriptor(cpu, Sel.tss2, { type: Type.tss32, base: At.tss2, limit: 0x67, present: false }), notPresent, Sel.tss2],
    ['too short', () => setDescriptor(cpu, Sel.tss2, { type: Type.tss32, base: At.tss2, limit: 0x66 }), invalidTss, Sel.tss2],
  ];
  it.each(cases)('%s: the old task keeps everything', (_name, spoil, vector, code) => {
    fillTss2();
    spoil();
    const before = snapshot(cpu);
    expect(faultOf(() => jumpFar(cpu, Sel.tss2, 0, next))).toEqual({ vector, errorCode: code });
    expect(snapshot(cpu)).toEqual(before);
  });

  it('DPL of the TSS counts', () => {
    fillTss2();
    setDescriptor(cpu, Sel.tss2, { type: Type.tss32, base: At.tss2, limit: 0x67, dpl: 0 });
    enterLevel(cpu, 3);
    expect(faultOf(() => jumpFar(cpu, Sel.tss2, 0, next))).toEqual({ vector: protection, errorCode: Sel.tss2 });
  });

  it('a bad segment faults in the new task', () => {
    fillTss2();
    poke32(cpu, At.tss2 + 84, Sel.data0);
    expect(faultOf(() => jumpFar(cpu, Sel.tss2, 0, next))).toEqual({ vector: invalidTss, errorCode: Sel.data0 });
    expect([selector(cpu, tr), eip(cpu), cpu.cpl]).toEqual([Sel.tss2, 0x4_0000, 3]);
    expect(cpu.i32[(State.segments >> 2) + 4 * ds + 3]! & Access.present).toBe(0);
  });

  it('NT without a busy previous task: #TS', () => {
    cpu.i32[State.eflags >> 2] = Eflags.nt;
    poke16(cpu, At.tss, Sel.tss2);
    expect(faultOf(() => interruptReturn(cpu, 4, next))).toEqual({ vector: invalidTss, errorCode: Sel.tss2 });
  });
});
