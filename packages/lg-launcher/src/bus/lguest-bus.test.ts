/*
 * The bus: what stands on the descriptor page, and where a NOTIFY goes.
 */
import { DEVICE_PAGES, DeviceOffset, PAGE_SIZE, queueOffset, QueueOffset, VirtioBlkFeature, VIRTQUEUE_SIZE } from '@lguest/lg-host/abi';
import { describe, expect, it } from 'vitest';
import { createBlock } from '../devices/block.js';
import { createConsole } from '../devices/console.js';
import { seededRandom } from '../devices/random-sources.js';
import { createRng } from '../devices/rng.js';
import { memoryDisk } from '../disks/memory-disk.js';
import { LauncherError } from '../error.js';
import { MockDriver, testMemory } from '../testing/mock-driver.js';
import { LguestBus } from './lguest-bus.js';

const RAM = 1 << 20;
const LIMIT = RAM + DEVICE_PAGES * PAGE_SIZE;

function rig() {
  const memory = testMemory(LIMIT);
  const irqs: number[] = [];
  const kills: string[] = [];
  let early = '';
  let printed = '';
  const bus = new LguestBus({
    memory, ramBytes: RAM, raiseIrq: (irq) => irqs.push(irq), kill: (reason) => kills.push(reason),
    earlyPrint: (bytes) => { early += new TextDecoder().decode(bytes); },
  });
  const backend = { write: (bytes: Uint8Array) => { printed += new TextDecoder().decode(bytes); }, read: () => 0, waiting: 0 };
  return {
    memory, irqs, kills, bus, early: () => early, printed: () => printed,
    addBlock: () => bus.add((irq) => createBlock({ memory, irq, backend: memoryDisk(new Uint8Array(4096)) })),
    addConsole: () => bus.add((irq) => createConsole({ memory, irq, backend })),
    addRng: () => bus.add((irq) => createRng({ memory, irq, backend: seededRandom(1) })),
  };
}

describe('the descriptor page', () => {
  it('lists devices back to back, with rings after the page and irqs from 1', () => {
    const { memory, addBlock, addConsole, bus } = rig();
    addBlock();
    addConsole();
    const block = RAM;
    expect([...memory.bytes.subarray(block, block + 5)]).toEqual([2, 1, 2, 16, 0]);
    expect(memory.read16(block + queueOffset(0) + QueueOffset.num)).toBe(VIRTQUEUE_SIZE);
    expect(memory.read16(block + queueOffset(0) + QueueOffset.irq)).toBe(1);
    expect(memory.read32(block + queueOffset(0) + QueueOffset.pfn)).toBe(RAM / PAGE_SIZE + 1);
    expect(memory.bytes[block + 13]).toBe(1 << VirtioBlkFeature.segMax);
    expect(memory.bytes[block + 14]).toBe(1 << (VirtioBlkFeature.flush - 8));
    const console = block + 5 + 8 + 2 * 2 + 16;
    expect([...memory.bytes.subarray(console, console + 5)]).toEqual([3, 2, 0, 0, 0]);
    expect(memory.read16(console + queueOffset(1) + QueueOffset.irq)).toBe(3);
    expect(memory.read32(console + queueOffset(1) + QueueOffset.pfn)).toBe(RAM / PAGE_SIZE + 1 + 6);
    expect(memory.bytes[console + 21]).toBe(0);
    expect(bus.highestIrq).toBe(3);
  });

  it('refuses devices when the interrupts are used up', () => {
    const { addBlock } = rig();
    expect(() => { for (let n = 0; n < 40; n++) addBlock(); }).toThrowError(LauncherError);
    const { bus, addBlock: another } = rig();
    for (let n = 0; n < 31; n++) another();
    expect(bus.highestIrq).toBe(31);
    expect(() => another()).toThrow(/no virtual interrupt left for another block device/);
  });
});

