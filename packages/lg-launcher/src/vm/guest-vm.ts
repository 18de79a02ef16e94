/*L:220
 * A running Guest.
 *
 * The loop is short. Let the Guest run until it wants something. It rang a device's bell: serve the device. It sleeps:
 * sleep until its timer, or until somebody types. It is dead: say why. And every few milliseconds: let the event loop,
 * which we live in, do its other work.
 */
import type { HostExit } from '@lguest/lg-host';
import { VirtioConsoleQueue } from '@lguest/lg-host/abi';
import type { RegionCode } from '@lguest/x86-core';
import { comfortableMebibytes } from '../loader/elf.js';
import { assemble, type Blueprint, type Computer } from './assemble.js';
import type { VmConsole } from './console-stream.js';
import { breathe } from './event-loop.js';
import { type GuestExit, guestExit, POWER_OFF_MESSAGE } from './exit.js';
import { takeStatistics, type VmStatistics } from './statistics.js';
import { stopwatch } from './time.js';
import { watchFor } from './watch.js';

/** The event loop gets its turn after so many milliseconds. */
const TURN_MILLISECONDS = 4;
const NANOSECONDS_PER_SECOND = 1e9;
const MEBIBYTE = 1 << 20;
/** Timeouts of the host are 32-bit milliseconds. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;

/** A Guest, from its first instruction to its end. Made by bootGuest(). */
export class GuestVm {
  /** What the Guest prints, and what it is sent. */
  readonly console: VmConsole;
  /**
   * How the Guest ended. A Guest's misdeeds are values here; it is rejected only for errors in this program or its
   * host (a trace listener that throws, no memory for a restart).
   */
  readonly exit: Promise<GuestExit>;

  readonly #blueprint: Blueprint;
  readonly #startedAt = stopwatch();
  #computer: Computer;
  #boots = 1;
  #ending: GuestExit | undefined;
  #sleepingForever = false;
  /** In virtual time: when the Guest's time is up. */
  readonly #deadline: bigint | undefined;

  /** @internal Use bootGuest(). */
  constructor(blueprint: Blueprint) {
    this.#blueprint = blueprint;
    this.console = blueprint.console;
    this.#computer = this.#build();
    const { timeout, expect, signal } = blueprint.options;
    const virtual = blueprint.stopwatch === undefined;
    this.#deadline = timeout !== undefined && virtual
      ? blueprint.time.clock.now() + BigInt(Math.round(timeout * NANOSECONDS_PER_SECOND)) : undefined;

    this.console.onInput = () => this.#inputArrived();
    if (expect !== undefined) {
      const seen = watchFor(expect);
      this.console.onPrint = (bytes) => {
        if (seen(bytes)) this.#end(guestExit('expected', `the Guest printed ${JSON.stringify(expect)}`));
      };
    }
    const timer = timeout !== undefined && !virtual
      ? setTimeout(() => this.#timeIsUp(), Math.min(timeout * 1000, LONGEST_TIMEOUT)) : undefined;
    const onAbort = (): void => { void this.stop('the Guest was stopped: aborted'); };
    signal?.addEventListener('abort', onAbort, { once: true });

    this.exit = this.#live().finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      this.console.close();
      this.#computer.lguest.dispose();
      for (const { device } of this.#computer.bus.devices) device.dispose();
    });
  }

  /** End the Guest now, as pulling the plug would. Resolves as `exit` does. */
  stop(message = 'the Guest was stopped'): Promise<GuestExit> {
    this.#end(guestExit('stopped', message));
    return this.exit;
  }

