/*H:210
 * Putting a trap on the Guest's stack.
 *
 * Delivering a trap or an interrupt means doing by hand what the CPU does by itself for a direct trap: push the old
 * flags, code segment and instruction pointer, for some traps an error code, and go on at the handler's address. If
 * the Guest was in user space, its kernel stack comes first: we change to the one it told us in SET_STACK and push the
 * old stack pointer too, so that an ordinary `iret` undoes it all.
 *
 * Two things differ from hardware. The interrupt flag in the pushed flags is the Guest's virtual one, since the real
 * one never changes. And a handler behind an interrupt gate starts with the virtual flag cleared.
 */
import { gateAddress, gatePresent, gateType } from '@lguest/descriptors';
import { Eflags, Register, SegmentRegister } from '@lguest/x86-core';
import { GUEST_KERNEL_CS, GUEST_PL, IDT_ENTRIES, PAGE_SHIFT, PAGE_SIZE, X86_EFLAGS_IF } from './abi/segments.js';
import { type Guest, hex } from './guest.js';
import { INTERRUPT_GATE } from './idt.js';

/** "No error code" for setGuestInterrupt: error codes themselves are never negative. */
export const NO_ERROR_CODE = -1;

/** Vectors that push an error code: 8, 10 to 14, 17 (SDM volume 3, table 6-1). */
const WITH_ERROR_CODE = (1 << 8) | (0x1f << 10) | (1 << 17);
/** Exceptions that are faults: their saved flags have RF set (SDM volume 3, 6.8.3). */
const FAULTS = ~((1 << 1) | (1 << 2) | (1 << 3) | (1 << 4) | (1 << 8) | (1 << 9) | (1 << 15) | (1 << 18));
const EXCEPTIONS = 32;
/** A handler never starts with these: the CPU clears them when it delivers a trap, and so must we. */
const CLEARED_FLAGS = Eflags.tf | Eflags.vm | Eflags.rf | Eflags.nt;

const WORD = 4;
const PAGE_MASK = PAGE_SIZE - 1;
/** Beyond this offset a word does not fit in its page. */
const LAST_WORD = PAGE_SIZE - WORD;

/** True when the CPU pushes an error code for this exception. */
export function hasErrorCode(vector: number): boolean {
  return vector < EXCEPTIONS && ((WITH_ERROR_CODE >>> vector) & 1) !== 0;
}

/**
 * A stack that is being pushed to. Guest-virtual addresses are translated page by page, as the CPU would: the frame
 * may lie across a page boundary. One per process is enough, since a delivery is never interrupted.
 */
const stack = { esp: 0, base: 0, page: -1, physical: 0, bad: false };

/** Prepare to push below esp in a segment at `base`. */
function openStack(esp: number, base: number): void {
  stack.esp = esp;
  stack.base = base;
  stack.page = -1;
  stack.bad = false;
}

function push(guest: Guest, value: number): void {
  const esp = (stack.esp = (stack.esp - WORD) >>> 0);
  const linear = (stack.base + esp) >>> 0;
  const offset = linear & PAGE_MASK;
  if (offset > LAST_WORD) {
    pushAcrossPages(guest, linear, value);
    return;
  }
  const page = linear >>> PAGE_SHIFT;
  if (page !== stack.page) {
    const physical = guest.translate(linear);
    if (physical === undefined) {
      stack.bad = true;
      return;
    }
    stack.page = page;
    stack.physical = physical - offset;
  }
  guest.memory.write32(stack.physical + offset, value >>> 0);
}

/** A word on a stack that is not even aligned, half in one page and half in the next. */
function pushAcrossPages(guest: Guest, linear: number, value: number): void {
  for (let i = 0; i < WORD; i++) {
    const physical = guest.translate((linear + i) >>> 0);
    if (physical === undefined) {
      stack.bad = true;
      return;
    }
    guest.memory.write8(physical, (value >>> (8 * i)) & 0xff);
  }
}

/**
 * Divert the Guest to a handler, as if the CPU had delivered the trap or interrupt.
 * @param low low word of the Guest's gate, @param high its high word.
 * @param errorCode pushed last, unless it is NO_ERROR_CODE.
 * @param savedFlags eflags to push, with the real interrupt flag.
 */
