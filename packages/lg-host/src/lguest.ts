/*H:100
 * The Host.
 *
 * So far the Guest's hardware was told about, one piece at a time. Here the pieces meet: an Lguest is one Guest in one
 * machine, ready to run. It takes a machine with a kernel in its memory, builds the Switcher page and the first shadow
 * page table, sets the registers as every Guest finds them, and then runs it a slice at a time. A slice ends when there
 * is something for the Launcher to do: a device to serve, time to pass, or a death to announce.
 */
import { Timer, type TimerQueue } from '@lguest/hrtimer';
import { FramePool, ShadowPageTables } from '@lguest/mmu-shadow';
import { type Cpu, Cr0, Cr4, Feature, type Machine, Register, SegmentRegister } from '@lguest/x86-core';
import { SWITCHER_ADDRESS } from './abi/address-space.js';
import {
  FLAT_GUEST_CODE, FLAT_GUEST_DATA, FIRST_EXTERNAL_VECTOR, GUEST_KERNEL_CS, GUEST_KERNEL_DS, GUEST_START_EFLAGS,
  IDT_ENTRIES, LGUEST_IRQS, LGUEST_TIMER_IRQ, PAGE_SIZE, SYSCALL_VECTOR,
} from './abi/segments.js';
import { GuestClock } from './clock.js';
import { HostCounters } from './counters.js';
import { LguestError } from './error.js';
import { flatSegment, GuestGdt, NULL_SEGMENT } from './gdt.js';
import { Guest, type NotifyHandler } from './guest.js';
import { GuestIdt } from './idt.js';
import { setInterrupt } from './interrupts.js';
import { checkGuestPages, MIN_HOST_PAGES } from './machine.js';
import { type LoopState, runGuest, Stop } from './run-loop.js';
import { SwitcherPage } from './switcher.js';
import type { TraceListener } from './trace.js';

/** What an Lguest is made from. */
export interface LguestOptions {
  /** A machine of machineFor() (or one like it), with the kernel already in its memory. */
  machine: Machine;
  /** Pages of guest memory, devices' pages included: the highest page frame number the Guest may name, plus one. */
  guestPages: number;
  /** Guest-physical address of the first instruction. */
  entry: number;
  /** Timers on the Guest's wall clock: nanoseconds since the epoch. Whoever owns the queue may have timers of their own there. */
  timers: TimerQueue;
  /** False sends every trap through the Host, to measure what that costs. Default true. */
  directTraps?: boolean;
  /** A system call vector to allow besides 128, 32..255. */
  syscallVector?: number;
  /** Frequency of the time-stamp counter in kHz, when the Guest may use it as a clock. Default 0: it may not. */
  tscKhz?: number;
  /** Ticks of one slice. Default DEFAULT_SLICE. */
  sliceInstructions?: number;
  /** Milliseconds on a monotonic clock, such as performance.now: time in Guest and Host is measured with it. */
  now?: () => number;
}

/** Ticks of a slice: a few milliseconds on the interpreter. */
export const DEFAULT_SLICE = 1_000_000;

/** Why runSlice() came back. The object is used again by the next call. */
export type HostExit =
  /** LHCALL_NOTIFY without a route: serve the address (guest-physical), then call runSlice() again. */
  | { readonly kind: 'notify'; readonly address: number }
  /** The Guest sleeps: call again after raiseIrq(), or when `wakeAt` (on the timers' clock) has come. */
  | { readonly kind: 'halted'; readonly wakeAt: bigint | undefined }
  /** The slice is spent; there is more to do. */
  | { readonly kind: 'yield' }
  /** The Guest did what no Guest may do. */
  | { readonly kind: 'killed'; readonly reason: string }
  /** The Guest ended itself. */
  | { readonly kind: 'shutdown'; readonly restart: boolean; readonly message: string };

const YIELD: HostExit = Object.freeze({ kind: 'yield' });

