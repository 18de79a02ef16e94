/*P:170
 * The task state segment.
 *
 * Once meant for whole tasks, today for two things: where the stacks of rings 0 to 2 begin, which the processor looks
 * up each time a trap leads inwards, and the bitmap of I/O ports. A direct trap of a Guest finds its ring-1 stack
 * here. (SDM volume 3, figure 8-2, and volume 1, section 19.5.2.)
 */
import { checkField, DescriptorError } from './error.js';

/** Offsets of the fields. Selectors are 16 bits; all others but `trap` and `ioMapBase` are 32. */
export const Tss32Offset = {
  backLink: 0,
  esp0: 4, ss0: 8, esp1: 12, ss1: 16, esp2: 20, ss2: 24,
  cr3: 28, eip: 32, eflags: 36,
  eax: 40, ecx: 44, edx: 48, ebx: 52, esp: 56, ebp: 60, esi: 64, edi: 68,
  es: 72, cs: 76, ss: 80, ds: 84, fs: 88, gs: 92, ldt: 96,
  /** Bit 0: debug trap on a switch to this task. */
  trap: 100,
  /** Where the I/O bitmap begins, from the beginning of the segment. */
  ioMapBase: 102,
} as const;

/** A field's name. */
export type Tss32Field = keyof typeof Tss32Offset;

/** Bytes without the I/O bitmap; a limit below this - 1 makes a switch to the task fail. */
export const TSS32_BYTES = 104;
/** Bytes of a bitmap for all ports. One more byte, all ones, must follow it. */
export const IO_BITMAP_BYTES = 8192;

const narrowFields: ReadonlySet<Tss32Field> =
  new Set(['backLink', 'ss0', 'ss1', 'ss2', 'es', 'cs', 'ss', 'ds', 'fs', 'gs', 'ldt', 'trap', 'ioMapBase'] as const);
/** Distance between the stack pointers of two rings. */
const ringStride = 8;
const portsPerByte = 8;
const portMask = 0xffff;

/** All fields by name. */
export type Tss32Fields = Record<Tss32Field, number>;

/** The stack the processor takes for traps into a ring. */
export interface RingStack { ss: number; esp: number }

/** A view of a 32-bit TSS. */
export class Tss32 {
  readonly view: DataView;
  readonly byteOffset: number;
  /** Offset of the last byte that belongs to the segment, as its descriptor says. */
  readonly limit: number;

  /** @throws DescriptorError `bad-table` when the segment is too short for a TSS or longer than the view. */
  constructor(view: DataView, byteOffset = 0, limit = view.byteLength - byteOffset - 1) {
    if (limit < TSS32_BYTES - 1 || byteOffset < 0 || byteOffset + limit >= view.byteLength) {
      throw new DescriptorError('bad-table', `a TSS with limit ${limit} at offset ${byteOffset} of ${view.byteLength} bytes: it needs a limit of ${TSS32_BYTES - 1} or more, inside the view`);
    }
    this.view = view;
    this.byteOffset = byteOffset;
    this.limit = limit;
  }

  get(field: Tss32Field): number {
    const place = this.byteOffset + Tss32Offset[field];
    return narrowFields.has(field) ? this.view.getUint16(place, true) : this.view.getUint32(place, true);
  }

  /** Store a field; the reserved half beside a selector stays as it is. @throws DescriptorError `out-of-range`. */
  set(field: Tss32Field, value: number): void {
    const place = this.byteOffset + Tss32Offset[field];
    if (narrowFields.has(field)) this.view.setUint16(place, checkField(field, value, 16), true);
    else this.view.setUint32(place, checkField(field, value, 32), true);
  }

  /** All fields. */
  read(): Tss32Fields {
    return Object.fromEntries(fieldNames.map((field) => [field, this.get(field)])) as Tss32Fields;
  }

  /** Store the fields given. @throws DescriptorError `out-of-range`. */
  write(fields: Partial<Tss32Fields>): void {
    for (const field of fieldNames) {
      const value = fields[field];
      if (value !== undefined) this.set(field, value);
    }
  }

  /** The stack for traps into ring 0, 1 or 2. */
  stack(ring: 0 | 1 | 2): RingStack {
    const place = this.byteOffset + ring * ringStride;
    return { esp: this.view.getUint32(place + Tss32Offset.esp0, true), ss: this.view.getUint16(place + Tss32Offset.ss0, true) };
  }

  /** Choose the stack for traps into ring 0, 1 or 2. @throws DescriptorError `out-of-range`. */
  setStack(ring: 0 | 1 | 2, { ss, esp }: RingStack): void {
    const place = this.byteOffset + ring * ringStride;
    this.view.setUint32(place + Tss32Offset.esp0, checkField('esp', esp, 32), true);
    this.view.setUint16(place + Tss32Offset.ss0, checkField('ss', ss, 16), true);
  }

  /**
   * May a task without I/O privilege touch `count` ports from `port` on? As the processor does it: two bytes of the bitmap
   * are read, both must lie in the segment, and every port's bit must be 0.
   */
  allowsPorts(port: number, count: 1 | 2 | 4): boolean {
    const place = this.get('ioMapBase') + Math.floor((port & portMask) / portsPerByte);
    if (place + 1 > this.limit) return false;
    const bits = this.view.getUint16(this.byteOffset + place, true);
    const mask = ((1 << count) - 1) << (port % portsPerByte);
    return (bits & mask) === 0;
  }

  /** Allow or deny one port. @throws DescriptorError `outside-table` when the bitmap does not reach so far. */
  setPort(port: number, allowed: boolean): void {
    checkField('port', port, 16);
    const place = this.get('ioMapBase') + Math.floor(port / portsPerByte);
    if (place > this.limit) {
      throw new DescriptorError('outside-table', `port 0x${port.toString(16)} has no bit: the I/O bitmap ends with the segment, at ${this.limit}`);
    }
    const bit = 1 << (port % portsPerByte);
    const old = this.view.getUint8(this.byteOffset + place);
    this.view.setUint8(this.byteOffset + place, allowed ? old & ~bit : old | bit);
  }
}

const fieldNames = Object.keys(Tss32Offset) as Tss32Field[];
