/*
 * What an answer tells, in words that mean the same to whoever gave it: the exception or interrupt that ended the case, the
 * interrupted state out of the frame it pushed, what changed in registers and in the world.
 */
import { type Answer, type AnswerName, type FieldName, runsOf, type SystemCase, untouchedCr2 } from './system-case.js';
import type { Outcome } from './run.js';
import { At, Sel, worldBytes } from './world.js';

const withErrorCode = new Set([8, 10, 11, 12, 13, 14, 17]);
const rplMask = 3;
const virtualFlag = 1 << 17;
const wideStack = 1 << 22;
/** The supervisor's stubs push three words below the frame: DS, the vector, and one at a time of EAX and the flags. */
const scribbledBytes = 12;

/** Names and values, in the order they are written; values are numbers, of the world's bytes texts. */
export type Told = ReadonlyMap<string, number | string>;

interface Frame {
  /** Bytes per word. */
  readonly size: number;
  readonly words: number;
  readonly names: readonly string[];
}

const inner = ['eip', 'cs', 'fl'] as const;
const outer = [...inner, 'esp', 'ss'] as const;
const virtual = [...outer, 'es', 'ds', 'fs', 'gs'] as const;

/** The world after a case. */
export function worldAfter(c: SystemCase, { changes }: Answer): Uint8Array {
  const world = c.world.slice();
  const view = new DataView(world.buffer);
  for (const [at, value] of changes) view.setUint32(at, value, true);
  return world;
}

/** Where the handler's stack is: the linear address of the frame. */
function frameAddress(world: DataView, { registers: { ss, esp, real } }: Answer): number {
  if (real !== 0) return 16 * ss + (esp & 0xffff);
  const entry = At.gdt + (ss & 0x1f8);
  const high = world.getUint32(entry + 4, true);
  const base = (world.getUint16(entry + 2, true) | ((high & 0xff) << 16) | (high & 0xff00_0000)) >>> 0;
  return (base + ((high & wideStack) !== 0 ? esp : esp & 0xffff)) >>> 0;
}

const taskGate = 5;
const wideGate = 8;

/** The shape of the frame that the gate of this vector pushes. */
function frameOf(c: SystemCase, world: DataView, answer: Answer, at: number): Frame {
  const { vector, cs, real } = answer.registers;
  if (real !== 0) return { size: 2, words: 3, names: inner };
  const type = (world.getUint32(c.registers.idtBase % worldBytes + 8 * vector + 4, true) >>> 8) & 0xf;
  if (type === taskGate) return { size: 4, words: 0, names: [] };
  const size = (type & wideGate) !== 0 ? 4 : 2;
  const first = at + (withErrorCode.has(vector) ? size : 0);
  if (first + 9 * size > worldBytes) return { size, words: 0, names: [] };
  const names = size === 4 && (world.getUint32(first + 2 * size, true) & virtualFlag) !== 0 ? virtual
    : (world.getUint16(first + size, true) & rplMask) !== (cs & rplMask) ? outer : inner;
  return { size, words: names.length, names };
}

const hexBytes = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
/** Descriptor tables, by name: changes there are told entry by entry. */
const tables: readonly (readonly [name: string, start: number, end: number])[] = [['gdt', At.gdt, At.ldt], ['ldt', At.ldt, At.tss], ['idt', At.idt, At.stubs]];

/** Memory that differs, as `gdt.80=00cff300…` (a descriptor as one number), or `@7000=0102…` (bytes). */
export function memoryText(before: Uint8Array, now: Uint8Array): [string, string][] {
  const out: [string, string][] = [];
  const view = new DataView(now.buffer, now.byteOffset);
  const word = (at: number): string => view.getUint32(at, true).toString(16).padStart(8, '0');
  for (const { at, bytes } of runsOf(before, now)) {
    const end = at + bytes.length;
    for (let from = at; from < end;) {
      const table = tables.find(([, start, limit]) => from >= start && from < limit);
      if (!table) {
        const next = Math.min(end, ...tables.map(([, start]) => start).filter((start) => start > from));
        out.push([`@${from.toString(16)}`, hexBytes(now.subarray(from, next))]);
        from = next;
        continue;
      }
      // an entry is told as a whole
      const entry = from & ~7;
      const place = table[0] === 'idt' ? (entry - table[1]) / 8 : entry - table[1];
      const text: [string, string] = [`${table[0]}.${place.toString(16)}`, `${word(entry + 4)}${word(entry)}`];
      if (out.at(-1)?.[0] !== text[0]) out.push(text);
      from = entry + 8;
    }
  }
  return out;
}

