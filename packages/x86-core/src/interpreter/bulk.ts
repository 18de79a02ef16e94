/*
 * REP MOVS, REP STOS and REP SCAS a page at a time.
 *
 * To the same effect as strings.ts, element after element: each element counts as one retired instruction, and the
 * pointers stand where the last whole element left them. Everything unusual (backwards, 16-bit addresses, odd segments,
 * elements across pages, pages that are not plainly there) is left to the element-wise way.
 */
import { type Instruction, Repeat } from '../instruction.js';
import { AccessKind } from '../paging.js';
import type { Processor } from '../processor.js';
import { Eflags, Mode, Register, SegmentRegister, State } from '../state.js';

const GPR = State.gpr >> 2;
const ECX = GPR + Register.ecx;
const ESI = GPR + Register.esi;
const EDI = GPR + Register.edi;
const pageSize = 0x1000;
const pageMask = 0xfff;

/** Opcodes: A4/A5 MOVS, AA/AB STOS, AE/AF SCAS. */
const movs = 0xa4;
const stos = 0xaa;
const scas = 0xae;

/**
 * Execute up to `most` elements of a repeated MOVS, STOS or SCAS.
 *
 * @returns the number of elements done (EIP is past the instruction when it is finished), or 0 when this instruction or
 *   its present state is not for bulk treatment and nothing was done
 */
export function bulkString(cpu: Processor, insn: Instruction, most: number): number {
  const kind = insn.opcode & ~1;
  if (insn.lock || (kind !== movs && kind !== stos && kind !== scas) || insn.repeat === Repeat.none || insn.addressSize !== 4) return 0;
  const { i32 } = cpu;
  const mode = i32[State.mode >> 2]!;
  const flat = Mode.flatEs | (kind === movs ? Mode.flatDs : 0);
  if ((mode & flat) !== flat || (i32[State.eflags >> 2]! & Eflags.df) !== 0) return 0;
  if (kind === movs && insn.segment !== SegmentRegister.ds) return 0;
  const { size } = insn;
  if (kind === scas) return skipScan(cpu, insn, most);
  let done = 0;
  while (done < most && i32[ECX] !== 0) {
    const count = chunk(cpu, kind, size, Math.min(most - done, i32[ECX]! >>> 0));
    if (count === 0) break;
    done += count;
    i32[ECX] = i32[ECX]! - count;
    i32[EDI] = i32[EDI]! + count * size;
    if (kind === movs) i32[ESI] = i32[ESI]! + count * size;
  }
  if (done > 0 && i32[ECX] === 0) i32[State.eip >> 2] = i32[State.eip >> 2]! + insn.length;
  return done;
}

/** As many elements as lie within the current pages, at most `limit`. */
function chunk(cpu: Processor, kind: number, size: number, limit: number): number {
  const { i32, u8 } = cpu;
  const to = i32[EDI]! >>> 0;
  const from = i32[ESI]! >>> 0;
  let room = pageSize - (to & pageMask);
  if (kind === movs) room = Math.min(room, pageSize - (from & pageMask));
  const count = Math.min(limit, Math.floor(room / size));
  if (count === 0) return 0;
  // in the order of the accesses: a read that faults must not have made the target's page dirty
  const source = kind === movs ? plainAddress(cpu, from, AccessKind.read) : 0;
  if (source < 0) return 0;
  const target = plainAddress(cpu, to, AccessKind.write);
  if (target < 0) return 0;
  const bytes = count * size;
  if (kind === stos) {
    fill(cpu, target, bytes, size);
    return count;
  }
  // an overlap ahead of the source repeats what was just written: that is for the element-wise way
  if (target > source && target < source + bytes) return 0;
  u8.copyWithin(target, source, source + bytes);
  return count;
}

/** Address in the WebAssembly memory of a linear address that is plainly accessible, or -1. */
function plainAddress(cpu: Processor, linear: number, kind: number): number {
  const { i32 } = cpu;
  const table = kind === AccessKind.write ? i32[State.tlbWrite >> 2]! : i32[State.tlbRead >> 2]!;
  const slot = (table >>> 2) + (linear >>> 12);
  if ((i32[slot]! & pageMask) !== 0 && cpu.mmu.fill(linear, kind) === 0) return -1;
  return (i32[slot]! ^ linear) >>> 0;
}

function fill(cpu: Processor, target: number, bytes: number, size: number): void {
  const { u8, view } = cpu;
  if (size === 1) {
    u8.fill(u8[State.gpr]!, target, target + bytes);
    return;
  }
  const value = cpu.i32[GPR]!;
  if (value === 0) u8.fill(0, target, target + bytes);
  else if (size === 4) {
    for (let at = target; at < target + bytes; at += 4) view.setInt32(at, value, true);
  } else {
    for (let at = target; at < target + bytes; at += 2) view.setInt16(at, value, true);
  }
}


/**
 * SCAS: skip the elements that do not end the search. The flags are those of the last one skipped, for an interrupt or
 * a page fault may come before the next.
 */
function skipScan(cpu: Processor, insn: Instruction, most: number): number {
  const { i32, u8, view } = cpu;
  const { size } = insn;
  if (i32[ECX] === 0) return 0; // no access at all
  const at = i32[EDI]! >>> 0;
  const host = plainAddress(cpu, at, AccessKind.read);
  if (host < 0) return 0;
  const room = Math.floor((pageSize - (at & pageMask)) / size);
  const limit = Math.min(room, most - 1, (i32[ECX]! >>> 0) - 1);
  const stopAtEqual = insn.repeat === Repeat.repne;
  let skipped = 0;
  if (size === 1) {
    const wanted = u8[State.gpr]!;
    while (skipped < limit && (u8[host + skipped] === wanted) !== stopAtEqual) skipped++;
  } else if (size === 2) {
    const wanted = cpu.u16[State.gpr >> 1]!;
    while (skipped < limit && (view.getUint16(host + skipped * 2, true) === wanted) !== stopAtEqual) skipped++;
  } else {
    const wanted = i32[GPR]!;
    while (skipped < limit && (view.getInt32(host + skipped * 4, true) === wanted) !== stopAtEqual) skipped++;
  }
  if (skipped <= 0) return 0;
  i32[ECX] = i32[ECX]! - skipped;
  i32[EDI] = i32[EDI]! + skipped * size;
  setCompareFlags(cpu, host + (skipped - 1) * size, size);
  return skipped;
}

const adjustBit = 0x10;

/** The lazy flags of accumulator minus memory element, as the element-wise way leaves them (see flags-of.ts). */
function setCompareFlags(cpu: Processor, host: number, size: number): void {
  const { i32, u8, view } = cpu;
  const shift = 32 - 8 * size;
  const element = size === 1 ? u8[host]! : size === 2 ? view.getUint16(host, true) : view.getInt32(host, true);
  const x = element << shift;
  const sum = i32[GPR]! << shift;
  const result = ((sum - x) | 0) >> shift;
  const adjust = size === 4 ? 0 : (element ^ i32[GPR]! ^ result) & adjustBit;
  i32[State.flagZero >> 2] = result;
  i32[State.flagSign >> 2] = result;
  i32[State.flagAddend >> 2] = x | (adjust >> 1);
  i32[State.flagSum >> 2] = sum | adjust;
}
