/*
 * Two engines run the same random programs, a random number of instructions at a time, while the rights of pages change.
 * They must agree to the last bit of state, memory and exit after every run.
 */
import { type EngineName, ExitReason, type JitOptions, Machine, SegmentRegister } from '../index.js';
import { Cr0, Cr4, State } from '../state.js';
import { interestingWord, Random } from './random.js';
import { codePages, dataPages, Linear, makeProgram, pageBytes, type Program } from './random-program.js';
import { Stable, type Work } from './stable.js';

const exitSelector = 0x10;
/** Physical page numbers. */
const Frame = { directory: 1, codeTable: 2, dataTable: 3, systemTable: 4, system: 5, code: 8, data: 12, count: 32 } as const;
const Pte = { present: 1, writable: 2, user: 4 } as const;
const Selector = { code: 0x23, data: 0x2b } as const;
const flatCode = 0x00c0_fb00;
const flatData = 0x00c0_f300;
/** FS begins with the data pages and ends within the second. */
const byteGranular = 0x0040_f300;
const fsLimit = 0x1fff;
const idtOffset = 0x800;
const interruptGate = 0x8e00;
const userGate = 0xee00;

/** A machine with the tables in place. */
function makeMachine(engine: EngineName, jit?: JitOptions): Machine {
  const machine = new Machine({ physicalBytes: Frame.count * pageBytes, engine, exitSelector, jit: { hotAfter: 1, steps: false, ...jit } });
  const { physical, cpu } = machine;
  const frame = (page: number, rights: number): number => (page * pageBytes) | rights;
  const all = Pte.present | Pte.writable | Pte.user;
  const directory = Frame.directory * pageBytes;
  physical.write32(directory + (Linear.code >>> 22) * 4, frame(Frame.codeTable, all));
  physical.write32(directory + (Linear.data >>> 22) * 4, frame(Frame.dataTable, all));
  physical.write32(directory + (Linear.system >>> 22) * 4, frame(Frame.systemTable, all));
  physical.write32(Frame.systemTable * pageBytes + ((Linear.system >>> 12) & 0x3ff) * 4, frame(Frame.system, Pte.present | Pte.writable));
  for (let vector = 0; vector < 256; vector++) {
    const at = Frame.system * pageBytes + idtOffset + 8 * vector;
    physical.write32(at, exitSelector << 16);
    physical.write32(at + 4, vector === 3 || vector === 4 ? userGate : interruptGate);
  }
  for (const [selector, high] of [[Selector.code, flatCode], [Selector.data, flatData]] as const) {
    physical.write32(Frame.system * pageBytes + (selector & ~7), 0xffff);
    physical.write32(Frame.system * pageBytes + (selector & ~7) + 4, high | 0xf_0000);
  }
  cpu.setGdt(Linear.system, 0x7f);
  cpu.setIdt(Linear.system + idtOffset, 256 * 8 - 1);
  cpu.cr3 = Frame.directory * pageBytes;
  cpu.cr4 = Cr4.osfxsr | Cr4.osxmmexcpt;
  cpu.cr0 = Cr0.pe | Cr0.pg | Cr0.wp | Cr0.ne | Cr0.am | Cr0.mp;
  return machine;
}

/** Everything a program can see of a machine, as text; the first line tells how the run ended. */
function snapshot(machine: Machine, exit: string, retired: number): string {
  const { cpu } = machine;
  const { processor } = cpu;
  const { i32 } = processor;
  const words = (from: number, count: number): string => Array.from(i32.subarray(from >> 2, (from >> 2) + count), (v) => (v >>> 0).toString(16)).join(' ');
  return [
    exit,
    `eip ${cpu.eip.toString(16)} eflags ${cpu.eflags.toString(16)} retired ${retired} cr2 ${cpu.cr2.toString(16)}`,
    `gpr ${words(State.gpr, 8)}`,
    `segments ${words(State.segments, 24)}`,
    `x87 ${words(State.fpuControl, 8)} top ${words(State.fpuTop, 1)} ${words(State.fpu, 32)}`,
    `xmm ${words(State.xmm, 32)} mxcsr ${words(State.mxcsr, 1)}`,
  ].join('\n');
}

/** Runs the same random programs on two engines and tells the first difference. */
export class Duel {
  readonly #stable: Stable;
  #machines!: readonly [Machine, Machine];

  /** @param jit the second one's */
  constructor(first: EngineName = 'reference', second: EngineName = 'interpreter', jit?: JitOptions) {
    this.#stable = new Stable(() => makeMachine(first), () => makeMachine(second, jit));
  }

