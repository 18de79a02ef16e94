/*
 * Lockstep: whatever a region does, the reference engine has done before.
 *
 * Where a region begins, the reference engine goes first, for as long as what it does can be undone. All is put back, the
 * region runs, and says by the budget how far it got. There the processor must be in the same state, and every byte that the
 * reference engine has written must be what it was there: those it wrote later must still be as before.
 */
import { Decoder, maxInstructionLength, newInstruction } from '../decode.js';
import { CpuFault } from '../fault.js';
import { readEflags } from '../flags.js';
import type { Instruction } from '../instruction.js';
import type { ReferenceEngine } from '../reference.js';
import { Eflags, Layout, Mode, Register, SegmentField, SegmentRegister, State } from '../state.js';
import { hostOf, isPlain } from '../translation.js';
import { CannotRecord, type RecordingProcessor, WriteLog } from './recorder.js';

const EIP = State.eip >> 2;
const BUDGET = State.budget >> 2;
const MODE = State.mode >> 2;
const SHADOW = State.shadow >> 2;
const EFLAGS = State.eflags >> 2;
const CPL = State.cpl >> 2;
const READ_TABLE = State.tlbRead >> 2;
const vectors = 256;
/** The state page: general registers, flags and EIP, which every instruction may change, and the rest of it. */
const firstWord = Layout.state >> 2;
const fewWords = (State.cpl - Layout.state) >> 2;
const restWord = firstWord + fewWords;
const restWords = ((State.deliveries - Layout.state) >> 2) + vectors - fewWords;
/** Instructions recorded for a region at most; more than the longest way through one. */
const longest = 512;
/** Instructions that a region may execute beyond those of the last time, to learn that it now does. */
const beyond = 16;
/** A region that could not begin is left in peace for so many visits. */
const visitsToSkip = 8;
/** Instructions that a message shows. */
const shownPath = 12;
/** Differences that it shows. */
const shownDifferences = 8;
const userLevel = 3;
const pageSize = 0x1000;
const pageMask = 0xfff;

/** Words of the state page that engines leave as they like: flags are compared as EFLAGS, EIP on its own. */
const notCompared = new Set([
  State.flagZero, State.flagSign, State.flagAddend, State.flagSum, State.eip, State.retired, State.retired + 4, State.budget, State.attention,
  State.inRegions, State.inRegions + 4, State.entered, State.entered + 4, State.wanted, State.repeatMiss,
].map((address) => address >> 2));
const compared = Array.from({ length: fewWords + restWords }, (_, i) => firstWord + i).filter((word) => !notCompared.has(word));

/** A region, as the table of functions has it. */
export type RegionFunction = (eip: number, depth: number, unused: number) => number;

/** A region to be compared. */
export interface Candidate {
  readonly place: number;
  readonly run: RegionFunction;
  /** With a smaller budget it does not begin. */
  readonly needed: number;
}

const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;

/** Compares regions with the reference engine. */
export class Lockstep {
  /** Counters: runs of regions that were compared, and instructions in them. */
  readonly stats = { regions: 0, instructions: 0 };
  readonly #cpu: RecordingProcessor;
  readonly #reference: ReferenceEngine;
  readonly #decoder: Decoder;
  readonly #insn = newInstruction();
  readonly #log = new WriteLog();
  /** The state that a region has left. */
  readonly #ours = new Int32Array(fewWords + restWords);
  /** By number of recorded instructions: what the few words were before it (and after the last one), and how long the log. */
  readonly #few = new Int32Array((longest + 1) * fewWords);
  readonly #logged = new Int32Array(longest + 1);
  /** What the rest was, when it may have changed; and which of these held. */
  readonly #rest = new Int32Array((longest + 1) * restWords);
  readonly #restOf = new Int32Array(longest + 1);
  /** Place of a region → instructions it executed last; negative: visits to pass over. */
  readonly #last = new Map<number, number>();

  constructor(cpu: RecordingProcessor, reference: ReferenceEngine) {
    this.#cpu = cpu;
    this.#reference = reference;
    this.#decoder = new Decoder(cpu.features);
  }

