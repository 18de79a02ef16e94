/*
 * String instructions: one element each, from where ESI points, to where EDI points, and both move on.
 *
 * With a repeat prefix they are done again and again, ECX times. That is not their meaning but the prefix's, and is told
 * in repeat(), for the reference engine: every element counts as one retired instruction, and between two elements the
 * instruction may be left (an interrupt, the end of a budget) and taken up again, because EIP stays on it until it is
 * done. operations/strings.ts does many elements at once to the same effect.
 */
import type { Builder } from '../builder.js';
import { define } from '../definition.js';
import { type Instruction, Repeat } from '../instruction.js';
import type { Processor } from '../processor.js';
import { findRepeatCall } from '../operations/strings.js';
import { Eflags, Register, State } from '../state.js';
import { setSubtractFlags } from './flags-of.js';

const { eax, ecx, esi, edi } = Register;
const GPR = State.gpr >> 2;
/** The lazy flags, one word behind the other. */
const FLAGS = State.flagZero >> 2;
const flagsBefore = new Int32Array(4);

/** Move a pointer past its element, up or down as DF says. */
function advance<V>(b: Builder<V>, register: number, pointer: V): void {
  const step = b.select(b.and(b.eflags(), b.imm(Eflags.df)), b.imm(-b.size), b.imm(b.size));
  b.setGpr(register, b.addressSize, b.add(pointer, step));
}

const options = { hot: true, string: true, findCall: findRepeatCall } as const;

define('movs', { ...options, execute: (b) => {
  const from = b.gpr(esi, b.addressSize);
  const to = b.gpr(edi, b.addressSize);
  b.storeDestination(to, b.loadSource(from));
  advance(b, esi, from);
  advance(b, edi, to);
} });

define('stos', { ...options, execute: (b) => {
  const to = b.gpr(edi, b.addressSize);
  b.storeDestination(to, b.gpr(eax, b.size));
  advance(b, edi, to);
} });

define('lods', { ...options, execute: (b) => {
  const from = b.gpr(esi, b.addressSize);
  b.setGpr(eax, b.size, b.loadSource(from));
  advance(b, esi, from);
} });

define('scas', { ...options, execute: (b) => {
  const to = b.gpr(edi, b.addressSize);
  const left = b.gpr(eax, b.size);
  const right = b.loadDestination(to);
  advance(b, edi, to);
  setSubtractFlags(b, left, right, b.sub(left, right));
} });

function sourceFirst<V>(b: Builder<V>, from: V, to: V): [left: V, right: V] {
  const left = b.loadSource(from);
  return [left, b.loadDestination(to)];
}

function destinationFirst<V>(b: Builder<V>, from: V, to: V): [left: V, right: V] {
  const right = b.loadDestination(to);
  return [b.loadSource(from), right];
}

define('cmps', { ...options, execute: (b) => {
  const from = b.gpr(esi, b.addressSize);
  const to = b.gpr(edi, b.addressSize);
  // the first operand that cannot be had is reported
  const [left, right] = b.undefinedResults === 'amd' ? sourceFirst(b, from, to) : destinationFirst(b, from, to);
  advance(b, esi, from);
  advance(b, edi, to);
  setSubtractFlags(b, left, right, b.sub(left, right));
} });

/** SCAS and CMPS: their repeat prefix looks at ZF too. */
const comparing = /^(scas|cmps)$/;

/** ECX, or CX with 16-bit addresses: how often a repeated instruction is still to be done. */
export function repeatCount(cpu: Processor, insn: Instruction): number {
  const value = cpu.i32[GPR + ecx]!;
  return insn.addressSize === 4 ? value >>> 0 : value & 0xffff;
}

/**
 * One turn of a repeated string instruction: `once` does an element (and may fault, with nothing changed), then the
 * count goes down. Leaves EIP on the instruction while there is more to do. Comparisons that go on leave no flags by the
 * manual (volume 2, REP) and on Intel's processors, and all of them on AMD's.
 */
export function repeat(cpu: Processor, insn: Instruction, once: () => void): void {
  const count = repeatCount(cpu, insn);
  if (count === 0) return;
  const { i32 } = cpu;
  const keeps = cpu.undefinedResults === 'intel';
  if (keeps) for (let i = 0; i < flagsBefore.length; i++) flagsBefore[i] = i32[FLAGS + i]!;
  once();
  if (insn.addressSize === 4) i32[GPR + ecx] = count - 1;
  else cpu.u16[(GPR + ecx) * 2] = count - 1;
  if (count === 1) return;
  if (comparing.test(insn.definition.name)) {
    const equal = i32[State.flagZero >> 2] === 0;
    if (equal !== (insn.repeat === Repeat.rep)) return;
    if (keeps) i32.set(flagsBefore, FLAGS);
  }
  cpu.jumped = true;
}
