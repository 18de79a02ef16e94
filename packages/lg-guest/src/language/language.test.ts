import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GuestBuildError } from '../error.js';
import { tokenize } from './lexer.js';
import { run } from './run.test-support.js';

describe('expressions', () => {
  // the variable keeps the compiler from working it out by itself
  const cases: readonly (readonly [string, number])[] = [
    ['n + 3', 10], ['n - 8', 0xffff_ffff], ['n * 6', 42], ['n / 2', 3], ['n % 4', 3], ['n & 3', 3], ['n | 8', 15], ['n ^ 2', 5],
    ['n << 4', 0x70], ['n >> 1', 3], ['1 << n', 128], ['-n >> n', (-7 >>> 0) >>> 7], ['~n', ~7 >>> 0], ['!n', 0], ['!(n - 7)', 1],
    ['n == 7', 1], ['n != 7', 0], ['n < 8', 1], ['n < 7', 0], ['n <= 7', 1], ['n > 6', 1], ['n >= 8', 0], ['n < -1', 1], ['n >= 0', 1], ['n < 0', 0],
    ['n && 2', 1], ['n && 0', 0], ['0 || n', 1], ['0 || n - 7', 0], ['n == 7 && n != 8 || 0', 1], ['!(n == 7 && n == 8)', 1],
    ['n ? 5 : 6', 5], ['n - 7 ? 5 : 6', 6], ['2 + n * 3 - 1', 22], ['(2 + n) * (3 - 1)', 18], ['100 - n - (n - 1)', 87], ['100 / (n + n / n)', 12],
    ["'a' + n", 104], ['0x10 + n', 23], ['n == 7 ? n > 7 ? 1 : 2 : 3', 2],
  ];
  it.each(cases)('%s is %i', (expression, expected) => {
    expect(run(`var n; function test() { n = 7; out("%d", ${expression}); }`)).toBe(String(expected));
  });

  it('are the same whether the compiler or the CPU computes them', () => {
    const operator = fc.constantFrom('+', '-', '*', '&', '|', '^', '/', '%', '<', '>', '==', '<=', '>=', '!=');
    const word = fc.oneof(fc.nat(9), fc.nat(), fc.integer({ min: 0, max: 0xffff_ffff }));
    fc.assert(
      fc.property(fc.array(fc.tuple(word, operator, word.filter((n) => n !== 0)), { minLength: 4, maxLength: 4 }), (rows) => {
        const known = rows.map(([a, op, b]) => `out("%d ", ${a} ${op} ${b});`).join('\n');
        const unknown = rows.map(([a, op, b]) => `a = ${a}; b = ${b}; out("%d ", a ${op} b);`).join('\n');
        const nested = rows.map(([a, op, b]) => `a = ${a}; b = ${b}; out("%d ", (a + 1 - 1) ${op} (b ^ a ^ a));`).join('\n');
        const expected = run(`function test() { ${known} }`);
        expect(run(`function test() { var a, b; ${unknown} }`)).toBe(expected);
        expect(run(`function test() { var a, b; ${nested} }`)).toBe(expected);
      }),
      { numRuns: 8 },
    );
  });
});

describe('statements', () => {
  it('loop, break and continue', () => {
    expect(run(`function test() {
      for (var i = 0; i < 10; i++) { if (i == 3) continue; if (i == 6) break; out("%d", i); }
      while (i > 4) { i -= 1; out("-"); }
    }`)).toBe('01245--');
  });
  it('choose', () => {
    expect(run('function test() { var n = 2; if (n == 1) out("a"); else if (n == 2) out("b"); else out("c"); }')).toBe('b');
  });
  it('change variables, words, fields and bytes', () => {
    expect(run(`
      struct Pair { first, second[2], third }
      bytes pair[size_Pair], text[8];
      var table[4], total;
      function test() {
        pair->first = 1; pair->third = 4; pair->second = 2;
        table[3] = 5; table[pair->first] = 6; total += table[1]; total |= 0x100; total &= ~2; total++; total--;
        store8(text, 255); store16(text + 2, 0x12345); store32(text + 4, -1);
        out("%d %d %d %d %d %x %x %x %d", size_Pair, offset_third, pair[3], pair[1], table[3], load8(text), load16(text + 2), load32(text + 4), total);
      }`)).toBe('16 12 4 2 5 ff 2345 ffffffff 260');
  });
});

describe('functions', () => {
  it('call each other, themselves and through variables', () => {
    expect(run(`
      function twice(f, x) { return f(f(x)); }
      function addOne(x) { return x + 1; }
      function fibonacci(n) { if (n < 2) return n; return fibonacci(n - 1) + fibonacci(n - 2); }
      function sum(count, ...) { var list = arguments(), all = 0; for (var i = 1; i <= count; i++) all += list[i]; return all; }
      var pointer;
      function test() { pointer = addOne; out("%d %d %d %d", twice(addOne, 5), fibonacci(10), sum(3, 10, 20, 30), pointer(1)); }
    `)).toBe('7 55 60 2');
  });
});

describe('formatted text', () => {
  it('knows widths, bases and strings', () => {
    expect(run(`function test() { out("[%5d|%05d|%x|%08x|%s|%6s|%c|%%]", 42, 42, 0xbeef, 0xbeef, "hi", "left", 'z'); }`))
      .toBe('[   42|00042|beef|0000beef|hi|left  |z|%]');
  });
  it('compares and copies', () => {
    expect(run(`bytes to[8]; function test() { copyText(to, "abcdefghijk", 8);
      out("%s %d %d %d %d", to, textLength(to), sameText(to, "abcdefg"), sameText(to, "abcdef"), sameText("", "")); }`)).toBe('abcdefg 7 1 0 1');
  });
});

describe('mistakes', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['function test() { x = 1; }', /nobody defines x/],
    ['function test() { f(1); }', /nobody defines f/],
    ['function f(a) {} function test() { f(); }', /f takes 1 arguments, not 0/],
    ['function test() { break; }', /break outside a loop/],
    ['function test() { test = 1; }', /cannot assign to test/],
    ['function test() { 1 = 2; }', /cannot assign/],
    ['function test() { return p->nothing; }', /no struct has a field nothing/],
    ['function test() { if 1 }', /test:1: expected \(/],
    ['const A = 1; const A = 2; function test() {}', /A is already a constant/],
    ['var a; var a; function test() {}', /a is already a variable/],
    ['struct A { x, y } struct B { y } function test() {}', /field y is elsewhere/],
    ['function test() { var a; return &a; }', /only global/],
    ['let a;', /expected struct/],
    ['function test() { @ }', /cannot read/],
  ];
  it.each(cases)('%s', (text, message) => {
    expect(() => run(text)).toThrow(GuestBuildError);
    expect(() => run(text)).toThrow(message);
  });
  it('are reported with their line', () => {
    expect(() => run('\n\nfunction test() {\n  nowhere();\n}')).toThrow(/test:4/);
  });
});

describe('tokens', () => {
  it('are cut as in C', () => {
    expect(tokenize('t', "a<<=b /* c */ '\\n' \"x\\\"y\" 0x1F // end").map((token) => [token.kind, token.text, token.value])).toEqual([
      ['name', 'a', 0], ['symbol', '<<', 0], ['symbol', '=', 0], ['name', 'b', 0], ['number', "'\\n'", 10], ['string', 'x"y', 0],
      ['number', '0x1F', 31], ['end', 'the end of the file', 0],
    ]);
  });
});
