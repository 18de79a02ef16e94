/*
 * Random numbers that can be had again, and the values worth trying.
 */

/** A small, fast generator with a 32-bit seed: the same seed, the same cases. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d = 1;

  constructor(seed: number) {
    this.#a = seed | 0;
    this.#b = seed ^ 0x9e37_79b9;
    this.#c = seed ^ 0x85eb_ca6b;
    for (let i = 0; i < 16; i++) this.word();
  }

  /** 32 random bits, unsigned. */
  word(): number {
    const t = (this.#a + this.#b + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + t;
    return t >>> 0;
  }

  /** A whole number from 0 to n - 1. */
  below(n: number): number {
    return Math.floor((this.word() / 0x1_0000_0000) * n);
  }

  /** True once in n times. */
  oneIn(n: number): boolean {
    return this.below(n) === 0;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
}

const edges = [
  0, 1, 2, 3, 7, 8, 9, 0xa, 0xf, 0x10, 0x1f, 0x20, 0x21, 0x3f, 0x40, 0x7f, 0x80, 0x81, 0x99, 0xfe, 0xff, 0x100, 0x101, 0x7fff, 0x8000,
  0x8001, 0xfffe, 0xffff, 0x1_0000, 0x1_0001, 0x7fff_ffff, 0x8000_0000, 0x8000_0001, 0xffff_fffe, 0xffff_ffff, 0xffff_8000,
  0xffff_ff80, 0x5555_5555, 0xaaaa_aaaa, 0x00ff_00ff, 0x0f0f_0f0f,
];

/** A 32-bit value: an edge, a small number, a power of two or its neighbour, or anything. */
export function interestingWord(random: Random): number {
  switch (random.below(5)) {
    case 0:
      return random.pick(edges);
    case 1:
      return ((1 << random.below(32)) + random.below(3) - 1) >>> 0;
    case 2:
      return (random.below(256) * 0x0101_0101) >>> 0;
    default:
      return random.word();
  }
}
