/*
 * String instructions, one element at a time.
 *
 * With a repeat prefix every element counts as one retired instruction, and between two elements the instruction may
 * be left (an interrupt, the end of a budget) and taken up again: EIP stays on it until it is done. This file is the
 * meaning; bulk.ts moves whole pages at once to the same effect.
 */
import { define } from '../definition.js';
import { type Instruction, Repeat } from '../instruction.js';
import type { Processor } from '../processor.js';
import { Eflags, Register, SegmentRegister, State } from '../state.js';

const { ecx, esi, edi } = Register;
const accumulator = State.gpr;
const GPR = State.gpr >> 2;

/** ESI, EDI or ECX as the address size sees it. */
function counter(cpu: Processor, insn: Instruction, register: number): number {
  const value = cpu.i32[GPR + register]!;
  return insn.addressSize === 4 ? value >>> 0 : value & 0xffff;
}

function setCounter(cpu: Processor, insn: Instruction, register: number, value: number): void {
  if (insn.addressSize === 4) cpu.i32[GPR + register] = value;
  else cpu.u16[(GPR + register) * 2] = value;
}

function read(cpu: Processor, linear: number, size: number): number {
  return size === 1 ? cpu.read8(linear) : size === 2 ? cpu.read16(linear) : cpu.read32(linear);
}

function write(cpu: Processor, linear: number, size: number, value: number): void {
  if (size === 1) cpu.write8(linear, value);
  else if (size === 2) cpu.write16(linear, value);
  else cpu.write32(linear, value);
}

/** AL, AX or EAX, unsigned. */
function accumulatorOf(cpu: Processor, size: number): number {
  return size === 1 ? cpu.u8[accumulator]! : size === 2 ? cpu.u16[accumulator >> 1]! : cpu.u32[accumulator >> 2]!;
}

/** Flags of a - c, as CMP leaves them. */
function compare(cpu: Processor, size: number, a: number, c: number): void {
  const shift = 32 - size * 8;
  const result = ((a - c) << shift) >> shift;
  const adjust = shift === 0 ? 0 : (a ^ c ^ (a - c)) & 0x10;
  cpu.i32[State.flagZero >> 2] = result;
  cpu.i32[State.flagSign >> 2] = result;
  cpu.i32[State.flagAddend >> 2] = (c << shift) | (adjust >>> 1);
  cpu.i32[State.flagSum >> 2] = (a << shift) | adjust;
}

/** Which pointers an instruction uses. */
const viaSource = 1;
const viaDestination = 2;

/**
 * One element, then the pointers, then the count. `body` does the accesses, which may fault, and returns.
 * `stops` says that the repeat prefix also looks at ZF (CMPS, SCAS).
 */
function string(
  name: string, touches: number, stops: boolean, body: (cpu: Processor, insn: Instruction, from: number, to: number) => void,
): void {
  define(name, { rare: (cpu, insn) => {
    const repeated = insn.repeat !== Repeat.none;
    const count = repeated ? counter(cpu, insn, ecx) : 1;
    if (count === 0) return;
    const { size } = insn;
    const step = cpu.i32[State.eflags >> 2]! & Eflags.df ? -size : size;
    const source = touches & viaSource ? counter(cpu, insn, esi) : 0;
    const destination = touches & viaDestination ? counter(cpu, insn, edi) : 0;
    const from = touches & viaSource ? cpu.linear(insn.segment, source, size, false) : 0;
    const to = touches & viaDestination ? cpu.linear(SegmentRegister.es, destination, size, name === 'movs' || name === 'stos') : 0;
    body(cpu, insn, from, to);
    if (touches & viaSource) setCounter(cpu, insn, esi, source + step);
    if (touches & viaDestination) setCounter(cpu, insn, edi, destination + step);
    if (!repeated) return;
    setCounter(cpu, insn, ecx, count - 1);
    if (count === 1) return;
    const equal = cpu.i32[State.flagZero >> 2] === 0;
    if (stops && equal !== (insn.repeat === Repeat.rep)) return;
    // EIP stays on the instruction: there is more to do
    cpu.jumped = true;
  } });
}

string('movs', viaSource | viaDestination, false, (cpu, insn, from, to) => write(cpu, to, insn.size, read(cpu, from, insn.size)));
string('stos', viaDestination, false, (cpu, insn, _from, to) => write(cpu, to, insn.size, accumulatorOf(cpu, insn.size)));
string('lods', viaSource, false, (cpu, insn, from) => {
  const value = read(cpu, from, insn.size);
  if (insn.size === 1) cpu.u8[accumulator] = value;
  else if (insn.size === 2) cpu.u16[accumulator >> 1] = value;
  else cpu.i32[accumulator >> 2] = value;
});
string('scas', viaDestination, true, (cpu, insn, _from, to) =>
  compare(cpu, insn.size, accumulatorOf(cpu, insn.size), read(cpu, to, insn.size)));
string('cmps', viaSource | viaDestination, true, (cpu, insn, from, to) => {
  const left = read(cpu, from, insn.size);
  compare(cpu, insn.size, left, read(cpu, to, insn.size));
});
