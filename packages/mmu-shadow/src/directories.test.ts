/* Several address spaces: the cache of directories, the kernel's tables that they share, and running out of frames. */
import { describe, expect, it } from 'vitest';
import { MmuShadowError } from './error.js';
import { MINIMUM_FRAMES } from './options.js';
import { KERNEL, USER, World, WINDOW, type WorldOptions } from './world.test-support.js';

const TEXT = 0x0040_0000;
const KTEXT = 0xc000_0000;
const KERNEL_TABLE = 40;
const directory = (n: number): number => (1 + n) * 4096;

/** `count` processes, each with a page of its own at TEXT, and a kernel that is the same in all. */
function processes(count: number, options: WorldOptions = {}): World {
  const world = new World(options);
  for (let n = 0; n < count; n++) {
    world.pde(directory(n), TEXT >>> 22, 20 + n);
    world.pde(directory(n), 768, KERNEL_TABLE, KERNEL);
    world.pte(20 + n, 0, 50 + n);
  }
  world.pte(KERNEL_TABLE, 0, 49, KERNEL);
  return world;
}

function visit(world: World, n: number): void {
  world.mmu.newPageTable(directory(n));
  expect(world.access(TEXT, true, true)).toBe('done');
  expect(world.shadow(TEXT)!.frame).toBe(50 + n);
}

describe('the cache of directories', () => {
  it('remembers what a process had', () => {
    const world = processes(3, { directories: 3 });
    for (const n of [0, 1, 2, 0, 1, 2]) visit(world, n);
    expect(world.mmu.stats).toMatchObject({ faults: 3, newPageTable: 6, directoryHits: 3, directoriesReplaced: 0 });
  });

  it('replaces the one not used for the longest time', () => {
    const world = processes(3, { directories: 2 });
    for (const n of [0, 1, 0, 2, 0]) visit(world, n);
    expect(world.mmu.stats).toMatchObject({ directoryHits: 2, directoriesReplaced: 1 });
    visit(world, 1);
    expect(world.mmu.stats.directoriesReplaced).toBe(2);
  });

  it('counts a switch to a directory it has as use', () => {
    const world = processes(4, { directories: 3 });
    for (const n of [0, 1, 2, 0, 1, 3, 0]) visit(world, n);
    expect(world.mmu.stats).toMatchObject({ directoryHits: 3, directoriesReplaced: 1 });
  });

  it('can replace at random, the same way each time, and never the one in use', () => {
    const order = Array.from({ length: 60 }, (_, i) => (i * 7) % 5);
    const run = (): object => {
      const world = processes(5, { directories: 3, replacement: 'random' });
      for (const n of order) visit(world, n);
      return world.mmu.stats;
    };
    expect(run()).toEqual(run());
  });

  it('takes entries set for a process that is not running', () => {
    const world = processes(2);
    visit(world, 0);
    visit(world, 1);
    world.requests.length = 0;
    world.pte(20, 0, 60);
    world.mmu.setPte(directory(0), TEXT, 60 << 12 | USER);
    expect(world.requests).toEqual([]); // the TLB knows only who runs
    world.mmu.newPageTable(directory(0));
    expect(world.shadow(TEXT)!.frame).toBe(60);
    world.mmu.setPgd(directory(5), 0); // a directory nobody has seen is none of our business
    world.mmu.setPte(directory(5), TEXT, 61 << 12 | USER);
    world.mmu.setPte(0xffff_f123, TEXT, 61 << 12 | USER);
    expect(world.reasons).toEqual([]);
  });

  it('an entry set for one process is nothing to another', () => {
    const world = processes(2);
    visit(world, 1);
    visit(world, 0);
    world.pte(20, 0, 60); // not said for directory 0
    world.mmu.setPte(directory(1), TEXT, 0);
    world.mmu.setPte(directory(1), TEXT, 51 << 12 | USER);
    expect(world.shadow(TEXT)!.frame).toBe(50);
    expect(world.requests.filter((request) => request !== 'load')).toEqual([]);
  });

  it('after a flush of everything, looks again at who was not running', () => {
    const world = processes(2);
    visit(world, 0);
    visit(world, 1);
    world.pte(20, 0, 60);
    world.mmu.flushAll();
    world.mmu.newPageTable(directory(0));
    expect(world.shadow(TEXT)!.frame).toBe(60);
  });

  it('a user flush is for the process that runs', () => {
    const world = processes(2);
    visit(world, 0);
    visit(world, 1);
    world.pte(20, 0, 60);
    world.mmu.flushUser();
    world.mmu.newPageTable(directory(0));
    expect(world.shadow(TEXT)!.frame).toBe(50);
  });
});

