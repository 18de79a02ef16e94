/*L:300
 * Two kinds of time.
 *
 * For people there is the wall clock: a Guest that sleeps a second is asleep for a second. For tests there is virtual
 * time. It is made of the work the Guest does and of nothing else: each tick (an instruction, more or less) takes the
 * same number of nanoseconds, and while the Guest sleeps the clock jumps to the moment it wants to be woken. Nothing
 * outside can be seen in it, so two runs with the same input are the same run.
 */
import { type Clock, RealtimeClock, type Sleeper, TimerQueue } from '@lguest/hrtimer';

/** What the run loop asks of time. */
export interface GuestTime {
  /** Nanoseconds since the epoch, as the Guest sees it. */
  readonly clock: Clock;
  /** For the Host's timers; a new one for each boot. */
  newTimers(): TimerQueue;
  /** A Guest starts; `ticks` tells how much it has done. */
  start(ticks: () => number): void;
  /** Ticks until the run loop should look around again. */
  slice(): number;
  /** A slice was run. */
  ran(ticks: number, milliseconds: number): void;
  /** The Guest sleeps. Resolves at `until`, or after wake(). Undefined: only wake() helps. */
  sleep(until: bigint | undefined): Promise<void>;
  wake(): void;
  /** Frequency of the time-stamp counter in kHz. */
  readonly tscKhz: number;
  /** The time-stamp counter: a clock that starts at 0. */
  readonly timestampCounter: () => bigint;
}

/** `performance` itself: to ask Node for the global each time takes longer than to read the clock. */
const clockOfHost = performance;

/** Milliseconds with a fraction, on a clock that only goes forward. */
export function stopwatch(): number { return clockOfHost.now(); }

/** How long a slice should take, in milliseconds: short enough for a keystroke to feel immediate. */
const SLICE_MILLISECONDS = 4;
const FIRST_SLICE_TICKS = 100_000;
const MIN_SLICE_TICKS = 2_000;
const MAX_SLICE_TICKS = 4_000_000;
/** Time-stamp counters count nanoseconds: 1 GHz. */
const TSC_KHZ = 1_000_000;
const NANOSECONDS_PER_MILLISECOND = 1_000_000;

/** The wall clock. Slices are as long as this computer makes them. */
export function wallTime(sleeper: Sleeper): GuestTime {
  const clock = new RealtimeClock();
  const started = stopwatch();
  let sliceTicks = FIRST_SLICE_TICKS;
  return {
    clock,
    newTimers: () => new TimerQueue(clock),
    start: () => {},
    slice: () => sliceTicks,
    ran: (ticks, milliseconds) => {
      if (ticks < sliceTicks / 2 || milliseconds <= 0) return; // too little to learn from
      const wanted = (ticks * SLICE_MILLISECONDS) / milliseconds;
      // half way there each time: one slow slice says little
      sliceTicks = Math.round(Math.min(MAX_SLICE_TICKS, Math.max(MIN_SLICE_TICKS, (sliceTicks + wanted) / 2)));
    },
    sleep: async (until) => {
      await sleeper.sleepUntil(clock, until);
    },
    wake: () => sleeper.wake(),
    tscKhz: TSC_KHZ,
    timestampCounter: () => BigInt(Math.round((stopwatch() - started) * NANOSECONDS_PER_MILLISECOND)),
  };
}

/** Virtual time's options. */
export interface VirtualTimeOptions {
  /** The moment of the first boot, nanoseconds since the epoch. Default: 1 January 2000. */
  readonly start?: bigint;
  /** What a tick takes. Default 2: a processor of 500 million instructions a second. */
  readonly nanosecondsPerTick?: number;
  /** Seed of the Guest's random numbers. */
  readonly seed?: number;
}

/** 2000-01-01T00:00:00Z. */
const DEFAULT_START = 946_684_800_000_000_000n;
const DEFAULT_NANOSECONDS_PER_TICK = 2;
/** The longest slice, so that the event loop gets its turns. */
const VIRTUAL_SLICE_TICKS = 500_000;

/** Time made of ticks. */
export function virtualTime(options: VirtualTimeOptions = {}): GuestTime {
  const perTick = BigInt(options.nanosecondsPerTick ?? DEFAULT_NANOSECONDS_PER_TICK);
  let ticks: () => number = () => 0;
  /** What the clock showed when the Guest had done nothing, later moved forward by every jump. */
  const start = options.start ?? DEFAULT_START;
  let offset = start;
  let timers: TimerQueue | undefined;
  let wake: (() => void) | undefined;
  const clock: Clock = { now: () => offset + BigInt(ticks()) * perTick };
  return {
    clock,
    newTimers: () => (timers = new TimerQueue(clock)),
    start: (newTicks) => {
      offset = clock.now(); // another boot begins to count at 0 again
      ticks = newTicks;
    },
    slice: () => {
      // end exactly where the next timer is due
      const next = timers?.nextExpiry();
      if (next === undefined) return VIRTUAL_SLICE_TICKS;
      const left = Number((next - clock.now() + perTick - 1n) / perTick);
      return Math.min(Math.max(left, 1), VIRTUAL_SLICE_TICKS);
    },
    ran: () => {},
    sleep: (until) => {
      if (until === undefined) return new Promise((resolve) => { wake = resolve; });
      const now = clock.now();
      if (until > now) offset += until - now;
      return Promise.resolve();
    },
    wake: () => {
      wake?.();
      wake = undefined;
    },
    tscKhz: TSC_KHZ,
    timestampCounter: () => clock.now() - start,
  };
}
