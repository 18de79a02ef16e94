import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { PageFault, Vector } from './fault.js';
import { Cr0, Cr4, Layout, State } from './state.js';
import { eferNxe, Pte } from './paging.js';
import type { Processor } from './processor.js';
import { absent, entryOf } from './translation.js';
import { At, enterLevel, faultOf, makeProcessor, peek32, poke32, resetProtected } from './testing/protected.js';

const { present, writable, user, accessed, dirty, large, global } = Pte;
const kernel = present | writable | accessed | dirty;
const all = kernel | user;
const deviceBase = 0x00f0_0000;
const deviceLog: string[] = [];
const cpu: Processor = makeProcessor({
  physicalBytes: 1 << 20,
  devices: [
    { base: deviceBase, length: 0x100, read: (a, s) => (a - deviceBase) * 16 + s, write: (a, s, v) => deviceLog.push(`${a - deviceBase}:${s}=${v}`) },
  ],
});
const table = At.directory + 0x1000;
const data = 0x6_0000;

/** Two-level paging: the first 4 MiB through one table, identity-mapped for everybody. */
function pageOn(cr0 = 0): void {
  poke32(cpu, At.directory, table | all);
  for (let i = 0; i < 256; i++) poke32(cpu, table + 4 * i, (i << 12) | all);
  cpu.i32[State.cr3 >> 2] = At.directory;
  cpu.i32[State.cr0 >> 2]! |= Cr0.pg | Cr0.wp | cr0;
  cpu.mmu.flushAll(true);
  cpu.updateMode();
}

function mapPage(linear: number, entry: number): void {
  poke32(cpu, table + 4 * (linear >>> 12), entry);
}

const cr2 = (): number => cpu.u32[State.cr2 >> 2]!;
const tableEntry = (base: number, linear: number): number => cpu.i32[(base >>> 2) + (linear >>> 12)]!;

beforeEach(() => {
  resetProtected(cpu);
  cpu.codePages.fill(0);
  cpu.bus.onCodeWrite = () => undefined;
  deviceLog.length = 0;
});

describe('paging off', () => {
  it('is the identity, and all ones where there is nothing', () => {
    poke32(cpu, data, 0x1234_5678);
    expect(cpu.read32(data)).toBe(0x1234_5678);
    expect(cpu.read32(0x0800_0000)).toBe(0xffff_ffff);
    expect(cpu.read8(0xffff_ffff)).toBe(0xff);
    cpu.write32(0x0800_0000, 1);
    expect(cpu.read16(0x0800_0000)).toBe(0xffff);
  });

  it('reaches devices, never through the table', () => {
    expect(cpu.read32(deviceBase + 3)).toBe(0x34);
    expect(cpu.read8(deviceBase + 3)).toBe(0x31);
    cpu.write16(deviceBase + 8, 0x1_beef);
    expect(deviceLog).toEqual(['8:2=48879']);
    expect(tableEntry(Layout.tlbReadSupervisor, deviceBase)).toBe(absent);
    expect(cpu.read8(deviceBase + 0x100)).toBe(0xff);
  });
});

