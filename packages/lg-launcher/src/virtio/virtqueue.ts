/*D:210
 * The virtqueue, from the device's side.
 *
 * A ring in guest memory: a table of descriptors (this many bytes at this address, to read or to write, and then that
 * descriptor), a list of chains the driver makes available, and a list of chains the device has used. Everything in it
 * was written by the Guest, so every number is looked at before it is believed: a Guest whose ring makes no sense is
 * killed, with a reason, and the device goes on to the next Guest unharmed.
 */
import {
  VRING_AVAIL_NO_INTERRUPT, VRING_DESC_BYTES, VRING_USED_ENTRY_BYTES, VRING_USED_NO_NOTIFY, VringAvailOffset, VringDescFlag, VringDescOffset,
  type VringLayout, vringLayout, VringUsedEntryOffset, VringUsedOffset,
} from '@lguest/lg-host/abi';
import { contains, type DeviceMemory } from './memory.js';

/** Part of a chain: bytes of guest memory. */
export interface Buffer {
  readonly address: number;
  readonly length: number;
}

/** One request: the buffers the device may read, then those it may write. */
export interface Chain {
  readonly head: number;
  readonly readable: readonly Buffer[];
  readonly writable: readonly Buffer[];
  readonly readableBytes: number;
  readonly writableBytes: number;
}

/** What a queue needs besides memory. */
export interface QueueWiring {
  memory: DeviceMemory;
  /** Guest-physical address of the ring, page-aligned. */
  address: number;
  /** Descriptors; a power of two. */
  size: number;
  /** Raise the queue's virtual irq. */
  interrupt: () => void;
  /** The Guest's ring is nonsense. */
  kill: (reason: string) => void;
  /** For reasons: "block device 0, queue 0". */
  name: string;
}

const indexMask = 0xffff;

/** One virtqueue. */
export class Virtqueue {
  readonly address: number;
  readonly size: number;
  readonly #wiring: QueueWiring;
  readonly #memory: DeviceMemory;
  readonly #layout: VringLayout;
  /** Available entries taken so far, modulo 2^16. */
  #taken = 0;
  #used = 0;
  /** Chains given back since the last interrupt. */
  #unannounced = 0;
  #broken = false;

  constructor(wiring: QueueWiring) {
    this.#wiring = wiring;
    this.#memory = wiring.memory;
    this.address = wiring.address;
    this.size = wiring.size;
    this.#layout = vringLayout(wiring.size);
  }

  /** The driver has reset the device: start over with an empty ring. */
  reset(): void {
    this.#taken = 0;
    this.#used = 0;
    this.#unannounced = 0;
    this.#broken = false;
    this.#memory.bytes.fill(0, this.address, this.address + this.#layout.bytes);
  }

