/*
 * Everything that is remembered about one Guest's shadow. The chapters after this one are functions on it: demand-page.ts,
 * address-spaces.ts, notices.ts, flushes.ts. ShadowPageTables is their common front.
 */
import { DirectoryCache } from './directory-cache.js';
import { MmuShadowError } from './error.js';
import { GuestTables } from './guest-tables.js';
import type { FrameAllocator, GuestMemory, ShadowOptions, TlbControl } from './interfaces.js';
import { checkOptions, DEFAULT_DIRECTORIES } from './options.js';
import { NO_SLOT, ShadowDirectories } from './shadow-directories.js';
import { ShadowTables } from './shadow-tables.js';
import { newStats, type ShadowStats } from './stats.js';
import { PAGE_WORDS } from './entries.js';
import { TableEntries } from './table-entries.js';
import { TableFrames } from './table-frames.js';

/** The state of one Guest's shadow page tables. */
export class Shadow {
  readonly stats: ShadowStats = newStats();
  readonly guest: GuestMemory;
  readonly tlb: TlbControl;
  /** First address of the Switcher window. */
  readonly windowBase: number;

  /** The Guest's own tables. */
  readonly guestTables: GuestTables;
  /** The shadow: frames, directories made of them, tables behind those, and the entries in the tables. */
  readonly frames: TableFrames;
  readonly directories: ShadowDirectories;
  readonly tables: ShadowTables;
  readonly entries: TableEntries;
  /** Which Guest directory is in which slot. */
  readonly cache: DirectoryCache;
  /** Per slot: 1 when everything was flushed since the directory was last in use. */
  readonly stale: Uint8Array;

  /** From this virtual address on all address spaces are alike. */
  kernelAddress: number;
  /** Slot and Guest directory in use. */
  slot = NO_SLOT;
  pgdir = 0;
  /** Paging is off as far as the Guest knows: virtual addresses are guest-physical ones. */
  linear = false;
  /** False before startLinear(), and once the Guest is dead or we are disposed of: nothing is touched then. */
  alive = false;
  dead = false;
  disposed = false;

  readonly allocator: FrameAllocator;
  readonly maxFrames: number;
  readonly #onKill: (reason: string) => void;

  /** @param allocate a frame, whatever has to be given up for it. @throws MmuShadowError 'bad-option', 'too-few-frames'. */
  constructor(options: ShadowOptions, allocate: (shadow: Shadow) => number) {
    const { guest, frames, memory, tlb, switcher, directories = DEFAULT_DIRECTORIES, maxFrames = Infinity } = options;
    checkOptions(options, directories, maxFrames);
    const { words } = memory;
    this.guest = guest;
    this.tlb = tlb;
    this.windowBase = switcher.base;
    this.kernelAddress = switcher.base;
    this.allocator = frames;
    this.maxFrames = maxFrames;
    this.#onKill = options.kill;
    this.guestTables = new GuestTables(guest);
    this.frames = new TableFrames(Math.floor(words.length / PAGE_WORDS), frames, () => allocate(this));
    this.directories = new ShadowDirectories(words, this.frames, switcher, directories);
    this.entries = new TableEntries(words, guest, tlb, this.frames, this.directories, this.stats);
    this.tables = new ShadowTables(words, this.guestTables, this.frames, this.directories, this.entries, this.stats);
    this.cache = new DirectoryCache(directories, options.replacement ?? 'lru');
    this.stale = new Uint8Array(directories);
  }

  /** The Guest is dead; for whoever asked whether it may go on, the answer is no. */
  kill(reason: string): false {
    this.alive = false;
    this.dead = true;
    this.#onKill(reason);
    return false;
  }

  /** What happens to a call that comes too late or too early: after the Guest's death nothing, else an error. */
  refuse(): false {
    if (this.disposed) throw new MmuShadowError('bad-state', 'These shadow page tables were disposed of.');
    if (!this.dead) throw new MmuShadowError('bad-state', 'Call startLinear() first: there are no shadow page tables yet.');
    return false;
  }
}
