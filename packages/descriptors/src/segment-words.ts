/*P:110
 * Segment descriptors, as two words.
 *
 * A descriptor is eight bytes whose fields were laid out by three generations of processors: the base is in three
 * pieces, the limit in two. These functions take the two 32-bit words and pick the pieces together, without allocating
 * anything. `lo` is the word at the lower address. Results are unsigned. (SDM volume 3, figure 3-8.)
 */

/** Bits and fields of the high word. */
export const SegmentBits = {
  typeShift: 8,
  typeMask: 0xf << 8,
  /** 1: code or data; 0: system segment or gate. */
  notSystem: 1 << 12,
  dplShift: 13,
  dplMask: 3 << 13,
  present: 1 << 15,
  limitHighMask: 0xf << 16,
  available: 1 << 20,
  /** 64-bit code segment (IA-32e). */
  long: 1 << 21,
  big: 1 << 22,
  granular: 1 << 23,
} as const;

/** Bits of the four-bit type of code and data segments. */
export const TypeBits = {
  accessed: 1,
  /** Data: writable. Code: readable. */
  writable: 2,
  /** Data: expand-down. Code: conforming. */
  expandDown: 4,
  code: 8,
} as const;

const limitLowMask = 0xffff;
const pageShift = 12;
const pageMask = 0xfff;

/** Two words of a table entry. */
export interface DescriptorWords { lo: number; hi: number }

/** Linear base address. */
export function segmentBase(lo: number, hi: number): number {
  return ((lo >>> 16) | ((hi & 0xff) << 16) | (hi & 0xff000000)) >>> 0;
}

/** The 20-bit limit field, granularity not applied. */
export function segmentRawLimit(lo: number, hi: number): number {
  return (lo & limitLowMask) | (hi & SegmentBits.limitHighMask);
}

/** Offset of the last byte, granularity applied; 0xffffffff for 4 GiB. (For expand-down segments: the last invalid one.) */
export function segmentLimit(lo: number, hi: number): number {
  const raw = segmentRawLimit(lo, hi);
  return segmentGranular(lo, hi) ? ((raw << pageShift) | pageMask) >>> 0 : raw;
}

/** The four-bit type. */
export function segmentType(_lo: number, hi: number): number {
  return (hi >>> SegmentBits.typeShift) & 0xf;
}

/** True for system segments and gates, false for code and data. */
export function segmentIsSystem(_lo: number, hi: number): boolean {
  return (hi & SegmentBits.notSystem) === 0;
}

/** True for code segments. */
export function segmentIsCode(lo: number, hi: number): boolean {
  return !segmentIsSystem(lo, hi) && (segmentType(lo, hi) & TypeBits.code) !== 0;
}

/** True for data and stack segments. */
export function segmentIsData(lo: number, hi: number): boolean {
  return !segmentIsSystem(lo, hi) && (segmentType(lo, hi) & TypeBits.code) === 0;
}

/** Descriptor privilege level, 0..3. */
export function segmentDpl(_lo: number, hi: number): number {
  return (hi & SegmentBits.dplMask) >>> SegmentBits.dplShift;
}

/** P: loading a segment that is not present raises #NP, or #SS for a stack. */
export function segmentPresent(_lo: number, hi: number): boolean {
  return (hi & SegmentBits.present) !== 0;
}

/** D/B: 32-bit default sizes. */
export function segmentDefaultBig(_lo: number, hi: number): boolean {
  return (hi & SegmentBits.big) !== 0;
}

/** L: 64-bit code. */
export function segmentLong(_lo: number, hi: number): boolean {
  return (hi & SegmentBits.long) !== 0;
}

/** AVL: free for software. */
export function segmentAvailable(_lo: number, hi: number): boolean {
  return (hi & SegmentBits.available) !== 0;
}

/** G: the limit counts pages. */
export function segmentGranular(_lo: number, hi: number): boolean {
  return (hi & SegmentBits.granular) !== 0;
}

/** The high word with another privilege level. */
export function withDpl(hi: number, dpl: number): number {
  return ((hi & ~SegmentBits.dplMask) | ((dpl & 3) << SegmentBits.dplShift)) >>> 0;
}

/** The high word of a code or data segment marked as accessed. */
export function withAccessed(hi: number): number {
  return (hi | (TypeBits.accessed << SegmentBits.typeShift)) >>> 0;
}

/** The fields of a segment descriptor, as its two words hold them. */
export interface SegmentFields {
  base: number;
  /** 20 bits, in bytes or pages as `granular` says. */
  rawLimit: number;
  type: number;
  system: boolean;
  dpl: number;
  present: boolean;
  available: boolean;
  long: boolean;
  big: boolean;
  granular: boolean;
}

/** Put a descriptor together. Fields are masked to their width. */
export function makeSegment(f: SegmentFields): DescriptorWords {
  const lo = ((f.base & 0xffff) << 16) | (f.rawLimit & limitLowMask);
  const hi = ((f.base >>> 16) & 0xff) | (f.base & 0xff000000) | ((f.type & 0xf) << SegmentBits.typeShift) |
    (f.system ? 0 : SegmentBits.notSystem) | ((f.dpl & 3) << SegmentBits.dplShift) | (f.present ? SegmentBits.present : 0) |
    (f.rawLimit & SegmentBits.limitHighMask) | (f.available ? SegmentBits.available : 0) | (f.long ? SegmentBits.long : 0) |
    (f.big ? SegmentBits.big : 0) | (f.granular ? SegmentBits.granular : 0);
  return { lo: lo >>> 0, hi: hi >>> 0 };
}