  /** Counters of Host, CPU and devices. Can be asked at any time, also after the end. */
  stats(): VmStatistics {
    return takeStatistics(this.#blueprint, this.#computer, this.#boots, this.#ending, this.#startedAt);
  }

  /** Code of the JIT's regions; with option `jit: { keepCode: true }`, else there is none. Can be asked at any time. */
  regions(): readonly RegionCode[] {
    return this.#computer.lguest.cpu.regions();
  }

  /** The Guest's clock: nanoseconds since the epoch. */
  get time(): bigint {
    return this.#blueprint.time.clock.now();
  }

  #build(): Computer {
    const computer = assemble(this.#blueprint);
    const { time, options } = this.#blueprint;
    time.start(() => computer.lguest.ticks);
    const { onTrace } = options;
    if (onTrace !== undefined) computer.lguest.onTrace = (event) => onTrace(event, time.clock.now());
    return computer;
  }

  /** One life after the other, until there is no restart. */
  async #live(): Promise<GuestExit> {
    await breathe(); // whoever called bootGuest() may want to type something first
    for (;;) {
      const restart = await this.#runUntilItEnds();
      if (this.#ending !== undefined) return this.#ending;
      this.#computer.lguest.dispose();
      for (const { device } of this.#computer.bus.devices) device.reset();
      this.#computer = this.#build();
      this.#boots++;
      // whoever types now types to the new Guest
      this.#blueprint.options.onRestart?.(restart);
    }
  }

  /** Returns the message of a restart, or sets #ending. */
  async #runUntilItEnds(): Promise<string> {
    const { lguest, bus } = this.#computer;
    const { time, options: { profiler } } = this.#blueprint;
    profiler?.begin();
    let turnStarted = stopwatch();
    let left = time.slice();
    while (this.#ending === undefined) {
      if (this.#deadline !== undefined && time.clock.now() >= this.#deadline) {
        this.#timeIsUp();
        break;
      }
      const before = stopwatch();
      if (before - turnStarted >= TURN_MILLISECONDS) {
        await breathe();
        turnStarted = stopwatch();
        continue;
      }
      const congested = this.console.congested;
      if (congested !== undefined) {
        await congested;
        continue;
      }
      const unfinished = bus.servePending();

      const ticks = lguest.ticks;
      const exit: HostExit = lguest.runSlice(profiler === undefined ? left : Math.min(left, profiler.due(ticks)));
      profiler?.ran(lguest.ticks, lguest.cpu);
      const ran = lguest.ticks - ticks;
      switch (exit.kind) {
        case 'notify':
          bus.notify(exit.address);
          left -= ran;
          if (left <= 0 || this.#deadline !== undefined) left = time.slice();
          break;
        case 'yield':
          time.ran(ran, stopwatch() - before);
          left = time.slice();
          break;
        case 'halted':
          if (unfinished) await breathe();
          else await this.#sleep(exit.wakeAt);
          left = time.slice();
          break;
        case 'killed':
          this.#end(guestExit('killed', exit.reason + this.#hint()));
          break;
        case 'shutdown':
          if (exit.restart) return exit.message;
          this.#end(exit.message === POWER_OFF_MESSAGE
            ? guestExit('poweroff', exit.message) : guestExit('panic', exit.message.trim()));
          break;
      }
    }
    return '';
  }

  async #sleep(until: bigint | undefined): Promise<void> {
    const { time } = this.#blueprint;
    if (until === undefined && this.console.inputEnded) {
      this.#end(guestExit('stuck', 'the Guest sleeps with no timer set, and its input has ended: nothing could ever wake it'));
      return;
    }
    this.#sleepingForever = until === undefined;
    const end = this.#deadline !== undefined && (until === undefined || until > this.#deadline) ? this.#deadline : until;
    // in virtual time a deadline alone is no reason to wake up while somebody may still type
    await time.sleep(until === undefined && !this.console.inputEnded ? undefined : end);
    this.#sleepingForever = false;
  }

  /** A kernel with hardly any memory dies early and cannot say why. */
  #hint(): string {
    const { kernel } = this.#computer;
    const { images, ramBytes } = this.#blueprint;
    const mebibytes = ramBytes / MEBIBYTE;
    const comfortable = comfortableMebibytes(kernel.end + (images.initrd?.length ?? 0));
    if (this.console.printedAnything || mebibytes >= comfortable) return '';
    return `; it had printed nothing yet, and has only ${mebibytes} MiB: if nothing else explains this, give it more (--memory ${comfortable}M)`;
  }

  #inputArrived(): void {
    const { bus, console } = this.#computer;
    bus.poke(console, VirtioConsoleQueue.input);
    // a Guest that sleeps looks at what has come; one that nothing can wake any more is found out
    if (this.#computer.lguest.halted || this.#sleepingForever) this.#blueprint.time.wake();
  }

  #timeIsUp(): void {
    const { timeout } = this.#blueprint.options;
    this.#end(guestExit('timeout', `the Guest did not end within ${timeout} ${timeout === 1 ? 'second' : 'seconds'}`));
  }

  #end(exit: GuestExit): void {
    this.#ending ??= exit;
    this.#blueprint.time.wake();
    this.console.wake();
  }
}
