/*H:115
 * What the Guest asks for.
 *
 * `int $0x1f` stops the CPU at a ring-0 gate, like every trap; the run loop finds us here with the call's number in
 * eax and its arguments in ebx, ecx, edx, esi. Nothing is returned and no register changes: a Guest may therefore also
 * put a call into a ring in its memory and go on, if it does not mind when it happens. Before a call out of the
 * registers is carried out, the ring is emptied, so everything happens in the order the Guest wrote it.
 */
import {
  LGUEST_MESSAGE_BYTES, LHCALL_END, LHCALL_FLUSH_ASYNC, LHCALL_FLUSH_TLB, LHCALL_HALT, LHCALL_LGUEST_INIT,
  LHCALL_LOAD_GDT_ENTRY, LHCALL_LOAD_IDT_ENTRY, LHCALL_LOAD_TLS, LHCALL_NEW_PGTABLE, LHCALL_NOTIFY,
  LHCALL_SEND_INTERRUPTS, LHCALL_SET_CLOCKEVENT, LHCALL_SET_PGD, LHCALL_SET_PMD, LHCALL_SET_PTE, LHCALL_SET_STACK,
  LHCALL_SHUTDOWN, LHCALL_TS, SHUTDOWN_RESTART,
} from './abi/hypercalls.js';
import { LGUEST_DATA_BYTES, LguestData, LHCALL_RING_SIZE, LHCALL_SLOT_FREE } from './abi/lguest-data.js';
import { SWITCHER_ADDRESS, SWITCHER_BYTES } from './abi/address-space.js';
import { GDT_ENTRY_TLS_ENTRIES, GDT_ENTRY_TLS_MIN } from './abi/segments.js';
import { Cr0, Register } from '@lguest/x86-core';
import { type Guest, hex } from './guest.js';
import { guestSetStack, pinStackPages } from './traps.js';

const DESCRIPTOR_BYTES = 8;
const WORD = 4;

/** What to say about a kernel that dies before it has said hello. */
export const NO_LGUEST_SUPPORT =
  'before LGUEST_INIT: the kernel does not seem to have lguest support (CONFIG_LGUEST_GUEST=y is needed)';

/** Ticks of a call taken from the ring: it costs no exit, but work all the same. */
export const RING_CALL_PRICE = 64;
/** When calls from the ring have made the page tables go through this many entries, the rest of the ring waits: some milliseconds. */
export const MOST_LOOKS_AT_ONCE = 1_000_000;

/**
 * Carry out the hypercall in the registers, after those in the ring. It stays pending when the ring is not empty yet:
 * because of a NOTIFY, for which the Launcher comes first, or because it was enough for one go. Then we are called again.
 */
export function doHypercalls(guest: Guest): void {
  const { regs } = guest.cpu;
  if (guest.data === undefined) {
    guest.hypercallPending = false;
    initialize(guest, regs[Register.eax]! >>> 0, regs[Register.ebx]! >>> 0);
    return;
  }
  if (!doAsyncHypercalls(guest, guest.data)) return;
  guest.hypercallPending = false;
  doHypercall(
    guest, regs[Register.eax]! >>> 0, regs[Register.ebx]! >>> 0, regs[Register.ecx]! >>> 0, regs[Register.edx]! >>> 0,
    regs[Register.esi]! >>> 0, false,
  );
}

/*H:125
 * The asynchronous ring.
 *
 * Sixty-four slots with a status byte each. The Guest fills the slots in turn and marks them; we remember where we
 * stopped, go on from there until a slot is free, and free each one as it is done. One round at most: a Guest that
 * marks slots from another slot's effect cannot keep us here. And sixty-four calls can be a lot: flushing large page
 * tables once takes milliseconds. So when that happens we stop, and whoever runs the Guest can look at the clock.
 */
