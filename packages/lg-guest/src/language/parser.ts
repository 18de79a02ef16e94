/*
 * The grammar of the little language, in one descent.
 *
 *   struct Task { pid, state, name[4] }   fields are words; `t->pid` is the word 0 bytes into t; size_Task and
 *                                          offset_pid are constants
 *   const LIMIT = 32;                      a number, computed here
 *   var current, queue[LIMIT];             words, zero at the start; the name of an array is its address
 *   bytes buffer[4096];                    the same, in bytes
 *   function f(a, b) { … }                 and `function f(a, ...)`; arguments() is where they all lie
 *
 * Statements and operators are C's; p[i] is the i-th word after p. All comparisons, divisions and shifts are unsigned.
 */
import { GuestBuildError } from '../error.js';
import type { Source } from './b.js';
import { type Token, tokenize } from './lexer.js';
import type { Expression, FunctionTree, Program, Statement } from './tree.js';

const WORD = 4;

/** Binary operators, loosest first. */
const levels: readonly (readonly string[])[] = [
  ['||'], ['&&'], ['|'], ['^'], ['&'], ['==', '!='], ['<', '>', '<=', '>='], ['<<', '>>'], ['+', '-'], ['*', '/', '%'],
];

/** An empty program that knows some constants. */
export function emptyProgram(constants: Readonly<Record<string, number>> = {}): Program {
  const known = Object.entries(constants).map(([name, value]) => [name, value >>> 0] as const);
  return { functions: [], variables: new Map(), constants: new Map(known), fields: new Map() };
}

/** Add source files to a program. Structs and constants may be used in files before theirs. @throws GuestBuildError 'syntax'. */
export function parse(sources: readonly Source[], program: Program): void {
  const parsers = sources.map(({ name, text }) => new Parser(name, tokenize(name, text), program));
  for (const parser of parsers) parser.declarations();
  for (const parser of parsers) parser.file();
}

class Parser {
  readonly #name: string;
  readonly #tokens: readonly Token[];
  readonly #program: Program;
  #at = 0;
  #locals: string[] = [];

  constructor(name: string, tokens: readonly Token[], program: Program) {
    this.#name = name;
    this.#tokens = tokens;
    this.#program = program;
  }

  /** Structs and constants; everything else is passed over. */
  declarations(): void {
    while (this.#token.kind !== 'end') {
      if (this.#accept('struct')) this.#struct();
      else if (this.#accept('const')) this.#constant();
      else this.#skipTo(this.#token.text === 'function' ? '}' : ';');
    }
    this.#at = 0;
  }

  /** Variables and functions. */
  file(): void {
    while (this.#token.kind !== 'end') {
      if (this.#accept('struct')) this.#skipTo('}');
      else if (this.#accept('const')) this.#skipTo(';');
      else if (this.#accept('var')) this.#variables(WORD);
      else if (this.#accept('bytes')) this.#variables(1);
      else if (this.#accept('function')) this.#function();
      else throw this.#error('expected struct, const, var, bytes or function');
    }
  }

  /** Past the next such symbol that is not inside braces. */
  #skipTo(end: string): void {
    for (let depth = 0; this.#token.kind !== 'end'; ) {
      const { kind, text } = this.#token;
      this.#at++;
      if (kind !== 'symbol') continue;
      if (text === '{') depth++;
      if (text === '}') depth--;
      if (text === end && depth === 0) return;
    }
  }

  get #token(): Token {
    return this.#tokens[this.#at]!;
  }

  #error(what: string, line = this.#token.line): GuestBuildError {
    return new GuestBuildError('syntax', `${this.#name}:${line}: ${what} at ${JSON.stringify(this.#token.text)}`);
  }

  /** Go past a symbol or keyword if it is next. */
  #accept(text: string): boolean {
    const { kind } = this.#token;
    if (this.#token.text !== text || (kind !== 'symbol' && kind !== 'name')) return false;
    this.#at++;
    return true;
  }

  #expect(text: string): void {
    if (!this.#accept(text)) throw this.#error(`expected ${text}`);
  }

  #identifier(): string {
    const { kind, text } = this.#token;
    if (kind !== 'name') throw this.#error('expected a name');
    this.#at++;
    return text;
  }

  #list(separatorEnd: string, item: () => void): void {
    if (this.#accept(separatorEnd)) return;
    do item(); while (this.#accept(','));
    this.#expect(separatorEnd);
  }

  #define(name: string, value: number): void {
    if (this.#program.constants.has(name)) throw this.#error(`${name} is already a constant,`);
    this.#program.constants.set(name, value >>> 0);
  }

  #struct(): void {
    const struct = this.#identifier();
    let offset = 0;
    this.#expect('{');
    this.#list('}', () => {
      const field = this.#identifier();
      const known = this.#program.fields.get(field);
      if (known !== undefined && known !== offset) throw this.#error(`field ${field} is elsewhere in another struct,`);
      this.#program.fields.set(field, offset);
      this.#program.constants.set(`offset_${field}`, offset);
      offset += WORD * this.#arrayLength();
    });
    this.#define(`size_${struct}`, offset);
  }

  /** `[n]` or nothing, which is 1. */
  #arrayLength(): number {
    if (!this.#accept('[')) return 1;
    const length = this.#number();
    this.#expect(']');
    return length;
  }

  #number(): number {
    const value = fold(this.#expression());
    if (value.kind !== 'number') throw this.#error('expected a number known here');
    return value.value;
  }

  #constant(): void {
    const name = this.#identifier();
    this.#expect('=');
    this.#define(name, this.#number());
    this.#expect(';');
  }

