import { describe, expect, it } from 'vitest';
import { assemble, BASE, DATA, hypercall, init, paging, RESULT, runToStop, setGate, shutdown, stack, testGuest, text } from './test-guest.test-support.js';
import { firstKinds, traceKind } from './trace-kinds.js';
import { formatTraceEvent } from './trace.js';

describe('kinds of trace lines', () => {
  it.each([
    ['0.328831 LGT trap 14 err 0 eip 0061:01000000 esp 00000000 cr2 01000000 eax 00000000 edx 00000000', 'trap 14'],
    ['0.330760 LGT init ebx 012c8100 eip 012e0b9c', 'hc 1'],
    ['0.331181 LGT hc 4 01244000 00000000 0124401c 00001800 eip 012e0ba8', 'hc 4'],
    ['0.419634 LGT ahc 16 0343055c 00000000 00000000 00000000 eip c1000b7c', 'ahc 16'],
    ['0.420087 LGT irq 0 eip c10006cf', 'irq 0'],
    ['hc 17 04004000 00000000 00000000 00000000 eip c11bf7f0 NOTIFY', 'hc 17'],
    ['fill c1000000 err 0', undefined],
    ['kill unhandled trap', undefined],
    ['', undefined],
  ])('%s', (line, kind) => expect(traceKind(line)).toBe(kind));

  it('of a Guest come in the order it makes them', () => {
    const { guest } = testGuest(assemble(init + paging + stack + setGate(0x21, 'irq', 0xe) + `movl $0x200, ${DATA}\n` +
      hypercall(10) + `in $0x60, %al\n` + shutdown('bye') + text('bye', 'end') + `irq: incl ${RESULT}\niret\n`));
    const lines: string[] = [];
    guest.onTrace = (event) => lines.push(formatTraceEvent(event));
    expect(runToStop(guest).kind).toBe('halted');
    guest.raiseIrq(1);
    expect(runToStop(guest)).toMatchObject({ message: 'end' });
    expect(firstKinds(lines)).toEqual(['trap 14', 'hc 1', 'hc 4', 'hc 7', 'hc 6', 'hc 10', 'irq 1', 'trap 13', 'hc 2']);
    expect(lines[0]).toContain(`eip 0061:${BASE.toString(16).padStart(8, '0')}`);
  });
});