/** One Guest, and the Host around it. */
export class Lguest {
  /** The CPU, whose registers are the Guest's. */
  readonly cpu: Cpu;
  /** The Guest's shadow page tables. */
  readonly mmu: ShadowPageTables;
  /** Everything that was counted so far. */
  readonly counters: HostCounters;

  readonly #guest: Guest;
  readonly #timers: TimerQueue;
  readonly #stopwatch: (() => number) | undefined;
  readonly #slice: number;
  readonly #state: LoopState = { ticks: 0, looks: 0, sinceLook: 0, running: false, ranFrom: 0 };
  readonly #notify = { kind: 'notify' as const, address: 0 };
  readonly #halted = { kind: 'halted' as const, wakeAt: undefined as bigint | undefined };
  readonly #look: () => void;
  #left: number;
  #inside = false;
  #disposed = false;

  /**
   * Put a Guest into a machine. The kernel need not be loaded yet, but nothing of guest memory is touched here.
   * @throws LguestError 'bad-option', 'machine-too-small'.
   */
  constructor(options: LguestOptions) {
    const { machine, guestPages, timers } = options;
    checkOptions(options);
    const { cpu, physical } = machine;
    const firstFrame = guestPages + 1;
    const endFrame = Math.floor(physical.size / PAGE_SIZE);
    const frames = new FramePool({ firstFrame, endFrame, words: physical.words });
    const limit = guestPages * PAGE_SIZE;
    const kill = (reason: string): void => this.kill(reason);

    this.cpu = cpu;
    this.counters = new HostCounters(cpu);
    physical.bytes.fill(0, guestPages * PAGE_SIZE, firstFrame * PAGE_SIZE);
    const switcher = new SwitcherPage(physical, guestPages);
    const idt = new GuestIdt(switcher, options.syscallVector ?? SYSCALL_VECTOR, options.directTraps ?? true);
    const gdt = new GuestGdt(switcher);
    this.mmu = new ShadowPageTables({
      guest: { limit, read32: (address) => physical.read32(address), write32: (address, value) => physical.write32(address, value) },
      frames,
      memory: physical,
      tlb: {
        setPageTable: (address, pae) => {
          const cr4 = pae ? cpu.cr4 | Cr4.pae : cpu.cr4 & ~Cr4.pae;
          if (cr4 !== cpu.cr4) cpu.cr4 = cr4;
          cpu.cr3 = address;
        },
        flushAll: () => cpu.flushTlb(),
        flushPage: (linear) => cpu.flushTlbPage(linear),
      },
      kill,
      switcher: { base: SWITCHER_ADDRESS, frames: [guestPages] },
    });

    this.#timers = timers;
    const timer = new Timer(timers, () => this.raiseIrq(LGUEST_TIMER_IRQ));
    const clock = new GuestClock(timers.clock, timer);
    this.#guest = new Guest({
      cpu, memory: physical, limit, mmu: this.mmu, switcher, idt, gdt, clock, counters: this.counters,
      tscKhz: options.tscKhz ?? 0,
    });
    this.#stopwatch = options.now;
    this.#slice = options.sliceInstructions ?? DEFAULT_SLICE;
    this.#left = this.#slice;
    this.#look = () => this.#timers.run();
    this.mmu.startLinear();
    setStartState(cpu, switcher, options.entry);
  }

  /**
   * Run the Guest until there is something for the caller to do, for at most `maxTicks` ticks. Without a number, the
   * slice of the options is spent over several calls: NOTIFYs in between do not renew it. A hypercall is always finished,
   * so a slice may end later than it should by what the dearest one costs.
   * @throws LguestError 'busy' from inside a slice, 'disposed' after dispose(), 'bad-option' when `maxTicks` is no number of ticks.
   */
  runSlice(maxTicks?: number): HostExit {
    if (this.#inside) throw new LguestError('busy', 'runSlice() was called while the Guest runs; wait for it to return.');
    if (this.#disposed) throw new LguestError('disposed', 'runSlice() was called on an Lguest that was disposed of.');
    const budget = maxTicks === undefined ? this.#left : Math.floor(maxTicks);
    if (!(budget >= 0)) throw new LguestError('bad-option', `runSlice() was given ${maxTicks} ticks; it must be a number from 0 up.`);
    const guest = this.#guest;
    const state = this.#state;
    const stopwatch = this.#stopwatch;
    const started = stopwatch === undefined ? 0 : stopwatch();
    const guestBefore = this.counters.guestMilliseconds;
    const ticksBefore = state.ticks;
    guest.notifyPending = false;
    this.#inside = true;
    try {
      state.sinceLook = 0;
      this.#look();
      const stop = runGuest(guest, state, budget, this.#look, stopwatch);
      return this.#exit(stop, state.ticks - ticksBefore, maxTicks === undefined);
    } finally {
      this.#inside = false;
      state.running = false;
      if (stopwatch !== undefined) {
        this.counters.hostMilliseconds += stopwatch() - started - (this.counters.guestMilliseconds - guestBefore);
      }
    }
  }

  /**
   * A device raises a virtual interrupt: the Guest sees it at its next entry; if it runs (this is called from a device
   * hook), it is interrupted. If it sleeps, call runSlice().
   * @throws LguestError 'bad-irq'.
   */
  raiseIrq(irq: number): void {
    if (!Number.isInteger(irq) || irq < 0 || irq >= LGUEST_IRQS) {
      throw new LguestError('bad-irq', `There is no virtual irq ${irq}; they are numbered 0 to ${LGUEST_IRQS - 1}.`);
    }
    setInterrupt(this.#guest, irq);
    if (this.#state.running) this.cpu.kick();
  }

  /** End the Guest with a reason: one sentence, naming what and where. The first reason counts. */
  kill(reason: string): void {
    this.#guest.kill(reason);
    if (this.#state.running) this.cpu.kick();
  }

  /**
   * Route a NOTIFY address to a function that serves it at once, inside the slice, instead of ending runSlice(). It may
   * call raiseIrq() and kill(). Undefined takes the route away.
   */
  onNotify(address: number, handler: NotifyHandler | undefined): void {
    if (handler === undefined) this.#guest.notifyHandlers.delete(address);
    else this.#guest.notifyHandlers.set(address, handler);
  }

  /** Why the Guest is dead, or undefined. */
  get dead(): string | undefined {
    return this.#guest.dead;
  }

  /** True between a HALT and the interrupt that ends it. */
  get halted(): boolean {
    return this.#guest.halted;
  }

  /** True once the Guest made its first hypercall: it is a kernel with lguest support. */
  get initialized(): boolean {
    return this.#guest.data !== undefined;
  }

  /**
   * Instructions retired plus a fixed price for each exit to the Host, and one for what was done there besides. It depends on nothing but the Guest, and a Guest
   * cannot keep it from moving on: what virtual time should be made of. It also moves while the Guest runs, so a clock
   * made of it can serve as its time-stamp counter.
   */
  get ticks(): number {
    const { ticks, running, ranFrom } = this.#state;
    return running ? ticks + (this.cpu.retired - ranFrom) : ticks;
  }

  /** Told every trace event while it is set. */
  get onTrace(): TraceListener | undefined {
    return this.#guest.onTrace;
  }
  set onTrace(listener: TraceListener | undefined) {
    this.#guest.onTrace = listener;
  }

  /**
   * Give back every frame and timer. The counters can still be read.
   * @throws LguestError 'busy' from inside a slice.
   */
  dispose(): void {
    if (this.#inside) throw new LguestError('busy', 'dispose() was called while the Guest runs; wait for runSlice() to return.');
    if (this.#disposed) return;
    this.#disposed = true;
    this.#guest.clock.stop();
    this.mmu.dispose();
  }

  #exit(stop: number, ticks: number, ownSlice: boolean): HostExit {
    const guest = this.#guest;
    if (ownSlice) this.#left = stop === Stop.notify ? Math.max(0, this.#left - ticks) : this.#slice;
    switch (stop) {
      case Stop.notify:
        this.#notify.address = guest.notifyAddress;
        return this.#notify;
      case Stop.halted:
        this.#halted.wakeAt = guest.clock.expires;
        return this.#halted;
      case Stop.spent:
        return YIELD;
      default:
        if (guest.shutdown !== undefined) return { kind: 'shutdown', ...guest.shutdown };
        return { kind: 'killed', reason: guest.dead ?? '' };
    }
  }
}

function checkOptions(options: LguestOptions): void {
  const { machine, guestPages, entry, syscallVector, tscKhz = 0, sliceInstructions = DEFAULT_SLICE } = options;
  checkGuestPages(guestPages);
  const pages = Math.floor(machine.physical.size / PAGE_SIZE);
  if (pages < guestPages + MIN_HOST_PAGES) {
    throw new LguestError(
      'machine-too-small',
      `The machine has ${pages} pages; ${guestPages} for the Guest leave fewer than the ${MIN_HOST_PAGES} the Host needs.`,
    );
  }
  if (!Number.isInteger(entry) || entry < 0 || entry >= guestPages * PAGE_SIZE) {
    throw new LguestError('bad-option', `entry ${entry} does not lie in the Guest's memory.`);
  }
  if (syscallVector !== undefined &&
      !(Number.isInteger(syscallVector) && syscallVector >= FIRST_EXTERNAL_VECTOR + LGUEST_IRQS && syscallVector < IDT_ENTRIES)) {
    throw new LguestError(
      'bad-option',
      `syscallVector is ${syscallVector}; it must lie from ${FIRST_EXTERNAL_VECTOR + LGUEST_IRQS}, after the vectors of virtual interrupts, to ${IDT_ENTRIES - 1}.`,
    );
  }
  if (!Number.isInteger(tscKhz) || tscKhz < 0 || tscKhz >= 2 ** 32) {
    throw new LguestError('bad-option', `tscKhz is ${tscKhz}; it must be a whole number of 32 bits, or 0.`);
  }
  if (!Number.isInteger(sliceInstructions) || sliceInstructions < 1) {
    throw new LguestError('bad-option', `sliceInstructions is ${sliceInstructions}; it must be a whole number of at least 1.`);
  }
}

/** The registers every Guest starts with: its kernel's segments, interrupts on, paging on, and zeros. */
function setStartState(cpu: Cpu, switcher: SwitcherPage, entry: number): void {
  cpu.setGdt(switcher.gdt.base, switcher.gdt.limit);
  cpu.setIdt(switcher.idt.base, switcher.idt.limit);
  // A Linux Host's settings: write protection holds for the kernel too, programs may ask for alignment checks, pages may
  // be Global, FXSAVE knows all of its state, and SSE's exceptions are exceptions.
  cpu.cr0 = Cr0.pe | Cr0.mp | Cr0.et | Cr0.ne | Cr0.wp | Cr0.am | Cr0.pg;
  const { features } = cpu.processor;
  cpu.cr4 |= (features & Feature.pge ? Cr4.pge : 0) | (features & Feature.fxsr ? Cr4.osfxsr : 0) |
    (features & Feature.sse ? Cr4.osxmmexcpt : 0);
  cpu.cr2 = 0;
  const data = flatSegment(GUEST_KERNEL_DS, FLAT_GUEST_DATA);
  cpu.setSegment(SegmentRegister.cs, flatSegment(GUEST_KERNEL_CS, FLAT_GUEST_CODE));
  cpu.setSegment(SegmentRegister.ss, data);
  cpu.setSegment(SegmentRegister.ds, data);
  cpu.setSegment(SegmentRegister.es, data);
  cpu.setSegment(SegmentRegister.fs, NULL_SEGMENT);
  cpu.setSegment(SegmentRegister.gs, NULL_SEGMENT);
  cpu.setSegment(SegmentRegister.ldtr, NULL_SEGMENT);
  cpu.setSegment(SegmentRegister.tr, switcher.taskRegister);
  cpu.regs.fill(0);
  cpu.regs[Register.esi] = 0;
  cpu.eflags = GUEST_START_EFLAGS;
  cpu.eip = entry;
}
