/*
 * What the public interface refuses: states no program could bring about, arguments that mean nothing, hooks that
 * answer nonsense. Each time the error names the field, and nothing has changed. And what it must not refuse: whatever
 * some descriptor could have produced.
 */
import { segmentBase, segmentLimit } from '@lguest/descriptors';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { DeviceRange } from './bus.js';
import type { Cpu, EngineName } from './cpu.js';
import { cpuidModel, type CpuidModel, cpuidModels, Feature } from './cpuid.js';
import { X86Error } from './error.js';
import { ExitReason } from './exit.js';
import { Machine, type MachineOptions } from './machine.js';
import { accessBits, checkSegment, type SegmentCache } from './possible.js';
import { Access, Cr0, Cr4, Eflags, Layout, Register, SegmentRegister, State } from './state.js';
import { enterLevel, enterVirtual8086, resetProtected } from './testing/protected.js';

const { es, cs, ss, ds, fs, ldtr, tr } = SegmentRegister;
const physicalBytes = 1 << 20;
const machine = new Machine({ physicalBytes, engine: 'reference', cpuid: cpuidModels.pentium3 });
const { cpu, physical } = machine;
const stateBytes = 0x1000;

const flat = { selector: 8, base: 0, limit: 0xffff_ffff };
const plain = Access.present | Access.notSystem | Access.accessed;
const data = plain | Access.writable | Access.granular | Access.big;
const code = data | Access.code;
const busyTss = Access.present | (11 << 8);
const table = Access.present | (2 << 8);
const dpl = (level: number): number => level << Access.dplShift;

/** `act` throws an X86Error that says `sentence`, and no byte of the CPU or of memory has changed. */
function refuses(act: () => void, sentence: RegExp): void {
  const bytes = new Uint8Array(machine.memory.buffer);
  const before = bytes.slice(Layout.state, Layout.state + stateBytes);
  const ram = physical.bytes.slice();
  expect(act).toThrow(X86Error);
  expect(act).toThrow(sentence);
  expect(bytes.subarray(Layout.state, Layout.state + stateBytes)).toEqual(before);
  expect(Buffer.compare(physical.bytes, ram)).toBe(0);
}

/** No 32-bit number. */
const noWord = fc.oneof(
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0.5, 2 ** 32, -(2 ** 31) - 1, undefined as unknown as number, '1' as unknown as number),
  fc.double({ noInteger: true }), fc.integer({ min: 2 ** 32, max: Number.MAX_SAFE_INTEGER }),
);

beforeEach(() => {
  cpu.reset();
  physical.bytes.fill(0);
});

