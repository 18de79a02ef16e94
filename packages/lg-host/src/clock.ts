/*H:200
 * The Guest's clock.
 *
 * Virtual interrupts come from two places: devices, and the timer. The Guest says how many nanoseconds from now it
 * wants its next timer interrupt; it comes once, on irq 0. The time is the wall's: if the Guest did not run meanwhile
 * (because its host process slept, or was stopped) it finds out from the clock, which is almost always what it wants.
 */
import type { LguestData } from './abi/lguest-data.js';

/** A one-shot timer on the Guest's wall clock. The Host's own is one of the hrtimer package. */
export interface OneShotTimer {
  /** (Re)start: it fires once when the clock reaches `expires` (nanoseconds). */
  start(expires: bigint): void;
  cancel(): void;
  /** When it fires next; undefined when it is off. */
  readonly expires: bigint | undefined;
}

/** Where the time comes from: nanoseconds since the epoch. */
export interface WallClock {
  now(): bigint;
}

const NANOSECONDS_PER_SECOND = 1_000_000_000n;
/** The timestamp's seconds are 32 bits wide. */
const WORD_BITS = 32;

/**
 * The shortest time the Guest is made to wait, in nanoseconds. It may ask for one nanosecond, again and again; nothing
 * it could do with the answer is worth what the Host would do for it.
 */
export const MIN_CLOCKEVENT_NS = 1000;

/** The clock event device and the clock of one Guest. */
export class GuestClock {
  readonly #clock: WallClock;
  readonly #timer: OneShotTimer;

  constructor(clock: WallClock, timer: OneShotTimer) {
    this.#clock = clock;
    this.#timer = timer;
  }

  /** LHCALL_SET_CLOCKEVENT: nanoseconds from now; 0 turns the clock off. */
  setClockevent(delta: number): void {
    if (delta === 0) {
      this.#timer.cancel();
      return;
    }
    this.#timer.start(this.#clock.now() + BigInt(Math.max(delta, MIN_CLOCKEVENT_NS)));
  }

  /** When the next timer interrupt is due; undefined when the Guest wants none. */
  get expires(): bigint | undefined {
    return this.#timer.expires;
  }

  /** Store the wall clock where the Guest reads it. */
  writeTimestamp(data: LguestData): void {
    const now = this.#clock.now();
    data.setTime(
      Number(BigInt.asUintN(WORD_BITS, now / NANOSECONDS_PER_SECOND)), Number(now % NANOSECONDS_PER_SECOND),
    );
  }

  /** No more interrupts. */
  stop(): void {
    this.#timer.cancel();
  }
}