describe('two-level tables', () => {
  it('translates and sets Accessed, and Dirty on the first write', () => {
    pageOn();
    poke32(cpu, At.directory, table | present | writable | user);
    mapPage(0x5000, data | present | writable | user);
    poke32(cpu, data + 0xabc, 77);
    expect(cpu.read32(0x5abc)).toBe(77);
    expect(peek32(cpu, At.directory)).toBe(table | present | writable | user | accessed);
    expect(peek32(cpu, table + 5 * 4)).toBe(data | present | writable | user | accessed);
    expect(tableEntry(Layout.tlbWriteSupervisor, 0x5000)).toBe(absent);
    cpu.write8(0x5abc, 78);
    expect(peek32(cpu, table + 5 * 4)).toBe(data | present | writable | user | accessed | dirty);
    expect(tableEntry(Layout.tlbWriteSupervisor, 0x5000)).toBe(entryOf((Layout.physical + data) >>> 12, 5));
    expect(peek32(cpu, data + 0xabc)).toBe(78);
  });

  const cases: [string, number, number, number, 'read' | 'write', number | undefined][] = [
    // name, directory flags, page flags, level, access, error code or undefined
    ['absent page, supervisor read', all, 0, 0, 'read', 0],
    ['absent page, user write', all, 0, 3, 'write', PageFault.write | PageFault.user],
    ['absent directory entry', 0, all, 3, 'read', PageFault.user],
    ['supervisor page, user read', all, kernel, 3, 'read', PageFault.present | PageFault.user],
    ['supervisor directory entry, user read', kernel, all, 3, 'read', PageFault.present | PageFault.user],
    ['supervisor page, level 1', all, kernel, 1, 'write', undefined],
    ['read-only page, user write', all, present | user, 3, 'write', PageFault.present | PageFault.write | PageFault.user],
    ['read-only directory entry, user write', present | user, all, 3, 'write', PageFault.present | PageFault.write | PageFault.user],
    ['read-only page, supervisor write', all, present | user, 0, 'write', PageFault.present | PageFault.write],
    ['read-only page, user read', all, present | user, 3, 'read', undefined],
    ['large bit without PSE means nothing', all | large, all, 3, 'write', undefined],
  ];
  it.each(cases)('%s', (_name, directoryFlags, flags, level, access, error) => {
    pageOn();
    poke32(cpu, At.directory + 4, table | directoryFlags);
    mapPage(0x7000, data | flags);
    const linear = 0x40_7123;
    cpu.i32[State.cpl >> 2] = level;
    cpu.updateMode();
    const fault = faultOf(() => (access === 'read' ? cpu.read8(linear) : cpu.write8(linear, 1)));
    expect(fault).toEqual(error === undefined ? undefined : { vector: Vector.pageFault, errorCode: error });
    if (error !== undefined) {
      expect(cr2()).toBe(linear);
      expect(peek32(cpu, table + 7 * 4)).toBe(data | flags);
    }
  });

  it('lets the supervisor write read-only pages when CR0.WP is clear', () => {
    pageOn();
    cpu.i32[State.cr0 >> 2]! &= ~Cr0.wp;
    cpu.mmu.flushAll(true);
    mapPage(0x7000, data | present | user);
    cpu.write32(0x7000, 5);
    cpu.write32(0x7000, 6);
    expect(peek32(cpu, data)).toBe(6);
    enterLevel(cpu, 3);
    expect(faultOf(() => cpu.write32(0x7000, 7))).toEqual({ vector: Vector.pageFault, errorCode: 7 });
  });

  it('checks both pages of an access that crosses before writing either', () => {
    pageOn();
    mapPage(0x5000, data | all);
    mapPage(0x6000, 0);
    expect(faultOf(() => cpu.write32(0x5ffe, 0xaabb_ccdd))).toEqual({ vector: 14, errorCode: PageFault.write });
    expect(cr2()).toBe(0x6000);
    expect(peek32(cpu, data + 0xffc)).toBe(0);
    mapPage(0x6000, (data + 0x3000) | all);
    cpu.write32(0x5ffe, 0xaabb_ccdd);
    expect(peek32(cpu, data + 0xffc)).toBe(0xccdd_0000);
    expect(peek32(cpu, data + 0x3000)).toBe(0xaabb);
    expect(cpu.read32(0x5ffe)).toBe(0xaabb_ccdd);
    expect(cpu.read16(0x5fff)).toBe(0xbbcc);
  });

  it('wraps from the last byte of 4 GiB to the first', () => {
    pageOn();
    poke32(cpu, At.directory + 4 * 1023, table | all);
    poke32(cpu, table + 4 * 1023, data | all);
    mapPage(0, (data + 0x1000) | all);
    cpu.write32(0xffff_fffe, 0x4433_2211);
    expect(cpu.read32(0xffff_fffe)).toBe(0x4433_2211);
    expect(peek32(cpu, data + 0xffc)).toBe(0x2211_0000);
    expect(peek32(cpu, data + 0x1000)).toBe(0x4433);
  });

  it('probes without committing', () => {
    pageOn();
    mapPage(0x5000, data | present | writable);
    cpu.probeWrite(0x5ff0, 4);
    expect(peek32(cpu, table + 5 * 4) & dirty).toBe(dirty);
    mapPage(0x6000, 0);
    expect(faultOf(() => cpu.probeWrite(0x5ffd, 4))).toEqual({ vector: 14, errorCode: PageFault.write });
    expect(faultOf(() => cpu.probeRead(0x5ffd, 4))).toEqual({ vector: 14, errorCode: 0 });
  });

  it('lets level 3 read tables as supervisor', () => {
    pageOn();
    mapPage(0x7000, data | kernel);
    poke32(cpu, data + 8, 99);
    enterLevel(cpu, 3);
    expect(cpu.readSystem32(0x7008)).toBe(99);
    expect(faultOf(() => cpu.read32(0x7008))).toEqual({ vector: 14, errorCode: PageFault.present | PageFault.user });
  });
});