describe('registers', () => {
  const fields: readonly [string, (value: number) => void][] = [
    ['eip', (value) => { cpu.eip = value; }], ['eflags', (value) => { cpu.eflags = value; }], ['cr0', (value) => { cpu.cr0 = value; }],
    ['cr2', (value) => { cpu.cr2 = value; }], ['cr3', (value) => { cpu.cr3 = value; }], ['cr4', (value) => { cpu.cr4 = value; }],
    ['setGdt: base', (value) => cpu.setGdt(value, 0)], ['setIdt: base', (value) => cpu.setIdt(value, 0)],
    ['setSegment: ds: base', (base) => cpu.setSegment(ds, { ...flat, base, access: data })],
    ['setSegment: ds: limit', (limit) => cpu.setSegment(ds, { ...flat, limit, access: data })],
    ['setSegment: ds: access', (access) => cpu.setSegment(ds, { ...flat, access })],
    ['flushTlbPage: linear', (value) => cpu.flushTlbPage(value)],
  ];
  it.each(fields)('%s is a 32-bit number', (field, set) => {
    fc.assert(fc.property(noWord, (value) => refuses(() => set(value), new RegExp(`^${field} is .* 32 bits`))), { numRuns: 30 });
  });

  it.each([
    ['eip', (value: number) => { cpu.eip = value; }, () => cpu.eip], ['cr2', (value: number) => { cpu.cr2 = value; }, () => cpu.cr2],
    ['cr3', (value: number) => { cpu.cr3 = value; }, () => cpu.cr3],
  ] as const)('%s takes every 32-bit number, signed or unsigned', (_, set, get) => {
    fc.assert(fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 32 - 1 }), (value) => {
      set(value);
      expect(get()).toBe(value >>> 0);
    }), { numRuns: 50 });
  });

  it.each([
    ['setGdt: limit', (value: number) => cpu.setGdt(0, value), 0xffff], ['setIdt: limit', (value: number) => cpu.setIdt(0, value), 0xffff],
    ['interrupt: vector', (value: number) => cpu.interrupt(value), 0xff],
    ['loadSegment: selector', (value: number) => cpu.loadSegment(ds, value), 0xffff],
    ['setSegment: ds: selector', (selector: number) => cpu.setSegment(ds, { ...flat, selector, access: data }), 0xffff],
  ] as const)('%s has a range', (field, set, highest) => {
    for (const value of [-1, 1.5, Number.NaN, highest + 1, 2 ** 32]) refuses(() => set(value), new RegExp(`^${field} is .* from 0 to 0x`));
  });

  it('eflags', () => {
    for (const bit of [3, 5, 15, 22, 31]) refuses(() => { cpu.eflags = 2 | (1 << bit); }, /^eflags is .* reserved/);
    refuses(() => { cpu.eflags = Eflags.vm; }, /^eflags is 0x20000: virtual-8086 .* set cr0 with Cr0.pe first/);
    cpu.eflags = Eflags.id | Eflags.iopl | Eflags.cf;
    expect(cpu.eflags).toBe(Eflags.id | Eflags.iopl | Eflags.cf | Eflags.always);
  });

  it('cr0', () => {
    refuses(() => { cpu.cr0 = Cr0.pg; }, /^cr0 is .*paging \(PG\) needs protected mode; set Cr0.pe/);
    refuses(() => { cpu.cr0 = Cr0.nw; }, /^cr0 is .*NW needs CD/);
    for (const bit of [6, 15, 17, 19, 28]) refuses(() => { cpu.cr0 = 1 << bit; }, /^cr0 is .*reserved/);
    cpu.cr0 = Cr0.pe;
    expect(cpu.cr0).toBe(Cr0.pe | Cr0.et);
    cpu.eflags = Eflags.vm;
    expect(cpu.cpl).toBe(3);
    refuses(() => { cpu.cr0 = 0; }, /^cr0 is 0x0: virtual-8086 .* clear VM in eflags first/);
  });

  it('cr4 has the bits of the model', () => {
    refuses(() => { cpu.cr4 = Cr4.vme; }, /^cr4 is 0x1: its bits 0x1 do not exist on this CPU model/);
    refuses(() => { cpu.cr4 = 1 << 11; }, /^cr4 is /);
    cpu.cr4 = Cr4.osfxsr | Cr4.osxmmexcpt | Cr4.pae;
    const old = new Machine({ physicalBytes: 0x1000, engine: 'reference', cpuid: cpuidModels['486'] }).cpu;
    expect(() => { old.cr4 = Cr4.pae; }).toThrow(/^cr4 is 0x20: .*another cpuid/);
  });

  it('PAE pointers with reserved bits, whichever register brings them in', () => {
    physical.write32(0x2000, 1 | 0x1e0);
    cpu.cr4 = Cr4.pae;
    refuses(() => { cpu.cr3 = 0x2000; }, /^cr3: under PAE cr3 0x2000 points to/);
    cpu.cr4 = 0;
    cpu.cr3 = 0x2000;
    cpu.cr4 = Cr4.pae;
    refuses(() => { cpu.cr0 = Cr0.pe | Cr0.pg; }, /^cr0: under PAE/);
    cpu.cr4 = 0;
    cpu.cr0 = Cr0.pe | Cr0.pg;
    refuses(() => { cpu.cr4 = Cr4.pae; }, /^cr4: under PAE/);
    physical.write32(0x2000, 0x3001);
    cpu.cr4 = Cr4.pae;
    expect(machine.cpu.processor.i32[State.pdpte >> 2]).toBe(0x3001);
  });

  it('segment registers are eight', () => {
    for (const register of [-1, 8, 0.5, Number.NaN]) {
      refuses(() => cpu.setSegment(register, { ...flat, access: data }), /there is no segment register .* SegmentRegister names/);
      refuses(() => cpu.loadSegment(register, 0), /there is no segment register/);
      refuses(() => cpu.segment(register), /there is no segment register/);
      refuses(() => cpu.selector(register), /there is no segment register/);
    }
  });

  it('run() wants a budget', () => {
    for (const budget of [0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 30 + 1, undefined as unknown as number])
      refuses(() => cpu.run(budget), /^run: budget is .*: a whole number of instructions from 1 to 2\^30 is wanted/);
  });
});

