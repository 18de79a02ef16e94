/*
 * Which lines a table gets (verify/spread.ts), and by what they are told apart (verify/gist.ts).
 */
import { describe, expect, it } from 'vitest';
import { describe as described } from '../verify/gist.js';
import { additions, type Line } from '../verify/spread.js';
import { gistOf, kindOf } from '../verify/system/text.js';
import { parseCase } from '../verify/table.js';

const line = (group: string, kind: string, gist: string): Line => ({ text: `${group} ${kind} ${gist}`, group, kind, gist });
const texts = (lines: readonly Line[]): string[] => lines.map(({ text }) => text);

describe('lines to add', () => {
  const candidates = [line('mul', 'ok', '1'), line('mul', 'ok', '2'), line('mul', 'ok', '3'), line('mul', 'fault', '4'), line('div', 'ok', '5')];

  it('are of every group and kind before there is a second of any', () => {
    expect(texts(additions([], candidates, 3)).sort()).toEqual(['div ok 5', 'mul fault 4', 'mul ok 1']);
  });

  it('make up for what is few', () => {
    expect(texts(additions([line('div', 'ok', '9'), line('mul', 'ok', '8')], candidates, 3))).toEqual(['mul fault 4']);
  });

  it('are none that are there, in other words, already', () => {
    expect(texts(additions([line('mul', 'other', '2')], [candidates[1]!, candidates[1]!], 9))).toEqual([]);
    expect(texts(additions([], [candidates[1]!, candidates[1]!], 9))).toEqual(['mul ok 2']);
  });

  it('are no more than are wanted, in all and of a kind', () => {
    expect(additions(candidates, [line('mul', 'ok', '7')], 5)).toEqual([]);
    expect(texts(additions([], candidates, 9, 1))).toHaveLength(3);
  });
});

describe('the gist of a case', () => {
  const gist = (text: string): string => {
    const { before, after } = parseCase(text);
    return described(before, after).gist;
  };

  it.each([
    ['numbers of one sort', '01c8 | eax=1234567 ecx=2345678 | +2 eax=3579bdf fl=206', '01c8 | eax=1234569 ecx=2345676 | +2 eax=3579bdf fl=206'],
    ['a displacement of one sign', '7e36 | fl=282 | @10000838', '7e37 | fl=282 | @10000839'],
    ['what is no instruction, at any address', '8c7592 | | #6', '8c7593 | ebp=20000f00 | #6'],
  ])('%s: the same', (_, one, other) => expect(gist(one)).toBe(gist(other)));

  it.each([
    ['another register', '01c8 | eax=1234567 ecx=2345678 | +2 eax=3579bdf fl=206', '01c1 | eax=1234567 ecx=2345678 | +2 ecx=3579bdf fl=206'],
    ['a zero', '01c8 | eax=1234567 ecx=2345678 | +2 eax=3579bdf fl=206', '01c8 | eax=1234567 | +2 fl=202'],
    ['a fault', 'a4 | esi=20000f95 edi=20001000 | #14(7) cr2=20001000', 'a4 | esi=20000f95 edi=20000f00 | +1 esi=20000f96 edi=20000f01'],
    ['an infinity that comes out', 'd9e1 | tw=ff st0=ffff:8000000000000000 | +2 st0=7fff:8000000000000000', 'd9e1 | tw=ff st0=bfff:8000000000000000 | +2 st0=3fff:8000000000000000'],
    ['a way of rounding', '660f5ac9 | mxcsr=1f80 | +4', '660f5ac9 | mxcsr=3f80 | +4'],
  ])('%s: another', (_, one, other) => expect(gist(one)).not.toBe(gist(other)));
});

describe('the gist of a line about an operating system', () => {
  const one = 'ea6dbf05675000 | ring0 eflags=a87 gdt.50=0000e90015000067 | #8(0) top=8efc handler.fl=4002 @1420=07300000870a0000';
  it('has no arithmetic flags', () => expect(gistOf(one.replace('a87', '286').replace('870a', '8602'))).toBe(gistOf(one)));
  it('has no offset of a jump to a task', () => expect(gistOf(one.replace('6dbf0567', '00000000'))).toBe(gistOf(one)));
  it('has the other flags', () => expect(gistOf(one.replace('a87', '4a87'))).not.toBe(gistOf(one)));
  it('is of a kind by state, instruction and vector', () => expect(kindOf(one)).toBe('ring0,ea,#8,false'));
});