  /**
   * Run the region at State.eip after the reference engine. State.budget says how many instructions it may execute.
   * @returns how many it has executed; 0 when it could not begin
   * @throws Error when the two differ
   */
  check({ place, run, needed }: Candidate, depth: number): number {
    const { i32 } = this.#cpu;
    const budget = i32[BUDGET]!;
    const last = this.#last.get(place) ?? longest;
    if (last < 0) this.#last.set(place, last + 1);
    if (last < 0 || budget < needed) return 0;
    const limit = Math.min(budget, longest, Math.max(needed, last + (last >> 2) + beyond));
    const recorded = this.#record(limit);
    this.#undo(0, this.#log.length);
    this.#restore(0);
    i32[BUDGET] = limit;
    const start = i32[EIP]!;
    const next = run(start, depth, 0);
    const executed = limit - i32[BUDGET]!;
    if (executed === 0) {
      // not in this address space, for instance
      this.#last.set(place, -visitsToSkip);
      i32[BUDGET] = budget;
      return 0;
    }
    this.#last.set(place, executed);
    const difference = executed > recorded
      ? `it has executed ${executed}, but the reference engine stops after ${recorded}, where a region must leave`
      : this.#difference(executed, next);
    if (difference !== undefined) throw new Error(`lockstep: ${this.#story(start, executed, Math.min(executed, recorded))}: ${difference}`);
    i32[EIP] = next;
    i32[BUDGET] = budget - executed;
    this.stats.regions++;
    this.stats.instructions += executed;
    return executed;
  }

  // ── the reference engine's turn ─────────────────────────────────────────────────────────────────────────────────

  /** Execute up to so many instructions, and remember everything. @returns how many could be executed */
  #record(limit: number): number {
    const cpu = this.#cpu;
    const { i32 } = cpu;
    const log = this.#log;
    const few = this.#few;
    log.length = 0;
    cpu.record(log);
    this.#saveRest(0);
    let [count, rest] = [0, 0];
    try {
      for (; ; count++) {
        for (let i = 0; i < fewWords; i++) few[count * fewWords + i] = i32[firstWord + i]!;
        this.#logged[count] = log.length;
        this.#restOf[count] = rest;
        const insn = count === limit ? undefined : this.#step();
        if (insn === undefined) break;
        if (!insn.definition.rare) continue;
        this.#saveRest(++rest);
        if (this.#isSpecial()) limit = count + 1;
      }
    } finally {
      cpu.record(undefined);
    }
    this.#undo(this.#logged[count]!, log.length);
    log.length = this.#logged[count]!;
    return count;
  }

