/*L:200
 * The lguest bus.
 *
 * A page of device descriptors right above RAM, virtqueue rings in the pages after it, and one hypercall to say "look at
 * this address". If the address is a ring, that queue was kicked. If it is a descriptor, the driver changed the device's
 * status. Below both, it is the kernel printing its first words, before it has a driver for anything.
 */
import {
  acceptedFeaturesOffset, configOffset, DESCRIPTOR_PAGE_BYTES, DEVICE_PAGES, DeviceOffset, deviceRecordBytes, LGUEST_IRQS,
  offeredFeaturesOffset, PAGE_SIZE, queueOffset, QueueOffset, VirtioStatus, VIRTQUEUE_SIZE, vringLayout,
} from '@lguest/lg-host/abi';
import { LauncherError } from '../error.js';
import type { DeviceMemory } from './memory.js';
import { Virtqueue } from './virtqueue.js';

/** What a kind of device tells the bus about itself. */
export interface DeviceModel {
  /** VirtioId. */
  readonly type: number;
  /** For messages. */
  readonly name: string;
  readonly queues: number;
  /** Feature bit numbers it offers. */
  readonly features: readonly number[];
  /** Initial configuration space. */
  readonly config: Uint8Array;
  /** The bus has made its queues. */
  attach(queues: readonly Virtqueue[]): void;
  /** A queue was kicked. */
  handleQueue(queue: number): void;
  /** The driver is ready: these features hold. */
  start?(accepted: ReadonlySet<number>): void;
  /** The driver went away. */
  reset?(): void;
  dispose(): void;
}

/** What the bus needs of the Host. */
export interface BusWiring {
  memory: DeviceMemory;
  /** Guest-physical address of the descriptor page: the end of RAM. */
  ramEnd: number;
  raiseIrq(irq: number): void;
  kill(reason: string): void;
  /** Early console output. */
  print(text: Uint8Array): void;
}

interface Slot {
  readonly model: DeviceModel;
  /** Guest-physical address of the descriptor. */
  readonly address: number;
  readonly queues: readonly Virtqueue[];
  running: boolean;
}

/** The longest early message, in bytes. Linux prints 16 at a time. */
const longestEarlyMessage = 4096;

/** All devices of a Guest. */
export class LguestBus {
  readonly #wiring: BusWiring;
  readonly #slots: Slot[] = [];
  #nextDescriptor: number;
  #nextRing: number;
  #nextIrq = 1;

  constructor(wiring: BusWiring) {
    this.#wiring = wiring;
    this.#nextDescriptor = wiring.ramEnd;
    this.#nextRing = wiring.ramEnd + DESCRIPTOR_PAGE_BYTES;
  }

