/*
 * The address space of the program under test: what it may touch, and the page tables that say so to the CPU.
 *
 * Rights are kept per page. A page gets memory when it is first touched: the CPU faults, touch() gives it a frame of
 * zeros. The tables of the CPU (descriptors, interrupts) lie in one page at the top that only ring 0 may see.
 */
import { Cr4, ExtendedFeature, Feature, type Machine } from '../../src/index.js';
import { eferNxe } from '../../src/paging.js';
import { State } from '../../src/state.js';
import { CallError, Errno, Mapping } from './abi.js';

export const pageBytes = 0x1000;
const pageShift = 12;
const pagesInAll = 1 << 20;
/** PAE: entries of eight bytes, and four directories for a quarter of the address space each. */
const entryBytes = 8;
const entriesPerTable = 512;
const Pte = { present: 1, writable: 2, user: 4 } as const;
/** In an entry's high word. */
const noExecute = 0x8000_0000;
/** Frames: nothing in the first, then the four pointers, the directories and the system page; the rest is dealt out. */
const pointers = 1 * pageBytes;
const directories = 2 * pageBytes;
const systemFrame = 6;
const firstFree = 7;
/** Linear address of the page with the CPU's tables. */
export const systemPage = 0xffff_f000;
/** Programs get addresses below this. */
export const top = 0xffff_e000;
/** Mappings are made from here down. */
const mappingTop = 0xf7f0_0000;
/** Rights byte of a page that is mapped, whatever else it may. */
const mapped = 0x80;

/** Round up to whole pages. */
export function pagesOf(bytes: number): number {
  return Math.ceil(bytes / pageBytes);
}

/** Linear memory of one process. */
export class AddressSpace {
  readonly #machine: Machine;
  readonly #rights = new Uint8Array(pagesInAll);
  /** Physical frame of a page, 0 for none yet. */
  readonly #frames = new Uint32Array(pagesInAll);
  #nextFrame = firstFree;
  readonly #spare: number[] = [];

  /** The bit that forbids execution, or 0 on processors without it. */
  readonly #noExecute: number;