function doAsyncHypercalls(guest: Guest, data: LguestData): boolean {
  const { stats } = guest.mmu;
  const enough = stats.looks + MOST_LOOKS_AT_ONCE;
  for (let i = 0; i < LHCALL_RING_SIZE; i++) {
    const slot = guest.nextAsync;
    if (data.hcallStatus(slot) === LHCALL_SLOT_FREE) break;
    guest.nextAsync = (slot + 1) % LHCALL_RING_SIZE;
    doHypercall(
      guest, data.hcallArgument(slot, 0), data.hcallArgument(slot, 1), data.hcallArgument(slot, 2),
      data.hcallArgument(slot, 3), data.hcallArgument(slot, 4), true,
    );
    data.setHcallStatus(slot, LHCALL_SLOT_FREE);
    guest.debt += RING_CALL_PRICE;
    if (guest.notifyPending || guest.dead !== undefined || stats.looks >= enough) return false;
  }
  return true;
}

/*H:120
 * The first hypercall.
 *
 * The Guest tells where its half of the shared structure is, and we fill in ours. Nothing else can happen before this:
 * without the structure there are no virtual interrupts, no fault addresses and no ring. A kernel that was not built
 * for lguest never gets here, and dies of the first thing it does to the hardware.
 */
function initialize(guest: Guest, call: number, address: number): void {
  traceHypercall(guest, call, false);
  if (call !== LHCALL_LGUEST_INIT) {
    guest.kill(`hypercall ${call} at ${hex(guest.cpu.eip)} ${NO_LGUEST_SUPPORT}`);
    return;
  }
  guest.counters.hypercalls[LHCALL_LGUEST_INIT]!++;
  if (!guest.contains(address, LGUEST_DATA_BYTES)) {
    guest.kill(`bad lguest_data address ${hex(address)}: it does not lie in the Guest's memory`);
    return;
  }
  const data = new LguestData(guest.memory, address);
  if (!guest.idt.couldBeSyscall(data.syscallVec)) {
    guest.kill(`bad system call vector ${data.syscallVec}: this Host has not reserved it`);
    return;
  }
  if (data.kernelAddress >= SWITCHER_ADDRESS) {
    guest.kill(`bad kernel address ${hex(data.kernelAddress)}: the Host's window starts at ${hex(SWITCHER_ADDRESS)}`);
    return;
  }
  guest.noirqStart = data.noirqStart;
  guest.noirqEnd = data.noirqEnd;
  data.tscKhz = guest.tscKhz;
  data.reserveMem = SWITCHER_BYTES;
  guest.clock.writeTimestamp(data);
  guest.data = data;
  guest.mmu.kernelAddress = data.kernelAddress;
  // whatever was mapped on the way here, it is looked at again now that we know where the kernel lives
  guest.mmu.flushAll();
}

/** Carry out one hypercall. */
function doHypercall(
  guest: Guest, call: number, arg1: number, arg2: number, arg3: number, arg4: number, async: boolean,
): void {
  if (call < LHCALL_END) (async ? guest.counters.asyncHypercalls : guest.counters.hypercalls)[call]!++;
  if (guest.onTrace !== undefined) {
    guest.onTrace({
      type: 'hypercall', number: call, arguments: [arg1, arg2, arg3, arg4], async,
      eip: guest.cpu.eip >>> 0, retired: guest.cpu.retired,
    });
  }
  switch (call) {
    case LHCALL_FLUSH_ASYNC:
    case LHCALL_SEND_INTERRUPTS:
      // coming here was the point
      return;
    case LHCALL_LGUEST_INIT:
      guest.kill('a second LGUEST_INIT');
      return;
    case LHCALL_SHUTDOWN:
      shutDown(guest, arg1, arg2);
      return;
    case LHCALL_NEW_PGTABLE:
      guest.mmu.newPageTable(arg1);
      // a directory the Host has not seen lately knows nothing of the stack a direct trap would land on
      pinStackPages(guest);
      return;
    case LHCALL_FLUSH_TLB:
      if (arg1 === 0) {
        guest.mmu.flushUser();
      } else {
        guest.mmu.flushAll();
        pinStackPages(guest);
      }
      return;
    case LHCALL_LOAD_IDT_ENTRY:
      killIf(guest, guest.idt.load(arg1, arg2, arg3));
      return;
    case LHCALL_SET_STACK:
      guestSetStack(guest, arg1, arg2, arg3);
      return;
    case LHCALL_TS:
      setTaskSwitched(guest, arg1 !== 0);
      return;
    case LHCALL_SET_CLOCKEVENT:
      guest.clock.setClockevent(arg1);
      return;
    case LHCALL_HALT:
      guest.halted = true;
      return;
    case LHCALL_SET_PMD:
      guest.mmu.setPmd(arg1, arg2);
      return;
    case LHCALL_SET_PTE:
      guest.mmu.setPte(arg1, arg2, arg3, arg4);
      return;
    case LHCALL_SET_PGD:
      guest.mmu.setPgd(arg1, arg2);
      return;
    case LHCALL_LOAD_TLS:
      loadTls(guest, arg1);
      return;
    case LHCALL_NOTIFY:
      guest.notifyPending = true;
      guest.notifyAddress = arg1;
      return;
    case LHCALL_LOAD_GDT_ENTRY:
      killIf(guest, guest.gdt.load(arg1, arg2, arg3));
      return;
    default:
      guest.kill(`bad hypercall ${call} at ${hex(guest.cpu.eip)}`);
  }
}

