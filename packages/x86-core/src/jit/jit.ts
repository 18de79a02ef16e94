/*S:370
 * Regions: hot code as WebAssembly functions of its own.
 *
 * The engine runs in slices; where a slice happens to end, code is hot more often than not. An address met a few times so
 * becomes the entry of a region (discover.ts), which is compiled (compile.ts) and called from the record there. Regions
 * belong to their page: when its bytes change, they go.
 */
import { Decoder } from '../decode.js';
import type { Instruction } from '../instruction.js';
import type { CodeCache } from '../interpreter/code-cache.js';
import { Handler } from '../interpreter/generate.js';
import { Field } from '../interpreter/record.js';
import { firstPlace, tableSize, type Unit } from '../operations/operation.js';
import type { Processor } from '../processor.js';
import { Layout, State } from '../state.js';
import { compileRegion } from './compile.js';
import { discover, flatBit } from './discover.js';

const pageSize = 0x1000;
const pageMask = 0xfff;
const wasmPage = 0x10000;
/** Slices that must have ended at an address before it is compiled, unless somebody says otherwise. */
export const defaultHotAfter = 32;
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
  readonly #free = Array.from({ length: tableSize - firstPlace.region }, (_, i) => tableSize - 1 - i);

  constructor(cpu: Processor, code: CodeCache, table: WebAssembly.Table, install: (unit: Unit) => boolean, hotAfter: number) {
    this.#hotAfter = hotAfter;
    this.#cpu = cpu;
    this.#code = code;
    this.#table = table;
    this.#install = install;
    this.#decoder = new Decoder(cpu.features);
    code.onRegionsGone = (places) => {
      // records are numbered anew after an eviction, and a page's are gone with it
      this.#counts.clear();
      for (const place of places) {
        this.#table.set(place, null);
        this.#free.push(place);
        this.stats.dropped++;
      }
    };
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
    if (count === this.#hotAfter && this.#free.length > 0) this.#compile(found, linear & pageMask);
  }

  #compile({ page, record }: NonNullable<ReturnType<CodeCache['find']>>, entry: number): void {
    const cpu = this.#cpu;
    const started = performance.now();
    const blocks = discover({
      bytes: cpu.u8, base: Layout.physical + page.physicalPage * pageSize, mode: page.mode, decoder: this.#decoder,
      hasOperation: (insn: Instruction) => {
        const call = insn.definition.findCall!(insn, cpu.features);
        return call !== undefined && this.#install(call.operation.unit);
      },
    }, entry);
    if (!blocks) return;
    const place = this.#free.pop()!;
    const code = compileRegion(blocks, {
      isFlat: (segment) => (page.mode & flatBit(segment)) !== 0,
      user: cpu.i32[State.cpl >> 2] === 3, readTable: cpu.i32[State.tlbRead >> 2]!,
      undefinedResults: cpu.undefinedResults, features: cpu.features,
      memoryPages: cpu.memory.buffer.byteLength / wasmPage,
    });
    const module = new WebAssembly.Module(code);
    const { exports } = new WebAssembly.Instance(module, { env: { memory: cpu.memory, operations: this.#table } });
    this.#table.set(place, exports['region'] as () => number);
    this.#code.installRegion(page, record, place, blocks);
    this.stats.compiled++;
    this.stats.bytes += code.length;
    this.stats.milliseconds += performance.now() - started;
  }
}