describe('segments', () => {
  const anyWord = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  const real = (register: number, cache: SegmentCache): void => checkSegment('test', register, cache, false);

  it('whatever a descriptor produces is taken, in every register that can hold its kind', () => {
    fc.assert(fc.property(anyWord, anyWord, fc.integer({ min: 0, max: 0xffff }), (low, random, selector) => {
      const high = (random | Access.present) >>> 0;
      const cache = { selector, base: segmentBase(low, high), limit: segmentLimit(low, high), access: high & accessBits };
      const isCode = (high & Access.code) !== 0;
      const wide = (high & Access.writable) !== 0;
      if ((high & Access.notSystem) === 0) {
        real(ldtr, { ...cache, selector: selector & ~4, access: (cache.access & ~0xf00) | (2 << 8) });
        real(tr, { ...cache, selector: selector & ~4, access: (cache.access & ~0xf00) | (3 << 8) });
        real(tr, { ...cache, selector: selector & ~4, access: (cache.access & ~0xf00) | (11 << 8) });
        return;
      }
      if (isCode) real(cs, cache);
      if (!isCode && wide) real(ss, cache);
      if (!isCode || wide) for (const register of [es, ds, fs]) real(register, cache);
    }), { numRuns: 2000 });
  });

  it('a limit and its granularity go together exactly when some descriptor has both', () => {
    const likely = fc.oneof(anyWord, fc.integer({ min: 0, max: 0x1f_ffff }), anyWord.map((word) => (word | 0xfff) >>> 0));
    fc.assert(fc.property(likely, fc.boolean(), (limit, granular) => {
      const access = plain | Access.writable | (granular ? Access.granular : 0);
      const units = granular ? limit >>> 12 : limit;
      const possible = units <= 0xf_ffff && segmentLimit(units & 0xffff, (units & 0xf_0000) | access) === limit;
      const set = (): void => real(ds, { selector: 0, base: 0, limit, access });
      if (possible) set();
      else expect(set).toThrow(/^test: ds: limit is 0x.*: with/);
    }), { numRuns: 1000 });
  });

  it.each([
    ['a system segment in ds', ds, { ...flat, limit: 0x67, access: busyTss }, /ds: access is .* a system segment; set Access.notSystem/],
    ['data in cs', cs, { ...flat, access: data }, /cs: access is .*no code segment; set Access.code/],
    ['code in ss', ss, { ...flat, access: code }, /ss: access is .*no writable data segment/],
    ['read-only data in ss', ss, { ...flat, access: data & ~Access.writable }, /ss: access is .*no writable data segment/],
    ['execute-only code in ds', ds, { ...flat, access: code & ~Access.writable }, /ds: access is .*cannot be read/],
    ['a segment that is not present', ds, { ...flat, access: data & ~Access.present }, /ds: access is .*not present/],
    ['no segment at all in tr', tr, { selector: 0, base: 0, limit: 0, access: 0 }, /tr: access is 0x0: .*which tr never is/],
    ['an available TSS in tr', tr, { ...flat, limit: 0x67, access: Access.present | (9 << 8) }, /tr: access is .*no busy task state segment/],
    ['a TSS in ldtr', ldtr, { ...flat, limit: 0x67, access: busyTss }, /ldtr: access is .*no local descriptor table/],
    ['a TSS out of the LDT', tr, { selector: 0xc, base: 0, limit: 0x67, access: busyTss }, /tr: selector is 0xc: .*GDT/],
    ['an LDT out of the LDT', ldtr, { selector: 0xc, base: 0, limit: 0x67, access: table }, /ldtr: selector is 0xc: .*GDT/],
    ['bits that are the limit', ds, { ...flat, access: data | 0xf_0000 }, /ds: access is .*bits 0xf0000 are no part of it/],
    ['a limit beyond 1 MiB in bytes', ds, { ...flat, access: data & ~Access.granular }, /ds: limit is 0xffffffff: without granularity/],
    ['a limit within a page in pages', ds, { ...flat, limit: 0xffff_fffe, access: data }, /ds: limit is 0xfffffffe: with granularity/],
  ] as const)('not %s', (_, register, cache, sentence) => refuses(() => cpu.setSegment(register, cache), sentence));

  it('in protected mode levels go together', () => {
    cpu.cr0 = Cr0.pe;
    refuses(() => cpu.setSegment(cs, { ...flat, selector: 0xb, access: code }), /cs: its descriptor's privilege level is 0, its selector's 3: for code both/);
    refuses(() => cpu.setSegment(cs, { ...flat, access: code | Access.expandDown | dpl(2) }), /cs: .*conforming code must not be less privileged/);
    refuses(() => cpu.setSegment(ss, { ...flat, selector: 0x13, access: data }), /ss: .*for a stack both/);
    refuses(() => cpu.setSegment(ds, { ...flat, selector: 0x13, access: data | dpl(2) }), /ds: .*less privileged than the descriptor/);
    cpu.setSegment(ds, { ...flat, selector: 0x11, access: data | dpl(2) });
    cpu.setSegment(es, { ...flat, selector: 0x13, access: code | Access.expandDown });
    cpu.setSegment(cs, { ...flat, selector: 0xb, access: code | dpl(3) });
    expect(cpu.cpl).toBe(3);
    cpu.setSegment(cs, { ...flat, selector: 0xa, access: code | Access.expandDown | dpl(1) });
    expect(cpu.cpl).toBe(2);
  });

  it('real-address mode has level 0 whatever CS says, and leaves its segments to protected mode', () => {
    cpu.setSegment(cs, { selector: 0x1003, base: 0x1_0030, limit: 0xffff, access: plain | Access.writable | Access.code });
    expect(cpu.cpl).toBe(0);
    cpu.cr0 = Cr0.pe;
    expect(cpu.cpl).toBe(0);
    // the same cache again, as an owner that restores a state would set it
    cpu.setSegment(cs, cpu.segment(cs));
    cpu.setSegment(ds, { selector: 0x1003, base: 0x1_0030, limit: 0xffff, access: plain | Access.writable });
    expect(cpu.cpl).toBe(0);
  });

  it('unreal mode: 4 GiB in real-address mode', () => {
    cpu.setSegment(ds, { selector: 0, base: 0, limit: 0xffff_ffff, access: data });
    cpu.loadSegment(ds, 0x10);
    expect(cpu.segment(ds)).toEqual({ selector: 0x10, base: 0x100, limit: 0xffff_ffff, access: data });
  });

  it('what segment() says, setSegment() takes: after reset, in every ring, in virtual-8086 mode', () => {
    const { processor } = cpu;
    const states: readonly (() => void)[] = [
      () => cpu.reset(), () => resetProtected(processor), () => enterLevel(processor, 1), () => enterLevel(processor, 3),
      () => enterVirtual8086(processor, 0xf123),
    ];
    for (const enter of states) {
      enter();
      const level = cpu.cpl;
      for (let register = 0; register <= tr; register++) {
        const before = cpu.segment(register);
        cpu.setSegment(register, before);
        expect(cpu.segment(register)).toEqual(before);
      }
      expect(cpu.cpl).toBe(level);
    }
  });

  describe('loadSegment()', () => {
    beforeEach(() => {
      resetProtected(cpu.processor);
    });

    it.each([
      [cs, 0, /selector 0x0 is null, which cs, ss and tr cannot be/], [ss, 3, /selector 0x3 is null/], [tr, 0, /selector 0x0 is null/],
      [ds, 0x1000, /selector 0x1000 lies outside its descriptor table; setGdt/], [ds, 0x14, /lies outside its descriptor table/],
      [ds, 0x38, /selector 0x38: ds: access is .*a system segment/], [cs, 0x10, /selector 0x10: cs: access is .*no code segment/],
      [ss, 8, /selector 0x8: ss: access is .*no writable data/], [ds, 0x98, /selector 0x98: ds: access is .*not present/],
      [ldtr, 8, /selector 0x8: ldtr: access is /],
    ] as const)('segment register %i does not take selector %i', (register, selector, sentence) => {
      refuses(() => cpu.loadSegment(register, selector), sentence);
    });

    it('makes a TSS busy, as LTR does', () => {
      cpu.loadSegment(tr, 0x40);
      expect((cpu.segment(tr).access >> 8) & 0xf).toBe(11);
    });

    it('a table that is not mapped', () => {
      cpu.cr3 = 0x8_0000;
      cpu.cr0 = Cr0.pe | Cr0.pg;
      cpu.flushTlb();
      const act = (): void => cpu.loadSegment(ds, 0x10);
      expect(act).toThrow(X86Error);
      expect(act).toThrow(/selector 0x10: its descriptor is in a page that is not mapped/);
    });

    it('ldtr and tr are for protected mode', () => {
      cpu.reset();
      refuses(() => cpu.loadSegment(ldtr, 0), /ldtr and tr can be loaded in protected mode only/);
    });
  });
});

