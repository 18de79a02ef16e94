/*D:200
 * A virtqueue, from the device's side.
 *
 * Driver and device share three tables. In the first the driver describes buffers: address, length, which way the data
 * goes, and which descriptor continues the buffer. In the second, a ring, it lists the buffers it has made available.
 * In the third the device lists those it has used, and how much it wrote. Each side only ever adds to its own ring, so
 * nobody needs a lock.
 *
 * Everything in them was written by the Guest and can be anything. A chain of buffers is walked once, checked wholly and
 * copied into our own records before a device sees it. What is wrong kills the Guest, with a sentence.
 */
import {
  VRING_AVAIL_NO_INTERRUPT, VRING_DESC_BYTES, VRING_USED_ENTRY_BYTES, VRING_USED_NO_NOTIFY, VringAvailOffset,
  VringDescFlag, VringDescOffset, type VringLayout, vringLayout, VringUsedEntryOffset, VringUsedOffset,
} from '@lguest/lg-host/abi';
import { type GuestMemory, isInside } from '../memory.js';

/** A stretch of guest memory, checked to lie inside it. */
export interface Segment {
  readonly address: number;
  readonly length: number;
}

/** A buffer the driver made available. */
export interface Chain {
  /** Index of its first descriptor: its name. */
  readonly head: number;
  /** What the device may read. */
  readonly readable: readonly Segment[];
  /** What the device may write. */
  readonly writable: readonly Segment[];
  readonly readableBytes: number;
  readonly writableBytes: number;
}

/** The device's place in both rings: all there is to save. */
export interface VirtqueueState {
  readonly nextAvailable: number;
  readonly nextUsed: number;
}

/** What a virtqueue is made of. */
export interface VirtqueueOptions {
  readonly memory: GuestMemory;
  /** Guest-physical address of the ring. */
  readonly address: number;
  /** Descriptors: a power of two. */
  readonly num: number;
  /** For messages: "block 0 queue 0". */
  readonly name: string;
  /** Ends the Guest. */
  readonly kill: (reason: string) => void;
}

const INDEX_MASK = 0xffff;

/** The device's end of a split virtqueue in the legacy layout (virtio 1.0, 2.4 and 2.4.2). */
export class Virtqueue {
  readonly num: number;
  readonly address: number;
  readonly #memory: GuestMemory;
  readonly #layout: VringLayout;
  readonly #name: string;
  readonly #kill: (reason: string) => void;
  #nextAvailable = 0;
  #nextUsed = 0;
  #broken = false;

  constructor(options: VirtqueueOptions) {
    this.num = options.num;
    this.address = options.address;
    this.#memory = options.memory;
    this.#layout = vringLayout(options.num);
    this.#name = options.name;
    this.#kill = options.kill;
  }

  /** Whether the driver has made buffers available that were not taken yet. */
  get hasAvailable(): boolean {
    return !this.#broken && this.#availableIndex !== this.#nextAvailable;
  }

  /** Take the next available buffer; undefined when there is none, or when the Guest had to be killed. */
  pop(): Chain | undefined {
    if (this.#broken) return undefined;
    const waiting = (this.#availableIndex - this.#nextAvailable) & INDEX_MASK;
    if (waiting === 0) return undefined;
    if (waiting > this.num) return this.#fail(`claims ${waiting} available buffers in a ring of ${this.num}`);
    const slot = this.#layout.available + VringAvailOffset.ring + 2 * (this.#nextAvailable & (this.num - 1));
    const head = this.#memory.read16(this.address + slot);
    const chain = this.#walk(head);
    if (chain !== undefined) this.#nextAvailable = (this.#nextAvailable + 1) & INDEX_MASK;
    return chain;
  }

  /** Give a buffer back to the driver, with the number of bytes written into it. Raise the irq afterwards. */
  push(chain: Chain, written: number): void {
    if (this.#broken) return;
    const used = this.address + this.#layout.used;
    const slot = used + VringUsedOffset.ring + VRING_USED_ENTRY_BYTES * (this.#nextUsed & (this.num - 1));
    this.#memory.write32(slot + VringUsedEntryOffset.id, chain.head);
    this.#memory.write32(slot + VringUsedEntryOffset.length, written);
    this.#nextUsed = (this.#nextUsed + 1) & INDEX_MASK;
    this.#memory.write16(used + VringUsedOffset.index, this.#nextUsed);
  }

  /** Whether the driver wants to hear of used buffers. */
  get wantsInterrupt(): boolean {
    const flags = this.#memory.read16(this.address + this.#layout.available + VringAvailOffset.flags);
    return (flags & VRING_AVAIL_NO_INTERRUPT) === 0;
  }

  /** Ask the driver to kick this queue when it adds buffers, or not to because we look anyway. */
  wantNotify(wanted: boolean): void {
    this.#memory.write16(this.address + this.#layout.used + VringUsedOffset.flags, wanted ? 0 : VRING_USED_NO_NOTIFY);
  }

  /** Back to the beginning, with a ring of zeros: the driver reset the device. */
  reset(): void {
    this.#nextAvailable = 0;
    this.#nextUsed = 0;
    this.#broken = false;
    this.#memory.bytes.fill(0, this.address, this.address + this.#layout.bytes);
    this.#memory.invalidate(this.address, this.#layout.bytes);
  }

  state(): VirtqueueState {
    return { nextAvailable: this.#nextAvailable, nextUsed: this.#nextUsed };
  }

  restore(state: VirtqueueState): void {
    this.#nextAvailable = state.nextAvailable & INDEX_MASK;
    this.#nextUsed = state.nextUsed & INDEX_MASK;
  }

  get #availableIndex(): number {
    return this.#memory.read16(this.address + this.#layout.available + VringAvailOffset.index);
  }

  #walk(head: number): Chain | undefined {
    const memory = this.#memory;
    const readable: Segment[] = [];
    const writable: Segment[] = [];
    let readableBytes = 0;
    let writableBytes = 0;
    let index = head;
    for (let count = 0; ; count++) {
      if (index >= this.num) return this.#fail(`names descriptor ${index} of ${this.num}`);
      if (count === this.num) return this.#fail(`has a buffer that goes round in circles from descriptor ${head}`);
      const at = this.address + this.#layout.descriptors + index * VRING_DESC_BYTES;
      const address = memory.read32(at + VringDescOffset.address);
      const high = memory.read32(at + VringDescOffset.address + 4);
      const length = memory.read32(at + VringDescOffset.length);
      const flags = memory.read16(at + VringDescOffset.flags);
      if (high !== 0 || !isInside(memory, address, length)) {
        return this.#fail(`has a buffer of ${length} bytes at 0x${(high * 2 ** 32 + address).toString(16)}, outside the Guest's memory`);
      }
      if ((flags & VringDescFlag.indirect) !== 0) return this.#fail('uses indirect descriptors, which were not offered');
      if ((flags & VringDescFlag.write) !== 0) {
        writable.push({ address, length });
        writableBytes += length;
      } else {
        if (writable.length > 0) return this.#fail('has a buffer with a readable part after a writable one');
        readable.push({ address, length });
        readableBytes += length;
      }
      if (readableBytes + writableBytes > memory.limit) return this.#fail('has a buffer longer than the Guest\'s memory');
      if ((flags & VringDescFlag.next) === 0) break;
      index = memory.read16(at + VringDescOffset.next);
    }
    return { head, readable, writable, readableBytes, writableBytes };
  }

  #fail(fault: string): undefined {
    this.#broken = true;
    this.#kill(`${this.#name} ${fault}`);
    return undefined;
  }
}
