/*
 * Words of the little language.
 *
 * Most of a kernel is not about registers. The parts of ours that are not (page tables, scheduling, drivers, the shell)
 * are written in a language small enough to be compiled by the few hundred lines in this directory: everything is a
 * 32-bit word, as in B, the ancestor of C. This file cuts its text into tokens.
 */
import { GuestBuildError } from '../error.js';

/** One token. `number` tokens carry their value (character literals are numbers), `string` tokens their text. */
export interface Token {
  readonly kind: 'name' | 'number' | 'string' | 'symbol' | 'end';
  readonly text: string;
  readonly value: number;
  readonly line: number;
}

const pattern =
  /\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\/|([A-Za-z_]\w*)|(0x[0-9a-fA-F]+|\d+)|'((?:\\.|[^'\\])+)'|"((?:\\.|[^"\\])*)"|(\.\.\.|->|<<|>>|<=|>=|==|!=|&&|\|\||\+=|-=|\|=|&=|\+\+|--|[-+*/%&|^~!<>=?:;,(){}[\]])/y;

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', 0: '\0' };

/** Cut a source text into tokens; the last one is of kind 'end'. @throws GuestBuildError 'syntax'. */
export function tokenize(file: string, source: string): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  pattern.lastIndex = 0;
  for (let at = 0; at < source.length; at = pattern.lastIndex) {
    pattern.lastIndex = at;
    const match = pattern.exec(source);
    if (match === null) throw new GuestBuildError('syntax', `${file}:${line}: cannot read ${JSON.stringify(source.slice(at, at + 10))}`);
    const [all, name, number, character, string, symbol] = match;
    if (name !== undefined) tokens.push({ kind: 'name', text: name, value: 0, line });
    else if (number !== undefined) tokens.push({ kind: 'number', text: number, value: Number(number) >>> 0, line });
    else if (character !== undefined) tokens.push({ kind: 'number', text: all, value: unquote(character).charCodeAt(0), line });
    else if (string !== undefined) tokens.push({ kind: 'string', text: unquote(string), value: 0, line });
    else if (symbol !== undefined) tokens.push({ kind: 'symbol', text: symbol, value: 0, line });
    for (const c of all) if (c === '\n') line++;
  }
  tokens.push({ kind: 'end', text: 'the end of the file', value: 0, line });
  return tokens;
}

function unquote(text: string): string {
  return text.replace(/\\(.)/g, (_, c: string) => escapes[c] ?? c);
}
