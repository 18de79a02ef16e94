/*
 * Machine-physical memory as the CPU's slow path sees it: RAM inside the WebAssembly memory, ranges that belong to
 * device models, and nothing elsewhere (reads all ones, drops writes). The fast path never comes here: it goes from a
 * virtual address straight to a byte of the WebAssembly memory (paging.ts).
 *
 * The bus also knows which pages of RAM hold code that an engine has decoded, and tells it when one is written.
 */
import { answer } from './options.js';
import { Layout } from './state.js';

/**
 * The owner's hooks for I/O ports. Sizes are 1, 2 or 4 bytes; values written are unsigned. What read() returns must fit the
 * size, or run() throws X86Error in front of the instruction that asked.
 */
export interface PortBus {
  read(port: number, size: number): number;
  write(port: number, size: number, value: number): void;
}

/** A range of machine-physical addresses answered by a device model instead of RAM. */
export interface DeviceRange {
  /** First byte, machine-physical. */
  base: number;
  /** Length in bytes. */
  length: number;
  /** `address` is machine-physical; size is 1, 2 or 4. Returns what fits the size; else run() throws X86Error. */
  read(address: number, size: number): number;
  write(address: number, size: number, value: number): void;
}

const allOnes = [0, 0xff, 0xffff, 0, 0xffff_ffff] as const;

/** RAM, devices and the absence of both, by machine-physical address (up to 2^36, so plain numbers). */
export class Bus {
  /** Size of RAM in bytes, a multiple of 4096. */
  readonly physicalBytes: number;
  /** One byte per page of RAM: non-zero when an engine holds decoded code of it. */
  readonly codePages: Uint8Array;
  /** Called after `length` bytes at `physical` were written in a page marked in codePages. */
  onCodeWrite: (physical: number, length: number) => void = () => undefined;

  readonly #u8: Uint8Array;
  readonly #view: DataView;
  readonly #devices: readonly DeviceRange[];
  /** One byte per page of RAM: non-zero when a device covers part of it. Undefined without devices. */
  readonly #devicePages: Uint8Array | undefined;

  constructor(buffer: ArrayBuffer, physicalBytes: number, devices: readonly DeviceRange[] = []) {
    const pages = physicalBytes >>> 12;
    this.physicalBytes = physicalBytes;
    this.codePages = new Uint8Array(pages);
    this.#u8 = new Uint8Array(buffer);
    this.#view = new DataView(buffer);
    this.#devices = devices;
    if (devices.length > 0) {
      const map = new Uint8Array(pages);
      for (const { base, length } of devices) {
        const first = Math.floor(base / 4096);
        const end = Math.floor((base + length + 4095) / 4096);
        map.fill(1, Math.min(first, pages), Math.min(end, pages));
      }
      this.#devicePages = map;
    }
  }

  /** True when the page at this physical page number is RAM through and through. */
  isPlain(page: number): boolean {
    return page < this.codePages.length && (this.#devicePages === undefined || this.#devicePages[page] === 0);
  }

  /** Read 1, 2 or 4 bytes that lie in one page. Unsigned. */
  read(physical: number, size: number): number {
    if (!this.isPlain(Math.floor(physical / 4096))) {
      const device = this.#deviceAt(physical);
      if (device !== undefined) return answer(device.read(physical, size), size, 'devices: read', physical);
      if (physical >= this.physicalBytes) return allOnes[size as 1 | 2 | 4];
    }
    const host = Layout.physical + physical;
    if (size === 4) return this.#view.getUint32(host, true);
    return size === 2 ? this.#view.getUint16(host, true) : this.#u8[host]!;
  }

  /** Write 1, 2 or 4 bytes that lie in one page. */
  write(physical: number, size: number, value: number): void {
    const page = Math.floor(physical / 4096);
    if (!this.isPlain(page)) {
      const device = this.#deviceAt(physical);
      if (device !== undefined) {
        device.write(physical, size, (value & allOnes[size as 1 | 2 | 4]) >>> 0);
        return;
      }
      if (physical >= this.physicalBytes) return;
    }
    const host = Layout.physical + physical;
    if (size === 4) this.#view.setUint32(host, value, true);
    else if (size === 2) this.#view.setUint16(host, value, true);
    else this.#u8[host] = value;
    if (this.codePages[page] !== 0) this.onCodeWrite(physical, size);
  }

  #deviceAt(physical: number): DeviceRange | undefined {
    for (const device of this.#devices) {
      if (physical >= device.base && physical < device.base + device.length) return device;
    }
    return undefined;
  }
}
