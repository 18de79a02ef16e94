/*S:170
 * The reference engine: the readable truth.
 *
 * It fetches one instruction, decodes it, and does what its definition says with ordinary numbers. It handles every
 * mode and every instruction, so the other engines hand it whatever they do not do themselves.
 */
import type { Builder } from './builder.js';
import { Decoder, maxInstructionLength, newInstruction } from './decode.js';
import './semantics/index.js';
import { raise, Vector } from './fault.js';
import { type Instruction, Repeat, SlotKind } from './instruction.js';
import type { Processor } from './processor.js';
import { repeat } from './semantics/strings.js';
import { Access, Layout, SegmentField, SegmentRegister, State } from './state.js';
import type { UndefinedResults } from './undefined-results.js';

const GPR = State.gpr >> 2;
const EIP = State.eip >> 2;
const CS = State.segments + SegmentRegister.cs * SegmentField.size;
const CS_BASE = (CS + SegmentField.base) >> 2;
const CS_LIMIT = (CS + SegmentField.limit) >> 2;
const CS_ACCESS = (CS + SegmentField.access) >> 2;
const pageSize = 0x1000;
const pageMask = 0xfff;

/** The builder that computes at once. */
class Evaluator implements Builder<number> {
  readonly cpu: Processor;
  insn: Instruction;
  size = 4;
  addressSize = 4;
  readonly undefinedResults: UndefinedResults;
  #offset = 0;
  #linear = 0;

  constructor(cpu: Processor, insn: Instruction) {
    this.cpu = cpu;
    this.insn = insn;
    this.undefinedResults = cpu.undefinedResults;
  }

  /** Address the memory operand and make sure of a read-modify-write destination. */
  prepare(): void {
    const { insn, cpu } = this;
    this.size = insn.size;
    this.addressSize = insn.addressSize;
    if (!insn.memory) return;
    this.#offset = cpu.effectiveAddress(insn);
    const slot = insn.kind[0] === SlotKind.memory ? 0 : 1;
    const use = insn.definition.uses[slot];
    if (use === undefined || insn.kind[slot] !== SlotKind.memory) return;
    const size = insn.slotSize[slot]!;
    if (insn.definition.bitString) this.#offset = this.#bitStringOffset(size);
    this.#linear = cpu.linear(insn.segment, this.#offset, size, use !== 'r');
    if (use === 'rw') cpu.probeWrite(this.#linear, size);
  }

  /** A register bit number selects an operand to the left or right of the one addressed. */
  #bitStringOffset(size: number): number {
    const position = this.cpu.i32[GPR + this.insn.register[1]!]!;
    const signed = size === 2 ? (position << 16) >> 16 : position;
    const offset = this.#offset + (signed >> (size === 2 ? 4 : 5)) * size;
    return this.insn.addressSize === 2 ? offset & 0xffff : offset >>> 0;
  }

  imm(value: number): number { return value; }
  add(a: number, b: number): number { return (a + b) | 0; }
  sub(a: number, b: number): number { return (a - b) | 0; }
  mul(a: number, b: number): number { return Math.imul(a, b); }
  mulHighSigned(a: number, b: number): number {
    return Number((BigInt(a | 0) * BigInt(b | 0)) >> 32n) | 0;
  }
  mulHighUnsigned(a: number, b: number): number {
    return Number((BigInt(a >>> 0) * BigInt(b >>> 0)) >> 32n) | 0;
  }
  and(a: number, b: number): number { return a & b; }
  or(a: number, b: number): number { return a | b; }
  xor(a: number, b: number): number { return a ^ b; }
  shl(a: number, count: number): number { return a << count; }
  shr(a: number, count: number): number { return (a >>> count) | 0; }
  sar(a: number, count: number): number { return a >> count; }
  rotl(a: number, count: number): number { return (a << count) | (a >>> (32 - count)); }
  clz(a: number): number { return Math.clz32(a); }
  ctz(a: number): number { return a === 0 ? 32 : 31 - Math.clz32(a & -a); }
  popcount(a: number): number {
    let ones = 0;
    for (let rest = a; rest !== 0; rest &= rest - 1) ones++;
    return ones;
  }
  signExtend8(a: number): number { return (a << 24) >> 24; }
  signExtend16(a: number): number { return (a << 16) >> 16; }
  eq(a: number, b: number): number { return (a | 0) === (b | 0) ? 1 : 0; }
  ne(a: number, b: number): number { return (a | 0) === (b | 0) ? 0 : 1; }
  lessSigned(a: number, b: number): number { return (a | 0) < (b | 0) ? 1 : 0; }
  lessUnsigned(a: number, b: number): number { return a >>> 0 < b >>> 0 ? 1 : 0; }
  isZero(a: number): number { return (a | 0) === 0 ? 1 : 0; }
  select(condition: number, yes: number, no: number): number { return condition !== 0 ? yes : no; }

