/*
 * The beaten path must be the general one, only shorter. An armed breakpoint (far away) forces the general one: every
 * case runs both ways and must end in the same state.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { deliver, Source } from './interrupt.js';
import { enterQuickly, returnQuickly } from './quick.js';
import { Access, Eflags, Layout, Mode, SegmentRegister, State } from './state.js';
import {
  At, enterLevel, esp, faultOf, gate, makeProcessor, peek32, poke16, poke32, pokeEntry, resetProtected, Sel, setDescriptor,
  setEsp, Type, useSegment, type Fault,
} from './testing/protected.js';
import { interruptReturn } from './transfer.js';

const cpu = makeProcessor();
const vector = 0x80;
const handler = 0x7_0000;

const anySelector = fc.constantFrom(
  0, Sel.code0, Sel.code1 | 1, Sel.code3 | 3, Sel.data0, Sel.data1 | 1, Sel.data3 | 3, Sel.conforming, Sel.absentCode3 | 3,
  Sel.small3 | 3, Sel.code3, Sel.data3, Sel.readOnly3 | 3, Sel.free | 1, 0x2000, 0xc,
);
/** Mostly what works, to get beyond the first check. */
const mostly = <T>(usual: T, other: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ arbitrary: fc.constant(usual), weight: 14 }, { arbitrary: other, weight: 1 });

interface Outcome {
  fault: Fault | undefined;
  state: number[];
  memory: number[];
}

/** 0x140 bytes of physical memory. */
function words(from: number): number[] {
  return Array.from(cpu.i32.subarray((Layout.physical + from) >> 2, (Layout.physical + from + 0x140) >> 2));
}

/** State and stacks after an action, without what the armed breakpoint itself changes. */
function outcome(prepare: () => void, action: () => void, armed: boolean): Outcome {
  resetProtected(cpu);
  // a used table: the quick path wants Accessed set
  for (const selector of [Sel.code0, Sel.data0, Sel.code1, Sel.data1, Sel.code3, Sel.data3, Sel.small3, Sel.readOnly3]) {
    const at = At.gdt + selector + 4;
    poke32(cpu, at, peek32(cpu, at) | Access.accessed);
  }
  prepare();
  if (armed) {
    cpu.i32[(State.dr >> 2) + 7] = 1;
    cpu.i32[State.dr >> 2] = -1;
  }
  cpu.updateMode();
  // let the write tables know the pages: the first write to a page is always slow
  for (const page of [At.stack0 - 8, At.stack1 - 8, At.stack3 - 8, At.stack1]) cpu.writeSystem8(page, cpu.readSystem8(page));
  for (const page of [At.gdt, At.tss]) cpu.readSystem8(page);
  const fault = faultOf(action);
  cpu.i32[(State.dr >> 2) + 7] = 0;
  cpu.i32[State.dr >> 2] = 0;
  cpu.i32[State.eflags >> 2] = cpu.i32[State.eflags >> 2]! & ~Eflags.rf;
  cpu.updateMode();
  return {
    fault,
    state: Array.from(cpu.i32.subarray(Layout.state >> 2, (Layout.state + 0x200) >> 2)),
    memory: [At.gdt, At.tss, At.stack0 - 0x100, At.stack1 - 0x100, At.stack3 - 0x100].flatMap(words),
  };
}

