/*
 * A part of verify:decoder that takes seconds: the one- and two-byte maps with every ModRM byte, in both sizes of code
 * and behind the size prefixes, and some random bytes; less of it for the poorer models.
 */
import { expect, test } from 'vitest';
import { type CpuidModel, cpuidModels } from './cpuid.js';
import { Decoder, newInstruction } from './decode.js';
import './semantics/index.js';
import { Random } from './testing/random.js';
import { Comparison, slotBytes } from '../verify/decoder/comparison.js';
import { maps, sizeCombinations, walkMaps, walkRandom } from '../verify/decoder/streams.js';

const readable = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');

test.each(Object.entries(cpuidModels as Record<string, CpuidModel>))('a %s decodes what iced-x86 decodes', (name, model) => {
  // the others differ from the richest model in what they lack
  const prefixes = name === 'default' ? sizeCombinations : [[]];
  const comparison = new Comparison(model);
  for (const bits of [16, 32]) {
    const use = (slots: Uint8Array): void => comparison.compare(slots, bits);
    walkMaps(prefixes, maps.slice(0, 2), new Random(bits), use);
    walkRandom(20_000, new Random(bits + 1), use);
  }
  expect(comparison.examples.map(({ bits, bytes, what }) => `${bits}-bit ${readable(bytes)} ${what}`)).toEqual([]);
  expect(comparison.disagreements).toBe(0);
  // the walk is worth its name: all of both maps, and a good part of it instructions
  expect(comparison.decodes).toBeGreaterThan(2 * 2 * 65_536);
  expect(comparison.instructions).toBeGreaterThan(100_000);
});

test('an instruction needs all its bytes and no more', () => {
  const decoder = new Decoder();
  const insn = newInstruction();
  let defined = 0;
  walkRandom(100_000, new Random(7), (slots) => {
    for (let at = 0; at < slots.length; at += slotBytes) {
      decoder.decode(insn, slots, at, at + slotBytes, true);
      const { length, definition } = insn;
      if (definition.name === 'undefined' || definition.name === 'too_long') continue;
      defined++;
      if (!decoder.decode(insn, slots, at, at + length, true)) expect.fail(`${readable(slots.subarray(at, at + length))} is not enough`);
      if (decoder.decode(insn, slots, at, at + length - 1, true) && insn.definition === definition)
        expect.fail(`${readable(slots.subarray(at, at + length - 1))} is enough`);
    }
  });
  expect(defined).toBeGreaterThan(30_000);
});
