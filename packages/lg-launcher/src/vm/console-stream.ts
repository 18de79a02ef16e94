/*L:320
 * The console, from the outside: something to write to and to read from.
 *
 * What is written waits here until the Guest has a buffer for it; nothing is lost, also not when the Guest reboots
 * meanwhile. What the Guest prints waits here until somebody reads it. If nobody ever reads, only the latest part is
 * kept. If somebody reads, but slowly, the Guest has to wait: memory is bounded either way.
 */
import type { ConsoleBackend } from '../devices/console.js';

/** Unread output that is kept, and beyond which a Guest with a reader has to wait. In bytes. */
export const CONSOLE_BACKLOG = 1 << 20;
/** A writer is asked to wait while more input than this waits. In bytes. */
const INPUT_HIGH_WATER = 64 << 10;

/** Parts are joined up to this size, so that a Guest that prints single characters does not make an object for each. */
const JOIN_BYTES = 4096;

/** The console of a running Guest. Iterate it to read what the Guest prints; there is one stream, for one reader. */
export class VmConsole implements AsyncIterable<Uint8Array> {
  readonly #input: Uint8Array[] = [];
  #inputBytes = 0;
  #inputEnded = false;
  #writers: (() => void)[] = [];

  readonly #output: Uint8Array[] = [];
  #outputBytes = 0;
  #outputEnded = false;
  #printedAnything = false;
  #lastLength = 0;
  #readers = 0;
  #wakeReader: (() => void) | undefined;
  #wakeGuest: (() => void) | undefined;

  readonly #listener: ((bytes: Uint8Array) => void) | undefined;
  /** @internal Told when input has arrived or ended. */
  onInput: (() => void) | undefined;
  /** @internal Told everything that is printed. The bytes are only valid during the call. */
  onPrint: ((bytes: Uint8Array) => void) | undefined;

  /** @param listener is told everything the Guest prints, at once; then nothing is kept for iteration. */
  constructor(listener?: (bytes: Uint8Array) => void) {
    this.#listener = listener;
  }

  /**
   * Type. A string is sent as UTF-8. The promise resolves when the Guest has taken so much that more is welcome; callers
   * with little to say need not wait for it. After end() nothing is sent.
   */
  write(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data.slice();
    if (bytes.length > 0 && !this.#inputEnded) {
      this.#input.push(bytes);
      this.#inputBytes += bytes.length;
      this.onInput?.();
    }
    if (this.#inputBytes <= INPUT_HIGH_WATER || this.#inputEnded) return Promise.resolve();
    return new Promise((resolve) => this.#writers.push(resolve));
  }

  /** There will be no more input. The Guest does not see this; but when it sleeps for ever, we know that it does. */
  end(): void {
    this.#inputEnded = true;
    this.onInput?.();
  }

  /** Whether end() was called. */
  get inputEnded(): boolean {
    return this.#inputEnded;
  }

  /** Bytes written that the Guest has not taken yet. */
  get inputWaiting(): number {
    return this.#inputBytes;
  }

  /** What the Guest prints, in the order it prints it. Ends when the Guest has ended. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    this.#readers++;
    try {
      for (;;) {
        const bytes = this.#output.shift();
        if (bytes !== undefined) {
          this.#outputBytes -= bytes.length;
          if (this.#output.length === 0) this.#lastLength = 0;
          if (this.#outputBytes <= CONSOLE_BACKLOG) this.#letGuestGoOn();
          yield bytes;
        } else if (this.#outputEnded) {
          return;
        } else {
          await new Promise<void>((resolve) => { this.#wakeReader = resolve; });
        }
      }
    } finally {
      this.#readers--;
      this.#letGuestGoOn();
    }
  }

  /** The same as text: UTF-8, with characters that were cut in two put together again. */
  async *text(): AsyncGenerator<string, void, void> {
    const decoder = new TextDecoder();
    for await (const bytes of this) {
      const text = decoder.decode(bytes, { stream: true });
      if (text !== '') yield text;
    }
    const rest = decoder.decode();
    if (rest !== '') yield rest;
  }

  /** @internal The device's side. */
  readonly backend: ConsoleBackend = consoleBackend(
    (bytes) => this.print(bytes), (target) => this.#take(target), () => this.#inputBytes,
  );

  /** @internal Whether the Guest has ever printed. */
  get printedAnything(): boolean {
    return this.#printedAnything;
  }

  /** @internal The Guest printed. */
  print(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#printedAnything = true;
    this.onPrint?.(bytes);
    if (this.#listener !== undefined) {
      this.#listener(bytes.slice());
      return;
    }
    this.#append(bytes);
    // without a reader the oldest goes
    while (this.#readers === 0 && this.#outputBytes > CONSOLE_BACKLOG && this.#output.length > 1) {
      this.#outputBytes -= this.#output.shift()!.length;
    }
    this.#wakeReader?.();
    this.#wakeReader = undefined;
  }

  /** @internal Undefined, or a promise for the time when the reader has caught up. */
  get congested(): Promise<void> | undefined {
    if (this.#readers === 0 || this.#outputBytes <= CONSOLE_BACKLOG) return undefined;
    return new Promise((resolve) => { this.#wakeGuest = resolve; });
  }

  /** @internal The Guest has ended. */
  close(): void {
    this.#outputEnded = true;
    this.#inputEnded = true;
    this.#wakeReader?.();
    this.#letWritersGoOn();
    this.#letGuestGoOn();
  }

  /** @internal Let the run loop look around although the reader is slow. */
  wake(): void {
    this.#letGuestGoOn();
  }

  /** Small pieces share an array; `#lastLength` is how much of the last one is filled. */
  #append(bytes: Uint8Array): void {
    const last = this.#output.at(-1);
    if (last !== undefined && last.buffer.byteLength >= this.#lastLength + bytes.length) {
      new Uint8Array(last.buffer).set(bytes, this.#lastLength);
      this.#lastLength += bytes.length;
      this.#output[this.#output.length - 1] = new Uint8Array(last.buffer, 0, this.#lastLength);
    } else {
      const room = new Uint8Array(Math.max(JOIN_BYTES, bytes.length));
      room.set(bytes);
      this.#lastLength = bytes.length;
      this.#output.push(room.subarray(0, bytes.length));
    }
    this.#outputBytes += bytes.length;
  }

  #take(target: Uint8Array): number {
    let at = 0;
    while (at < target.length) {
      const first = this.#input[0];
      if (first === undefined) break;
      const bytes = Math.min(first.length, target.length - at);
      target.set(first.subarray(0, bytes), at);
      at += bytes;
      if (bytes === first.length) this.#input.shift();
      else this.#input[0] = first.subarray(bytes);
    }
    this.#inputBytes -= at;
    if (this.#inputBytes <= INPUT_HIGH_WATER) this.#letWritersGoOn();
    return at;
  }

  #letWritersGoOn(): void {
    for (const resolve of this.#writers.splice(0)) resolve();
  }

  #letGuestGoOn(): void {
    this.#wakeGuest?.();
    this.#wakeGuest = undefined;
  }
}

function consoleBackend(
  write: (bytes: Uint8Array) => void, read: (target: Uint8Array) => number, waiting: () => number,
): ConsoleBackend {
  return { write, read, get waiting() { return waiting(); } };
}