  #saveRest(index: number): void {
    this.#rest.set(this.#cpu.i32.subarray(restWord, restWord + restWords), index * restWords);
  }

  /** Execute an instruction, if that can be undone. What it has done when it cannot is undone by the caller. */
  #step(): Instruction | undefined {
    const cpu = this.#cpu;
    if (!this.#isAtHand()) return undefined;
    try {
      const insn = this.#reference.fetch();
      const { rare, shortcut, findCall } = insn.definition;
      if (rare && !shortcut && !findCall) return undefined;
      this.#reference.execute(insn);
      if (cpu.pendingExit < 0) return insn;
      cpu.pendingExit = -1;
      return undefined;
    } catch (thrown) {
      if (thrown instanceof CpuFault || thrown instanceof CannotRecord) return undefined;
      throw thrown;
    }
  }

  /** The engine executes the next instruction otherwise than usual. */
  #isSpecial(): boolean {
    const { i32 } = this.#cpu;
    return (i32[MODE]! & (Mode.fast | Mode.alignmentCheck)) !== Mode.fast || i32[SHADOW] !== 0 || (i32[EFLAGS]! & Eflags.rf) !== 0;
  }

  /** Does the next instruction lie in pages that are at hand? */
  #isAtHand(): boolean {
    const { i32, u8 } = this.#cpu;
    const eip = i32[EIP]! >>> 0;
    const entry = this.#entryOf(eip);
    if (!isPlain(entry)) return false;
    if ((eip & pageMask) + maxInstructionLength <= pageSize) return true;
    const at = hostOf(entry, eip);
    if (this.#decoder.decode(this.#insn, u8, at, (at & ~pageMask) + pageSize, true)) return true;
    return isPlain(this.#entryOf(((eip | pageMask) + 1) >>> 0));
  }

  /** What the tables say of reading at a linear address. */
  #entryOf(linear: number): number { return this.#cpu.i32[(this.#cpu.i32[READ_TABLE]! >>> 2) + (linear >>> 12)]!; }

  #restore(count: number): void {
    const { i32 } = this.#cpu;
    const rest = this.#restOf[count]! * restWords;
    i32.set(this.#few.subarray(count * fewWords, (count + 1) * fewWords), firstWord);
    i32.set(this.#rest.subarray(rest, rest + restWords), restWord);
  }

  #undo(from: number, to: number): void {
    const { addresses, before } = this.#log;
    for (let i = to - 1; i >= from; i--) this.#cpu.u8[addresses[i]!] = before[i]!;
  }

  #redo(from: number, to: number): void {
    const { addresses, after } = this.#log;
    for (let i = from; i < to; i++) this.#cpu.u8[addresses[i]!] = after[i]!;
  }

  // ── the comparison ──────────────────────────────────────────────────────────────────────────────────────────────

  /** What is not as it was after the reference engine's first `count` instructions, as clauses; undefined if nothing. */
  #difference(count: number, next: number): string | undefined {
    const { i32 } = this.#cpu;
    const ours = this.#ours;
    ours.set(i32.subarray(firstWord, firstWord + ours.length));
    const flags = readEflags(i32);
    // the reference's state for a moment, where its flags can be read
    this.#restore(count);
    const [eip, theirs] = [i32[EIP]!, readEflags(i32)];
    const found: string[] = [];
    if ((next | 0) !== eip) found.push(`it goes on at ${hex(next)}, the reference engine at ${hex(eip)}`);
    for (const word of compared) {
      if (ours[word - firstWord] !== i32[word]) found.push(differs(nameOf(word << 2), ours[word - firstWord]!, i32[word]!));
    }
    i32.set(ours, firstWord);
    this.#compareMemory(this.#logged[count]!, found);
    if (flags !== theirs) found.push(differs('eflags', flags, theirs));
    if (found.length > shownDifferences) found.splice(shownDifferences, Number.POSITIVE_INFINITY, `and ${found.length - shownDifferences} more`);
    return found.length === 0 ? undefined : found.join('; ');
  }

  /**
   * The log is followed from `now` to its end and from there back to its start, and what is in memory must always be what
   * was written last. In the end memory is as the region left it.
   */
  #compareMemory(now: number, found: string[]): void {
    const { u8 } = this.#cpu;
    const { addresses, before, after, length } = this.#log;
    const compare = (i: number, wanted: number): void => {
      const address = addresses[i]!;
      if (u8[address] !== wanted) found.push(differs(`the byte at physical address ${hex(address - Layout.physical)}`, u8[address]!, wanted));
    };
    for (let i = now; i < length; i++) {
      compare(i, before[i]!);
      u8[addresses[i]!] = after[i]!;
    }
    this.#undo(now, length);
    for (let i = now - 1; i >= 0; i--) {
      compare(i, after[i]!);
      u8[addresses[i]!] = before[i]!;
    }
    this.#redo(0, now);
  }

  /** Who went wrong, and where the reference engine went meanwhile. */
  #story(start: number, executed: number, recorded: number): string {
    const user = this.#rest[CPL - restWord] === userLevel;
    const path: string[] = [];
    for (let i = Math.max(0, recorded - shownPath); i < recorded; i++) path.push(hex(this.#few[i * fewWords + EIP - firstWord]!));
    return `the region at ${hex(start)} (${user ? 'user' : 'supervisor'}) differs from the reference engine after ${executed} instructions, the last of them at ${path.join(' ')}`;
  }
}

function differs(what: string, region: number, reference: number): string {
  return `${what} is ${hex(region)}, and ${hex(reference)} by the reference engine`;
}

const registers = Object.keys(Register);
const segments = Object.keys(SegmentRegister);
/** Fields of the state, the highest first. */
const fields = Object.entries(State).sort(([, a], [, b]) => b - a);

/** What a word of the state page is called. */
function nameOf(address: number): string {
  const [name, start] = fields.find(([, from]) => from <= address)!;
  const offset = address - start;
  if (name === 'gpr') return registers[offset >> 2]!;
  if (name === 'segments') return `${segments[Math.floor(offset / SegmentField.size)]!} (byte ${offset % SegmentField.size} of its cache)`;
  if (name === 'xmm' || name === 'fpu') return `${name}${offset >> 4} (byte ${offset & 15})`;
  return offset === 0 ? name : `${name} (byte ${offset})`;
}
