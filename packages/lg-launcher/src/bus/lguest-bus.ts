/*L:200
 * The lguest bus.
 *
 * A real machine finds its devices by probing. Ours finds them on a page right above its memory, one record after the
 * other. The Launcher writes the records before the Guest starts; from then on the Guest writes a status byte and the
 * features it accepts, and everything else in there is for reading. We never read back what we wrote: addresses and
 * sizes of the rings are remembered here, whatever the Guest does to the page.
 *
 * All that ever arrives is LHCALL_NOTIFY with an address. It is a ring, then the driver has put something into it. Or it
 * is a record, then its status byte changed. Or it is any other place in memory, then the kernel is so young that it has
 * no console yet and wants a string printed.
 */
import {
  acceptedFeaturesOffset, configOffset, DEVICE_PAGES, deviceRecordBytes, DeviceOffset, DESCRIPTOR_PAGE_BYTES, LGUEST_IRQS,
  LGUEST_TIMER_IRQ, offeredFeaturesOffset, PAGE_SIZE, queueOffset, QueueOffset, VIRTQUEUE_SIZE, VirtioStatus, vringLayout,
} from '@lguest/lg-host/abi';
import type { Device, DeviceState } from '../devices/device.js';
import { LauncherError } from '../error.js';
import { copyIn, type GuestMemory, isInside } from '../memory.js';
import { Virtqueue } from './virtqueue.js';

/** What the bus needs from the world around it. */
export interface LguestBusOptions {
  /** Its limit is RAM plus DEVICE_PAGES pages. */
  readonly memory: GuestMemory;
  /** Where RAM ends and the descriptor page is. */
  readonly ramBytes: number;
  readonly raiseIrq: (irq: number) => void;
  readonly kill: (reason: string) => void;
  /** A kernel without a console prints. The bytes are only valid during the call. */
  readonly earlyPrint: (bytes: Uint8Array) => void;
}

/** Longest early console string that is printed. */
const EARLY_STRING_BYTES = 4096;
const BITS_PER_BYTE = 8;

interface Attached {
  readonly device: Device;
  /** "block 1" */
  readonly name: string;
  /** Guest-physical address of its record. */
  readonly address: number;
  readonly offered: Uint8Array;
  readonly queues: readonly Virtqueue[];
  active: boolean;
}

/** What a device on the bus looks like to a reader of the statistics. */
export interface AttachedDevice {
  readonly name: string;
  readonly device: Device;
}

/** The descriptor page, the rings, and who is behind them. */
export class LguestBus {
  readonly #options: LguestBusOptions;
  readonly #devices: Attached[] = [];
  readonly #byAddress = new Map<number, { attached: Attached; queue: number | undefined }>();
  readonly #unfinished: { attached: Attached; queue: number }[] = [];
  #nextRecord: number;
  #nextRing: number;
  #nextIrq = LGUEST_TIMER_IRQ + 1;

  constructor(options: LguestBusOptions) {
    this.#options = options;
    this.#nextRecord = options.ramBytes;
    this.#nextRing = options.ramBytes + DESCRIPTOR_PAGE_BYTES;
  }

  /** The devices, in the order they were added. */
  get devices(): readonly AttachedDevice[] {
    return this.#devices;
  }

  /** The highest irq given out. Above 15 only a Guest with an IO-APIC can use it. */
  get highestIrq(): number {
    return this.#nextIrq - 1;
  }

  /**
   * Add a device: `create` is given the function that raises its queues' interrupts.
   * @throws LauncherError 'too-many-devices'.
   */
  add<D extends Device>(create: (irq: (queue: number) => void) => D): D {
    const firstIrq = this.#nextIrq;
    const device = create((queue) => this.#options.raiseIrq(firstIrq + queue));
    const featureBytes = device.features.length === 0 ? 0 : Math.floor(Math.max(...device.features) / BITS_PER_BYTE) + 1;
    const recordBytes = deviceRecordBytes(device.queueCount, featureBytes, device.config.length);
    const ringBytes = Math.ceil(vringLayout(VIRTQUEUE_SIZE).bytes / PAGE_SIZE) * PAGE_SIZE;
    this.#checkRoom(device, recordBytes, ringBytes);

    const address = this.#nextRecord;
    const count = this.#devices.filter((other) => other.device.type === device.type).length;
    const name = `${device.name} ${count}`;
    const queues = Array.from({ length: device.queueCount }, (_, n) => new Virtqueue({
      memory: this.#options.memory, address: this.#nextRing + n * ringBytes, num: VIRTQUEUE_SIZE,
      name: `${name}, queue ${n},`, kill: this.#options.kill,
    }));
    const offered = new Uint8Array(featureBytes);
    for (const bit of device.features) offered[Math.floor(bit / BITS_PER_BYTE)]! |= 1 << (bit % BITS_PER_BYTE);

    const attached: Attached = { device, name, address, offered, queues, active: false };
    this.#devices.push(attached);
    this.#byAddress.set(address, { attached, queue: undefined });
    queues.forEach((queue, n) => this.#byAddress.set(queue.address, { attached, queue: n }));
    this.#writeRecord(attached, firstIrq, recordBytes);
    this.#nextRecord += recordBytes;
    this.#nextRing += ringBytes * device.queueCount;
    this.#nextIrq += device.queueCount;
    return device;
  }

  /** The Guest said NOTIFY. */
  notify(address: number): void {
    const target = this.#byAddress.get(address);
    if (target === undefined) {
      this.#printEarly(address);
    } else if (target.queue === undefined) {
      this.#statusChanged(target.attached);
    } else {
      // A driver may use its device before it says that it is ready, to look for partitions; Linux's do.
      if (!target.attached.active) this.#activate(target.attached);
      this.#serve(target.attached, target.queue);
    }
  }

  /** A backend has news for a queue of a device: input arrived. Does nothing while there is no driver. */
  poke(device: Device, queue: number): void {
    const attached = this.#devices.find((other) => other.device === device);
    if (attached?.active) this.#serve(attached, queue);
  }

  /** Go on with what devices could not finish in one go. Returns whether there is still more. */
  servePending(): boolean {
    const round = this.#unfinished.splice(0);
    for (const { attached, queue } of round) {
      if (attached.active) this.#serve(attached, queue);
    }
    return this.#unfinished.length > 0;
  }

  /** Each device's state, in order. What is in guest memory is saved with guest memory. */
  state(): DeviceState[] {
    return this.#devices.map(({ device }) => device.state());
  }

  /** Continue from states of the same devices. */
  restore(states: readonly DeviceState[]): void {
    this.#devices.forEach((attached, index) => {
      const state = states[index];
      if (state === undefined) return;
      attached.device.restore(state, attached.queues);
      attached.active = state.active;
      // what was unfinished then is found again by looking
      if (state.active) attached.queues.forEach((_, queue) => this.#unfinished.push({ attached, queue }));
    });
  }

  #serve(attached: Attached, queue: number): void {
    const more = attached.device.handleQueue(queue);
    attached.queues[queue]!.wantNotify(!more);
    if (more && !this.#unfinished.some((other) => other.attached === attached && other.queue === queue)) {
      this.#unfinished.push({ attached, queue });
    }
  }

