/*P:180
 * Tables for people.
 *
 * What a kernel developer looks for in a table: is the entry there, what is it, where does it lead, who may use it, and
 * is anything odd about it. One line each, gaps in one line, and a `!` where reserved bits are set.
 */
import type { LongDescriptor } from './long-record.js';
import { type Descriptor, decodeDescriptor, hasReservedBits } from './record.js';
import { selectorIndex, selectorIsLdt, selectorIsNull, selectorRpl } from './selector.js';
import { type DescriptorTable, LONG_DESCRIPTOR_BYTES } from './table.js';

/** How to print a table. */
export interface FormatOptions {
  /** Default: 'idt' numbers entries as vectors, 'gdt' and 'ldt' as selectors. */
  table?: 'gdt' | 'idt' | 'ldt';
  /** Names of entries, by index: they are printed at the end of the line. */
  names?: Readonly<Record<number, string>>;
}

function hex(value: number | bigint, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

function list(...words: (string | false)[]): string {
  return words.filter((word) => word !== false).join(' ');
}

/** A selector as `0x61 gdt[12] ring 1`. */
export function formatSelector(selector: number): string {
  const value = `0x${hex(selector, 2)}`;
  if (selectorIsNull(selector)) return `${value} null`;
  return `${value} ${selectorIsLdt(selector) ? 'ldt' : 'gdt'}[${selectorIndex(selector)}] ring ${selectorRpl(selector)}`;
}

/** A descriptor in one line, without its place. */
export function formatDescriptor(d: Descriptor | LongDescriptor): string {
  return list(
    formatKind(d), `dpl ${d.dpl}`, !d.present && 'NOT PRESENT',
    hasReservedBits(d) && `! reserved bits ${hex(d.reserved.hi, 8)}'${hex(d.reserved.lo, 8)}`,
    'last' in d.reserved && (d.reserved.upper !== 0 || d.reserved.last !== 0) && `! reserved bits ${hex(d.reserved.last, 8)}'${hex(d.reserved.upper, 8)} in the second half`,
  );
}

function formatKind(d: Descriptor | LongDescriptor): string {
  switch (d.kind) {
    case 'code':
      return list(`code${d.long ? 64 : d.big ? 32 : 16}`, range(d), d.readable ? 'read' : 'execute-only', d.conforming && 'conforming',
        d.long && d.big && '! both 64 and 32 bits', ...memoryFlags(d));
    case 'data':
      return list(`data${d.big ? 32 : 16}`, range(d), d.writable ? 'write' : 'read-only', d.expandDown && 'expand-down', ...memoryFlags(d));
    case 'ldt': case 'ldt64':
      return list(d.kind, range(d), d.available && 'avl');
    case 'tss':
      return list(`tss${d.bits}`, range(d), d.busy ? 'busy' : 'available', d.available && 'avl');
    case 'tss64':
      return list('tss64', range(d), d.busy ? 'busy' : 'available', d.available && 'avl');
    case 'task-gate':
      return `task gate → tss ${formatSelector(d.selector)}`;
    case 'call-gate':
      return list(`call gate${d.bits}`, target(d), d.parameters > 0 && `${d.parameters} parameters`);
    case 'interrupt-gate': case 'trap-gate':
      return list(`${d.kind.replace('-', ' ')}${d.bits}`, target(d));
    case 'call-gate64': case 'interrupt-gate64': case 'trap-gate64':
      return list(d.kind.replace('-', ' '), target(d), d.ist > 0 && `ist ${d.ist}`);
    default:
      return `undefined type ${d.type}`;
  }
}

function range(d: { base: number | bigint; limit: number }): string {
  return `${hex(d.base, typeof d.base === 'bigint' ? 16 : 8)}+${hex(d.limit, 8)}`;
}

function memoryFlags(d: { accessed: boolean; available: boolean }): (string | false)[] {
  return [d.accessed && 'accessed', d.available && 'avl'];
}

function target(d: { selector: number; offset: number | bigint; bits?: 16 | 32 }): string {
  const digits = typeof d.offset === 'bigint' ? 16 : d.bits === 16 ? 4 : 8;
  return `→ ${hex(d.selector, 4)}:${hex(d.offset, digits)}`;
}

/** A whole table, a line for each entry; neighbours that are all zeros share one. Ends with a newline. */
export function formatTable(table: DescriptorTable, options: FormatOptions = {}): string {
  const { table: kind = 'gdt', names = {} } = options;
  const wide = table.entryBytes === LONG_DESCRIPTOR_BYTES;
  const place = (index: number): string => kind === 'idt' ? hex(index, 2) : `${hex(index * table.entryBytes, 4)} [${index}]`;
  const lines: string[] = [];
  let emptyFrom: number | undefined;
  const endGap = (end: number): void => {
    if (emptyFrom === undefined) return;
    lines.push(end - emptyFrom > 1 ? `${place(emptyFrom)} … ${place(end - 1)}: empty` : `${place(emptyFrom)}: empty`);
    emptyFrom = undefined;
  };
  for (let index = 0; index < table.length; index++) {
    if (isEmpty(table, index) && names[index] === undefined) {
      emptyFrom ??= index;
      continue;
    }
    endGap(index);
    const descriptor = wide ? table.getLong(index) : decodeDescriptor(table.lo(index), table.hi(index));
    const name = names[index];
    lines.push(`${place(index)}: ${formatDescriptor(descriptor)}${name === undefined ? '' : `  — ${name}`}`);
  }
  endGap(table.length);
  return lines.map((line) => `${line}\n`).join('');
}

function isEmpty(table: DescriptorTable, index: number): boolean {
  for (let byte = 0; byte < table.entryBytes; byte += 4) {
    if (table.view.getUint32(table.byteOffset + index * table.entryBytes + byte, true) !== 0) return false;
  }
  return true;
}
