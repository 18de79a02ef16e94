/*P:130
 * Descriptors as records.
 *
 * For people and for code that is not in a hurry: two words become an object that says what they are, and back. Which
 * fields there are depends on the kind, and the kind on the S bit and the type. Nothing is lost on the way, whatever
 * the words: bits that a kind does not define are kept in `reserved`, where a non-zero value is worth a warning.
 * (SDM volume 3, sections 3.4.5, 5.8.3, 6.11 and 8.2.)
 */
import { checkField, DescriptorError } from './error.js';
import { gateAddress, gateParameters, gateSelector, SystemType } from './gate-words.js';
import {
  type DescriptorWords, SegmentBits, segmentAvailable, segmentBase, segmentDefaultBig, segmentDpl, segmentGranular,
  segmentIsSystem, segmentLimit, segmentLong, segmentPresent, segmentType, TypeBits,
} from './segment-words.js';

/** What all descriptors have. */
interface Common {
  /** Descriptor privilege level, 0..3. */
  dpl: number;
  present: boolean;
  /** Bits this kind does not define, in their places. Zero in a well-made descriptor. */
  reserved: DescriptorWords;
}

/** What describes a stretch of memory. */
interface Memory extends Common {
  /** Linear address of its beginning. */
  base: number;
  /** Offset of its last byte (expand-down data: of the last byte that is *not* in it), granularity applied. */
  limit: number;
  /** The limit counts pages: it must end in 0xfff. */
  granular: boolean;
  /** AVL, free for software. */
  available: boolean;
}

/** A code segment. */
export interface CodeSegment extends Memory {
  kind: 'code';
  accessed: boolean;
  readable: boolean;
  conforming: boolean;
  /** D: 32-bit operands and addresses. */
  big: boolean;
  /** L: 64-bit code (IA-32e only). */
  long: boolean;
}

/** A data or stack segment. */
export interface DataSegment extends Memory {
  kind: 'data';
  accessed: boolean;
  writable: boolean;
  expandDown: boolean;
  /** B: 32-bit stack pointer; expand-down segments end at 4 GiB. */
  big: boolean;
}

/** A local descriptor table. */
export interface LdtSegment extends Memory { kind: 'ldt' }

/** A task state segment. */
export interface TssSegment extends Memory {
  kind: 'tss';
  bits: 16 | 32;
  busy: boolean;
}

/** A way into a procedure of another privilege level by CALL or JMP. */
export interface CallGate extends Common {
  kind: 'call-gate';
  bits: 16 | 32;
  selector: number;
  /** Offset in the code segment; 16 bits in a 16-bit gate. */
  offset: number;
  /** Words or doublewords copied from stack to stack, 0..31. */
  parameters: number;
}

/** A way to another task. */
export interface TaskGate extends Common { kind: 'task-gate'; selector: number }

/** A handler that is entered with interrupts off ('interrupt-gate') or as they are ('trap-gate'). */
export interface HandlerGate extends Common {
  kind: 'interrupt-gate' | 'trap-gate';
  bits: 16 | 32;
  selector: number;
  offset: number;
}

/** One of the types 0, 8, 10 and 13, which nobody may use. All zeros is one, too. */
export interface ReservedDescriptor extends Common { kind: 'reserved'; type: number }

/** Any eight-byte descriptor. */
export type Descriptor =
  | CodeSegment | DataSegment | LdtSegment | TssSegment | CallGate | TaskGate | HandlerGate | ReservedDescriptor;

/** Bits that nobody has a use for, by kind. */
const Reserved = {
  none: { lo: 0, hi: 0 },
  data: { lo: 0, hi: SegmentBits.long },
  system: { lo: 0, hi: SegmentBits.long | SegmentBits.big },
  callGate32: { lo: 0, hi: 0x0000_00e0 },
  callGate16: { lo: 0, hi: 0xffff_00e0 },
  handlerGate32: { lo: 0, hi: 0x0000_00ff },
  handlerGate16: { lo: 0, hi: 0xffff_00ff },
  taskGate: { lo: 0x0000_ffff, hi: 0xffff_00ff },
  everything: { lo: 0xffff_ffff, hi: 0xffff_00ff },
} as const;

/** Types with this bit are 32-bit forms of the one without. */
const type32 = 8;
const offset16Bits = 16;
const offset32Bits = 32;

