/*
 * The promise of this package, on random Guests: whatever a Guest does with its page tables and whenever it says so, the
 * CPU can reach nothing through the shadow that the Guest's tables did not allow when the Guest last spoke, and no frame
 * that is not the Guest's, except the Switcher window.
 *
 * The model keeps the history of every word the Guest wrote, and for each region and each page of each directory the
 * moment the Guest last gave notice of it. What may be reached is what a walk can find when it takes, at each level, any
 * value the word had at that moment or later.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FRAME_MASK, PAGE_SIZE } from './entries.js';
import { A, D, type Mapping, P, U, W, WINDOW, World } from './world.test-support.js';

const RUNS = 250;
const DIRECTORIES = 3;
const TABLE_PAGES = [16, 17, 18, 19, 20, 21];
const INDICES = [0, 1, 5];
/** In PAE: the page of all top levels, and the middle-level pages; quarter 0 and 3 have some. */
const TOP_PAGE = 1;
const MIDDLE_PAGES = [4, 5, 6, 7];
const GUEST_PAGES = 48;

interface Shape {
  pae: boolean;
  kernelAddress: number;
  regions: number[];
  hostPages: number;
  directories: number;
}

const flags = fc.constantFrom(0, 0, P | U, P | A, P | W | A, P | W | U, P | W | U | A, P | W | U | A | D, P | W | A | D, P | U | A | D, P | W | U | A | D | 0x118, 0x20 | D);
const pick = fc.nat({ max: 1000 });
/** What the Guest does about a change: says nothing, says it at once, or puts it into the ring. */
const notice = fc.constantFrom('none', 'now', 'now', 'ring');

const operation = fc.oneof(
  { weight: 8, arbitrary: fc.record({ op: fc.constant('access'), region: pick, index: pick, write: fc.boolean(), user: fc.boolean() }) },
  { weight: 6, arbitrary: fc.record({ op: fc.constant('pte'), region: pick, index: pick, directory: pick, frame: fc.nat({ max: GUEST_PAGES - 1 }), flags, notice }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('pde'), region: pick, directory: pick, table: pick, flags: fc.constantFrom(0, P | W | U, P | W | U | A | D, P | W | A, P | U | A), notice }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('top'), directory: pick, quarter: fc.constantFrom(0, 3), middle: pick, there: fc.boolean(), notice }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('switch'), directory: pick }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('forget'), region: pick, index: pick, directory: pick }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('flushUser'), notice }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('flushAll'), notice }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('pin'), region: pick, index: pick }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('drain') }) },
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

/** A Guest with a memory for what it said. */
class Model {
  readonly world: World;
  readonly #shape: Shape;
  readonly #shift: number;
  /** Every value of every word of a table, with the time it was written. */
  readonly #history = new Map<number, { time: number; value: number }[]>();
  /** When the Guest last gave notice of a region or of a page, by directory. */
  readonly #noticed = new Map<string, number>();
  readonly #ring: (() => void)[] = [];
  #now = 0;
  #current = 0;

