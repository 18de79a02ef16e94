/*
 * Encodings to compare: the opcode maps, walked through whole, and random bytes.
 */
import type { Random } from '../../src/testing/random.js';
import { slotBytes } from './comparison.js';

/** Encodings per buffer. */
const slotsPerBuffer = 8192;

const segmentPrefixes = [[], [0x2e], [0x36], [0x64]];
const repeatPrefixes = [[], [0xf2], [0xf3], [0xf2, 0xf3], [0xf3, 0xf2]];
const optional = (prefix: number): number[][] => [[], [prefix]];

/** Every combination of prefixes that can matter: sizes, LOCK, repeats in both orders, some segments. */
export const prefixCombinations: readonly (readonly number[])[] = segmentPrefixes.flatMap((segment) => repeatPrefixes.flatMap((repeat) =>
  optional(0xf0).flatMap((lock) => optional(0x67).flatMap((address) => optional(0x66).map((operand) => [...segment, ...operand, ...lock, ...address, ...repeat])))));

/** Only the sizes. */
export const sizeCombinations: readonly (readonly number[])[] = optional(0x67).flatMap((address) => optional(0x66).map((operand) => [...operand, ...address]));

/** What may stand in front of an opcode: nothing, and the escapes to the other maps. */
export const maps: readonly (readonly number[])[] = [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]];

/** Fills buffers of encodings and hands each on when it is full. */
class Filler {
  readonly #buffer = new Uint8Array(slotsPerBuffer * slotBytes);
  readonly #noise: Uint8Array;
  readonly #use: (slots: Uint8Array) => void;
  #at = 0;
  #from = 0;

  constructor(random: Random, use: (slots: Uint8Array) => void) {
    // a prime number of random bytes: what follows an opcode is different every time around
    this.#noise = Uint8Array.from({ length: 65_521 + slotBytes }, () => random.below(256));
    this.#use = use;
  }

  /** One encoding: the given bytes, then random ones. */
  add(prefixes: readonly number[], lead: readonly number[], opcode: number, modrm: number, sib: number): void {
    const buffer = this.#buffer;
    const end = this.#at + slotBytes;
    let at = this.#at;
    for (const byte of prefixes) buffer[at++] = byte;
    for (const byte of lead) buffer[at++] = byte;
    buffer[at++] = opcode;
    buffer[at++] = modrm;
    if (sib >= 0) buffer[at++] = sib;
    this.#from = (this.#from + 13) % 65_521;
    for (let from = this.#from; at < end; ) buffer[at++] = this.#noise[from++]!;
    this.#at = end;
    if (end === buffer.length) this.flush();
  }

  flush(): void {
    if (this.#at > 0) this.#use(this.#buffer.subarray(0, this.#at));
    this.#at = 0;
  }
}

/** Part of a walk: the combinations whose number leaves `rest` when divided by `parts`. */
export interface Share {
  readonly rest: number;
  readonly parts: number;
}
const whole: Share = { rest: 0, parts: 1 };

/** All opcodes with all ModRM bytes, behind each of the prefix combinations. */
export function walkMaps(
  prefixes: readonly (readonly number[])[], escapes: readonly (readonly number[])[], random: Random, use: (slots: Uint8Array) => void, share: Share = whole,
): void {
  const filler = new Filler(random, use);
  prefixes.forEach((combination, number) => {
    if (number % share.parts !== share.rest) return;
    for (const lead of escapes) {
      for (let opcode = 0; opcode < 256; opcode++) for (let modrm = 0; modrm < 256; modrm++) filler.add(combination, lead, opcode, modrm, -1);
    }
  });
  filler.flush();
}

/** All opcodes with all ModRM bytes that are followed by a SIB byte, with all of these. */
export function walkSib(
  prefixes: readonly (readonly number[])[], escapes: readonly (readonly number[])[], random: Random, use: (slots: Uint8Array) => void, share: Share = whole,
): void {
  const filler = new Filler(random, use);
  prefixes.forEach((combination, number) => {
    if (number % share.parts !== share.rest) return;
    for (const lead of escapes) {
      for (let opcode = 0; opcode < 256; opcode++) {
        for (let field = 0; field < 24; field++) for (let sib = 0; sib < 256; sib++) filler.add(combination, lead, opcode, (field << 3) | 4, sib);
      }
    }
  });
  filler.flush();
}

const prefixBytes = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x66, 0x67, 0x67, 0xf0, 0xf2, 0xf3];

/** Random bytes: half of them plain, half behind some prefixes (now and then more than there may be) and often an escape. */
export function walkRandom(count: number, random: Random, use: (slots: Uint8Array) => void): void {
  const buffer = new Uint8Array(slotsPerBuffer * slotBytes);
  const words = new Uint32Array(buffer.buffer);
  for (let done = 0; done < count; ) {
    const slots = Math.min(slotsPerBuffer, count - done);
    for (let i = 0; i < slots * (slotBytes / 4); i++) words[i] = random.word();
    for (let slot = 0; slot < slots; slot++) {
      if ((buffer[slot * slotBytes]! & 1) === 0) continue;
      const at = slot * slotBytes;
      const prefixes = random.oneIn(64) ? random.below(slotBytes) : random.below(5);
      for (let i = 0; i < prefixes; i++) buffer[at + i] = random.pick(prefixBytes);
      if (prefixes < slotBytes && random.oneIn(2)) buffer[at + prefixes] = 0x0f;
    }
    use(buffer.subarray(0, slots * slotBytes));
    done += slots;
  }
}
