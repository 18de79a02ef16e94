/*
 * The same hostile machines on several engines, which must agree about everything after every run; and what verify:fuzz does
 * with such machines, on one engine or on several.
 */
import { type EngineName, type Exit, ExitReason, type Machine } from '../index.js';
import { readEflags } from '../flags.js';
import { Mode, State } from '../state.js';
import { prepareBusy } from './busy-machine.js';
import { At, codeBytes, hostileBytes, makeHostile, type Owner, prepareHostile } from './hostile.js';
import { hostileCode } from './hostile-code.js';
import { pageBytes } from './random-program.js';
import { Random } from './random.js';
import { Stable, type Work } from './stable.js';

/** How a run ended, in words. */
function told(exit: Exit): string {
  return exit.reason === ExitReason.gate ? `gate ${exit.vector} ${exit.hasErrorCode ? exit.errorCode : ''}` : `exit ${exit.reason}`;
}

/** Everything but memory, as text. */
export function hostileSnapshot(machine: Machine, exit: Exit): string {
  const { cpu } = machine;
  const { i32 } = cpu.processor;
  const words = (from: number, count: number): string => Array.from(i32.subarray(from >> 2, (from >> 2) + count), (v) => (v >>> 0).toString(16)).join(' ');
  return [
    `${told(exit)} eip ${cpu.eip.toString(16)} eflags ${readEflags(i32).toString(16)} cpl ${cpu.cpl} shadow ${i32[State.shadow >> 2]} retired ${cpu.retired}`,
    `gpr ${words(State.gpr, 8)}`, `segments ${words(State.segments, 32)}`, `control ${words(State.cr0, 9)} dr ${words(State.dr, 8)} efer ${words(State.efer, 1)}`,
    `x87 ${words(State.fpuControl, 8)} top ${words(State.fpuTop, 1)} ${words(State.fpu, 32)}`, `xmm ${words(State.xmm, 32)} mxcsr ${words(State.mxcsr, 1)}`,
  ].join('\n');
}

/** What happens between two runs, to all machines alike. */
function meddle(machines: readonly Machine[], random: Random): void {
  switch (random.below(8)) {
    case 0: {
      const vector = random.below(256);
      for (const { cpu } of machines) cpu.interrupt(vector);
      break;
    }
    case 1: {
      // a page's rights or frame change, and the TLB is told
      const page = random.below(hostileBytes / pageBytes);
      const entry = random.pick([page, page, random.below(64)]) * pageBytes | random.pick([7, 7, 5, 3, 0]);
      for (const { cpu, physical } of machines) {
        physical.write32(At.table + 4 * page, entry);
        cpu.flushTlbPage(page * pageBytes);
        cpu.flushTlbPage(0x40_0000 + page * pageBytes);
        cpu.flushTlb();
      }
      break;
    }
    case 2: {
      // code is written from outside
      const at = At.code + random.below(codeBytes);
      const bytes = hostileCode(random, 1 + random.below(6));
      for (const { physical } of machines) physical.write(at, bytes);
      break;
    }
    default:
  }
}

/** Kinds of machines: any mode and any code, or flat ones that stay at work. */
export type Kind = 'any' | 'busy';

function prepare(kind: Kind, machine: Machine, seed: number): Owner {
  return kind === 'busy' ? prepareBusy(machine, seed) : prepareHostile(machine, seed);
}

/** Budgets of verify:fuzz's runs: long where the generated engines have something to do. Where a run ends a region may begin. */
const longBudget = 50_000;
const shortBudget = 5_000;
const busyBudgets = [1000, 3000, 3000, 10_000, 10_000, 30_000] as const;
const runsPerMachine = { any: 12, busy: 24 } as const;

/** A run of all machines that are alike: what each was allowed, and how it ended. */
export interface FuzzRun { readonly budget: number; readonly exits: readonly Exit[] }

/**
 * What verify:fuzz does with a seed's machine, or with the same one on several engines: a run after the other.
 * @param last a run to end with, and another budget for it
 */