  /** The next chain the driver has made available, or undefined. Kills the Guest if there is something wrong with it. */
  take(): Chain | undefined {
    if (this.#broken) return undefined;
    const { view } = this.#memory;
    const available = this.address + this.#layout.available;
    const index = view.getUint16(available + VringAvailOffset.index, true);
    const waiting = (index - this.#taken) & indexMask;
    if (waiting === 0) return undefined;
    if (waiting > this.size) return this.#fail(`its available index jumped by ${waiting}, more than the ring's ${this.size} entries`);
    const head = view.getUint16(available + VringAvailOffset.ring + (this.#taken % this.size) * 2, true);
    this.#taken = (this.#taken + 1) & indexMask;
    return this.#chain(head);
  }

  /** True when take() would return something. */
  get hasWork(): boolean {
    const index = this.#memory.view.getUint16(this.address + this.#layout.available + VringAvailOffset.index, true);
    return !this.#broken && index !== this.#taken;
  }

  #chain(head: number): Chain | undefined {
    const { view } = this.#memory;
    const readable: Buffer[] = [];
    const writable: Buffer[] = [];
    let readableBytes = 0;
    let writableBytes = 0;
    let next = head;
    for (let count = 0; ; count++) {
      if (next >= this.size) return this.#fail(`descriptor ${next} does not exist; the ring has ${this.size}`);
      if (count === this.size) return this.#fail(`the chain at descriptor ${head} has no end`);
      const at = this.address + next * VRING_DESC_BYTES;
      const high = view.getUint32(at + VringDescOffset.address + 4, true);
      const address = view.getUint32(at + VringDescOffset.address, true);
      const length = view.getUint32(at + VringDescOffset.length, true);
      const flags = view.getUint16(at + VringDescOffset.flags, true);
      if (high !== 0 || !contains(this.#memory, address, length))
        return this.#fail(`descriptor ${next} names ${length} bytes at 0x${(high * 2 ** 32 + address).toString(16)}, which is not the Guest's memory`);
      if ((flags & VringDescFlag.indirect) !== 0) return this.#fail(`descriptor ${next} is indirect, which was not offered`);
      if ((flags & VringDescFlag.write) !== 0) {
        writable.push({ address, length });
        writableBytes += length;
      } else {
        if (writable.length > 0) return this.#fail(`descriptor ${next} is to be read but follows one to be written`);
        readable.push({ address, length });
        readableBytes += length;
      }
      if ((flags & VringDescFlag.next) === 0) break;
      next = view.getUint16(at + VringDescOffset.next, true);
    }
    return { head, readable, writable, readableBytes, writableBytes };
  }

  /** Give a chain back, with the number of bytes written into it. announce() tells the driver. */
  give(chain: Chain, written: number): void {
    const { view } = this.#memory;
    const used = this.address + this.#layout.used;
    const entry = used + VringUsedOffset.ring + (this.#used % this.size) * VRING_USED_ENTRY_BYTES;
    view.setUint32(entry + VringUsedEntryOffset.id, chain.head, true);
    view.setUint32(entry + VringUsedEntryOffset.length, written, true);
    this.#used = (this.#used + 1) & indexMask;
    view.setUint16(used + VringUsedOffset.index, this.#used, true);
    this.#unannounced++;
  }

  /** Interrupt the driver if something was given back and it wants to know. */
  announce(): void {
    if (this.#unannounced === 0) return;
    this.#unannounced = 0;
    const flags = this.#memory.view.getUint16(this.address + this.#layout.available + VringAvailOffset.flags, true);
    if ((flags & VRING_AVAIL_NO_INTERRUPT) === 0) this.#wiring.interrupt();
  }

  /** Tell the driver whether to kick. While the device is at work anyway, it need not. */
  wantKicks(wanted: boolean): void {
    this.#memory.view.setUint16(this.address + this.#layout.used + VringUsedOffset.flags, wanted ? 0 : VRING_USED_NO_NOTIFY, true);
  }

  /** The bytes to read of a chain, in one piece. */
  read(chain: Chain, start = 0, length = chain.readableBytes - start): Uint8Array {
    const out = new Uint8Array(length);
    let skip = start;
    let done = 0;
    for (const { address, length: bytes } of chain.readable) {
      if (done === length) break;
      const from = Math.min(skip, bytes);
      skip -= from;
      const part = Math.min(bytes - from, length - done);
      out.set(this.#memory.bytes.subarray(address + from, address + from + part), done);
      done += part;
    }
    return out;
  }

  /** Write bytes into a chain, starting `start` bytes into what is to be written. Returns how many fitted. */
  write(chain: Chain, data: Uint8Array, start = 0): number {
    let skip = start;
    let done = 0;
    for (const { address, length } of chain.writable) {
      if (done === data.length) break;
      const into = Math.min(skip, length);
      skip -= into;
      const part = Math.min(length - into, data.length - done);
      if (part === 0) continue;
      this.#memory.bytes.set(data.subarray(done, done + part), address + into);
      this.#memory.invalidate(address + into, part);
      done += part;
    }
    return done;
  }

  #fail(what: string): undefined {
    this.#broken = true;
    this.#wiring.kill(`bad virtqueue (${this.#wiring.name}): ${what}`);
    return undefined;
  }

  /** Indices, for snapshots. */
  state(): { taken: number; used: number } {
    return { taken: this.#taken, used: this.#used };
  }

  restore(state: { taken: number; used: number }): void {
    this.#taken = state.taken & indexMask;
    this.#used = state.used & indexMask;
  }
}
