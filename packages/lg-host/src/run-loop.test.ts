import { describe, expect, it } from 'vitest';
import * as abi from './abi/index.js';
import { gate, initializedGuest } from './fakes.test-support.js';
import type { CpuExit } from './hardware.js';
import { INTERRUPT_GATE } from './idt.js';
import { setInterrupt } from './interrupts.js';
import { EXIT_PRICE, type LoopState, runGuest, Stop, TICKS_PER_LOOK } from './run-loop.js';

const GATE = 0;
const BUDGET = 1;
const KICK = 2;
const SHUTDOWN = 4;

function setUp() {
  const made = initializedGuest();
  made.data.irqEnabled = 0x200;
  const state: LoopState = { ticks: 0, looks: 0, sinceLook: 0, running: false, ranFrom: 0 };
  const exit = (reason: number, retired: number, vector = 0, set?: () => void) => (): CpuExit => {
    made.cpu.retired += retired;
    set?.();
    return { reason, vector, errorCode: 0, hasErrorCode: false };
  };
  const spend = (budget: number): CpuExit => {
    made.cpu.retired += budget;
    return { reason: BUDGET, vector: 0, errorCode: 0, hasErrorCode: false };
  };
  const hypercall = (call: number, arg1 = 0) =>
    exit(GATE, 1, abi.LGUEST_TRAP_ENTRY, () => { made.cpu.regs[0] = call; made.cpu.regs[3] = arg1; });
  let looks = 0;
  const run = (budget: number) => runGuest(made.guest, state, budget, () => { looks++; }, undefined);
  return { ...made, state, exit, spend, hypercall, run, looks: () => looks };
}

