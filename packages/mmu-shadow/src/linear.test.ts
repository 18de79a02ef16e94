/* Before paging: virtual addresses are guest-physical ones. */
import { describe, expect, it } from 'vitest';
import { KERNEL, P, U, W, WINDOW, World } from './world.test-support.js';

describe('linear mode', () => {
  it('maps each page where it is, at its first touch, writable and for the kernel only', () => {
    const world = new World();
    expect(world.reachable()).toEqual([[WINDOW, { frame: world.switcherFrame, rights: 0 }]]);
    expect(world.access(0x5123)).toBe('done');
    expect(world.access(0x5ffc, true)).toBe('done');
    expect(world.mmu.stats).toMatchObject({ faults: 1, filled: 1 });
    expect(world.shadow(0x5123)).toEqual({ frame: 5, rights: W });
    expect(world.access(0x5123, false, true)).toBe('reflected');
    expect(world.requests).toEqual([]);
  });

  it('has nothing beyond guest memory and in the Switcher window', () => {
    const world = new World({ guestPages: 16 });
    expect(world.access(0xf000)).toBe('done');
    expect(world.access(0x1_0000)).toBe('reflected');
    expect(world.access(0xc000_0000)).toBe('reflected');
    expect(world.access(WINDOW)).toBe('done'); // to be read: the tables the CPU uses
    expect(world.access(WINDOW, true)).toBe('reflected');
    expect(world.access(WINDOW, false, true)).toBe('reflected');
    expect(world.access(WINDOW + 0x1000)).toBe('reflected');
    expect(world.reasons).toEqual([]);
  });

  it('stays as it is through flushes and the like', () => {
    const world = new World();
    world.access(0x5000);
    world.mmu.flushAll();
    world.mmu.flushUser();
    world.mmu.setPte(0x1000, 0x5000, 0);
    world.mmu.setPgd(0x1000, 0);
    world.mmu.setPmd(0x1000, 0);
    expect(world.shadow(0x5000)).toEqual({ frame: 5, rights: W });
    expect(world.mmu.linear).toBe(true);
    expect(world.mmu.guestPhysical(0x5123)).toBe(0x5123);
    expect(world.mmu.guestPhysical(64 * 4096)).toBeUndefined();
    expect(world.mmu.pinPage(0x6000)).toBe(true);
    expect(world.mmu.pinPage(0x00f0_0000)).toBe(false);
  });

  it('has forgotten the other form of page tables when it begins again', () => {
    const world = new World();
    world.write(0x1000, 0x2000 | P);
    world.write(0x2000, 3 << 12 | KERNEL);
    world.write(0x3000, 9 << 12 | KERNEL);
    world.write(0x3004, 1);
    world.mmu.newPageTable(0x1000);
    expect(world.mmu.pae).toBe(true);
    expect(world.mmu.guestPhysical(0)).toBeUndefined();
    world.mmu.startLinear();
    world.pde(0x4000, 0, 5, KERNEL);
    world.pte(5, 0, 9, KERNEL);
    world.mmu.newPageTable(0x4000);
    expect(world.mmu.pae).toBe(false);
    expect(world.access(0)).toBe('done');
    expect(world.reasons).toEqual([]);
  });

  it('ends with the first page directory, and can begin again', () => {
    const world = new World();
    world.access(0x5000);
    world.pde(0x1000, 768, 2, KERNEL);
    world.mmu.newPageTable(0x1000);
    expect(world.mmu.linear).toBe(false);
    expect(world.requests).toEqual(['load']);
    expect(world.access(0x5000)).toBe('reflected');
    world.mmu.startLinear();
    expect(world.access(0x5000)).toBe('done');
    expect(world.shadow(0x5000)!.rights & U).toBe(0);
    expect(world.pool.used).toBe(3);
  });
});
