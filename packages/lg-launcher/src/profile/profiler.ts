/*L:435
 * Where does a Guest spend its time?
 *
 * After every so many ticks we look where it is, and who has called it as far as the stack tells. Ticks, and not
 * milliseconds: a profile is of the Guest's work, and in virtual time it is the same each time. A Guest that sleeps does
 * not work.
 */
import type { Cpu } from '@lguest/x86-core';
import { Register } from '@lguest/x86-core';

/** Ticks between two looks. A prime number, so that no loop of the Guest keeps in step with it. */
const DEFAULT_PERIOD = 20_011;
/** Callers that are looked for. */
const DEEPEST = 64;
/** The stack that a chain of frames may span, in bytes. */
const STACK_REACH = 0x2000;
const USER_LEVEL = 3;
const PAGE_MASK = 0xfff;
/** CALL with a 32-bit displacement. */
const CALL_NEAR = 0xe8;
/** CALL through a register or memory: FF /2. */
const CALL_INDIRECT = 0xff;
const indirectBytes = [2, 3, 4, 6, 7] as const;

/** A place in the Guest's code, and those it was called from, the innermost first; and how many looks found it. */
export interface ProfileEntry {
  readonly user: boolean;
  readonly addresses: readonly number[];
  looks: number;
}

/** Collects where a Guest is. Give it to bootGuest() as `profiler`; one for each Guest. */
export class GuestProfiler {
  /** Ticks (instructions, more or less) between two looks. */
  readonly period: number;
  readonly #entries = new Map<string, ProfileEntry>();
  #next: number;

  constructor(period = DEFAULT_PERIOD) {
    this.period = period;
    this.#next = period;
  }

  /** What was found, the most frequent first. */
  get entries(): readonly ProfileEntry[] {
    return [...this.#entries.values()].sort((a, b) => b.looks - a.looks);
  }

  /** @internal A Guest boots: its ticks begin at 0. */
  begin(): void { this.#next = this.period; }

  /** @internal Ticks until the next look, at least 1. */
  due(ticks: number): number { return Math.max(1, this.#next - ticks); }

  /** @internal The Guest has come to so many ticks; look, if it is time. */
  ran(ticks: number, cpu: Cpu): void {
    if (ticks < this.#next) return;
    const looks = 1 + Math.floor((ticks - this.#next) / this.period);
    this.#next += looks * this.period;
    const user = cpu.cpl === USER_LEVEL;
    const addresses = [cpu.eip, ...callers(cpu)];
    const key = `${user} ${addresses.join()}`;
    const known = this.#entries.get(key);
    if (known) known.looks += looks;
    else this.#entries.set(key, { user, addresses, looks });
  }
}

/**
 * Return addresses, the innermost first, by the chain of frames that EBP begins where code keeps frame pointers. Where it
 * does not, EBP is any number; so a frame counts only if it lies in the stack and returns to behind a call.
 */
function callers(cpu: Cpu): number[] {
  const found: number[] = [];
  let frame = cpu.regs[Register.ebp]! >>> 0;
  let below = cpu.esp;
  while (found.length < DEEPEST && frame >= below && frame - cpu.esp < STACK_REACH && (frame & 3) === 0) {
    const [next, address] = [cpu.peek32(frame), cpu.peek32(frame + 4)];
    if (next === undefined || address === undefined || !isBehindCall(cpu, address)) break;
    found.push(address);
    below = frame + 1;
    frame = next;
  }
  return found;
}

function isBehindCall(cpu: Cpu, address: number): boolean {
  const byte = (back: number): number => {
    const at = address - back;
    const word = at < 0 ? undefined : cpu.peek32((at & ~3) >>> 0);
    return word === undefined ? 0 : (word >>> (8 * (at & 3))) & 0xff;
  };
  return byte(5) === CALL_NEAR || indirectBytes.some((length) => byte(length) === CALL_INDIRECT && ((byte(length - 1) >>> 3) & 7) === 2);
}

/** How addresses without names are called: by their page. */
export function pageName(address: number): string {
  return `0x${((address & ~PAGE_MASK) >>> 0).toString(16).padStart(8, '0')}`;
}