it('entering a handler', () => {
  let quick = 0;
  fc.assert(fc.property(fc.record({
    level: mostly(3, fc.constantFrom(0, 1)),
    target: mostly(Sel.code1 | 1, anySelector),
    type: mostly(Type.trap, fc.constantFrom(Type.interrupt, Type.trap16, Type.interrupt16)),
    tssSs: mostly(Sel.data1 | 1, anySelector),
    tssEsp: mostly(At.stack1, fc.integer({ min: At.stack1 - 40, max: At.stack1 + 40 })),
    flags: mostly(Eflags.if, fc.constantFrom(Eflags.nt, Eflags.df | Eflags.if, Eflags.ac, Eflags.iopl)),
    hasError: fc.boolean(), small: mostly(false, fc.boolean()), tss16: mostly(false, fc.boolean()),
    shortTss: mostly(false, fc.boolean()), fresh: mostly(false, fc.boolean()), rf: fc.constantFrom(0, Eflags.rf),
  }), (c) => {
    const prepare = (): void => {
      pokeEntry(cpu, At.idt, vector, gate(c.target, handler, c.type, 3));
      poke32(cpu, At.tss + 12, c.tssEsp);
      poke16(cpu, At.tss + 16, c.tssSs);
      if (c.small) setDescriptor(cpu, Sel.data1, { type: Type.data | 1, dpl: 1, limit: 0x1_4000 - 21 });
      if (c.fresh) setDescriptor(cpu, Sel.code1, { type: Type.code, dpl: 1 });
      if (c.tss16) useSegment(cpu, SegmentRegister.tr, Sel.tss16);
      if (c.shortTss) cpu.i32[(State.segments >> 2) + 4 * SegmentRegister.tr + 2] = 0x12;
      enterLevel(cpu, c.level);
      cpu.i32[State.eflags >> 2] = c.flags;
    };
    const action = (): void => deliver(cpu, vector, Source.hardware, c.hasError, 0x1234, At.code + 2, c.rf);
    const fast = outcome(prepare, action, false);
    expect(fast).toEqual(outcome(prepare, action, true));
    outcome(prepare, () => {
      if ((c.type & 8) !== 0 && enterQuickly(cpu, c.target, handler, 0, c.hasError, 1, 2, 0)) quick++;
    }, false);
  }), { numRuns: 400 });
  expect(quick).toBeGreaterThan(20);
});

it('returning from one', () => {
  let quick = 0;
  fc.assert(fc.property(fc.record({
    level: mostly(1, fc.constantFrom(0, 3)),
    cs: mostly(Sel.code3 | 3, anySelector), ss: mostly(Sel.data3 | 3, anySelector),
    flags: mostly(Eflags.if | Eflags.zf, fc.constantFrom(Eflags.tf, Eflags.nt, Eflags.ac, Eflags.vm, Eflags.iopl, Eflags.rf, 0, -1 & ~Eflags.vm)),
    old: mostly(Eflags.if, fc.constantFrom(0, Eflags.iopl, Eflags.ac, Eflags.id)),
    ds: mostly(Sel.data3 | 3, anySelector), fs: mostly(0, anySelector),
    offset: mostly(0x40, fc.integer({ min: -24, max: 8 })), eip: fc.integer(),
  }), (c) => {
    const prepare = (): void => {
      setDescriptor(cpu, Sel.free, { type: Type.conforming | 1, dpl: 1 });
      enterLevel(cpu, c.level);
      const stack = c.level === 0 ? At.stack0 : c.level === 1 ? At.stack1 : At.stack3;
      setEsp(cpu, stack - 0x80 + c.offset);
      const at = esp(cpu);
      [c.eip, c.cs, c.flags, 0x5678, c.ss].forEach((value, i) => poke32(cpu, at + 4 * i, value));
      useSegment(cpu, SegmentRegister.es, Sel.data3 | 3);
      useSegment(cpu, SegmentRegister.gs, Sel.data3 | 3);
      for (const [segment, selector] of [[SegmentRegister.ds, c.ds], [SegmentRegister.fs, c.fs]] as const) {
        if (selector < 0x100) useSegment(cpu, segment, selector);
      }
      cpu.i32[State.eflags >> 2] = c.old;
    };
    const action = (): void => interruptReturn(cpu, 4, 0);
    expect(outcome(prepare, action, false)).toEqual(outcome(prepare, action, true));
    outcome(prepare, () => {
      if (returnQuickly(cpu)) quick++;
    }, false);
  }), { numRuns: 400 });
  expect(quick).toBeGreaterThan(20);
});

it('is taken in the usual case, with the frame at the very top of a page', () => {
  outcome(() => enterLevel(cpu, 3), () => {
    expect(enterQuickly(cpu, Sel.code1, handler, 0, false, 0, At.code + 2, 0)).toBe(true);
    expect(esp(cpu)).toBe(At.stack1 - 20);
    expect(cpu.cpl).toBe(1);
    expect(returnQuickly(cpu)).toBe(true);
    expect(cpu.cpl).toBe(3);
    expect(cpu.i32[State.mode >> 2]! & Mode.fast).toBe(Mode.fast);
  }, false);
});
