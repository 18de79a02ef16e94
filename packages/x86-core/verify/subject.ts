/*
 * Our processor in the place of the real one: the same address space, the same user segments, the same cases.
 *
 * All exceptions leave through gates that belong to us, so a case ends where the oracle's ends: at the INT3 behind the
 * instruction, or at the instruction's own fault.
 */
import type { Engine } from '../src/engine.js';
import { readStatus, writeStatus } from '../src/x87/environment.js';
import { SteppingEngine } from '../src/engine.js';
import { InterpreterEngine } from '../src/interpreter/engine.js';
import { readEflags, writeEflags } from '../src/flags.js';
import { cpuidModels } from '../src/cpuid.js';
import { Processor } from '../src/processor.js';
import { Access, Cr0, Cr4, Layout, SegmentField, SegmentRegister, State } from '../src/state.js';
import type { UndefinedResults } from '../src/undefined-results.js';
import '../src/semantics/index.js';
import { Case, type CaseView, Fx, type LocalSegment, Place, Selector, int3, localSegments, readOnlyPattern } from './case.js';

const pageBytes = 0x1000;
/** Physical pages, by what they hold. */
const Page = { directory: 1, codeTable: 2, dataTable: 3, systemTable: 4, code: 5, data: 6, readOnly: 7, system: 8, count: 16 } as const;
const memoryPages = (Layout.physical + Page.count * pageBytes) / 65536;
const systemLinear = 0xfff0_0000;
const idtOffset = 0x800;
const ldtOffset = 0x400;
/** Parts of a selector. */
const rpl = 3;
const inLocalTable = 4;
/** Sixteen descriptors, as many as Linux has. */
const gdtLimit = 0x7f;
const pte = { present: 1, writable: 2, user: 4, accessed: 32, dirty: 64 };
const exitSelector = 0x10;
const interruptGate32 = 0x8e00;
const dplShift = 13;
/** Nobody looks at this selector. */
const ldtSelector = 0x50;
const ldtType = 2;

/** High word of a local segment's descriptor, as Linux makes it: DPL 3, accessed. */
function localHigh(segment: LocalSegment): number {
  const type = { data: 0, down: 4, code: 8 }[segment.kind] | (segment.restricted ? 0 : 2) | 1;
  return (
    (segment.base & 0xff00_0000) | ((segment.base >>> 16) & 0xff) | (segment.limit & 0xf_0000) | (type << 8) | Access.notSystem |
    (3 << dplShift) | (segment.absent ? 0 : Access.present) | (segment.big ? Access.big : 0) | (segment.pages ? Access.granular : 0)
  );
}

/** Vectors a user program may call: INT3, INTO, Linux's system call. */
const userVectors = [3, 4, 0x80];
const flatLimitLow = 0xffff;
const userCode = 0x00cf_fb00;
const userData = 0x00cf_f300;
/** A segment cache keeps these bits of a descriptor's high word. */
const accessMask = 0x00f0_ff00;

/** How many instructions a case may take; repeated strings take one per repetition. */
const budget = 5000;
/** What stands in `vector` when that was not enough. */
export const endless = 0xff;

/** Makes the engine under test. */
export type EngineFactory = (cpu: Processor) => Engine;

export const referenceEngine: EngineFactory = (cpu) => new SteppingEngine(cpu);
export const interpreterEngine: EngineFactory = (cpu) => new InterpreterEngine(cpu);

/** A machine that runs cases. */
export class Subject {
  readonly #cpu: Processor;
  readonly #engine: Engine;

  constructor(factory: EngineFactory = referenceEngine, undefinedResults: UndefinedResults = 'intel') {
    const memory = new WebAssembly.Memory({ initial: memoryPages, maximum: memoryPages });
    const cpu = new Processor(memory, { physicalBytes: Page.count * pageBytes, exitSelector, cpuid: cpuidModels.default, undefinedResults });
    this.#cpu = cpu;
    this.#engine = factory(cpu);
    this.#buildTables();
    const { i32 } = cpu;
    i32[State.cr0 >> 2] = Cr0.pe | Cr0.mp | Cr0.et | Cr0.ne | Cr0.wp | Cr0.am | Cr0.pg;
    i32[State.cr3 >> 2] = Page.directory * pageBytes;
    i32[State.cr4 >> 2] = Cr4.osfxsr | Cr4.osxmmexcpt;
    i32[State.gdtBase >> 2] = systemLinear;
    i32[State.gdtLimit >> 2] = gdtLimit;
    i32[State.idtBase >> 2] = systemLinear + idtOffset;
    i32[State.idtLimit >> 2] = 256 * 8 - 1;
    i32[State.cpl >> 2] = 3;
    cpu.mmu.flushAll(true);
  }

