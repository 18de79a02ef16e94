import { beforeEach, describe, expect, it } from 'vitest';
import { Vector } from './fault.js';
import { accessRights, loadLdt, loadSegment, loadTaskRegister, visibleLimit, verifySegment } from './segmentation.js';
import { Access, Cr0, Eflags, Mode, SegmentRegister, State } from './state.js';
import {
  At, descriptor, enterLevel, enterVirtual8086, esp, faultOf, makeProcessor, peek32, poke32, pokeEntry, resetProtected, Sel,
  selector, setDescriptor, setEsp, snapshot, Type, useSegment,
} from './testing/protected.js';

const cpu = makeProcessor();
const { cs, ss, ds, fs, gs, ldtr, tr } = SegmentRegister;
const { protection, notPresent, stack } = Vector;
const cache = (segment: number, field: number): number => cpu.i32[(State.segments >> 2) + 4 * segment + field]!;

beforeEach(() => {
  resetProtected(cpu);
});

describe('data segments', () => {
  const cases: [string, number, number, number | undefined, number][] = [
    // name, selector, level, vector, error code
    ['null', 3, 3, undefined, 0],
    ['own level', Sel.data3 | 3, 3, undefined, 0],
    ['read-only', Sel.readOnly3 | 3, 3, undefined, 0],
    ['readable code', Sel.code3 | 3, 3, undefined, 0],
    ['conforming code of level 0', Sel.conforming | 3, 3, undefined, 0],
    ['RPL counts', Sel.data1 | 3, 1, protection, Sel.data1],
    ['CPL counts', Sel.data1, 3, protection, Sel.data1],
    ['outer data', Sel.data3, 0, undefined, 0],
    ['execute-only code', Sel.executeOnly3 | 3, 3, protection, Sel.executeOnly3],
    ['a TSS', Sel.tss, 0, protection, Sel.tss],
    ['beyond the limit', 0x100, 0, protection, 0x100],
    ['no LDT', 0xc | 3, 3, protection, 0xc],
    ['not present', Sel.absentData3 | 3, 3, notPresent, Sel.absentData3],
  ];
  it.each(cases)('%s', (_name, value, level, vector, errorCode) => {
    enterLevel(cpu, level);
    const before = snapshot(cpu);
    const fault = faultOf(() => loadSegment(cpu, gs, value));
    if (vector !== undefined) {
      expect(fault).toEqual({ vector, errorCode });
      expect(snapshot(cpu)).toEqual(before);
    } else {
      expect(fault).toBeUndefined();
      expect(selector(cpu, gs)).toBe(value);
    }
  });

  it('sets the accessed bit in the table and keeps the descriptor', () => {
    setDescriptor(cpu, Sel.free, { type: Type.data, base: 0x1234_5678, limit: 0x0ff0_1fff });
    const high = peek32(cpu, At.gdt + Sel.free + 4);
    loadSegment(cpu, fs, Sel.free);
    expect(peek32(cpu, At.gdt + Sel.free + 4)).toBe(high | Access.accessed);
    expect(cache(fs, 1)).toBe(0x1234_5678);
    expect(cache(fs, 2)).toBe(0x0ff0_1fff);
    expect(cache(fs, 3)).toBe((high | Access.accessed) & 0x00f0_ff00);
  });

  it('come from the LDT too', () => {
    loadLdt(cpu, Sel.ldt);
    pokeEntry(cpu, At.ldt, 2, descriptor({ type: Type.data, dpl: 3, base: 0x777 }));
    loadSegment(cpu, fs, 0x17);
    expect(cache(fs, 1)).toBe(0x777);
    expect(faultOf(() => loadSegment(cpu, fs, 0x27))).toEqual({ vector: protection, errorCode: 0x24 });
  });
});

describe('the stack segment', () => {
  const cases: [string, number, number, number | undefined, number][] = [
    ['null', 0, 0, protection, 0],
    ['own level', Sel.data1 | 1, 1, undefined, 0],
    ['wrong RPL', Sel.data1, 1, protection, Sel.data1],
    ['outer level', Sel.data3 | 3, 1, protection, Sel.data3],
    ['DPL of another level', Sel.data3, 0, protection, Sel.data3],
    ['code', Sel.code3 | 3, 3, protection, Sel.code3],
    ['read-only', Sel.readOnly3 | 3, 3, protection, Sel.readOnly3],
    ['not present', Sel.absentData3 | 3, 3, stack, Sel.absentData3],
  ];
  it.each(cases)('%s', (_name, value, level, vector, errorCode) => {
    enterLevel(cpu, level);
    const fault = faultOf(() => loadSegment(cpu, ss, value));
    expect(fault).toEqual(vector === undefined ? undefined : { vector, errorCode });
  });
});

