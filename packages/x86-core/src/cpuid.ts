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

/** What the integer, system and x87 instructions of this package amount to. */
export const defaultFeatures =
  Feature.fpu | Feature.de | Feature.pse | Feature.tsc | Feature.msr | Feature.pae | Feature.cx8 | Feature.pge |
  Feature.cmov | Feature.fxsr;

const vendor = 'lguest in TS';
const brand = 'lguest TypeScript CPU';

/** Family 6, model 8, stepping 1: an i686. */
const signature = (6 << 8) | (8 << 4) | 1;

/** Four characters as a little-endian word. */
function word(text: string, at: number): number {
  let value = 0;
  for (let i = 0; i < 4; i++) value |= (at + i < text.length ? text.charCodeAt(at + i) : 0) << (8 * i);
  return value;
}

/** A model with the given feature words; everything else as in the default one. */
export function cpuidModel(features: number, extendedFeatures: number): CpuidModel {
  const brandLeaf = (at: number): CpuidLeaf => ({
    eax: word(brand, at), ebx: word(brand, at + 4), ecx: word(brand, at + 8), edx: word(brand, at + 12),
  });
  return {
    basic: [
      { eax: 1, ebx: word(vendor, 0), edx: word(vendor, 4), ecx: word(vendor, 8) },
      { eax: signature, ebx: 0, ecx: 0, edx: features },
    ],
    extended: [
      { eax: extendedBase + 4, ebx: 0, ecx: 0, edx: 0 },
      { eax: 0, ebx: 0, ecx: 0, edx: extendedFeatures },
      brandLeaf(0), brandLeaf(16), brandLeaf(32),
    ],
  };
}

/** The default model. */
export const defaultCpuid: CpuidModel = cpuidModel(defaultFeatures, ExtendedFeature.nx);

/** Answer CPUID for a leaf number. */
export function cpuidLeaf(model: CpuidModel, number: number): CpuidLeaf {
  const leaf = number >>> 0 >= extendedBase ? model.extended[(number >>> 0) - extendedBase] : model.basic[number >>> 0];
  return leaf ?? model.basic[model.basic.length - 1]!;
}
