/*
 * Small hardware for the tests of this package: a CPU that runs nothing, memory that is an array, page tables that map
 * everything to itself but for the holes a test digs. Every assertion about what the Host does to them is made without
 * x86-core's engines and without mmu-shadow.
 */
import { LGUEST_DATA_BYTES, LguestData, LguestDataOffset } from './abi/lguest-data.js';
import {
  FLAT_GUEST_CODE, FLAT_GUEST_DATA, GUEST_KERNEL_CS, GUEST_KERNEL_DS, GUEST_START_EFLAGS, SYSCALL_VECTOR,
} from './abi/segments.js';
import { GuestClock, type OneShotTimer } from './clock.js';
import { HostCounters } from './counters.js';
import { flatSegment, GuestGdt } from './gdt.js';
import { Guest } from './guest.js';
import type { CpuExit, GuestCpu, GuestMmu, MachineMemory, SegmentImage } from './hardware.js';
import { GuestIdt } from './idt.js';
import { SwitcherPage } from './switcher.js';

/** Guest memory of the fakes: 64 pages. */
export const FAKE_LIMIT = 64 * 4096;
/** Where the fakes keep struct lguest_data. */
export const FAKE_DATA = 0x8000;

/** Bytes; anything outside throws, so that a missing bound check fails the test. */
export class FakeMemory implements MachineMemory {
  readonly view: DataView;
  constructor(bytes: number) {
    this.view = new DataView(new ArrayBuffer(bytes));
  }
  read8(address: number): number { return this.view.getUint8(address); }
  read32(address: number): number { return this.view.getUint32(address, true); }
  write8(address: number, value: number): void { this.view.setUint8(address, value); }
  write32(address: number, value: number): void { this.view.setUint32(address, value, true); }
}

/** A CPU whose runs are played by the test. */
export class FakeCpu implements GuestCpu {
  readonly regs = new Int32Array(8);
  eip = 0;
  eflags = GUEST_START_EFLAGS;
  cr0 = 0;
  cr2 = 0;
  retired = 0;
  interruptible = true;
  kicks = 0;
  readonly deliveries = new Uint32Array(256);
  readonly segments: SegmentImage[] = Array.from({ length: 8 }, () => flatSegment(GUEST_KERNEL_DS, FLAT_GUEST_DATA));
  /** What the next runs do; the last one is repeated. */
  play: ((budget: number) => CpuExit)[] = [];
  budgets: number[] = [];

  constructor() {
    this.segments[1] = flatSegment(GUEST_KERNEL_CS, FLAT_GUEST_CODE);
  }
  get cpl(): number { return this.segments[1]!.selector & 3; }
  selector(register: number): number { return this.segments[register]!.selector; }
  segment(register: number): SegmentImage { return this.segments[register]!; }
  setSegment(register: number, image: SegmentImage): void { this.segments[register] = image; }
  run(budget: number): CpuExit {
    this.budgets.push(budget);
    const step = this.play.length > 1 ? this.play.shift()! : this.play[0]!;
    return step(budget);
  }
  kick(): void { this.kicks++; }
}

/** Page tables that map every page below `limit` to itself, but for `holes` (page numbers). */
export class FakeMmu implements GuestMmu {
  kernelAddress = 0;
  readonly holes = new Set<number>();
  /** Virtual page → physical page, where they differ. */
  readonly moved = new Map<number, number>();
  readonly calls: string[] = [];
  readonly stats = { looks: 0 };
  fills = true;
  pins = true;
  demandPage(address: number, errorCode: number): boolean { this.calls.push(`demandPage ${address} ${errorCode}`); return this.fills; }
  newPageTable(pgdir: number): void { this.calls.push(`newPageTable ${pgdir}`); }
  setPte(pgdir: number, address: number, low: number, high?: number): void { this.calls.push(`setPte ${pgdir} ${address} ${low} ${high}`); }
  setPgd(pgdir: number, index: number): void { this.calls.push(`setPgd ${pgdir} ${index}`); }
  setPmd(page: number, index: number): void { this.calls.push(`setPmd ${page} ${index}`); }
  flushUser(): void { this.calls.push('flushUser'); }
  flushAll(): void { this.calls.push('flushAll'); }
  pinPage(address: number): boolean { this.calls.push(`pinPage ${address}`); return this.pins; }
  guestPhysical(address: number): number | undefined {
    const page = address >>> 12;
    if (this.holes.has(page)) return undefined;
    return ((this.moved.get(page) ?? page) * 4096) + (address & 4095);
  }
}

/** A timer a test can look at. */
export class FakeTimer implements OneShotTimer {
  expires: bigint | undefined = undefined;
  start(expires: bigint): void { this.expires = expires; }
  cancel(): void { this.expires = undefined; }
}

/** A Guest on fakes, in ring 1, at eip 0x1000 with esp 0x5000. */
export function fakeGuest(options: { syscallVector?: number; directTraps?: boolean; tscKhz?: number } = {}) {
  const cpu = new FakeCpu();
  const memory = new FakeMemory(FAKE_LIMIT + 4096);
  const mmu = new FakeMmu();
  const switcher = new SwitcherPage(memory, FAKE_LIMIT / 4096);
  const idt = new GuestIdt(switcher, options.syscallVector ?? SYSCALL_VECTOR, options.directTraps ?? true);
  const gdt = new GuestGdt(switcher);
  const timer = new FakeTimer();
  const time = { now: 1_700_000_000_123_456_789n };
  const clock = new GuestClock({ now: () => time.now }, timer);
  const counters = new HostCounters(cpu);
  const guest = new Guest({
    cpu, memory, limit: FAKE_LIMIT, mmu, switcher, idt, gdt, clock, counters, tscKhz: options.tscKhz ?? 0,
  });
  cpu.eip = 0x1000;
  cpu.regs[4] = 0x5000;
  return { guest, cpu, memory, mmu, switcher, idt, gdt, timer, time, counters };
}

/** Fill in what a Guest writes before LGUEST_INIT, with all ring slots free. */
export function writeGuestData(memory: FakeMemory, base = FAKE_DATA): LguestData {
  const data = new LguestData(memory, base);
  for (let i = 0; i < LGUEST_DATA_BYTES; i++) memory.write8(base + i, 0);
  for (let slot = 0; slot < 64; slot++) memory.write8(base + LguestDataOffset.hcallStatus + slot, 0xff);
  data.syscallVec = SYSCALL_VECTOR;
  data.kernelAddress = 0xc000_0000;
  data.noirqStart = 0x2000;
  data.noirqEnd = 0x2008;
  return data;
}

/** A Guest that has made its first hypercall. */
export function initializedGuest(options: Parameters<typeof fakeGuest>[0] = {}) {
  const made = fakeGuest(options);
  const data = writeGuestData(made.memory);
  made.guest.data = data;
  made.guest.noirqStart = data.noirqStart;
  made.guest.noirqEnd = data.noirqEnd;
  return { ...made, data };
}

/** The words on a stack from `esp` up. */
export function stackWords(memory: FakeMemory, esp: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => memory.read32(esp + 4 * i));
}

/** The words of a gate. */
export function gate(handler: number, type: number, dpl = 0): [number, number] {
  return [(0x60 << 16) | (handler & 0xffff), ((handler & 0xffff_0000) | 0x8000 | (dpl << 13) | (type << 8)) >>> 0];
}