describe('accesses through a segment', () => {
  it('null and wrong types', () => {
    enterLevel(cpu, 3);
    loadSegment(cpu, ds, 0);
    expect(faultOf(() => cpu.readSeg8(ds, 0))).toEqual({ vector: protection, errorCode: 0 });
    useSegment(cpu, fs, Sel.readOnly3 | 3);
    expect(cpu.readSeg8(fs, 0)).toBe(0);
    expect(faultOf(() => cpu.writeSeg8(fs, 0, 1))).toEqual({ vector: protection, errorCode: 0 });
    expect(cpu.readSeg8(cs, 0)).toBe(0);
    expect(faultOf(() => cpu.writeSeg8(cs, 0, 1))).toEqual({ vector: protection, errorCode: 0 });
    useSegment(cpu, fs, Sel.executeOnly3 | 3);
    expect(faultOf(() => cpu.readSeg8(fs, 0))).toEqual({ vector: protection, errorCode: 0 });
  });

  it('limits to the byte, #SS for the stack', () => {
    enterLevel(cpu, 3);
    useSegment(cpu, fs, Sel.small3 | 3);
    cpu.writeSeg32(fs, 0xfc, 1);
    expect(faultOf(() => cpu.readSeg32(fs, 0xfd))).toEqual({ vector: protection, errorCode: 0 });
    expect(cpu.readSeg8(fs, 0xff)).toBe(0);
    expect(faultOf(() => cpu.readSeg8(fs, 0x100))).toEqual({ vector: protection, errorCode: 0 });
    expect(faultOf(() => cpu.readSeg16(fs, 0xffff_ffff))).toEqual({ vector: protection, errorCode: 0 });
    useSegment(cpu, ss, Sel.small3 | 3);
    expect(faultOf(() => cpu.readSeg16(ss, 0xff))).toEqual({ vector: stack, errorCode: 0 });
  });

  it('expand-down: above the limit, up to 4 GiB or 64 KiB', () => {
    enterLevel(cpu, 3);
    useSegment(cpu, fs, Sel.expandDown3 | 3);
    expect(faultOf(() => cpu.readSeg8(fs, 0xfff))).toEqual({ vector: protection, errorCode: 0 });
    expect(cpu.readSeg8(fs, 0x1000)).toBe(0);
    expect(cpu.readSeg8(fs, 0x1_0000)).toBe(0);
    expect(faultOf(() => cpu.readSeg16(fs, 0xffff_ffff))).toEqual({ vector: protection, errorCode: 0 });
    setDescriptor(cpu, Sel.free, { type: Type.expandDown, dpl: 3, limit: 0xfff, big: false });
    useSegment(cpu, fs, Sel.free | 3);
    expect(cpu.readSeg8(fs, 0xffff)).toBe(0);
    expect(faultOf(() => cpu.readSeg16(fs, 0xffff))).toEqual({ vector: protection, errorCode: 0 });
  });

  it('a push that does not fit leaves ESP alone', () => {
    enterLevel(cpu, 3);
    useSegment(cpu, ss, Sel.small3 | 3);
    setEsp(cpu, 0x102);
    expect(faultOf(() => cpu.push32(1))).toEqual({ vector: stack, errorCode: 0 });
    expect(esp(cpu)).toBe(0x102);
    setEsp(cpu, 0x100);
    cpu.push32(0xdead);
    expect(esp(cpu)).toBe(0xfc);
    expect(cpu.pop32()).toBe(0xdead);
  });

  it('16-bit stacks wrap within 64 KiB and keep the upper half of ESP', () => {
    setDescriptor(cpu, Sel.free, { type: Type.data, limit: 0xffff, big: false, base: 0x4_0000 });
    useSegment(cpu, ss, Sel.free);
    setEsp(cpu, 0x5555_0002);
    cpu.push16(7);
    cpu.push16(8);
    expect(esp(cpu)).toBe(0x5555_fffe);
    expect(cpu.readSeg16(ss, 0xfffe)).toBe(8);
    setEsp(cpu, 2);
    expect(faultOf(() => cpu.push32(9))).toEqual({ vector: stack, errorCode: 0 });
  });

  it('alignment: #AC at level 3 with AM and AC', () => {
    enterLevel(cpu, 3);
    cpu.i32[State.cr0 >> 2]! |= Cr0.am;
    cpu.i32[State.eflags >> 2]! |= Eflags.ac;
    cpu.updateMode();
    expect(cpu.i32[State.mode >> 2]! & Mode.alignmentCheck).toBe(Mode.alignmentCheck);
    expect(cpu.readSeg32(ds, 4)).toBe(0);
    expect(faultOf(() => cpu.readSeg32(ds, 6))).toEqual({ vector: Vector.alignment, errorCode: 0 });
    expect(cpu.readSeg16(ds, 6)).toBe(0);
  });
});

