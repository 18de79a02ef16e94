/*H:310
 * Round and round.
 *
 * This is the whole life of a Guest. Carry out the hypercall it made. If that was a NOTIFY, go to the Launcher. Deliver
 * an interrupt, if there is one to deliver. If the Guest sleeps, come back when there is a reason. Otherwise: run it,
 * and see why it stopped. The order matters: a hypercall may raise interrupts, halt or kill, and an interrupt must come
 * before the entry it diverts.
 *
 * lguest's loop slept in the kernel and was woken by signals. This one is called again and again by a Launcher that
 * shares a thread with a terminal and a user: it spends at most what it was given and then says so.
 */
import { ExitReason } from '@lguest/x86-core';
import { LGUEST_IRQS } from './abi/segments.js';
import { type Guest, hex } from './guest.js';
import { handleTrap } from './handle-trap.js';
import { doHypercalls } from './hypercalls.js';
import { inNoirqRange, interruptPending, tryDeliverInterrupt, unblockedInterrupts } from './interrupts.js';

/**
 * What an exit to the Host costs of a slice, in instructions. A Guest can make the Host work without running a single
 * instruction (a page fault whose handler faults), so instructions alone are no measure of time. The figure is about
 * what an exit takes on the interpreter engine.
 */
export const EXIT_PRICE = 256;

/*M:220
 * What is time to a Guest that does nothing?
 *
 * Suppose the page fault handler's own page is missing, and the stack is mapped in a circle. Every attempt to run ends
 * in a fault that is reflected, and reflecting it makes the next one: no instruction is ever retired. Counted in
 * instructions, such a Guest lives outside time; no slice of it would end and no timeout would come. So an exit costs
 * something by itself, and the sum, in ticks, goes up whatever the Guest does. It depends on nothing but the Guest, so
 * virtual time can be made of it, and a run can be repeated to the last event.
 */

/*M:230
 * Some calls do more than others.
 *
 * The price of an exit covers a hypercall that sets an entry. It does not cover one that flushes everything, when there
 * are a thousand page tables to go through; and the ring takes sixty-four such calls into the Host at the price of one
 * exit. So work that grows with what the Guest has built is counted where it is done, and a Guest that asks for much of
 * it finds its slice over sooner. A tick is about as long as a look at one entry takes.
 */

/** Most ticks between two looks at the timers. */
export const TICKS_PER_LOOK = 100_000;

/**
 * Most instructions in one go while an interrupt waits for the Guest to enable interrupts. Linux's fast path for that
 * does not always tell us (it tests the pending word with the wrong mask), so we look again soon.
 */
const TICKS_PER_LOOK_WHILE_PENDING = 5_000;

/** Why runGuest() stopped. */
export const Stop = { dead: 0, notify: 1, halted: 2, spent: 3 } as const;

/** Counters of one run loop. */
export interface LoopState {
  /** Instructions retired, EXIT_PRICE per exit and work done besides, since the start: time as a Guest cannot stop it. */
  ticks: number;
  /** What the page tables' count of looks was when it was last put on the bill. */
  looks: number;
  /** Ticks since the timers were looked at. */
  sinceLook: number;
  /** The CPU is running: kick() makes sense. */
  running: boolean;
  /** Instructions that had been retired when it began to run. */
  ranFrom: number;
}

/** Put what was done for the Guest besides its exits on its bill. */
function settle(guest: Guest, state: LoopState): void {
  const { looks } = guest.mmu.stats;
  const owed = guest.debt + looks - state.looks;
  guest.debt = 0;
  state.looks = looks;
  state.ticks += owed;
  state.sinceLook += owed;
}

/**
 * Run a Guest for at most `budget` ticks. Returns a Stop.
 * @param look fires the timers that are due. @param stopwatch milliseconds, or undefined when time is not measured.
 */
export function runGuest(
  guest: Guest, state: LoopState, budget: number, look: () => void, stopwatch: (() => number) | undefined,
): number {
  const { cpu, counters } = guest;
  const end = state.ticks + budget;
  while (guest.dead === undefined) {
    if (guest.hypercallPending) {
      doHypercalls(guest);
      settle(guest, state);
      if (guest.dead !== undefined) break;
    }
    if (guest.notifyPending) {
      const handler = guest.notifyHandlers.get(guest.notifyAddress);
      if (handler === undefined) return Stop.notify;
      guest.notifyPending = false;
      handler(guest.notifyAddress);
      if (guest.dead !== undefined) break;
    }
    if (guest.hypercallPending) {
      // there is more in the ring
      if (state.ticks >= end) return Stop.spent;
      continue;
    }

    if (state.sinceLook >= TICKS_PER_LOOK) {
      state.sinceLook = 0;
      look();
    }
    let waiting = false;
    if (guest.pendingIrqs !== 0) {
      const irq = interruptPending(guest);
      if (irq < LGUEST_IRQS) {
        tryDeliverInterrupt(guest, irq);
        if (guest.dead !== undefined) break;
        waiting = unblockedInterrupts(guest) !== 0;
      }
    }

    if (guest.halted) {
      if (inNoirqRange(guest)) {
        guest.kill(`halted at ${hex(cpu.eip)}, where it wants no interrupts: nothing could ever wake it`);
        break;
      }
      return Stop.halted;
    }
    let chunk = end - state.ticks;
    if (chunk <= 0) return Stop.spent;
    const untilLook = waiting ? TICKS_PER_LOOK_WHILE_PENDING : TICKS_PER_LOOK;
    if (chunk > untilLook) chunk = untilLook;

    // ── the Switcher ──
    const before = cpu.retired;
    const started = stopwatch === undefined ? 0 : stopwatch();
    state.ranFrom = before;
    state.running = true;
    const exit = cpu.run(chunk);
    state.running = false;
    if (stopwatch !== undefined) counters.guestMilliseconds += stopwatch() - started;
    counters.runs++;
    let spent = cpu.retired - before;

    if (exit.reason === ExitReason.gate) {
      spent += EXIT_PRICE;
      handleTrap(guest, exit);
      settle(guest, state);
    } else if (exit.reason === ExitReason.shutdown) {
      guest.kill(`triple fault at ${hex(cpu.eip)}`);
    } else if (exit.reason === ExitReason.halt) {
      guest.kill(`hlt in ring 0 at ${hex(cpu.eip)}`);
    }
    state.ticks += spent;
    state.sinceLook += spent;
  }
  return Stop.dead;
}
