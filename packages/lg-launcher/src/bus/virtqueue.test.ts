/*
 * A virtqueue against a driver that plays by the rules, and against ones that do not.
 */
import { VRING_AVAIL_NO_INTERRUPT, VringDescFlag, vringLayout } from '@lguest/lg-host/abi';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MockDriver, testMemory } from '../testing/mock-driver.js';
import { Virtqueue } from './virtqueue.js';

const NUM = 8;
const RING = 0x1000;
const DATA = 0x4000;

function rig(bytes = 0x8000) {
  const memory = testMemory(bytes);
  const reasons: string[] = [];
  const queue = new Virtqueue({ memory, address: RING, num: NUM, name: 'disk 0', kill: (reason) => reasons.push(reason) });
  const driver = new MockDriver({ memory, ring: RING, num: NUM, data: DATA });
  return { memory, reasons, queue, driver };
}

describe('a virtqueue', () => {
  it('hands out buffers in order, with both directions apart', () => {
    const { queue, driver } = rig();
    driver.add(Uint8Array.of(1, 2, 3), { room: 10 }, { room: 20 });
    driver.add({ room: 5 });
    expect(queue.hasAvailable).toBe(true);
    const first = queue.pop()!;
    expect(first.readable).toEqual([{ address: DATA, length: 3 }]);
    expect(first.writable.map(({ length }) => length)).toEqual([10, 20]);
    expect([first.readableBytes, first.writableBytes]).toEqual([3, 30]);
    expect(queue.pop()!.writableBytes).toBe(5);
    expect(queue.pop()).toBeUndefined();
    expect(queue.hasAvailable).toBe(false);
  });

  it('gives buffers back in any order, more often than the ring is long', () => {
    const { queue, driver, reasons } = rig();
    for (let round = 0; round < 70_000; round += 2) {
      const heads = [driver.add({ room: 1 }), driver.add({ room: 1 })];
      const [a, b] = [queue.pop()!, queue.pop()!];
      queue.push(b, 1);
      queue.push(a, 0);
      expect(driver.collect().map(({ head, written }) => [head, written])).toEqual([[heads[1], 1], [heads[0], 0]]);
    }
    expect(reasons).toEqual([]);
  });

  it('knows whether interrupts and notifications are wanted', () => {
    const { queue, driver } = rig();
    expect(queue.wantsInterrupt).toBe(true);
    driver.setFlags(VRING_AVAIL_NO_INTERRUPT);
    expect(queue.wantsInterrupt).toBe(false);
    queue.wantNotify(false);
    expect(driver.mayStaySilent).toBe(true);
    queue.wantNotify(true);
    expect(driver.mayStaySilent).toBe(false);
  });

  it('goes on from a saved state', () => {
    const { queue, driver, memory } = rig();
    driver.add({ room: 1 });
    queue.push(queue.pop()!, 1);
    driver.add({ room: 2 });
    const other = new Virtqueue({ memory, address: RING, num: NUM, name: 'x', kill: () => {} });
    other.restore(queue.state());
    expect(other.pop()!.writableBytes).toBe(2);
  });

  it('starts again after a reset, with zeros', () => {
    const { queue, driver, memory } = rig();
    driver.add({ room: 1 });
    queue.pop();
    queue.reset();
    expect(queue.pop()).toBeUndefined();
    expect(memory.bytes.subarray(RING, RING + vringLayout(NUM).bytes).every((byte) => byte === 0)).toBe(true);
    new MockDriver({ memory, ring: RING, num: NUM, data: DATA }).add({ room: 3 });
    expect(queue.pop()!.writableBytes).toBe(3);
  });
});

describe('a hostile driver', () => {
  const plain = { address: DATA, length: 16, flags: 0, next: 0 };
  it.each<[string, (driver: MockDriver) => void, string]>([
    ['names a head beyond the ring', (d) => d.makeAvailable(NUM), 'disk 0 names descriptor 8 of 8'],
    ['claims too many buffers', (d) => d.setAvailableIndex(NUM + 1), 'claims 9 available buffers in a ring of 8'],
    ['links beyond the ring', (d) => { d.describe(0, { ...plain, flags: VringDescFlag.next, next: 500 }); d.makeAvailable(0); }, 'names descriptor 500'],
    ['links in circles', (d) => {
      d.describe(0, { ...plain, flags: VringDescFlag.next, next: 1 });
      d.describe(1, { ...plain, flags: VringDescFlag.next, next: 0 });
      d.makeAvailable(0);
    }, 'goes round in circles'],
    ['points beyond memory', (d) => { d.describe(0, { ...plain, address: 0x7ff8 }); d.makeAvailable(0); }, 'outside the Guest\'s memory'],
    ['points beyond 4 GiB', (d) => { d.describe(0, { ...plain, high: 1 }); d.makeAvailable(0); }, 'at 0x100004000, outside'],
    ['wraps around', (d) => { d.describe(0, { ...plain, address: 0xffff_fff0, length: 0x20 }); d.makeAvailable(0); }, 'outside'],
    ['asks for everything at once', (d) => { d.describe(0, { ...plain, length: 0xffff_ffff }); d.makeAvailable(0); }, 'outside'],
    ['uses indirect descriptors', (d) => { d.describe(0, { ...plain, flags: VringDescFlag.indirect }); d.makeAvailable(0); }, 'indirect descriptors'],
    ['mixes directions', (d) => {
      d.describe(0, { ...plain, flags: VringDescFlag.next | VringDescFlag.write, next: 1 });
      d.describe(1, plain);
      d.makeAvailable(0);
    }, 'readable part after a writable one'],
    ['names all of memory twice', (d) => {
      d.describe(0, { ...plain, address: 0, length: 0x8000, flags: VringDescFlag.next, next: 1 });
      d.describe(1, { ...plain, address: 0, length: 1 });
      d.makeAvailable(0);
    }, 'longer than the Guest\'s memory'],
  ])('that %s is killed', (_, spoil, sentence) => {
    const { queue, driver, reasons } = rig();
    spoil(driver);
    expect(queue.pop()).toBeUndefined();
    expect(reasons).toHaveLength(1);
    expect(reasons[0]).toContain(sentence);
    expect(queue.pop()).toBeUndefined();
    expect(reasons).toHaveLength(1);
  });

  it('can write anything into its ring: what comes out lies in memory', () => {
    const ringBytes = vringLayout(NUM).bytes;
    fc.assert(fc.property(fc.uint8Array({ minLength: 170, maxLength: 170 }), (noise) => {
      const { memory, queue } = rig();
      memory.bytes.set(noise.subarray(0, NUM * 16), RING);
      memory.bytes.set(noise.subarray(NUM * 16), RING + NUM * 16);
      const before = memory.bytes.slice();
      for (let n = 0; n < 2 * NUM; n++) {
        const chain = queue.pop();
        if (chain === undefined) break;
        expect(chain.readable.length + chain.writable.length).toBeLessThanOrEqual(NUM);
        for (const { address, length } of [...chain.readable, ...chain.writable]) {
          expect(address).toBeGreaterThanOrEqual(0);
          expect(address + length).toBeLessThanOrEqual(memory.limit);
        }
        queue.push(chain, 1);
      }
      // nothing outside the ring was written
      expect(Buffer.compare(memory.bytes.subarray(0, RING), before.subarray(0, RING))).toBe(0);
      expect(Buffer.compare(memory.bytes.subarray(RING + ringBytes), before.subarray(RING + ringBytes))).toBe(0);
    }), { numRuns: 300 });
  });
});
