/*
 * Machines in any mode, with tables, pages and code that may be anything: what a guest that means harm could set up.
 *
 * Everything comes from a seed. About half of what is in the tables makes sense, so that things get going; code is a mixture
 * of common instructions, system instructions and plain noise.
 */
import { type EngineName, type Exit, ExitReason, Machine } from '../index.js';
import { readEflags } from '../flags.js';
import { Access, Cr0, Cr4, Eflags, SegmentField, SegmentRegister, State } from '../state.js';
import { interestingWord, Random } from './random.js';

export const hostileBytes = 1 << 18;
const exitSelector = 0x50;
/** Physical addresses; linear ones too, where pages are mapped to themselves. */
const At = { ivt: 0, gdt: 0x1000, idt: 0x2000, tss: 0x3000, ldt: 0x4000, directory: 0x5000, table: 0x6000, pointers: 0x7000, code: 0x8000, data: 0xc000, stack: 0x1_8000 } as const;
const pageBytes = 0x1000;
const codeBytes = 0x2000;
const entries = 32;

/** Modes that a machine starts in. */
const modes = ['real', 'virtual', 'sixteen', 'flat', 'flat', 'flat', 'segmented'] as const;
type Mode = (typeof modes)[number];

/** Opcodes of ordinary code, which take ModRM, and those that do not. */
const withModrm = [
  0x00, 0x01, 0x02, 0x03, 0x08, 0x0b, 0x11, 0x1b, 0x21, 0x23, 0x29, 0x2b, 0x31, 0x33, 0x39, 0x3b, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0x8d,
  0xd1, 0xd3, 0xf7, 0xfe, 0xff, 0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0x8c, 0x8e, 0x8f, 0xc4, 0xc5, 0x62, 0x63,
];
const twoByteModrm = [
  0x00, 0x01, 0x02, 0x03, 0x10, 0x11, 0x16, 0x20, 0x22, 0x23, 0x28, 0x29, 0x2a, 0x2d, 0x2e, 0x40, 0x44, 0x51, 0x54, 0x57, 0x58, 0x59, 0x5c, 0x5e, 0x60, 0x6e, 0x6f, 0x7e,
  0x7f, 0x94, 0x9c, 0xa3, 0xa5, 0xab, 0xae, 0xaf, 0xb0, 0xb1, 0xb2, 0xb6, 0xbb, 0xbc, 0xbe, 0xc1, 0xc7, 0xd4, 0xef, 0xfe,
];
const alone = [
  0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27, 0x37, 0x40, 0x43, 0x48, 0x4f, 0x50, 0x53, 0x58, 0x5b, 0x60, 0x61, 0x6c, 0x6e, 0x90, 0x91, 0x98, 0x99, 0x9b, 0x9c, 0x9d,
  0x9e, 0x9f, 0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xae, 0xc3, 0xc9, 0xcb, 0xcc, 0xce, 0xcf, 0xd6, 0xd7, 0xec, 0xee, 0xf4, 0xf5, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd,
];
const prefixes = [0x66, 0x66, 0x67, 0x26, 0x2e, 0x36, 0x64, 0xf0, 0xf2, 0xf3];

/** So many bytes of code. */
export function hostileCode(random: Random, length: number): Uint8Array {
  const code: number[] = [];
  const immediate = (bytes: number): void => { for (let i = 0; i < bytes; i++) code.push(random.below(256)); };
  while (code.length < length) {
    if (random.oneIn(6)) code.push(random.pick(prefixes));
    switch (random.below(12)) {
      case 0: code.push(random.pick([0x04, 0x24, 0x3c, 0xb0, 0xb4, 0xcd, 0xe4, 0xe6, 0x6a, 0xd4])); immediate(1); break;
      case 1: code.push(random.pick([0x05, 0x2d, 0x3d, 0x68, 0xb8, 0xb9, 0xbe, 0xbf, 0xa1, 0xa3])); immediate(4); break;
      case 2: code.push(0x70 + random.below(16), random.below(40) - 24 & 0xff); break;
      case 3: code.push(random.pick([0xe0, 0xe2, 0xe3, 0xeb]), random.below(60) - 40 & 0xff); break;
      case 4: code.push(random.pick([0xe8, 0xe9]), random.below(200), random.pick([0, 0xff]), random.pick([0, 0xff]), random.pick([0, 0xff])); break;
      case 5: code.push(random.pick(alone)); break;
      case 6: code.push(0x0f, random.pick(twoByteModrm)); immediate(random.pick([1, 2, 6])); break;
      case 7: code.push(random.pick([0x80, 0x81, 0x83, 0xc0, 0xc1, 0xc6, 0xc7, 0x69, 0x6b])); immediate(random.pick([2, 3, 6])); break;
      case 8: code.push(random.pick([0xea, 0x9a])); immediate(2); code.push(0, 0, random.below(entries) * 8 | random.below(4), 0); break;
      case 9: immediate(1 + random.below(4)); break;
      default:
        // registers more often than memory, so that code gets on
        code.push(random.pick(withModrm), random.oneIn(2) ? 0xc0 | random.below(64) : random.below(256));
        if (random.oneIn(3)) immediate(random.pick([1, 4]));
    }
  }
  return Uint8Array.from(code.slice(0, length));
}

