/*
 * Hostile machines whose guests stay at work (busy-program.ts): flat protected mode at level 0 or 3, with or without paging,
 * with handlers that get the program over most of its faults. What runs there runs mostly in the engine under test.
 */
import { pushesErrorCode, Vector } from '../fault.js';
import type { Machine } from '../index.js';
import { Access, Cr0, Cr4, Eflags, SegmentRegister, State } from '../state.js';
import { type BusyPlaces, makeBusyProgram } from './busy-program.js';
import { assemble } from './flat-machine.js';
import { At, codeBytes, exitSelector, hostileBytes, type Owner, prepareHostile, setCache } from './hostile.js';
import { interestingWord, Random } from './random.js';

const pageBytes = 0x1000;
const handlers = 0xa000;
const kernelStack = 0x1_f000;
const kernelCode = 8;
const kernelData = 0x10;
const userCode = 0x1b;
const userData = 0x23;
/** Linear pages that have entries of their own; the same again from here on. */
const pages = hostileBytes / pageBytes;
const aliases = 0x40_0000;
const interruptGate = 0x8e00;
const userGate = 0xee00;
const allRights = 0x67;
const noExecute = 1 << 31;
/** The guest's flags that would take it out of what engines do by themselves. */
const delicateFlags = Eflags.tf | Eflags.nt | Eflags.ac;

/** Handlers by what they do; each returns, and leaves flags behind that let the program go on. */
function assembleHandlers(entryBytes: number): Map<string, Uint8Array> {
  const tame = `andl $${~delicateFlags | 0}, 8(%esp)\n iret`;
  const sources = {
    // behind an instruction that faults: one byte on, whatever is there
    skip: `incl (%esp)\n ${tame}`,
    skipWithCode: `leal 4(%esp), %esp\n incl (%esp)\n ${tame}`,
    again: tame,
    againWithCode: `leal 4(%esp), %esp\n ${tame}`,
    clearX87: `fnclex\n ${tame}`,
    allowX87: `clts\n ${tame}`,
    // the page gets all rights; what lies elsewhere is skipped
    page: `pusha
      movl %cr2, %edx
      movl %edx, %eax
      shrl $12, %eax
      andl $0x3ff, %eax
      cmpl $${pages}, %eax
      jae away
      movl %eax, %ecx
      shll $12, %ecx
      orl $${allRights}, %ecx
      movl %ecx, ${At.table}(,%eax,${entryBytes})
      ${entryBytes === 8 ? `movl $0, ${At.table + 4}(,%eax,8)` : ''}
      invlpg (%edx)
      popa
      leal 4(%esp), %esp
      ${tame}
    away: popa
      leal 4(%esp), %esp
      incl (%esp)
      ${tame}`,
  };
  return new Map(Object.entries(sources).map(([name, source]) => [name, assemble(source)]));
}

const codeOf = new Map([4, 8].map((entryBytes) => [entryBytes, assembleHandlers(entryBytes)]));
const handlerBytes = 0x80;

function handlerOf(vector: number): string {
  switch (vector) {
    case Vector.debug: return 'again';
    case Vector.pageFault: return 'page';
    case Vector.x87: return 'clearX87';
    case Vector.noDevice: return 'allowX87';
    case Vector.alignment: return 'againWithCode';
    default: return vector >= 32 ? 'again' : pushesErrorCode(vector) ? 'skipWithCode' : 'skip';
  }
}

function writeTables(machine: Machine, random: Random, pae: boolean): void {
  const { physical } = machine;
  const flat = [0x00cf_9b00, 0x00cf_9300, 0x00cf_fb00, 0x00cf_f300];
  for (const [i, high] of flat.entries()) {
    physical.write32(At.gdt + 8 * (i + 1), 0xffff);
    physical.write32(At.gdt + 8 * (i + 1) + 4, high);
  }
  const code = codeOf.get(pae ? 8 : 4)!;
  const at = new Map([...code.keys()].map((name, i) => [name, handlers + handlerBytes * i]));
  for (const [name, bytes] of code) physical.write(at.get(name)!, bytes);
  for (let vector = 0; vector < 256; vector++) {
    const leaves = vector === Vector.doubleFault || random.oneIn(vector < 32 ? 12 : 4);
    const selector = leaves ? exitSelector : kernelCode;
    physical.write32(At.idt + 8 * vector, (selector << 16) | at.get(handlerOf(vector))!);
    // hardware's vectors are for hardware, but for INT3 and INTO
    const mayUser = vector >= 32 || vector === Vector.breakpoint || vector === Vector.overflow;
    physical.write32(At.idt + 8 * vector + 4, mayUser ? userGate : interruptGate);
  }
  physical.write32(At.tss + 4, kernelStack);
  physical.write32(At.tss + 8, kernelData);
}

