/*
 * Guests of a few instructions for the tests that run on the real machine, assembled on the spot.
 *
 * A test guest is loaded at BASE and entered there. Labels count from the start of its code: `base+label` is an address.
 * It has a page directory at PGDIR that maps the first 4 MiB to themselves, for everybody, and the same again at
 * 0xc0000000. Common beginnings are in `init`, `paging`, `userSegments`, `stack`.
 */
import { AssemblyState } from '@defasm/core';
import { TimerQueue, VirtualClock } from '@lguest/hrtimer';
import type { Machine } from '@lguest/x86-core';
import * as abi from './abi/index.js';
import { Lguest, type HostExit, type LguestOptions } from './lguest.js';
import { machineFor } from './machine.js';

/** Where test guests are loaded and entered. */
export const BASE = 0x10_0000;
/** Their struct lguest_data. */
export const DATA = 0x8000;
/** Their page directory, followed by its one page table. */
export const PGDIR = 0x2000;
const PAGE_TABLE = 0x3000;
/** The same for a Guest that uses PAE: the top level, one directory, two page tables. */
export const PAE_TOP = 0x4000;
const PAE_DIRECTORY = 0x5000;
const PAE_TABLES = 0x6000;
/** Top of the ring-1 stack. */
export const KERNEL_STACK = 0x2_0000;
/** Top of the ring-3 stack. */
export const USER_STACK = 0x3_0000;
/** A word the test looks at. */
export const RESULT = 0x4_0000;
/** Pages of guest memory: 4 MiB. */
export const GUEST_PAGES = 1024;
/** The time when a test guest starts, in nanoseconds. */
export const START_TIME = 1_600_000_000_000_000_000n;

const P = 1;
const P_RW_U = 7;
/** Linux's flags for a page directory entry: present, writable, accessed, dirty (and user). */
const PGD_FLAGS = 0x67;

/** Assemble AT&T syntax. */
export function assemble(source: string): Uint8Array {
  const state = new AssemblyState({ syntax: { intel: false, prefix: true }, bitness: 32 });
  state.compile(`base = ${BASE}\nstart:\n${source}\n`, { haltOnError: false });
  const [error] = state.errors;
  if (error !== undefined) throw new Error(`test guest does not assemble: ${error.message}`);
  return new Uint8Array(state.head.dump());
}

/** One hypercall; arguments are immediates. */
export function hypercall(call: number, ...args: (number | string)[]): string {
  const registers = ['%ebx', '%ecx', '%edx', '%esi'];
  return [`mov $${call}, %eax`, ...args.map((arg, i) => `mov $${arg}, ${registers[i]}`), `int $${abi.LGUEST_TRAP_ENTRY}`].join('\n') + '\n';
}

/** LOAD_IDT_ENTRY of a label within 64 KiB of BASE. */
export function setGate(vector: number, label: string, type: number, dpl = 0): string {
  return hypercall(abi.LHCALL_LOAD_IDT_ENTRY, vector, `${label}-start+${0x61_0000}`, BASE | 0x8000 | (dpl << 13) | (type << 8));
}

export const init = `mov $${KERNEL_STACK}, %esp\n` + hypercall(abi.LHCALL_LGUEST_INIT, DATA);
export const paging = hypercall(abi.LHCALL_NEW_PGTABLE, PGDIR);
export const paePaging = hypercall(abi.LHCALL_NEW_PGTABLE, PAE_TOP);
export const stack = hypercall(abi.LHCALL_SET_STACK, abi.GUEST_KERNEL_DS, KERNEL_STACK, 1);
export const userSegments =
  hypercall(abi.LHCALL_LOAD_GDT_ENTRY, abi.GDT_ENTRY_USER_CS, 0xffff, 0x00cf_fa00) +
  hypercall(abi.LHCALL_LOAD_GDT_ENTRY, abi.GDT_ENTRY_USER_DS, 0xffff, 0x00cf_f200);
/** Go to a label in ring 3, with data segments that ring 3 may keep. */
export function enterUser(label: string): string {
  return `mov $${abi.GUEST_USER_DS}, %eax\nmov %eax, %ds\nmov %eax, %es\npush $${abi.GUEST_USER_DS}\npush $${USER_STACK}\npush $${abi.GUEST_START_EFLAGS}\n` +
    `push $${abi.GUEST_USER_CS}\npush $base+${label}-start\niret\n`;
}
/** SHUTDOWN with the message at a label. */
export function shutdown(label: string, reason: number = abi.SHUTDOWN_POWEROFF): string {
  return hypercall(abi.LHCALL_SHUTDOWN, `base+${label}-start`, reason);
}
/** A NUL-terminated string at a label. */
export function text(label: string, value: string): string {
  return `${label}: .byte ${[...value, '\0'].map((c) => c.charCodeAt(0)).join(',')}\n`;
}

export type GuestOptions = Partial<Omit<LguestOptions, 'machine' | 'timers'>> & {
  engine?: 'reference' | 'interpreter';
  /** One of testMachine() that is not needed any more. */
  machine?: Machine;
};

/** A machine for test guests. */
export function testMachine(engine: 'reference' | 'interpreter'): Machine {
  return machineFor({ guestPages: GUEST_PAGES, hostPages: 256, engine });
}

/** A Guest with some code loaded, on a virtual clock, and on a machine of its own unless one is given. */
export function testGuest(code: Uint8Array, options: GuestOptions = {}) {
  const { engine = 'reference', machine = testMachine(engine), ...rest } = options;
  const { physical } = machine;
  if (options.machine !== undefined) {
    physical.bytes.fill(0);
    physical.invalidate(0, physical.size);
    machine.cpu.reset();
  }
  physical.bytes.set(code, BASE);
  physical.invalidate(BASE, code.length);
  for (let i = 0; i < 1024; i++) physical.write32(PAGE_TABLE + 4 * i, (i << 12) | P_RW_U);
  physical.write32(PGDIR, PAGE_TABLE | PGD_FLAGS);
  physical.write32(PGDIR + 4 * 0x300, PAGE_TABLE | PGD_FLAGS);
  for (let i = 0; i < 1024; i++) physical.write32(PAE_TABLES + 8 * i, (i << 12) | P_RW_U);
  physical.write32(PAE_DIRECTORY, PAE_TABLES | PGD_FLAGS);
  physical.write32(PAE_DIRECTORY + 8, (PAE_TABLES + 0x1000) | PGD_FLAGS);
  for (const quarter of [0, 3]) physical.write32(PAE_TOP + 8 * quarter, PAE_DIRECTORY | P);
  const data = new abi.LguestData(physical, DATA);
  for (let slot = 0; slot < abi.LHCALL_RING_SIZE; slot++) data.setHcallStatus(slot, abi.LHCALL_SLOT_FREE);
  data.syscallVec = abi.SYSCALL_VECTOR;
  data.kernelAddress = 0xc000_0000;
  const clock = new VirtualClock(START_TIME);
  const timers = new TimerQueue(clock);
  const guest = new Lguest({ machine, guestPages: GUEST_PAGES, entry: BASE, timers, ...rest });
  return { guest, machine, physical, data, clock, timers };
}

/** Run until the Guest stops by itself, or for `limit` ticks. */
export function runToStop(guest: Lguest, limit = 1_000_000): HostExit {
  return guest.runSlice(limit);
}
