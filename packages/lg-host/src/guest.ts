/*H:110
 * Everything the Host remembers about one Guest.
 *
 * The rest of this package is functions on this object, each file a chapter: interrupts.ts and traps.ts put things on
 * the Guest's stack, idt.ts and gdt.ts hold its tables, hypercalls.ts does what it asks for, lguest.ts goes round and
 * round. The registers are not here: the CPU's registers are the Guest's.
 *
 * One rule governs all of it. Whatever a Guest does wrong ends in kill(): one sentence, and the Guest never runs again.
 * It is not an exception, nothing is undone, and every caller only has to look at `dead` before it uses the CPU again.
 */
import type { LguestData } from './abi/lguest-data.js';
import { PAGE_SIZE } from './abi/segments.js';
import type { GuestClock } from './clock.js';
import type { HostCounters } from './counters.js';
import type { GuestGdt } from './gdt.js';
import type { GuestCpu, GuestMmu, MachineMemory } from './hardware.js';
import type { GuestIdt } from './idt.js';
import type { SwitcherPage } from './switcher.js';
import type { TraceListener } from './trace.js';

/** What a Guest is made of. */
export interface GuestParts {
  cpu: GuestCpu;
  memory: MachineMemory;
  /** Bytes of guest memory: guest-physical addresses are below. */
  limit: number;
  mmu: GuestMmu;
  switcher: SwitcherPage;
  idt: GuestIdt;
  gdt: GuestGdt;
  clock: GuestClock;
  counters: HostCounters;
  /** lguest_data.tsc_khz. */
  tscKhz: number;
}

/** Serves a NOTIFY on the spot. It may raise interrupts and kill; it must not run the Guest. */
export type NotifyHandler = (address: number) => void;

/** How a Guest asked to end. */
export interface ShutdownRequest {
  readonly restart: boolean;
  readonly message: string;
}



/** The state of one Guest. */
export class Guest {
  readonly cpu: GuestCpu;
  readonly memory: MachineMemory;
  readonly limit: number;
  readonly mmu: GuestMmu;
  readonly switcher: SwitcherPage;
  readonly idt: GuestIdt;
  readonly gdt: GuestGdt;
  readonly clock: GuestClock;
  readonly counters: HostCounters;
  readonly tscKhz: number;

  /** struct lguest_data; undefined until LHCALL_LGUEST_INIT. */
  data: LguestData | undefined = undefined;
  /** eip range in which no interrupt is delivered; end exclusive. */
  noirqStart = 0;
  noirqEnd = 0;

  /** One bit per virtual irq that was raised and not delivered yet. An int32. */
  pendingIrqs = 0;
  /** Asleep in LHCALL_HALT. */
  halted = false;

  /** A hypercall instruction brought us here and its call is not carried out yet; the arguments are in the registers. */
  hypercallPending = false;
  /** The next slot of the asynchronous ring to look at. */
  nextAsync = 0;
  /** Ticks of work that was done for the Guest and is not on its bill yet. */
  debt = 0;
  /** A NOTIFY waits for the Launcher. */
  notifyPending = false;
  notifyAddress = 0;
  /** Who serves which NOTIFY address at once, without the Launcher's loop. */
  readonly notifyHandlers = new Map<number, NotifyHandler>();

  /** The ring-1 stack for traps out of ring 3, and how many pages of it are pinned. */
  ss1 = 0;
  esp1 = 0;
  stackPages = 0;
  /** The Guest wants CR0.TS set. */
  ts = false;

  /** Why the Guest is dead; undefined while it lives. */
  dead: string | undefined = undefined;
  /** Set when it ended because it asked to. */
  shutdown: ShutdownRequest | undefined = undefined;

  /** Told everything, when there is somebody to tell. */
  onTrace: TraceListener | undefined = undefined;

  constructor(parts: GuestParts) {
    this.cpu = parts.cpu;
    this.memory = parts.memory;
    this.limit = parts.limit;
    this.mmu = parts.mmu;
    this.switcher = parts.switcher;
    this.idt = parts.idt;
    this.gdt = parts.gdt;
    this.clock = parts.clock;
    this.counters = parts.counters;
    this.tscKhz = parts.tscKhz;
  }

  /** End the Guest. The first reason stays. */
  kill(reason: string): void {
    if (this.dead !== undefined) return;
    this.dead = reason;
    this.onTrace?.({ type: 'kill', reason });
  }

  /** True when `length` bytes at a guest-physical address lie in guest memory. */
  contains(address: number, length: number): boolean {
    return address >= 0 && length <= this.limit && address <= this.limit - length;
  }

  /** Machine-physical address behind a Guest virtual one, or undefined. Of the address's page only. */
  translate(address: number): number | undefined {
    const physical = this.mmu.guestPhysical(address);
    if (physical === undefined || physical >= this.limit) return undefined;
    return physical;
  }
}

/** Bytes from an address to the end of its page. */
export function bytesLeftInPage(address: number): number {
  return PAGE_SIZE - (address & (PAGE_SIZE - 1));
}

/** An address or value in a reason: 0x-prefixed, unsigned. */
export function hex(value: number): string {
  return `0x${(value >>> 0).toString(16)}`;
}