function killIf(guest: Guest, reason: string | undefined): void {
  if (reason !== undefined) guest.kill(reason);
}

/**
 * LHCALL_TS: with CR0.TS set the next use of the FPU raises "device not available", and the Guest then loads the FPU's
 * contents for the process that wants it.
 */
function setTaskSwitched(guest: Guest, on: boolean): void {
  guest.ts = on;
  const { cpu } = guest;
  const cr0 = on ? cpu.cr0 | Cr0.ts : cpu.cr0 & ~Cr0.ts;
  if (cr0 !== cpu.cr0) cpu.cr0 = cr0;
}

/** LHCALL_LOAD_TLS: three descriptors at once, because a context switch changes all three. */
function loadTls(guest: Guest, address: number): void {
  if (!guest.contains(address, GDT_ENTRY_TLS_ENTRIES * DESCRIPTOR_BYTES)) {
    guest.kill(`bad TLS address ${hex(address)}`);
    return;
  }
  for (let i = 0; i < GDT_ENTRY_TLS_ENTRIES; i++) {
    const descriptor = address + i * DESCRIPTOR_BYTES;
    guest.gdt.load(GDT_ENTRY_TLS_MIN + i, guest.memory.read32(descriptor), guest.memory.read32(descriptor + WORD));
  }
}

/**
 * LHCALL_SHUTDOWN: the one way to die on purpose. Linux restarts with a null pointer for a message, which becomes an
 * address far outside its memory: whoever wants to restart need not say why.
 */
function shutDown(guest: Guest, address: number, reason: number): void {
  const restart = reason === SHUTDOWN_RESTART;
  if (!guest.contains(address, 1) && !restart) {
    guest.kill(`bad SHUTDOWN message address ${hex(address)}`);
    return;
  }
  const message = readMessage(guest, address);
  guest.kill(message);
  guest.shutdown = { restart, message };
}

const NEWLINE = 10;
const TAB = 9;
const SPACE = 32;
const FIRST_OTHER_THAN_ASCII = 127;

/** A message for people's terminals: control characters and what is not ASCII come out as question marks. */
function readMessage(guest: Guest, address: number): string {
  const length = Math.min(LGUEST_MESSAGE_BYTES, guest.limit - address);
  let message = '';
  for (let i = 0; i < length; i++) {
    const byte = guest.memory.read8(address + i);
    if (byte === 0) break;
    const plain = (byte >= SPACE && byte < FIRST_OTHER_THAN_ASCII) || byte === NEWLINE || byte === TAB;
    message += plain ? String.fromCharCode(byte) : '?';
  }
  return message;
}

function traceHypercall(guest: Guest, number: number, async: boolean): void {
  if (guest.onTrace === undefined) return;
  const { regs } = guest.cpu;
  guest.onTrace({
    type: 'hypercall', number, async, eip: guest.cpu.eip >>> 0, retired: guest.cpu.retired,
    arguments: [
      regs[Register.ebx]! >>> 0, regs[Register.ecx]! >>> 0, regs[Register.edx]! >>> 0, regs[Register.esi]! >>> 0,
    ],
  });
}