describe('large pages', () => {
  it('4 MiB with CR4.PSE, reserved bits included', () => {
    pageOn();
    cpu.i32[State.cr4 >> 2] = Cr4.pse;
    poke32(cpu, At.directory + 4, present | writable | large);
    poke32(cpu, 0x6_5432, 1);
    expect(cpu.read32(0x0046_5432)).toBe(1);
    cpu.write32(0x0046_5432, 2);
    expect(peek32(cpu, At.directory + 4)).toBe(present | writable | large | accessed | dirty);
    poke32(cpu, At.directory + 8, 0x2000 | present | writable | large);
    expect(faultOf(() => cpu.read8(0x0080_0000))).toEqual({ vector: 14, errorCode: PageFault.present | PageFault.reserved });
  });

  it('INVLPG drops all of a large page', () => {
    pageOn();
    cpu.i32[State.cr4 >> 2] = Cr4.pse;
    poke32(cpu, At.directory + 4, all | large);
    cpu.read8(0x0040_1000);
    cpu.read8(0x0045_0000);
    poke32(cpu, At.directory + 4, 0);
    cpu.mmu.flushPage(0x0040_1000);
    expect(faultOf(() => cpu.read8(0x0045_0000))).toEqual({ vector: 14, errorCode: 0 });
  });
});

describe('PAE', () => {
  const directory = At.directory + 0x2000;
  const leaf = At.directory + 0x3000;
  function paeOn(): void {
    poke32(cpu, At.directory, directory | present);
    poke32(cpu, directory, leaf | all);
    for (let i = 0; i < 256; i++) poke32(cpu, leaf + 8 * i, (i << 12) | all);
    cpu.i32[State.cr3 >> 2] = At.directory;
    cpu.i32[State.cr4 >> 2] = Cr4.pae;
    expect(cpu.mmu.loadPointers(At.directory)).toBe(true);
    cpu.i32[State.cr0 >> 2]! |= Cr0.pg | Cr0.wp;
    cpu.mmu.flushAll(true);
  }

  it('walks three levels', () => {
    paeOn();
    poke32(cpu, leaf + 8 * 5, data | present | writable | user);
    cpu.write32(0x5010, 42);
    expect(peek32(cpu, data + 0x10)).toBe(42);
    expect(peek32(cpu, leaf + 8 * 5)).toBe(data | all);
    expect(faultOf(() => cpu.read8(0x4000_0000))).toEqual({ vector: 14, errorCode: 0 });
  });

  it('2 MiB pages, physical addresses beyond 4 GiB, reserved bits', () => {
    paeOn();
    poke32(cpu, directory + 8, present | writable | large);
    poke32(cpu, 0x6_0004, 3);
    expect(cpu.read32(0x0026_0004)).toBe(3);
    poke32(cpu, directory + 16, 0x2000 | present | large);
    expect(faultOf(() => cpu.read8(0x0040_0000))).toEqual({ vector: 14, errorCode: PageFault.present | PageFault.reserved });
    poke32(cpu, leaf + 8 * 5, data | all);
    poke32(cpu, leaf + 8 * 5 + 4, 1);
    expect(cpu.read32(0x5000)).toBe(0xffff_ffff);
    cpu.mmu.flushPage(0x5000);
    poke32(cpu, leaf + 8 * 5 + 4, 0x10);
    expect(faultOf(() => cpu.read8(0x5000))).toEqual({ vector: 14, errorCode: PageFault.present | PageFault.reserved });
  });

  it('refuses pointer entries with reserved bits', () => {
    paeOn();
    poke32(cpu, At.directory + 8, directory | present | writable);
    expect(cpu.mmu.loadPointers(At.directory)).toBe(false);
    poke32(cpu, At.directory + 8, writable);
    expect(cpu.mmu.loadPointers(At.directory)).toBe(true);
  });

  it('NX: forbids fetches only, and is reserved without EFER.NXE', () => {
    paeOn();
    poke32(cpu, leaf + 8 * 5, data | all);
    poke32(cpu, leaf + 8 * 5 + 4, Pte.noExecuteHigh);
    expect(faultOf(() => cpu.read8(0x5000))).toEqual({ vector: 14, errorCode: PageFault.present | PageFault.reserved });
    cpu.i32[State.efer >> 2] = eferNxe;
    expect(cpu.read8(0x5000)).toBe(0);
    expect(faultOf(() => cpu.mmu.translateCode(0x5000))).toEqual({ vector: 14, errorCode: PageFault.present | PageFault.fetch });
    poke32(cpu, leaf + 8 * 6, 0);
    expect(faultOf(() => cpu.mmu.translateCode(0x6000))).toEqual({ vector: 14, errorCode: PageFault.fetch });
    expect(cpu.mmu.translateCode(0x7000)).toBe(0x7000);
    // to ask is no fault
    cpu.i32[State.cr2 >> 2] = 0;
    expect([cpu.mmu.findCode(0x6000), cpu.mmu.missCode, cpu.i32[State.cr2 >> 2]]).toEqual([-1, PageFault.fetch, 0]);
    expect(cpu.mmu.findCode(0x7123)).toBe(0x7123);
  });
});

