/*
 * A case as one line of text: instruction bytes | state before | what happened.
 *
 *   0fb6c8 | eax=80 | +3 ecx=80
 *   f7f1 | eax=5 fl=246 | #0
 *   8b05fe0f0020 | @ff0=… | #14(4) cr2=20002000
 *
 * Before: only what differs from plainStart() (case.ts). After: how it ended, and what differs from before.
 *   eax=… fl=…         registers and EFLAGS, hexadecimal
 *   @f80=0102…         bytes of the data page from offset f80 on
 *   cw= sw= tw=        x87 control word, status word, tags (a bit per physical register)
 *   st0=3fff:8000…     x87 registers, relative to TOP
 *   mxcsr= x0=…        SSE control word, XMM registers (bytes, lowest first)
 *   cs= ds= …          selectors; those of the local table are told in case.ts
 *   ip=…               where the instruction is, when not at 10000800 (before only)
 *   +3                 went on 3 bytes further; @10000777 went to that address
 *   #14(4) cr2=…       exception with its error code, at the instruction
 *   undef=10           EFLAGS bits that the manual leaves open: here they are this processor's
 *   undef=8d5!         the destination, too
 */
import { selectorNames } from './compare.js';
import { Case, CaseView, Fx, Place, plainStart, stopVector } from './case.js';
import type { Open } from './undefined.js';

const registerNames = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'];
const resumeFlag = 0x1_0000;
const pageFaultVector = 14;
const withErrorCode = new Set([8, 10, 11, 12, 13, 14, 17]);
const hex = (value: number): string => (value >>> 0).toString(16);
const hexBytes = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** One line's worth: a case before and after, and what is undefined then. */
export interface Recorded {
  before: CaseView;
  after: CaseView;
  open: Open;
}

const mxcsr = Case.fxsave + Fx.mxcsr;

/** The bytes of an XMM register, lowest first. */
function xmm(c: CaseView, i: number): Uint8Array {
  return c.fxsave.subarray(Fx.xmm + 16 * i, Fx.xmm + 16 * i + 16);
}

function stText(c: CaseView, i: number): string {
  const at = Case.fxsave + Fx.st + 16 * i;
  const part = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
  return `${part(c.view.getUint16(at + 8, true), 4)}:${part(c.word(at + 4), 8)}${part(c.word(at), 8)}`;
}

/** What `c` has that `base` has not. */
function stateText(c: CaseView, base: CaseView): string[] {
  const out: string[] = [];
  registerNames.forEach((name, r) => {
    if (c.register(r) !== base.register(r)) out.push(`${name}=${hex(c.register(r))}`);
  });
  selectorNames.forEach((name, register) => {
    if (c.selector(register) !== base.selector(register)) out.push(`${name}=${hex(c.selector(register))}`);
  });
  const flags = c.word(Case.eflags) & ~resumeFlag;
  if (flags !== base.word(Case.eflags)) out.push(`fl=${hex(flags)}`);
  for (let i = 0; i < Place.windowBytes; i++) {
    if (c.window[i] === base.window[i]) continue;
    // bytes that are equal by chance do not end a run
    let end = i + 1;
    for (let j = end; j < Math.min(end + 4, Place.windowBytes); j++) {
      if (c.window[j] !== base.window[j]) end = j + 1;
    }
    out.push(`@${hex((Place.window & 0xfff) + i)}=${hexBytes(c.window.subarray(i, end))}`);
    i = end - 1;
  }
  for (const [name, offset] of [['cw', Fx.control], ['sw', Fx.status]] as const) {
    if (c.fx16(offset) !== base.fx16(offset)) out.push(`${name}=${hex(c.fx16(offset))}`);
  }
  if (c.fxsave[Fx.tags] !== base.fxsave[Fx.tags]) out.push(`tw=${hex(c.fxsave[Fx.tags]!)}`);
  for (let i = 0; i < 8; i++) {
    if (stText(c, i) !== stText(base, i)) out.push(`st${i}=${stText(c, i)}`);
  }
  if (c.word(mxcsr) !== base.word(mxcsr)) out.push(`mxcsr=${hex(c.word(mxcsr))}`);
  for (let i = 0; i < 8; i++) {
    const text = hexBytes(xmm(c, i));
    if (text !== hexBytes(xmm(base, i))) out.push(`x${i}=${text}`);
  }
  return out;
}

/** The registers of `before` as they are seen relative to the TOP of `after`: what does not move is not told. */
function rotated(before: CaseView, after: CaseView): CaseView {
  const turned = before.copy();
  const by = ((after.fx16(Fx.status) >> 11) - (before.fx16(Fx.status) >> 11)) & 7;
  for (let i = 0; i < 8; i++) {
    const from = Fx.st + 16 * ((i + by) & 7);
    turned.fxsave.set(before.fxsave.subarray(from, from + 10), Fx.st + 16 * i);
  }
  return turned;
}