describe('modes', () => {
  it('real-address mode: base = selector × 16', () => {
    cpu.i32[State.cr0 >> 2] = 0;
    loadSegment(cpu, fs, 0x1234);
    expect(cache(fs, 1)).toBe(0x1_2340);
    expect(cache(fs, 2)).toBe(-1);
  });

  it('virtual-8086 mode: 64 KiB, writable', () => {
    enterVirtual8086(cpu, 0x2000);
    loadSegment(cpu, fs, 0xffff);
    expect(cache(fs, 1)).toBe(0xf_fff0);
    expect(cache(fs, 2)).toBe(0xffff);
    expect(faultOf(() => cpu.readSeg16(fs, 0xffff))).toEqual({ vector: protection, errorCode: 0 });
  });

  it('flat bits and the fast bit follow the segments; the hook hears of it', () => {
    let changes = 0;
    cpu.onModeChange = () => changes++;
    const all = Mode.fast | Mode.flatDs | Mode.flatEs | Mode.flatSs;
    expect(cpu.i32[State.mode >> 2]).toBe(all);
    loadSegment(cpu, ds, 0);
    expect(cpu.i32[State.mode >> 2]).toBe(all & ~Mode.flatDs);
    loadSegment(cpu, ds, Sel.data3);
    expect(cpu.i32[State.mode >> 2]).toBe(all);
    expect(changes).toBe(2);
    loadSegment(cpu, gs, 0);
    expect(changes).toBe(2);
    cpu.i32[(State.dr >> 2) + 7] = 1;
    cpu.updateMode();
    expect(cpu.i32[State.mode >> 2]! & Mode.fast).toBe(0);
    cpu.onModeChange = () => undefined;
  });
});

describe('LLDT and LTR', () => {
  it('LLDT', () => {
    loadLdt(cpu, Sel.ldt);
    expect(cache(ldtr, 1)).toBe(At.ldt);
    expect(faultOf(() => loadLdt(cpu, Sel.tss))).toEqual({ vector: protection, errorCode: Sel.tss });
    expect(faultOf(() => loadLdt(cpu, 0xc))).toEqual({ vector: protection, errorCode: 0xc });
    setDescriptor(cpu, Sel.free, { type: Type.ldt, present: false });
    expect(faultOf(() => loadLdt(cpu, Sel.free))).toEqual({ vector: notPresent, errorCode: Sel.free });
    loadLdt(cpu, 0);
    expect(cache(ldtr, 3)).toBe(0);
  });

  it('LTR marks the TSS busy and refuses a busy one', () => {
    loadTaskRegister(cpu, Sel.tss2);
    expect((peek32(cpu, At.gdt + Sel.tss2 + 4) >>> 8) & 15).toBe(11);
    expect(selector(cpu, tr)).toBe(Sel.tss2);
    expect(faultOf(() => loadTaskRegister(cpu, Sel.tss2))).toEqual({ vector: protection, errorCode: Sel.tss2 });
    expect(faultOf(() => loadTaskRegister(cpu, 0))).toEqual({ vector: protection, errorCode: 0 });
    expect(faultOf(() => loadTaskRegister(cpu, 0x3c))).toEqual({ vector: protection, errorCode: 0x3c });
  });
});

describe('questions', () => {
  it('LAR and LSL', () => {
    enterLevel(cpu, 3);
    expect(accessRights(cpu, Sel.data3 | 3)).toBe(peek32(cpu, At.gdt + Sel.data3 + 4) & 0x00ff_ff00);
    expect(accessRights(cpu, Sel.data0)).toBe(-1);
    expect(accessRights(cpu, 0)).toBe(-1);
    expect(accessRights(cpu, 0x2000)).toBe(-1);
    expect(accessRights(cpu, Sel.conforming)).not.toBe(-1);
    expect(visibleLimit(cpu, Sel.small3 | 3)).toBe(0xff);
    expect(visibleLimit(cpu, Sel.code3 | 3)).toBe(0xffff_ffff);
    expect(visibleLimit(cpu, Sel.tss2)).toBe(0x67);
    poke32(cpu, At.gdt + Sel.free, 0);
    poke32(cpu, At.gdt + Sel.free + 4, 0x0000_ec00);
    expect(visibleLimit(cpu, Sel.free)).toBeUndefined();
    expect(accessRights(cpu, Sel.free)).toBe(0xec00);
  });

  it('VERR and VERW', () => {
    enterLevel(cpu, 3);
    expect(verifySegment(cpu, Sel.data3 | 3, true)).toBe(true);
    expect(verifySegment(cpu, Sel.readOnly3 | 3, true)).toBe(false);
    expect(verifySegment(cpu, Sel.readOnly3 | 3, false)).toBe(true);
    expect(verifySegment(cpu, Sel.executeOnly3 | 3, false)).toBe(false);
    expect(verifySegment(cpu, Sel.conforming, false)).toBe(true);
    expect(verifySegment(cpu, Sel.data0, false)).toBe(false);
    expect(verifySegment(cpu, Sel.tss2, false)).toBe(false);
    expect(verifySegment(cpu, 0, false)).toBe(false);
  });
});
