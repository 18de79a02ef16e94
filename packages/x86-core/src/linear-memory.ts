/*
 * Linear addresses, which paging turns into physical ones: the layer below the segments (processor.ts) and above the bus.
 * The usual access is one look into a flat table (paging.ts) that has the answer ready; the others ask the Mmu, which may
 * raise #PF, and then the bus. An access over the end of a page is two, and both must be allowed before either happens.
 */
import { Bus, type DeviceRange } from './bus.js';
import { AccessKind, Mmu } from './paging.js';
import { Layout, State } from './state.js';
import { hostOf, isPlain } from './translation.js';

const TLB_READ = State.tlbRead >> 2;
const TLB_WRITE = State.tlbWrite >> 2;
const systemReadTable = Layout.tlbReadSupervisor >>> 2;
const systemWriteTable = Layout.tlbWriteSupervisor >>> 2;

/** Highest `(e - 1) | linear` page offset that leaves room for the access; see translation.ts. */
const room2 = 0xffe;
const room4 = 0xffc;
const pageMask = 0xfff;

/** Views over the one memory, and the guest's linear address space in it. */
export class LinearMemory {
  readonly memory: WebAssembly.Memory;
  readonly i32: Int32Array;
  readonly u32: Uint32Array;
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly f64: Float64Array;
  readonly view: DataView;

  readonly physicalBytes: number;
  readonly bus: Bus;
  readonly mmu: Mmu;
  /** One byte per page of RAM, set by the engine for pages whose code it has decoded; then mmu.protectCodePage(). */
  readonly codePages: Uint8Array;

  constructor(memory: WebAssembly.Memory, physicalBytes: number, devices: readonly DeviceRange[] | undefined) {
    const buffer = memory.buffer;
    this.memory = memory;
    this.i32 = new Int32Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.u8 = new Uint8Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.view = new DataView(buffer);
    this.physicalBytes = physicalBytes;
    this.bus = new Bus(buffer, physicalBytes, devices);
    this.codePages = this.bus.codePages;
    this.mmu = new Mmu(this.i32, this.bus);
  }

  /** Called after `length` bytes at a physical address inside a page of codePages were written. */
  set onCodeWrite(hook: (physical: number, length: number) => void) {
    this.bus.onCodeWrite = hook;
  }

  // ── at the current privilege level ──────────────────────────────────────────────────────────────────────────────

  /** Read from a linear address; unsigned. Raises #PF. */
  read8(linear: number): number {
    const e = this.i32[(this.i32[TLB_READ]! >>> 2) + (linear >>> 12)]!;
    if (isPlain(e)) return this.u8[hostOf(e, linear)]!;
    return this.#readSlow(linear, 1, this.i32[State.cpl >> 2] === 3);
  }

  read16(linear: number): number {
    const e = this.i32[(this.i32[TLB_READ]! >>> 2) + (linear >>> 12)]!;
    if ((((e - 1) | linear) & pageMask) <= room2) return this.view.getUint16(hostOf(e, linear), true);
    return this.#readSlow(linear, 2, this.i32[State.cpl >> 2] === 3);
  }

  read32(linear: number): number {
    const e = this.i32[(this.i32[TLB_READ]! >>> 2) + (linear >>> 12)]!;
    if ((((e - 1) | linear) & pageMask) <= room4) return this.view.getUint32(hostOf(e, linear), true);
    return this.#readSlow(linear, 4, this.i32[State.cpl >> 2] === 3);
  }

  /** Write to a linear address. Raises #PF before anything is written. */
  write8(linear: number, value: number): void {
    const e = this.i32[(this.i32[TLB_WRITE]! >>> 2) + (linear >>> 12)]!;
    if (isPlain(e)) this.u8[hostOf(e, linear)] = value;
    else this.#writeSlow(linear, 1, value, this.i32[State.cpl >> 2] === 3);
  }

  write16(linear: number, value: number): void {
    const e = this.i32[(this.i32[TLB_WRITE]! >>> 2) + (linear >>> 12)]!;
    if ((((e - 1) | linear) & pageMask) <= room2) this.view.setUint16(hostOf(e, linear), value, true);
    else this.#writeSlow(linear, 2, value, this.i32[State.cpl >> 2] === 3);
  }