describe('flushes', () => {
  it('keep what is cached until told, spare global pages, and clear code tables', () => {
    pageOn();
    cpu.i32[State.cr4 >> 2] = Cr4.pge;
    mapPage(0x5000, data | all | global);
    mapPage(0x6000, data | all);
    poke32(cpu, data, 11);
    expect(cpu.read32(0x5000) + cpu.read32(0x6000)).toBe(22);
    cpu.i32[(Layout.codeUser >> 2) + 9] = 1234;
    cpu.mmu.noteCodePage(9);
    mapPage(0x5000, 0);
    mapPage(0x6000, 0);
    expect(cpu.read32(0x6000)).toBe(11);
    cpu.mmu.flushAll(false);
    expect(cpu.i32[(Layout.codeUser >> 2) + 9]).toBe(0);
    expect(cpu.read32(0x5000)).toBe(11);
    expect(faultOf(() => cpu.read32(0x6000))).toEqual({ vector: 14, errorCode: 0 });
    cpu.mmu.flushPage(0x5000);
    expect(faultOf(() => cpu.read32(0x5000))).toEqual({ vector: 14, errorCode: 0 });
  });

  it('leave every table empty', () => {
    pageOn();
    for (let page = 0; page < 256; page++) cpu.write8((page << 12) | 5, cpu.read8((page << 12) | 5));
    cpu.mmu.flushAll(true);
    const { tlbReadSupervisor, codeSupervisor } = Layout;
    expect(cpu.i32.subarray(tlbReadSupervisor >> 2, codeSupervisor >> 2).every((entry) => entry === absent)).toBe(true);
    expect(cpu.mmu.listed).toBe(0);
  });

  it('survive more pages than the list holds', () => {
    for (let page = 0; page < 40_000; page++) {
      cpu.mmu.noteCodePage(page);
      cpu.i32[(Layout.codeUser >> 2) + page] = 1;
    }
    cpu.mmu.flushAll(true);
    expect(cpu.i32.subarray(Layout.codeUser >> 2, (Layout.codeUser >> 2) + 40_000).every((entry) => entry === 0)).toBe(true);
  });
});

