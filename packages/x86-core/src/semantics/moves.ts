/*
 * Moves: data that changes places and nothing else.
 */
import { Feature } from '../cpuid.js';
import { define } from '../definition.js';
import { Register, SegmentRegister, State } from '../state.js';
import type { Processor } from '../processor.js';
import { quickPopAll, quickPushAll } from './gates.js';
import { conditionHolds, flagsByte, overflow, setArithmeticFlags, signExtend } from './flags-of.js';

const { eax, edx, ebx, esp, ebp, edi } = Register;

const GPR = State.gpr >> 2;

/** Offset in the stack segment, `delta` bytes from the top. */
function stackOffset(cpu: Processor, delta: number): number {
  return (cpu.i32[GPR + esp]! + delta) & cpu.stackMask;
}

/** Linear address of `size` bytes of stack starting `delta` bytes from the top; raises #SS. */
function stackLinear(cpu: Processor, delta: number, size: number, write: boolean): number {
  return cpu.linear(SegmentRegister.ss, stackOffset(cpu, delta), size, write);
}

function moveStack(cpu: Processor, delta: number): void {
  cpu.setStackPointer(cpu.i32[GPR + esp]! + delta);
}

define('mov', { uses: 'w r', hot: true, execute: (b) => b.set(0, b.get(1)) });
define('lea', { uses: 'w', hot: true, execute: (b) => b.set(0, b.offset()) });

/** Slot 1 is a byte or a word, slot 0 is wider. */
define('movzx8', { uses: 'w r', hot: true, execute: (b) => b.set(0, b.get(1)) });
define('movzx16', { uses: 'w r', hot: true, execute: (b) => b.set(0, b.get(1)) });
define('movsx8', { uses: 'w r', hot: true, execute: (b) => b.set(0, b.signExtend8(b.get(1))) });
define('movsx16', { uses: 'w r', hot: true, execute: (b) => b.set(0, b.signExtend16(b.get(1))) });

define('xchg', { uses: 'rw rw', hot: true, lockable: true, execute: (b) => {
  const x = b.get(0);
  const y = b.get(1);
  b.set(0, y);
  b.set(1, x);
} });

define('bswap', { uses: 'rw', hot: true, execute: (b) => {
  const x = b.get(0);
  const odd = b.imm(0x00ff00ff);
  // bytes 0 and 2 turn one way, 1 and 3 the other; the 16-bit form is undefined and gives 0 on real processors
  b.set(0, b.size === 2 ? b.imm(0)
    : b.or(b.rotl(b.and(x, odd), b.imm(24)), b.and(b.rotl(x, b.imm(8)), odd)));
} });

define('push', { uses: 'r', hot: true, execute: (b) => b.push(b.get(0), b.size) });
define('pop', { uses: 'w', hot: true, execute: (b) => b.set(0, b.pop(b.size)) });

/** POP to memory uses ESP as it will be in its address, and must leave ESP alone when the store faults. */
define('pop_memory', { rare: (cpu, insn) => {
  const before = cpu.i32[GPR + esp]!;
  const value = insn.size === 4 ? cpu.pop32() : cpu.pop16();
  const after = cpu.i32[GPR + esp]!;
  try {
    const linear = cpu.linear(insn.segment, cpu.effectiveAddress(insn), insn.size, true);
    if (insn.size === 4) cpu.write32(linear, value);
    else cpu.write16(linear, value);
  } catch (fault) {
    cpu.i32[GPR + esp] = before;
    throw fault;
  }
  cpu.i32[GPR + esp] = after;
} });

/** LEAVE pops from where EBP points, whatever ESP was. */
define('leave', { uses: '', hot: true, execute: (b) => {
  const value = b.popFrame(b.size);
  b.setGpr(ebp, b.size, value);
} });

/** One register after the other, as Intel's processors do it: a fault leaves what came before it in memory. */
function pushInTurn(cpu: Processor, size: number): void {
  const before = cpu.i32[GPR + esp]!;
  for (let register: number = eax; register <= edi; register++) {
    cpu.writeSeg(SegmentRegister.ss, (before - (register + 1) * size) & cpu.stackMask, size, cpu.i32[GPR + register]!);
  }
}