  divideUnsigned(high: number, low: number, divisor: number): { quotient: number; remainder: number } {
    const by = divisor >>> 0;
    if (high >>> 0 >= by) raise(Vector.divide);
    if (high === 0) return { quotient: Math.trunc((low >>> 0) / by) | 0, remainder: ((low >>> 0) % by) | 0 };
    const dividend = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
    return { quotient: Number(dividend / BigInt(by)) | 0, remainder: Number(dividend % BigInt(by)) | 0 };
  }

  divideSigned(high: number, low: number, divisor: number): { quotient: number; remainder: number } {
    const by = BigInt(divisor | 0);
    if (by === 0n) raise(Vector.divide);
    const dividend = (BigInt(high | 0) << 32n) | BigInt(low >>> 0);
    const quotient = dividend / by;
    if (BigInt.asIntN(32, quotient) !== quotient) raise(Vector.divide);
    return { quotient: Number(quotient), remainder: Number(dividend % by) };
  }

  get(slot: number): number {
    const { insn } = this;
    switch (insn.kind[slot]) {
      case SlotKind.register: return this.gpr(insn.register[slot]!, insn.slotSize[slot]!);
      case SlotKind.memory: return this.#load(this.#linear, insn.slotSize[slot]!);
      default: return insn.immediate;
    }
  }

  kindOf(slot: number): number { return this.insn.kind[slot]!; }

