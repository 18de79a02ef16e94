/*
 * Cases of verify:native as 64-bit code, for processors that can be asked in no other way.
 */
import { describe, expect, it } from 'vitest';
import { Case, CaseView, Fx, localSelector, Place, plainStart, stopVector } from '../verify/case.js';
import { inLongMode } from '../verify/long-mode.js';
import { SegmentRegister } from './state.js';

const bytes = (text: string): number[] => (text.match(/[0-9a-f]{2}/g) ?? []).map((pair) => Number.parseInt(pair, 16));
const text = (code: Uint8Array): string => Buffer.from(code).toString('hex').replace(/(cc)+$/, '');

function caseOf(code: string): CaseView {
  const c = new CaseView();
  plainStart(c);
  c.setCode(bytes(code));
  return c;
}

const moved = (code: string): string | undefined => {
  const long = inLongMode(caseOf(code));
  return long && text(long.before.code);
};

describe('a case in 64-bit code', () => {
  it.each([
    ['add eax, ecx', '01 c8', '01c8'],
    ['mov eax, [ecx+8]', '8b 41 08', '678b4108'],
    ['mov eax, [20000f00]: no base, no index', '8b 05 00 0f 00 20', '678b0425000f0020'],
    ['lock add [20000f00], 5', 'f0 83 05 00 0f 00 20 05', '67f0830425000f002005'],
    ['mov eax, moffs', 'a1 00 0f 00 20', '67a1000f0020'],
    ['inc ecx, dec ebx', '41 4b', 'ffc1ffcb'],
    ['inc cx', '66 41', '66ffc1'],
    ['rep movsb', 'f3 a4', '67f3a4'],
    ['push ax, pop [ecx], enter: 16 bits', '66 50 66 8f 01 66 c8 04 00 01', '66506766' + '8f0166c8040001'],
    ['jmp eax', 'ff e0', 'ffe0'],
    ['loop', 'e2 30', '67e22f'],
    ['jz over an instruction that grows', '74 02 8b 01 90', '7403678b0190'],
    ['jnz near to the INT3 behind an instruction that grows', '0f 85 01 00 00 00 41', '0f8502000000ffc1'],
    ['jmp to far behind all of it', 'e9 00 01 00 00 41', 'e900010000ffc1'],
    ['movups xmm1, [20000f00]', '0f 10 0d 00 0f 00 20', '670f100c25000f0020'],
  ])('%s', (_, code, expected) => expect(moved(code)).toBe(expected));

  it.each([
    ['push eax', '50'], ['ret', 'c3'], ['call', 'e8 30 00 00 00'], ['call [ecx]', 'ff 11'], ['daa', '27'], ['pusha', '60'], ['jmp ax', '66 ff e0'], ['jmp [ecx]', 'ff 21'], ['popa, 16 bits', '66 61'], ['les', 'c4 01'],
    ['pop ds', '1f'], ['mov ds, eax', '8e d8'], ['mov eax, cs', '8c c8'], ['16-bit addresses', '67 8b 07'], ['through FS, which is null', '64 8b 01'],
    ['a 16-bit jump', '66 74 10'], ['a jump into an instruction', '74 01 8b 01'], ['int n', 'cd 21'],
    ['x87 pointers after another encoding', 'd9 05 00 0f 00 20 d9 35 80 0f 00 20'],
    ['more than fits', '8b 01 '.repeat(15)],
  ])('not %s', (_, code) => expect(moved(code)).toBeUndefined());

  it('not in other segments', () => {
    const c = caseOf('90');
    c.setSelector(SegmentRegister.ds, localSelector('data16'));
    expect(inLongMode(c)).toBeUndefined();
  });

  it('gives back the answer of the case it stands for', () => {
    const c = caseOf('8b 05 00 0f 00 20 8b 0d 00 0f 00 20');
    const { before, back } = inLongMode(c)!;
    const stopped = before.copy();
    stopped.setWord(Case.vector, stopVector);
    stopped.setWord(Case.eip, Place.code + 16 + 1);
    back(stopped);
    expect(stopped.word(Case.eip)).toBe(Place.code + 12 + 1);
    expect(text(stopped.code)).toBe(text(c.code));
    expect(stopped.selector(SegmentRegister.cs)).toBe(c.selector(SegmentRegister.cs));
    const faulted = before.copy();
    faulted.setWord(Case.vector, 14);
    faulted.setWord(Case.eip, Place.code + 8);
    back(faulted);
    expect(faulted.word(Case.eip)).toBe(Place.code + 6);
  });

  it('has in the registers that FXSAVE stores here only what memory has there', () => {
    const c = caseOf(`0f ae 05 00 0e 00 20`);
    for (let i = 0; i < Place.windowBytes; i++) c.window[i] = i;
    const { before } = inLongMode(c)!;
    const at = Place.window - 256 + Fx.xmm + 128;
    expect([...before.fxsave.subarray(Fx.xmm + 128, Fx.xmm + 256)]).toEqual([...c.window.subarray(at - Place.window, at - Place.window + 128)]);
  });
});
