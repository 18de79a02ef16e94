import { describe, expect, it } from 'vitest';
import { HrtimerError, RealtimeClock, Timer, type TimerMode, TimerQueue, VirtualClock } from './index.js';

/** A queue on a virtual clock, and timers that note when they fire. */
function bench() {
  const clock = new VirtualClock();
  const queue = new TimerQueue(clock);
  const log: string[] = [];
  const timer = (name: string) => new Timer(queue, () => { log.push(`${name}@${clock.now()}`); });
  const at = (time: bigint): string[] => {
    clock.advance(time - clock.now());
    queue.run();
    return log.splice(0);
  };
  return { clock, queue, log, timer, at };
}

describe('starting', () => {
  it.each<[TimerMode | undefined, bigint]>([['absolute', 30n], ['relative', 130n], [undefined, 30n]])('%s', (mode, expires) => {
    const { clock, timer, queue } = bench();
    clock.advance(100n);
    const one = timer('a');
    one.start(30n, mode);
    expect(one.expires).toBe(expires);
    expect(one.remaining).toBe(expires - 100n);
    expect(one.active).toBe(true);
    expect(queue.nextExpiry()).toBe(expires);
  });

  it('fires when the time has come, not before, and once', () => {
    const { timer, at, queue } = bench();
    const one = timer('a');
    one.start(10n);
    expect(at(9n)).toEqual([]);
    expect(at(10n)).toEqual(['a@10']);
    expect(one.active).toBe(false);
    expect([one.expires, one.remaining]).toEqual([undefined, undefined]);
    expect(at(20n)).toEqual([]);
    expect(queue.size).toBe(0);
  });

  it('in the past is due at once', () => {
    const { timer, at } = bench();
    at(50n);
    const one = timer('a');
    one.start(-7n, 'relative');
    expect(one.remaining).toBe(-7n);
    expect(at(50n)).toEqual(['a@50']);
  });

  it('anew forgets the old moment', () => {
    const { timer, at, queue } = bench();
    const one = timer('a');
    one.start(10n);
    one.start(20n);
    expect(queue.size).toBe(1);
    expect(at(15n)).toEqual([]);
    expect(at(20n)).toEqual(['a@20']);
  });
});

describe('the order', () => {
  it('is that of expiry, and of starting where it is equal', () => {
    const { timer, at } = bench();
    for (const [name, time] of [['c', 3n], ['b1', 2n], ['a', 1n], ['b2', 2n], ['b3', 2n]] as const) timer(name).start(time);
    expect(at(9n)).toEqual(['a@9', 'b1@9', 'b2@9', 'b3@9', 'c@9']);
  });

  it('counts a new start as a start', () => {
    const { timer, at } = bench();
    const [a, b] = [timer('a'), timer('b')];
    a.start(5n);
    b.start(5n);
    a.start(5n);
    expect(at(5n)).toEqual(['b@5', 'a@5']);
  });
});

describe('cancelling', () => {
  it('tells whether there was something to cancel', () => {
    const { timer, at } = bench();
    const one = timer('a');
    expect(one.cancel()).toBe(false);
    one.start(5n);
    expect(one.cancel()).toBe(true);
    expect(one.cancel()).toBe(false);
    expect(at(10n)).toEqual([]);
  });

  it('reaches a timer that is due in the same run', () => {
    const { queue, at, timer } = bench();
    const victim = timer('victim');
    new Timer(queue, () => { expect(victim.cancel()).toBe(true); }).start(1n);
    victim.start(2n);
    expect(at(5n)).toEqual([]);
  });

  it('from inside the callback keeps the timer from being restarted', () => {
    const { queue, clock } = bench();
    let calls = 0;
    const one = new Timer(queue, (self) => {
      calls++;
      expect(self.active).toBe(false);
      expect(self.cancel()).toBe(false);
      self.forward(1n);
      return 'restart';
    });
    one.start(1n);
    clock.advance(10n);
    queue.run();
    clock.advance(10n);
    queue.run();
    expect(calls).toBe(1);
    expect(one.active).toBe(false);
  });

  it('reaches one that was put off to the next run', () => {
    const { queue, clock, timer, log } = bench();
    const late = timer('late');
    new Timer(queue, () => { late.start(0n); }).start(1n);
    new Timer(queue, () => { expect(late.cancel()).toBe(true); }).start(1n);
    clock.advance(1n);
    expect(queue.run()).toBe(2);
    expect(queue.run()).toBe(0);
    expect(log).toEqual([]);
  });
});

describe('a periodic timer', () => {
  it('is forwarded over the periods that were missed', () => {
    const { queue, clock } = bench();
    const missed: bigint[] = [];
    const one = new Timer(queue, (self) => {
      missed.push(self.forward(10n));
      return 'restart';
    });
    one.start(10n);
    for (const advance of [10n, 10n, 35n, 5n]) {
      clock.advance(advance);
      queue.run();
    }
    expect(missed).toEqual([1n, 1n, 3n, 1n]);
    expect(one.expires).toBe(70n);
  });

  it('has nothing to forward before it is due', () => {
    const { timer, queue } = bench();
    const one = timer('a');
    one.start(100n);
    expect(one.forward(7n)).toBe(0n);
    expect(one.forward(7n, 99n)).toBe(0n);
    expect(one.forward(7n, 100n)).toBe(1n);
    expect(queue.nextExpiry()).toBe(107n);
  });

  it('that is not forwarded fires once in each run: a run ends', () => {
    const { queue, clock } = bench();
    let calls = 0;
    const one = new Timer(queue, () => {
      calls++;
      return 'restart';
    });
    one.start(1n);
    clock.advance(5n);
    expect(queue.run()).toBe(1);
    expect(queue.run()).toBe(1);
    expect(calls).toBe(2);
    expect(one.active).toBe(true);
  });

  it('needs a positive interval', () => {
    const { timer } = bench();
    for (const interval of [0n, -5n]) expect(() => timer('a').forward(interval)).toThrow(`by a positive interval, not by ${interval} ns`);
  });
});

