/*
 * A machine: one WebAssembly.Memory, the physical memory inside it, and a CPU.
 */
import { Cpu, type EngineName } from './cpu.js';
import { X86Error } from './error.js';
import type { JitOptions } from './jit/options.js';
import { checkOptions } from './options.js';
import { hex } from './possible.js';
import type { Processor, ProcessorOptions } from './processor.js';
import { Layout } from './state.js';

const wasmPage = 0x10000;

/** How a machine is built. */
export interface MachineOptions extends ProcessorOptions {
  /** 'auto' by default. */
  engine?: EngineName;
  /** What the JIT may do, and must not: engines 'jit' and 'auto'. */
  jit?: JitOptions;
}

/**
 * Machine-physical memory, seen from outside the CPU. Address 0 is the first byte of each view. After writing through
 * a raw view call invalidate(); the write functions do so themselves. Addresses outside throw X86Error, and nothing is
 * written; values are cut to their size, as a DataView does.
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

  /** An address is right when it is a whole number and all bytes are inside. */
  #check(where: string, address: number, length: number): void {
    if (!Number.isInteger(address) || address < 0 || address + length > this.size)
      throw new X86Error('bad-argument', `physical.${where}: address is ${hex(address)}: ${length} bytes inside the ${hex(this.size)} of this machine are wanted`);
  }

  read8(address: number): number {
    this.#check('read8', address, 1);
    return this.bytes[address]!;
  }

  read16(address: number): number {
    this.#check('read16', address, 2);
    return this.view.getUint16(address, true);
  }

  read32(address: number): number {
    this.#check('read32', address, 4);
    return this.view.getUint32(address, true);
  }

  write8(address: number, value: number): void {
    this.#check('write8', address, 1);
    this.bytes[address] = value;
    this.#written(address, 1);
  }

  write16(address: number, value: number): void {
    this.#check('write16', address, 2);
    this.view.setUint16(address, value, true);
    this.#written(address, 2);
  }

  write32(address: number, value: number): void {
    this.#check('write32', address, 4);
    this.view.setUint32(address, value, true);
    this.#written(address, 4);
  }

  /** Copy bytes in. */
  write(address: number, source: Uint8Array): void {
    if (!ArrayBuffer.isView(source) || source.BYTES_PER_ELEMENT !== 1) throw new X86Error('bad-argument', 'physical.write: source is no Uint8Array; wrap the bytes in one');
    this.#check('write', address, source.length);
    this.bytes.set(source, address);
    this.invalidate(address, source.length);
  }

  #written(address: number, length: number): void {
    const { codePages, bus } = this.#processor;
    if (codePages[address >>> 12] !== 0 || codePages[(address + length - 1) >>> 12] !== 0) bus.onCodeWrite(address, length);
  }

  /** "I wrote here": decoded code of these bytes is dropped. */
  invalidate(address: number, length: number): void {
    if (!Number.isInteger(length) || length < 0)
      throw new X86Error('bad-argument', `physical.invalidate: length is ${length}: a whole number of bytes from 0 is wanted`);
    this.#check('invalidate', address, length);
    if (length > 0) this.#processor.bus.onCodeWrite(address, length);
  }
}

/** One CPU with its memory. Any number of machines can live in a process. */
export class Machine {
  readonly memory: WebAssembly.Memory;
  readonly physical: PhysicalMemory;
  readonly cpu: Cpu;

  /** Throws X86Error, naming the field, for options no machine can be built from, and when the host has not got the memory. */
  constructor(options: MachineOptions) {
    checkOptions(options);
    const { physicalBytes } = options;
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