function kept(lo: number, hi: number, mask: DescriptorWords): DescriptorWords {
  return { lo: (lo & mask.lo) >>> 0, hi: (hi & mask.hi) >>> 0 };
}

/** Say what two words are. Defined for all 2^64 of them; encodeDescriptor() gives the same words back. */
export function decodeDescriptor(lo: number, hi: number): Descriptor {
  return segmentIsSystem(lo, hi) ? decodeSystem(lo, hi) : decodeSegment(lo, hi);
}

function memoryFields(lo: number, hi: number, reserved: DescriptorWords): Memory {
  return {
    base: segmentBase(lo, hi), limit: segmentLimit(lo, hi), granular: segmentGranular(lo, hi),
    dpl: segmentDpl(lo, hi), present: segmentPresent(lo, hi), available: segmentAvailable(lo, hi),
    reserved: kept(lo, hi, reserved),
  };
}

function decodeSegment(lo: number, hi: number): CodeSegment | DataSegment {
  const type = segmentType(lo, hi);
  const accessed = (type & TypeBits.accessed) !== 0;
  const second = (type & TypeBits.writable) !== 0;
  const third = (type & TypeBits.expandDown) !== 0;
  const big = segmentDefaultBig(lo, hi);
  return (type & TypeBits.code) !== 0
    ? { kind: 'code', ...memoryFields(lo, hi, Reserved.none), accessed, readable: second, conforming: third, big, long: segmentLong(lo, hi) }
    : { kind: 'data', ...memoryFields(lo, hi, Reserved.data), accessed, writable: second, expandDown: third, big };
}

function decodeSystem(lo: number, hi: number): Descriptor {
  const type = segmentType(lo, hi);
  const bits = (type & type32) !== 0 ? 32 : 16;
  const common = { dpl: segmentDpl(lo, hi), present: segmentPresent(lo, hi) };
  const selector = gateSelector(lo, hi);
  const offset = bits === 32 ? gateAddress(lo, hi) : gateAddress(lo, 0);
  switch (type) {
    case SystemType.ldt:
      return { kind: 'ldt', ...memoryFields(lo, hi, Reserved.system) };
    case SystemType.tss16: case SystemType.tss32:
      return { kind: 'tss', bits, busy: false, ...memoryFields(lo, hi, Reserved.system) };
    case SystemType.busyTss16: case SystemType.busyTss32:
      return { kind: 'tss', bits, busy: true, ...memoryFields(lo, hi, Reserved.system) };
    case SystemType.callGate16: case SystemType.callGate32: {
      const mask = bits === 32 ? Reserved.callGate32 : Reserved.callGate16;
      return { kind: 'call-gate', bits, ...common, selector, offset, parameters: gateParameters(lo, hi), reserved: kept(lo, hi, mask) };
    }
    case SystemType.taskGate:
      return { kind: 'task-gate', ...common, selector, reserved: kept(lo, hi, Reserved.taskGate) };
    case SystemType.interruptGate16: case SystemType.interruptGate32: case SystemType.trapGate16: case SystemType.trapGate32: {
      const kind = (type | type32) === SystemType.interruptGate32 ? 'interrupt-gate' : 'trap-gate';
      const mask = bits === 32 ? Reserved.handlerGate32 : Reserved.handlerGate16;
      return { kind, bits, ...common, selector, offset, reserved: kept(lo, hi, mask) };
    }
    default:
      return { kind: 'reserved', type, ...common, reserved: kept(lo, hi, Reserved.everything) };
  }
}

/**
 * The two words of a record.
 * @throws DescriptorError `out-of-range` for a field that does not fit, `limit-not-representable` for a limit that
 * cannot be said in bytes (above 0xfffff) or in pages (not ending in 0xfff).
 */
export function encodeDescriptor(d: Descriptor): DescriptorWords {
  const access = (checkField('dpl', d.dpl, 2) << SegmentBits.dplShift) | (d.present ? SegmentBits.present : 0);
  const words = encodeKind(d);
  const mask = reservedMask(d);
  return {
    lo: (words.lo | (d.reserved.lo & mask.lo)) >>> 0,
    hi: (words.hi | access | (d.reserved.hi & mask.hi)) >>> 0,
  };
}