describe('the kernel\'s part', () => {
  it('is filled once for all', () => {
    const world = processes(4);
    for (const n of [0, 1, 2, 3]) {
      visit(world, n);
      world.access(KTEXT, true);
    }
    expect(world.mmu.stats.faults).toBe(4 + 1);
    // four directories, each with a window table and one of its own, and one table of the kernel
    expect(world.mmu.framesHeld).toBe(4 * 3 + 1);
  });

  it('stays in the TLB over a switch, and what is a process\'s own does not', () => {
    const world = processes(2);
    visit(world, 0);
    world.access(KTEXT);
    world.access(WINDOW);
    world.mmu.newPageTable(directory(1));
    expect([...world.tlb.keys()]).toEqual([KTEXT >>> 12, WINDOW >>> 12]);
    world.mmu.startLinear();
    expect([...world.tlb.keys()]).toEqual([WINDOW >>> 12]);
  });

  it('takes an entry set in any directory for all', () => {
    const world = processes(2);
    visit(world, 0);
    world.access(KTEXT);
    visit(world, 1);
    world.requests.length = 0;
    world.access(KTEXT);
    world.pte(KERNEL_TABLE, 0, 48, KERNEL);
    world.mmu.setPte(directory(7), KTEXT, 48 << 12 | KERNEL);
    expect(world.shadow(KTEXT)!.frame).toBe(48);
    expect(world.requests).toEqual([`page ${KTEXT.toString(16)}`]);
    world.mmu.newPageTable(directory(0));
    expect(world.shadow(KTEXT)!.frame).toBe(48);
  });

  it('is not taken over where a directory has something else', () => {
    const world = processes(2);
    world.pde(directory(1), 768, KERNEL_TABLE + 1, KERNEL);
    world.pte(KERNEL_TABLE + 1, 0, 47, KERNEL);
    for (const [n, frame] of [[0, 49], [1, 47], [0, 49]] as const) {
      world.mmu.newPageTable(directory(n));
      expect(world.shadow(KTEXT)).toBeUndefined();
      world.access(KTEXT);
      expect(world.shadow(KTEXT)!.frame).toBe(frame);
    }
  });

  it('reaches a directory that gets the entry later, as after a vmalloc fault', () => {
    const world = processes(2);
    const area = 0xd000_0000;
    world.pde(directory(0), area >>> 22, 42, KERNEL);
    world.pte(42, 0, 46, KERNEL);
    world.mmu.newPageTable(directory(0));
    world.access(area);
    world.mmu.newPageTable(directory(1));
    expect(world.access(area)).toBe('reflected');
    world.pde(directory(1), area >>> 22, 42, KERNEL);
    world.mmu.setPgd(directory(1), area >>> 22);
    expect(world.access(area)).toBe('done');
    world.mmu.newPageTable(directory(0));
    const { faults } = world.mmu.stats;
    expect(world.access(area)).toBe('done');
    expect(world.mmu.stats.faults).toBe(faults);
  });

  it('goes from one directory when only that one says so', () => {
    const world = processes(2);
    visit(world, 0);
    world.access(KTEXT);
    visit(world, 1);
    world.access(KTEXT);
    world.pde(directory(1), 768, 0, 0);
    world.mmu.setPgd(directory(1), 768);
    expect(world.access(KTEXT)).toBe('reflected');
    world.mmu.newPageTable(directory(0));
    expect(world.shadow(KTEXT)!.frame).toBe(49);
  });

  it('shares nothing until the Guest has said where its kernel is', () => {
    const world = processes(2, { kernelAddress: WINDOW - 4096 });
    for (const n of [0, 1]) {
      visit(world, n);
      world.access(KTEXT);
    }
    expect(world.mmu.stats.faults).toBe(4);
    expect(() => {
      world.mmu.kernelAddress = KTEXT;
    }).toThrow(MmuShadowError);
  });
});

