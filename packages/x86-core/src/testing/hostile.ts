/*
 * Machines in any mode, with tables, pages and code that may be anything: what a guest that means harm could set up.
 *
 * Everything comes from a seed. About half of what is in the tables makes sense, so that things get going.
 */
import { type EngineName, Machine } from '../index.js';
import { Access, Cr0, Cr4, Eflags, SegmentField, SegmentRegister, State } from '../state.js';
import { entries, hostileCode } from './hostile-code.js';
import { interestingWord, Random } from './random.js';

export const hostileBytes = 1 << 18;
export const exitSelector = 0x50;
/** Physical addresses; linear ones too, where pages are mapped to themselves. */
export const At = { ivt: 0, gdt: 0x1000, idt: 0x2000, tss: 0x3000, ldt: 0x4000, directory: 0x5000, table: 0x6000, pointers: 0x7000, code: 0x8000, data: 0xc000, stack: 0x1_8000 } as const;
const pageBytes = 0x1000;
export const codeBytes = 0x2000;

/** Modes that a machine starts in. */
const modes = ['real', 'virtual', 'sixteen', 'flat', 'flat', 'flat', 'segmented'] as const;
type Mode = (typeof modes)[number];

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

export function setCache(i32: Int32Array, register: number, selector: number, base: number, limit: number, access: number): void {
  const at = (State.segments + register * SegmentField.size) >> 2;
  i32.set([selector, base, limit, access], at);
}

/** What the owner of a machine does when a run has ended otherwise than by its budget: it sends the guest somewhere else. */
export interface Owner {
  /** One choice for all machines that are alike. */
  choose(random: Random): number;
  goOn(machine: Machine, choice: number): void;
}

const anywhere: Owner = {
  choose: (random) => (random.oneIn(2) ? At.code + random.below(codeBytes) : random.below(codeBytes)),
  goOn: ({ cpu }, eip) => { cpu.processor.i32[State.eip >> 2] = eip; },
};

/** Everything anew from a seed: memory, tables, mode, registers. */
export function prepareHostile(machine: Machine, seed: number): Owner {
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
  return anywhere;
}

/** What memory holds where nothing else is. */
const noise = new Uint8Array(Uint32Array.from({ length: hostileBytes / 4 }, (_, i) => (i * 4 < At.data ? 0 : (i * 2654435761) >>> (i & 15))).buffer);
