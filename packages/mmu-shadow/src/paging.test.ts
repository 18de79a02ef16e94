/* Faults, and what the Guest says of its entries: one address space at a time, in both forms of page tables. */
import { beforeEach, describe, expect, it } from 'vitest';
import { A, D, KERNEL, P, U, USER, W, WINDOW, World } from './world.test-support.js';

const TOP = 0x1000;
const MIDDLE_LOW = 2;
const MIDDLE_HIGH = 3;
const TABLE = 4;
const KERNEL_TABLE = 5;
const TEXT = 0x0040_0000;
const KTEXT = 0xc000_0000;

/** A Guest with one user table at TEXT and one kernel table at KTEXT. */
class Guest extends World {
  readonly form: 'two-level' | 'PAE';
  constructor(form: 'two-level' | 'PAE') {
    super();
    this.form = form;
    if (form === 'PAE') {
      this.write(TOP, MIDDLE_LOW << 12 | P);
      this.write(TOP + 24, MIDDLE_HIGH << 12 | P);
    }
    this.directory(TEXT, TABLE);
    this.directory(KTEXT, KERNEL_TABLE, KERNEL);
    this.mmu.newPageTable(TOP);
    this.requests.length = 0;
  }

  /** Address of the directory entry for an address. */
  directoryAt(address: number): number {
    if (this.form === 'two-level') return TOP + (address >>> 22) * 4;
    return (address < 0x4000_0000 ? MIDDLE_LOW : MIDDLE_HIGH) * 4096 + ((address >>> 21) & 511) * 8;
  }

  directory(address: number, table: number, flags = USER): void {
    this.write(this.directoryAt(address), table << 12 | flags);
  }

  /** Tell of a directory entry, as each form of Guest does. */
  tellDirectory(address: number): void {
    const at = this.directoryAt(address);
    if (this.form === 'two-level') this.mmu.setPgd(TOP, address >>> 22);
    else this.mmu.setPmd(at & ~0xfff, (at & 0xfff) >>> 3);
  }

  entryAt(address: number): number {
    const table = address < KTEXT ? TABLE : KERNEL_TABLE;
    return this.form === 'two-level' ? table * 4096 + ((address >>> 12) & 1023) * 4 : table * 4096 + ((address >>> 12) & 511) * 8;
  }

  set(address: number, frame: number, flags: number): void {
    this.write(this.entryAt(address), frame << 12 | flags);
  }

  /** Set an entry and say so. */
  setAndTell(address: number, frame: number, flags: number): void {
    this.set(address, frame, flags);
    this.mmu.setPte(TOP, address, frame << 12 | flags, 0);
  }
}