  set(slot: number, value: number): void {
    const { insn } = this;
    const size = insn.slotSize[slot]!;
    if (insn.kind[slot] === SlotKind.register) this.setGpr(insn.register[slot]!, size, value);
    else if (size === 4) this.cpu.write32(this.#linear, value);
    else if (size === 2) this.cpu.write16(this.#linear, value);
    else this.cpu.write8(this.#linear, value);
  }

  #load(linear: number, size: number): number {
    const { cpu } = this;
    return size === 4 ? cpu.read32(linear) | 0 : size === 2 ? cpu.read16(linear) : cpu.read8(linear);
  }

  offset(): number { return this.#offset; }

  loadSource(offset: number): number {
    return this.#load(this.cpu.linear(this.insn.segment, offset, this.size, false), this.size);
  }
  loadDestination(offset: number): number {
    return this.#load(this.cpu.linear(SegmentRegister.es, offset, this.size, false), this.size);
  }
  storeDestination(offset: number, value: number): void {
    const linear = this.cpu.linear(SegmentRegister.es, offset, this.size, true);
    if (this.size === 4) this.cpu.write32(linear, value);
    else if (this.size === 2) this.cpu.write16(linear, value);
    else this.cpu.write8(linear, value);
  }

  gpr(register: number, size: number): number {
    const { cpu } = this;
    if (size === 4) return cpu.i32[GPR + register]!;
    if (size === 2) return cpu.u16[(GPR + register) * 2]!;
    return cpu.u8[byteRegister(register)]!;
  }

  setGpr(register: number, size: number, value: number): void {
    const { cpu } = this;
    if (size === 4) cpu.i32[GPR + register] = value;
    else if (size === 2) cpu.u16[(GPR + register) * 2] = value;
    else cpu.u8[byteRegister(register)] = value;
  }

  push(value: number, size: number): void {
    if (size === 4) this.cpu.push32(value);
    else this.cpu.push16(value);
  }

  pop(size: number): number {
    return size === 4 ? this.cpu.pop32() | 0 : this.cpu.pop16();
  }

  popFrame(size: number): number {
    const { cpu } = this;
    const offset = this.gpr(5, 4) & cpu.stackMask;
    const linear = cpu.linear(SegmentRegister.ss, offset, size, false);
    const value = this.#load(linear, size);
    cpu.setStackPointer(offset + size);
    return value;
  }

  zeroWord(): number { return this.cpu.i32[State.flagZero >> 2]!; }
  signWord(): number { return this.cpu.i32[State.flagSign >> 2]!; }
  addend(): number { return this.cpu.i32[State.flagAddend >> 2]!; }
  sum(): number { return this.cpu.i32[State.flagSum >> 2]!; }
  setFlags(zero: number, sign: number, addend: number, sum: number): void {
    this.cpu.i32[State.flagZero >> 2] = zero;
    this.cpu.i32[State.flagSign >> 2] = sign;
    this.setCarries(addend, sum);
  }
  setCarries(addend: number, sum: number): void {
    this.cpu.i32[State.flagAddend >> 2] = addend;
    this.cpu.i32[State.flagSum >> 2] = sum;
  }
  eflags(): number { return this.cpu.i32[State.eflags >> 2]!; }
  setEflags(value: number): void { this.cpu.i32[State.eflags >> 2] = value; }

  when(condition: number, then: () => void, otherwise?: () => void): void {
    if (condition !== 0) then();
    else otherwise?.();
  }

  next(): number { return (this.cpu.i32[EIP]! + this.insn.length) | 0; }
  target(): number { return this.#masked(this.next() + this.insn.immediate); }
  #masked(eip: number): number { return this.insn.operandSize === 2 ? eip & 0xffff : eip | 0; }

  jump(target: number): void { this.cpu.jump(this.#masked(target)); }

  branch(condition: number, commit?: () => void): void {
    if (condition !== 0) this.cpu.jump(this.target());
    commit?.();
  }

  call(target: number): void {
    const { cpu } = this;
    const to = this.#masked(target);
    const top = cpu.i32[GPR + 4]!;
    if (this.undefinedResults === 'amd') this.#checkReach(to);
    this.push(this.next(), this.insn.operandSize);
    try {
      cpu.jump(to);
    } catch (fault) {
      cpu.i32[GPR + 4] = top;
      throw fault;
    }
  }

  ret(extra: number): void {
    const { cpu } = this;
    const size = this.insn.operandSize;
    const top = cpu.i32[GPR + 4]! & cpu.stackMask;
    const to = this.#load(cpu.linear(SegmentRegister.ss, top, size, false), size);
    cpu.jump(to);
    cpu.setStackPointer(top + size + extra);
  }

  #checkReach(eip: number): void {
    if (eip >>> 0 > this.cpu.i32[CS_LIMIT]! >>> 0) raise(Vector.protection);
  }

  raise(vector: number): void { raise(vector); }
}

/** Byte address of an 8-bit register: al cl dl bl, then ah ch dh bh. */
export function byteRegister(register: number): number {
  return State.gpr + (register & 3) * 4 + (register >> 2);
}

/** Fetches, decodes and executes one instruction at a time. */
export class ReferenceEngine {
  readonly #cpu: Processor;
  readonly #decoder: Decoder;
  readonly #insn = newInstruction();
  readonly #evaluator: Evaluator;
  readonly #window = new Uint8Array(maxInstructionLength + 1);

  constructor(cpu: Processor) {
    this.#cpu = cpu;
    this.#decoder = new Decoder(cpu.features);
    this.#evaluator = new Evaluator(cpu, this.#insn);
  }

  /**
   * Execute the instruction at CS:EIP and advance EIP. Throws CpuFault with State.eip still on the instruction and
   * nothing else changed that the architecture does not change.
   *
   * @returns the instruction (reused by the next call)
   */
  step(): Instruction {
    const insn = this.fetch();
    this.execute(insn);
    return insn;
  }

  /** Execute what fetch() returned, and advance EIP. */
  execute(insn: Instruction): void {
    const cpu = this.#cpu;
    const { definition } = insn;
    const next = (cpu.i32[EIP]! + insn.length) | 0;
    cpu.jumped = false;
    if (definition.rare) definition.rare(cpu, insn);
    else if (definition.string && insn.repeat !== Repeat.none) repeat(cpu, insn, this.#once);
    else this.#once();
    if (!cpu.jumped) cpu.i32[EIP] = next;
  }

  /** What the instruction means, apart from any repetition. */
  readonly #once = (): void => {
    this.#evaluator.prepare();
    this.#insn.definition.execute!(this.#evaluator);
  };

  /** Decode the instruction at CS:EIP. Throws CpuFault when it may not be fetched. */
  fetch(): Instruction {
    const cpu = this.#cpu;
    const eip = cpu.i32[EIP]! >>> 0;
    const limit = cpu.i32[CS_LIMIT]! >>> 0;
    if (eip > limit) raise(Vector.protection);
    const big = (cpu.i32[CS_ACCESS]! & Access.big) !== 0;
    const linear = (cpu.i32[CS_BASE]! + eip) >>> 0;
    const physical = cpu.mmu.translateCode(linear);
    const inPage = pageSize - (linear & pageMask);
    const inSegment = limit - eip + 1;
    if (cpu.bus.isPlain(Math.floor(physical / pageSize))) {
      const at = Layout.physical + physical;
      if (this.#decoder.decode(this.#insn, cpu.u8, at, at + Math.min(inPage, inSegment), big)) return this.#insn;
    }
    return this.#fetchBytewise(linear, inPage, inSegment, physical, big);
  }

  /** Instructions that cross a page, meet the segment's end, or lie in device memory: byte by byte into a window. */
  #fetchBytewise(linear: number, inPage: number, inSegment: number, physical: number, big: boolean): Instruction {
    const cpu = this.#cpu;
    const window = this.#window;
    let from = physical;
    for (let length = 0; length < maxInstructionLength; length++) {
      if (length === inSegment) raise(Vector.protection);
      if (length === inPage) from = cpu.mmu.translateCode((linear + inPage) >>> 0) - inPage;
      window[length] = cpu.bus.read(from + length, 1);
      if (this.#decoder.decode(this.#insn, window, 0, length + 1, big)) return this.#insn;
    }
    // a sixteenth byte would be needed
    raise(Vector.protection);
  }
}