export function* fuzz(kind: Kind, machines: readonly Machine[], seed: number, last?: { run: number; budget: number }): Generator<FuzzRun, void> {
  const [owner] = machines.map((machine) => prepare(kind, machine, seed)) as [Owner];
  const random = new Random(seed);
  const [first] = machines as [Machine];
  for (let i = 0; i < runsPerMachine[kind]; i++) {
    const isFast = ((first.cpu.processor.i32[State.mode >> 2] ?? 0) & Mode.fast) !== 0;
    const usual = kind === 'busy' ? random.pick(busyBudgets) : isFast ? longBudget : shortBudget;
    const budget = i === last?.run ? last.budget : usual;
    const exits = machines.map(({ cpu }) => cpu.run(budget));
    yield { budget, exits };
    if (i === last?.run) return;
    const { reason } = exits[0]!;
    if (reason === ExitReason.shutdown) break;
    if (reason !== ExitReason.budget) {
      const choice = owner.choose(random);
      for (const machine of machines) owner.goOn(machine, choice);
    }
    if (random.oneIn(3)) {
      const vector = random.below(256);
      for (const { cpu } of machines) cpu.interrupt(vector);
    }
    if (kind === 'busy' && random.oneIn(3)) meddle(machines, random);
  }
}

/** The first difference between machines, or undefined. @param texts their snapshots */
function differenceOf(machines: readonly Machine[], texts: readonly string[]): string | undefined {
  const [first] = texts as [string];
  const other = texts.findIndex((text) => text !== first);
  return other >= 0 ? `engine ${other}:\n${first}\n---\n${texts[other]}` : differenceInMemory(machines);
}

function differenceInMemory(machines: readonly Machine[]): string | undefined {
  const [a, ...others] = machines as [Machine, ...Machine[]];
  for (const [i, b] of others.entries()) {
    if (Buffer.compare(a.physical.bytes, b.physical.bytes) === 0) continue;
    const at = a.physical.bytes.findIndex((byte, j) => byte !== b.physical.bytes[j]);
    return `physical ${at.toString(16)} holds ${a.physical.bytes[at]}, engine ${i + 1} has ${b.physical.bytes[at]}`;
  }
  return undefined;
}

/** A sentence about the first difference between machines that have run, or undefined. */
export function hostileDifference(machines: readonly Machine[], exits: readonly Exit[]): string | undefined {
  return differenceOf(machines, machines.map((machine, i) => hostileSnapshot(machine, exits[i]!)));
}

/** Several engines on the same hostile machines. */
export class HostileDuel {
  readonly #stable: Stable;
  /** Instructions retired by each. */
  retired = 0;
  /** Runs that ended by each reason, on the first. */
  readonly ends = new Map<string, number>();

  constructor(...engines: readonly EngineName[]) {
    this.#stable = new Stable(...engines.map((engine) => () => makeHostile(engine)));
  }

  /** What each engine has executed, and by whom. */
  get work(): readonly Work[] { return this.#stable.work; }

  /** verify:fuzz's way with a seed's machine. @returns a sentence about the first difference, or undefined */
  fuzz(kind: Kind, seed: number): string | undefined {
    const machines = this.#stable.take();
    let run = 0;
    for (const { exits } of fuzz(kind, machines, seed)) {
      const different = hostileDifference(machines, exits);
      if (different !== undefined) return `${kind} machine, seed ${seed}, run ${run}, ${different}`;
      run++;
    }
    this.retired += machines[0]!.cpu.retired;
    return undefined;
  }

  /**
   * @param everywhere interrupts after each single instruction, instead of now and then
   * @returns a sentence about the first difference, or undefined
   */
  fight(seed: number, rounds = 30, everywhere = false): string | undefined {
    const machines = this.#stable.take();
    for (const machine of machines) prepareHostile(machine, seed);
    const random = new Random(seed ^ 0x5bd1_e995);
    for (let round = 0; round < rounds; round++) {
      const budget = everywhere ? 1 : random.pick([1, 2, 3, 7, 20, 100, 500]);
      const texts = machines.map((machine) => hostileSnapshot(machine, machine.cpu.run(budget)));
      const different = differenceOf(machines, texts);
      if (different !== undefined) return `seed ${seed}, round ${round}, budget ${budget}, ${different}`;
      const [first] = texts as [string];
      const end = first.slice(0, first.indexOf(' eip'));
      this.ends.set(end, (this.ends.get(end) ?? 0) + 1);
      if (end.startsWith(`exit ${ExitReason.shutdown}`)) break;
      if (!end.startsWith(`exit ${ExitReason.budget}`)) {
        // the owner does what it came for: somewhere else, go on
        const eip = random.oneIn(2) ? At.code + random.below(codeBytes) : random.below(codeBytes);
        for (const { cpu } of machines) cpu.processor.i32[State.eip >> 2] = eip;
      }
      if (everywhere) {
        const vector = random.below(256);
        const taken = machines.map(({ cpu }) => cpu.interrupt(vector));
        if (new Set(taken).size !== 1) return `seed ${seed}, round ${round}: interrupt ${vector} taken by ${taken.join()}`;
      } else meddle(machines, random);
    }
    this.retired += machines[0]!.cpu.retired;
    return undefined;
  }
}
