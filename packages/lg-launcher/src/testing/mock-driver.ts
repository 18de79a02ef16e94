/*
 * The driver's side of a virtqueue, for tests of devices: it builds real rings in real memory, as a Guest would, or as
 * a Guest should not.
 */
import {
  VRING_DESC_BYTES, VRING_USED_ENTRY_BYTES, VRING_USED_NO_NOTIFY, VringAvailOffset, VringDescFlag, VringDescOffset,
  vringLayout, VringUsedEntryOffset, VringUsedOffset,
} from '@lguest/lg-host/abi';
import type { GuestMemory } from '../memory.js';

/** Guest memory made of an array, for tests. `invalidated` lists what a device said it wrote. */
export interface TestMemory extends GuestMemory {
  readonly view: DataView;
  readonly invalidated: { readonly address: number; readonly length: number }[];
}

/** Memory of `bytes` zero bytes. */
export function testMemory(bytes: number): TestMemory {
  const array = new Uint8Array(bytes);
  const view = new DataView(array.buffer);
  const invalidated: { address: number; length: number }[] = [];
  return {
    limit: bytes,
    bytes: array,
    view,
    invalidated,
    read16: (address) => view.getUint16(address, true),
    read32: (address) => view.getUint32(address, true),
    write8: (address, value) => view.setUint8(address, value),
    write16: (address, value) => view.setUint16(address, value, true),
    write32: (address, value) => view.setUint32(address, value, true),
    invalidate: (address, length) => { invalidated.push({ address, length }); },
  };
}

/** A piece of a buffer: bytes for the device to read, or room for it to write. */
export type Piece = Uint8Array | { readonly room: number };

/** A buffer the device has used. */
export interface UsedBuffer {
  readonly head: number;
  /** What the device says it has written. */
  readonly written: number;
  /** What is in the writable pieces, joined. */
  readonly data: Uint8Array;
}

/** Where a mock driver's ring and data lie. */
export interface MockDriverOptions {
  readonly memory: GuestMemory;
  /** Guest-physical address of the ring. */
  readonly ring: number;
  readonly num: number;
  /** Guest-physical memory for data, used up from here. */
  readonly data: number;
}

/** A driver of one virtqueue. */
export class MockDriver {
  readonly num: number;
  readonly ring: number;
  readonly #memory: GuestMemory;
  readonly #layout: ReturnType<typeof vringLayout>;
  readonly #start: number;
  readonly #chains = new Map<number, { address: number; length: number }[]>();
  #free: number[];
  #data: number;
  #available = 0;
  #seen = 0;

  constructor(options: MockDriverOptions) {
    this.#memory = options.memory;
    this.ring = options.ring;
    this.num = options.num;
    this.#layout = vringLayout(options.num);
    this.#data = this.#start = options.data;
    this.#free = Array.from({ length: options.num }, (_, index) => index);
  }

  /** Make a buffer available. Returns its head. */
  add(...pieces: Piece[]): number {
    const indices = pieces.map(() => {
      const index = this.#free.shift();
      if (index === undefined) throw new Error('the mock driver is out of descriptors');
      return index;
    });
    const writable: { address: number; length: number }[] = [];
    pieces.forEach((piece, n) => {
      const length = piece instanceof Uint8Array ? piece.length : piece.room;
      const address = this.#data;
      this.#data += length;
      if (this.#data > this.#memory.limit) throw new Error('the mock driver is out of memory');
      let flags = n + 1 < pieces.length ? VringDescFlag.next : 0;
      if (piece instanceof Uint8Array) {
        this.#memory.bytes.set(piece, address);
      } else {
        flags |= VringDescFlag.write;
        writable.push({ address, length });
      }
      this.describe(indices[n]!, { address, length, flags, next: indices[n + 1] ?? 0 });
    });
    this.#chains.set(indices[0]!, writable);
    this.makeAvailable(indices[0]!);
    return indices[0]!;
  }

  /** Write a descriptor, whatever it says. */
  describe(index: number, descriptor: { address: number; high?: number; length: number; flags: number; next: number }): void {
    const at = this.ring + this.#layout.descriptors + index * VRING_DESC_BYTES;
    this.#memory.write32(at + VringDescOffset.address, descriptor.address);
    this.#memory.write32(at + VringDescOffset.address + 4, descriptor.high ?? 0);
    this.#memory.write32(at + VringDescOffset.length, descriptor.length);
    this.#memory.write16(at + VringDescOffset.flags, descriptor.flags);
    this.#memory.write16(at + VringDescOffset.next, descriptor.next);
  }

  /** Put a head into the available ring, whatever it is. */
  makeAvailable(head: number): void {
    const ring = this.ring + this.#layout.available;
    this.#memory.write16(ring + VringAvailOffset.ring + 2 * (this.#available % this.num), head);
    this.setAvailableIndex(this.#available + 1);
  }

  /** Set the available ring's index, whatever it is. */
  setAvailableIndex(index: number): void {
    this.#available = index & 0xffff;
    this.#memory.write16(this.ring + this.#layout.available + VringAvailOffset.index, this.#available);
  }

  /** Set the available ring's flags: VRING_AVAIL_NO_INTERRUPT or 0. */
  setFlags(flags: number): void {
    this.#memory.write16(this.ring + this.#layout.available + VringAvailOffset.flags, flags);
  }

  /** Whether the device asks not to be kicked. */
  get mayStaySilent(): boolean {
    return (this.#memory.read16(this.ring + this.#layout.used + VringUsedOffset.flags) & VRING_USED_NO_NOTIFY) !== 0;
  }

  /** Buffers the device has used since the last call. Their descriptors can be used again. */
  collect(): UsedBuffer[] {
    const used = this.ring + this.#layout.used;
    const buffers: UsedBuffer[] = [];
    while (this.#memory.read16(used + VringUsedOffset.index) !== this.#seen) {
      const entry = used + VringUsedOffset.ring + VRING_USED_ENTRY_BYTES * (this.#seen % this.num);
      const head = this.#memory.read32(entry + VringUsedEntryOffset.id);
      const written = this.#memory.read32(entry + VringUsedEntryOffset.length);
      const pieces = (this.#chains.get(head) ?? []).map(({ address, length }) => this.#memory.bytes.slice(address, address + length));
      this.#release(head);
      buffers.push({ head, written, data: join(pieces) });
      this.#seen = (this.#seen + 1) & 0xffff;
    }
    if (this.#free.length === this.num) this.#data = this.#start;
    return buffers;
  }

  #release(head: number): void {
    let index = head;
    for (let count = 0; count < this.num; count++) {
      this.#free.push(index);
      const at = this.ring + this.#layout.descriptors + index * VRING_DESC_BYTES;
      if ((this.#memory.read16(at + VringDescOffset.flags) & VringDescFlag.next) === 0) break;
      index = this.#memory.read16(at + VringDescOffset.next);
    }
    this.#chains.delete(head);
  }
}

function join(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
