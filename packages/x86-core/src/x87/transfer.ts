/*
 * Instructions that move numbers: loads, stores, exchanges, conditional moves.
 *
 * Each reads all its memory first, then computes with exceptions collected in `env`, then writes memory, and only
 * then touches the stack and the status word: a page fault leaves no trace.
 */
import { Eflags } from '../state.js';
import { readEflags } from '../flags.js';
import type { Instruction } from '../instruction.js';
import type { Processor } from '../processor.js';
import {
  decimalBytes, fromDecimal, fromDouble, fromInt32, fromInt64, fromSingle, stored, toDecimal, toDouble, toInteger, toSingle,
} from './convert.js';
import { Exception, beginOperation, commitExceptions, env, isBlocked, raiseException } from './environment.js';
import { Float80, Kind, kindOf, quietBit, setDefaultNan } from './float80.js';
import { read80, write80 } from './image.js';
import { loadConstant } from './special.js';
import { isUsed, pop, push, pushChecked, readStack, setTop, setUsed, stackUnderflow, topOf, writeStack } from './stack.js';

const value = new Float80();
const other = new Float80();
const decimal = new Uint8Array(decimalBytes);

/** Formats a memory operand may have. */
export const Format = { single: 0, double: 1, extended: 2, int16: 3, int32: 4, int64: 5, decimal: 6 } as const;

/** Of the ten bytes of a number in memory these come first, and then sign and exponent. */
const significandBytes = 8;

/** Bytes of each Format in memory. */
export const formatBytes: readonly number[] = [4, 8, 10, 2, 4, 8, 10];

/** Linear address of the memory operand. One of ten bytes is aligned when it is a multiple of 8 (SDM volume 3, 6.15, #AC). */
export function operandAddress(cpu: Processor, insn: Instruction, size: number, write: boolean): number {
  const linear = cpu.linear(insn.segment, cpu.effectiveAddress(insn), size, write);
  if (size > significandBytes) cpu.checkAlignment(linear, significandBytes);
  return linear;
}

/** Read a memory operand as it is. True when it is a single or double denormal. */
export function readOperand(cpu: Processor, insn: Instruction, format: number, out: Float80): boolean {
  const linear = operandAddress(cpu, insn, formatBytes[format]!, false);
  switch (format) {
    case Format.single:
      return fromSingle(cpu.read32(linear), out);
    case Format.double: {
      const low = cpu.read32(linear);
      return fromDouble(cpu.read32((linear + 4) >>> 0), low, out);
    }
    case Format.extended:
      read80(cpu, linear, out);
      return false;
    case Format.int16:
      fromInt32((cpu.read16(linear) << 16) >> 16, out);
      return false;
    case Format.int32:
      fromInt32(cpu.read32(linear) | 0, out);
      return false;
    case Format.int64: {
      const low = cpu.read32(linear);
      fromInt64(cpu.read32((linear + 4) >>> 0), low, out);
      return false;
    }
    default:
      for (let i = 0; i < decimalBytes; i++) decimal[i] = cpu.read8((linear + i) >>> 0);
      fromDecimal(decimal, out);
      return false;
  }
}

/** FLD, FILD, FBLD from memory. */
export function load(cpu: Processor, insn: Instruction, format: number): void {
  const denormal = readOperand(cpu, insn, format, value);
  beginOperation(cpu.i32);
  if (isUsed(cpu, 7)) {
    pushChecked(cpu, value);
  } else {
    // an unmasked denormal is loaded all the same, a signaling NaN is not
    if (denormal) raiseException(Exception.denormal);
    else if (format <= Format.double && kindOf(value) === Kind.signalingNan) {
      raiseException(Exception.invalid);
      value.high = (value.high | quietBit) >>> 0;
    }
    if (denormal || !isBlocked()) pushChecked(cpu, value);
  }
  commitExceptions(cpu.i32, env.roundedUp);
}

/** FLD ST(i). */
export function loadRegister(cpu: Processor, i: number): void {
  beginOperation(cpu.i32);
  if (isUsed(cpu, i)) {
    readStack(cpu, i, value);
    pushChecked(cpu, value);
  } else if (!stackUnderflow()) {
    // an empty source counts before a full stack
    setDefaultNan(value);
    push(cpu, value);
  }
  commitExceptions(cpu.i32, env.roundedUp);
}

/** FLD1, FLDPI, …: constant number `index`. */
export function pushConstant(cpu: Processor, index: number): void {
  beginOperation(cpu.i32);
  loadConstant(index, value);
  pushChecked(cpu, value);
  commitExceptions(cpu.i32, env.roundedUp);
}

/** Convert a number to a memory format, into `stored`, `decimal` or `value`. False: nothing is to be stored. */
function convert(format: number): boolean {
  switch (format) {
    case Format.single:
      return toSingle(value);
    case Format.double:
      return toDouble(value);
    case Format.int16:
      return toInteger(value, 16, false);
    case Format.int32:
      return toInteger(value, 32, false);
    case Format.int64:
      return toInteger(value, 64, false);
    case Format.decimal:
      return toDecimal(value, decimal);
    default:
      return true;
  }
}

/**
 * FST, FSTP, FIST, FISTP, FBSTP to memory. When an unmasked exception keeps the number from being stored, AMD's processors
 * look at the address all the same. Intel's store ten bytes as eight and two, of which the latter may fault.
 */
