/*
 * A model never promises what is absent, and what it does not promise is absent.
 */
import { describe, expect, it } from 'vitest';
import { type CpuidModel, cpuidModels, ExitReason, Feature, Machine, SegmentRegister, Vector } from './index.js';

/** An instruction of each feature that a model may or may not have. */
const instructions: readonly (readonly [name: string, feature: number, bytes: readonly number[]])[] = [
  ['cmovb eax, ecx', Feature.cmov, [0x0f, 0x42, 0xc1]],
  ['fcmovb st, st1', Feature.cmov, [0xda, 0xc1]],
  ['fucomi st, st1', Feature.cmov, [0xdb, 0xe9]],
  ['cmpxchg8b [0x900]', Feature.cx8, [0x0f, 0xc7, 0x0e, 0x00, 0x09]],
  ['rdtsc', Feature.tsc, [0x0f, 0x31]],
  ['fxsave [0x900]', Feature.fxsr, [0x0f, 0xae, 0x06, 0x00, 0x09]],
  ['emms', Feature.mmx, [0x0f, 0x77]],
  ['paddb mm0, mm1', Feature.mmx, [0x0f, 0xfc, 0xc1]],
  ['pavgb mm0, mm1', Feature.sse, [0x0f, 0xe0, 0xc1]],
  ['movaps xmm0, xmm1', Feature.sse, [0x0f, 0x28, 0xc1]],
  ['stmxcsr [0x900]', Feature.sse, [0x0f, 0xae, 0x1e, 0x00, 0x09]],
  ['paddq mm0, mm1', Feature.sse2, [0x0f, 0xd4, 0xc1]],
  ['paddb xmm0, xmm1', Feature.sse2, [0x66, 0x0f, 0xfc, 0xc1]],
  ['movnti [0x900], eax', Feature.sse2, [0x0f, 0xc3, 0x06, 0x00, 0x09]],
];
const models = Object.entries(cpuidModels) as [string, CpuidModel][];
const osfxsr = 1 << 9;

describe.each(['reference', 'interpreter'] as const)('on the %s engine', (engine) => {
  it.each(models)('a %s has what it promises', (_, cpuid) => {
    for (const [name, feature, bytes] of instructions) {
      const { cpu, physical } = new Machine({ physicalBytes: 1 << 16, engine, cpuid });
      const promised = (cpuid.basic[1]!.edx & feature) !== 0;
      // real mode; the vector of #UD leads to a HLT, the instruction to one two bytes further
      physical.write32(4 * Vector.invalidOpcode, 0x700);
      physical.write(0x700, Uint8Array.of(0xf4));
      physical.write(0x600, Uint8Array.of(...bytes, 0x90, 0xf4));
      cpu.loadSegment(SegmentRegister.cs, 0);
      cpu.regs[4] = 0x800;
      cpu.eip = 0x600;
      if (cpuid.basic[1]!.edx & Feature.fxsr) cpu.cr4 = osfxsr;
      expect(cpu.run(10).reason).toBe(ExitReason.halt);
      expect([name, cpu.eip]).toEqual([name, promised ? 0x600 + bytes.length + 2 : 0x701]);
    }
  });
});

