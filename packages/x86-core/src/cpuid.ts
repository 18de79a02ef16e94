/*
 * What the CPU says about itself. A model is plain data: the leaves CPUID returns. It must never promise an
 * instruction that the engines do not have.
 */

/** The four registers of one leaf. */
export interface CpuidLeaf {
  eax: number;
  ebx: number;
  ecx: number;
  edx: number;
}

/** Leaves by number (EAX). A leaf that is absent answers like the highest basic leaf, as Intel CPUs do. */
export interface CpuidModel {
  /** From 0 to the highest basic leaf. */
  basic: readonly CpuidLeaf[];
  /** From 0x8000_0000 on. */
  extended: readonly CpuidLeaf[];
}

/** Feature bits of leaf 1, EDX (SDM volume 2A, CPUID). */
export const Feature = {
  fpu: 1 << 0, de: 1 << 2, pse: 1 << 3, tsc: 1 << 4, msr: 1 << 5, pae: 1 << 6, cx8: 1 << 8, pge: 1 << 13, cmov: 1 << 15,
  mmx: 1 << 23, fxsr: 1 << 24, sse: 1 << 25, sse2: 1 << 26,
} as const;

/** Extended leaf 1, EDX. */
export const ExtendedFeature = { nx: 1 << 20 } as const;

/** First extended leaf. */
export const extendedBase = 0x8000_0000;

const { fpu, de, pse, tsc, msr, pae, cx8, pge, cmov, mmx, fxsr, sse, sse2 } = Feature;

/**
 * Programs believe what a CPU says of itself only when they know its maker: glibc, for one, leaves SSE's rounding mode and
 * exception flags alone on all others. The brand string tells whose it is.
 */
const vendor = 'GenuineIntel';
const brand = 'lguest TypeScript CPU';

/** Four characters as a little-endian word. */
function word(text: string, at: number): number {
  let value = 0;
  for (let i = 0; i < 4; i++) value |= (at + i < text.length ? text.charCodeAt(at + i) : 0) << (8 * i);
  return value;
}

/** A signature: family, model, stepping, as CPUID leaf 1 gives it in EAX. */
const signature = (family: number, model: number, stepping: number): number => (family << 8) | (model << 4) | stepping;
const i686 = signature(6, 8, 1);

/** A model with the given feature words (leaf 1, EDX; extended leaf 1, EDX) and signature (leaf 1, EAX). */
export function cpuidModel(features: number, extendedFeatures: number, eax: number = i686): CpuidModel {
  const brandLeaf = (at: number): CpuidLeaf => ({
    eax: word(brand, at), ebx: word(brand, at + 4), ecx: word(brand, at + 8), edx: word(brand, at + 12),
  });
  return {
    basic: [
      { eax: 1, ebx: word(vendor, 0), edx: word(vendor, 4), ecx: word(vendor, 8) },
      { eax, ebx: 0, ecx: 0, edx: features },
    ],
    extended: [
      { eax: extendedBase + 4, ebx: 0, ecx: 0, edx: 0 },
      { eax: 0, ebx: 0, ecx: 0, edx: extendedFeatures },
      brandLeaf(0), brandLeaf(16), brandLeaf(32),
    ],
  };
}

const pentium = fpu | de | pse | tsc | msr | cx8;
const i686Features = pentium | pae | pge | cmov | fxsr;

/**
 * Models by name. An instruction that a model does not promise is #UD on it.
 *
 * `default` is an i686 with x87, MMX, SSE and SSE2; `i686` is that without the three.
 */
export const cpuidModels = {
  '486': cpuidModel(fpu, 0, signature(4, 8, 0)),
  pentium: cpuidModel(pentium, 0, signature(5, 2, 1)),
  i686: cpuidModel(i686Features, ExtendedFeature.nx),
  pentium3: cpuidModel(i686Features | mmx | sse, 0, signature(6, 7, 3)),
  default: cpuidModel(i686Features | mmx | sse | sse2, ExtendedFeature.nx),
} as const;

/** Answer CPUID for a leaf number. */
export function cpuidLeaf(model: CpuidModel, number: number): CpuidLeaf {
  const leaf = number >>> 0 >= extendedBase ? model.extended[(number >>> 0) - extendedBase] : model.basic[number >>> 0];
  return leaf ?? model.basic[model.basic.length - 1]!;
}
