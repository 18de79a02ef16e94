/*
 * Hostile Guests: random instructions, random hypercalls and random tables, in ring 1 and ring 3, on the real CPU. The
 * Host may kill them. It may not throw, hang, let them out of their memory, or let them near ring 0.
 */
import type { Machine } from '@lguest/x86-core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as abi from './abi/index.js';
import {
  assemble, BASE, enterUser, GUEST_PAGES, hypercall, init, paging, setGate, stack, testGuest, testMachine, userSegments,
} from './test-guest.test-support.js';

const TRAP = 0xf;
const INTERRUPT = 0xe;

const prologue = init + paging + userSegments + stack +
  [0, 1, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 16, 17].map((vector) => setGate(vector, 'handler', vector & 1 ? TRAP : INTERRUPT, vector & 3)).join('') +
  setGate(0x80, 'handler', TRAP, 3) + setGate(0x20, 'handler', INTERRUPT);
/** Handlers drop what was pushed and go on in the random bytes, somewhere else each time. */
const kernelBody = `jmp body\nhandler: incl count\nmov base+count-start, %ecx\nmov $${abi.GUEST_USER_DS}, %edx\nmov %edx, %ds\nmov $${0x2_0000}, %esp\nand $63, %ecx\nlea base+body-start(,%ecx,4), %ecx\njmp *%ecx\ncount: .4byte 0\nbody: nop\n`
  .replace('incl count', 'incl %ss:base+count-start');
const inKernel = assemble(prologue + kernelBody);
const inUser = assemble(prologue + enterUser('body') + kernelBody.replace('jmp body\n', ''));

const SWITCHER = GUEST_PAGES * 4096;
const SWITCHER_WORDS = abi.IDT_ENTRIES * 2;
const TICKS = 20_000;
/** LGUEST_FUZZ=20 looks twenty times as long. */
const FUZZ = Number(process.env['LGUEST_FUZZ'] ?? 1);

/** Everything a Guest must not have achieved. */
function expectContained({ guest, physical }: ReturnType<typeof testGuest>, sentinel: number): void {
  expect(guest.cpu.cpl).toBeGreaterThan(0);
  expect(guest.cpu.selector(1) & 3).toBeGreaterThan(0);
  for (let vector = 0; vector < abi.IDT_ENTRIES; vector++) {
    const low = physical.read32(SWITCHER + 8 * vector);
    const high = physical.read32(SWITCHER + 8 * vector + 4);
    const selector = low >>> 16;
    expect(selector === abi.LGUEST_CS || selector === abi.GUEST_KERNEL_CS).toBe(true);
    expect((high >>> 8) & 0x9f).toBe(selector === abi.LGUEST_CS ? 0x8e : 0x8f);
  }
  for (let index = 0; index < abi.GDT_ENTRIES; index++) {
    const high = physical.read32(SWITCHER + 4 * SWITCHER_WORDS + 8 * index + 4);
    const hosts = index === abi.GDT_ENTRY_LGUEST_CS || index === abi.GDT_ENTRY_LGUEST_DS || index === abi.GDT_ENTRY_TSS;
    if (!hosts && high !== 0) expect([(high >>> 13) & 3, high & 0x1000]).not.toEqual([0, 0x1000]);
    if (!hosts && high !== 0) expect(high & 0x1000).toBe(0x1000);
  }
  // the last host frame is never used by so small a Guest: whatever is written there was written astray
  expect(physical.read32(physical.size - 4)).toBe(sentinel);
}

function runHostile(code: Uint8Array, body: Uint8Array, machine: Machine, irqs: readonly number[]): void {
  const made = testGuest(code, { machine });
  const { guest, physical, clock } = made;
  const sentinel = 0x5ea1_5ea1;
  physical.write32(physical.size - 4, sentinel);
  physical.write(BASE + code.length - 1, body);
  for (const irq of irqs) {
    const ticks = guest.ticks;
    const exit = guest.runSlice(TICKS);
    expect(guest.ticks - ticks).toBeLessThanOrEqual(TICKS + 1024);
    if (exit.kind === 'killed' || exit.kind === 'shutdown') break;
    if (exit.kind === 'halted' && guest.ticks === ticks) clock.advance(1_000_000n);
    guest.raiseIrq(irq);
  }
  expectContained(made, sentinel);
  guest.dispose();
}

/** Random bytes with a taste for what matters here. */
const byte = fc.oneof(
  fc.integer({ min: 0, max: 255 }),
  fc.constantFrom(0xcd, 0x1f, 0x80, 0xcf, 0xcc, 0x0f, 0x8e, 0x9a, 0xea, 0xcb, 0xca, 0x07, 0x17, 0x1f, 0x9d, 0xfa, 0xfb, 0xf4, 0xee, 0xec, 0x66, 0x64, 0x50, 0x58, 0x60, 0x61, 0x69, 0x73),
);
const body = fc.uint8Array({ minLength: 64, maxLength: 512 }).chain((bytes) => fc.array(byte, { minLength: bytes.length, maxLength: bytes.length })).map((bytes) => Uint8Array.from(bytes));
const irqs = fc.array(fc.integer({ min: 0, max: 31 }), { minLength: 1, maxLength: 4 });

/** Random hypercalls as code: numbers that exist, arguments that nearly make sense. */
const argument = fc.oneof(
  fc.constantFrom(0, 1, 2, 8, 0x61, 0x69, 0x80, 0x2000, 0x3000, 0x8000, 0x2_0000, 0xc000_0000, abi.SWITCHER_ADDRESS, 0x00cf_9a00, 0x8e00, 0xef00, 0xffff_ffff),
  fc.integer({ min: 0, max: 0x50_0000 }),
  fc.maxSafeNat().map((n) => n >>> 0),
);
const call = fc.tuple(fc.constantFrom(0, 4, 5, 6, 7, 8, 9, 14, 15, 16, 18, 19, 13, 17, 10), argument, argument, argument, argument)
  .map(([number, ...args]) => hypercall(number, ...args));

describe.each(['reference', 'interpreter'] as const)('on the %s engine, a Guest of', (engine) => {
  const machine = testMachine(engine);
  const numRuns = FUZZ * (engine === 'interpreter' ? 60 : 40);

  it('random instructions in ring 1 stays a Guest', () => {
    fc.assert(fc.property(body, irqs, (bytes, raised) => runHostile(inKernel, bytes, machine, raised)), { numRuns });
  });

  it('random instructions in ring 3 stays a Guest', () => {
    fc.assert(fc.property(body, irqs, (bytes, raised) => runHostile(inUser, bytes, machine, raised)), { numRuns });
  });

  it('random hypercalls stays a Guest', () => {
    fc.assert(fc.property(fc.array(call, { minLength: 1, maxLength: 12 }), irqs, (calls, raised) => {
      const code = assemble(`${calls.join('')}again: jmp again\n`);
      runHostile(inKernel, code, machine, raised);
    }), { numRuns });
  });
});