describe('callbacks', () => {
  it('see when they should have been called', () => {
    const { queue, clock } = bench();
    let expected: bigint | undefined;
    new Timer(queue, (self) => { expected = self.expires; }).start(3n);
    clock.advance(10n);
    queue.run();
    expect(expected).toBe(3n);
  });

  it('may start timers: of the future for this run\'s queue, of the past for the next run', () => {
    const { queue, clock, timer, log } = bench();
    const [soon, late] = [timer('soon'), timer('late')];
    new Timer(queue, () => {
      soon.start(20n);
      late.start(4n);
      expect(queue.nextExpiry()).toBe(4n);
      expect(queue.size).toBe(2);
    }).start(5n);
    clock.advance(10n);
    expect(queue.run()).toBe(1);
    expect(log).toEqual([]);
    expect(queue.run()).toBe(1);
    expect(log.splice(0)).toEqual(['late@10']);
    clock.advance(10n);
    queue.run();
    expect(log).toEqual(['soon@20']);
  });

  it('that throw have fired; the others wait for the next run', () => {
    const { queue, clock, timer, log } = bench();
    const bad = new Timer(queue, () => { throw new Error('no'); });
    bad.start(1n);
    timer('good').start(2n);
    clock.advance(5n);
    expect(() => queue.run()).toThrow('no');
    expect([bad.active, bad.expires]).toEqual([false, undefined]);
    expect(queue.run()).toBe(1);
    expect(log).toEqual(['good@5']);
  });

  it('cannot run the queue', () => {
    const { queue, clock } = bench();
    let error: unknown;
    new Timer(queue, () => {
      try {
        queue.run();
      } catch (thrown) {
        error = thrown;
      }
    }).start(1n);
    clock.advance(1n);
    queue.run();
    expect(error).toBeInstanceOf(HrtimerError);
    expect(error).toMatchObject({ code: 'run-inside-run' });
  });
});

describe('whoever sleeps', () => {
  it('is told when the next expiry comes closer, and only then', () => {
    const { queue, timer } = bench();
    let told = 0;
    queue.onChange(() => told++);
    timer('a').start(10n);
    timer('b').start(20n);
    expect(told).toBe(1);
    timer('c').start(5n);
    expect(told).toBe(2);
    queue.onChange(undefined);
    timer('d').start(1n);
    expect(told).toBe(2);
  });
});

describe('a clock that is stepped', () => {
  function stepped() {
    const base = new VirtualClock();
    const clock = new RealtimeClock(base, 1000n);
    const queue = new TimerQueue(clock);
    const fired: string[] = [];
    const timer = (name: string) => new Timer(queue, () => { fired.push(name); });
    return { base, clock, queue, fired, timer };
  }

  it('forward fires absolute timers early; relative ones keep their distance', () => {
    const { base, clock, queue, fired, timer } = stepped();
    timer('absolute').start(2000n);
    const relative = timer('relative');
    relative.start(500n, 'relative');
    clock.step(1500n);
    queue.run();
    expect(fired).toEqual(['absolute']);
    expect(relative.remaining).toBe(500n);
    base.advance(499n);
    queue.run();
    expect(fired).toHaveLength(1);
    base.advance(1n);
    queue.run();
    expect(fired).toEqual(['absolute', 'relative']);
  });

  it('back makes absolute timers wait longer', () => {
    const { base, clock, queue, fired, timer } = stepped();
    const absolute = timer('absolute');
    absolute.start(1100n);
    timer('relative').start(200n, 'relative');
    clock.step(-400n);
    expect(absolute.remaining).toBe(500n);
    base.advance(200n);
    queue.run();
    expect(fired).toEqual(['relative']);
    base.advance(300n);
    queue.run();
    expect(fired).toEqual(['relative', 'absolute']);
  });

  it('tells whoever sleeps', () => {
    const { clock, queue } = stepped();
    let told = 0;
    queue.onChange(() => told++);
    clock.step(5n);
    expect(told).toBe(1);
    queue.dispose();
    clock.step(5n);
    expect(told).toBe(1);
  });

  it('by a callback counts at once', () => {
    const { base, clock, queue, fired, timer } = stepped();
    new Timer(queue, () => { clock.step(1000n); }).start(1001n);
    timer('later').start(1500n);
    base.advance(1n);
    queue.run();
    expect(fired).toEqual(['later']);
  });

  it.each([1000n, -1000n])('by %d in a relative timer\'s own callback moves the expiry it is forwarded from', (delta) => {
    const { base, clock, queue } = stepped();
    const missed: bigint[] = [];
    const one = new Timer(queue, (self) => {
      if (missed.length === 0) clock.step(delta);
      missed.push(self.forward(10n));
      return 'restart';
    });
    one.start(10n, 'relative');
    base.advance(10n);
    queue.run();
    expect(missed).toEqual([1n]);
    expect(one.remaining).toBe(10n);
  });

  it('in the callback of a relative timer that has started itself again moves it once', () => {
    const { base, clock, queue } = stepped();
    const one = new Timer(queue, (self) => {
      self.start(50n, 'relative');
      clock.step(1000n);
    });
    one.start(10n, 'relative');
    base.advance(10n);
    queue.run();
    expect(one.remaining).toBe(50n);
  });
});
