import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as abi from './abi/index.js';
import { FAKE_DATA, FAKE_LIMIT, fakeGuest, gate, initializedGuest, writeGuestData, type FakeMemory } from './fakes.test-support.js';
import type { Guest } from './guest.js';
import { doHypercalls, MOST_LOOKS_AT_ONCE, RING_CALL_PRICE } from './hypercalls.js';
import { TRAP_GATE } from './idt.js';
import type { TraceEvent } from './trace.js';

const [EAX, ECX, EDX, EBX, ESI] = [0, 1, 2, 3, 6];

function hypercall(guest: Guest, call: number, a1 = 0, a2 = 0, a3 = 0, a4 = 0): void {
  guest.cpu.regs.set([call, a2, a3, a1]);
  guest.cpu.regs[ESI] = a4;
  guest.hypercallPending = true;
  doHypercalls(guest);
}

function queue(data: abi.LguestData, slot: number, call: number, ...args: number[]): void {
  [call, ...args].forEach((value, i) => data.setHcallArgument(slot, i, value));
  data.setHcallStatus(slot, abi.LHCALL_SLOT_PENDING);
}

describe('LGUEST_INIT', () => {
  it('fills in the Host’s half of lguest_data', () => {
    const { guest, memory, mmu } = fakeGuest({ tscKhz: 2_596_113 });
    const data = writeGuestData(memory);
    hypercall(guest, abi.LHCALL_LGUEST_INIT, FAKE_DATA);
    expect(guest.dead).toBeUndefined();
    expect(data.tscKhz).toBe(2_596_113);
    expect(data.reserveMem).toBe(0x21000);
    expect([data.timeSeconds, data.timeNanoseconds]).toEqual([1_700_000_000, 123_456_789]);
    expect([guest.noirqStart, guest.noirqEnd]).toEqual([0x2000, 0x2008]);
    expect(mmu.kernelAddress).toBe(0xc000_0000);
    expect(mmu.calls).toEqual(['flushAll']);
    expect(guest.hypercallPending).toBe(false);
  });

  it('must come first', () => {
    const { guest } = fakeGuest();
    hypercall(guest, abi.LHCALL_FLUSH_ASYNC);
    expect(guest.dead).toMatch(/hypercall 0 at 0x1000 before LGUEST_INIT.*CONFIG_LGUEST_GUEST/);
  });

  it('must come once, also through the ring', () => {
    const first = initializedGuest();
    hypercall(first.guest, abi.LHCALL_LGUEST_INIT, FAKE_DATA);
    expect(first.guest.dead).toMatch(/second LGUEST_INIT/);
    const second = initializedGuest();
    queue(second.data, 0, abi.LHCALL_LGUEST_INIT, FAKE_DATA);
    hypercall(second.guest, abi.LHCALL_FLUSH_ASYNC);
    expect(second.guest.dead).toMatch(/second LGUEST_INIT/);
  });

  it.each([FAKE_LIMIT, FAKE_LIMIT - abi.LGUEST_DATA_BYTES + 1, 0xffff_ffff, 0xffff_f000])(
    'kills for a structure at %i, beyond guest memory', (address) => {
      const { guest } = fakeGuest();
      hypercall(guest, abi.LHCALL_LGUEST_INIT, address);
      expect(guest.dead).toMatch(/bad lguest_data address/);
    },
  );

  it('kills for a system call vector the Host has not reserved', () => {
    const { guest, memory } = fakeGuest({ syscallVector: 64 });
    writeGuestData(memory).syscallVec = 65;
    hypercall(guest, abi.LHCALL_LGUEST_INIT, FAKE_DATA);
    expect(guest.dead).toMatch(/bad system call vector 65/);
  });

  it('takes the one it has', () => {
    const { guest, memory } = fakeGuest({ syscallVector: 64 });
    writeGuestData(memory).syscallVec = 64;
    hypercall(guest, abi.LHCALL_LGUEST_INIT, FAKE_DATA);
    expect(guest.dead).toBeUndefined();
  });

  it('kills for a kernel that lives in the Host’s window', () => {
    const { guest, memory } = fakeGuest();
    writeGuestData(memory).kernelAddress = 0xfffd_f000;
    hypercall(guest, abi.LHCALL_LGUEST_INIT, FAKE_DATA);
    expect(guest.dead).toMatch(/bad kernel address 0xfffdf000/);
  });
});

