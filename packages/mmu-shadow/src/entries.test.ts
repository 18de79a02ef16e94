import { describe, expect, it } from 'vitest';
import { Entry, shadowOf, shadowOfNew, takesAway } from './entries.js';

const { present: P, writable: W, user: U, accessed: A, dirty: D, large, global } = Entry;
const FRAME = 0x0012_3000;
const HIGH_FRAME = 0xffff_f000;
const BYTES = 0x0020_0000;
const WRITE_THROUGH_AND_NO_CACHE = 0x18;
const AVAILABLE_BITS = 0xe00;

describe('shadowOf', () => {
  it.each([
    ['clean stays read-only', P | W | U | A, P | U | A],
    ['dirty and writable is writable', P | W | A | D, P | W | A | D],
    ['dirty without leave to write is not', P | A | D, P | A],
    ['Global and whatever else is there is dropped', P | A | global | WRITE_THROUGH_AND_NO_CACHE | AVAILABLE_BITS, P | A],
  ])('%s', (_, flags, shadow) => {
    expect(shadowOf(FRAME | flags)).toBe(FRAME | shadow);
    expect(shadowOf(HIGH_FRAME | flags) >>> 0).toBe((HIGH_FRAME | shadow) >>> 0);
  });
});

describe('shadowOfNew', () => {
  it.each([
    ['absent', W | U | A | D, 0],
    ['never used', P | W | U, 0],
    ['read', P | W | A, FRAME | P | A],
    ['written', P | W | D, FRAME | P | W | A | D],
    ['with a PAT bit', P | A | large, 0],
  ])('%s', (_, flags, shadow) => expect(shadowOfNew(FRAME | flags, BYTES)).toBe(shadow));

  it('takes nothing beyond guest memory', () => {
    expect(shadowOfNew((BYTES - 0x1000) | P | A, BYTES)).not.toBe(0);
    expect(shadowOfNew(BYTES | P | A, BYTES)).toBe(0);
    expect(shadowOfNew(HIGH_FRAME | P | A, BYTES)).toBe(0);
  });
});

describe('takesAway', () => {
  it.each([
    ['from nothing', 0, FRAME | P | A, false],
    ['to nothing', FRAME | P | A, 0, true],
    ['more rights', FRAME | P | A, FRAME | P | W | U | A | D, false],
    ['fewer rights', FRAME | P | W | A | D, FRAME | P | A, true],
    ['no longer for users', FRAME | P | U | A, FRAME | P | A, true],
    ['another frame', FRAME | P | A, HIGH_FRAME | P | A, true],
    ['the same', FRAME | P | A, FRAME | P | A, false],
  ])('%s', (_, before, after, expected) => expect(takesAway(before, after)).toBe(expected));
});
