/*
 * What iced-x86 says about an encoding, in numbers that can be compared without asking it twice.
 *
 * iced-x86 (MIT) is a disassembler of its own making; it knows every extension there is. The switches below make it
 * an older processor's: no TZCNT in BSF's place, no WBNOINVD, prefetches and kin as the no-operations they were.
 */
import {
  Code, CpuidFeature, DecoderOptions, type Instruction, MemorySizeExt, Mnemonic, OpCodeOperandKind as Kind, Register,
} from 'iced-x86';
import { Feature } from '../../src/cpuid.js';

/** How the disassembler is set up. */
export const icedOptions = DecoderOptions.ForceReservedNop | DecoderOptions.NoPause | DecoderOptions.NoWbnoinvd |
  DecoderOptions.NoMPFX_0FBC | DecoderOptions.NoMPFX_0FBD;

/** What one operand is, as far as the encoding tells. */
export const Role = {
  /** Register by ModRM's middle bits, by its low bits, by the opcode's low bits; register or memory. */
  middle: 0, low: 1, opcode: 2, registerOrMemory: 3, memory: 4, offset: 5, immediate: 6, constant: 7, near: 8, far: 9,
  /** Where ESI, EDI or EBX points, in a segment that can be overridden, or ES. */
  pointed: 10, pointedInEs: 11,
  /** Named by nothing but the opcode. */
  implied: 12,
  /** A segment, control or debug register by ModRM's middle bits: never one of our slots. */
  special: 13,
} as const;

const roles = new Map<number, number>();
function give(role: number, kinds: readonly Kind[]): void {
  for (const kind of kinds) roles.set(kind, role);
}
give(Role.middle, [Kind.r8_reg, Kind.r16_reg, Kind.r32_reg, Kind.mm_reg, Kind.xmm_reg]);
give(Role.special, [Kind.seg_reg, Kind.cr_reg, Kind.dr_reg]);
give(Role.low, [Kind.r16_rm, Kind.r32_rm, Kind.mm_rm, Kind.xmm_rm, Kind.sti_opcode]);
give(Role.opcode, [Kind.r8_opcode, Kind.r16_opcode, Kind.r32_opcode]);
give(Role.registerOrMemory, [Kind.r8_or_mem, Kind.r16_or_mem, Kind.r32_or_mem, Kind.mm_or_mem, Kind.xmm_or_mem]);
give(Role.memory, [Kind.mem]);
give(Role.offset, [Kind.mem_offs]);
give(Role.immediate, [Kind.imm8, Kind.imm8sex16, Kind.imm8sex32, Kind.imm16, Kind.imm32]);
give(Role.constant, [Kind.imm8_const_1]);
give(Role.near, [Kind.br16_1, Kind.br32_1, Kind.br16_2, Kind.br32_4]);
give(Role.far, [Kind.farbr2_2, Kind.farbr4_2]);
give(Role.pointed, [Kind.seg_rSI, Kind.seg_rDI, Kind.seg_rBX_al]);
give(Role.pointedInEs, [Kind.es_rDI]);
give(Role.implied, [
  Kind.es, Kind.cs, Kind.ss, Kind.ds, Kind.fs, Kind.gs, Kind.al, Kind.cl, Kind.ax, Kind.dx, Kind.eax, Kind.st0,
]);

/** Everything about a form of iced-x86's that does not depend on the bytes at hand. */
export interface Plan {
  readonly code: string;
  readonly mnemonic: string;
  /** The forms's operands; see Role. Empty when one is of a later day (then `exists` is false for all our models). */
  readonly roles: readonly number[];
  readonly features: readonly CpuidFeature[];
  /** In bytes, or 0 when the form is the same in all sizes. */
  readonly operandSize: number;
  readonly addressSize: number;
  readonly memoryBytes: number;
  /** MMX, SSE, SSE2: prefixes choose among meanings. */
  readonly vector: boolean;
}

/** Features that every CPU here has: all of an i486 with its coprocessor. */
const always = new Set<CpuidFeature>([
  CpuidFeature.INTEL8086, CpuidFeature.INTEL186, CpuidFeature.INTEL286, CpuidFeature.INTEL386, CpuidFeature.INTEL486,
  CpuidFeature.CPUID, CpuidFeature.FPU, CpuidFeature.FPU287, CpuidFeature.FPU387, CpuidFeature.MULTIBYTENOP, CpuidFeature.RDPMC,
]);
/** Features with a bit in CPUID. */
const promised = new Map<CpuidFeature, number>([
  [CpuidFeature.TSC, Feature.tsc], [CpuidFeature.MSR, Feature.msr], [CpuidFeature.CX8, Feature.cx8], [CpuidFeature.CMOV, Feature.cmov],
  [CpuidFeature.MMX, Feature.mmx], [CpuidFeature.FXSR, Feature.fxsr], [CpuidFeature.SSE, Feature.sse], [CpuidFeature.SSE2, Feature.sse2],
  // CLFLUSH came with SSE2, PAUSE is a NOP with a prefix
  [CpuidFeature.CLFSH, Feature.sse2],
]);
const vectorFeatures = new Set<CpuidFeature>([CpuidFeature.MMX, CpuidFeature.SSE, CpuidFeature.SSE2]);

const plans = new Map<number, Plan>();

/** The plan of the form that `instruction` has. */
export function planOf(instruction: Instruction): Plan {
  const { code } = instruction;
  const known = plans.get(code);
  if (known !== undefined) return known;
  const info = instruction.opCode;
  const found = Array.from({ length: info.opCount }, (_, i) => roles.get(info.opKind(i)));
  const features = [...instruction.cpuidFeatures()] as CpuidFeature[];
  const plan: Plan = {
    code: Code[code]!, mnemonic: Mnemonic[info.mnemonic]!, roles: found.includes(undefined) ? [] : (found as number[]), features,
    operandSize: info.operandSize / 8, addressSize: info.addressSize / 8, memoryBytes: MemorySizeExt.size(info.memorySize),
    vector: features.some((feature) => vectorFeatures.has(feature)),
  };
  info.free();
  plans.set(code, plan);
  return plan;
}

/** Does a CPU with these feature bits have the form? */
export function exists(plan: Plan, features: number): boolean {
  return plan.code !== 'INVALID' && plan.features.every((feature) => always.has(feature) || ((promised.get(feature) ?? 0) & features) !== 0);
}

/** The encoding's number of a register of iced-x86's, and its bytes (0 for those that are no general registers). */
export const registerNumber = new Int8Array(256).fill(-1);
export const registerBytes = new Uint8Array(256);
for (const [first, bytes] of [
  [Register.AL, 1], [Register.AX, 2], [Register.EAX, 4], [Register.ES, 0], [Register.XMM0, 0], [Register.MM0, 0], [Register.CR0, 0],
  [Register.DR0, 0], [Register.ST0, 0],
] as const) {
  const count = first === Register.ES ? 6 : 8;
  for (let i = 0; i < count; i++) {
    registerNumber[first + i] = i;
    registerBytes[first + i] = bytes;
  }
}