describe('physical memory', () => {
  const bad = [-1, 0.5, Number.NaN, physicalBytes, 2 ** 32, Number.POSITIVE_INFINITY];
  it.each([
    ['read8', (at: number) => physical.read8(at), 1], ['read16', (at: number) => physical.read16(at), 2], ['read32', (at: number) => physical.read32(at), 4],
    ['write8', (at: number) => physical.write8(at, 1), 1], ['write16', (at: number) => physical.write16(at, 1), 2], ['write32', (at: number) => physical.write32(at, 1), 4],
    ['write', (at: number) => physical.write(at, new Uint8Array(8)), 8], ['invalidate', (at: number) => physical.invalidate(at, 8), 8],
  ] as const)('%s stays inside', (name, act, length) => {
    for (const at of [...bad, physicalBytes - length + 1]) {
      refuses(() => act(at), new RegExp(`^physical.${name}: address is .*: ${length} bytes inside`));
    }
    act(physicalBytes - length);
  });

  it('invalidate() has a length', () => {
    for (const length of [-1, 0.5, Number.NaN]) refuses(() => physical.invalidate(0, length), /^physical.invalidate: length is/);
    physical.invalidate(physicalBytes, 0);
  });

  it('write() takes bytes', () => {
    refuses(() => physical.write(0, [1, 2] as unknown as Uint8Array), /^physical.write: source/);
    refuses(() => physical.write(0, new Uint16Array(2) as unknown as Uint8Array), /^physical.write: source/);
  });
});