function encodeKind(d: Descriptor): DescriptorWords {
  switch (d.kind) {
    case 'code':
      return encodeMemory(d, SegmentBits.notSystem | typeField(TypeBits.code | typeFlags(d.accessed, d.readable, d.conforming)) |
        (d.big ? SegmentBits.big : 0) | (d.long ? SegmentBits.long : 0));
    case 'data':
      return encodeMemory(d, SegmentBits.notSystem | typeField(typeFlags(d.accessed, d.writable, d.expandDown)) | (d.big ? SegmentBits.big : 0));
    case 'reserved':
      return { lo: 0, hi: typeField(checkField('type', d.type, 4)) };
    case 'ldt': case 'tss':
      return encodeMemory(d, typeField(systemType(d)));
    case 'task-gate':
      return encodeGate(d.selector, 0, typeField(systemType(d)));
    case 'call-gate':
      return encodeGate(d.selector, checkOffset(d), typeField(systemType(d)) | checkField('parameters', d.parameters, 5));
    default:
      return encodeGate(d.selector, checkOffset(d), typeField(systemType(d)));
  }
}

function typeField(type: number): number {
  return type << SegmentBits.typeShift;
}

function typeFlags(accessed: boolean, second: boolean, third: boolean): number {
  return (accessed ? TypeBits.accessed : 0) | (second ? TypeBits.writable : 0) | (third ? TypeBits.expandDown : 0);
}

/** The four-bit type of a system segment or gate. */
function systemType(d: LdtSegment | TssSegment | CallGate | TaskGate | HandlerGate): number {
  switch (d.kind) {
    case 'ldt': return SystemType.ldt;
    case 'task-gate': return SystemType.taskGate;
    case 'tss': return d.bits === 32 ? (d.busy ? SystemType.busyTss32 : SystemType.tss32) : d.busy ? SystemType.busyTss16 : SystemType.tss16;
    case 'call-gate': return d.bits === 32 ? SystemType.callGate32 : SystemType.callGate16;
    case 'interrupt-gate': return d.bits === 32 ? SystemType.interruptGate32 : SystemType.interruptGate16;
    case 'trap-gate': return d.bits === 32 ? SystemType.trapGate32 : SystemType.trapGate16;
  }
}

function checkOffset(d: CallGate | HandlerGate): number {
  return checkField('offset', d.offset, d.bits === 32 ? offset32Bits : offset16Bits);
}

function encodeGate(selector: number, offset: number, hi: number): DescriptorWords {
  return { lo: (checkField('selector', selector, 16) << 16) | (offset & 0xffff), hi: hi | (offset & 0xffff_0000) };
}

function encodeMemory(d: Memory, hi: number): DescriptorWords {
  const base = checkField('base', d.base, 32);
  const raw = rawLimit(checkField('limit', d.limit, 32), d.granular);
  return {
    lo: (base << 16) | (raw & 0xffff),
    hi: hi | (base & 0xff00_0000) | ((base >>> 16) & 0xff) | (raw & SegmentBits.limitHighMask) |
      (d.granular ? SegmentBits.granular : 0) | (d.available ? SegmentBits.available : 0),
  };
}

/** The 20 bits that say this limit. */
function rawLimit(limit: number, granular: boolean): number {
  const inPage = limit & 0xfff;
  if (granular && inPage !== 0xfff) {
    throw new DescriptorError('limit-not-representable', `limit 0x${limit.toString(16)} counts pages, so it must end in 0xfff; leave granular off or round it`);
  }
  if (!granular && limit > 0xf_ffff) {
    throw new DescriptorError('limit-not-representable', `limit 0x${limit.toString(16)} is above 0xfffff, so it must count pages; set granular`);
  }
  return granular ? limit >>> 12 : limit;
}

function reservedMask(d: Descriptor): DescriptorWords {
  switch (d.kind) {
    case 'code': return Reserved.none;
    case 'data': return Reserved.data;
    case 'ldt': case 'tss': return Reserved.system;
    case 'task-gate': return Reserved.taskGate;
    case 'call-gate': return d.bits === 32 ? Reserved.callGate32 : Reserved.callGate16;
    case 'reserved': return Reserved.everything;
    default: return d.bits === 32 ? Reserved.handlerGate32 : Reserved.handlerGate16;
  }
}

/** True when bits are set that the kind does not define. */
export function hasReservedBits(d: { reserved: DescriptorWords }): boolean {
  return d.reserved.lo !== 0 || d.reserved.hi !== 0;
}
