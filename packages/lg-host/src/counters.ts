/*
 * Everything the Host does is counted, always. A count is one addition to a typed array; names appear only when
 * somebody asks for a snapshot.
 */
import { FIRST_EXTERNAL_VECTOR, IDT_ENTRIES, LGUEST_IRQS } from './abi/segments.js';
import { hypercallNames, LGUEST_TRAP_ENTRY, LHCALL_END } from './abi/hypercalls.js';

const exceptionNames = [
  'divide error', 'debug', 'NMI', 'breakpoint', 'overflow', 'bound range', 'invalid opcode', 'device not available',
  'double fault', 'coprocessor overrun', 'invalid TSS', 'segment not present', 'stack fault', 'general protection',
  'page fault', 'spurious interrupt', 'x87 error', 'alignment check', 'machine check', 'SIMD error',
];

/** The name of a vector, as it appears in reasons and statistics: "page fault", "hypercall", "vector 128". */
export function vectorName(vector: number): string {
  if (vector === LGUEST_TRAP_ENTRY) return 'hypercall';
  return exceptionNames[vector] ?? `vector ${vector}`;
}

/** A snapshot of the counters under names, for --stats and for people. Only non-zero entries are listed. */
export interface HostStatistics {
  /** Runs of the CPU. */
  runs: number;
  /** Instructions the Guest retired. */
  instructions: number;
  /** Exits to the Host by vector. */
  exits: Record<string, number>;
  /** Traps the CPU delivered into the Guest itself, by vector. */
  directTraps: Record<string, number>;
  /** Traps the Host passed on to the Guest, by vector. */
  reflectedTraps: Record<string, number>;
  /** Hypercalls made with the hypercall instruction, by name. */
  hypercalls: Record<string, number>;
  /** Hypercalls taken from the asynchronous ring, by name. */
  asyncHypercalls: Record<string, number>;
  /** Virtual interrupts delivered, by irq. */
  interrupts: Record<string, number>;
  /** Page faults answered by filling the shadow page table. */
  shadowFaultsFilled: number;
  /** Page faults that were the Guest's own. */
  shadowFaultsReflected: number;
  /** Instructions skipped for the Guest kernel: in, out, cli, reads of debug registers. */
  portInstructions: number;
  /** Time the CPU ran, in milliseconds; present when the Host was given a stopwatch. */
  guestMilliseconds?: number;
  /** Time the Host worked, in milliseconds; present when the Host was given a stopwatch. */
  hostMilliseconds?: number;
}

/** The running counts. Read them freely; only the Host writes them. */
export class HostCounters {
  /** Runs of the CPU. */
  runs = 0;
  /** Exits to the Host by vector. */
  readonly exits = new Float64Array(IDT_ENTRIES);
  /** Traps reflected into the Guest by vector. */
  readonly reflected = new Float64Array(IDT_ENTRIES);
  /** Synchronous hypercalls by number. */
  readonly hypercalls = new Float64Array(LHCALL_END);
  /** Hypercalls from the ring by number. */
  readonly asyncHypercalls = new Float64Array(LHCALL_END);
  /** Virtual interrupts delivered, by irq. */
  readonly interrupts = new Float64Array(LGUEST_IRQS);
  /** Page faults answered by filling the shadow page table. */
  shadowFaultsFilled = 0;
  /** Page faults that were the Guest's own. */
  shadowFaultsReflected = 0;
  /** Instructions skipped for the Guest kernel: in, out, cli, reads of debug registers. */
  portInstructions = 0;
  /** Milliseconds inside CPU runs, 0 without a stopwatch. */
  guestMilliseconds = 0;
  /** Milliseconds inside the Host, 0 without a stopwatch. */
  hostMilliseconds = 0;

  readonly #cpu: { readonly retired: number; readonly deliveries: Uint32Array };
  readonly #retiredAtStart: number;
  readonly #deliveriesAtStart: Uint32Array;

  constructor(cpu: { readonly retired: number; readonly deliveries: Uint32Array }) {
    this.#cpu = cpu;
    this.#retiredAtStart = cpu.retired;
    // the machine may have run another Guest before
    this.#deliveriesAtStart = cpu.deliveries.slice();
  }

  /** Instructions the Guest retired. */
  get instructions(): number {
    return this.#cpu.retired - this.#retiredAtStart;
  }

  /** Traps the CPU delivered into the Guest by itself, all vectors together. */
  get directTraps(): number {
    return this.directTrapsByVector().reduce((sum, count) => sum + count, 0);
  }

  /** Traps the CPU delivered into the Guest by itself, by vector. A copy. */
  directTrapsByVector(): Uint32Array {
    return this.#cpu.deliveries.map((count, vector) => count - this.#deliveriesAtStart[vector]!);
  }

  /** A copy under names. Deterministic, but for the two times. */
  snapshot(): HostStatistics {
    const statistics: HostStatistics = {
      runs: this.runs,
      instructions: this.instructions,
      exits: named(this.exits, vectorName),
      directTraps: named(this.directTrapsByVector(), vectorName),
      reflectedTraps: named(this.reflected, vectorName),
      hypercalls: named(this.hypercalls, hypercallName),
      asyncHypercalls: named(this.asyncHypercalls, hypercallName),
      interrupts: named(this.interrupts, (irq) => `irq ${irq} (vector ${FIRST_EXTERNAL_VECTOR + irq})`),
      shadowFaultsFilled: this.shadowFaultsFilled,
      shadowFaultsReflected: this.shadowFaultsReflected,
      portInstructions: this.portInstructions,
    };
    if (this.guestMilliseconds + this.hostMilliseconds > 0) {
      statistics.guestMilliseconds = this.guestMilliseconds;
      statistics.hostMilliseconds = this.hostMilliseconds;
    }
    return statistics;
  }
}

function hypercallName(number: number): string {
  return hypercallNames[number] ?? `hypercall ${number}`;
}

function named(counts: Float64Array | Uint32Array, name: (index: number) => string): Record<string, number> {
  const record: Record<string, number> = {};
  counts.forEach((count, index) => {
    if (count !== 0) record[name(index)] = count;
  });
  return record;
}
