import { expect, test } from 'vitest';
import { encodeModule, type FunctionBody } from './encoder.js';
import { FunctionBuilder, type Value } from './function-builder.js';

/** Write a function of one number. */
function written(write: (f: FunctionBuilder, x: Value) => void): { body: FunctionBody; run: (x: number) => number } {
  const f = new FunctionBuilder(['i32'], ['i32']);
  write(f, f.parameter(0));
  const body = f.finish('run');
  const module = new WebAssembly.Module(encodeModule({ memoryPages: 1, imports: [], functions: [body] }));
  const { exports } = new WebAssembly.Instance(module, { env: { memory: new WebAssembly.Memory({ initial: 1, maximum: 1 }) } });
  return { body, run: exports.run as (x: number) => number };
}

/** Used twice, so that it gets a local. */
function squared(f: FunctionBuilder, x: Value): Value { return f.do('i32.mul', x, x); }
function plusOne(f: FunctionBuilder, x: Value): Value { return f.do('i32.add', x, f.i32(1)); }

test('a local is free behind the last use of its value', () => {
  const { body, run } = written((f, x) => {
    let value = x;
    for (let i = 0; i < 20; i++) value = squared(f, plusOne(f, value));
    f.leave(value);
  });
  let expected = 3;
  for (let i = 0; i < 20; i++) expected = Math.imul(expected + 1, expected + 1);
  expect(run(3)).toBe(expected);
  expect(body.locals).toHaveLength(1);
});

test('so it is when a use turns out not to be needed', () => {
  const { body, run } = written((f, x) => {
    const kept = plusOne(f, x);
    plusOne(f, squared(f, kept));
    const other = plusOne(f, f.do('i32.shl', kept, f.i32(1)));
    f.leave(squared(f, other));
  });
  expect(run(4)).toBe(121);
  expect(body.locals).toHaveLength(1);
});

test('what a loop uses of what was before it stays, whatever is computed in the loop', () => {
  const { run } = written((f, x) => {
    const step = squared(f, plusOne(f, x));
    const twice = f.do('i32.add', step, step);
    const sum = f.variable(f.i32(0));
    const left = f.variable(f.i32(5));
    f.loop((again) => {
      sum.set(f.do('i32.add', sum.get(), f.do('i32.xor', twice, step)));
      // these would take the places of the two
      const other = plusOne(f, left.get());
      sum.set(f.do('i32.add', sum.get(), f.do('i32.sub', squared(f, other), squared(f, other))));
      left.set(f.do('i32.sub', left.get(), f.i32(1)));
      f.when(left.get(), again);
      f.leave(sum.get());
    });
  });
  expect(run(2)).toBe(5 * (18 ^ 9));
});

test('what a part uses that is written in several places stays', () => {
  const { run } = written((f, x) => {
    const result = f.variable(f.i32(0));
    const value = squared(f, plusOne(f, x));
    const add = f.reusable(() => result.set(f.do('i32.add', result.get(), f.do('i32.sub', f.do('i32.mul', value, f.i32(3)), value))));
    add();
    const other = squared(f, plusOne(f, result.get()));
    result.set(f.do('i32.add', other, other));
    add();
    f.leave(result.get());
  });
  expect(run(1)).toBe(2 * 9 * 9 + 8);
});

test('what a part uses that is built later stays until then, and no longer', () => {
  const { body, run } = written((f, x) => {
    const result = f.lasting('i32');
    const value = plusOne(f, x);
    f.later(() => result.set(f.do('i32.mul', value, value)), value);
    const other = plusOne(f, result.get());
    f.leave(squared(f, other));
  });
  expect(run(2)).toBe(100);
  expect(body.locals).toHaveLength(2);
});

test('an index chooses among parts, and all go on behind them', () => {
  const { run } = written((f, x) => {
    const sum = f.variable(f.i32(1));
    const part = (value: number) => () => sum.set(f.do('i32.add', sum.get(), f.i32(value)));
    f.choose(f.do('i32.sub', x, f.i32(1)), [1, -1, 0, 2, 0], [part(10), part(20), () => f.leave(f.i32(-1))]);
    f.leave(squared(f, sum.get()));
  });
  expect([0, 1, 2, 3, 4, 5, 6, -5].map(run)).toEqual([1, 21 ** 2, 1, 11 ** 2, -1, 11 ** 2, 1, 1]);
});