describe('NOTIFY', () => {
  const ring = RAM + PAGE_SIZE;

  it('of a ring serves the queue, also before the driver said it is ready', () => {
    const { memory, bus, addRng, irqs } = rig();
    addRng();
    const driver = new MockDriver({ memory, ring, num: VIRTQUEUE_SIZE, data: 0x1000 });
    driver.add({ room: 4 });
    bus.notify(ring);
    expect(driver.collect()[0]!.written).toBe(4);
    expect(irqs).toEqual([1]);
  });

  it('of a record finishes the features, and resets', () => {
    const { memory, bus, addBlock, kills } = rig();
    const device = addBlock();
    bus.notify(RAM);
    expect(device.state().active).toBe(false);
    memory.write8(RAM + DeviceOffset.status, 3);
    memory.write8(RAM + 15, 1 << VirtioBlkFeature.segMax);
    bus.notify(RAM);
    expect(device.state().active).toBe(true);
    memory.write8(RAM + DeviceOffset.status, 0);
    bus.notify(RAM);
    expect(device.state().active).toBe(false);
    expect(memory.bytes[RAM + 15]).toBe(0);
    expect(kills).toEqual([]);
  });

  it('of a record kills for features that were not offered, and for a second time', () => {
    const first = rig();
    first.addBlock();
    first.memory.write8(RAM + DeviceOffset.status, 3);
    first.memory.write8(RAM + 15, 0xff);
    first.bus.notify(RAM);
    expect(first.kills).toEqual(['block 0 was told to use features it does not offer']);
    const second = rig();
    second.addBlock();
    second.memory.write8(RAM + DeviceOffset.status, 3);
    second.bus.notify(RAM);
    second.bus.notify(RAM);
    expect(second.kills).toEqual(['block 0 was told its features a second time, while running']);
  });

  it('of anything else in memory prints a string, within bounds', () => {
    const { memory, bus, early, kills } = rig();
    memory.bytes.set(new TextEncoder().encode('Linux!\0more'), 0x500);
    bus.notify(0x500);
    expect(early()).toBe('Linux!');
    memory.bytes.fill(0x41, LIMIT - 3, LIMIT);
    bus.notify(LIMIT - 3);
    expect(early()).toBe('Linux!AAA');
    memory.bytes.fill(0x42, 0, 0x8000);
    bus.notify(0);
    expect(early()).toHaveLength('Linux!AAA'.length + 4096);
    expect(kills).toEqual([]);
  });

  it.each([LIMIT, 0xffff_ffff])('of %i, outside memory, kills', (address) => {
    const { bus, kills } = rig();
    bus.notify(address);
    expect(kills).toEqual([`NOTIFY of 0x${address.toString(16)}, which is outside the Guest's memory`]);
  });

  it('does not believe what the Guest writes over the page', () => {
    const { memory, bus, addRng, irqs } = rig();
    addRng();
    memory.bytes.fill(0xff, RAM, RAM + PAGE_SIZE);
    const driver = new MockDriver({ memory, ring, num: VIRTQUEUE_SIZE, data: 0x1000 });
    driver.add({ room: 4 });
    bus.notify(ring);
    expect(driver.collect()).toHaveLength(1);
    expect(irqs).toEqual([1]);
  });
});

describe('work that takes long', () => {
  it('is done in turns, with notifications off meanwhile', () => {
    const memory = testMemory(LIMIT);
    let left = 3;
    const device = {
      type: 9, name: 'slow', queueCount: 1, features: [], config: new Uint8Array(0), statistics: {},
      activate: () => {}, reset: () => {}, dispose: () => {}, restore: () => {},
      state: () => ({ active: true, queues: [] }),
      handleQueue: () => --left > 0,
    };
    const bus = new LguestBus({ memory, ramBytes: RAM, raiseIrq: () => {}, kill: () => {}, earlyPrint: () => {} });
    bus.add(() => device);
    const driver = new MockDriver({ memory, ring, num: VIRTQUEUE_SIZE, data: 0 });
    bus.notify(ring);
    expect(driver.mayStaySilent).toBe(true);
    expect(bus.servePending()).toBe(true);
    expect(bus.servePending()).toBe(false);
    expect(driver.mayStaySilent).toBe(false);
    expect(left).toBe(0);
  });
  const ring = RAM + PAGE_SIZE;
});

describe('a saved bus', () => {
  it('finds its queues where they were', () => {
    const first = rig();
    first.addRng();
    const driver = new MockDriver({ memory: first.memory, ring: RAM + PAGE_SIZE, num: VIRTQUEUE_SIZE, data: 0x1000 });
    driver.add({ room: 4 });
    first.bus.notify(RAM + PAGE_SIZE);
    driver.collect();
    driver.add({ room: 8 });
    const saved = structuredClone(first.bus.state());

    const second = rig();
    second.addRng();
    second.memory.bytes.set(first.memory.bytes);
    second.bus.restore(saved);
    second.bus.servePending();
    const used = RAM + PAGE_SIZE + 0x2000;
    expect(second.memory.read16(used + 2)).toBe(2);
    expect(second.irqs).toEqual([1]);
  });
});
