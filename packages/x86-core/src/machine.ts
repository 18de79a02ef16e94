/*
 * A machine: one WebAssembly.Memory, the physical memory inside it, and a CPU.
 */
import { Cpu, type EngineName } from './cpu.js';
import { X86Error } from './error.js';
import type { Processor, ProcessorOptions } from './processor.js';
import { Layout } from './state.js';

const wasmPage = 0x10000;
const pageSize = 0x1000;

/** How a machine is built. */
export interface MachineOptions extends ProcessorOptions {
  /** 'auto' by default. */
  engine?: EngineName;
}

/**
 * Machine-physical memory, seen from outside the CPU. Address 0 is the first byte of each view. After writing through
 * a raw view call invalidate(); the write functions do so themselves. Addresses are the caller's responsibility.
 */
export class PhysicalMemory {
  /** In bytes. */
  readonly size: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** As little-endian 32-bit words. */
  readonly words: Uint32Array;
  readonly #processor: Processor;

  constructor(processor: Processor) {
    const { buffer } = processor.memory;
    this.size = processor.physicalBytes;
    this.bytes = new Uint8Array(buffer, Layout.physical, this.size);
    this.view = new DataView(buffer, Layout.physical, this.size);
    this.words = new Uint32Array(buffer, Layout.physical, this.size >>> 2);
    this.#processor = processor;
  }

  read8(address: number): number { return this.bytes[address]!; }
  read16(address: number): number { return this.view.getUint16(address, true); }
  read32(address: number): number { return this.view.getUint32(address, true); }

  write8(address: number, value: number): void {
    this.bytes[address] = value;
    this.#written(address, 1);
  }

  write16(address: number, value: number): void {
    this.view.setUint16(address, value, true);
    this.#written(address, 2);
  }

  write32(address: number, value: number): void {
    this.view.setUint32(address, value, true);
    this.#written(address, 4);
  }

  /** Copy bytes in. */
  write(address: number, source: Uint8Array): void {
    this.bytes.set(source, address);
    this.invalidate(address, source.length);
  }

  #written(address: number, length: number): void {
    const { codePages, bus } = this.#processor;
    if (codePages[address >>> 12] !== 0 || codePages[(address + length - 1) >>> 12] !== 0) bus.onCodeWrite(address, length);
  }

  /** "I wrote here": decoded code of these bytes is dropped. */
  invalidate(address: number, length: number): void {
    if (length > 0) this.#processor.bus.onCodeWrite(address, length);
  }
}

/** One CPU with its memory. Any number of machines can live in a process. */
export class Machine {
  readonly memory: WebAssembly.Memory;
  readonly physical: PhysicalMemory;
  readonly cpu: Cpu;

  /**
   * Throws X86Error when the size is not a positive multiple of 4096, the host cannot give that much memory, or
   * undefinedResults names nobody we know.
   */
  constructor(options: MachineOptions) {
    const { physicalBytes } = options;
    if (!Number.isInteger(physicalBytes) || physicalBytes <= 0 || physicalBytes % pageSize !== 0)
      throw new X86Error('bad-argument', `a machine needs a positive multiple of ${pageSize} bytes of memory, not ${physicalBytes}`);
    const makers: readonly unknown[] = ['intel', 'amd', undefined];
    if (!makers.includes(options.undefinedResults))
      throw new X86Error('bad-argument', `undefinedResults is 'intel' or 'amd', not ${String(options.undefinedResults)}`);
    const pages = Math.ceil((Layout.physical + physicalBytes) / wasmPage);
    try {
      this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    } catch (cause) {
      throw new X86Error('no-memory', `the host cannot provide ${pages * wasmPage} bytes for a machine with ${physicalBytes} bytes of memory: ${String(cause)}`);
    }
    this.cpu = new Cpu(this.memory, options);
    this.physical = new PhysicalMemory(this.cpu.processor);
  }
}