  write32(linear: number, value: number): void {
    const e = this.i32[(this.i32[TLB_WRITE]! >>> 2) + (linear >>> 12)]!;
    if ((((e - 1) | linear) & pageMask) <= room4) this.view.setUint32(hostOf(e, linear), value, true);
    else this.#writeSlow(linear, 4, value, this.i32[State.cpl >> 2] === 3);
  }

  /** Raise the #PF that a write of `size` bytes (up to 4096) would raise; sets Accessed and Dirty, writes nothing. */
  probeWrite(linear: number, size: number): void {
    const user = this.i32[State.cpl >> 2] === 3;
    this.mmu.translate(linear, AccessKind.write, user);
    if ((linear & pageMask) + size > 0x1000) this.mmu.translate(nextPage(linear), AccessKind.write, user);
  }

  /** Raise the #PF that a read of `size` bytes (up to 4096) would raise. */
  probeRead(linear: number, size: number): void {
    const user = this.i32[State.cpl >> 2] === 3;
    this.mmu.translate(linear, AccessKind.read, user);
    if ((linear & pageMask) + size > 0x1000) this.mmu.translate(nextPage(linear), AccessKind.read, user);
  }

  // ── descriptor tables and task state: supervisor accesses whatever the privilege level ──────────────────────────

  readSystem8(linear: number): number {
    const e = this.i32[systemReadTable + (linear >>> 12)]!;
    if (isPlain(e)) return this.u8[hostOf(e, linear)]!;
    return this.#readSlow(linear, 1, false);
  }

  readSystem16(linear: number): number {
    const e = this.i32[systemReadTable + (linear >>> 12)]!;
    if ((((e - 1) | linear) & pageMask) <= room2) return this.view.getUint16(hostOf(e, linear), true);
    return this.#readSlow(linear, 2, false);
  }

  readSystem32(linear: number): number {
    const e = this.i32[systemReadTable + (linear >>> 12)]!;
    if ((((e - 1) | linear) & pageMask) <= room4) return this.view.getUint32(hostOf(e, linear), true);
    return this.#readSlow(linear, 4, false);
  }

  writeSystem8(linear: number, value: number): void {
    const e = this.i32[systemWriteTable + (linear >>> 12)]!;
    if (isPlain(e)) this.u8[hostOf(e, linear)] = value;
    else this.#writeSlow(linear, 1, value, false);
  }

  writeSystem16(linear: number, value: number): void {
    const e = this.i32[systemWriteTable + (linear >>> 12)]!;
    if ((((e - 1) | linear) & pageMask) <= room2) this.view.setUint16(hostOf(e, linear), value, true);
    else this.#writeSlow(linear, 2, value, false);
  }

  writeSystem32(linear: number, value: number): void {
    const e = this.i32[systemWriteTable + (linear >>> 12)]!;
    if ((((e - 1) | linear) & pageMask) <= room4) this.view.setUint32(hostOf(e, linear), value, true);
    else this.#writeSlow(linear, 4, value, false);
  }

  #readSlow(linear: number, size: number, user: boolean): number {
    const { mmu, bus } = this;
    const physical = mmu.translate(linear, AccessKind.read, user);
    if ((linear & pageMask) + size <= 0x1000) return bus.read(physical, size);
    const second = mmu.translate(nextPage(linear), AccessKind.read, user);
    const inFirst = 0x1000 - (linear & pageMask);
    let value = 0;
    for (let i = 0; i < size; i++) {
      value |= bus.read(i < inFirst ? physical + i : second + i - inFirst, 1) << (8 * i);
    }
    return value >>> 0;
  }

  #writeSlow(linear: number, size: number, value: number, user: boolean): void {
    const { mmu, bus } = this;
    const physical = mmu.translate(linear, AccessKind.write, user);
    if ((linear & pageMask) + size <= 0x1000) {
      bus.write(physical, size, value);
      return;
    }
    const second = mmu.translate(nextPage(linear), AccessKind.write, user);
    const inFirst = 0x1000 - (linear & pageMask);
    for (let i = 0; i < size; i++) {
      bus.write(i < inFirst ? physical + i : second + i - inFirst, 1, value >>> (8 * i));
    }
  }
}

/** First byte of the page after the one around `linear`, at 4 GiB wrapping to 0. */
function nextPage(linear: number): number {
  return ((linear | pageMask) + 1) >>> 0;
}