  constructor(shape: Shape) {
    this.#shape = shape;
    this.#shift = shape.pae ? 21 : 22;
    this.world = new World({
      guestPages: GUEST_PAGES, hostPages: shape.hostPages, kernelAddress: shape.kernelAddress, directories: shape.directories,
    });
    // a Guest to begin with: each directory with a table in each region, a page in each table
    for (let d = 0; d < DIRECTORIES; d++) {
      if (shape.pae) {
        this.#write(this.#topEntry(d, 0), MIDDLE_PAGES[d]! * PAGE_SIZE | P);
        this.#write(this.#topEntry(d, 3), MIDDLE_PAGES[3]! * PAGE_SIZE | P);
      }
      shape.regions.forEach((region, i) => {
        const table = TABLE_PAGES[(i + (this.#isKernel(region) ? 0 : d)) % TABLE_PAGES.length]!;
        this.#write(this.#directoryEntry(d, region), table * PAGE_SIZE | P | W | U | A);
      });
    }
    TABLE_PAGES.forEach((page, i) => {
      this.#write(this.#tableEntry(page, INDICES[0]!), (24 + i) * PAGE_SIZE | P | W | U);
    });
    this.#switch(0);
  }

  run(operations: readonly Operation[]): void {
    for (const operation of operations) {
      this.#now++;
      this.#run(operation);
      expect(this.world.reasons).toEqual([]);
      this.#check();
    }
    this.world.mmu.dispose();
    expect(this.world.pool.used).toBe(0);
  }

  #run(operation: Operation): void {
    const { mmu } = this.world;
    switch (operation.op) {
      case 'access': {
        this.#access(this.#address(operation.region, operation.index), operation.write, operation.user);
        return;
      }
      case 'pte': {
        const address = this.#address(operation.region, operation.index);
        const directory = operation.directory % DIRECTORIES;
        const value = operation.frame * PAGE_SIZE | operation.flags;
        const table = this.#readDirectoryEntry(directory, address);
        if ((table & P) === 0) return;
        this.#write(this.#tableEntry(table >>> 12, this.#index(address)), value);
        this.#tell(operation.notice, (time) => {
          mmu.setPte(this.#pgdir(directory), address, value, 0);
          this.#noticePage(directory, address, time);
        });
        return;
      }
      case 'pde': {
        const region = this.#region(operation.region);
        const directory = operation.directory % DIRECTORIES;
        const at = this.#directoryEntry(directory, region);
        if (at < 0) return;
        this.#write(at, operation.flags === 0 ? 0 : TABLE_PAGES[operation.table % TABLE_PAGES.length]! * PAGE_SIZE | operation.flags);
        this.#tell(operation.notice, (time) => this.#noticeDirectoryEntry(directory, region, at, time));
        return;
      }
      case 'top': {
        if (!this.#shape.pae) return;
        const directory = operation.directory % DIRECTORIES;
        const value = operation.there ? MIDDLE_PAGES[operation.middle % MIDDLE_PAGES.length]! * PAGE_SIZE | P : 0;
        this.#write(this.#topEntry(directory, operation.quarter), value);
        this.#tell(operation.notice, (time) => {
          mmu.setPgd(this.#pgdir(directory), operation.quarter);
          this.#noticeRegions(directory, (region) => region >>> 9 === operation.quarter, time);
        });
        return;
      }
      case 'switch':
        this.#drain();
        this.#switch(operation.directory % DIRECTORIES);
        return;
      case 'forget': {
        const address = this.#address(operation.region, operation.index);
        const directory = operation.directory % DIRECTORIES;
        mmu.setPte(this.#pgdir(directory), address, 0);
        this.#noticePage(directory, address, this.#now);
        return;
      }
      case 'flushUser': {
        this.#tell(operation.notice, (time) => {
          mmu.flushUser();
          this.#noticeRegions(this.#current, (region) => !this.#isKernel(region), time);
        });
        return;
      }
      case 'flushAll':
        this.#tell(operation.notice, (time) => {
          mmu.flushAll();
          for (let d = 0; d < DIRECTORIES; d++) this.#noticeRegions(d, () => true, time);
        });
        return;
      case 'pin': {
        const address = this.#address(operation.region, operation.index);
        // a page that is still writable need not be looked up again, even where the Guest has changed its mind silently
        if (mmu.pinPage(address)) expect(this.world.shadow(address)!.rights & W).toBe(W);
        else expect(this.#walkNow(address)?.rights ?? 0).not.toBe(W | (this.#walkNow(address)?.rights ?? 0));
        return;
      }
      case 'drain':
        this.#drain();
    }
  }

  /** Nothing reachable but what the model allows, and nothing in the TLB but what is reachable. */
  #check(): void {
    const { world } = this;
    for (const [address, mapping] of world.reachable()) {
      if (address >= WINDOW) {
        expect([address, mapping]).toEqual([WINDOW, { frame: world.switcherFrame, rights: 0 }]);
        continue;
      }
      expect(mapping.frame).toBeLessThan(world.guestPages);
      if (!this.#allows(address, mapping)) {
        throw new Error(`0x${address.toString(16)} reaches frame ${mapping.frame} with rights ${mapping.rights}`);
      }
    }
    for (const [page, mapping] of world.tlb) {
      const found = world.shadow(page * PAGE_SIZE);
      if (found?.frame !== mapping.frame || (mapping.rights & ~found.rights) !== 0) {
        throw new Error(`the TLB was not told of 0x${(page * PAGE_SIZE).toString(16)}: it has ${JSON.stringify(mapping)}, the shadow ${JSON.stringify(found)}`);
      }
    }
    expect(world.mmu.framesHeld).toBe(world.pool.used);
  }

  #allows(address: number, { frame, rights }: Mapping): boolean {
    const d = this.#current;
    const region = Math.floor(address / 2 ** this.#shift);
    const regionTime = this.#noticed.get(`${d} ${region}`) ?? 0;
    const pageTime = this.#noticed.get(`${d} ${region} ${address}`) ?? 0;
    for (const at of this.#directoryEntriesSince(d, region, regionTime)) {
      for (const pde of this.#since(at, regionTime)) {
        if ((pde & P) === 0) continue;
        for (const pte of this.#since(this.#tableEntry(pde >>> 12, this.#index(address)), pageTime)) {
          if ((pte & P) !== 0 && pte >>> 12 === frame && (rights & ~(pde & pte)) === 0) return true;
        }
      }
    }
    return false;
  }

  #access(address: number, write: boolean, user: boolean): void {
    const { world } = this;
    const faults = world.mmu.stats.faults;
    const outcome = world.access(address, write, user);
    // without a fault it was an older permission; #check() has seen that it may still stand
    if (world.mmu.stats.faults === faults) return;
    const wanted = (write ? W : 0) | (user ? U : 0);
    const now = this.#walkNow(address);
    expect(outcome).toBe(now !== undefined && (now.rights & wanted) === wanted ? 'done' : 'reflected');
    if (outcome === 'reflected') return;
    const entry = world.read(this.#tableEntry(this.#readDirectoryEntry(this.#current, address) >>> 12, this.#index(address)));
    expect(entry & (write ? A | D : A)).toBe(write ? A | D : A);
    // writable in the shadow only once it is dirty: else the first write would go unnoticed
    const mapping = world.shadow(address)!;
    expect(mapping.frame).toBe(entry >>> 12);
    if ((mapping.rights & W) !== 0) expect(entry & D).toBe(D);
  }

  // ---- what the Guest says ----

  #tell(how: string, say: (time: number) => void): void {
    const time = this.#now;
    if (how === 'now') {
      // a hypercall drains the ring first
      this.#drain();
      say(time);
    } else if (how === 'ring') {
      this.#ring.push(() => say(time));
    }
  }

  #drain(): void {
    for (const say of this.#ring.splice(0)) say();
  }

  #switch(directory: number): void {
    const { mmu } = this.world;
    const hits = mmu.stats.directoryHits;
    mmu.newPageTable(this.#pgdir(directory));
    // a new shadow directory starts from what the Guest's says now; but the kernel's tables are not new
    if (mmu.stats.directoryHits === hits) this.#noticeRegions(directory, () => true, this.#now, (region) => !this.#isShared(region));
    else if (directory === this.#current) this.#noticeRegions(directory, (region) => !this.#isKernel(region), this.#now);
    this.#current = directory;
  }

  #noticePage(directory: number, address: number, time: number): void {
    const region = Math.floor(address / 2 ** this.#shift);
    if (address < this.#shape.kernelAddress) this.#notice(`${directory} ${region} ${address}`, time);
    else for (let d = 0; d < DIRECTORIES; d++) this.#notice(`${d} ${region} ${address}`, time);
  }

  #noticeDirectoryEntry(directory: number, region: number, at: number, time: number): void {
    if (!this.#shape.pae) {
      this.world.mmu.setPgd(this.#pgdir(directory), region);
      this.#noticeRegions(directory, (r) => r === region, time);
      return;
    }
    const middle = at - (at % PAGE_SIZE);
    this.world.mmu.setPmd(middle, region & 511);
    for (let d = 0; d < DIRECTORIES; d++) {
      for (const quarter of [0, 3]) {
        if ((this.world.read(this.#topEntry(d, quarter)) & FRAME_MASK) !== middle) continue;
        this.#noticeRegions(d, (r) => r === quarter * 512 + (region & 511), time);
      }
    }
  }

  #noticeRegions(directory: number, which: (region: number) => boolean, time: number, pages = which): void {
    for (const region of this.#shape.regions.filter(which)) {
      this.#notice(`${directory} ${region}`, time);
      if (!pages(region)) continue;
      for (const index of INDICES) this.#notice(`${directory} ${region} ${region * 2 ** this.#shift + index * PAGE_SIZE}`, time);
    }
  }

  #notice(key: string, time: number): void {
    this.#noticed.set(key, Math.max(time, this.#noticed.get(key) ?? 0));
  }

  // ---- its tables ----

  #write(at: number, value: number): void {
    this.world.write(at, value);
    const history = this.#history.get(at) ?? [{ time: -1, value: 0 }];
    history.push({ time: this.#now, value: value >>> 0 });
    this.#history.set(at, history);
  }

  /** The values a word had at a time or since. */
  #since(at: number, time: number): number[] {
    const history = this.#history.get(at) ?? [];
    return history.filter((_, i) => history[i + 1] === undefined || history[i + 1]!.time > time).map(({ value }) => value);
  }

  #walkNow(address: number): Mapping | undefined {
    return address >= WINDOW ? undefined : this.world.walk(this.#pgdir(this.#current), this.#shape.pae, address);
  }

  #pgdir(directory: number): number {
    return this.#shape.pae ? TOP_PAGE * PAGE_SIZE + directory * 32 : (TOP_PAGE + directory) * PAGE_SIZE;
  }

  #topEntry(directory: number, quarter: number): number {
    return this.#pgdir(directory) + quarter * 8;
  }

  /** Where the directory's entry for a region lies now; -1 when PAE has no page for it. */
  #directoryEntry(directory: number, region: number): number {
    if (!this.#shape.pae) return this.#pgdir(directory) + region * 4;
    const top = this.world.read(this.#topEntry(directory, region >>> 9));
    return (top & P) === 0 ? -1 : (top & FRAME_MASK) + (region & 511) * 8;
  }

  #directoryEntriesSince(directory: number, region: number, time: number): number[] {
    if (!this.#shape.pae) return [this.#directoryEntry(directory, region)];
    return this.#since(this.#topEntry(directory, region >>> 9), time)
      .filter((top) => (top & P) !== 0)
      .map((top) => (top & FRAME_MASK) + (region & 511) * 8);
  }

  #readDirectoryEntry(directory: number, address: number): number {
    const at = this.#directoryEntry(directory, Math.floor(address / 2 ** this.#shift));
    return at < 0 ? 0 : this.world.read(at);
  }

  #tableEntry(page: number, index: number): number {
    return page * PAGE_SIZE + index * (this.#shape.pae ? 8 : 4);
  }

  #index(address: number): number {
    return (address >>> 12) & (this.#shape.pae ? 511 : 1023);
  }

  #isKernel(region: number): boolean {
    return region * 2 ** this.#shift >= this.#shape.kernelAddress;
  }

  /** Wholly the kernel's: not the region it shares with user space, nor the one it shares with the Switcher. */
  #isShared(region: number): boolean {
    return this.#isKernel(region) && region < Math.floor(WINDOW / 2 ** this.#shift);
  }

  #region(choice: number): number {
    return this.#shape.regions[choice % this.#shape.regions.length]!;
  }

  #address(region: number, index: number): number {
    return this.#region(region) * 2 ** this.#shift + INDICES[index % INDICES.length]! * PAGE_SIZE;
  }
}

