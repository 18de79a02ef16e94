/*
 * A system case: the world with a few changes, the registers of a machine about to run it, and what came of it.
 */
import { At, endCode, makeWorld, Sel, worldBytes, type Entry } from './world.js';
import { supervisorWorld } from './low-memory.js';

/** How a case begins. */
export const Start = { ring0: 0, outer: 1, virtual: 2, real: 3 } as const;

/** Words of a case for the supervisor, in this order; then the number of patches, and the patches. */
export const fields = [
  'start', 'cr0', 'cr3', 'cr4', 'efer', 'dr0', 'dr1', 'dr2', 'dr3', 'dr7', 'gdtLimit', 'gdtBase', 'idtLimit', 'idtBase', 'ldtr', 'tr',
  'es', 'cs', 'ss', 'ds', 'fs', 'gs', 'eflags', 'eip', 'eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi',
] as const;
export type FieldName = (typeof fields)[number];
export type Registers = Record<FieldName, number>;

/** The named states that cases are told relative to. */
export const states = ['ring0', 'ring1', 'ring2', 'ring3', 'v86', 'real'] as const;
export type StateName = (typeof states)[number];

const protection = 1;
/** ET and NE: no case asks for the interrupt line of a PC's coprocessor. */
const always = 0x30;

/** The registers of a state before a case changes them. */
export function plainRegisters(state: StateName): Registers {
  const level = state.startsWith('ring') ? Number(state[4]) : 3;
  const old = state === 'v86' || state === 'real';
  const data = old ? At.data >>> 4 : (Sel.data0 + 16 * level) | level;
  const stack = [At.stack0 - 0x200, At.stack1 - 0x100, At.stack2 - 0x100, At.stack3][level]!;
  return {
    start: state === 'ring0' ? Start.ring0 : state === 'v86' ? Start.virtual : state === 'real' ? Start.real : Start.outer,
    cr0: state === 'real' ? always : always | protection, cr3: At.directory, cr4: 0, efer: 0, dr0: 0, dr1: 0, dr2: 0, dr3: 0, dr7: 0x400,
    gdtLimit: 0x1ff, gdtBase: At.gdt, idtLimit: state === 'real' ? 0x3ff : 0x7ff, idtBase: state === 'real' ? At.ivt : At.idt, ldtr: Sel.ldt, tr: Sel.tss,
    es: data, cs: old ? At.code >>> 4 : (Sel.code0 + 16 * level) | level, ss: old ? 0x600 : data, ds: data, fs: data, gs: data,
    eflags: state === 'v86' ? 0x2_0002 : 2, eip: old ? 0 : At.code,
    eax: 0, ecx: 0xc0c0_c0c0, edx: 0xd0d0_0300, ebx: At.data, esp: old ? 0xf00 : stack, ebp: 0xb0b0_b0b0, esi: At.data + 0x100, edi: At.data + 0x200,
  };
}

/** The world as cases find it when they change nothing. */
export const pristine: Uint8Array = supervisorWorld(makeWorld());

/** One case. */
export class SystemCase {
  readonly state: StateName;
  readonly registers: Registers;
  readonly world = pristine.slice();
  /** The instructions under test, without the end. */
  code: readonly number[] = [];
  readonly #view = new DataView(this.world.buffer);

  constructor(state: StateName) {
    this.state = state;
    this.registers = plainRegisters(state);
  }

  /** Instructions at the start, and the end behind them. */
  setCode(code: readonly number[]): void {
    this.code = code;
    this.world.set([...code, ...endCode], At.code);
  }

  poke8(at: number, value: number): void { this.world[at] = value; }
  poke16(at: number, value: number): void { this.#view.setUint16(at, value & 0xffff, true); }
  poke32(at: number, value: number): void { this.#view.setUint32(at, value >>> 0, true); }
  peek32(at: number): number { return this.#view.getUint32(at, true); }

  /** Put an entry into a descriptor table. */
  entry(table: number, index: number, [low, high]: Entry): void {
    this.poke32(table + 8 * index, low);
    this.poke32(table + 8 * index + 4, high);
  }

  /** Write words of 2 or 4 bytes, one after the other. */
  words(at: number, size: number, values: readonly number[]): void {
    values.forEach((value, i) => (size === 4 ? this.poke32(at + 4 * i, value) : this.poke16(at + 2 * i, value)));
  }

  /** What differs from the pristine world: runs of bytes. */
  patches(): { at: number; bytes: Uint8Array }[] {
    return runsOf(pristine, this.world);
  }
}

/** Runs of words that `now` has and `before` has not. */
export function runsOf(before: Uint8Array, now: Uint8Array): { at: number; bytes: Uint8Array }[] {
  const a = new Int32Array(before.buffer, before.byteOffset, worldBytes / 4);
  const b = new Int32Array(now.buffer, now.byteOffset, worldBytes / 4);
  const runs: { at: number; bytes: Uint8Array }[] = [];
  for (let i = 0; i < b.length; i++) {
    if (a[i] === b[i]) continue;
    let end = i + 1;
    while (end < b.length && a[end] !== b[end]) end++;
    runs.push({ at: 4 * i, bytes: now.subarray(4 * i, 4 * end) });
    i = end;
  }
  return runs;
}

/** Cases as the supervisor wants them. */
export function encodeCases(cases: readonly SystemCase[]): Uint8Array {
  const parts = cases.map((c) => {
    const patches = c.patches();
    const words: number[] = [0, ...fields.map((name) => c.registers[name] | 0), patches.length];
    for (const { at, bytes } of patches) words.push(at, bytes.length / 4, ...new Int32Array(bytes.slice().buffer));
    words[0] = 4 * words.length;
    return Int32Array.from(words);
  });
  const all = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return new Uint8Array(all.buffer);
}

/** Words of an answer, in this order; then the number of changed words of the world, and each one's address and value. */
export const answerFields = [
  'magic', 'bytes', 'index', 'vector', 'eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi', 'eflags', 'es', 'cs', 'ss', 'ds', 'fs', 'gs',
  'cr0', 'cr2', 'cr3', 'cr4', 'dr6', 'dr7', 'tr', 'ldtr', 'gdtLimit', 'gdtBase', 'idtLimit', 'idtBase', 'real',
] as const;
export type AnswerName = (typeof answerFields)[number];
export const magic = 0x5359_5331;
/** CR2 before each case. */
export const untouchedCr2 = 0xc2c2_c2c2;

/** What came of a case: the handler's registers, and the world. */
export interface Answer {
  readonly registers: Record<AnswerName, number>;
  /** Word address → value, in ascending order. */
  readonly changes: ReadonlyMap<number, number>;
}

/** Take the supervisor's output apart. What is left of an answer that is not whole is ignored. */
export function decodeAnswers(output: Uint8Array): Answer[] {
  const view = new DataView(output.buffer, output.byteOffset, output.byteLength);
  const answers: Answer[] = [];
  const head = 4 * (answerFields.length + 1);
  for (let at = 0; at + head <= output.length;) {
    if (view.getUint32(at, true) !== magic) throw new Error(`the supervisor's output makes no sense at byte ${at}`);
    const bytes = view.getUint32(at + 4, true);
    if (at + bytes > output.length) break;
    const registers = Object.fromEntries(answerFields.map((name, i) => [name, view.getUint32(at + 4 * i, true)])) as Record<AnswerName, number>;
    const changes = new Map<number, number>();
    for (let i = at + head; i < at + bytes; i += 8) changes.set(view.getUint32(i, true), view.getUint32(i + 4, true));
    answers.push({ registers, changes });
    at += bytes;
  }
  return answers;
}
