/*H:330
 * Instructions the Guest kernel should not have used.
 *
 * A paravirtualised kernel asks instead of touching the hardware, nearly everywhere. What is left are probes for
 * devices that a PC might have: `in` and `out` on ports. With I/O privilege level 0 they raise a general protection
 * fault in ring 1, and here they are skipped: nothing is written anywhere, and every port reads as all ones, which is
 * what an empty socket of a PC reads as. So is `cli`, which some early code cannot resist.
 *
 * One more kind is not in lguest: reading a debug register. Linux does that in one place only, when it prints the
 * registers of a crash; the fault is a crash of its own, which is printed, and so on until the stack is gone. Instead
 * the Guest reads the values of a CPU without breakpoints, and its users read why it crashed.
 *
 * Everything else goes back to the Guest, whose kernel catches the faults it expects.
 */
import { Register, SegmentRegister } from '@lguest/x86-core';
import { GUEST_PL } from './abi/segments.js';
import { bytesLeftInPage, type Guest } from './guest.js';

/** Opcodes (SDM volume 2). The lowest bit of the port instructions tells a byte (0) from a wider operand (1). */
const Opcode = {
  cli: 0xfa, operandSize: 0x66, inImmediate: 0xe4, outImmediate: 0xe6, inDx: 0xec, outDx: 0xee,
  /** MOV r32, DRn: escape, opcode, ModRM with the debug register in bits 3..5 and the general one in bits 0..2. */
  escape: 0x0f, readDebug: 0x21,
} as const;
/** DR0..DR7 of a CPU without breakpoints (SDM volume 3, 17.2; DR4 and DR5 are aliases of DR6 and DR7). */
const DEBUG_REGISTERS = [0, 0, 0, 0, 0xffff_0ff0, 0x400, 0xffff_0ff0, 0x400] as const;
const REGISTER_BITS = 7;
const DEBUG_REGISTER_SHIFT = 3;
const WIDE = 1;
const ALL_ONES = -1;
const LOW_BYTE = 0xff;
const LOW_WORD = 0xffff;
const NO_BYTE = -1;

/** The instruction byte at eip + offset, or NO_BYTE when no page is there (any more). */
function codeByte(guest: Guest, linear: number, physical: number, offset: number): number {
  if (offset < bytesLeftInPage(linear)) return guest.memory.read8(physical + offset);
  const next = guest.translate((linear + offset) >>> 0);
  return next === undefined ? NO_BYTE : guest.memory.read8(next);
}

/**
 * Skip the instruction at eip if it is one of those above. Returns false when the fault is the Guest's own. To be
 * called for a general protection fault with error code 0.
 */
export function emulateInstruction(guest: Guest): boolean {
  const { cpu } = guest;
  // user space gets the fault: whether it may use ports is for its kernel to say
  if (cpu.cpl !== GUEST_PL) return false;
  const linear = (cpu.segment(SegmentRegister.cs).base + cpu.eip) >>> 0;
  const physical = guest.translate(linear);
  if (physical === undefined) return false;

  let length = 1;
  let opcode = codeByte(guest, linear, physical, 0);
  if (opcode === Opcode.cli) return skip(guest, length);
  if (opcode === Opcode.escape) return readDebugRegister(guest, linear, physical);

  const short = opcode === Opcode.operandSize;
  if (short) opcode = codeByte(guest, linear, physical, length++);
  switch (opcode & ~WIDE) {
    case Opcode.inImmediate:
      readOnes(cpu.regs, opcode, short);
      return skip(guest, length + 1);
    case Opcode.inDx:
      readOnes(cpu.regs, opcode, short);
      return skip(guest, length);
    case Opcode.outImmediate:
      return skip(guest, length + 1);
    case Opcode.outDx:
      return skip(guest, length);
    default:
      return false;
  }
}

function readOnes(regs: Int32Array, opcode: number, short: boolean): void {
  regs[Register.eax]! |= (opcode & WIDE) === 0 ? LOW_BYTE : short ? LOW_WORD : ALL_ONES;
}

/** Length of MOV r32, DRn; whatever its mod field says, it names two registers. */
const READ_DEBUG_LENGTH = 3;

function readDebugRegister(guest: Guest, linear: number, physical: number): boolean {
  if (codeByte(guest, linear, physical, 1) !== Opcode.readDebug) return false;
  const modrm = codeByte(guest, linear, physical, 2);
  if (modrm === NO_BYTE) return false;
  guest.cpu.regs[modrm & REGISTER_BITS] = DEBUG_REGISTERS[(modrm >>> DEBUG_REGISTER_SHIFT) & REGISTER_BITS]!;
  return skip(guest, READ_DEBUG_LENGTH);
}

function skip(guest: Guest, length: number): boolean {
  guest.counters.portInstructions++;
  if (guest.onTrace !== undefined) guest.onTrace({ type: 'port', eip: guest.cpu.eip >>> 0 });
  guest.cpu.eip = (guest.cpu.eip + length) >>> 0;
  return true;
}
