/*P:140
 * Sixteen bytes: the IA-32e forms.
 *
 * When processors learned 64-bit addresses, system descriptors doubled: the second half holds the upper half of an
 * address. Code and data segments stayed as they were (and lost their base and limit in practice). Task gates and all
 * 16-bit forms are gone. Interrupt and trap gates can choose one of seven stacks, the IST. A 32-bit Host meets these
 * in tables of 64-bit systems it is shown. (SDM volume 3, figures 6-8 and 8-4, and section 5.8.3.1.)
 */
import { checkAddress64, checkField, DescriptorError } from './error.js';
import { gateAddress, gateSelector, SystemType } from './gate-words.js';
import {
  type DescriptorWords, SegmentBits, segmentAvailable, segmentBase, segmentDpl, segmentGranular, segmentIsSystem, segmentLimit,
  segmentPresent, segmentType,
} from './segment-words.js';

/** The four words of a sixteen-byte descriptor, the one at the lowest address first. */
export interface LongWords extends DescriptorWords {
  /** Upper 32 bits of the base or offset. */
  upper: number;
  /** Reserved; in call gates and system segments bits 8..12 must be zero, so that nobody takes this half for a segment. */
  last: number;
}

interface Common {
  dpl: number;
  present: boolean;
  /** Bits this kind does not define, in their places. */
  reserved: LongWords;
}

/** LDT or task state segment of a 64-bit system. */
export interface LongSystemSegment extends Common {
  kind: 'ldt64' | 'tss64';
  /** Task state segments only; false for LDTs. */
  busy: boolean;
  base: bigint;
  /** Offset of the last byte, granularity applied. */
  limit: number;
  granular: boolean;
  available: boolean;
}

/** Call, interrupt or trap gate of a 64-bit system. */
export interface LongGate extends Common {
  kind: 'call-gate64' | 'interrupt-gate64' | 'trap-gate64';
  selector: number;
  offset: bigint;
  /** Interrupt stack table entry, 1..7; 0 for none, and in call gates. */
  ist: number;
}

/** Whatever is not defined in IA-32e mode, code and data segments included. */
export interface LongReserved extends Common { kind: 'reserved64'; type: number; system: boolean }

/** Any sixteen-byte descriptor. */
export type LongDescriptor = LongSystemSegment | LongGate | LongReserved;

const istMask = 7;
const Reserved = {
  segment: { lo: 0, hi: SegmentBits.long | SegmentBits.big, upper: 0, last: 0xffff_ffff },
  callGate: { lo: 0, hi: 0xff, upper: 0, last: 0xffff_ffff },
  handlerGate: { lo: 0, hi: 0xf8, upper: 0, last: 0xffff_ffff },
  everything: { lo: 0xffff_ffff, hi: 0xffff_00ff, upper: 0xffff_ffff, last: 0xffff_ffff },
} as const;

function kept(w: LongWords, mask: LongWords): LongWords {
  return { lo: (w.lo & mask.lo) >>> 0, hi: (w.hi & mask.hi) >>> 0, upper: (w.upper & mask.upper) >>> 0, last: (w.last & mask.last) >>> 0 };
}

function joined(low: number, upper: number): bigint {
  return (BigInt(upper >>> 0) << 32n) | BigInt(low);
}

/** Say what four words are. Defined for all 2^128 of them; encodeLongDescriptor() gives the same words back. */
export function decodeLongDescriptor(w: LongWords): LongDescriptor {
  const { lo, hi, upper } = w;
  const type = segmentType(lo, hi);
  const system = segmentIsSystem(lo, hi);
  const common = { dpl: segmentDpl(lo, hi), present: segmentPresent(lo, hi) };
  const kind = system ? kindOf(type) : undefined;
  switch (kind) {
    case 'ldt64': case 'tss64':
      return {
        kind, busy: type === SystemType.busyTss32, ...common, base: joined(segmentBase(lo, hi), upper), limit: segmentLimit(lo, hi),
        granular: segmentGranular(lo, hi), available: segmentAvailable(lo, hi), reserved: kept(w, Reserved.segment),
      };
    case 'call-gate64': case 'interrupt-gate64': case 'trap-gate64': {
      const call = kind === 'call-gate64';
      return {
        kind, ...common, selector: gateSelector(lo, hi), offset: joined(gateAddress(lo, hi), upper), ist: call ? 0 : hi & istMask,
        reserved: kept(w, call ? Reserved.callGate : Reserved.handlerGate),
      };
    }
    default:
      return { kind: 'reserved64', type, system, ...common, reserved: kept(w, Reserved.everything) };
  }
}

