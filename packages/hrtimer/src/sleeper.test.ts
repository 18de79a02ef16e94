import { describe, expect, it } from 'vitest';
import { createSleeper as createBrowserSleeper } from './browser.js';
import { MonotonicClock, RealtimeClock, type SleepHost, Sleeper, VirtualClock } from './index.js';
import { createSleeper as createNodeSleeper } from './node.js';

const MILLISECOND = 1_000_000n;

/** A host whose time moves by a virtual clock: `later` is `lateness` milliseconds late, `soon` takes 10 µs. */
function fakeHost(clock: VirtualClock, margin = 2, lateness = 1) {
  const calls: string[] = [];
  let next: (() => void) | undefined;
  const schedule = (name: string, nanoseconds: bigint) => (callback: () => void) => {
    calls.push(name);
    next = () => {
      next = undefined;
      clock.advance(nanoseconds);
      callback();
    };
    return () => { next = undefined; };
  };
  const host: SleepHost = {
    margin,
    later: (milliseconds, callback) => schedule(`later ${milliseconds}`, BigInt(milliseconds + lateness) * MILLISECOND)(callback),
    soon: (callback) => schedule('soon', 10_000n)(callback),
  };
  const turn = (): boolean => {
    if (next === undefined) return false;
    next();
    return true;
  };
  return { host, calls, turn };
}

describe('a sleep', () => {
  it('is slept with one timeout that ends early, and short turns to the moment', async () => {
    const clock = new VirtualClock();
    const { host, calls, turn } = fakeHost(clock);
    const sleeper = new Sleeper(host);
    const deadline = 10n * MILLISECOND;
    const end = sleeper.sleepUntil(clock, deadline);
    expect(sleeper.sleeping).toBe(true);
    while (turn());
    expect(await end).toBe('elapsed');
    expect(sleeper.sleeping).toBe(false);
    expect(calls[0]).toBe('later 8');
    expect(calls.slice(1).every((call) => call === 'soon')).toBe(true);
    // late by less than a short turn
    expect(clock.now() - deadline).toBeLessThan(10_000n);
  });

  it('until a moment that has passed is over at once', async () => {
    const clock = new VirtualClock(100n);
    const { host, calls } = fakeHost(clock);
    expect(await new Sleeper(host).sleepUntil(clock, 100n)).toBe('elapsed');
    expect(calls).toEqual([]);
  });

  it('longer than a timeout can be is slept in parts', async () => {
    const clock = new VirtualClock();
    const { host, calls, turn } = fakeHost(clock, 2, 0);
    const end = new Sleeper(host).sleepUntil(clock, BigInt(2 ** 31 + 1000) * MILLISECOND);
    while (turn());
    expect(await end).toBe('elapsed');
    expect(calls[0]).toBe(`later ${2 ** 31 - 1}`);
    expect(calls[1]).toBe('later 999');
  });

  it('without an end lasts until somebody wakes the sleeper', async () => {
    const clock = new VirtualClock();
    const { host, turn } = fakeHost(clock);
    const sleeper = new Sleeper(host);
    const end = sleeper.sleepUntil(clock, undefined);
    turn();
    turn();
    expect(sleeper.sleeping).toBe(true);
    sleeper.wake();
    expect(await end).toBe('woken');
    expect(turn()).toBe(false);
    sleeper.wake();
    expect(sleeper.sleeping).toBe(false);
  });

  it('is ended by a signal, also by one that was aborted before', async () => {
    const clock = new VirtualClock();
    const { host } = fakeHost(clock);
    const sleeper = new Sleeper(host);
    const controller = new AbortController();
    const end = sleeper.sleepUntil(clock, undefined, controller.signal);
    controller.abort();
    expect(await end).toBe('woken');
    expect(await sleeper.sleepUntil(clock, undefined, controller.signal)).toBe('woken');
    expect(sleeper.sleeping).toBe(false);
  });

  it('is one at a time', async () => {
    const clock = new VirtualClock();
    const { host } = fakeHost(clock);
    const sleeper = new Sleeper(host);
    const end = sleeper.sleepUntil(clock, undefined);
    expect(() => sleeper.sleepUntil(clock, 5n)).toThrow(/one sleep at a time/);
    sleeper.wake();
    await end;
  });

  it('minds a clock that is stepped', async () => {
    const base = new VirtualClock();
    const clock = new RealtimeClock(base, 0n);
    const { host, calls } = fakeHost(base);
    const sleeper = new Sleeper(host);
    const end = sleeper.sleepUntil(clock, 1000n * MILLISECOND);
    clock.step(-1000n * MILLISECOND);
    expect(calls).toEqual(['later 998', 'later 1998']);
    clock.step(5000n * MILLISECOND);
    expect(await end).toBe('elapsed');
  });
});

describe.each([['Node.js', createNodeSleeper], ['browsers', createBrowserSleeper]])('the sleeper for %s', (_, create) => {
  it('does not wake up too early', async () => {
    const clock = new MonotonicClock();
    const sleeper = create();
    for (const nanoseconds of [300_000n, 8n * MILLISECOND]) {
      const deadline = clock.now() + nanoseconds;
      expect(await sleeper.sleepUntil(clock, deadline)).toBe('elapsed');
      expect(clock.now() >= deadline).toBe(true);
    }
  });

  it('can be woken, and sleep again', async () => {
    const clock = new MonotonicClock();
    const sleeper = create();
    const end = sleeper.sleepUntil(clock, clock.now() + 3_600_000n * MILLISECOND);
    setTimeout(() => sleeper.wake(), 1);
    expect(await end).toBe('woken');
    expect(await sleeper.sleepUntil(clock, clock.now() + 100n)).toBe('elapsed');
  });
});
