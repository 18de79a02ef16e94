/*
 * Where QEMU's translator (7.2) does otherwise than the manual says, or the manual leaves it open: README.md lists these.
 */
import type { FieldName, SystemCase } from './system-case.js';
import { plainDr6, type Told } from './told.js';
import { At, Sel, Tss, worldBytes } from './world.js';

/** One thing that differs. What is not told of a register is that it is as before. */
export interface Difference {
  readonly name: string;
  readonly ours: number | string | undefined;
  readonly theirs: number | string | undefined;
}

/** What was before, for names that are told only when it is no more. */
function started(c: SystemCase, name: string): number | string | undefined {
  if (name === 'fl') return c.registers.eflags >>> 0;
  if (name === 'dr6') return plainDr6;
  if (name.startsWith('@')) return undefined;
  return name in c.registers ? c.registers[name as FieldName] >>> 0 : undefined;
}

export function differences(c: SystemCase, ours: Told, theirs: Told): Difference[] {
  const names = new Set([...ours.keys(), ...theirs.keys()]);
  const value = (told: Told, name: string): number | string | undefined => told.get(name) ?? started(c, name);
  return [...names].filter((name) => ours.get(name) !== theirs.get(name)).map((name) => ({ name, ours: value(ours, name), theirs: value(theirs, name) }));
}

interface Excuse {
  readonly why: string;
  /** The whole case need not be alike. */
  readonly all?: (c: SystemCase, group: string, ours: Told, theirs: Told) => boolean;
  /** This difference does not matter. */
  readonly one?: (d: Difference, c: SystemCase, group: string, ours: Told) => boolean;
}

const num = (value: number | string | undefined): number => (typeof value === 'number' ? value : 0);
const xor = ({ ours, theirs }: Difference): number => num(ours) ^ num(theirs);
const [rf, vm, nullMask] = [1 << 16, 1 << 17, 0xfffc] as const;
const cr0Pg = 1 << 31;
const tf = 0x100;
const breakpoints = [0, 1, 2, 3] as const;
/** Of a descriptor's high word. */
const [descriptorAccessed, notSystem, codeSegment, granular] = [0x100, 0x1000, 0x1800, 1 << 23] as const;
/** RF in the byte that has it. */
const rfInByte = 1;
const accessed = 0x20;
const general = new Set(['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi']);
const inWorld = (name: string): number => (name.startsWith('@') ? Number.parseInt(name.slice(1), 16) : -1);
const withoutAccessed = (text: string): string => text.replace(/../g, (pair, i) => (i % 8 === 0 ? (Number.parseInt(pair, 16) & ~accessed).toString(16).padStart(2, '0') : pair));

/** A run of page-table entries, when only Accessed differs; entries not told are those of the case. */
function onlyAccessed({ name, ours, theirs }: Difference, c: SystemCase): boolean {
  const at = inWorld(name);
  if (at < At.directory || at >= worldBytes) return false;
  const length = Math.max(String(ours ?? '').length, String(theirs ?? '').length);
  const before = Array.from(c.world.subarray(at, at + length / 2), (byte) => byte.toString(16).padStart(2, '0')).join('');
  const text = (value: number | string | undefined): string => withoutAccessed(`${value ?? ''}${before.slice(String(value ?? '').length)}`);
  return text(ours) === text(theirs);
}

/** Memory in which one byte differs, by RF. */
function onlyResume({ ours, theirs }: Difference): boolean {
  if (typeof ours !== 'string' || typeof theirs !== 'string' || ours.length !== theirs.length) return false;
  const bytes = (text: string): number[] => (text.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16));
  const other = bytes(theirs);
  const found = bytes(ours).map((byte, i) => byte ^ other[i]!).filter((bits) => bits !== 0);
  return found.length === 1 && found[0] === rfInByte;
}

const noted = (told: Told, vector: number): boolean => told.get('vector') === vector;
const contributory = new Set([10, 11, 12, 13]);

