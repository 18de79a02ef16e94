/*
 * The text tables in cases/, line by line: words become the sentence, and the record becomes the words again.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeDescriptor, decodeLongDescriptor, encodeDescriptor, encodeLongDescriptor, formatDescriptor } from './index.js';

interface Case { words: number[]; text: string; origin: string }

function read(name: string): Case[] {
  return readFileSync(new URL(`./cases/${name}.txt`, import.meta.url), 'utf8').split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [words, text, origin] = line.split(' | ');
      return { words: words!.split(' ').map((word) => Number.parseInt(word, 16)), text: text!, origin: origin! };
    });
}

describe('descriptors of real systems', () => {
  it.each(read('descriptors'))('$origin', ({ words: [lo, hi], text }) => {
    const descriptor = decodeDescriptor(lo!, hi!);
    expect(formatDescriptor(descriptor)).toBe(text);
    expect(encodeDescriptor(descriptor)).toEqual({ lo, hi });
  });

  it('has every kind and type', () => {
    const types = new Set(read('descriptors').map(({ words: [, hi] }) => (hi! >>> 8) & 0x1f));
    for (let type = 0; type < 16; type++) expect(types, `system type ${type}`).toContain(type);
    const kinds = new Set(read('descriptors').map(({ words: [lo, hi] }) => decodeDescriptor(lo!, hi!).kind));
    expect([...kinds].sort()).toEqual(['call-gate', 'code', 'data', 'interrupt-gate', 'ldt', 'reserved', 'task-gate', 'trap-gate', 'tss']);
  });
});

describe('sixteen-byte descriptors', () => {
  it.each(read('long-descriptors'))('$origin', ({ words: [lo, hi, upper, last], text }) => {
    const words = { lo: lo!, hi: hi!, upper: upper!, last: last! };
    const descriptor = decodeLongDescriptor(words);
    expect(formatDescriptor(descriptor)).toBe(text);
    expect(encodeLongDescriptor(descriptor)).toEqual(words);
  });
});