/** The same for POPA, and registers. */
function popInTurn(cpu: Processor, size: number): void {
  for (let register: number = edi; register >= eax; register--) {
    const value = cpu.readSeg(SegmentRegister.ss, stackOffset(cpu, (7 - register) * size), size);
    if (register === esp) continue;
    if (size === 4) cpu.i32[GPR + register] = value;
    else cpu.u16[(GPR + register) * 2] = value;
  }
}

define('pusha', { shortcut: quickPushAll, rare: (cpu, insn) => {
  const wide = insn.operandSize === 4;
  const size = insn.operandSize;
  if (cpu.undefinedResults === 'intel') {
    pushInTurn(cpu, size);
    moveStack(cpu, -8 * size);
    return;
  }
  const first = stackLinear(cpu, -8 * size, 8 * size, true);
  cpu.checkAlignment(first, size);
  cpu.probeWrite(first, 8 * size);
  for (let register: number = eax; register <= edi; register++) {
    const linear = first + (7 - register) * size;
    if (wide) cpu.write32(linear, cpu.i32[GPR + register]!);
    else cpu.write16(linear, cpu.i32[GPR + register]!);
  }
  moveStack(cpu, -8 * size);
} });

define('popa', { shortcut: quickPopAll, rare: (cpu, insn) => {
  const wide = insn.operandSize === 4;
  const size = insn.operandSize;
  if (cpu.undefinedResults === 'intel') {
    popInTurn(cpu, size);
    moveStack(cpu, 8 * size);
    return;
  }
  const first = stackLinear(cpu, 0, 8 * size, false);
  cpu.checkAlignment(first, size);
  cpu.probeRead(first, 8 * size);
  for (let register: number = eax; register <= edi; register++) {
    if (register === esp) continue;
    const linear = first + (7 - register) * size;
    if (wide) cpu.i32[GPR + register] = cpu.read32(linear);
    else cpu.u16[(GPR + register) * 2] = cpu.read16(linear);
  }
  moveStack(cpu, 8 * size);
} });

for (let code = 0; code < 16; code++) {
  define(`set${code}`, { uses: 'w', hot: true, execute: (b) => b.set(0, b.ne(conditionHolds(b, code), b.imm(0))) });
  define(`cmov${code}`, { uses: 'rw r', hot: true, feature: Feature.cmov, execute: (b) => {
    const old = b.get(0);
    b.set(0, b.select(conditionHolds(b, code), b.get(1), old));
  } });
}

/** CBW, CWDE: the accumulator's lower half spread over the whole. */
define('cbw', { uses: '', hot: true, execute: (b) => {
  b.setGpr(eax, b.size, b.size === 4 ? b.signExtend16(b.gpr(eax, 2)) : b.signExtend8(b.gpr(eax, 1)));
} });

/** CWD, CDQ: the accumulator's sign spread over edx. */
define('cwd', { uses: '', hot: true, execute: (b) => {
  b.setGpr(edx, b.size, b.sar(signExtend(b, b.gpr(eax, b.size)), b.imm(31)));
} });

define('lahf', { execute: (b) => b.setGpr(4, 1, flagsByte(b)) });
/** SF ZF AF PF CF from AH, OF as it was. */
define('sahf', { hot: true, execute: (b) =>
  setArithmeticFlags(b, b.or(b.and(b.gpr(4, 1), b.imm(0xff)), b.shl(overflow(b), b.imm(11)))) });

define('xlat', { rare: (cpu, insn) => {
  const mask = insn.addressSize === 4 ? -1 : 0xffff;
  const offset = ((cpu.i32[GPR + ebx]! + cpu.u8[State.gpr]!) & mask) >>> 0;
  cpu.u8[State.gpr] = cpu.read8(cpu.linear(insn.segment, offset, 1, false));
} });

define('nop', { uses: '', hot: true, execute: () => {} });
/** 0F 1F, 0F 18 and friends: an operand that is decoded but never touched. */
define('hint', { uses: '', hot: true, execute: () => {} });
