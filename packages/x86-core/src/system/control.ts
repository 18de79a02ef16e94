/*
 * Control, debug and model-specific registers (SDM volume 3, 2.5, 18.2; volume 4).
 */
import { ExtendedFeature, Feature } from '../cpuid.js';
import type { RareExecute } from '../definition.js';
import { Dr6, Dr7, reportDebug } from '../debug.js';
import { raise, Vector } from '../fault.js';
import { readRm, regField, writeRm } from '../operands.js';
import { answerTicks } from '../options.js';
import { eferNxe } from '../paging.js';
import type { Processor } from '../processor.js';
import { Cr0, Cr4, Register, State } from '../state.js';
import { needRing0 } from './helpers.js';

const GPR = State.gpr >> 2;
const CR0 = State.cr0 >> 2;
const CR3 = State.cr3 >> 2;
const CR4 = State.cr4 >> 2;
const DR = State.dr >> 2;

const cr0Writable = Cr0.pe | Cr0.mp | Cr0.em | Cr0.ts | Cr0.ne | Cr0.wp | Cr0.am | Cr0.nw | Cr0.cd | Cr0.pg;
/** A change of these changes what translations mean. */
const cr0Translation = Cr0.pe | Cr0.wp | Cr0.pg;
const cr4Translation = Cr4.pse | Cr4.pae | Cr4.pge;
/** What LMSW reaches: PE MP EM TS; PE can be set by it, not cleared. */
const machineStatus = Cr0.pe | Cr0.mp | Cr0.em | Cr0.ts;

/**
 * Write CR0 with the checks and consequences of MOV to CR0. Raises #GP(0), with nothing changed.
 */
export function writeCr0(cpu: Processor, value: number): void {
  const { i32 } = cpu;
  const wanted = (value & cr0Writable) | Cr0.et;
  const changed = wanted ^ i32[CR0]!;
  if ((wanted & Cr0.pg) !== 0 && (wanted & Cr0.pe) === 0) raise(Vector.protection);
  if ((wanted & Cr0.nw) !== 0 && (wanted & Cr0.cd) === 0) raise(Vector.protection);
  const startsPaging = (changed & wanted & Cr0.pg) !== 0;
  if (startsPaging && (i32[CR4]! & Cr4.pae) !== 0 && !cpu.mmu.loadPointers(i32[CR3]!)) raise(Vector.protection);
  i32[CR0] = wanted;
  if ((changed & cr0Translation) !== 0) cpu.mmu.flushAll(true);
  cpu.updateMode();
}

/** Write CR3: other page tables. Global pages stay. */
export function writeCr3(cpu: Processor, value: number): void {
  const { i32 } = cpu;
  const pae = (i32[CR4]! & Cr4.pae) !== 0 && (i32[CR0]! & Cr0.pg) !== 0;
  if (pae && !cpu.mmu.loadPointers(value)) raise(Vector.protection);
  i32[CR3] = value;
  cpu.mmu.flushAll(false);
}

/** CR4 bits that exist on a CPU with its features. */
export function cr4Writable(cpu: Processor): number {
  const { features } = cpu;
  let mask = Cr4.pce;
  if (features & Feature.tsc) mask |= Cr4.tsd;
  if (features & Feature.de) mask |= Cr4.de;
  if (features & Feature.pse) mask |= Cr4.pse;
  if (features & Feature.pae) mask |= Cr4.pae;
  if (features & Feature.pge) mask |= Cr4.pge;
  if (features & Feature.fxsr) mask |= Cr4.osfxsr;
  if (features & Feature.sse) mask |= Cr4.osxmmexcpt;
  return mask;
}

/** Write CR4 with all checks. */
export function writeCr4(cpu: Processor, value: number): void {
  const { i32 } = cpu;
  if ((value & ~cr4Writable(cpu)) !== 0) raise(Vector.protection);
  const changed = value ^ i32[CR4]!;
  const paging = (i32[CR0]! & Cr0.pg) !== 0;
  if (paging && (changed & value & Cr4.pae) !== 0 && !cpu.mmu.loadPointers(i32[CR3]!)) raise(Vector.protection);
  i32[CR4] = value;
  cpu.updateAvailability();
  if ((changed & cr4Translation) !== 0) cpu.mmu.flushAll(true);
}

const movFromCr: RareExecute = (cpu, insn) => {
  const slot = controlSlot(regField(insn));
  needRing0(cpu);
  cpu.i32[GPR + (insn.modrm & 7)] = cpu.i32[slot]!;
};

const movToCr: RareExecute = (cpu, insn) => {
  const register = regField(insn);
  const slot = controlSlot(register);
  needRing0(cpu);
  const value = cpu.i32[GPR + (insn.modrm & 7)]!;
  if (register === 0) writeCr0(cpu, value);
  else if (register === 3) writeCr3(cpu, value);
  else if (register === 4) writeCr4(cpu, value);
  else cpu.i32[slot] = value;
};

/** Where a control register is kept; #UD for those that do not exist. */
function controlSlot(register: number): number {
  switch (register) {
    case 0: return CR0;
    case 2: return State.cr2 >> 2;
    case 3: return CR3;
    case 4: return CR4;
    default: return raise(Vector.invalidOpcode);
  }
}