/** High words of descriptors: ordinary segments first. */
const kinds = [0xcf9a, 0xcf92, 0xcffa, 0xcff2, 0x0f9a, 0x0f92, 0x0ffa, 0x0ff2, 0x4f96, 0x0ff6, 0xcfbe, 0xcf9e, 0xcf90, 0xcff8, 0x0089, 0x0081, 0x0082, 0x008c, 0x0084, 0x0085, 0x00ec, 0x00e5];

function writeDescriptors(machine: Machine, random: Random): void {
  const { physical } = machine;
  for (let i = 1; i < entries; i++) {
    for (const table of [At.gdt, At.ldt]) {
      const at = table + 8 * i;
      const kind = i < 5 && table === At.gdt ? kinds[i - 1]! : random.pick(kinds);
      if ((kind & 0x10) !== 0) {
        const base = i < 5 ? 0 : random.pick([0, 0, At.data, random.below(hostileBytes)]);
        const limit = i < 5 ? 0xffff : random.pick([0xffff, 0x1fff, random.below(0x1_0000), 0]);
        physical.write32(at, limit | (base << 16));
        physical.write32(at + 4, (base >>> 16 & 0xff) | ((kind & 0xff) << 8) | ((kind & 0xff00) << 8) | (base & 0xff00_0000));
      } else if ((kind & 7) === 4 || (kind & 7) === 5) {
        // a gate
        physical.write32(at, (random.below(entries) << 19) | (random.below(4) << 16) | (At.code + random.below(codeBytes)));
        physical.write32(at + 4, (kind << 8) | random.below(4));
      } else {
        const base = (kind & 0xf) === 2 ? At.ldt : At.tss + 0x100 * random.below(8);
        physical.write32(at, 0xff | (base << 16));
        physical.write32(at + 4, (base >>> 16) | (kind << 8));
      }
      if (random.oneIn(25)) physical.write32(at + 4, physical.read32(at + 4) ^ (1 << random.below(32)));
    }
  }
  for (let vector = 0; vector < 256; vector++) {
    const own = random.oneIn(2);
    const selector = own ? exitSelector : random.oneIn(4) ? random.below(entries) * 8 : 8;
    physical.write32(At.idt + 8 * vector, (selector << 16) | (At.code + random.below(codeBytes)));
    physical.write32(At.idt + 8 * vector + 4, own ? 0xee00 : random.pick([0x8e00, 0xee00, 0xef00, 0x8600, 0xe700, 0xe500, 0]));
    physical.write32(At.ivt + 4 * vector, ((At.code >> 4) << 16) | random.below(codeBytes));
  }
  for (let task = 0; task < 8; task++) {
    const at = At.tss + 0x100 * task;
    for (let i = 0; i < 0x100; i += 4) physical.write32(at + i, random.pick([random.below(entries) * 8, At.stack, At.code + random.below(codeBytes), random.word()]));
    for (const field of [8, 0x10, 0x18]) physical.write32(at + field, random.pick([0x10, 0x10, random.below(entries) * 8]));
    physical.write32(at + 0x1c, At.directory);
    physical.write32(at + 0x24, 2 | (random.word() & random.pick([0x200, 0x200, 0x2_7fd5])));
  }
}

