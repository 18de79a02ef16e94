/*
 * A system case as one line of text: code | how it begins | what came of it.
 *
 *   8ed8 | ring3 eax=83 gdt.80=00cff3000000ffff | int f0 eip=3004 ds=83 top=4eec
 *   8ed8 | ring3 eax=10 | #13(10) eip=3000 fl=10002 top=4ee8
 *
 * Code is followed by INT F0, which ends a case when nothing else does. It begins with a named state (plainRegisters() in
 * system-case.ts) in a world (world.ts), and changes of both:
 *
 *   eax=… cr0=… ds=…    registers, hexadecimal
 *   gdt.80=…            descriptor of selector 80: high word, low word; ldt.8= likewise; idt.21= is the gate of vector 21h
 *   @7000=0102…         bytes of memory
 *
 * Afterwards: the interrupt or exception with its error code; EIP it was taken at; CS, EFLAGS, SS and ESP of the interrupted
 * code, and other registers and memory where they differ from before.
 *
 *   top=…               linear address of what the interrupt has pushed
 *   handler.cs= .fl=    where they are not those of the level-0 handler, or not what an interrupt gate leaves of the flags
 *   shutdown, endless   the processor has shut down, or went on for ever
 *   manual              QEMU says otherwise; the manual decides (excuses.ts)
 */
import { plainRegisters, pristine, type FieldName, SystemCase, type StateName } from './system-case.js';
import { memoryText, type Told } from './told.js';
import { At, endCode, Tss, worldBytes } from './world.js';

const arithmeticFlags = 0x8d5;
const savedTask = new RegExp(`@${(At.tss + Tss.eip).toString(16)}=[0-9a-f]+`);
const hex = (value: number): string => (value >>> 0).toString(16);
const bytesOf = (text: string): number[] => (text.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16));
const hexBytes = (bytes: readonly number[]): string => bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');

function before(c: SystemCase): string {
  const plain = plainRegisters(c.state);
  const registers = (Object.keys(plain) as FieldName[]).filter((name) => c.registers[name] >>> 0 !== plain[name] >>> 0).map((name) => `${name}=${hex(c.registers[name])}`);
  // the code is told already
  const start = pristine.slice();
  start.set([...c.code, ...endCode], At.code);
  return [c.state, ...registers, ...memoryText(start, c.world).map(([name, text]) => `${name}=${text}`)].join(' ');
}

function after(told: Told): string {
  const lost = told.get('lost');
  if (lost !== undefined) return String(lost);
  const vector = told.get('vector') as number;
  const rest = [...told].filter(([name]) => name !== 'vector' && name !== 'error').map(([name, value]) => `${name}=${typeof value === 'number' ? hex(value) : value}`);
  const error = told.get('error');
  return [vector < 32 ? `#${vector}${error === undefined ? '' : `(${hex(error as number)})`}` : `int ${hex(vector)}`, ...rest].join(' ');
}

/** The line of a case. */
export function formatSystemCase(c: SystemCase, told: Told, manual = false): string {
  return `${hexBytes(c.code)} | ${before(c)} | ${after(told)}${manual ? ' manual' : ''}`;
}

/** What lines of one kind have in common: the state they begin in, the instruction, the vector, whether another task is left behind. */
export function kindOf(line: string): string {
  const [code = '', start = '', answer = ''] = line.split('|').map((part) => part.trim());
  const opcode = code.slice(0, code.startsWith('0f') ? 4 : 2);
  const vector = answer.replace(/^int /, '').split(/[ (]/)[0];
  return [start.split(' ')[0], opcode, vector, / tr=/.test(answer)].join();
}

/** A line but for what nobody asks about: arithmetic flags (in the task left behind, too), and the offset of a far jump to a task. */
export function gistOf(line: string): string {
  const flags = (_: string, name: string, value: string): string => `${name}=${hex(Number.parseInt(value, 16) & ~arithmeticFlags)}`;
  return line.replace(/\b(eflags|fl)=([0-9a-f]+)/g, flags).replace(savedTask, '').replace(/^(ea|9a)[0-9a-f]{8}(?=[0-9a-f]{4} )/, '$1');
}

function applyTo(c: SystemCase, name: string, text: string): void {
  const [table, place] = name.split('.') as [string, string | undefined];
  if (place !== undefined) {
    const at = Number.parseInt(place, 16);
    const entry = [Number.parseInt(text.slice(8), 16), Number.parseInt(text.slice(0, 8), 16)] as const;
    if (table === 'gdt') c.entry(At.gdt, at >>> 3, entry);
    else if (table === 'ldt') c.entry(At.ldt, at >>> 3, entry);
    else if (table === 'idt') c.entry(At.idt, at, entry);
    else throw new Error(`there is no table ${table}`);
  } else if (name.startsWith('@')) {
    const at = Number.parseInt(name.slice(1), 16);
    if (!(at >= 0 && at + text.length / 2 <= worldBytes)) throw new Error(`${name} is not in the world`);
    c.world.set(bytesOf(text), at);
  } else if (name in c.registers) c.registers[name as FieldName] = Number.parseInt(text, 16) | 0;
  else throw new Error(`there is no register ${name}`);
}

/** The case of a line, and what the line says came of it (without `manual`). Throws on what it does not understand. */
export function parseSystemCase(line: string): { c: SystemCase; answer: string; manual: boolean } {
  const [code = '', start = '', answer = ''] = line.split('|').map((part) => part.trim());
  const [state, ...changes] = start.split(' ');
  const c = new SystemCase(state as StateName);
  c.setCode(bytesOf(code));
  for (const change of changes) {
    const at = change.indexOf('=');
    applyTo(c, change.slice(0, at), change.slice(at + 1));
  }
  return { c, answer: answer.replace(/ manual$/, ''), manual: answer.endsWith(' manual') };
}