describe('frames', () => {
  it('come back, every one', () => {
    const world = processes(4);
    for (const n of [0, 1, 2, 3]) visit(world, n);
    world.access(KTEXT);
    expect(world.pool.used).toBe(world.mmu.framesHeld);
    world.mmu.dispose();
    expect(world.pool.used).toBe(0);
    expect(world.mmu.framesHeld).toBe(0);
    world.mmu.dispose();
    expect(() => world.mmu.demandPage(0, 0)).toThrow(MmuShadowError);
    expect(() => world.mmu.newPageTable(directory(0))).toThrow(MmuShadowError);
  });

  it('when none is left, directories go first, then tables, and everything can be had again', () => {
    const world = processes(12, { hostPages: MINIMUM_FRAMES });
    for (let n = 0; n < 12; n++) visit(world, n);
    expect(world.mmu.stats.directoriesReclaimed).toBeGreaterThan(0);
    expect(world.mmu.stats.tablesReclaimed).toBe(0);
    for (let i = 0; i < 64; i++) world.pde(directory(0), 256 + i, 20);
    world.mmu.newPageTable(directory(0));
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 64; i++) expect(world.access((256 + i) * 2 ** 22, true)).toBe('done');
    }
    expect(world.mmu.stats.tablesReclaimed).toBeGreaterThan(0);
    expect(world.pool.used).toBeLessThanOrEqual(MINIMUM_FRAMES);
    for (let n = 0; n < 12; n++) visit(world, n);
    expect(world.reasons).toEqual([]);
  });

  it('with the fewest there may be, a dozen tables still live side by side', () => {
    const world = processes(1, { hostPages: MINIMUM_FRAMES });
    const regions = Array.from({ length: 40 }, (_, i) => 256 + i);
    for (const region of regions) world.pde(directory(0), region, 20);
    world.mmu.newPageTable(directory(0));
    for (const region of regions) world.access(region * 2 ** 22);
    for (const region of regions.slice(-12)) expect(world.shadow(region * 2 ** 22)).toBeDefined();
  });

  it('maxFrames is kept', () => {
    const world = processes(12, { maxFrames: MINIMUM_FRAMES });
    for (let n = 0; n < 12; n++) {
      visit(world, n);
      expect(world.pool.used).toBeLessThanOrEqual(MINIMUM_FRAMES);
    }
  });
});

it('there is nothing to call before startLinear()', () => {
  const { mmu } = new World({ start: false });
  for (const call of [
    () => mmu.demandPage(0, 0), () => mmu.newPageTable(0), () => mmu.setPte(0, 0, 0), () => mmu.setPgd(0, 0), () => mmu.setPmd(0, 0),
    () => mmu.flushUser(), () => mmu.flushAll(), () => mmu.pinPage(0),
  ]) expect(call).toThrow(expect.objectContaining({ code: 'bad-state' }));
  expect(mmu.guestPhysical(0)).toBeUndefined();
  expect(mmu.isWritable(0)).toBe(false);
  mmu.dispose();
});

describe('options', () => {
  it.each<[string, WorldOptions, string]>([
    ['no directories', { directories: 0 }, 'bad-option'],
    ['too many directories', { directories: 129 }, 'bad-option'],
    ['a window that begins within a page', { switcher: { base: WINDOW + 1, frames: [] } }, 'bad-option'],
    ['a window too small for its frames', { switcher: { base: 0xffff_f000, frames: [64, 64] } }, 'bad-option'],
    ['a window frame that is not there', { switcher: { base: WINDOW, frames: [100_000] } }, 'bad-option'],
    ['too few frames', { hostPages: MINIMUM_FRAMES - 1 }, 'too-few-frames'],
    ['too few frames for a large window', { hostPages: 40, switcher: { base: 0xf000_0000, frames: [64] } }, 'too-few-frames'],
    ['too low a maximum', { maxFrames: 10 }, 'too-few-frames'],
  ])('%s', (_, options, code) => {
    expect(() => new World(options)).toThrow(expect.objectContaining({ name: 'MmuShadowError', code }));
  });

  it('a window of 4 MiB, as older Hosts had it', () => {
    const world = processes(2, { switcher: { base: 0xffc0_0000, frames: [64, 64] } });
    visit(world, 0);
    visit(world, 1);
    expect(world.shadow(0xffc0_1000)).toEqual({ frame: 64, rights: 0 });
    world.mmu.setPte(directory(0), 0xffc0_2000, 0);
    expect(world.reasons).toHaveLength(1);
  });
});