const range = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => first + i);

describe.each<[string, Shape]>([
  ['two-level', { pae: false, kernelAddress: 0xc000_0000, regions: [0, 1, 700, 768, 769, 1023], hostPages: 64, directories: 8 }],
  ['two-level, two slots for three directories', { pae: false, kernelAddress: 0xc000_0000, regions: [0, 768, 1023], hostPages: 64, directories: 2 }],
  ['two-level, one slot', { pae: false, kernelAddress: 0xc000_0000, regions: [0, 768], hostPages: 64, directories: 1 }],
  ['two-level, kernel and user in one region', { pae: false, kernelAddress: 0xc000_1000, regions: [0, 768, 769], hostPages: 64, directories: 8 }],
  ['two-level, hardly any frames', { pae: false, kernelAddress: 0xc000_0000, regions: [...range(0, 28), ...range(768, 12)], hostPages: 32, directories: 8 }],
  ['two-level, everything the kernel\'s', { pae: false, kernelAddress: 0, regions: [0, 1, 768, 1023], hostPages: 64, directories: 2 }],
  ['PAE', { pae: true, kernelAddress: 0xc000_0000, regions: [0, 1, 511, 1536, 1537, 2047], hostPages: 64, directories: 8 }],
  ['PAE, kernel and user in one region', { pae: true, kernelAddress: 0xc000_1000, regions: [0, 1536, 1537], hostPages: 64, directories: 2 }],
  ['PAE, hardly any frames', { pae: true, kernelAddress: 0xc000_0000, regions: [...range(0, 24), ...range(1536, 12)], hostPages: 32, directories: 8 }],
])('%s', (_, shape) => {
  it('reaches nothing the Guest does not allow', () => {
    fc.assert(
      fc.property(fc.array(operation, { minLength: 20, maxLength: 120 }), (operations) => new Model(shape).run(operations)),
      { numRuns: RUNS },
    );
  });
});
