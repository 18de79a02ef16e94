/*
 * Hostile hypercalls: a Guest of 64 pages that makes calls of the test's choice, from its registers and from the ring,
 * and changes its own tables, descriptors and lguest_data in between. Arguments are taken from where bounds are: the end
 * of its memory, of its tables, of 4 GiB. Each call must work or kill with a reason. None may throw, take longer than it
 * is charged for, or let the CPU come to a page that is not the Guest's.
 */
import { TimerQueue, VirtualClock } from '@lguest/hrtimer';
import { Cr4, type Machine } from '@lguest/x86-core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as abi from './abi/index.js';
import { Lguest } from './lguest.js';
import { machineFor } from './machine.js';
import { assemble, hypercall } from './test-guest.test-support.js';

const PAGE = 4096;
const PAGES = 64;
const END = PAGES * PAGE;
const HOST_PAGES = 64;
const CODE = 0x10000;
const PGDIR = 0x2000;
const TABLE = 0x3000;
const PAE_TOP = 0x4000;
const PAE_DIRECTORY = 0x5000;
const PAE_TABLE = 0x6000;
const DATA = 0x8000;
const CALL = 0xa000;
const STACK = 0xc000;
/** A second page directory in the last page, and a PAE top level in the last bytes. */
const LAST_PGDIR = END - PAGE;
const LAST_TOP = END - 32;
const P = 1;
const RIGHTS = 6;
const ALL = 0x67;

const TRAPS = [0, 1, 3, 6, 7, 10, 11, 12, 13, 14, 0x20, 0x21, 0x23, 0x80];
const INTERRUPT = 0x8e00;

/**
 * Make the call at CALL, use a segment, trap, and over again. The trap handler does the same: no stack is needed to go on.
 * Everything is relative, since the code does not lie where other test guests do.
 */
const code = assemble(hypercall(abi.LHCALL_LGUEST_INIT, DATA) +
  TRAPS.map((vector) => hypercall(abi.LHCALL_LOAD_IDT_ENTRY, vector, `again-start+${abi.GUEST_KERNEL_CS << 16}`, CODE | INTERRUPT | (vector & 1) << 8)).join('') +
  `again: mov $${STACK}, %esp
  mov ${CALL}, %eax\n mov ${CALL + 4}, %ebx\n mov ${CALL + 8}, %ecx\n mov ${CALL + 12}, %edx\n mov ${CALL + 16}, %esi
  int $0x1f\n mov $0x33, %eax\n mov %eax, %gs\n ud2\n`);

function hostileGuest(machine: Machine) {
  const { physical } = machine;
  machine.cpu.reset();
  physical.bytes.fill(0);
  physical.bytes.set(code, CODE);
  physical.invalidate(0, physical.size);
  for (let i = 0; i < PAGES; i++) {
    physical.write32(TABLE + 4 * i, i * PAGE | ALL);
    physical.write32(PAE_TABLE + 8 * i, i * PAGE | ALL);
  }
  for (const pgdir of [PGDIR, LAST_PGDIR]) {
    physical.write32(pgdir, TABLE | ALL);
    physical.write32(pgdir + 0xc00, TABLE | ALL);
    physical.write32(pgdir + 0xffc, TABLE | ALL);
  }
  physical.write32(PAE_DIRECTORY, PAE_TABLE | ALL);
  physical.write32(PAE_DIRECTORY + 0xff8, PAE_TABLE | ALL);
  for (const top of [PAE_TOP, LAST_TOP]) {
    for (const quarter of [0, 3]) physical.write32(top + 8 * quarter, PAE_DIRECTORY | P);
  }
  const data = new abi.LguestData(physical, DATA);
  for (let slot = 0; slot < abi.LHCALL_RING_SIZE; slot++) data.setHcallStatus(slot, abi.LHCALL_SLOT_FREE);
  data.syscallVec = abi.SYSCALL_VECTOR;
  data.kernelAddress = 0xc000_0000;
  const clock = new VirtualClock(1_600_000_000_000_000_000n);
  const guest = new Lguest({ machine, guestPages: PAGES, entry: CODE, timers: new TimerQueue(clock) });
  return { machine, physical, data, clock, guest };
}
type Hostile = ReturnType<typeof hostileGuest>;