  constructor(machine: Machine) {
    this.#machine = machine;
    const { cpu, physical } = machine;
    for (let i = 0; i < 4; i++) physical.write32(pointers + entryBytes * i, (directories + i * pageBytes) | Pte.present);
    const { cpuid, i32 } = cpu.processor;
    this.#noExecute = ((cpuid.extended[1]?.edx ?? 0) & ExtendedFeature.nx) === 0 ? 0 : noExecute;
    if (this.#noExecute !== 0) i32[State.efer >> 2] = eferNxe;
    this.#enter(systemPage >>> pageShift, systemFrame, Pte.present | Pte.writable, this.#noExecute);
    cpu.cr4 = Cr4.pae | Cr4.osfxsr | ((cpu.processor.features & Feature.sse) === 0 ? 0 : Cr4.osxmmexcpt);
    cpu.cr3 = pointers;
  }

  /** Physical address of a page's frame, for whoever fills the system page. */
  get systemPhysical(): number {
    return systemFrame * pageBytes;
  }

  #frame(): number {
    const frame = this.#spare.pop() ?? this.#nextFrame++;
    if ((frame + 1) * pageBytes > this.#machine.physical.size) throw new CallError(Errno.ENOMEM);
    this.#machine.physical.write(frame * pageBytes, new Uint8Array(pageBytes));
    return frame;
  }

  #enter(page: number, frame: number, bits: number, high: number): void {
    const { physical } = this.#machine;
    const at = directories + entryBytes * Math.floor(page / entriesPerTable);
    if (physical.read32(at) === 0) physical.write32(at, (this.#frame() * pageBytes) | Pte.present | Pte.writable | Pte.user);
    const entry = (physical.read32(at) & -pageBytes) + entryBytes * (page % entriesPerTable);
    physical.write32(entry, bits === 0 ? 0 : (frame * pageBytes) | bits);
    physical.write32(entry + 4, bits === 0 ? 0 : high);
    this.#machine.cpu.flushTlbPage(page * pageBytes);
  }

  #show(page: number): void {
    const rights = this.#rights[page]!;
    const bits = (rights & ~mapped) === 0 ? 0 : Pte.present | Pte.user | (rights & Mapping.write ? Pte.writable : 0);
    this.#enter(page, this.#frames[page]!, bits, rights & Mapping.exec ? 0 : this.#noExecute);
  }

  /** A page was touched that the CPU does not see. False when the program may not touch it so. */
  touch(address: number, write: boolean, execute = false): boolean {
    const page = address >>> pageShift;
    const rights = this.#rights[page]!;
    if ((rights & ~mapped) === 0 || (write && (rights & Mapping.write) === 0)) return false;
    if (execute && this.#noExecute !== 0 && (rights & Mapping.exec) === 0) return false;
    if (this.#frames[page] === 0) this.#frames[page] = this.#frame();
    this.#show(page);
    return true;
  }

  /** True when something is mapped at the address. */
  isMapped(address: number): boolean {
    return this.#rights[address >>> pageShift] !== 0;
  }

  /** Map pages, whatever was there before. */
  map(address: number, pages: number, rights: number): void {
    this.unmap(address, pages);
    this.#rights.fill(mapped | rights, address >>> pageShift, (address >>> pageShift) + pages);
  }

  unmap(address: number, pages: number): void {
    const first = address >>> pageShift;
    for (let page = first; page < first + pages; page++) {
      this.#rights[page] = 0;
      if (this.#frames[page] === 0) continue;
      this.#spare.push(this.#frames[page]!);
      this.#frames[page] = 0;
      this.#show(page);
    }
  }

  /** Change the rights of mapped pages; ENOMEM when some are not. */
  protect(address: number, pages: number, rights: number): void {
    const first = address >>> pageShift;
    for (let page = first; page < first + pages; page++) {
      if (this.#rights[page] === 0) throw new CallError(Errno.ENOMEM);
      this.#rights[page] = mapped | rights;
      if (this.#frames[page] !== 0) this.#show(page);
    }
  }

  /** The highest hole of so many pages. */
  findHole(pages: number): number {
    let free = 0;
    for (let page = (mappingTop >>> pageShift) - 1; page > 0; page--) {
      free = this.#rights[page] === 0 ? free + 1 : 0;
      if (free === pages) return page * pageBytes;
    }
    throw new CallError(Errno.ENOMEM);
  }

  /** Move pages to where nothing is. */
  move(from: number, to: number, pages: number): void {
    for (let i = 0; i < pages; i++) {
      const source = (from >>> pageShift) + i;
      const target = (to >>> pageShift) + i;
      this.#rights[target] = this.#rights[source]!;
      this.#frames[target] = this.#frames[source]!;
      this.#rights[source] = 0;
      this.#frames[source] = 0;
      if (this.#frames[target] === 0) continue;
      this.#show(source);
      this.#show(target);
    }
  }

  /** Physical address behind a linear one, as if the program had touched it. EFAULT when it may not. */
  #physical(address: number, write: boolean): number {
    const page = address >>> pageShift;
    const rights = this.#rights[page]!;
    const allowed = (rights & ~mapped) !== 0 && (!write || (rights & Mapping.write) !== 0);
    if (!allowed || (this.#frames[page] === 0 && !this.touch(address, write))) throw new CallError(Errno.EFAULT);
    return this.#frames[page]! * pageBytes + (address & (pageBytes - 1));
  }

  /** Copy out of the program. */
  read(address: number, length: number): Uint8Array {
    const out = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const at = (address + done) >>> 0;
      const count = Math.min(length - done, pageBytes - (at & (pageBytes - 1)));
      const physical = this.#physical(at, false);
      out.set(this.#machine.physical.bytes.subarray(physical, physical + count), done);
      done += count;
    }
    return out;
  }

  /** Copy into the program. `force` writes where the program itself may only read: for its loader. */
  write(address: number, bytes: Uint8Array, force = false): void {
    for (let done = 0; done < bytes.length; ) {
      const at = (address + done) >>> 0;
      const count = Math.min(bytes.length - done, pageBytes - (at & (pageBytes - 1)));
      this.#machine.physical.write(this.#physical(at, !force), bytes.subarray(done, done + count));
      done += count;
    }
  }

  read32(address: number): number {
    return new DataView(this.read(address, 4).buffer).getUint32(0, true);
  }

  write32(address: number, value: number): void {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, true);
    this.write(address, bytes);
  }

  /** A string up to its zero, one byte per character: whatever the program's encoding is. */
  readString(address: number): string {
    const bytes: number[] = [];
    for (let at = address; ; at++) {
      const byte = this.read(at, 1)[0]!;
      if (byte === 0) return Buffer.from(bytes).toString('latin1');
      bytes.push(byte);
    }
  }
}