describe('options', () => {
  const device = (base: number, length: number): DeviceRange => ({ base, length, read: () => 0, write: () => undefined });
  const promising = (edx: number): CpuidModel => cpuidModel(edx, 0);
  it.each<[string, object, RegExp]>([
    ['no pages', { physicalBytes: 0 }, /^physicalBytes is 0: a positive multiple of 4096/],
    ['half a page', { physicalBytes: 0x1800 }, /^physicalBytes is 6144/],
    ['NaN bytes', { physicalBytes: Number.NaN }, /^physicalBytes is NaN/],
    ['more than there can be', { physicalBytes: 2 ** 32 }, /^physicalBytes is 4294967296: .*up to/],
    ['an engine nobody knows', { engine: 'quantum' }, /^engine is quantum: 'reference', 'interpreter', 'jit' or 'auto' is wanted/],
    ['a maker nobody knows', { undefinedResults: 'via' }, /^undefinedResults is 'intel' or 'amd', not via/],
    ['a wide selector', { exitSelector: 0x1_0000 }, /^exitSelector is 0x10000/],
    ['a selector with a level', { exitSelector: 0x53 }, /^exitSelector is 0x53: .*bits 0 and 1/],
    ['a model by name', { cpuid: 'pentium' }, /^cpuid is pentium: a model is wanted, one of cpuidModels/],
    ['a model without features', { cpuid: { basic: [{ eax: 0, ebx: 0, ecx: 0, edx: 0 }], extended: [] } }, /^cpuid.basic has no leaf 1/],
    ['a model with a wide register', { cpuid: { basic: [{ eax: 0, ebx: 2 ** 32, ecx: 0, edx: 0 }], extended: [] } }, /^cpuid.basic\[0\].ebx is 4294967296/],
    ['a promise that cannot be kept', { cpuid: promising(Feature.fpu | (1 << 11)) }, /^cpuid.basic\[1\].edx is 0x801: its bits 0x800 promise what this CPU has not/],
    ['ports without write', { ports: { read: () => 0 } }, /^ports: an object with functions read and write/],
    ['a clock that is none', { timestampCounter: 5n }, /^timestampCounter: a function/],
    ['a device below 0', { devices: [device(-1, 4)] }, /^devices\[0\].base is -0x1/],
    ['a device without length', { devices: [device(0, 0)] }, /^devices\[0\].length is 0x0/],
    ['a device that never ends', { devices: [device(0, Number.POSITIVE_INFINITY)] }, /^devices\[0\].length is Infinity/],
    ['a device that reads nothing', { devices: [{ base: 0, length: 4 }] }, /^devices\[0\]: read and write must be functions/],
    ['two devices in one place', { devices: [device(0x3000, 4), device(0x1000, 0x2001)] }, /^devices: the ranges at 0x1000 \(0x2001 bytes\) and 0x3000 overlap/],
  ])('%s', (_, options, sentence) => {
    const act = (): Machine => new Machine({ physicalBytes: 0x1000, ...options } as MachineOptions);
    expect(act).toThrow(X86Error);
    expect(act).toThrow(sentence);
  });

  it('neighbouring devices, and every model there is', () => {
    for (const cpuid of Object.values(cpuidModels)) new Machine({ physicalBytes: 0x1000, engine: 'reference', cpuid, devices: [device(0x1000, 8), device(0x1008, 8)] });
  });
});