export function store(cpu: Processor, insn: Instruction, format: number, popAfter: boolean): void {
  const size = formatBytes[format]!;
  const looks = cpu.undefinedResults === 'amd';
  let linear = looks ? operandAddress(cpu, insn, size, true) : 0;
  beginOperation(cpu.i32);
  let write: boolean;
  if (isUsed(cpu, 0)) {
    readStack(cpu, 0, value);
    write = convert(format);
  } else {
    write = !stackUnderflow();
    setDefaultNan(value);
    if (write) {
      // the format's indefinite, without a second exception
      convert(format);
      env.roundedUp = false;
    }
  }
  if (looks && (size > 4 || !write)) cpu.probeWrite(linear, size);
  if (write) {
    if (!looks) linear = size > significandBytes ? storeSignificand(cpu, insn, format) : operandAddress(cpu, insn, size, true);
    if (!looks && size > 4) cpu.probeWrite(linear, size);
    writeConverted(cpu, linear, format);
    if (popAfter) pop(cpu);
  }
  commitExceptions(cpu.i32, env.roundedUp);
}

/** Store the first eight of ten bytes, and find out whether there is room for all. @returns their linear address */
function storeSignificand(cpu: Processor, insn: Instruction, format: number): number {
  const linear = operandAddress(cpu, insn, significandBytes, true);
  cpu.probeWrite(linear, significandBytes);
  if (format === Format.extended) {
    cpu.write32(linear, value.low);
    cpu.write32((linear + 4) >>> 0, value.high);
  } else {
    for (let i = 0; i < significandBytes; i++) cpu.write8((linear + i) >>> 0, decimal[i]!);
  }
  return operandAddress(cpu, insn, decimalBytes, true);
}

function writeConverted(cpu: Processor, linear: number, format: number): void {
  switch (format) {
    case Format.int16:
      cpu.write16(linear, stored.low);
      break;
    case Format.single:
    case Format.int32:
      cpu.write32(linear, stored.low);
      break;
    case Format.double:
    case Format.int64:
      cpu.write32(linear, stored.low);
      cpu.write32((linear + 4) >>> 0, stored.high);
      break;
    case Format.extended:
      write80(cpu, linear, value);
      break;
    default:
      for (let i = 0; i < decimalBytes; i++) cpu.write8((linear + i) >>> 0, decimal[i]!);
  }
}

/** FST ST(i), FSTP ST(i). */
export function storeRegister(cpu: Processor, i: number, popAfter: boolean): void {
  beginOperation(cpu.i32);
  let blocked = false;
  if (isUsed(cpu, 0)) {
    readStack(cpu, 0, value);
  } else {
    blocked = stackUnderflow();
    setDefaultNan(value);
  }
  if (!blocked) {
    writeStack(cpu, i, value);
    if (popAfter) pop(cpu);
  }
  commitExceptions(cpu.i32, false);
}

/** FSTPNCE ST(i), D9 D8: FSTP without complaint about an empty ST(0), which is just popped. Undocumented. */
export function storeRegisterQuietly(cpu: Processor, i: number): void {
  if (isUsed(cpu, 0)) storeRegister(cpu, i, true);
  else free(cpu, 0, true);
}

/** FXCH ST(i). */
export function exchange(cpu: Processor, i: number): void {
  beginOperation(cpu.i32);
  readStack(cpu, 0, value);
  readStack(cpu, i, other);
  const first = isUsed(cpu, 0);
  const second = isUsed(cpu, i);
  const blocked = !(first && second) && stackUnderflow();
  if (!blocked) {
    if (!first) setDefaultNan(value);
    if (!second) setDefaultNan(other);
    writeStack(cpu, 0, other);
    writeStack(cpu, i, value);
  }
  commitExceptions(cpu.i32, false);
}

/** FCHS, FABS: the sign changes, even a NaN's. */
export function changeSign(cpu: Processor, absolute: boolean): void {
  beginOperation(cpu.i32);
  if (isUsed(cpu, 0)) {
    readStack(cpu, 0, value);
    value.sign = absolute ? 0 : value.sign ^ 1;
    writeStack(cpu, 0, value);
  } else if (!stackUnderflow()) {
    setDefaultNan(value);
    writeStack(cpu, 0, value);
  }
  commitExceptions(cpu.i32, false);
}

/** Conditions of FCMOVcc in the order of their encodings: below, equal, below or equal, unordered. */
const moveFlags = [Eflags.cf, Eflags.zf, Eflags.cf | Eflags.zf, Eflags.pf] as const;

/** FCMOVcc ST(0), ST(i). */
export function conditionalMove(cpu: Processor, i: number, condition: number, negate: boolean): void {
  beginOperation(cpu.i32);
  if (!isUsed(cpu, 0) || !isUsed(cpu, i)) {
    if (!stackUnderflow()) {
      setDefaultNan(value);
      writeStack(cpu, 0, value);
    }
  } else if (((readEflags(cpu.i32) & moveFlags[condition]!) !== 0) !== negate) {
    readStack(cpu, i, value);
    writeStack(cpu, 0, value);
  }
  if (env.raised !== 0) commitExceptions(cpu.i32, false);
}

/** FFREE ST(i), and FFREEP, which pops as well. */
export function free(cpu: Processor, i: number, popAfter: boolean): void {
  setUsed(cpu, i, false);
  if (popAfter) pop(cpu);
  beginOperation(cpu.i32);
  commitExceptions(cpu.i32, false);
}

/** FINCSTP (1), FDECSTP (-1): TOP moves, tags stay. */
export function rotate(cpu: Processor, by: number): void {
  setTop(cpu, topOf(cpu) + by);
  beginOperation(cpu.i32);
  commitExceptions(cpu.i32, false);
}