describe('each hypercall', () => {
  it('leaves every register as it was', () => {
    for (const call of [0, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16, 17, 18, 19]) {
      const { guest, cpu } = initializedGuest();
      hypercall(guest, call, 0, 0x69, 0, 0);
      expect(cpu.regs[EAX]).toBe(call);
      expect([cpu.regs[EBX], cpu.regs[ECX], cpu.regs[EDX], cpu.regs[ESI]]).toEqual([0, 0x69, 0, 0]);
      expect(cpu.eip).toBe(0x1000);
    }
  });

  it.each([
    [abi.LHCALL_NEW_PGTABLE, [0x3000], ['newPageTable 12288']],
    [abi.LHCALL_FLUSH_TLB, [0], ['flushUser']],
    [abi.LHCALL_FLUSH_TLB, [1], ['flushAll']],
    [abi.LHCALL_SET_PTE, [0x3000, 0xffff_f000, 0xdead_b067, 1], ['setPte 12288 4294963200 3735924839 1']],
    [abi.LHCALL_SET_PGD, [0x3000, 1023], ['setPgd 12288 1023']],
    [abi.LHCALL_SET_PMD, [0x4000, 511], ['setPmd 16384 511']],
  ])('%i reaches the page tables', (call, args, calls) => {
    const { guest, mmu } = initializedGuest();
    hypercall(guest, call, ...args);
    expect(mmu.calls).toEqual(calls);
  });

  it('pins the kernel stack again after a new page table and a full flush', () => {
    const { guest, mmu } = initializedGuest();
    hypercall(guest, abi.LHCALL_SET_STACK, 0x69, 0x7000, 1);
    mmu.calls.length = 0;
    hypercall(guest, abi.LHCALL_NEW_PGTABLE, 0x3000);
    hypercall(guest, abi.LHCALL_FLUSH_TLB, 1);
    hypercall(guest, abi.LHCALL_FLUSH_TLB, 0);
    expect(mmu.calls).toEqual(['newPageTable 12288', 'pinPage 28671', 'flushAll', 'pinPage 28671', 'flushUser']);
  });

  it('TS sets and clears CR0.TS', () => {
    const { guest, cpu } = initializedGuest();
    hypercall(guest, abi.LHCALL_TS, 8);
    expect(cpu.cr0 & 8).toBe(8);
    hypercall(guest, abi.LHCALL_TS, 0);
    expect(cpu.cr0 & 8).toBe(0);
  });

  it('LOAD_TLS replaces GDT entries 6, 7, 8', () => {
    const { guest, memory, switcher } = initializedGuest();
    [0x1111_ffff, 0x00cf_f222, 0, 0, 0x3333_0000, 0x00cf_9200].forEach((word, i) => memory.write32(0x6000 + 4 * i, word));
    hypercall(guest, abi.LHCALL_LOAD_TLS, 0x6000);
    expect(switcher.readDescriptor(6)).toEqual([0x1111_ffff, 0x00cf_f322]);
    expect(switcher.readDescriptor(7)).toEqual([0, 0]);
    expect(switcher.readDescriptor(8)).toEqual([0x3333_0000, 0x00cf_b300]);
    expect(guest.dead).toBeUndefined();
  });

  it('SET_CLOCKEVENT starts and stops the timer, never for less than a microsecond', () => {
    const { guest, timer, time } = initializedGuest();
    hypercall(guest, abi.LHCALL_SET_CLOCKEVENT, 0xffff_ffff);
    expect(timer.expires).toBe(time.now + 0xffff_ffffn);
    hypercall(guest, abi.LHCALL_SET_CLOCKEVENT, 1);
    expect(timer.expires).toBe(time.now + 1000n);
    hypercall(guest, abi.LHCALL_SET_CLOCKEVENT, 0);
    expect(timer.expires).toBeUndefined();
  });

  it('HALT halts', () => {
    const { guest } = initializedGuest();
    hypercall(guest, abi.LHCALL_HALT);
    expect(guest.halted).toBe(true);
  });

  it.each([
    [abi.LHCALL_LOAD_IDT_ENTRY, [256, 0, 0], /setting IDT entry 256/],
    [abi.LHCALL_LOAD_IDT_ENTRY, [5, ...gate(0, 5)], /bad IDT type 5/],
    [abi.LHCALL_LOAD_GDT_ENTRY, [32, 0, 0], /setting GDT entry 32/],
    [abi.LHCALL_LOAD_TLS, [FAKE_LIMIT - 23], /bad TLS address/],
    [abi.LHCALL_LOAD_TLS, [0xffff_fff0], /bad TLS address/],
    [abi.LHCALL_SHUTDOWN, [FAKE_LIMIT], /bad SHUTDOWN message address/],
    [3, [], /bad hypercall 3 at 0x1000/],
    [11, [], /bad hypercall 11/],
    [20, [], /bad hypercall 20/],
    [0xffff_ffff, [], /bad hypercall 4294967295/],
  ])('%i with %j kills', (call, args, reason) => {
    const { guest } = initializedGuest();
    hypercall(guest, call, ...args);
    expect(guest.dead).toMatch(reason);
    expect(guest.shutdown).toBeUndefined();
  });
});