  #write32(page: number, offset: number, value: number): void {
    this.#cpu.view.setUint32(Layout.physical + page * pageBytes + offset, value, true);
  }

  #buildTables(): void {
    const user = pte.present | pte.writable | pte.user | pte.accessed;
    const entry = (linear: number): number => (linear >>> 22) * 4;
    const leaf = (linear: number): number => ((linear >>> 12) & 0x3ff) * 4;
    this.#write32(Page.directory, entry(Place.codePage), (Page.codeTable * pageBytes) | user);
    this.#write32(Page.directory, entry(Place.dataPage), (Page.dataTable * pageBytes) | user);
    this.#write32(Page.directory, entry(systemLinear), (Page.systemTable * pageBytes) | user);
    this.#write32(Page.codeTable, leaf(Place.codePage), (Page.code * pageBytes) | user);
    this.#write32(Page.dataTable, leaf(Place.dataPage), (Page.data * pageBytes) | user);
    this.#write32(Page.dataTable, leaf(Place.readOnlyPage), (Page.readOnly * pageBytes) | (user & ~pte.writable));
    this.#write32(Page.systemTable, leaf(systemLinear), (Page.system * pageBytes) | (user & ~pte.user));
    for (const [selector, high] of [[Selector.code, userCode], [Selector.data, userData]] as const) {
      this.#write32(Page.system, selector & ~7, flatLimitLow);
      this.#write32(Page.system, (selector & ~7) + 4, high);
    }
    const locals: readonly LocalSegment[] = Object.values(localSegments);
    locals.forEach((segment, i) => {
      const high = localHigh(segment);
      this.#write32(Page.system, ldtOffset + 8 * i, ((segment.base & 0xffff) << 16) | (segment.limit & 0xffff));
      this.#write32(Page.system, ldtOffset + 8 * i + 4, high);
    });
    const ldtr = (State.segments + SegmentRegister.ldtr * SegmentField.size) >> 2;
    this.#cpu.i32.set([ldtSelector, systemLinear + ldtOffset, 8 * locals.length - 1, Access.present | (ldtType << 8)], ldtr);
    for (let vector = 0; vector < 256; vector++) {
      const dpl = userVectors.includes(vector) ? 3 : 0;
      this.#write32(Page.system, idtOffset + 8 * vector, exitSelector << 16);
      this.#write32(Page.system, idtOffset + 8 * vector + 4, interruptGate32 | (dpl << dplShift));
    }
    const { u8 } = this.#cpu;
    const readOnly = Layout.physical + Page.readOnly * pageBytes;
    for (let i = 0; i < pageBytes; i++) u8[readOnly + i] = readOnlyPattern(i);
    const code = Layout.physical + Page.code * pageBytes;
    u8.fill(int3, code, code + pageBytes);
  }

  /** Load a segment register's cache from the tables we wrote. */
  #setSegment(register: number, selector: number): void {
    const at = (State.segments + register * SegmentField.size) >> 2;
    const { i32, view } = this.#cpu;
    i32[at] = selector;
    i32.fill(0, at + 1, at + 4);
    if ((selector & ~rpl) === 0) return;
    const table = Layout.physical + Page.system * pageBytes + (selector & inLocalTable ? ldtOffset : 0) + (selector & ~7);
    const low = view.getUint32(table, true);
    const high = view.getUint32(table + 4, true);
    const limit = (low & 0xffff) | (high & 0xf_0000);
    i32[at + 1] = (low >>> 16) | ((high & 0xff) << 16) | (high & 0xff00_0000);
    i32[at + 2] = high & Access.granular ? (limit << 12) | 0xfff : limit;
    i32[at + 3] = high & accessMask;
  }

  /** Run a case and put what came out into its place. */
  run(c: CaseView): void {
    const cpu = this.#cpu;
    const { i32, u8 } = cpu;
    const code = Layout.physical + Page.code * pageBytes + (Place.code - Place.codePage);
    const data = Layout.physical + Page.data * pageBytes;
    const window = data + (Place.window - Place.dataPage);
    u8.fill(0, data, window);
    u8.set(c.window, window);
    u8.set(c.code, code);
    if (cpu.codePages[Page.code] !== 0) cpu.bus.onCodeWrite(Page.code * pageBytes + (Place.code - Place.codePage), Case.codeBytes);
    for (let r = 0; r < 8; r++) i32[(State.gpr >> 2) + r] = c.register(r);
    for (let register = 0; register < 6; register++) this.#setSegment(register, c.selector(register));
    writeEflags(i32, c.word(Case.eflags));
    i32[State.eip >> 2] = c.word(Case.eip);
    this.#loadX87(c);
    cpu.updateMode();
    i32[State.budget >> 2] = budget;
    i32[State.attention >> 2] = 0;
    cpu.pendingExit = -1;
    this.#engine.run();
    this.#readBack(c, window);
  }

  #readBack(c: CaseView, window: number): void {
    const cpu = this.#cpu;
    const { i32, u8, exit } = cpu;
    for (let r = 0; r < 8; r++) c.setRegister(r, i32[(State.gpr >> 2) + r]!);
    c.setWord(Case.eflags, readEflags(i32));
    c.setWord(Case.eip, i32[State.eip >> 2]!);
    c.setWord(Case.vector, cpu.pendingExit < 0 ? endless : exit.vector);
    c.setWord(Case.errorCode, exit.hasErrorCode ? exit.errorCode : 0);
    c.setWord(Case.cr2, i32[State.cr2 >> 2]!);
    for (let register = 0; register < 6; register++) {
      c.setSelector(register, i32[(State.segments + register * SegmentField.size) >> 2]!);
    }
    this.#saveX87(c);
    c.window.set(u8.subarray(window, window + Place.windowBytes));
  }

  #loadX87(c: CaseView): void {
    const { i32, u8 } = this.#cpu;
    const status = c.fx16(Fx.status);
    i32[State.fpuControl >> 2] = c.fx16(Fx.control);
    writeStatus(i32, status);
    i32[State.fpuTags >> 2] = c.fxsave[Fx.tags]!;
    i32[State.fpuOpcode >> 2] = 0;
    i32[State.fpuEip >> 2] = 0;
    i32[State.fpuCs >> 2] = 0;
    i32[State.fpuData >> 2] = 0;
    i32[State.fpuDs >> 2] = 0;
    i32[State.mxcsr >> 2] = c.view.getUint32(Case.fxsave + Fx.mxcsr, true);
    for (let i = 0; i < 8; i++) {
      const physical = ((status >>> 11) + i) & 7;
      u8.set(c.fxsave.subarray(Fx.st + 16 * i, Fx.st + 16 * i + 10), State.fpu + 16 * physical);
    }
    u8.set(c.fxsave.subarray(Fx.xmm, Fx.xmm + 128), State.xmm);
  }

  #saveX87(c: CaseView): void {
    const { i32, u8 } = this.#cpu;
    const status = readStatus(i32);
    c.setFx16(Fx.control, i32[State.fpuControl >> 2]!);
    c.setFx16(Fx.status, status);
    c.setFx16(Fx.tags, i32[State.fpuTags >> 2]!);
    for (let i = 0; i < 8; i++) {
      const physical = State.fpu + 16 * (((status >>> 11) + i) & 7);
      c.fxsave.set(u8.subarray(physical, physical + 10), Fx.st + 16 * i);
    }
    c.view.setUint32(Case.fxsave + Fx.mxcsr, i32[State.mxcsr >> 2]!, true);
    c.fxsave.set(u8.subarray(State.xmm, State.xmm + 128), Fx.xmm);
  }
}