function endText(before: CaseView, after: CaseView): string[] {
  const vector = after.word(Case.vector);
  const distance = after.word(Case.eip) - before.word(Case.eip);
  const out: string[] = [];
  if (vector === stopVector) {
    const to = distance - 1;
    out.push(to >= 0 && to <= Case.codeBytes ? `+${to}` : `@${hex(after.word(Case.eip) - 1)}`);
  } else {
    out.push(`#${vector}${withErrorCode.has(vector) ? `(${hex(after.word(Case.errorCode))})` : ''}`);
    if (distance !== 0) out.push(`eip=${hex(after.word(Case.eip))}`);
    if (vector === pageFaultVector) out.push(`cr2=${hex(after.word(Case.cr2))}`);
  }
  return [...out, ...stateText(after, rotated(before, after))];
}

/** The line for a case. */
export function formatCase({ before, after, open }: Recorded): string {
  const start = new CaseView();
  plainStart(start);
  const code = hexBytes(before.code).replace(/(cc)+$/, '') || 'cc';
  const tail = open.flags || open.result ? [`undef=${hex(open.flags)}${open.result ? '!' : ''}`] : [];
  const place = before.word(Case.eip) === Place.code ? [] : [`ip=${hex(before.word(Case.eip))}`];
  return [code, [...place, ...stateText(before, start)].join(' '), [...endText(before, after), ...tail].join(' ')].join(' | ').replace(/ {2}/g, ' ');
}

function parseBytes(text: string): number[] {
  return (text.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16));
}

/** Apply one `name=value`; false when the name is not part of the state. */
function applyState(c: CaseView, name: string, text: string): boolean {
  const register = registerNames.indexOf(name);
  const value = Number.parseInt(text, 16);
  if (register >= 0) c.setRegister(register, value);
  else if (selectorNames.includes(name)) c.setSelector(selectorNames.indexOf(name), value);
  else if (name === 'fl') c.setWord(Case.eflags, value);
  else if (name.startsWith('@')) c.window.set(parseBytes(text), Number.parseInt(name.slice(1), 16) - (Place.window & 0xfff));
  else if (name === 'cw') c.setFx16(Fx.control, value);
  else if (name === 'sw') c.setFx16(Fx.status, value);
  else if (name === 'tw') c.fxsave[Fx.tags] = value;
  else if (name === 'mxcsr') c.setWord(mxcsr, value);
  else if (/^x[0-7]$/.test(name)) xmm(c, Number(name[1])).set(parseBytes(text));
  else if (/^st[0-7]$/.test(name)) {
    const at = Case.fxsave + Fx.st + 16 * Number(name[2]);
    c.view.setUint16(at + 8, value, true);
    c.setWord(at + 4, Number.parseInt(text.slice(5, 13), 16));
    c.setWord(at, Number.parseInt(text.slice(13), 16));
  } else return false;
  return true;
}

const pairOf = (token: string): [string, string] => [token.slice(0, token.indexOf('=')), token.slice(token.indexOf('=') + 1)];
const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');

/** Read a line back. Throws on anything it does not understand. */
export function parseCase(line: string): Recorded {
  const [code = '', beforeText = '', afterText = ''] = line.split('|').map((part) => part.trim());
  const before = new CaseView();
  plainStart(before);
  before.setCode(parseBytes(code));
  for (const token of words(beforeText)) {
    if (token.startsWith('ip=')) before.setWord(Case.eip, Number.parseInt(token.slice(3), 16));
    else if (!applyState(before, ...pairOf(token))) throw new Error(`cannot read ${token} in: ${line}`);
  }
  const tokens = words(afterText);
  const status = tokens.find((token) => token.startsWith('sw='));
  // the stack turns before registers are compared
  const turn = before.copy();
  if (status !== undefined) applyState(turn, ...pairOf(status));
  const after = rotated(before, turn);
  const open: Open = { flags: 0, result: false };
  for (const token of tokens) {
    const [name, value] = pairOf(token);
    if (token.startsWith('+')) end(after, stopVector, before.word(Case.eip) + Number(token.slice(1)) + 1);
    else if (token.startsWith('@') && !token.includes('=')) end(after, stopVector, Number.parseInt(token.slice(1), 16) + 1);
    else if (token.startsWith('#')) {
      const [, vector, error] = /^#(\d+)(?:\((.*)\))?$/.exec(token)!;
      end(after, Number(vector), before.word(Case.eip));
      after.setWord(Case.errorCode, error === undefined ? 0 : Number.parseInt(error, 16));
    } else if (name === 'eip') after.setWord(Case.eip, Number.parseInt(value, 16));
    else if (name === 'cr2') after.setWord(Case.cr2, Number.parseInt(value, 16));
    else if (name === 'undef') Object.assign(open, { flags: Number.parseInt(value, 16), result: value.endsWith('!') });
    else if (!applyState(after, name, value)) throw new Error(`cannot read ${token} in: ${line}`);
  }
  return { before, after, open };
}

function end(c: CaseView, vector: number, eip: number): void {
  c.setWord(Case.vector, vector);
  c.setWord(Case.eip, eip);
}
