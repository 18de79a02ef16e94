/* Everything a Guest dies of here, with the sentence it dies with; and that it is over then. */
import { describe, expect, it } from 'vitest';
import { KERNEL, P, USER, World, WINDOW } from './world.test-support.js';

const TOP = 0x1000;
const TABLE = 4;
const TEXT = 0x0040_0000;
const LARGE = 0x80;
const END = 64 * 4096;

function twoLevel(): World {
  const world = new World();
  world.pde(TOP, TEXT >>> 22, TABLE);
  world.pde(TOP, 768, TABLE + 1, KERNEL);
  world.mmu.newPageTable(TOP);
  return world;
}

function pae(): World {
  const world = new World();
  world.write(TOP, 0x2000 | P);
  world.write(0x2000 + (TEXT >>> 21) * 8, TABLE << 12 | USER);
  world.mmu.newPageTable(TOP);
  return world;
}

const entry = (value: number, high = 0) => (world: World): void => {
  const at = TABLE * 4096;
  world.write(at, value);
  if (high !== 0) world.write(at + 4, high);
  world.mmu.demandPage(TEXT, 0);
};

describe('a Guest is killed for', () => {
  it.each<[string, () => World, (world: World) => void, RegExp]>([
    ['a page beyond its memory', twoLevel, entry(END | USER), /^bad page table entry 0x40067 at guest-physical 0x4000 for address 0x400000: guest memory ends at 0x40000$/],
    ['a page at the end of 4 GiB', twoLevel, entry(0xffff_f000 | USER), /page table entry 0xfffff067 .*guest memory ends/],
    ['a large page-table entry', twoLevel, entry(0x9000 | USER | LARGE), /page table entry 0x90e7 .*flags 0xe7 are not allowed/],
    ['a large page', twoLevel, (world) => {
      world.pde(TOP, TEXT >>> 22, 0, USER | LARGE);
      world.mmu.demandPage(TEXT, 0);
    }, /^bad page directory entry 0xe7 at guest-physical 0x1004 for address 0x400000: flags 0xe7 are not allowed there$/],
    ['a reserved flag in a directory entry', twoLevel, (world) => {
      world.pde(TOP, TEXT >>> 22, TABLE, USER | 0x100);
      world.mmu.demandPage(TEXT, 0);
    }, /page directory entry 0x4167 .*flags 0x167/],
    ['a table beyond its memory', twoLevel, (world) => {
      world.pde(TOP, TEXT >>> 22, 64);
      world.mmu.demandPage(TEXT, 0);
    }, /page directory entry 0x40067 .*guest memory ends at 0x40000$/],
    ['a page directory beyond its memory', twoLevel, (world) => world.mmu.newPageTable(END), /^page directory 0x40000 does not lie in guest memory, which ends at 0x40000$/],
    ['a first page directory beyond its memory', () => new World(), (world) => world.mmu.newPageTable(0xffff_f000), /^page directory 0xfffff000 does not lie in guest memory/],
    ['SET_PTE of a page beyond its memory', twoLevel, (world) => world.mmu.setPte(TOP, TEXT, END | USER, 0xdead), /^bad page table entry 0x40067 for address 0x400000: guest memory ends/],
    ['SET_PTE of a large page', twoLevel, (world) => world.mmu.setPte(TOP, TEXT, 0x9000 | USER | LARGE), /page table entry 0x90e7 for address 0x400000: flags/],
    ['SET_PTE in the Switcher window', twoLevel, (world) => world.mmu.setPte(TOP, WINDOW, 0x9000 | USER), /^page table entry 0x9067 for address 0xfffdf000 lies in the Switcher window, which begins at 0xfffdf000$/],
    ['SET_PTE at the last page, even to forget', twoLevel, (world) => world.mmu.setPte(TOP, -1, 0), /address 0xffffffff lies in the Switcher window/],
    ['SET_PGD one past the end', twoLevel, (world) => world.mmu.setPgd(TOP, 1024), /^page directory 0x1000 has no entry 1024: there are 1024$/],
    ['SET_PGD of a negative entry', twoLevel, (world) => world.mmu.setPgd(TOP, -1), /has no entry 4294967295/],
    ['SET_PGD past the end in linear mode', () => new World(), (world) => world.mmu.setPgd(TOP, 1024), /^page directory 0x1000 has no entry 1024: there are 1024$/],
    ['SET_PMD with two levels', twoLevel, (world) => world.mmu.setPmd(TOP, 0), /^middle-level page 0x1000 in page tables that have two levels$/],
    ['a stack in the Switcher window', twoLevel, (world) => world.mmu.pinPage(WINDOW + 0x2fff), /^stack page 0xfffe1fff lies in the Switcher window/],
    ['a kernel that begins in the Switcher window', () => new World(), (world) => {
      world.mmu.kernelAddress = WINDOW;
    }, /^kernel address 0xfffdf000 lies in the Switcher window/],
    ['PAE: bits above the 31st', pae, entry(0x9000 | USER, 0x8000_0000), /^bad page table entry 0x80000000_00009067 at guest-physical 0x4000 for address 0x400000: it has bits above the 31st$/],
    ['PAE: SET_PTE with bits above the 31st', pae, (world) => world.mmu.setPte(TOP, TEXT, 0x9000 | USER, 1), /page table entry 0x1_00009067 for address 0x400000: it has bits above/],
    ['PAE: a large page', pae, (world) => {
      world.write(0x2000 + (TEXT >>> 21) * 8, USER | LARGE);
      world.mmu.demandPage(TEXT, 0);
    }, /page directory entry 0xe7 .*flags/],
    ['PAE: bits above the 31st in a directory entry', pae, (world) => {
      world.write(0x2000 + (TEXT >>> 21) * 8 + 4, 1);
      world.mmu.demandPage(TEXT, 0);
    }, /page directory entry 0x1_00004067 /],
    ['PAE: flags in a top-level entry', pae, (world) => {
      world.write(TOP, 0x2000 | USER);
      world.mmu.demandPage(TEXT, 0);
    }, /^bad page directory pointer 0x2067 at guest-physical 0x1000 for address 0x400000: flags 0x67 are not allowed there$/],
    ['PAE: a middle page beyond its memory', pae, (world) => {
      world.write(TOP, END | P);
      world.mmu.demandPage(TEXT, 0);
    }, /page directory pointer 0x40001 .*guest memory ends/],
    ['PAE: SET_PGD beyond the four', pae, (world) => world.mmu.setPgd(TOP, 4), /has no entry 4: there are 4$/],
    ['PAE: SET_PMD beyond the page', pae, (world) => world.mmu.setPmd(0x2000, 512), /^middle-level page 0x2000 has no entry 512: there are 512$/],
  ])('%s', (_, make, act, reason) => {
    const world = make();
    expect(world.reasons).toEqual([]);
    act(world);
    expect(world.reasons).toEqual([expect.stringMatching(reason)]);

    // nothing it asks for counts any more
    const before = world.words.slice();
    const { mmu } = world;
    world.requests.length = 0;
    mmu.newPageTable(0xffff_f000);
    mmu.setPte(TOP, WINDOW, 0);
    mmu.setPgd(TOP, 5000);
    mmu.setPmd(TOP, 5000);
    mmu.flushUser();
    mmu.flushAll();
    mmu.kernelAddress = WINDOW;
    expect(mmu.demandPage(TEXT, 0)).toBe(false);
    expect(mmu.pinPage(TEXT)).toBe(false);
    expect(world.reasons).toHaveLength(1);
    expect(world.requests).toEqual([]);
    expect(world.words.every((word, i) => word === before[i])).toBe(true);
    mmu.dispose();
    expect(world.pool.used).toBe(0);
  });

  it('nothing, when the bad entry is never used', () => {
    const world = twoLevel();
    world.pte(TABLE, 1, 64);
    world.pte(TABLE, 2, 9, 0x80); // not present: its other bits are the Guest's own
    expect(world.mmu.demandPage(TEXT + 0x2000, 0)).toBe(false);
    world.mmu.setPte(TOP, TEXT + 0x2000, 0xffff_ff80);
    world.mmu.flushAll();
    world.mmu.setPgd(TOP, TEXT >>> 22);
    expect(world.reasons).toEqual([]);
  });
});