/** DR4 and DR5 are other names of DR6 and DR7, unless CR4.DE takes them away. */
function debugNumber(cpu: Processor, register: number): number {
  const alias = register === 4 || register === 5;
  if (alias && (cpu.i32[CR4]! & Cr4.de) !== 0) raise(Vector.invalidOpcode);
  return alias ? register + 2 : register;
}

/** The checks of every access to a debug register. */
function needDebugAccess(cpu: Processor): void {
  needRing0(cpu);
  if ((cpu.i32[DR + 7]! & Dr7.detect) !== 0) {
    reportDebug(cpu, Dr6.access);
    raise(Vector.debug);
  }
}

const movFromDr: RareExecute = (cpu, insn) => {
  const register = debugNumber(cpu, regField(insn));
  needDebugAccess(cpu);
  let value = cpu.i32[DR + register]!;
  if (register === 6) value |= Dr6.always;
  if (register === 7) value |= Dr7.always;
  cpu.i32[GPR + (insn.modrm & 7)] = value;
};

const movToDr: RareExecute = (cpu, insn) => {
  const register = debugNumber(cpu, regField(insn));
  needDebugAccess(cpu);
  let value = cpu.i32[GPR + (insn.modrm & 7)]!;
  if (register === 6) value &= Dr6.writable;
  if (register === 7) value &= ~Dr7.unused;
  cpu.i32[DR + register] = value;
  if (register === 7) cpu.updateMode();
};

const lmsw: RareExecute = (cpu, insn) => {
  needRing0(cpu);
  const value = readRm(cpu, insn, 2);
  const cr0 = cpu.i32[CR0]!;
  writeCr0(cpu, (cr0 & ~(machineStatus & ~Cr0.pe)) | (value & machineStatus));
};

const smsw: RareExecute = (cpu, insn) => {
  writeRm(cpu, insn, insn.memory ? 2 : insn.operandSize, cpu.i32[CR0]!);
};

const clts: RareExecute = (cpu) => {
  needRing0(cpu);
  cpu.i32[CR0] = cpu.i32[CR0]! & ~Cr0.ts;
  cpu.updateAvailability();
};

/** Model-specific registers (SDM volume 4, table 2-2). */
const Msr = { timeStampCounter: 0x10, efer: 0xc000_0080 } as const;

function timestamp(cpu: Processor): bigint {
  return BigInt.asUintN(64, answerTicks(cpu.timestampCounter()) + cpu.timestampOffset);
}

/** Put 64 bits into EDX:EAX. */
function setPair(cpu: Processor, value: bigint): void {
  cpu.i32[GPR + Register.eax] = Number(BigInt.asIntN(32, value));
  cpu.i32[GPR + Register.edx] = Number(BigInt.asIntN(32, value >> 32n));
}

function hasNx(cpu: Processor): boolean {
  return ((cpu.cpuid.extended[1]?.edx ?? 0) & ExtendedFeature.nx) !== 0;
}

const rdmsr: RareExecute = (cpu) => {
  needRing0(cpu);
  const number = cpu.i32[GPR + Register.ecx]! >>> 0;
  if (number === Msr.timeStampCounter) setPair(cpu, timestamp(cpu));
  else if (number === Msr.efer && hasNx(cpu)) setPair(cpu, BigInt(cpu.i32[State.efer >> 2]!));
  else raise(Vector.protection);
};

const wrmsr: RareExecute = (cpu) => {
  needRing0(cpu);
  const { i32 } = cpu;
  const number = i32[GPR + Register.ecx]! >>> 0;
  const low = i32[GPR + Register.eax]!;
  const high = i32[GPR + Register.edx]!;
  if (number === Msr.timeStampCounter) {
    const wanted = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
    cpu.timestampOffset = wanted - answerTicks(cpu.timestampCounter());
  } else if (number === Msr.efer && hasNx(cpu) && high === 0 && (low & ~eferNxe) === 0) {
    i32[State.efer >> 2] = low;
    cpu.mmu.flushAll(true);
  } else {
    raise(Vector.protection);
  }
};

const rdtsc: RareExecute = (cpu) => {
  if ((cpu.i32[CR4]! & Cr4.tsd) !== 0 && cpu.cpl !== 0) raise(Vector.protection);
  setPair(cpu, timestamp(cpu));
};

/** There are no performance counters, so every number is a wrong one. */
const rdpmc: RareExecute = () => raise(Vector.protection);

const invlpg: RareExecute = (cpu, insn) => {
  needRing0(cpu);
  const base = cpu.i32[(State.segments >> 2) + 4 * insn.segment + 1]!;
  cpu.mmu.flushPage((base + cpu.effectiveAddress(insn)) >>> 0);
};

/** There are no caches to write back; level 0 may ask all the same. */
const wbinvd: RareExecute = (cpu) => {
  needRing0(cpu);
};

export const controlInstructions: Readonly<Record<string, RareExecute>> = {
  mov_from_cr: movFromCr, mov_to_cr: movToCr, mov_from_dr: movFromDr, mov_to_dr: movToDr,
  lmsw, smsw, clts, rdmsr, wrmsr, rdtsc, rdpmc, invlpg, wbinvd, invd: wbinvd,
};