describe('SHUTDOWN', () => {
  const write = (memory: FakeMemory, address: number, text: string) =>
    [...text, '\0'].forEach((c, i) => memory.write8(address + i, c.charCodeAt(0)));

  it('carries the message and the wish to restart', () => {
    const { guest, memory } = initializedGuest();
    write(memory, 0x9000, 'Power down');
    hypercall(guest, abi.LHCALL_SHUTDOWN, 0x9000, abi.SHUTDOWN_POWEROFF);
    expect(guest.shutdown).toEqual({ restart: false, message: 'Power down' });
    expect(guest.dead).toBe('Power down');
  });

  it('reads at most 128 bytes, and never past the end of memory', () => {
    const { guest, memory } = initializedGuest();
    for (let i = 0; i < 300; i++) memory.write8(0x9000 + i, 0x41);
    hypercall(guest, abi.LHCALL_SHUTDOWN, 0x9000, abi.SHUTDOWN_RESTART);
    expect(guest.shutdown).toEqual({ restart: true, message: 'A'.repeat(128) });
    const other = initializedGuest();
    other.memory.write8(FAKE_LIMIT - 2, 0x42);
    other.memory.write8(FAKE_LIMIT - 1, 0x42);
    hypercall(other.guest, abi.LHCALL_SHUTDOWN, FAKE_LIMIT - 2, 1);
    expect(other.guest.shutdown?.message).toBe('BB');
  });

  it('restarts without a message, as Linux does, wherever its null pointer points', () => {
    const { guest } = initializedGuest();
    hypercall(guest, abi.LHCALL_SHUTDOWN, 0x4000_0000, abi.SHUTDOWN_RESTART);
    expect(guest.shutdown).toEqual({ restart: true, message: '' });
  });

  it('does not hand control characters to people’s terminals', () => {
    const { guest, memory } = initializedGuest();
    write(memory, 0x9000, 'a\u001b[31m\u009b\u007fb\n');
    hypercall(guest, abi.LHCALL_SHUTDOWN, 0x9000, 1);
    expect(guest.shutdown?.message).toBe('a?[31m??b\n');
  });
});