describe.each(['two-level', 'PAE'] as const)('%s', (form) => {
  let guest: Guest;
  beforeEach(() => {
    guest = new Guest(form);
  });

  it('is recognised', () => {
    expect(guest.mmu.pae).toBe(form === 'PAE');
    expect(guest.pae).toBe(form === 'PAE');
  });

  it('fills a page at its first read, read-only, and sets Accessed', () => {
    guest.set(TEXT, 9, P | W | U);
    expect(guest.access(TEXT)).toBe('done');
    expect(guest.shadow(TEXT)).toEqual({ frame: 9, rights: U });
    expect(guest.read(guest.entryAt(TEXT))).toBe(9 << 12 | P | W | U | A);
    expect(guest.requests).toEqual([]);
  });

  it('lets the first write through after setting Dirty', () => {
    guest.set(TEXT, 9, P | W | U);
    guest.access(TEXT);
    expect(guest.access(TEXT, true, true)).toBe('done');
    expect(guest.shadow(TEXT)).toEqual({ frame: 9, rights: W | U });
    expect(guest.read(guest.entryAt(TEXT))).toBe(9 << 12 | P | W | U | A | D);
    expect(guest.mmu.stats).toMatchObject({ faults: 2, filled: 2, reflected: 0 });
  });

  it('fills a dirty page writable at its first read', () => {
    guest.set(TEXT, 9, P | W | U | D);
    guest.access(TEXT);
    expect(guest.access(TEXT, true)).toBe('done');
    expect(guest.mmu.stats.faults).toBe(1);
  });

  it('sets Accessed in the directory entry', () => {
    guest.directory(TEXT, TABLE, P | W | U);
    guest.tellDirectory(TEXT);
    guest.set(TEXT, 9, P);
    guest.access(TEXT);
    expect(guest.read(guest.directoryAt(TEXT))).toBe(TABLE << 12 | P | W | U | A);
  });

  it.each<[string, number, number, boolean, boolean]>([
    ['an absent page', USER, 0, false, false],
    ['an absent table', 0, USER, false, false],
    ['a write to a read-only page, by the kernel too', USER, P | U | A, true, false],
    ['a write through a read-only directory entry', P | U | A, USER, true, false],
    ['a user at a kernel page', USER, KERNEL, false, true],
    ['a user through a kernel directory entry', KERNEL, USER, false, true],
  ])('reflects %s and changes nothing', (_, directory, entry, write, user) => {
    guest.directory(TEXT, TABLE, directory);
    guest.tellDirectory(TEXT);
    guest.set(TEXT, 9, entry);
    expect(guest.access(TEXT, write, user)).toBe('reflected');
    expect(guest.read(guest.entryAt(TEXT))).toBe(9 << 12 | entry);
    expect(guest.mmu.stats).toMatchObject({ filled: 0, reflected: 1 });
    expect(guest.shadow(TEXT)).toBeUndefined();
  });

  it('never fills in the Switcher window', () => {
    guest.directory(WINDOW, KERNEL_TABLE);
    for (const address of [WINDOW, 0xffff_f000]) {
      guest.set(address, 9, USER);
      expect(guest.access(address, true)).toBe('reflected');
      expect(guest.access(address, false, true)).toBe('reflected');
    }
    expect(guest.shadow(WINDOW)).toEqual({ frame: guest.switcherFrame, rights: 0 });
    expect(guest.reasons).toEqual([]);
  });

  it('fills below the Switcher window, in the table they share', () => {
    const fixmap = WINDOW - 0x1000;
    guest.directory(fixmap, KERNEL_TABLE, KERNEL);
    guest.set(fixmap, 9, KERNEL);
    expect(guest.access(fixmap, true)).toBe('done');
    guest.set(fixmap, 0, 0);
    guest.mmu.flushAll();
    expect(guest.access(fixmap)).toBe('reflected');
    expect(guest.requests).toEqual([`page ${fixmap.toString(16)}`]);
    guest.set(fixmap, 10, KERNEL);
    guest.access(fixmap);
    guest.directory(fixmap, 0, 0);
    guest.tellDirectory(fixmap);
    expect(guest.shadow(fixmap)).toBeUndefined();
    expect(guest.shadow(WINDOW)).toEqual({ frame: guest.switcherFrame, rights: 0 });
  });

  it('asks nothing of the TLB when a page comes, one page when it goes', () => {
    guest.setAndTell(TEXT, 9, USER);
    expect(guest.shadow(TEXT)).toBeUndefined(); // no table yet: it will fault in
    guest.access(TEXT);
    guest.setAndTell(TEXT + 0x1000, 10, USER);
    expect(guest.shadow(TEXT + 0x1000)).toEqual({ frame: 10, rights: W | U });
    expect(guest.requests).toEqual([]);
    guest.setAndTell(TEXT, 0, 0);
    expect(guest.shadow(TEXT)).toBeUndefined();
    expect(guest.requests).toEqual([`page ${TEXT.toString(16)}`]);
    expect(guest.mmu.stats).toMatchObject({ setPte: 3, setPteEntered: 1 });
  });

  it('copy-on-write costs the TLB one page', () => {
    guest.set(TEXT, 9, P | U | A);
    guest.access(TEXT, false, true);
    expect(guest.access(TEXT, true, true)).toBe('reflected');
    guest.setAndTell(TEXT, 10, USER);
    expect(guest.access(TEXT, true, true)).toBe('done');
    expect(guest.mmu.stats.faults).toBe(2);
    expect(guest.requests).toEqual([`page ${TEXT.toString(16)}`]);
  });

  it('more rights need no flush', () => {
    guest.set(TEXT, 9, P | U | A);
    guest.access(TEXT, false, true);
    guest.setAndTell(TEXT, 9, USER);
    expect(guest.access(TEXT, true, true)).toBe('done');
    expect(guest.requests).toEqual([]);
  });

  it('value 0 forgets, and the Guest\'s own entry counts again', () => {
    guest.set(TEXT, 9, USER);
    guest.access(TEXT);
    guest.set(TEXT, 10, USER);
    expect(guest.shadow(TEXT)!.frame).toBe(9);
    guest.mmu.setPte(TOP, TEXT, 0);
    expect(guest.shadow(TEXT)).toBeUndefined();
    guest.access(TEXT);
    expect(guest.shadow(TEXT)!.frame).toBe(10);
  });

  it('a value that comes late from the ring does not undo a later one', () => {
    guest.set(TEXT, 9, USER);
    guest.access(TEXT);
    guest.set(TEXT, 11, USER); // the last word
    guest.mmu.setPte(TOP, TEXT, 10 << 12 | USER, 0);
    expect(guest.shadow(TEXT)!.frame).toBe(11);
  });

  it('drops a table when its directory entry changed, page by page or all at once', () => {
    for (let i = 0; i < 3; i++) guest.set(TEXT + i * 4096, 9 + i, USER);
    for (let i = 0; i < 3; i++) guest.access(TEXT + i * 4096);
    const held = guest.mmu.framesHeld;
    guest.directory(TEXT, 0, 0);
    guest.tellDirectory(TEXT);
    expect(guest.requests).toHaveLength(3);
    expect(guest.mmu.framesHeld).toBe(held - 1);
    expect(guest.access(TEXT)).toBe('reflected');

    guest.directory(TEXT, TABLE);
    for (let i = 0; i < 20; i++) guest.set(TEXT + i * 4096, 9 + i, USER);
    for (let i = 0; i < 20; i++) guest.access(TEXT + i * 4096);
    guest.requests.length = 0;
    guest.directory(TEXT, TABLE, KERNEL);
    guest.tellDirectory(TEXT);
    expect(guest.requests).toEqual(['all']);
  });

  it('counts what is mapped: a table with one page left goes with one flush, however many it had', () => {
    const page = (i: number): number => TEXT + i * 4096;
    for (let i = 0; i < 40; i++) guest.set(page(i), 9, USER);
    for (let i = 0; i < 40; i++) guest.access(page(i));
    for (let i = 0; i < 20; i++) guest.mmu.setPte(TOP, page(i), 0);
    for (let i = 20; i < 39; i++) guest.set(page(i), 0, 0);
    guest.mmu.flushUser();
    guest.requests.length = 0;
    guest.directory(TEXT, 0, 0);
    guest.tellDirectory(TEXT);
    expect(guest.requests).toEqual([`page ${page(39).toString(16)}`]);
  });

  it('says how much there was to go through', () => {
    const { stats } = guest.mmu;
    for (let i = 0; i < 40; i++) guest.set(TEXT + i * 4096, 9, USER);
    for (let i = 0; i < 40; i++) guest.access(TEXT + i * 4096);
    const before = stats.looks;
    guest.mmu.setPte(TOP, TEXT, 0);
    expect(stats.looks).toBe(before);
    guest.mmu.flushUser();
    expect(stats.looks - before).toBeGreaterThanOrEqual(40);
    const flushed = stats.looks;
    guest.mmu.flushAll();
    expect(stats.looks - flushed).toBeGreaterThanOrEqual(form === 'PAE' ? 2048 : 1024);
  });

  it('enters nothing that has become bad since it was said', () => {
    guest.set(TEXT, 9, USER);
    guest.access(TEXT);
    // the value in the ring was good; what is in memory now is not
    if (form === 'PAE') guest.write(guest.entryAt(TEXT) + 4, 1);
    else guest.set(TEXT, guest.guestPages, USER);
    guest.mmu.setPte(TOP, TEXT, 9 << 12 | USER, 0);
    expect(guest.shadow(TEXT)).toBeUndefined();
    expect(guest.reasons).toEqual([]);
    expect(guest.mmu.demandPage(TEXT, 0)).toBe(false);
    expect(guest.reasons).toEqual([expect.stringMatching(/^bad page table entry/)]);
  });

  it('enters nothing below the Switcher window before it knows the table there', () => {
    const fixmap = WINDOW - 0x1000;
    // what a table at guest-physical 0, where none is, would say
    guest.write(form === 'PAE' ? ((fixmap >>> 12) & 511) * 8 : ((fixmap >>> 12) & 1023) * 4, 9 << 12 | KERNEL);
    guest.mmu.setPte(TOP, fixmap, 9 << 12 | KERNEL, 0);
    expect(guest.shadow(fixmap)).toBeUndefined();
    expect(guest.mmu.stats.setPteEntered).toBe(0);
  });

  it('a flush forgets an entry that has become bad', () => {
    for (const flush of ['flushUser', 'flushAll'] as const) {
      guest.set(TEXT, 9, USER);
      if (form === 'PAE') guest.write(guest.entryAt(TEXT) + 4, 0);
      guest.access(TEXT);
      if (form === 'PAE') guest.write(guest.entryAt(TEXT) + 4, 1);
      else guest.set(TEXT, guest.guestPages, USER);
      guest.mmu[flush]();
      expect(guest.shadow(TEXT)).toBeUndefined();
    }
    expect(guest.reasons).toEqual([]);
  });

  it('takes no page for writable behind a directory entry that is not', () => {
    guest.set(TEXT, 9, USER);
    guest.directory(TEXT, TABLE, P | U | A);
    guest.access(TEXT);
    expect(guest.mmu.isWritable(TEXT)).toBe(false);
    expect(guest.mmu.pinPage(TEXT)).toBe(false);
    guest.directory(TEXT, TABLE);
    expect(guest.mmu.pinPage(TEXT)).toBe(true);
    expect(guest.mmu.isWritable(TEXT)).toBe(true);
  });

  it('a directory entry set to what it was leaves what is still right', () => {
    guest.set(TEXT, 9, USER);
    guest.set(TEXT + 4096, 10, USER);
    guest.access(TEXT);
    guest.access(TEXT + 4096);
    guest.set(TEXT + 4096, 11, USER); // the table was freed and came back with something else in it
    guest.tellDirectory(TEXT);
    expect(guest.shadow(TEXT)).toEqual({ frame: 9, rights: W | U });
    expect(guest.shadow(TEXT + 4096)).toEqual({ frame: 11, rights: W | U });
    expect(guest.requests).toEqual([`page ${(TEXT + 4096).toString(16)}`]);
  });

  it('notices by itself that a directory entry changed, at the next fault behind it', () => {
    guest.set(TEXT, 9, USER);
    guest.access(TEXT);
    guest.directory(TEXT, KERNEL_TABLE);
    guest.write(KERNEL_TABLE * 4096 + 8 * (form === 'PAE' ? 2 : 1), 12 << 12 | USER);
    const other = TEXT + 2 * 4096;
    guest.access(other);
    expect(guest.shadow(other)!.frame).toBe(12);
    expect(guest.shadow(TEXT)).toBeUndefined();
  });

  it('flushUser checks the user\'s part, flushAll everything; what did not change costs nothing', () => {
    guest.set(TEXT, 9, USER);
    guest.set(KTEXT, 10, KERNEL);
    guest.access(TEXT);
    guest.access(KTEXT);
    guest.mmu.flushUser();
    guest.mmu.flushAll();
    expect(guest.requests).toEqual([]);
    expect(guest.mmu.stats.faults).toBe(2);

    guest.set(TEXT, 9, P | U | A); // as fork does
    guest.set(KTEXT, 11, KERNEL);
    guest.mmu.flushUser();
    expect(guest.shadow(TEXT)).toEqual({ frame: 9, rights: U });
    expect(guest.shadow(KTEXT)!.frame).toBe(10);
    guest.mmu.flushAll();
    expect(guest.shadow(KTEXT)!.frame).toBe(11);
    expect(guest.requests).toEqual([`page ${TEXT.toString(16)}`, `page ${KTEXT.toString(16)}`]);
  });

  it('a flush drops what is no longer marked as used, so that the next use is seen', () => {
    guest.set(TEXT, 9, USER);
    guest.access(TEXT);
    guest.set(TEXT, 9, P | W | U);
    guest.mmu.flushUser();
    expect(guest.shadow(TEXT)).toBeUndefined();
    guest.access(TEXT);
    expect(guest.read(guest.entryAt(TEXT)) & A).toBe(A);
  });

  it('a flush of many pages empties the TLB once', () => {
    for (let i = 0; i < 40; i++) guest.set(TEXT + i * 4096, 9, USER);
    for (let i = 0; i < 40; i++) guest.access(TEXT + i * 4096);
    for (let i = 0; i < 40; i++) guest.set(TEXT + i * 4096, 9, P | U | A);
    guest.mmu.flushUser();
    expect(guest.requests.filter((request) => request === 'all')).toHaveLength(1);
    expect(guest.tlb.size).toBe(0);
  });

  it('loading the directory in use again is a flush of the user\'s part', () => {
    guest.set(TEXT, 9, USER);
    guest.access(TEXT);
    guest.set(TEXT, 10, USER);
    guest.mmu.newPageTable(TOP);
    expect(guest.shadow(TEXT)!.frame).toBe(10);
    expect(guest.requests).toEqual([`page ${TEXT.toString(16)}`]);
  });

  it('pins a stack page: mapped, writable, dirty, and cheap the second time', () => {
    const stack = KTEXT + 0x3000;
    expect(guest.mmu.pinPage(stack)).toBe(false);
    guest.set(stack, 9, P | W);
    expect(guest.mmu.isWritable(stack)).toBe(false);
    expect(guest.mmu.pinPage(stack + 0xfff)).toBe(true);
    expect(guest.mmu.isWritable(stack)).toBe(true);
    expect(guest.read(guest.entryAt(stack)) & D).toBe(D);
    const { faults } = guest.mmu.stats;
    expect(guest.mmu.pinPage(stack)).toBe(true);
    expect(guest.mmu.stats.faults).toBe(faults);
    guest.setAndTell(stack, 9, P | A);
    expect(guest.mmu.pinPage(stack)).toBe(false);
    expect(guest.reasons).toEqual([]);
  });

  it('tells where an address lies in guest memory, by the Guest\'s tables alone', () => {
    guest.set(TEXT, 9, P);
    expect(guest.mmu.guestPhysical(TEXT + 0x123)).toBe(9 * 4096 + 0x123);
    expect(guest.read(guest.entryAt(TEXT))).toBe(9 << 12 | P); // looking is not using
    guest.set(TEXT, guest.guestPages, P);
    expect(guest.mmu.guestPhysical(TEXT)).toBeUndefined();
    expect(guest.mmu.guestPhysical(TEXT + 4096)).toBeUndefined();
    expect(guest.mmu.guestPhysical(0x3000_0000)).toBeUndefined();
    expect(guest.mmu.guestPhysical(WINDOW)).toBeUndefined();
    guest.directory(TEXT, guest.guestPages);
    expect(guest.mmu.guestPhysical(TEXT)).toBeUndefined();
    expect(guest.reasons).toEqual([]);
  });
});