/** A jump, a task or a gate leads out of its code segment: our #GP(0), at the transfer or at the first instruction there. */
function beyondCode(c: SystemCase, group: string, ours: Told): boolean {
  if (noted(ours, 13) && (num(ours.get('error')) & ~1) === 0) return /old modes|^int|exceptions|^far|task|^iret|^retf/.test(group);
  // on the way to the handler of another fault, where its own handler cannot be entered, or is a task that runs already, it becomes
  // a double fault; and where the handler of #GP lies beyond the limit itself, there is no end to it
  const doubled = noted(ours, 8) || ours.get('lost') !== undefined;
  return doubled && /^int|exceptions|task for a fault/.test(group) && hasShortCode(c);
}

/** There is a code segment that ends before, or within, the code it is to hold. */
function hasShortCode(c: SystemCase): boolean {
  return [0, 16, 24].some((offset) => {
    const at = At.gdt + Sel.free + offset;
    return (c.peek32(at + 4) & (codeSegment | granular)) === codeSegment && (c.peek32(at) & 0xffff) <= At.landing;
  });
}

/** The level of the code that the end of a case has interrupted. */
const levelIn = (told: Told, c: SystemCase): number => num(told.get('cs') ?? c.registers.cs) & 3;

/** An error code names a conforming code segment of the GDT. */
function isConforming(c: SystemCase, error: number): boolean {
  const conforming = 0x1c00;
  return (error & 4) === 0 && (c.peek32(At.gdt + (error & 0x1f8) + 4) & conforming) === conforming;
}

/** A gate that a program in virtual-8086 mode comes to leads to another level than 0. */
function leadsToOuterLevel(c: SystemCase): boolean {
  return [0, 3, 4, 6, 0x21].some((vector) => {
    const selector = c.peek32(At.idt + 8 * vector) >>> 16;
    return ((c.peek32(At.gdt + (selector & 0x1f8) + 4) >>> 13) & 3) !== 0;
  });
}

/** A segment's descriptor in which only Accessed differs. */
function onlySegmentAccessed({ name, ours, theirs }: Difference, c: SystemCase): boolean {
  const [table, selector] = name.split('.');
  if (table !== 'gdt' && table !== 'ldt') return false;
  const at = (table === 'gdt' ? At.gdt : At.ldt) + Number.parseInt(selector!, 16);
  const high = (value: number | string | undefined): number => (value === undefined ? c.peek32(at + 4) : Number.parseInt(String(value).slice(0, 8), 16));
  return ((high(ours) ^ high(theirs)) >>> 0) === descriptorAccessed && (high(ours) & notSystem) !== 0;
}