describe('the asynchronous ring', () => {
  it('is emptied in order before the call itself, and goes on where it stopped', () => {
    const { guest, data, mmu, counters } = initializedGuest();
    queue(data, 0, abi.LHCALL_SET_PGD, 1, 10);
    queue(data, 1, abi.LHCALL_SET_PGD, 2, 20);
    queue(data, 3, abi.LHCALL_SET_PGD, 4, 40);
    hypercall(guest, abi.LHCALL_SET_PGD, 9, 90);
    expect(mmu.calls).toEqual(['setPgd 1 10', 'setPgd 2 20', 'setPgd 9 90']);
    expect([0, 1, 2, 3].map((slot) => data.hcallStatus(slot))).toEqual([0xff, 0xff, 0xff, 0]);
    queue(data, 2, abi.LHCALL_SET_PGD, 3, 30);
    mmu.calls.length = 0;
    hypercall(guest, abi.LHCALL_FLUSH_ASYNC);
    expect(mmu.calls).toEqual(['setPgd 3 30', 'setPgd 4 40']);
    expect(counters.asyncHypercalls[abi.LHCALL_SET_PGD]).toBe(4);
    expect(counters.hypercalls[abi.LHCALL_SET_PGD]).toBe(1);
  });

  it('wraps around after 64 slots, and does one round at most', () => {
    const { guest, data, mmu } = initializedGuest();
    for (let slot = 0; slot < 64; slot++) queue(data, slot, abi.LHCALL_SET_PGD, slot, 0);
    guest.nextAsync = 60;
    hypercall(guest, abi.LHCALL_FLUSH_ASYNC);
    expect(mmu.calls).toHaveLength(64);
    expect(mmu.calls[0]).toBe('setPgd 60 0');
    expect(mmu.calls[63]).toBe('setPgd 59 0');
    expect(guest.nextAsync).toBe(60);
  });

  it('stops at a NOTIFY; the synchronous call runs after it, exactly once', () => {
    const { guest, data, mmu } = initializedGuest();
    queue(data, 0, abi.LHCALL_NOTIFY, 0x4321);
    queue(data, 1, abi.LHCALL_SET_PGD, 1, 1);
    hypercall(guest, abi.LHCALL_SET_PGD, 2, 2);
    expect([guest.notifyPending, guest.notifyAddress, guest.hypercallPending]).toEqual([true, 0x4321, true]);
    expect(mmu.calls).toEqual([]);
    guest.notifyPending = false;
    doHypercalls(guest);
    expect(mmu.calls).toEqual(['setPgd 1 1', 'setPgd 2 2']);
    expect(guest.hypercallPending).toBe(false);
  });

  it('has nothing else but 0xff for a free slot', () => {
    const { guest, data, mmu } = initializedGuest();
    queue(data, 0, abi.LHCALL_SET_PGD, 1, 10);
    data.setHcallStatus(0, 1);
    hypercall(guest, abi.LHCALL_FLUSH_ASYNC);
    expect(mmu.calls).toEqual(['setPgd 1 10']);
  });

  it('rests when its calls have been too much work, and goes on from there', () => {
    const { guest, data, mmu } = initializedGuest();
    for (let slot = 0; slot < 6; slot++) queue(data, slot, abi.LHCALL_FLUSH_TLB, 1);
    mmu.flushAll = () => {
      mmu.calls.push('flushAll');
      mmu.stats.looks += MOST_LOOKS_AT_ONCE / 2;
    };
    hypercall(guest, abi.LHCALL_SET_PGD, 2, 2);
    expect(mmu.calls).toEqual(['flushAll', 'flushAll']);
    expect([guest.hypercallPending, guest.nextAsync, guest.debt]).toEqual([true, 2, 2 * RING_CALL_PRICE]);
    doHypercalls(guest);
    doHypercalls(guest);
    expect(guest.hypercallPending).toBe(true);
    doHypercalls(guest);
    expect(mmu.calls.slice(4)).toEqual(['flushAll', 'flushAll', 'setPgd 2 2']);
    expect(guest.hypercallPending).toBe(false);
  });

  it('stops when a call in it kills', () => {
    const { guest, data, mmu } = initializedGuest();
    queue(data, 0, 99);
    queue(data, 1, abi.LHCALL_SET_PGD, 1, 1);
    hypercall(guest, abi.LHCALL_SET_PGD, 2, 2);
    expect(guest.dead).toMatch(/bad hypercall 99/);
    expect(mmu.calls).toEqual([]);
  });
});

describe('any hypercall whatever', () => {
  it('kills or not, but never throws and never touches memory that is not the Guest’s', () => {
    const word = fc.oneof(fc.integer({ min: 0, max: 64 }), fc.integer({ min: 0, max: FAKE_LIMIT + 64 }), fc.maxSafeNat().map((n) => n >>> 0));
    const call = fc.tuple(fc.integer({ min: 0, max: 24 }), word, word, word, word);
    fc.assert(fc.property(fc.array(call, { maxLength: 12 }), fc.array(call, { maxLength: 6 }), (ring, calls) => {
      const { guest, data, memory } = initializedGuest();
      const switcherBefore = FAKE_LIMIT;
      ring.forEach(([n, ...args], slot) => queue(data, slot, n, ...args));
      for (const args of calls) {
        if (guest.dead !== undefined) break;
        hypercall(guest, ...args);
        guest.notifyPending = false;
      }
      // the gate of the hypercall is where it was
      expect(memory.read32(switcherBefore + 8 * 0x1f) >>> 16).toBe(0x50);
    }));
  });
});

describe('trace events', () => {
  it('tell every call, sync and async, when somebody listens', () => {
    const { guest, data } = initializedGuest();
    const events: TraceEvent[] = [];
    guest.onTrace = (event) => events.push(event);
    queue(data, 0, abi.LHCALL_LOAD_IDT_ENTRY, 0x80, ...gate(0xc000_0000, TRAP_GATE, 3));
    hypercall(guest, abi.LHCALL_FLUSH_ASYNC, 1, 2, 3, 4);
    expect(events.map((e) => (e.type === 'hypercall' ? [e.number, e.async] : e.type))).toEqual([[6, true], [0, false]]);
  });
});
