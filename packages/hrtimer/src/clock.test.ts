import { describe, expect, it } from 'vitest';
import { HrtimerError, MonotonicClock, RealtimeClock, VirtualClock } from './index.js';

const SECOND = 1_000_000_000n;

describe('a virtual clock', () => {
  it('moves when it is told to, and only forward', () => {
    const clock = new VirtualClock(5n);
    clock.advance(7n);
    clock.advance(0n);
    expect(clock.now()).toBe(12n);
    expect(() => clock.advance(-1n)).toThrow(HrtimerError);
    expect(() => clock.advance(-1n)).toThrow(/by 1 ns.*advance it by 0 or more/);
    expect(clock.now()).toBe(12n);
  });
});

describe('the monotonic clock', () => {
  it('never goes back', () => {
    const clock = new MonotonicClock();
    let last = clock.now();
    for (let i = 0; i < 1000; i++) {
      const now = clock.now();
      expect(now >= last).toBe(true);
      last = now;
    }
  });

  it('runs with the host', () => {
    const clock = new MonotonicClock();
    const before = performance.now();
    const between = Number(clock.now()) / 1e6;
    expect(between).toBeGreaterThanOrEqual(before - 1e-6);
    expect(between).toBeLessThanOrEqual(performance.now() + 1e-6);
  });
});

describe('a realtime clock', () => {
  it('shows the time since 1970', () => {
    const before = Date.now();
    const shown = Number(new RealtimeClock().now() / 1_000_000n);
    // monotonic and wall clock may drift apart by a little within this test
    expect(shown).toBeGreaterThanOrEqual(before - 2);
    expect(shown).toBeLessThanOrEqual(Date.now() + 2);
  });

  it('runs with its base, from where it was set', () => {
    const base = new VirtualClock(1000n);
    const clock = new RealtimeClock(base, 50n * SECOND);
    base.advance(3n);
    expect(clock.now()).toBe(50n * SECOND + 3n);
    clock.step(-SECOND);
    base.advance(1n);
    expect(clock.now()).toBe(49n * SECOND + 4n);
    clock.set(7n);
    expect(clock.now()).toBe(7n);
  });

  it('tells of steps, after they have happened and how far, until nobody wants to know', () => {
    const clock = new RealtimeClock(new VirtualClock(), 100n);
    const heard: [bigint, bigint][] = [];
    const end = clock.onStep((delta) => heard.push([delta, clock.now()]));
    clock.step(11n);
    clock.step(0n);
    clock.set(90n);
    end();
    clock.step(5n);
    expect(heard).toEqual([[11n, 111n], [-21n, 90n]]);
  });

  it('passes on the steps of a clock it runs with', () => {
    const base = new RealtimeClock(new VirtualClock(), 10n);
    const clock = new RealtimeClock(base, 100n);
    const heard: bigint[] = [];
    const end = clock.onStep((delta) => heard.push(delta));
    base.step(7n);
    expect(clock.now()).toBe(107n);
    clock.step(-1n);
    end();
    base.step(3n);
    expect(heard).toEqual([7n, -1n]);
  });

  it('can be set to the host\'s time', () => {
    const clock = new RealtimeClock(new MonotonicClock(), 0n);
    clock.set();
    expect(Math.abs(Number(clock.now() / 1_000_000n) - Date.now())).toBeLessThan(1000);
  });
});