function writePages(machine: Machine, random: Random, pae: boolean): void {
  const { physical } = machine;
  const rights = (): number => random.pick([7, 7, 7, 7, 7, 0x67, 5, 3, 1, 0, 0x107]);
  const frame = (page: number): number => (random.oneIn(12) ? random.below(hostileBytes / pageBytes) : page) * pageBytes;
  const size = pae ? 8 : 4;
  physical.write(At.directory, new Uint8Array(2 * pageBytes));
  for (let i = 0; i < 4; i++) {
    physical.write32(At.pointers + 8 * i, At.directory | (i === 0 ? 1 : random.below(2)));
    physical.write32(At.pointers + 8 * i + 4, 0);
  }
  // tables of the system stay where they are, with all rights, more often than not
  for (let page = 0; page < hostileBytes / pageBytes + 8; page++) {
    physical.write32(At.table + size * page, page < 8 && !random.oneIn(20) ? page * pageBytes | 7 : frame(page) | rights());
    if (pae) physical.write32(At.table + size * page + 4, random.oneIn(20) ? 1 << 31 : 0);
  }
  physical.write32(At.directory, At.table | 7);
  // large pages, aliases of the same memory, and nonsense
  for (let i = 1; i < 8; i++) {
    physical.write32(At.directory + size * i, random.pick([At.table | 7, 0x87, 0xe7, 0x83, random.word(), 0]));
    if (pae) physical.write32(At.directory + size * i + 4, random.oneIn(8) ? random.word() : 0);
  }
}

/** Linear addresses, mostly of mapped memory. */
function pointer(random: Random): number {
  return random.pick([At.data, At.data + pageBytes - 2, At.stack, At.code, random.below(hostileBytes), 0x40_0000 + At.data, interestingWord(random)]) + random.below(64);
}

/** A machine with somewhere to leave to. Hooks for ports answer, memory is small. */
export function makeHostile(engine: EngineName): Machine {
  return new Machine({ physicalBytes: hostileBytes, engine, exitSelector, jit: { hotAfter: 1, steps: false }, ports: { read: (port, size) => (port * 0x0101_0101) >>> (32 - 8 * size), write: () => undefined } });
}

function setCache(i32: Int32Array, register: number, selector: number, base: number, limit: number, access: number): void {
  const at = (State.segments + register * SegmentField.size) >> 2;
  i32.set([selector, base, limit, access], at);
}

