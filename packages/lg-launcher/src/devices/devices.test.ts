/*
 * Each device, driven through a real ring by the mock driver.
 */
import { VirtioBlkConfig, VirtioBlkFeature, VirtioBlkStatus, VirtioBlkType, VRING_AVAIL_NO_INTERRUPT } from '@lguest/lg-host/abi';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Virtqueue } from '../bus/virtqueue.js';
import { memoryDisk } from '../disks/memory-disk.js';
import { overlayDisk } from '../disks/overlay-disk.js';
import { MockDriver, testMemory } from '../testing/mock-driver.js';
import { createBlock, type Disk } from './block.js';
import { createConsole } from './console.js';
import type { Device } from './device.js';
import { seededRandom } from './random-sources.js';
import { createRng } from './rng.js';

const NUM = 16;
const RING_STEP = 0x3000;
const DATA_STEP = 0x10000;

/** A device with its queues and drivers. */
function rig(make: (memory: ReturnType<typeof testMemory>, irq: (queue: number) => void) => Device) {
  const memory = testMemory(0x80000);
  const irqs: number[] = [];
  const kills: string[] = [];
  const device = make(memory, (queue) => irqs.push(queue));
  const queues = Array.from({ length: device.queueCount }, (_, n) => new Virtqueue({
    memory, address: RING_STEP * (n + 1), num: NUM, name: device.name, kill: (reason) => kills.push(reason),
  }));
  const drivers = queues.map((queue, n) => new MockDriver({ memory, ring: queue.address, num: NUM, data: 0x20000 + n * DATA_STEP }));
  device.activate(queues);
  return { memory, irqs, kills, device, queues, drivers };
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

describe('console', () => {
  function consoleRig() {
    let printed = '';
    let typed = '';
    const backend = {
      write: (bytes: Uint8Array) => { printed += text(bytes); },
      read: (target: Uint8Array) => {
        const piece = typed.slice(0, target.length);
        typed = typed.slice(piece.length);
        target.set(new TextEncoder().encode(piece));
        return piece.length;
      },
      get waiting() { return typed.length; },
    };
    const made = rig((memory, irq) => createConsole({ memory, irq, backend }));
    return { ...made, printed: () => printed, type: (more: string) => { typed += more; } };
  }

  it('prints all pieces at once and gives the buffer back', () => {
    const { device, drivers, irqs, printed } = consoleRig();
    drivers[1]!.add(new TextEncoder().encode('hello, '), new TextEncoder().encode('world'));
    expect(device.handleQueue(1)).toBe(false);
    expect(printed()).toBe('hello, world');
    expect(drivers[1]!.collect()).toHaveLength(1);
    expect(irqs).toEqual([1]);
    expect(device.statistics).toEqual({ bytesPrinted: 12, bytesTyped: 0, buffersPrinted: 1 });
  });

  it('does not interrupt a driver that does not want it, or has nothing', () => {
    const { device, drivers, irqs } = consoleRig();
    device.handleQueue(1);
    drivers[1]!.setFlags(VRING_AVAIL_NO_INTERRUPT);
    drivers[1]!.add(new TextEncoder().encode('x'));
    device.handleQueue(1);
    expect(irqs).toEqual([]);
  });

  it('keeps input until the driver has buffers, and loses nothing', () => {
    const { device, drivers, irqs, type } = consoleRig();
    type('abcdefgh');
    device.handleQueue(0);
    expect(irqs).toEqual([]);
    drivers[0]!.add({ room: 3 });
    drivers[0]!.add({ room: 2 }, { room: 1 });
    device.handleQueue(0);
    expect(irqs).toEqual([0]);
    expect(drivers[0]!.collect().map(({ data, written }) => text(data.subarray(0, written)))).toEqual(['abc', 'def']);
    drivers[0]!.add({ room: 100 });
    device.handleQueue(0);
    expect(drivers[0]!.collect().map(({ data, written }) => text(data.subarray(0, written)))).toEqual(['gh']);
    drivers[0]!.add({ room: 100 });
    device.handleQueue(0);
    expect(drivers[0]!.collect()).toEqual([]);
  });

  it('goes on from its state', () => {
    const { device, queues, drivers, printed } = consoleRig();
    drivers[1]!.add(new TextEncoder().encode('a'));
    device.handleQueue(1);
    const state = structuredClone(device.state());
    device.reset();
    drivers[1]!.add(new TextEncoder().encode('b'));
    device.handleQueue(1);
    expect(printed()).toBe('a');
    device.restore(state, queues);
    device.handleQueue(1);
    expect(printed()).toBe('ab');
  });
});

describe('rng', () => {
  it('fills buffers and says how much', () => {
    const { device, drivers, irqs, memory } = rig((m, irq) => createRng({ memory: m, irq, backend: seededRandom(7) }));
    drivers[0]!.add({ room: 10 }, { room: 6 });
    device.handleQueue(0);
    const [used] = drivers[0]!.collect();
    expect(used!.written).toBe(16);
    const expected = new Uint8Array(16);
    seededRandom(7).fill(expected);
    expect(used!.data).toEqual(expected);
    expect(new Set(expected).size).toBeGreaterThan(8);
    expect(irqs).toEqual([0]);
    expect(memory.invalidated.length).toBeGreaterThan(0);
  });

  it('gives the same bytes in whatever pieces they are asked for', () => {
    const whole = new Uint8Array(64);
    seededRandom(3).fill(whole);
    const source = seededRandom(3);
    const pieces = [1, 2, 3, 5, 53].flatMap((size) => {
      const piece = new Uint8Array(size);
      source.fill(piece);
      return [...piece];
    });
    expect(pieces).toEqual([...whole]);
  });

  it('does not write into what it may only read', () => {
    const { device, drivers } = rig((m, irq) => createRng({ memory: m, irq, backend: seededRandom(7) }));
    drivers[0]!.add(Uint8Array.of(1, 2, 3));
    device.handleQueue(0);
    expect(drivers[0]!.collect()[0]!.written).toBe(0);
  });
});

const SECTOR = 512;

function header(type: number, sector: number, high = 0): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(8, sector, true);
  view.setUint32(12, high, true);
  return bytes;
}