function kindOf(type: number): Exclude<LongDescriptor['kind'], 'reserved64'> | undefined {
  switch (type) {
    case SystemType.ldt: return 'ldt64';
    case SystemType.tss32: case SystemType.busyTss32: return 'tss64';
    case SystemType.callGate32: return 'call-gate64';
    case SystemType.interruptGate32: return 'interrupt-gate64';
    case SystemType.trapGate32: return 'trap-gate64';
    default: return undefined;
  }
}

/** The four words of a record. @throws DescriptorError as encodeDescriptor() does. */
export function encodeLongDescriptor(d: LongDescriptor): LongWords {
  const access = (checkField('dpl', d.dpl, 2) << SegmentBits.dplShift) | (d.present ? SegmentBits.present : 0);
  const words = encodeKind(d);
  const kind = d.kind;
  const mask = kind === 'reserved64' ? Reserved.everything
    : kind === 'ldt64' || kind === 'tss64' ? Reserved.segment
    : kind === 'call-gate64' ? Reserved.callGate : Reserved.handlerGate;
  const reserved = kept(d.reserved, mask);
  return {
    lo: (words.lo | reserved.lo) >>> 0,
    hi: (words.hi | access | reserved.hi) >>> 0,
    upper: (words.upper | reserved.upper) >>> 0,
    last: reserved.last,
  };
}

function encodeKind(d: LongDescriptor): Omit<LongWords, 'last'> {
  switch (d.kind) {
    case 'reserved64':
      return { lo: 0, hi: typeField(checkField('type', d.type, 4)) | (d.system ? 0 : SegmentBits.notSystem), upper: 0 };
    case 'ldt64': return encodeSegment(d, SystemType.ldt);
    case 'tss64': return encodeSegment(d, d.busy ? SystemType.busyTss32 : SystemType.tss32);
    case 'call-gate64': return encodeGate(d, SystemType.callGate32);
    case 'interrupt-gate64': return encodeGate(d, SystemType.interruptGate32);
    case 'trap-gate64': return encodeGate(d, SystemType.trapGate32);
  }
}

function typeField(type: number): number {
  return type << SegmentBits.typeShift;
}

function halves(name: string, address: bigint): [low: number, upper: number] {
  checkAddress64(name, address);
  return [Number(address & 0xffff_ffffn), Number(address >> 32n)];
}

function encodeSegment(d: LongSystemSegment, type: number): Omit<LongWords, 'last'> {
  const [base, upper] = halves('base', d.base);
  const limit = checkField('limit', d.limit, 32);
  if (d.granular ? (limit & 0xfff) !== 0xfff : limit > 0xf_ffff) {
    throw new DescriptorError('limit-not-representable', `limit 0x${limit.toString(16)} cannot be said in ${d.granular ? 'pages' : 'bytes'}`);
  }
  const raw = d.granular ? limit >>> 12 : limit;
  return {
    lo: (base << 16) | (raw & 0xffff),
    hi: typeField(type) | (base & 0xff00_0000) | ((base >>> 16) & 0xff) | (raw & SegmentBits.limitHighMask) |
      (d.granular ? SegmentBits.granular : 0) | (d.available ? SegmentBits.available : 0),
    upper,
  };
}

function encodeGate(d: LongGate, type: number): Omit<LongWords, 'last'> {
  const [offset, upper] = halves('offset', d.offset);
  const ist = checkField('ist', d.ist, d.kind === 'call-gate64' ? 0 : 3);
  return { lo: (checkField('selector', d.selector, 16) << 16) | (offset & 0xffff), hi: typeField(type) | (offset & 0xffff_0000) | ist, upper };
}