/** Registers told whenever they are not what they were. */
const kept: readonly (AnswerName & FieldName)[] = ['eax', 'ecx', 'edx', 'ebx', 'ebp', 'esi', 'edi', 'cr0', 'cr3', 'cr4', 'dr7', 'tr', 'ldtr', 'gdtLimit', 'gdtBase', 'idtLimit', 'idtBase'];
/** DR6 when nothing has happened. */
export const plainDr6 = 0xffff_0ff0;
/** TF, IF, NT, RF and VM. */
const clearedByGates = 0x3_4300;

/** Everything an outcome tells of a case. Equal cases on equal processors tell the same. */
export function tell(c: SystemCase, outcome: Outcome): Told {
  const out = new Map<string, number | string>();
  if (typeof outcome === 'string') return out.set('lost', outcome);
  const { registers } = outcome;
  const { vector } = registers;
  const world = worldAfter(c, outcome);
  const view = new DataView(world.buffer);
  out.set('vector', vector);
  const top = frameAddress(view, outcome);
  out.set('top', top);
  const start = new Map<string, number>([['fl', c.registers.eflags], ...Object.entries(c.registers)]);
  let interrupted = 0;
  if (top + 40 < worldBytes) {
    const frame = frameOf(c, view, outcome, top);
    const error = withErrorCode.has(vector) && registers.real === 0;
    const word = (i: number): number => (frame.size === 4 ? view.getUint32(top + 4 * i, true) : view.getUint16(top + 2 * i, true));
    if (error) out.set('error', word(0));
    const first = error ? 1 : 0;
    const selectors = new Set(['cs', 'ss', 'es', 'ds', 'fs', 'gs']);
    frame.names.forEach((name, i) => {
      // the upper half of a pushed selector is nobody's
      const value = selectors.has(name) ? word(first + i) & 0xffff : word(first + i);
      if (name === 'fl') interrupted = value;
      if (name === 'eip' || value !== start.get(name)! >>> 0) out.set(name, value);
    });
    const bytes = frame.size * (frame.words + first);
    if (!frame.names.includes('esp')) {
      const esp = registers.esp + bytes;
      if (frame.words > 0 && esp !== c.registers.esp) out.set('esp', esp >>> 0);
      if (registers.ss !== c.registers.ss) out.set('ss', registers.ss);
    }
    // what is told is told; what the stubs have pushed is theirs
    for (let i = top - scribbledBytes; i < top + bytes; i++) world[i] = c.world[i]!;
  }
  if (registers.cs !== Sel.code0) out.set('handler.cs', registers.cs);
  const flags = interrupted & ~clearedByGates;
  if (((registers.eflags ^ flags) & ~2) !== 0) out.set('handler.fl', registers.eflags);
  for (const name of kept) if (registers[name] !== c.registers[name] >>> 0) out.set(name, registers[name]);
  if ((interrupted & virtualFlag) === 0) {
    for (const name of ['es', 'ds', 'fs', 'gs'] as const) if (registers[name] !== c.registers[name]) out.set(name, registers[name]);
  }
  if (registers.cr2 !== untouchedCr2) out.set('cr2', registers.cr2);
  if (registers.dr6 !== plainDr6) out.set('dr6', registers.dr6);
  if ((registers.real !== 0) !== (c.state === 'real')) out.set('real', registers.real);
  for (const [name, text] of memoryText(c.world, world)) out.set(name, text);
  return out;
}