/** Everything anew from a seed: memory, tables, mode, registers. */
export function prepareHostile(machine: Machine, seed: number): void {
  const { cpu, physical } = machine;
  const random = new Random(seed);
  cpu.reset();
  const { processor } = cpu;
  const { i32 } = processor;
  physical.write(0, noise);
  writeDescriptors(machine, random);
  const mode: Mode = random.pick(modes);
  const paging = mode !== 'real' && random.oneIn(2);
  const pae = paging && random.oneIn(3);
  if (paging) writePages(machine, random, pae);
  physical.write(At.code, hostileCode(random, codeBytes));
  const level = mode === 'virtual' ? 3 : mode === 'real' ? 0 : random.below(4);
  i32[State.cr0 >> 2] = Cr0.et | (mode === 'real' ? 0 : Cr0.pe) | (paging ? Cr0.pg : 0) | (random.word() & (Cr0.wp | Cr0.am | Cr0.ne)) | (random.oneIn(6) ? random.word() & (Cr0.ts | Cr0.em | Cr0.mp) : 0);
  i32[State.cr4 >> 2] = (pae ? Cr4.pae : 0) | (random.word() & (Cr4.pse | Cr4.pge | Cr4.de)) | (random.oneIn(8) ? Cr4.tsd : 0) | (random.oneIn(4) ? 0 : Cr4.osfxsr | Cr4.osxmmexcpt);
  i32[State.cr3 >> 2] = pae ? At.pointers : At.directory;
  for (let i = 0; i < 4; i++) i32[(State.pdpte >> 2) + 2 * i] = pae ? physical.read32(At.pointers + 8 * i) : 0;
  if (random.oneIn(2)) i32[State.efer >> 2] = 1 << 11;
  if (random.oneIn(10)) {
    for (let i = 0; i < 4; i++) i32[(State.dr >> 2) + i] = pointer(random);
    i32[(State.dr >> 2) + 7] = 0x400 | (random.word() & 0xffff_03ff);
  }
  i32[State.gdtBase >> 2] = At.gdt;
  i32[State.gdtLimit >> 2] = entries * 8 - 1;
  i32[State.idtBase >> 2] = mode === 'real' ? At.ivt : At.idt;
  i32[State.idtLimit >> 2] = 0x7ff;
  const flags = 2 | (random.word() & 0x8d5) | (random.oneIn(2) ? Eflags.if : 0) | (random.below(4) << Eflags.ioplShift) |
    (random.oneIn(12) ? Eflags.tf : 0) | (random.oneIn(8) ? Eflags.df : 0) | (random.oneIn(8) ? Eflags.ac : 0) | (random.oneIn(10) ? Eflags.nt : 0);
  const ordinary = Access.present | Access.notSystem | Access.writable | Access.accessed;
  const privilege = level << Access.dplShift;
  const wide = mode === 'flat' || (mode === 'segmented' && random.oneIn(2));
  const shape = wide ? Access.big | Access.granular : 0;
  for (let register = 0; register < 6; register++) {
    const code = register === SegmentRegister.cs;
    const old = mode === 'real' || mode === 'virtual';
    const base = mode === 'flat' ? 0 : old ? (code ? At.code : random.pick([At.data, At.stack, 0])) : random.pick([0, At.data, 0x100]);
    const limit = mode === 'flat' ? 0xffff_ffff : old || wide ? 0xffff : random.pick([0xffff, 0xfff, 0x7ff]);
    const down = mode === 'segmented' && !code && random.oneIn(3) ? Access.expandDown : 0;
    const codeBase = mode === 'flat' || old ? base : At.code;
    setCache(i32, register, old ? base >> 4 : (code ? 8 : 16) | level, code ? codeBase : base, wide && mode !== 'flat' ? 0x3_ffff | 0xfff : limit,
      ordinary | privilege | (code ? Access.code : down) | shape);
  }
  setCache(i32, SegmentRegister.tr, 0x78, At.tss, 0xff, 0x8b00);
  setCache(i32, SegmentRegister.ldtr, 0x88, At.ldt, 0xff, 0x8200);
  i32[State.cpl >> 2] = level;
  cpu.regs.set(Array.from({ length: 8 }, () => pointer(random)));
  cpu.regs[4] = mode === 'flat' ? At.stack + 0x800 : 0x600 + random.below(4);
  cpu.regs[1] = random.below(40);
  i32[State.eip >> 2] = mode === 'flat' ? At.code : 0;
  i32[State.eflags >> 2] = (flags & ~Eflags.arithmetic & ~2) | (mode === 'virtual' ? Eflags.vm : 0);
  i32[State.fpuControl >> 2] = random.pick([0x37f, 0x37f, 0x340 | random.below(0x1000)]) & 0x1f7f;
  i32[State.mxcsr >> 2] = random.pick([0x1f80, 0x1fa0, random.below(0x1_0000)]);
  processor.mmu.flushAll(true);
  processor.updateMode();
}

/** What memory holds where nothing else is. */
const noise = new Uint8Array(Uint32Array.from({ length: hostileBytes / 4 }, (_, i) => (i * 4 < At.data ? 0 : (i * 2654435761) >>> (i & 15))).buffer);

/** How a run ended, in words. */
function told(exit: Exit): string {
  return exit.reason === ExitReason.gate ? `gate ${exit.vector} ${exit.hasErrorCode ? exit.errorCode : ''}` : `exit ${exit.reason}`;
}

/** Everything but memory, as text. */
export function hostileSnapshot(machine: Machine, exit: Exit): string {
  const { cpu } = machine;
  const { i32 } = cpu.processor;
  const words = (from: number, count: number): string => Array.from(i32.subarray(from >> 2, (from >> 2) + count), (v) => (v >>> 0).toString(16)).join(' ');
  return [
    `${told(exit)} eip ${cpu.eip.toString(16)} eflags ${readEflags(i32).toString(16)} cpl ${cpu.cpl} shadow ${i32[State.shadow >> 2]} retired ${cpu.retired}`,
    `gpr ${words(State.gpr, 8)}`, `segments ${words(State.segments, 32)}`, `control ${words(State.cr0, 9)} dr ${words(State.dr, 8)} efer ${words(State.efer, 1)}`,
    `x87 ${words(State.fpuControl, 8)} top ${words(State.fpuTop, 1)} ${words(State.fpu, 32)}`, `xmm ${words(State.xmm, 32)} mxcsr ${words(State.mxcsr, 1)}`,
  ].join('\n');
}

