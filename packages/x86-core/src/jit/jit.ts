/*S:370
 * Regions: hot code as WebAssembly functions of its own.
 *
 * The engine runs in slices; where a slice happens to end, code is hot more often than not. An address met a few times so
 * becomes the entry of a region (discover.ts), which is compiled (compile.ts) and called from the record there. Regions
 * belong to their page: when its bytes change, they go.
 */
import { Decoder } from '../decode.js';
import type { Instruction } from '../instruction.js';
import type { CodeCache, CodePage } from '../interpreter/code-cache.js';
import { Handler } from '../interpreter/generate.js';
import { Field, recordSize } from '../interpreter/record.js';
import { firstPlace, tableSize, type Unit } from '../operations/operation.js';
import type { Processor } from '../processor.js';
import { Layout, State } from '../state.js';
import { compileRegion } from './compile.js';
import { discover, flatBit } from './discover.js';

const pageSize = 0x1000;
const pageMask = 0xfff;
const pageShift = 12;
const pageNumberMask = 0xf_ffff;
/** How far apart, in pages, a region's code may lie. */
const farthestPage = 100;
const patience = 2048;
const wasmPage = 0x10000;
/** Slices that must have ended at an address before it is compiled, unless somebody says otherwise. */
export const defaultHotAfter = 40;
/** Addresses remembered before counting starts anew. */
const maxCounted = 4096;

/** Counters for the owner's statistics. */
export interface JitStatistics {
  compiled: number;
  /** Regions that have gone: their code changed, or there was no room. */
  dropped: number;
  /** Size of their modules. */
  bytes: number;
  /** Time spent on compiling them, apart from what the host does in the background. */
  milliseconds: number;
}

/** The regions of a machine. */
export class Jit {
  readonly stats: JitStatistics = { compiled: 0, dropped: 0, bytes: 0, milliseconds: 0 };
  readonly #cpu: Processor;
  readonly #code: CodeCache;
  readonly #table: WebAssembly.Table;
  readonly #install: (unit: Unit) => boolean;
  readonly #hotAfter: number;
  readonly #decoder: Decoder;
  /** Record → slices that ended there; negative for what cannot be compiled. */
  readonly #counts = new Map<number, number>();
  readonly #regions = new Map<number, Region>();
  readonly #free = Array.from({ length: tableSize - firstPlace.region }, (_, i) => tableSize - 1 - i);

  constructor(cpu: Processor, code: CodeCache, table: WebAssembly.Table, install: (unit: Unit) => boolean, hotAfter: number) {
    this.#hotAfter = hotAfter;
    this.#cpu = cpu;
    this.#code = code;
    this.#table = table;
    this.#install = install;
    this.#decoder = new Decoder(cpu.features);
    code.onPageGone = (page) => this.#forget(page);
  }

  /** A page's code is going: so are the regions with code of it. */
  #forget(page: CodePage): void {
    // records are numbered anew after an eviction
    this.#counts.clear();
    for (const place of page.regions) {
      const { pages, record, fields } = this.#regions.get(place)!;
      for (const other of pages) other.regions.delete(place);
      this.#cpu.u8.set(fields, record);
      this.#regions.delete(place);
      this.#table.set(place, null);
      this.#free.push(place);
      this.stats.dropped++;
    }
  }

  /** A slice has ended before the instruction at a linear address. */
  sample(linear: number): void {
    const found = this.#code.find(linear);
    if (!found) return;
    const { u16 } = this.#cpu;
    const handler = u16[(found.record + Field.handler) >> 1]!;
    if (handler <= Handler.region) return;
    const count = (this.#counts.get(found.record) ?? 0) + 1;
    if (this.#counts.size >= maxCounted) this.#counts.clear();
    this.#counts.set(found.record, count);
    // the more regions there have been, the more must be gained by another: a guest cannot make us compile for ever
    if (count === this.#hotAfter + Math.floor((this.stats.compiled * this.#hotAfter) / patience) && this.#free.length > 0) this.#compile(found, linear);
  }

  #compile({ page, record }: NonNullable<ReturnType<CodeCache['find']>>, linear: number): void {
    const cpu = this.#cpu;
    const started = performance.now();
    const { readUnsigned, pages } = this.#surroundings(page, linear >>> pageShift);
    const blocks = discover({
      bytes: cpu.u8, mode: page.mode, decoder: this.#decoder,
      pageAt: (index) => {
        const found = pages(index);
        return found && Layout.physical + found.physicalPage * pageSize;
      },
      peekOffset: (address) => {
        const target = readUnsigned(address);
        return target === undefined ? undefined : (target - (linear & ~pageMask)) | 0;
      },
      // where a unit's operations cannot be compiled on their own they cannot be within regions
      hasOperation: (insn: Instruction) => {
        const call = insn.definition.findCall!(insn, cpu.features);
        return call !== undefined && this.#install(call.operation.unit);
      },
    }, linear & pageMask);
    if (!blocks) return;
    const used = [...new Set(blocks.map(({ start }) => start >> pageShift))];
    const code = compileRegion(blocks, {
      isFlat: (segment) => (page.mode & flatBit(segment)) !== 0,
      user: cpu.i32[State.cpl >> 2] === 3, readTable: cpu.i32[State.tlbRead >> 2]!, codeTables: cpu.i32[State.codeTable >> 2]!,
      otherPages: used.filter((index) => index !== 0).map((index) => ({ index, table: pages(index)!.table })),
      undefinedResults: cpu.undefinedResults, features: cpu.features,
      memoryPages: cpu.memory.buffer.byteLength / wasmPage,
    });
    const module = new WebAssembly.Module(code);
    const { exports } = new WebAssembly.Instance(module, { env: { memory: cpu.memory } });
    const place = this.#free.pop()!;
    this.#table.set(place, exports['region'] as () => number);
    this.#regions.set(place, { pages: used.map((index) => pages(index)!), record, fields: cpu.u8.slice(record, record + recordSize) });
    for (const index of used) pages(index)!.regions.add(place);
    for (const { start, end } of blocks) this.#code.watch(pages(start >> pageShift)!, start & pageMask, ((end - 1) & pageMask) + 1);
    cpu.u16[(record + Field.handler) >> 1] = Handler.region;
    cpu.u8[record + Field.bytes] = place & 0xff;
    cpu.u8[record + Field.guard] = place >> 8;
    this.stats.compiled++;
    this.stats.bytes += code.length;
    this.stats.milliseconds += performance.now() - started;
  }

  /** What a region's search may see of memory: pages near the entry's, and words, as far as reading them is no event. */
  #surroundings(page: CodePage, virtualPage: number): { pages: (index: number) => CodePage | undefined; readUnsigned: (linear: number) => number | undefined } {
    const cpu = this.#cpu;
    const known = new Map<number, CodePage | undefined>([[0, page]]);
    return {
      pages: (index) => {
        if (Math.abs(index) > farthestPage) return undefined;
        if (!known.has(index)) known.set(index, this.#code.pageOf((virtualPage + index) & pageNumberMask));
        const found = known.get(index);
        return found?.mode === page.mode ? found : undefined;
      },
      readUnsigned: (linear) => {
        const physical = cpu.mmu.peek(linear);
        if (physical < 0 || (physical & 3) !== 0 || !cpu.bus.isPlain(Math.floor(physical / pageSize))) return undefined;
        return cpu.u32[(Layout.physical + physical) >> 2];
      },
    };
  }
}

/** A region, and how to be rid of it. */
interface Region {
  readonly pages: readonly CodePage[];
  /** Its entry's record, and what that was before. */
  readonly record: number;
  readonly fields: Uint8Array;
}