  /** Put a device on the bus, before the Guest runs. @throws LauncherError 'bad-device' when there is no room. */
  add(model: DeviceModel): void {
    const { memory, ramEnd } = this.#wiring;
    const featureBytes = model.features.length === 0 ? 0 : (Math.max(...model.features) >> 3) + 1;
    const bytes = deviceRecordBytes(model.queues, featureBytes, model.config.length);
    if (this.#nextDescriptor + bytes >= ramEnd + DESCRIPTOR_PAGE_BYTES)
      throw new LauncherError('bad-device', `no room for ${model.name}: the page of device descriptors is full; give fewer devices.`);
    const address = this.#nextDescriptor;
    this.#nextDescriptor += bytes;

    const { view } = memory;
    view.setUint8(address + DeviceOffset.type, model.type);
    view.setUint8(address + DeviceOffset.numVq, model.queues);
    view.setUint8(address + DeviceOffset.featureLen, featureBytes);
    view.setUint8(address + DeviceOffset.configLen, model.config.length);
    const offered = address + offeredFeaturesOffset(model.queues);
    for (const bit of model.features) view.setUint8(offered + (bit >> 3), view.getUint8(offered + (bit >> 3)) | (1 << (bit & 7)));
    memory.bytes.set(model.config, address + configOffset(model.queues, featureBytes));
    const queues = Array.from({ length: model.queues }, (_, queue) => this.#addQueue(model, address, queue));
    this.#slots.push({ model, address, queues, running: false });
    model.attach(queues);
  }

  #addQueue(model: DeviceModel, device: number, queue: number): Virtqueue {
    const { memory, ramEnd, raiseIrq, kill } = this.#wiring;
    const { bytes } = vringLayout(VIRTQUEUE_SIZE);
    const address = this.#nextRing;
    this.#nextRing += Math.ceil(bytes / PAGE_SIZE) * PAGE_SIZE;
    const irq = this.#nextIrq++;
    if (this.#nextRing > ramEnd + DEVICE_PAGES * PAGE_SIZE || irq >= LGUEST_IRQS)
      throw new LauncherError('bad-device', `no room for ${model.name}: its queue would need irq ${irq} of ${LGUEST_IRQS}; give fewer devices.`);
    const record = device + queueOffset(queue);
    memory.view.setUint16(record + QueueOffset.num, VIRTQUEUE_SIZE, true);
    memory.view.setUint16(record + QueueOffset.irq, irq, true);
    memory.view.setUint32(record + QueueOffset.pfn, address / PAGE_SIZE, true);
    return new Virtqueue({
      memory, address, size: VIRTQUEUE_SIZE, interrupt: () => raiseIrq(irq), kill, name: `${model.name}, queue ${queue}`,
    });
  }

  /** LHCALL_NOTIFY. */
  notify(address: number): void {
    for (const slot of this.#slots) {
      if (slot.address === address) {
        this.#statusChanged(slot);
        return;
      }
      for (let i = 0; i < slot.queues.length; i++) {
        if (slot.queues[i]!.address !== address) continue;
        // a driver may kick while it still probes; there is nothing in the ring then
        if (!slot.running) this.#start(slot);
        slot.model.handleQueue(i);
        return;
      }
    }
    if (address < this.#wiring.memory.limit) this.#earlyPrint(address);
    else this.#wiring.kill(`NOTIFY of 0x${address.toString(16)}, which is neither a device nor within the Guest's memory`);
  }

  #earlyPrint(address: number): void {
    const { bytes, limit } = this.#wiring.memory;
    const text = bytes.subarray(address, Math.min(address + longestEarlyMessage, limit));
    const end = text.indexOf(0);
    this.#wiring.print(text.slice(0, end < 0 ? text.length : end));
  }

  #statusChanged(slot: Slot): void {
    const status = this.#wiring.memory.view.getUint8(slot.address + DeviceOffset.status);
    if (status === 0 || (status & VirtioStatus.failed) !== 0) this.#reset(slot);
    else if (slot.running) this.#wiring.kill(`${slot.model.name}: the driver announced its features a second time without a reset`);
    else this.#start(slot);
  }

  #start(slot: Slot): void {
    slot.running = true;
    const { view } = this.#wiring.memory;
    const length = view.getUint8(slot.address + DeviceOffset.featureLen);
    const at = slot.address + acceptedFeaturesOffset(slot.model.queues, length);
    const accepted = new Set(slot.model.features.filter((bit) => (view.getUint8(at + (bit >> 3)) >> (bit & 7)) & 1));
    slot.model.start?.(accepted);
  }

  #reset(slot: Slot): void {
    slot.running = false;
    const { memory } = this.#wiring;
    const length = memory.view.getUint8(slot.address + DeviceOffset.featureLen);
    const at = slot.address + acceptedFeaturesOffset(slot.model.queues, length);
    memory.bytes.fill(0, at, at + length);
    for (const queue of slot.queues) queue.reset();
    slot.model.reset?.();
  }

  dispose(): void {
    for (const slot of this.#slots) slot.model.dispose();
  }
}