/** Every page the CPU can come to is the Guest's, or the Switcher page for supervisors to read. */
function expectContained({ machine: { cpu, physical }, guest }: Hostile): void {
  const pae = (cpu.cr4 & Cr4.pae) !== 0;
  const step = pae ? 8 : 4;
  const walk = (directory: number, entries: number, region: number): void => {
    for (let d = 0; d < entries; d++) {
      const pde = physical.read32(directory + d * step);
      if ((pde & P) === 0) continue;
      for (let i = 0; i < PAGE / step; i++) {
        const pte = physical.read32((pde & -PAGE) + i * step);
        if ((pte & P) === 0) continue;
        const page = (region + d) * (PAGE / step) + i;
        const isWindow = page === abi.SWITCHER_ADDRESS / PAGE;
        if (isWindow) expect([pte >>> 12, pde & pte & RIGHTS]).toEqual([PAGES, 0]);
        else if (pte >>> 12 >= PAGES) throw new Error(`page 0x${page.toString(16)} is machine frame ${pte >>> 12}`);
      }
    }
  };
  const cr3 = cpu.cr3 >>> 0;
  expect(cr3).toBeGreaterThan(END);
  if (!pae) {
    walk(cr3, 1024, 0);
  } else {
    for (let quarter = 0; quarter < 4; quarter++) {
      const pointer = physical.read32(cr3 + 8 * quarter);
      if ((pointer & P) !== 0) walk(pointer & -PAGE, 512, quarter * 512);
    }
  }
  expect(guest.mmu.framesHeld).toBeLessThan(HOST_PAGES);
  expect(cpu.cpl).toBeGreaterThan(0);
}

const address = fc.oneof(
  fc.constantFrom(
    0, PGDIR, PGDIR + 1, PGDIR | 0x18, TABLE, PAE_TOP, PAE_TOP + 32, PAE_DIRECTORY, DATA, CALL, CODE, LAST_PGDIR, LAST_TOP, LAST_TOP + 4,
    END - 4, END - 8, END - 24, END - 23, END - 1, END, END + 1, END + PAGE, (PAGES + 1) * PAGE, 0x7fff_ffff, 0x8000_0000, 0xbfff_f000,
    0xc000_0000, 0xc000_3000, 0xffbf_ffff, abi.SWITCHER_ADDRESS - 1, abi.SWITCHER_ADDRESS, 0xffff_f000, 0xffff_fffc, 0xffff_ffff,
  ),
  fc.integer({ min: 0, max: END + PAGE }),
  fc.maxSafeNat().map((n) => n >>> 0),
);
const index = fc.oneof(fc.constantFrom(0, 1, 2, 3, 4, 8, 10, 12, 13, 16, 31, 32, 63, 64, 128, 255, 256, 511, 512, 767, 768, 1023, 1024, 2047, 0xffff_ffff), address);
const descriptor = fc.constantFrom(0, 0xffff, 0x00cf_9a00, 0x00cf_9200, 0x00cf_fa00, 0x00cf_f200, 0x00cf_9b00, 0x00cf_1200, 0x0000_8900, 0x0000_8c00, 0x0000_8500, 0x0000_ec00, 0x0000_8e00, 0x0000_ef00, 0x0000_e500, 0x0061_0000, 0x0050_1234);
/** Numbers that are in range, and the one after them. */
const small = (end: number) => fc.oneof({ weight: 40, arbitrary: fc.integer({ min: 0, max: end - 1 }) }, { weight: 1, arbitrary: fc.constant(end) });
const entry = fc.tuple(small(PAGES), fc.constantFrom(0, 1, 3, 5, 7, 0x21, 0x63, 0x67, 0x67, 0x167, 0x163, 0x67, 0x1e7)).map(([page, flags]) => page * PAGE | flags);
const any = fc.oneof(address, index, descriptor, entry);

/** A call with arguments of the kind it takes, now and then of another kind. */
const usual = (call: number, ...args: fc.Arbitrary<number>[]) =>
  fc.tuple(fc.constant(call), ...[0, 1, 2, 3].map((i) => fc.oneof({ weight: 20, arbitrary: args[i] ?? any }, { weight: 1, arbitrary: any })));