function setGuestInterrupt(guest: Guest, low: number, high: number, errorCode: number, savedFlags: number): void {
  const { cpu, gdt, data } = guest;
  const { regs } = cpu;
  const fromKernel = cpu.cpl === GUEST_PL;
  const code = gdt.kernelCode();
  if (code === undefined) {
    guest.kill(`the Guest's kernel code segment (selector ${hex(GUEST_KERNEL_CS)}) is not a ring-1 code segment`);
    return;
  }
  const newStack = fromKernel ? undefined : gdt.kernelStack(guest.ss1);
  if (fromKernel) {
    // the same stack goes on; only a segment other than the usual one has a base worth asking for
    const ss = cpu.selector(SegmentRegister.ss);
    const usual = gdt.kernelStack(ss);
    openStack(regs[Register.esp]! >>> 0, usual === undefined ? cpu.segment(SegmentRegister.ss).base : usual.base);
  } else {
    if (newStack === undefined) {
      guest.kill(`no usable kernel stack: ss ${hex(guest.ss1)} of the last SET_STACK is not a ring-1 data segment`);
      return;
    }
    openStack(guest.esp1, newStack.base);
    push(guest, cpu.selector(SegmentRegister.ss));
    push(guest, regs[Register.esp]!);
  }

  // The real interrupt flag is always on. The Guest's own lies in memory; its iret copies the pushed one back there.
  let flags = savedFlags;
  if (data !== undefined && !data.interruptsOn) flags &= ~X86_EFLAGS_IF;
  push(guest, flags);
  push(guest, cpu.selector(SegmentRegister.cs));
  push(guest, cpu.eip);
  if (errorCode !== NO_ERROR_CODE) push(guest, errorCode);
  if (stack.bad) {
    guest.kill(`bad stack address ${hex(stack.esp)}: a trap at ${hex(cpu.eip)} found no page to push to`);
    return;
  }

  regs[Register.esp] = stack.esp;
  if (cpu.selector(SegmentRegister.cs) !== GUEST_KERNEL_CS) cpu.setSegment(SegmentRegister.cs, code);
  if (newStack !== undefined) cpu.setSegment(SegmentRegister.ss, newStack);
  if ((savedFlags & CLEARED_FLAGS) !== 0) cpu.eflags = savedFlags & ~CLEARED_FLAGS;
  cpu.eip = gateAddress(low, high);

  if (data !== undefined && gateType(low, high) === INTERRUPT_GATE) data.irqEnabled = 0;
}

/** Deliver a virtual interrupt through a gate that is present. They have no error codes. */
export function deliverInterrupt(guest: Guest, vector: number): void {
  const { entries } = guest.idt;
  setGuestInterrupt(guest, entries[2 * vector]!, entries[2 * vector + 1]!, NO_ERROR_CODE, guest.cpu.eflags);
}

/** True when the Guest has a handler for a vector. */
export function hasHandler(guest: Guest, vector: number): boolean {
  const { entries } = guest.idt;
  return gatePresent(entries[2 * vector]!, entries[2 * vector + 1]!);
}

/*H:220
 * Reflecting a trap.
 *
 * With the routine above, a trap that came out of the Guest and is the Guest's own business goes back in easily. All
 * that is left to know is which traps come with an error code: Intel decided on seven of them.
 */

/**
 * Reflect a trap. Returns false when the Guest has no handler for it: it cannot go on, and whoever called kills it.
 * @param errorCode as the CPU reported it; 0 for a trap that has none.
 * @param software the trap is an `int` instruction's: it has no error code whatever the vector.
 */
export function deliverTrap(guest: Guest, vector: number, errorCode: number, software: boolean): boolean {
  if (vector >= IDT_ENTRIES || !hasHandler(guest, vector)) return false;
  const { entries } = guest.idt;
  const code = !software && hasErrorCode(vector) ? errorCode : NO_ERROR_CODE;
  let flags = guest.cpu.eflags;
  if (vector < EXCEPTIONS && ((FAULTS >>> vector) & 1) !== 0) flags |= Eflags.rf;
  guest.counters.reflected[vector]!++;
  if (guest.onTrace !== undefined) {
    guest.onTrace({ type: 'reflect', vector, errorCode, eip: guest.cpu.eip >>> 0 });
  }
  setGuestInterrupt(guest, entries[2 * vector]!, entries[2 * vector + 1]!, code, flags);
  return true;
}

/*H:260
 * The stack a direct trap lands on.
 *
 * When the CPU takes a trap out of ring 3 by itself, it finds the ring-1 stack in the TSS and pushes to it at once. A
 * page missing there would be a fault in the middle of a trap, over and over. So SET_STACK not only stores the stack in
 * the TSS but pins its pages: maps them now, writable, and kills the Guest if they cannot be. In Linux each process
 * has its own kernel stack, so this call comes at every context switch.
 */

/** Most pages of stack a Guest may have pinned. */
const MAX_STACK_PAGES = 2;

/** LHCALL_SET_STACK. `esp` is virtual, as the CPU wants it. */
export function guestSetStack(guest: Guest, selector: number, esp: number, pages: number): void {
  if ((selector & 3) !== GUEST_PL) {
    guest.kill(`bad stack segment ${hex(selector)}: its privilege level must be ${GUEST_PL}`);
    return;
  }
  if (pages > MAX_STACK_PAGES) {
    guest.kill(`bad stack pages ${pages}: at most ${MAX_STACK_PAGES}`);
    return;
  }
  guest.ss1 = selector & 0xffff;
  guest.esp1 = esp >>> 0;
  guest.stackPages = pages;
  guest.switcher.writeStack(guest.ss1, guest.esp1);
  pinStackPages(guest);
}

/** Make sure the ring-1 stack is mapped, after it changed or the page tables did. */
export function pinStackPages(guest: Guest): void {
  for (let i = 0; i < guest.stackPages; i++) {
    // stacks grow down: the address given is one past the highest byte
    const address = (guest.esp1 - 1 - i * PAGE_SIZE) >>> 0;
    if (guest.dead !== undefined) return;
    if (!guest.mmu.pinPage(address)) guest.kill(`bad stack page ${hex(address)}`);
  }
}