/** Pages mapped to themselves, and all of them again behind 4 MiB; some may do less, some lie elsewhere. */
function writePages(machine: Machine, random: Random, pae: boolean): void {
  const { physical } = machine;
  const size = pae ? 8 : 4;
  physical.write(At.directory, new Uint8Array(pageBytes));
  physical.write(At.table, new Uint8Array(2 * pageBytes));
  const tame = (page: number): boolean => page < At.code / pageBytes || page === handlers / pageBytes || page === kernelStack / pageBytes - 1;
  for (let page = 0; page < pages; page++) {
    const own = tame(page) || !random.oneIn(12);
    const rights = tame(page) ? allRights : random.pick([allRights, allRights, 7, 7, 5, 0x25, 3, 0]);
    physical.write32(At.table + size * page, (own ? page : random.below(pages)) * pageBytes | rights);
    if (pae) physical.write32(At.table + size * page + 4, !tame(page) && random.oneIn(20) ? noExecute : 0);
  }
  // 4 MiB are one entry, or two of 2 MiB
  const perAlias = pae ? 2 : 1;
  physical.write32(At.directory, At.table | allRights);
  physical.write32(At.directory + size * perAlias, At.table | allRights);
  physical.write32(At.directory + size * perAlias * 2, random.pick([0x87, 0xe7, 0x83, 0]));
  if (!pae) return;
  physical.write(At.pointers, new Uint8Array(32));
  physical.write32(At.pointers, At.directory | 1);
}

/** Segments, level, stack and general registers as at the start of a busy program. */
function start(machine: Machine, random: Random, level: number): void {
  const { cpu } = machine;
  const { processor } = cpu;
  const { i32 } = processor;
  const ordinary = Access.present | Access.notSystem | Access.writable | Access.accessed | Access.big | Access.granular | (level << Access.dplShift);
  const [codeSelector, dataSelector] = level === 0 ? [kernelCode, kernelData] : [userCode, userData];
  for (let register = 0; register < 6; register++) {
    const isCode = register === SegmentRegister.cs;
    setCache(i32, register, isCode ? codeSelector : dataSelector, 0, 0xffff_ffff, ordinary | (isCode ? Access.code : 0));
  }
  i32[State.cpl >> 2] = level;
  const flags = (random.word() & Eflags.arithmetic) | (random.oneIn(4) ? 0 : Eflags.if) | (random.oneIn(3) ? Eflags.iopl : 0) | (random.oneIn(16) ? Eflags.ac : 0);
  cpu.regs.set(Array.from({ length: 8 }, () => interestingWord(random)));
  cpu.regs[4] = At.stack + 0x800;
  i32[State.eip >> 2] = At.code;
  i32[State.eflags >> 2] = flags & ~Eflags.arithmetic;
  processor.updateMode();
}

/** Everything anew from a seed, as prepareHostile() does. */
export function prepareBusy(machine: Machine, seed: number): Owner {
  // noise everywhere first
  prepareHostile(machine, seed);
  const { cpu, physical } = machine;
  const { processor } = cpu;
  const { i32 } = processor;
  const random = new Random(seed ^ 0x2545_f491);
  const paging = !random.oneIn(4);
  const pae = paging && random.oneIn(3);
  const level = random.pick([0, 3]);
  writeTables(machine, random, pae);
  if (paging) writePages(machine, random, pae);
  const places: BusyPlaces = {
    code: At.code, alias: paging ? At.code + aliases : At.code, data: At.data, codeBytes, dataBytes: 5 * pageBytes,
    counters: 0x1_6000, stackTop: 0x1_8ff0, pageTable: At.table, entryBytes: pae ? 8 : 4, pages, directory: pae ? At.pointers : At.directory,
  };
  const program = makeBusyProgram(random, places);
  physical.write(At.code, program.bytes);
  i32[State.cr0 >> 2] = Cr0.et | Cr0.pe | (paging ? Cr0.pg : 0) | (random.word() & (Cr0.wp | Cr0.am | Cr0.ne));
  i32[State.cr4 >> 2] = (pae ? Cr4.pae : 0) | (random.word() & (Cr4.pse | Cr4.pge | Cr4.de)) | (random.oneIn(8) ? 0 : Cr4.osfxsr | Cr4.osxmmexcpt);
  i32[State.cr3 >> 2] = places.directory;
  for (let i = 0; i < 8; i++) i32[(State.pdpte >> 2) + i] = pae ? physical.read32(At.pointers + 4 * i) : 0;
  i32[State.efer >> 2] = random.oneIn(2) ? 1 << 11 : 0;
  i32.fill(0, State.dr >> 2, (State.dr >> 2) + 4);
  i32[(State.dr >> 2) + 7] = 0x400;
  i32[State.idtBase >> 2] = At.idt;
  i32[State.fpuControl >> 2] = random.oneIn(4) ? 0x340 | random.below(0x1000) & 0xf3f : random.pick([0x37f, 0x37f, 0x27f, 0x07f, 0xf7f]);
  i32[State.mxcsr >> 2] = random.pick([0x1f80, 0x1f80, 0x1fa0, 0x9fc0, random.below(0x1_0000)]);
  processor.updateAvailability();
  start(machine, random, level);
  processor.mmu.flushAll(true);
  return {
    choose: (choices) => choices.word(),
    goOn: (which, choice) => {
      const choices = new Random(choice);
      if (choices.oneIn(2)) start(which, choices, level);
      which.cpu.processor.i32[State.eip >> 2] = At.code + choices.pick(program.starts);
    },
  };
}
