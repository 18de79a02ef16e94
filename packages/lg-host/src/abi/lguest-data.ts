/*P:020
 * One structure shared by Guest and Host.
 *
 * A hypercall costs a trip out of the Guest and back. The things a kernel does most often (disable interrupts, enable
 * them, read the faulting address, read the clock) are therefore done through a structure in the Guest's own memory
 * that both sides read and write. The Guest tells its address in LHCALL_LGUEST_INIT; it must lie wholly in guest RAM.
 */
import { X86_EFLAGS_IF } from './segments.js';

/** Slots in the ring of asynchronous hypercalls. */
export const LHCALL_RING_SIZE = 64;
/** hcall_status of a free slot. */
export const LHCALL_SLOT_FREE = 0xff;
/** hcall_status of a slot the Host should carry out. */
export const LHCALL_SLOT_PENDING = 0;
/** Bytes of one ring entry: eax, ebx, ecx, edx, esi images. */
export const LHCALL_ENTRY_BYTES = 20;
/** Bytes of struct lguest_data. */
export const LGUEST_DATA_BYTES = 1392;

/** Byte offsets of the fields of struct lguest_data. */
export const LguestDataOffset = {
  /** Bit 9 is the virtual interrupt flag; other eflags bits may lie beside it. Both sides write it. */
  irqEnabled: 0,
  /** One bit per virtual irq, 1 = masked. The Guest writes it. */
  blockedInterrupts: 4,
  /** Address of the last page fault that was reflected. The Host writes it. */
  cr2: 8,
  /** Wall clock: seconds. The Host writes it, at INIT and whenever it delivers an interrupt. */
  timeSeconds: 12,
  /** Wall clock: nanoseconds. */
  timeNanoseconds: 16,
  /** X86_EFLAGS_IF when an interrupt waits for irqEnabled. The Host writes it. */
  irqPending: 20,
  /** LHCALL_RING_SIZE status bytes. Both sides write them. */
  hcallStatus: 24,
  /** LHCALL_RING_SIZE entries of LHCALL_ENTRY_BYTES. The Guest writes them. */
  hcalls: 88,
  /** Bytes at the top of virtual space that the Guest must not use. The Host writes it at INIT. */
  reserveMem: 1368,
  /** Time-stamp counter frequency in kHz, 0 when it is not usable as a clock. The Host writes it at INIT. */
  tscKhz: 1372,
  /** First address of the range in which no interrupt is delivered. Written by the Guest before INIT. */
  noirqStart: 1376,
  /** End (exclusive) of that range. */
  noirqEnd: 1380,
  /** From this address up all page directories are alike. Written by the Guest before INIT. */
  kernelAddress: 1384,
  /** The system call vector. Written by the Guest before INIT. */
  syscallVec: 1388,
} as const;

/** Little-endian memory as LguestData wants it. x86-core's PhysicalMemory is one; memoryOver() makes another. */
export interface LittleEndianMemory {
  read8(address: number): number;
  read32(address: number): number;
  write8(address: number, value: number): void;
  write32(address: number, value: number): void;
}

/** A DataView as LittleEndianMemory, for tests and tools. */
export function memoryOver(view: DataView): LittleEndianMemory {
  return {
    read8: (address) => view.getUint8(address),
    read32: (address) => view.getUint32(address, true),
    write8: (address, value) => view.setUint8(address, value),
    write32: (address, value) => view.setUint32(address, value, true),
  };
}

/**
 * struct lguest_data at a guest-physical address. All values are unsigned 32-bit numbers. The caller has checked that
 * LGUEST_DATA_BYTES from `base` lie inside guest memory.
 */
export class LguestData {
  readonly memory: LittleEndianMemory;
  /** Guest-physical address of the structure. */
  readonly base: number;

  constructor(memory: LittleEndianMemory, base: number) {
    this.memory = memory;
    this.base = base;
  }

  get irqEnabled(): number { return this.memory.read32(this.base + LguestDataOffset.irqEnabled); }
  set irqEnabled(value: number) { this.memory.write32(this.base + LguestDataOffset.irqEnabled, value); }

  /** True when the virtual interrupt flag is set; the other bits of irq_enabled mean nothing. */
  get interruptsOn(): boolean { return (this.irqEnabled & X86_EFLAGS_IF) !== 0; }

  get blockedInterrupts(): number { return this.memory.read32(this.base + LguestDataOffset.blockedInterrupts); }
  set blockedInterrupts(value: number) { this.memory.write32(this.base + LguestDataOffset.blockedInterrupts, value); }

  get cr2(): number { return this.memory.read32(this.base + LguestDataOffset.cr2); }
  set cr2(value: number) { this.memory.write32(this.base + LguestDataOffset.cr2, value); }

  get timeSeconds(): number { return this.memory.read32(this.base + LguestDataOffset.timeSeconds); }
  get timeNanoseconds(): number { return this.memory.read32(this.base + LguestDataOffset.timeNanoseconds); }

  /** Store the wall clock: seconds and nanoseconds of the second since the epoch. */
  setTime(seconds: number, nanoseconds: number): void {
    this.memory.write32(this.base + LguestDataOffset.timeSeconds, seconds);
    this.memory.write32(this.base + LguestDataOffset.timeNanoseconds, nanoseconds);
  }

  get irqPending(): number { return this.memory.read32(this.base + LguestDataOffset.irqPending); }
  set irqPending(value: number) { this.memory.write32(this.base + LguestDataOffset.irqPending, value); }

  /** Status byte of a ring slot, 0..LHCALL_RING_SIZE-1. */
  hcallStatus(slot: number): number { return this.memory.read8(this.base + LguestDataOffset.hcallStatus + slot); }
  setHcallStatus(slot: number, status: number): void {
    this.memory.write8(this.base + LguestDataOffset.hcallStatus + slot, status);
  }

  /** Argument 0 (the call's number) to 4 of a ring slot. */
  hcallArgument(slot: number, argument: number): number {
    return this.memory.read32(this.base + LguestDataOffset.hcalls + slot * LHCALL_ENTRY_BYTES + argument * 4);
  }
  setHcallArgument(slot: number, argument: number, value: number): void {
    this.memory.write32(this.base + LguestDataOffset.hcalls + slot * LHCALL_ENTRY_BYTES + argument * 4, value);
  }

  get reserveMem(): number { return this.memory.read32(this.base + LguestDataOffset.reserveMem); }
  set reserveMem(value: number) { this.memory.write32(this.base + LguestDataOffset.reserveMem, value); }

  get tscKhz(): number { return this.memory.read32(this.base + LguestDataOffset.tscKhz); }
  set tscKhz(value: number) { this.memory.write32(this.base + LguestDataOffset.tscKhz, value); }

  get noirqStart(): number { return this.memory.read32(this.base + LguestDataOffset.noirqStart); }
  set noirqStart(value: number) { this.memory.write32(this.base + LguestDataOffset.noirqStart, value); }

  get noirqEnd(): number { return this.memory.read32(this.base + LguestDataOffset.noirqEnd); }
  set noirqEnd(value: number) { this.memory.write32(this.base + LguestDataOffset.noirqEnd, value); }

  get kernelAddress(): number { return this.memory.read32(this.base + LguestDataOffset.kernelAddress); }
  set kernelAddress(value: number) { this.memory.write32(this.base + LguestDataOffset.kernelAddress, value); }

  get syscallVec(): number { return this.memory.read32(this.base + LguestDataOffset.syscallVec); }
  set syscallVec(value: number) { this.memory.write32(this.base + LguestDataOffset.syscallVec, value); }
}