export const excuses: readonly Excuse[] = [
  { why: 'faults push RF set (SDM 3, 18.3.1.1); the translator leaves it clear', one: (d) => d.name === 'fl' ? xor(d) === rf : onlyResume(d) },
  { why: 'LAR: bits 16 to 19 are undefined', one: (d, _c, group) => group === 'lar lsl' && general.has(d.name) && (xor(d) & ~0xf_0000) === 0 },
  { why: 'LTR of a null selector is #GP(0); the translator takes it', all: (c, group) => group === 'ltr' && (c.registers.eax & nullMask) === 0 },
  { why: 'EXT is set when an earlier exception could not be delivered (SDM 3, 6.13); the translator leaves it clear', one: (d) => d.name === 'error' && xor(d) === 1 },
  { why: 'page faults: P is set with RSVD, and reads that will write are writes; the translator says otherwise', one: (d, _c, _group, ours) => d.name === 'error' && noted(ours, 14) && (xor(d) & ~((num(d.ours) & 8) !== 0 ? 3 : 2)) === 0 && (num(d.ours) & xor(d)) === xor(d) },
  { why: 'Accessed of a directory entry whose table then refuses is left open, and page-directory pointers have none', one: (d, c) => onlyAccessed(d, c) },
  { why: 'upper halves of registers that come out of a 16-bit TSS are left open', one: (d, _c, _group, ours) => (general.has(d.name) && (xor(d) & 0xffff) === 0 && ours.get('tr') !== undefined) },
  { why: 'TSS selectors of the LDT are #GP; the translator says #TS, or looks at the descriptor first', all: (_c, _group, ours, theirs) => noted(ours, 13) && (num(ours.get('error')) & 4) !== 0 && (noted(theirs, 10) || noted(theirs, 11)) },
  { why: 'faults while a new task\'s segments are loaded may leave anything behind (SDM 3, 8.3)', all: (_c, _group, ours, theirs) => contributory.has(num(ours.get('vector'))) && ours.get('vector') === theirs.get('vector') && ours.get('tr') !== undefined && ours.get('tr') === theirs.get('tr') && ours.get('error') === theirs.get('error') },
  { why: 'pushes look at the stack segment\'s limit; the translator\'s do not', all: (_c, group, ours, theirs) => /sreg|les lds lss|task|^int/.test(group) && noted(ours, 8) && !noted(theirs, 8) },
  { why: 'a 16-bit task does not go on in virtual-8086 mode; the translator\'s does', all: (c, group, ours) => (group === 'task for a fault' || group === 'int in v86') && c.state === 'v86' && ours.get('tr') === Sel.tss16 },
  { why: 'a fault there may also find no stack', all: (_c, group, ours, theirs) => /task/.test(group) && noted(ours, 8) && contributory.has(num(theirs.get('vector'))) && theirs.get('tr') !== undefined },
  { why: 'offsets beyond the code segment are #GP(0) (EXT aside) before anything is pushed; the translator looks at far calls and jumps only, late, and names the selector', all: beyondCode },
  { why: 'null selectors in FS and GS become 0 on the way to an outer level, too; the translator leaves them', one: (d) => (d.name === 'fs' || d.name === 'gs') && d.ours === 0 && num(d.theirs) < 4 },
  { why: 'far jumps, calls, returns and task switches set Accessed of the segments they load; the translator does not', one: onlySegmentAccessed },
  { why: 'out of virtual-8086 mode lead gates to level 0 only; the translator takes others', all: (c, group, ours) => group === 'int in v86' && (noted(ours, 13) || noted(ours, 8)) && leadsToOuterLevel(c) },
  { why: 'CR0.PG without CR0.PE is #GP; the translator takes it, and is lost', all: (c, group) => group === 'mov to cr0' && c.registers.eax === cr0Pg },
  { why: 'IRET reaches virtual-8086 mode from level 0 only; the translator lets anybody', all: (c, group) => /^iret/.test(group) && c.state !== 'ring0' && c.state !== 'real' && (c.peek32(c.registers.esp + 8) & vm) !== 0 },
  { why: 'CR0.NW without CR0.CD is #GP; the translator takes it', all: (c, group, ours) => group === 'mov to cr0' && noted(ours, 13) && (c.registers.eax & 0x6000_0000) === 0x2000_0000 },
  { why: 'registers that do not exist are #UD at every level; the translator looks at the level first', all: (_c, group, ours, theirs) => /^mov (from cr|dr)/.test(group) && noted(ours, 6) && noted(theirs, 13) },
  { why: 'unknown model-specific registers are #GP; the translator knows them all', all: (c, _group, ours) => noted(ours, 13) && c.registers.ecx === 0x1234_5678 && c.code[0] === 0x0f && (c.code[1] === 0x30 || c.code[1] === 0x32) },
  { why: 'INT1 is #DB; the translator does not know it', all: (c) => c.code[0] === 0xf1 },
  { why: 'a TSS whose T flag is set traps; the translator does not know it', all: (c, group, ours) => /task/.test(group) && noted(ours, 1) && (c.peek32(At.tssB + Tss.trap) & 1) !== 0 },
  { why: 'DR7.GD is not there in the translator', all: (c) => (c.registers.dr7 & (1 << 13)) !== 0 },
  { why: 'of several breakpoints met at once the translator names some', one: (d, _c, group) => group === 'breakpoints' && d.name === 'dr6' && (num(d.ours) & num(d.theirs) & 0xf) !== 0 && (xor(d) & ~0xf) === 0 },
  { why: 'a data breakpoint and the single step of one instruction are one #DB; the translator delivers two', all: (c, group, ours, theirs) => group === 'breakpoints' && (c.registers.eflags & tf) !== 0 && noted(ours, 1) && noted(theirs, 1) && num(theirs.get('cs')) === Sel.code0 && c.state !== 'ring0' },
  { why: 'a trap may tell of a breakpoint on the next instruction, too', one: (d, c, group, ours) => group === 'breakpoints' && d.name === 'dr6' && (xor(d) & ~0xf) === 0 && breakpoints.every((n) => ((xor(d) >>> n) & 1) === 0 || c.registers[`dr${n}`] === ours.get('eip')) },
  { why: 'the translator looks at aligned words around what is not aligned', all: (c, group, ours, theirs) => group === 'breakpoints' && c.code.includes(0xa5) && !noted(ours, 1) && noted(theirs, 1) },
  { why: 'conditions of breakpoints that are not enabled may be told in DR6', one: (d, c, group) => group === 'single steps' && d.name === 'dr6' && (c.registers.dr7 & 0xff) === 0 && (xor(d) & ~0xf) === 0 },
  { why: 'breakpoints on ports without CR4.DE are undefined', all: (c, group) => group === 'port breakpoints' && (c.registers.cr4 & 8) === 0 },
  { why: 'reserved bits of page-directory pointers are #GP(0) when CR3 is loaded; the translator reads them at each walk', all: (_c, group, ours) => group === 'page-directory pointers' && noted(ours, 13) },
  { why: 'bits 13 to 20 of a 4 MiB page are reserved without PSE-36; the translator has it', all: (c, group, ours) => group === '4 MiB pages' && noted(ours, 14) && (num(ours.get('error')) & 8) !== 0 && (c.peek32(At.directory + 8) & 0x1f_e000) !== 0 },
  { why: 'a call gate to a conforming segment leaves the level as it is; the translator gives CS the segment\'s', all: (c, group, ours, theirs) => group === 'far to call gates' && noted(ours, 0xf0) && levelIn(ours, c) > levelIn(theirs, c) && (num(ours.get('cs')) ^ num(theirs.get('cs'))) < 4 },
  { why: 'a jump through a gate to a segment that is not present is #NP; the translator says #GP', all: (_c, group, ours, theirs) => group === 'far to call gates' && noted(ours, 11) && noted(theirs, 13) && ours.get('error') === theirs.get('error') },
  { why: 'returns to a stack segment that is not present are #SS; the translator says #NP', all: (_c, group, ours, theirs) => /^i?ret/.test(group) && noted(ours, 12) && noted(theirs, 11) && ours.get('error') === theirs.get('error') },
  { why: 'a task may begin in a conforming segment of a lower level; the translator says #TS', all: (c, group, ours, theirs) => /task/.test(group) && ours.get('tr') !== undefined && noted(theirs, 10) && isConforming(c, num(theirs.get('error'))) },
  { why: 'what will be written over the end of a page must be writable on both; the translator reads it all first', all: (c, group, ours, theirs) => /pages/.test(group) && c.code[0] === 0x0f && (c.registers.ebx & 0xfff) > 0xffc && noted(ours, 14) && noted(theirs, 14) },
  { why: 'DR6 bit 12 cannot be set', one: (d, _c, group) => group === 'mov dr' && (d.name === 'dr6' || d.name === 'eax') && xor(d) === 1 << 12 },
];

/** What is left of the differences, and why others are gone. */
export function judge(c: SystemCase, group: string, ours: Told, theirs: Told): { left: Difference[]; excused: Set<string> } {
  const excused = new Set<string>();
  const left = differences(c, ours, theirs).filter((d) => {
    const excuse = excuses.find(({ one }) => one?.(d, c, group, ours));
    if (excuse) excused.add(excuse.why);
    return !excuse;
  });
  const whole = left.length > 0 ? excuses.find(({ all }) => all?.(c, group, ours, theirs)) : undefined;
  return whole ? { left: [], excused: new Set([whole.why]) } : { left, excused };
}