describe('block', () => {
  function blockRig(options: { readOnly?: boolean; broken?: boolean } = {}) {
    const bytes = Uint8Array.from({ length: 8 * SECTOR }, (_, index) => (index >>> 9) + 1);
    let flushes = 0;
    const base = memoryDisk(bytes, { readOnly: options.readOnly ?? false, serial: 'serial-number-longer-than-20' });
    const broken = (): never => { throw new Error('bad sector'); };
    const disk: Disk = { ...base, flush: () => { flushes++; }, ...(options.broken ? { read: broken, write: broken } : {}) };
    const made = rig((memory, irq) => createBlock({ memory, irq, backend: disk }));
    const request = (...pieces: (Uint8Array | { room: number })[]) => {
      made.drivers[0]!.add(...pieces);
      made.device.handleQueue(0);
      const [used] = made.drivers[0]!.collect();
      const data = used!.data;
      return { written: used!.written, data: data.subarray(0, -1), status: data.at(-1) };
    };
    return { ...made, bytes, request, flushes: () => flushes };
  }

  it('offers what it has', () => {
    const { device } = blockRig();
    expect(device.features).toEqual([VirtioBlkFeature.segMax, VirtioBlkFeature.flush]);
    expect(blockRig({ readOnly: true }).device.features).toContain(VirtioBlkFeature.readOnly);
    const view = new DataView(device.config.buffer);
    expect(view.getBigUint64(VirtioBlkConfig.capacity, true)).toBe(8n);
    expect(view.getUint32(VirtioBlkConfig.segMax, true)).toBe(254);
  });

  it('reads', () => {
    const { request, irqs } = blockRig();
    const { status, data, written } = request(header(VirtioBlkType.in, 2), { room: SECTOR }, { room: SECTOR }, { room: 1 });
    expect(status).toBe(VirtioBlkStatus.ok);
    expect(written).toBe(2 * SECTOR + 1);
    expect([data[0], data[SECTOR - 1], data[SECTOR], data[2 * SECTOR - 1]]).toEqual([3, 3, 4, 4]);
    expect(irqs).toEqual([0]);
  });

  it('writes, wherever the driver cut the pieces', () => {
    const { request, bytes } = blockRig();
    const whole = new Uint8Array(16 + SECTOR);
    whole.set(header(VirtioBlkType.out, 1));
    whole.fill(0xee, 16);
    const { status, written } = request(whole.subarray(0, 7), whole.subarray(7, 40), whole.subarray(40), { room: 1 });
    expect([status, written]).toEqual([VirtioBlkStatus.ok, 1]);
    expect([bytes[SECTOR - 1], bytes[SECTOR], bytes[2 * SECTOR - 1], bytes[2 * SECTOR]]).toEqual([1, 0xee, 0xee, 3]);
  });

  it('puts the status after the data even in the same piece', () => {
    const { request } = blockRig();
    const { status, data } = request(header(VirtioBlkType.in, 0), { room: SECTOR + 1 });
    expect(status).toBe(VirtioBlkStatus.ok);
    expect(data.every((byte) => byte === 1)).toBe(true);
  });

  it('flushes, and tells its serial number, cut to 20 bytes', () => {
    const { request, flushes } = blockRig();
    expect(request(header(VirtioBlkType.flush, 0), { room: 1 }).status).toBe(VirtioBlkStatus.ok);
    expect(flushes()).toBe(1);
    const id = request(header(VirtioBlkType.getId, 0), { room: 20 }, { room: 1 });
    expect(text(id.data)).toBe('serial-number-longer');
    expect(id.written).toBe(21);
  });

  it.each<[string, Uint8Array, number, number]>([
    ['beyond the end', header(VirtioBlkType.in, 8), SECTOR, VirtioBlkStatus.ioError],
    ['across the end', header(VirtioBlkType.in, 7), 2 * SECTOR, VirtioBlkStatus.ioError],
    ['far beyond the end', header(VirtioBlkType.in, 0, 1), SECTOR, VirtioBlkStatus.ioError],
    ['beyond all numbers', header(VirtioBlkType.in, 0xffff_ffff, 0xffff_ffff), SECTOR, VirtioBlkStatus.ioError],
    ['half a sector', header(VirtioBlkType.in, 0), 100, VirtioBlkStatus.ioError],
    ['SCSI', header(VirtioBlkType.scsi, 0), SECTOR, VirtioBlkStatus.unsupported],
    ['unheard of', header(77, 0), SECTOR, VirtioBlkStatus.unsupported],
  ])('refuses a request %s', (_, head, room, expected) => {
    const { request, kills } = blockRig();
    expect(request(head, { room }, { room: 1 }).status).toBe(expected);
    expect(kills).toEqual([]);
  });

  it('writes nothing beyond the end, and nothing when read-only', () => {
    const { request, bytes } = blockRig();
    const before = bytes.slice();
    expect(request(header(VirtioBlkType.out, 7), new Uint8Array(2 * SECTOR), { room: 1 }).status).toBe(VirtioBlkStatus.ioError);
    expect(bytes).toEqual(before);
    const locked = blockRig({ readOnly: true });
    expect(locked.request(header(VirtioBlkType.out, 0), new Uint8Array(SECTOR), { room: 1 }).status).toBe(VirtioBlkStatus.ioError);
    expect(locked.bytes).toEqual(before);
  });

  it('turns trouble of the backend into an I/O error', () => {
    const { request, device } = blockRig({ broken: true });
    expect(request(header(VirtioBlkType.in, 0), { room: SECTOR }, { room: 1 }).status).toBe(VirtioBlkStatus.ioError);
    expect(device.statistics['errors']).toBe(1);
  });

  it('gives back requests without header or status, and lives on', () => {
    const { drivers, device, request } = blockRig();
    drivers[0]!.add(Uint8Array.of(1));
    drivers[0]!.add(header(VirtioBlkType.in, 0));
    device.handleQueue(0);
    expect(drivers[0]!.collect().map(({ written }) => written)).toEqual([0, 0]);
    expect(request(Uint8Array.of(1, 2), { room: 1 }).status).toBe(VirtioBlkStatus.ioError);
  });

  it('never falls over, whatever a request looks like', () => {
    const piece = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.record({ room: fc.nat(1500) }));
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 3 }), fc.array(piece, { maxLength: 3 }), (first, rest) => {
      const writable = rest.filter((one) => !(one instanceof Uint8Array));
      const { drivers, device, kills } = blockRig();
      if (first.length + writable.length === 0) return;
      drivers[0]!.add(...first, ...writable);
      device.handleQueue(0);
      expect(drivers[0]!.collect()).toHaveLength(1);
      expect(kills).toEqual([]);
    }), { numRuns: 200 });
  });
});

describe('an overlay', () => {
  it('reads what was written, and leaves what is below alone', () => {
    fc.assert(fc.property(
      fc.array(fc.record({ sector: fc.nat(29), count: fc.integer({ min: 1, max: 12 }), value: fc.nat(255) }), { maxLength: 20 }),
      (writes) => {
        const below = Uint8Array.from({ length: 30 * SECTOR }, (_, index) => index % 251);
        const before = below.slice();
        const model = below.slice();
        const disk = overlayDisk(memoryDisk(below));
        for (const { sector, count, value } of writes) {
          const bytes = Math.min(count, 30 - sector) * SECTOR;
          const data = new Uint8Array(bytes).fill(value);
          disk.write(sector * SECTOR, data);
          model.set(data, sector * SECTOR);
          const back = new Uint8Array(30 * SECTOR);
          disk.read(0, back);
          expect(Buffer.compare(back, model)).toBe(0);
        }
        expect(Buffer.compare(below, before)).toBe(0);
      },
    ), { numRuns: 50 });
  });
});