  /** A sentence about the first difference, or undefined when the engines agree about this seed's program. */
  fight(seed: number, rounds = 60): string | undefined {
    const random = new Random(seed);
    const program = makeProgram(random);
    const data = Uint8Array.from({ length: dataPages * pageBytes }, () => (random.oneIn(4) ? 0 : random.below(256)));
    this.#machines = this.#stable.take() as readonly [Machine, Machine];
    const [a, b] = this.#machines;
    for (const machine of this.#machines) {
      machine.physical.write(Frame.code * pageBytes, program.bytes);
      machine.physical.write(Frame.data * pageBytes, data);
    }
    this.#changeRights(random, false);
    this.#restart(random, program, true);
    for (let round = 0; round < rounds; round++) {
      const budget = random.pick([1, 2, 3, 10, 50, 300, 2000, 1 + random.below(500)]);
      const texts = this.#machines.map((machine) => {
        const before = machine.cpu.retired;
        const exit = machine.cpu.run(budget);
        const how = exit.reason === ExitReason.gate ? `gate ${exit.vector} ${exit.hasErrorCode ? exit.errorCode : ''}` : `exit ${exit.reason}`;
        return snapshot(machine, how, machine.cpu.retired - before);
      }) as [string, string];
      if (texts[0] !== texts[1]) return `seed ${seed}, round ${round}, budget ${budget}:\n${texts[0]}\n---\n${texts[1]}`;
      const from = Frame.directory * pageBytes;
      if (Buffer.compare(a.physical.bytes.subarray(from), b.physical.bytes.subarray(from)) !== 0) {
        const at = a.physical.bytes.findIndex((byte, i) => i >= from && byte !== b.physical.bytes[i]);
        return `seed ${seed}, round ${round}, budget ${budget}: physical ${at.toString(16)} holds ${a.physical.bytes[at]} and ${b.physical.bytes[at]}\n${texts[0]}`;
      }
      if (texts[0].startsWith('gate') || random.oneIn(10)) this.#restart(random, program, random.oneIn(4));
      if (random.oneIn(6)) this.#changeRights(random, random.oneIn(2));
    }
    return undefined;
  }

  /** What the second engine has done so far. */
  get work(): Work { return this.#stable.work[1]!; }

  /** Continue somewhere else, with the same on both sides. */
  #restart(random: Random, program: Program, everything: boolean): void {
    // by the other name of its pages now and then: writes by the first change what runs then
    const eip = (random.oneIn(4) ? Linear.alias : Linear.code) + random.pick(program.starts);
    const registers = Array.from({ length: 8 }, () => interestingWord(random));
    for (const pointer of [3, 5, 6, 7]) registers[pointer] = Linear.data + random.below(2 * pageBytes);
    registers[4] = Linear.data + 0x900;
    const flags = 0x202 | (random.word() & 0x8d5) | (random.oneIn(8) ? 0x400 : 0) | (random.oneIn(20) ? 1 << 18 : 0);
    for (const { cpu } of this.#machines) {
      cpu.regs.set(registers);
      cpu.eip = eip;
      cpu.eflags = flags;
      cpu.setSegment(SegmentRegister.cs, { selector: Selector.code, base: 0, limit: 0xffff_ffff, access: flatCode });
      for (const register of [SegmentRegister.es, SegmentRegister.ss, SegmentRegister.ds]) {
        cpu.setSegment(register, { selector: Selector.data, base: 0, limit: 0xffff_ffff, access: flatData });
      }
      cpu.setSegment(SegmentRegister.fs, { selector: Selector.data, base: Linear.data, limit: fsLimit, access: byteGranular });
      cpu.setSegment(SegmentRegister.gs, { selector: 0, base: 0, limit: 0, access: 0 });
      if (!everything) continue;
      const { i32 } = cpu.processor;
      i32.fill(0, State.fpuControl >> 2, (State.fpu >> 2) + 32);
      i32[State.fpuControl >> 2] = 0x37f;
    }
  }

  /** Give some pages other rights, on both machines, and tell the TLB as the owner of a page table must. */
  #changeRights(random: Random, onePage: boolean): void {
    const set = (table: number, linear: number, frame: number, rights: number): void => {
      for (const { physical, cpu } of this.#machines) {
        physical.write32(table * pageBytes + ((linear >>> 12) & 0x3ff) * 4, (frame * pageBytes) | rights);
        if (onePage) cpu.flushTlbPage(linear);
      }
    };
    const all = Pte.present | Pte.writable | Pte.user;
    for (let page = 0; page < codePages; page++) {
      set(Frame.codeTable, Linear.code + page * pageBytes, Frame.code + page, random.oneIn(6) ? Pte.present | Pte.user : all);
      set(Frame.codeTable, Linear.alias + page * pageBytes, Frame.code + page, random.oneIn(6) ? 0 : all);
    }
    for (let page = 0; page < dataPages; page++) {
      const rights = page === 0 ? all : random.pick([all, all, all, Pte.present | Pte.user, 0, Pte.present]);
      set(Frame.dataTable, Linear.data + page * pageBytes, Frame.data + page, rights);
    }
    if (!onePage) for (const { cpu } of this.#machines) cpu.flushTlb();
  }
}