  #variables(unit: number): void {
    this.#list(';', () => {
      const name = this.#identifier();
      const array = this.#token.text === '[';
      if (this.#program.variables.has(name)) throw this.#error(`${name} is already a variable,`);
      this.#program.variables.set(name, { bytes: unit * this.#arrayLength(), array });
    });
  }

  #function(): void {
    const name = this.#identifier();
    const parameters: string[] = [];
    let variadic = false;
    this.#expect('(');
    this.#list(')', () => {
      if (this.#accept('...')) variadic = true;
      else parameters.push(this.#identifier());
    });
    this.#locals = [];
    const body = this.#statement();
    const tree: FunctionTree = { name, parameters, variadic, locals: this.#locals, body, file: this.#name };
    this.#program.functions.push(tree);
  }

  #statement(): Statement {
    const { line } = this.#token;
    if (this.#accept('{')) {
      const body: Statement[] = [];
      while (!this.#accept('}')) body.push(this.#statement());
      return { kind: 'block', body };
    }
    if (this.#accept('if')) {
      this.#expect('(');
      const condition = this.#expression();
      this.#expect(')');
      const then = this.#statement();
      return this.#accept('else') ? { kind: 'if', condition, then, otherwise: this.#statement() } : { kind: 'if', condition, then };
    }
    if (this.#accept('while')) {
      this.#expect('(');
      const condition = this.#expression();
      this.#expect(')');
      return { kind: 'loop', condition, body: this.#statement() };
    }
    if (this.#accept('for')) return this.#for();
    if (this.#accept('return')) {
      if (this.#accept(';')) return { kind: 'return' };
      const value = this.#expression();
      this.#expect(';');
      return { kind: 'return', value };
    }
    for (const kind of ['break', 'continue'] as const) {
      if (!this.#accept(kind)) continue;
      this.#expect(';');
      return { kind, line };
    }
    const simple = this.#simple();
    this.#expect(';');
    return simple;
  }

  #for(): Statement {
    this.#expect('(');
    const start = this.#simple();
    this.#expect(';');
    const condition = this.#expression();
    this.#expect(';');
    const step = this.#simple();
    this.#expect(')');
    return { kind: 'block', body: [start, { kind: 'loop', condition, step, body: this.#statement() }] };
  }

  /** A declaration, an assignment or a call. */
  #simple(): Statement {
    const { line } = this.#token;
    if (this.#accept('var')) {
      const body: Statement[] = [];
      do {
        const name = this.#identifier();
        if (!this.#locals.includes(name)) this.#locals.push(name);
        if (this.#accept('=')) body.push({ kind: 'assign', target: { kind: 'name', name, line }, value: this.#expression(), line });
      } while (this.#accept(','));
      return { kind: 'block', body };
    }
    const target = this.#expression();
    const assign = (value: Expression): Statement => ({ kind: 'assign', target, value, line });
    const apply = (operator: string, right: Expression): Statement => assign({ kind: 'binary', operator, left: target, right });
    if (this.#accept('=')) return assign(this.#expression());
    for (const operator of ['+', '-', '|', '&']) if (this.#accept(`${operator}=`)) return apply(operator, this.#expression());
    if (this.#accept('++')) return apply('+', { kind: 'number', value: 1 });
    if (this.#accept('--')) return apply('-', { kind: 'number', value: 1 });
    return { kind: 'expression', value: target };
  }

  #expression(): Expression {
    const condition = this.#binary(0);
    if (!this.#accept('?')) return condition;
    const yes = this.#expression();
    this.#expect(':');
    return { kind: 'choice', condition, yes, no: this.#expression() };
  }

  #binary(level: number): Expression {
    const operators = levels[level];
    if (operators === undefined) return this.#unary();
    let left = this.#binary(level + 1);
    for (;;) {
      const operator = operators.find((text) => this.#token.kind === 'symbol' && this.#accept(text));
      if (operator === undefined) return left;
      left = fold({ kind: 'binary', operator, left, right: this.#binary(level + 1) });
    }
  }

  #unary(): Expression {
    for (const operator of ['-', '~', '!'] as const) {
      if (this.#accept(operator)) return fold({ kind: 'unary', operator, operand: this.#unary() });
    }
    const { line } = this.#token;
    if (this.#accept('&')) return { kind: 'address', name: this.#identifier(), line };
    return this.#postfix(this.#primary());
  }

  #postfix(value: Expression): Expression {
    for (;;) {
      if (this.#accept('[')) {
        const index = this.#expression();
        this.#expect(']');
        if (index.kind === 'number') value = { kind: 'field', base: value, offset: WORD * index.value };
        else {
          const scaled: Expression = { kind: 'binary', operator: '<<', left: index, right: { kind: 'number', value: 2 } };
          value = { kind: 'field', base: { kind: 'binary', operator: '+', left: scaled, right: value }, offset: 0 };
        }
      } else if (this.#accept('->')) {
        const name = this.#identifier();
        const offset = this.#program.fields.get(name);
        if (offset === undefined) throw this.#error(`no struct has a field ${name},`);
        value = { kind: 'field', base: value, offset };
      } else return value;
    }
  }

  #primary(): Expression {
    const token = this.#token;
    this.#at++;
    if (token.kind === 'number') return { kind: 'number', value: token.value };
    if (token.kind === 'string') return { kind: 'string', text: token.text };
    if (token.kind === 'symbol' && token.text === '(') {
      const inner = this.#expression();
      this.#expect(')');
      return inner;
    }
    if (token.kind !== 'name') {
      this.#at--;
      throw this.#error('expected a value');
    }
    if (this.#accept('(')) {
      const args: Expression[] = [];
      this.#list(')', () => args.push(this.#expression()));
      return { kind: 'call', name: token.text, args, line: token.line };
    }
    const constant = this.#program.constants.get(token.text);
    if (constant !== undefined) return { kind: 'number', value: constant };
    return { kind: 'name', name: token.text, line: token.line };
  }
}

/** Compute what is known now. */
function fold(tree: Expression): Expression {
  if (tree.kind === 'unary' && tree.operand.kind === 'number') {
    const { value } = tree.operand;
    return { kind: 'number', value: (tree.operator === '-' ? -value : tree.operator === '~' ? ~value : Number(value === 0)) >>> 0 };
  }
  if (tree.kind !== 'binary' || tree.left.kind !== 'number' || tree.right.kind !== 'number') return tree;
  const value = compute(tree.operator, tree.left.value, tree.right.value);
  return value === undefined ? tree : { kind: 'number', value: value >>> 0 };
}

function compute(operator: string, a: number, b: number): number | undefined {
  switch (operator) {
    case '+': return a + b;
    case '-': return a - b;
    case '*': return Math.imul(a, b);
    case '/': return b === 0 ? undefined : Math.floor(a / b);
    case '%': return b === 0 ? undefined : a % b;
    case '<<': return a << b;
    case '>>': return a >>> b;
    case '|': return a | b;
    case '&': return a & b;
    case '^': return a ^ b;
    default: return undefined;
  }
}