describe('pages with decoded code', () => {
  it('report writes, and lose their plain write entries', () => {
    pageOn();
    const writes: [number, number][] = [];
    cpu.bus.onCodeWrite = (at, length) => writes.push([at, length]);
    cpu.write32(data, 1);
    cpu.codePages[data >>> 12] = 1;
    cpu.mmu.protectCodePage(data >>> 12);
    expect(cpu.mmu.fill(data, 1)).toBe(0);
    cpu.write32(data + 4, 2);
    cpu.write8(data + 9, 3);
    expect(writes).toEqual([[data + 4, 4], [data + 9, 1]]);
    expect(peek32(cpu, data + 4)).toBe(2);
    cpu.mmu.flushAll(true);
    cpu.write16(data + 0x20, 4);
    expect(writes).toHaveLength(3);
    cpu.codePages[data >>> 12] = 0;
    cpu.write16(data + 0x20, 5);
    expect(writes).toHaveLength(3);
    expect(tableEntry(Layout.tlbWriteSupervisor, data)).toBe(entryOf((Layout.physical + data) >>> 12, data >>> 12));
  });

  it('report writes where the entry of such a page would look like none', () => {
    pageOn();
    // see translation.ts: its host page is the one behind its linear address
    const linear = Layout.physical + data - 0x1000;
    poke32(cpu, At.directory + 4 * (linear >>> 22), table | all);
    poke32(cpu, table + 4 * ((linear >>> 12) & 1023), data | all);
    const writes: number[] = [];
    cpu.bus.onCodeWrite = (at) => writes.push(at);
    cpu.write32(linear + 4, 7);
    expect(cpu.read32(linear + 4)).toBe(7);
    expect(peek32(cpu, data + 4)).toBe(7);
    // it is in no table, so that whoever changes the page tables without a flush gets the new page at once, without decoded code
    expect(tableEntry(Layout.tlbReadSupervisor, linear)).toBe(absent);
    poke32(cpu, table + 4 * ((linear >>> 12) & 1023), (data + 0x2000) | all);
    cpu.write32(linear + 4, 9);
    expect(peek32(cpu, data + 0x2004)).toBe(9);
    poke32(cpu, table + 4 * ((linear >>> 12) & 1023), data | all);
    cpu.mmu.flushPage(linear);
    cpu.codePages[data >>> 12] = 1;
    cpu.mmu.protectCodePage(data >>> 12);
    cpu.write32(linear + 8, 1);
    expect(writes).toEqual([data + 8]);
    // and with
    poke32(cpu, table + 4 * ((linear >>> 12) & 1023), (data + 0x1000) | all);
    cpu.write32(linear + 8, 2);
    expect(peek32(cpu, data + 0x1008)).toBe(2);
  });

  it.each([[[0x5000]], [[0x5000, 0x6000]], [[0x5000, 0x6000, 0x7000]]])('report writes through global pages, too: %j', (places) => {
    pageOn();
    cpu.i32[State.cr4 >> 2] = Cr4.pge;
    for (const other of [0x8000, data]) {
      for (const place of places) mapPage(place, other | all | global);
      for (const place of places) cpu.mmu.flushPage(place);
      for (const place of places) cpu.write8(place, 1);
    }
    const writes: number[] = [];
    cpu.bus.onCodeWrite = (at) => writes.push(at);
    cpu.codePages[data >>> 12] = 1;
    cpu.mmu.protectCodePage(data >>> 12);
    for (const place of places) cpu.write8(place + 7, 2);
    expect(writes).toEqual(places.map(() => data + 7));
  });
});

describe('against the definition', () => {
  it('random entries, levels and accesses', () => {
    const flags = fc.record({
      directory: fc.integer({ min: 0, max: 7 }), page: fc.integer({ min: 0, max: 7 }),
      level: fc.constantFrom(0, 1, 3), write: fc.boolean(), protect: fc.boolean(), again: fc.boolean(),
    });
    pageOn();
    fc.assert(fc.property(flags, ({ directory, page, level, write, protect, again }) => {
      cpu.i32[State.cr0 >> 2] = Cr0.pe | Cr0.pg | (protect ? Cr0.wp : 0);
      cpu.mmu.flushAll(true);
      poke32(cpu, At.directory + 4, table | directory);
      mapPage(0x7000, data | page);
      cpu.i32[State.cpl >> 2] = level;
      cpu.updateMode();
      const rights = directory & page;
      const isUser = level === 3;
      const allowed = (rights & present) !== 0 && (!isUser || (rights & user) !== 0) &&
        (!write || (rights & writable) !== 0 || (!isUser && !protect));
      const code = ((rights & present) !== 0 ? PageFault.present : 0) | (write ? PageFault.write : 0) | (isUser ? PageFault.user : 0);
      const access = (): Fault | undefined => faultOf(() => (write ? cpu.write8(0x40_7000, 1) : cpu.read8(0x40_7000)));
      type Fault = { vector: number; errorCode: number };
      const expected = allowed ? undefined : { vector: 14, errorCode: code };
      expect(access()).toEqual(expected);
      // a read at level 0 must not open the page for anything else
      if (again) {
        cpu.mmu.flushAll(true);
        cpu.i32[State.cpl >> 2] = 0;
        cpu.updateMode();
        faultOf(() => cpu.read8(0x40_7000));
        cpu.i32[State.cpl >> 2] = level;
        cpu.updateMode();
        expect(access()).toEqual(expected);
      }
    }), { numRuns: 500 });
  });
});