describe('the run loop', () => {
  it('spends exactly what it is given when nothing happens', () => {
    const { cpu, spend, run, state, looks } = setUp();
    cpu.play = [spend];
    expect(run(250_000)).toBe(Stop.spent);
    expect(cpu.retired).toBe(250_000);
    expect(state.ticks).toBe(250_000);
    expect(cpu.budgets).toEqual([TICKS_PER_LOOK, TICKS_PER_LOOK, 50_000]);
    expect(looks()).toBe(2);
  });

  it('goes to the Launcher with a NOTIFY before it runs the Guest again', () => {
    const { cpu, spend, hypercall, run, guest } = setUp();
    cpu.play = [hypercall(abi.LHCALL_NOTIFY, 0x1234), spend];
    expect(run(1000)).toBe(Stop.notify);
    expect(guest.notifyAddress).toBe(0x1234);
    expect(cpu.budgets).toHaveLength(1);
  });

  it('stops at HALT when no interrupt waits', () => {
    const { cpu, hypercall, run } = setUp();
    cpu.play = [hypercall(abi.LHCALL_HALT)];
    expect(run(1000)).toBe(Stop.halted);
  });

  it('does not stop at HALT when one waits', () => {
    const { cpu, hypercall, spend, run, guest, idt } = setUp();
    idt.load(33, ...gate(0xc000_0000, INTERRUPT_GATE));
    cpu.play = [hypercall(abi.LHCALL_HALT), spend];
    setInterrupt(guest, 1);
    guest.data!.irqEnabled = 0;
    expect(run(1000)).toBe(Stop.spent);
    expect(guest.halted).toBe(false);
    expect(guest.pendingIrqs).toBe(0);
  });

  it('kills a Guest that halts where no interrupt may be delivered', () => {
    const { cpu, hypercall, run, guest } = setUp();
    cpu.eip = 0x2004;
    cpu.play = [hypercall(abi.LHCALL_HALT)];
    expect(run(1000)).toBe(Stop.dead);
    expect(guest.dead).toMatch(/halted at 0x2004/);
  });

  it('delivers an interrupt that a kick announces at the next entry', () => {
    const { cpu, exit, spend, run, guest, idt, state } = setUp();
    idt.load(35, ...gate(0xc000_0000, INTERRUPT_GATE));
    cpu.play = [exit(KICK, 10, 0, () => { expect(state.running).toBe(true); setInterrupt(guest, 3); }), spend];
    expect(run(1000)).toBe(Stop.spent);
    expect(cpu.eip >>> 0).toBe(0xc000_0000);
    expect(cpu.budgets).toEqual([1000, 990]);
  });

  it('looks again soon while an interrupt waits for the Guest to enable them', () => {
    const { cpu, spend, run, guest, idt, data } = setUp();
    idt.load(35, ...gate(0xc000_0000, INTERRUPT_GATE));
    data.irqEnabled = 0;
    setInterrupt(guest, 3);
    cpu.play = [spend];
    run(12_000);
    expect(cpu.budgets).toEqual([5000, 5000, 2000]);
    expect(data.irqPending).toBe(0x200);
  });

  it('ends a slice even when the Guest makes it work without running', () => {
    const { cpu, exit, run, state } = setUp();
    cpu.play = [exit(GATE, 0, 14)];
    expect(run(10 * EXIT_PRICE)).toBe(Stop.spent);
    expect(cpu.budgets).toHaveLength(10);
    expect(state.ticks).toBe(10 * EXIT_PRICE);
  });

  it('charges for what hypercalls made the page tables go through', () => {
    const { cpu, hypercall, run, state, mmu } = setUp();
    mmu.flushAll = () => { mmu.stats.looks += 5000; };
    cpu.play = [hypercall(abi.LHCALL_FLUSH_TLB, 1)];
    expect(run(20_000)).toBe(Stop.spent);
    expect(cpu.budgets).toHaveLength(4);
    expect(state.ticks).toBe(4 * (5000 + EXIT_PRICE + 1));
  });

  it('ends a slice even when serving a NOTIFY puts the next one into the ring', () => {
    const { cpu, hypercall, run, guest, data, state } = setUp();
    const queue = () => {
      data.setHcallArgument(guest.nextAsync, 0, abi.LHCALL_NOTIFY);
      data.setHcallArgument(guest.nextAsync, 1, 0x5000);
      data.setHcallStatus(guest.nextAsync, abi.LHCALL_SLOT_PENDING);
    };
    queue();
    let served = 0;
    guest.notifyHandlers.set(0x5000, () => {
      served++;
      queue();
    });
    cpu.play = [hypercall(abi.LHCALL_FLUSH_ASYNC)];
    expect(run(10_000)).toBe(Stop.spent);
    expect(served).toBeGreaterThan(100);
    expect(state.ticks).toBeLessThan(11_000);
    expect(guest.hypercallPending).toBe(true);
    expect(cpu.budgets).toHaveLength(1);
    // the call behind them is carried out when the ring is empty at last
    guest.notifyHandlers.set(0x5000, () => undefined);
    run(1000);
    expect(guest.counters.hypercalls[abi.LHCALL_FLUSH_ASYNC]).toBeGreaterThan(0);
  });

  it('stops at once when serving a NOTIFY kills', () => {
    const { cpu, hypercall, spend, run, guest } = setUp();
    guest.notifyHandlers.set(0x5000, () => guest.kill('bad ring'));
    cpu.play = [hypercall(abi.LHCALL_NOTIFY, 0x5000), spend];
    expect(run(1000)).toBe(Stop.dead);
    expect(cpu.budgets).toHaveLength(1);
  });

  it('ends with the Guest', () => {
    const { cpu, exit, run, guest, state } = setUp();
    cpu.play = [exit(SHUTDOWN, 5)];
    expect(run(1000)).toBe(Stop.dead);
    expect(guest.dead).toMatch(/triple fault at 0x1000/);
    expect(state.ticks).toBe(5);
    expect(run(1000)).toBe(Stop.dead);
    expect(cpu.budgets).toHaveLength(1);
  });

  it('measures time only with a stopwatch', () => {
    const { guest, state, cpu, spend, counters } = setUp();
    cpu.play = [spend];
    let now = 0;
    runGuest(guest, state, 1000, () => undefined, () => (now += 2));
    expect(counters.guestMilliseconds).toBe(2);
  });
});