/** What happens between two runs, to all machines alike. */
function meddle(machines: readonly Machine[], random: Random): void {
  switch (random.below(8)) {
    case 0: {
      const vector = random.below(256);
      for (const { cpu } of machines) cpu.interrupt(vector);
      break;
    }
    case 1: {
      // a page's rights or frame change, and the TLB is told
      const page = random.below(hostileBytes / pageBytes);
      const entry = random.pick([page, page, random.below(64)]) * pageBytes | random.pick([7, 7, 5, 3, 0]);
      for (const { cpu, physical } of machines) {
        physical.write32(At.table + 4 * page, entry);
        cpu.flushTlbPage(page * pageBytes);
        cpu.flushTlbPage(0x40_0000 + page * pageBytes);
        cpu.flushTlb();
      }
      break;
    }
    case 2: {
      // code is written from outside
      const at = At.code + random.below(codeBytes);
      const bytes = hostileCode(random, 1 + random.below(6));
      for (const { physical } of machines) physical.write(at, bytes);
      break;
    }
    default:
  }
}

/** Several engines on the same hostile machines. */
export class HostileDuel {
  readonly #machines: readonly Machine[];
  /** Instructions retired by each. */
  retired = 0;
  /** Runs that ended by each reason, on the first. */
  readonly ends = new Map<string, number>();

  constructor(...engines: readonly EngineName[]) {
    this.#machines = engines.map(makeHostile);
  }

  /**
   * @param everywhere interrupts after each single instruction, instead of now and then
   * @returns a sentence about the first difference, or undefined
   */
  fight(seed: number, rounds = 30, everywhere = false): string | undefined {
    for (const machine of this.#machines) prepareHostile(machine, seed);
    const random = new Random(seed ^ 0x5bd1_e995);
    for (let round = 0; round < rounds; round++) {
      const budget = everywhere ? 1 : random.pick([1, 2, 3, 7, 20, 100, 500]);
      const texts = this.#machines.map((machine) => hostileSnapshot(machine, machine.cpu.run(budget)));
      const [first] = texts as [string];
      const other = texts.findIndex((text) => text !== first);
      if (other >= 0) return `seed ${seed}, round ${round}, budget ${budget}, engine ${other}:\n${first}\n---\n${texts[other]}`;
      const end = first.slice(0, first.indexOf(' eip'));
      this.ends.set(end, (this.ends.get(end) ?? 0) + 1);
      if (end.startsWith(`exit ${ExitReason.shutdown}`)) break;
      if (!end.startsWith(`exit ${ExitReason.budget}`)) {
        // the owner does what it came for: somewhere else, go on
        const eip = random.oneIn(2) ? At.code + random.below(codeBytes) : random.below(codeBytes);
        for (const { cpu } of this.#machines) cpu.processor.i32[State.eip >> 2] = eip;
      }
      if (everywhere) {
        const vector = random.below(256);
        const taken = this.#machines.map(({ cpu }) => cpu.interrupt(vector));
        if (new Set(taken).size !== 1) return `seed ${seed}, round ${round}: interrupt ${vector} taken by ${taken.join()}`;
      } else meddle(this.#machines, random);
    }
    const [a, ...others] = this.#machines as [Machine, ...Machine[]];
    this.retired += a.cpu.retired;
    for (const [i, b] of others.entries()) {
      if (Buffer.compare(a.physical.bytes, b.physical.bytes) === 0) continue;
      const at = a.physical.bytes.findIndex((byte, j) => byte !== b.physical.bytes[j]);
      return `seed ${seed}: physical ${at.toString(16)} holds ${a.physical.bytes[at]}, engine ${i + 1} has ${b.physical.bytes[at]}`;
    }
    return undefined;
  }
}