describe.each<EngineName>(['reference', 'interpreter'])('hooks, on the %s', (engine) => {
  let answers: unknown;
  const hooked = new Machine({
    physicalBytes: 0x1_0000, engine,
    ports: { read: () => answers as number, write: () => undefined },
    devices: [{ base: 0x8000, length: 0x1000, read: () => answers as number, write: () => undefined }],
    timestampCounter: () => answers as bigint,
  });
  const at = 0x1000;

  /** Flat protected mode, two NOPs and the instruction in front of an endless loop. */
  function prepare(...bytes: number[]): Cpu {
    const guest = hooked.cpu;
    guest.reset();
    guest.cr0 = Cr0.pe;
    guest.setSegment(cs, { ...flat, access: code });
    for (const register of [ss, ds, es]) guest.setSegment(register, { ...flat, selector: 0x10, access: data });
    guest.eip = at;
    hooked.physical.write(at, Uint8Array.of(0x90, 0x90, ...bytes, 0xeb, 0xfe));
    return guest;
  }

  it.each<[string, number[], unknown, RegExp]>([
    ['a port: nothing', [0xe4, 0x60], undefined, /^ports.read: the hook has returned undefined for 1 byte at 0x60/],
    ['a port: too wide', [0xe4, 0x60], 0x100, /^ports.read: the hook has returned 0x100/],
    ['a port: NaN', [0xe5, 0x60], Number.NaN, /^ports.read: the hook has returned NaN for 4 bytes/],
    ['a port: a fraction', [0xe5, 0x60], 0.5, /^ports.read: /],
    ['a device: nothing', [0xa0, 0, 0x80, 0, 0], undefined, /^devices: read: the hook has returned undefined for 1 byte at 0x8000/],
    ['a device: too wide', [0xa1, 0, 0x80, 0, 0], 2 ** 32, /^devices: read: the hook has returned 0x100000000 for 4 bytes/],
    ['the clock: a number', [0x0f, 0x31], 5, /^timestampCounter: the hook has returned 5; it must return a bigint/],
  ])('%s', (_, bytes, answer, sentence) => {
    const guest = prepare(...bytes);
    answers = answer;
    expect(() => guest.run(100)).toThrow(X86Error);
    // in front of the instruction, with what came before done: it can be tried again
    expect([guest.eip, guest.retired, guest.regs[Register.eax]]).toEqual([at + 2, 2, 0]);
    expect(() => guest.run(100)).toThrow(sentence);
    answers = bytes[0] === 0x0f ? 7n : 7;
    expect(guest.run(1).reason).toBe(ExitReason.budget);
    expect([guest.eip, guest.retired, guest.regs[Register.eax]]).toEqual([at + 2 + bytes.length, 3, 7]);
  });

  it('signed answers are taken for what they mean', () => {
    const guest = prepare(0xe4, 0x60);
    answers = -1;
    guest.run(3);
    expect(guest.regs[Register.eax]).toBe(0xff);
  });
});
