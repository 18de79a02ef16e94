/*
 * The small parts of a running Guest: the console's two streams, the text watcher, the two kinds of time.
 */
import fc from 'fast-check';
import { Timer } from '@lguest/hrtimer';
import { describe, expect, it } from 'vitest';
import { CONSOLE_BACKLOG, VmConsole } from './console-stream.js';
import { anywhereSleeper, breathe } from './event-loop.js';
import { virtualTime, wallTime } from './time.js';
import { watchFor } from './watch.js';

const bytesOf = (text: string) => new TextEncoder().encode(text);

describe('the text watcher', () => {
  it('finds what indexOf() finds, however the text is cut', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'ä') , maxLength: 40 });
    fc.assert(fc.property(letters, fc.string({ unit: fc.constantFrom('a', 'b', 'ä'), minLength: 1, maxLength: 5 }), fc.array(fc.nat(50)), (text, wanted, cuts) => {
      const bytes = bytesOf(text);
      const watch = watchFor(wanted);
      let found = false;
      let from = 0;
      for (const cut of [...cuts.sort((a, b) => a - b), bytes.length]) {
        const to = Math.min(Math.max(cut, from), bytes.length);
        found = watch(bytes.subarray(from, to)) || found;
        from = to;
      }
      expect(found).toBe(text.includes(wanted));
    }));
  });
});

describe('the console', () => {
  it('gives what was printed to its reader, then ends', async () => {
    const console = new VmConsole();
    console.print(bytesOf('one '));
    const reading = (async () => {
      let text = '';
      for await (const piece of console.text()) text += piece;
      return text;
    })();
    await breathe();
    const umlaut = bytesOf('ü');
    console.print(umlaut.subarray(0, 1));
    await breathe();
    console.print(umlaut.subarray(1));
    console.close();
    expect(await reading).toBe('one ü');
  });

  it('keeps the latest part when nobody reads', async () => {
    const console = new VmConsole();
    const line = bytesOf('x'.repeat(1023) + '\n');
    for (let n = 0; n < 3000; n++) console.print(line);
    console.print(bytesOf('the end'));
    expect(console.congested).toBeUndefined();
    console.close();
    let bytes = 0;
    let last = '';
    for await (const piece of console.text()) {
      bytes += piece.length;
      last = piece;
    }
    expect(bytes).toBeLessThanOrEqual(CONSOLE_BACKLOG);
    expect(last.endsWith('the end')).toBe(true);
  });

  it('makes the Guest wait for a slow reader, and loses nothing', async () => {
    const console = new VmConsole();
    const iterator = console[Symbol.asyncIterator]();
    console.print(bytesOf('a'));
    await iterator.next();
    const line = new Uint8Array(1000).fill(65);
    let printedBytes = 0;
    while (console.congested === undefined) {
      console.print(line);
      printedBytes += line.length;
    }
    let free = false;
    void console.congested.then(() => { free = true; });
    await breathe();
    expect(free).toBe(false);
    let readBytes = 0;
    while (readBytes < printedBytes) readBytes += (await iterator.next() as { value: Uint8Array }).value.length;
    expect(readBytes).toBe(printedBytes);
    await breathe();
    expect(free).toBe(true);
  });

  it('hands out input in any pieces, and asks writers to wait when much is waiting', async () => {
    const console = new VmConsole();
    await console.write('abc');
    await console.write(Uint8Array.of(100, 101));
    const target = new Uint8Array(4);
    expect(console.backend.read(target)).toBe(4);
    expect(new TextDecoder().decode(target)).toBe('abcd');
    expect(console.backend.waiting).toBe(1);
    let written = false;
    void console.write(new Uint8Array(100_000)).then(() => { written = true; });
    await breathe();
    expect(written).toBe(false);
    console.backend.read(new Uint8Array(100_000));
    await breathe();
    expect(written).toBe(true);
    console.end();
    await console.write('too late');
    expect(console.backend.waiting).toBe(1);
  });

  it('tells a listener at once', () => {
    let text = '';
    const console = new VmConsole((bytes) => { text += new TextDecoder().decode(bytes); });
    console.print(bytesOf('now'));
    expect(text).toBe('now');
  });
});

describe('virtual time', () => {
  it('is made of ticks and jumps', async () => {
    const time = virtualTime({ start: 1000n, nanosecondsPerTick: 2 });
    let ticks = 0;
    time.start(() => ticks);
    ticks = 50;
    expect(time.clock.now()).toBe(1100n);
    await time.sleep(5000n);
    expect(time.clock.now()).toBe(5000n);
    await time.sleep(3n); // the past
    expect(time.clock.now()).toBe(5000n);
    time.start(() => 0);
    expect(time.clock.now()).toBe(5000n);
  });

  it('cuts slices where the next timer is due', () => {
    const time = virtualTime({ start: 0n, nanosecondsPerTick: 2 });
    time.start(() => 0);
    const whole = time.slice();
    const timer = new Timer(time.newTimers(), () => undefined);
    timer.start(2001n);
    expect(time.slice()).toBe(1001);
    timer.start(10n ** 12n);
    expect(time.slice()).toBe(whole);
    timer.start(-5n);
    expect(time.slice()).toBe(1);
  });

  it('waits for wake() when there is nothing to jump to', async () => {
    const time = virtualTime();
    let awake = false;
    void time.sleep(undefined).then(() => { awake = true; });
    await breathe();
    expect(awake).toBe(false);
    time.wake();
    await breathe();
    expect(awake).toBe(true);
  });
});

describe('wall time', () => {
  it('sleeps until a moment, or until it is woken', async () => {
    const time = wallTime(anywhereSleeper());
    const until = time.clock.now() + 5_000_000n;
    await time.sleep(until);
    expect(time.clock.now()).toBeGreaterThanOrEqual(until);
    const sleeping = time.sleep(undefined);
    time.wake();
    await sleeping;
  });

  it('learns how long slices may be', () => {
    const time = wallTime(anywhereSleeper());
    for (let n = 0; n < 30; n++) time.ran(time.slice(), time.slice() / 1000); // a thousand ticks a millisecond
    expect(time.slice()).toBeGreaterThan(3500);
    expect(time.slice()).toBeLessThan(4500);
  });
});
