import { describe, expect, it } from 'vitest';
import { HostCounters } from './counters.js';
import { formatTraceEvent } from './trace.js';

describe('counters', () => {
  it('come out under names, without zeros', () => {
    const cpu = { retired: 100, deliveries: new Uint32Array(256) };
    cpu.deliveries[3] = 7;
    const counters = new HostCounters(cpu);
    cpu.retired = 350;
    cpu.deliveries[128] = 4;
    cpu.deliveries[3] = 8;
    counters.exits[14] = 3;
    counters.exits[31] = 2;
    counters.hypercalls[19] = 2;
    counters.asyncHypercalls[7] = 1;
    counters.interrupts[1] = 5;
    expect(counters.directTraps).toBe(5);
    expect(counters.snapshot()).toEqual({
      runs: 0, instructions: 250, exits: { 'page fault': 3, hypercall: 2 }, directTraps: { breakpoint: 1, 'vector 128': 4 },
      reflectedTraps: {}, hypercalls: { SEND_INTERRUPTS: 2 }, asyncHypercalls: { SET_STACK: 1 },
      interrupts: { 'irq 1 (vector 33)': 5 }, shadowFaultsFilled: 0, shadowFaultsReflected: 0, portInstructions: 0,
    });
  });

  it('have times only when somebody measured', () => {
    const counters = new HostCounters({ retired: 0, deliveries: new Uint32Array(256) });
    counters.guestMilliseconds = 1.5;
    expect(counters.snapshot()).toMatchObject({ guestMilliseconds: 1.5, hostMilliseconds: 0 });
  });
});

describe('trace lines', () => {
  it('read like the recordings of the real Host', () => {
    expect(formatTraceEvent({
      type: 'exit', vector: 14, errorCode: 2, cs: 0x61, eip: 0x100003a, esp: 0x12bdff8, cr2: 0x12bdff4, eax: 0xc25c7000, edx: 0xc1309000, retired: 1,
    })).toBe('trap 14 err 2 eip 0061:0100003a esp 012bdff8 cr2 012bdff4 eax c25c7000 edx c1309000');
    expect(formatTraceEvent({
      type: 'hypercall', number: 4, arguments: [0x1244000, 0, 0x124401c, 0x1800], async: false, eip: 0x12e0ba8, retired: 1,
    })).toBe('hc 4 01244000 00000000 0124401c 00001800 eip 012e0ba8 NEW_PGTABLE');
    expect(formatTraceEvent({ type: 'interrupt', irq: 0, eip: 0xc10006cf })).toBe('irq 0 eip c10006cf');
  });
});
