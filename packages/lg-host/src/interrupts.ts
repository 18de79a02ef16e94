/*H:205
 * Virtual interrupts.
 *
 * A device or the clock raises an irq: that sets a bit. Before each entry to the Guest we look at the lowest bit the
 * Guest has not blocked, and try to deliver it. Trying may fail: the Guest may have interrupts disabled (then we leave
 * a note in irq_pending, so that it knows to ask when it enables them), be in the middle of its own iret, or between the
 * two halves of changing its stack.
 */
import { FIRST_EXTERNAL_VECTOR, LGUEST_IRQS, X86_EFLAGS_IF } from './abi/segments.js';
import type { Guest } from './guest.js';
import { deliverInterrupt, hasHandler } from './traps.js';

/** The bits of interrupts that are raised and not blocked, as an int32. 0 before LGUEST_INIT. */
export function unblockedInterrupts(guest: Guest): number {
  if (guest.pendingIrqs === 0 || guest.data === undefined) return 0;
  return guest.pendingIrqs & ~guest.data.blockedInterrupts;
}

/** The first raised interrupt that is not blocked, or LGUEST_IRQS when there is none. */
export function interruptPending(guest: Guest): number {
  const bits = unblockedInterrupts(guest);
  // Math.clz32 counts from the top, and LGUEST_IRQS is its answer for nothing at all
  return bits === 0 ? LGUEST_IRQS : LGUEST_IRQS - 1 - Math.clz32(bits & -bits);
}

/** True when an eip lies where the Guest wants no interrupt. */
export function inNoirqRange(guest: Guest): boolean {
  const eip = guest.cpu.eip >>> 0;
  return eip >= guest.noirqStart && eip < guest.noirqEnd;
}

/** Divert the Guest to the handler of an interrupt that interruptPending() found, if it can be done now. */
export function tryDeliverInterrupt(guest: Guest, irq: number): void {
  const { data } = guest;
  if (data === undefined || inNoirqRange(guest)) return;
  // a budget may end where hardware would let no interrupt in: after a load of ss, before that of esp
  if (!guest.halted && !guest.cpu.interruptible) return;

  if (guest.halted) {
    // an interrupt ends the sleep, and the Guest slept with interrupts enabled, whatever the word says
    data.irqEnabled = X86_EFLAGS_IF;
    guest.halted = false;
  } else if (!data.interruptsOn) {
    data.irqPending = X86_EFLAGS_IF;
    return;
  }

  const vector = FIRST_EXTERNAL_VECTOR + irq;
  if (hasHandler(guest, vector)) {
    guest.pendingIrqs &= ~(1 << irq);
    guest.counters.interrupts[irq]!++;
    if (guest.onTrace !== undefined) guest.onTrace({ type: 'interrupt', irq, eip: guest.cpu.eip >>> 0 });
    deliverInterrupt(guest, vector);
  }

  // The Guest reads the clock from memory. To store it more often would be better for it and dear for us; at every
  // interrupt is often enough, since the clock's own are among them.
  guest.clock.writeTimestamp(data);

  // Nothing else to deliver: the Guest need not ask.
  const others = unblockedInterrupts(guest) & ~(1 << irq);
  if (others === 0) data.irqPending = 0;
}

/** Raise an interrupt. The caller wakes or kicks the CPU. */
export function setInterrupt(guest: Guest, irq: number): void {
  guest.pendingIrqs |= 1 << irq;
  if (guest.onTrace !== undefined) guest.onTrace({ type: 'raise', irq });
}