  #statusChanged(attached: Attached): void {
    const { memory, kill } = this.#options;
    const status = memory.bytes[attached.address + DeviceOffset.status]!;
    if (status === 0 || (status & VirtioStatus.failed) !== 0) {
      this.#reset(attached);
    } else if (attached.active) {
      kill(`${attached.name} was told its features a second time, while running`);
    } else if (this.#acceptsTooMuch(attached)) {
      kill(`${attached.name} was told to use features it does not offer`);
    } else {
      this.#activate(attached);
    }
  }

  #acceptsTooMuch({ address, device, offered }: Attached): boolean {
    const accepted = address + acceptedFeaturesOffset(device.queueCount, offered.length);
    return offered.some((bits, index) => (this.#options.memory.bytes[accepted + index]! & ~bits) !== 0);
  }

  #activate(attached: Attached): void {
    attached.active = true;
    attached.device.activate(attached.queues);
  }

  #reset(attached: Attached): void {
    const { memory } = this.#options;
    attached.active = false;
    attached.device.reset();
    const accepted = attached.address + acceptedFeaturesOffset(attached.device.queueCount, attached.offered.length);
    copyIn(memory, accepted, new Uint8Array(attached.offered.length));
    for (const queue of attached.queues) queue.reset();
  }

  #printEarly(address: number): void {
    const { memory, kill, earlyPrint } = this.#options;
    if (!isInside(memory, address, 1)) {
      kill(`NOTIFY of 0x${address.toString(16)}, which is outside the Guest's memory`);
      return;
    }
    const string = memory.bytes.subarray(address, Math.min(address + EARLY_STRING_BYTES, memory.limit));
    const end = string.indexOf(0);
    earlyPrint(end < 0 ? string : string.subarray(0, end));
  }

  #writeRecord({ device, address, offered, queues }: Attached, firstIrq: number, bytes: number): void {
    const record = new Uint8Array(bytes);
    const view = new DataView(record.buffer);
    record[DeviceOffset.type] = device.type;
    record[DeviceOffset.numVq] = queues.length;
    record[DeviceOffset.featureLen] = offered.length;
    record[DeviceOffset.configLen] = device.config.length;
    queues.forEach((queue, n) => {
      view.setUint16(queueOffset(n) + QueueOffset.num, queue.num, true);
      view.setUint16(queueOffset(n) + QueueOffset.irq, firstIrq + n, true);
      view.setUint32(queueOffset(n) + QueueOffset.pfn, queue.address / PAGE_SIZE, true);
    });
    record.set(offered, offeredFeaturesOffset(queues.length));
    record.set(device.config, configOffset(queues.length, offered.length));
    copyIn(this.#options.memory, address, record);
  }

  #checkRoom(device: Device, recordBytes: number, ringBytes: number): void {
    const { ramBytes } = this.#options;
    const noRoom = (what: string): LauncherError =>
      new LauncherError('too-many-devices', `There is no ${what} left for another ${device.name} device; attach fewer.`);
    if (this.#nextIrq + device.queueCount > LGUEST_IRQS) throw noRoom('virtual interrupt');
    // one byte stays zero: the type that ends the list
    if (this.#nextRecord + recordBytes >= ramBytes + DESCRIPTOR_PAGE_BYTES) throw noRoom('room in the descriptor page');
    if (this.#nextRing + ringBytes * device.queueCount > ramBytes + DEVICE_PAGES * PAGE_SIZE) throw noRoom('ring memory');
  }
}
