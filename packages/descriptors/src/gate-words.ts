/*P:120
 * Gates, as two words.
 *
 * A gate is a door in a wall between privilege levels: it names a code segment and an address in it, and says who may
 * knock. Interrupt and trap gates stand in the IDT, call gates in the GDT, task gates in either. (SDM volume 3,
 * figures 5-8, 6-2.)
 */
import type { DescriptorWords } from './segment-words.js';
import { SegmentBits } from './segment-words.js';

/** Types of system descriptors (SDM volume 3, table 3-2). */
export const SystemType = {
  tss16: 1, ldt: 2, busyTss16: 3, callGate16: 4, taskGate: 5, interruptGate16: 6, trapGate16: 7,
  tss32: 9, busyTss32: 11, callGate32: 12, interruptGate32: 14, trapGate32: 15,
} as const;

const selectorShift = 16;
const offsetLowMask = 0xffff;
const offsetHighMask = 0xffff0000;
const parameterMask = 0x1f;

/** The handler's offset in its code segment. For 16-bit gates the upper half means nothing. */
export function gateAddress(lo: number, hi: number): number {
  return ((lo & offsetLowMask) | (hi & offsetHighMask)) >>> 0;
}

/** The four-bit type: 14 is a 32-bit interrupt gate, 15 a 32-bit trap gate. (See SystemType.) */
export function gateType(_lo: number, hi: number): number {
  return (hi >>> SegmentBits.typeShift) & 0xf;
}

/** P: a gate that is not present raises #NP when it is used. */
export function gatePresent(_lo: number, hi: number): boolean {
  return (hi & SegmentBits.present) !== 0;
}

/** Who may go through it by an instruction: rings 0 to this one. */
export function gateDpl(_lo: number, hi: number): number {
  return (hi & SegmentBits.dplMask) >>> SegmentBits.dplShift;
}

/** The code segment it leads to; for task gates the TSS. */
export function gateSelector(lo: number, _hi: number): number {
  return lo >>> selectorShift;
}

/** Call gates: words or doublewords to copy from the caller's stack, 0..31. */
export function gateParameters(_lo: number, hi: number): number {
  return hi & parameterMask;
}

/** Put an interrupt, trap, call or task gate together. */
export function makeGate(
  selector: number, address: number, type: number, dpl: number, present: boolean, parameters = 0,
): DescriptorWords {
  const lo = ((selector & 0xffff) << selectorShift) | (address & offsetLowMask);
  const hi = (address & offsetHighMask) | (present ? SegmentBits.present : 0) | ((dpl & 3) << SegmentBits.dplShift) |
    ((type & 0xf) << SegmentBits.typeShift) | (parameters & parameterMask);
  return { lo: lo >>> 0, hi: hi >>> 0 };
}
