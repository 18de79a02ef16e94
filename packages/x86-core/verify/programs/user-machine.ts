/*
 * A machine with nothing on it but one user program: ring 3, flat segments at the selectors a 64-bit Linux kernel gives
 * to 32-bit programs, paging, and an IDT whose every gate leads out to us.
 */
import { Access, Cr0, type CpuidModel, Machine, type MachineOptions, SegmentRegister } from '../../src/index.js';
import { AddressSpace, systemPage } from './address-space.js';

/** Who executes, and what its JIT may do. */
export type EngineChoice = Pick<MachineOptions, 'engine' | 'jit'>;

const exitSelector = 0x10;
/** Selectors of 32-bit user programs, with RPL 3. */
const Selector = { code: 0x23, data: 0x2b } as const;
/** The GDT entries that set_thread_area(2) gives away. */
export const Tls = { first: 12, count: 3 } as const;
const gdtLimit = 0x7f;
const idtOffset = 0x800;
const taskSelector = 0x40;
const taskLimit = 0x67;
const busyTask = 0xb00;
/** The task segment's last word: where the bitmap would be, if it were within the limit. The segment shares the page, behind the GDT. */
const taskOffset = 0x100;
const bitmapField = 0x66;
const vectors = 256;
const interruptGate32 = 0x8e00;
const dplShift = 13;
/** INT3, INTO and the system call: what a program may ask for by an INT instruction. */
const userVectors = [3, 4, 0x80];
const flatLimitLow = 0xffff;
const flatLimitHigh = 0xf_0000;
const userSegment = Access.accessed | Access.writable | Access.notSystem | Access.dplMask | Access.present | Access.big | Access.granular;
/** IF, and the bit that is always set. */
const startEflags = 0x202;

/** The machine, the program's memory, and the two things calls do to the CPU besides. */
export class UserMachine {
  readonly machine: Machine;
  readonly space: AddressSpace;
  readonly #system: number;

  constructor(physicalBytes: number, engine: EngineChoice, cpuid: CpuidModel) {
    const machine = new Machine({ physicalBytes, ...engine, exitSelector, cpuid });
    this.machine = machine;
    this.space = new AddressSpace(machine);
    this.#system = this.space.systemPhysical;
    const { physical, cpu } = machine;
    for (let vector = 0; vector < vectors; vector++) {
      const at = this.#system + idtOffset + 8 * vector;
      const dpl = userVectors.includes(vector) ? 3 : 0;
      physical.write32(at, exitSelector << 16);
      physical.write32(at + 4, interruptGate32 | (dpl << dplShift));
    }
    this.setDescriptor(Selector.code >>> 3, flatLimitLow, userSegment | Access.code | flatLimitHigh);
    this.setDescriptor(Selector.data >>> 3, flatLimitLow, userSegment | flatLimitHigh);
    cpu.setGdt(systemPage, gdtLimit);
    cpu.setIdt(systemPage + idtOffset, vectors * 8 - 1);
    physical.write16(this.#system + taskOffset + bitmapField, taskLimit + 1);
    // a task state segment without I/O bitmap: a program's IN and OUT are #GP
    cpu.setSegment(SegmentRegister.tr, { selector: taskSelector, base: systemPage + taskOffset, limit: taskLimit, access: Access.present | busyTask });
    cpu.cr0 = Cr0.pe | Cr0.mp | Cr0.et | Cr0.ne | Cr0.wp | Cr0.am | Cr0.pg;
  }

  /** Write a GDT entry. */
  setDescriptor(index: number, low: number, high: number): void {
    this.machine.physical.write32(this.#system + 8 * index, low);
    this.machine.physical.write32(this.#system + 8 * index + 4, high);
  }

  /** Both words of a GDT entry. */
  descriptor(index: number): [number, number] {
    return [this.machine.physical.read32(this.#system + 8 * index), this.machine.physical.read32(this.#system + 8 * index + 4)];
  }

  /** All registers as Linux leaves them at a program's first instruction. */
  start(entry: number, stack: number): void {
    const { cpu } = this.machine;
    for (const register of [SegmentRegister.es, SegmentRegister.ss, SegmentRegister.ds]) cpu.loadSegment(register, Selector.data);
    for (const register of [SegmentRegister.fs, SegmentRegister.gs]) cpu.loadSegment(register, 0);
    cpu.loadSegment(SegmentRegister.cs, Selector.code);
    cpu.regs.fill(0);
    cpu.regs[4] = stack;
    cpu.eip = entry;
    cpu.eflags = startEflags;
  }
}