describe('PAE only', () => {
  it('drops a quarter when its top-level entry changed', () => {
    const guest = new Guest('PAE');
    guest.set(TEXT, 9, USER);
    guest.set(KTEXT, 10, KERNEL);
    guest.access(TEXT);
    guest.access(KTEXT);
    guest.write(TOP, 0);
    guest.mmu.setPgd(TOP, 0);
    expect(guest.shadow(TEXT)).toBeUndefined();
    expect(guest.shadow(KTEXT)!.frame).toBe(10);
    expect(guest.access(TEXT)).toBe('reflected');
  });

  it('takes a directory at any multiple of 32', () => {
    const guest = new Guest('PAE');
    const second = TOP + 32;
    for (let i = 0; i < 32; i += 4) guest.write(second + i, guest.read(TOP + i));
    guest.set(KTEXT, 10, KERNEL);
    guest.mmu.newPageTable(second);
    expect(guest.access(KTEXT)).toBe('done');
    expect(guest.mmu.stats).toMatchObject({ newPageTable: 2, directoryHits: 0 });
  });
});

describe('recognising PAE', () => {
  it.each<[string, [number, number][], boolean]>([
    ['four pointers', [[0, 0x2001], [8, 0x3001], [16, 0x4001], [24, 0x5001]], true],
    ['the kernel\'s pointer alone', [[24, 0x5001]], true],
    ['two-level entries', [[0, 0x2063], [4, 0x3063], [8, 0x4063]], false],
    ['nothing in the first eight entries', [[768 * 4, 0x2063]], false],
    ['an odd entry that is present', [[0, 0x2001], [4, 0x3067]], false],
  ])('%s', (_, entries, pae) => {
    const world = new World();
    for (const [offset, value] of entries) world.write(TOP + offset, value);
    world.mmu.newPageTable(TOP);
    expect(world.mmu.pae).toBe(pae);
    expect(world.pae).toBe(pae);
  });
});
