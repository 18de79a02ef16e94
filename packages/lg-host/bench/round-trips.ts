/*
 * What it costs to come to the Host and go back. `npm run bench` in this package bundles this file from source and runs
 * it; lines are `BENCH name value unit`.
 *
 * The system calls are the same Guest, with direct traps and without: their ratio is what direct traps are for.
 */
import { LHCALL_FLUSH_ASYNC } from '../src/abi/hypercalls.js';
import {
  assemble, enterUser, type GuestOptions, hypercall, init, paging, RESULT, setGate, stack, testGuest, userSegments,
} from '../src/test-guest.test-support.js';

const TRAP_GATE = 0xf;
const INTERRUPT_GATE = 0xe;
const WARM_UP_MS = 300;
const ROUNDS = 9;
const ROUND_MS = 100;
const SLICE = 50_000;

const common = init + paging + userSegments + stack;

/** A system call that only counts, in an endless loop. */
const systemCalls = `${common}${setGate(0x80, 'syscall', TRAP_GATE, 3)}${enterUser('user')}
  syscall: incl ${RESULT}
  iret
  user: int $0x80
  jmp user
`;

/** The cheapest hypercall. */
const hypercalls = `${common}again: incl ${RESULT}\n${hypercall(LHCALL_FLUSH_ASYNC)}jmp again\n`;

/** A page fault of user space that its kernel ignores by stepping over the two-byte instruction. */
const reflectedFaults = `${common}${setGate(14, 'fault', INTERRUPT_GATE)}${enterUser('user')}
  fault: add $4, %esp
  incl ${RESULT}
  addl $2, (%esp)
  iret
  user: mov $0x90000000, %ecx
  again: mov (%ecx), %eax
  jmp again
`;

/** Nanoseconds per trip: the median of some rounds, after a warm-up. */
function measure(source: string, options: GuestOptions): number {
  const { guest, physical } = testGuest(assemble(source), options);
  const round = (milliseconds: number): number => {
    const before = physical.read32(RESULT);
    const start = performance.now();
    let now = start;
    while (now - start < milliseconds) {
      const exit = guest.runSlice(SLICE);
      if (exit.kind !== 'yield') throw new Error(JSON.stringify(exit));
      now = performance.now();
    }
    return ((now - start) * 1e6) / (physical.read32(RESULT) - before);
  };
  round(WARM_UP_MS);
  const rounds = Array.from({ length: ROUNDS }, () => round(ROUND_MS)).sort((a, b) => a - b);
  return rounds[ROUNDS >> 1]!;
}

function report(name: string, nanoseconds: number): void {
  console.log(`BENCH ${name} ${nanoseconds.toFixed(0)} ns`);
}

for (const engine of ['interpreter', 'reference'] as const) {
  const direct = measure(systemCalls, { engine });
  const reflected = measure(systemCalls, { engine, directTraps: false });
  report(`${engine}-syscall-direct`, direct);
  report(`${engine}-syscall-reflected`, reflected);
  console.log(`BENCH ${engine}-reflected-over-direct ${(reflected / direct).toFixed(2)} times`);
  report(`${engine}-hypercall`, measure(hypercalls, { engine }));
  report(`${engine}-page-fault-reflected`, measure(reflectedFaults, { engine }));
}