const call: fc.Arbitrary<number[]> = fc.oneof(
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom(0, 8, 9, 10, 19, 5), any, any, any, any) },
  { weight: 1, arbitrary: usual(abi.LHCALL_NEW_PGTABLE, address) },
  { weight: 2, arbitrary: usual(abi.LHCALL_NEW_PGTABLE, fc.constantFrom(PGDIR, LAST_PGDIR, PAE_TOP, LAST_TOP)) },
  { weight: 1, arbitrary: usual(abi.LHCALL_FLUSH_TLB, fc.constantFrom(0, 1)) },
  { weight: 2, arbitrary: usual(abi.LHCALL_LOAD_IDT_ENTRY, small(256), descriptor, fc.constantFrom(CODE | INTERRUPT, CODE | 0xef00, CODE | 0xee00, 0, 0x8500)) },
  { weight: 2, arbitrary: usual(abi.LHCALL_LOAD_GDT_ENTRY, small(32), descriptor, descriptor) },
  { weight: 1, arbitrary: usual(abi.LHCALL_SET_STACK, fc.constantFrom(0x69, 0x69, 0x61, 0x31, 0x6d, 1), address, fc.constantFrom(0, 0, 1, 2)) },
  { weight: 2, arbitrary: usual(abi.LHCALL_SET_PTE, address, fc.oneof(small(END), address), entry) },
  { weight: 1, arbitrary: usual(abi.LHCALL_SET_PGD, address, fc.oneof(small(4), small(1024))) },
  { weight: 1, arbitrary: usual(abi.LHCALL_SET_PMD, address, small(512)) },
  { weight: 1, arbitrary: usual(abi.LHCALL_LOAD_TLS, fc.oneof(small(END), address)) },
  { weight: 1, arbitrary: usual(abi.LHCALL_NOTIFY, address) },
);
const rude = fc.tuple(fc.oneof(fc.integer({ min: 0, max: 24 }), any), any, any, any, any);
/** What the Guest writes into its own memory between calls: table entries mostly. */
const poke = fc.tuple(
  fc.oneof(
    fc.constantFrom(PGDIR, PGDIR + 0xc00, LAST_PGDIR, TABLE, TABLE + 0x100, PAE_TOP, PAE_TOP + 4, PAE_TOP + 8, PAE_DIRECTORY, PAE_TABLE, PAE_TABLE + 4, DATA, DATA + 4),
    fc.integer({ min: 0, max: 1023 }).map((i) => PGDIR + 4 * i), fc.integer({ min: 0, max: END / 4 - 1 }).map((i) => 4 * i),
  ), fc.oneof(entry, any),
);
const step = fc.record({
  call: fc.oneof({ weight: 12, arbitrary: call }, { weight: 1, arbitrary: rude }),
  ring: fc.array(call, { maxLength: 3 }),
  pokes: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.array(poke, { maxLength: 3 }) }),
  irq: fc.option(fc.integer({ min: 0, max: 31 })),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const SLICE = 2000;
/** What one slice may cost more: a ring full of flushes, and everything there is to go through in so small a Host. */
const OVERRUN = 64 * 4096 + HOST_PAGES * 1024;

/** Plays the steps and says how it ended. */
function play(hostile: Hostile, steps: readonly Step[]): string {
  const { physical, data, guest, clock } = hostile;
  guest.runSlice(10_000);
  expect(guest.initialized && guest.dead === undefined).toBe(true);
  let slot = 0;
  for (const { call: words, ring, pokes, irq } of steps) {
    for (const [at, value] of pokes) physical.write32(at, value);
    for (const queued of ring) {
      queued.forEach((word, n) => data.setHcallArgument(slot, n, word));
      data.setHcallStatus(slot, abi.LHCALL_SLOT_PENDING);
      slot = (slot + 1) % abi.LHCALL_RING_SIZE;
    }
    words.forEach((word, n) => physical.write32(CALL + 4 * n, word));
    if (irq !== null) guest.raiseIrq(irq);

    const before = guest.ticks;
    const exit = guest.runSlice(SLICE);
    expect(guest.ticks - before).toBeLessThan(SLICE + OVERRUN);
    expectContained(hostile);
    if (exit.kind === 'killed') {
      expect(exit.reason).toMatch(/^[^\n]{10,}$/);
      expect(exit.reason).not.toMatch(/undefined|NaN|\[object/);
      return exit.reason.replace(/0x[0-9a-f_]+|\d+/g, '#');
    }
    if (exit.kind === 'halted') clock.advance(5_000_000_000n);
  }
  return 'alive';
}

describe.each(['reference', 'interpreter'] as const)('hostile hypercalls (%s)', (engine) => {
  it('work or kill with a reason', () => {
    const ends = new Map<string, number>();
    const machine = machineFor({ guestPages: PAGES, hostPages: HOST_PAGES, engine });
    fc.assert(fc.property(fc.array(step, { minLength: 1, maxLength: 30, size: 'max' }), (steps) => {
      const hostile = hostileGuest(machine);
      const end = play(hostile, steps);
      ends.set(end, (ends.get(end) ?? 0) + 1);
      const { guest } = hostile;
      guest.dispose();
      expect(guest.mmu.framesHeld).toBe(0);
    }), { numRuns: 300 * Number(process.env['LGUEST_FUZZ'] ?? 1) });
    if (process.env['LGUEST_FUZZ_REPORT'] !== undefined) console.log([...ends].sort((a, b) => b[1] - a[1]));
    // all of this was of no use if they all died of the same thing
    expect(ends.size).toBeGreaterThan(5);
  });
});
