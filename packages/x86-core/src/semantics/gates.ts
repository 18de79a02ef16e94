/*S:255
 * The beaten path between privilege levels.
 *
 * A program that calls its kernel makes the same moves over and over: INT through a 32-bit gate to an inner level, a
 * few registers and segments saved, and IRET back. The general rules (interrupt.ts, transfer.ts, segmentation.ts) ask
 * some forty questions. Here the usual answers are recognised: descriptors flat or at least plain and already accessed,
 * frames inside one page that is there. Anything else is unusual(), and the general rules decide. So these are not
 * second meanings but shortcuts to the first, for generated code; the reference engine never takes them.
 */
import type { PrivilegedBuilder } from '../builder.js';
import { Access, Eflags, Mode, Register, SegmentField, SegmentRegister, State } from '../state.js';
import { readFlags, setArithmeticFlags } from './flags-of.js';

const { eax, esp, edi } = Register;
const { es, cs, ss, ds, fs, gs, tr } = SegmentRegister;

const entryBytes = 8;
const inLdt = 4;
const rplMask = 3;
const nullMask = 0xfffc;
/** A flat segment's low word (limit 0xffff, base 0), and the rest of that in its high word, with G and D/B set. */
const flatLow = 0xffff;
const flatHigh = 0x000f_0000 | Access.big | Access.granular;
/** High words of flat 32-bit code (not conforming) and flat writable data, used before; DPL left out. */
const plainCode = flatHigh | Access.present | Access.notSystem | Access.code | Access.accessed;
const plainData = flatHigh | Access.present | Access.notSystem | Access.writable | Access.accessed;
const codeMask = ~(Access.dplMask | Access.writable);
const dataMask = ~Access.dplMask;
/** The part of a high word that a segment cache keeps. */
const cacheMask = 0x00f0_ff00;
/** What any present data segment has in common, used before: the rest is its size and direction. */
const anyDataMask = Access.present | Access.notSystem | Access.code | Access.accessed;
const anyData = Access.present | Access.notSystem | Access.accessed;

/** 32-bit interrupt and trap gates are types 14 and 15; bit 0 tells them apart. */
const gateTypeMask = 0x1e00;
const gateType = 0x0e00;
const trapGateBit = 0x0100;
/** A 32-bit TSS, busy or not. */
const tssTypeMask = Access.present | 0x1d00;
const tssType = Access.present | 0x0900;
const tssStack0 = 4;
const noLimit = -1;
const frameBytes = 20;

type Cached = (typeof SegmentField)['selector' | 'base' | 'limit' | 'access'];
const field = (segment: number, which: Cached): number => State.segments + segment * SegmentField.size + which;

/** The two words of a GDT entry. Unusual: the LDT, the null selector, beyond the limit. */
function gdtEntry<V>(b: PrivilegedBuilder<V>, selector: V): { low: V; high: V } {
  const index = b.and(selector, b.imm(0xfff8));
  b.unusual(b.and(selector, b.imm(inLdt)));
  b.unusual(b.isZero(index));
  b.unusual(b.lessUnsigned(b.state(State.gdtLimit), b.add(index, b.imm(entryBytes - 1))));
  const entry = b.systemBytes(b.add(b.state(State.gdtBase), index), entryBytes);
  return { low: b.load(entry, 0, 4), high: b.load(entry, 4, 4) };
}

function dplOf<V>(b: PrivilegedBuilder<V>, high: V): V {
  return b.and(b.shr(high, b.imm(Access.dplShift)), b.imm(rplMask));
}

/** The high word of a flat segment of this kind and level; anything else is unusual. */
function flatEntry<V>(b: PrivilegedBuilder<V>, selector: V, level: V, kind: number, mask: number): V {
  const { low, high } = gdtEntry(b, selector);
  b.unusual(b.ne(low, b.imm(flatLow)));
  b.unusual(b.ne(b.and(high, b.imm(mask)), b.imm(kind)));
  b.unusual(b.ne(dplOf(b, high), level));
  return high;
}

function setSegment<V>(b: PrivilegedBuilder<V>, segment: number, selector: V, base: V, limit: V, access: V): void {
  b.setState(field(segment, SegmentField.selector), selector);
  b.setState(field(segment, SegmentField.base), base);
  b.setState(field(segment, SegmentField.limit), limit);
  b.setState(field(segment, SegmentField.access), access);
}

function setFlat<V>(b: PrivilegedBuilder<V>, segment: number, selector: V, high: V): void {
  setSegment(b, segment, selector, b.imm(0), b.imm(noLimit), b.and(high, b.imm(cacheMask)));
}

/** INT n to an inner level. */
export function quickInterrupt<V>(b: PrivilegedBuilder<V>): void {
  const vector = b.get(0);
  const offset = b.shl(vector, b.imm(3));
  b.unusual(b.lessUnsigned(b.state(State.idtLimit), b.add(offset, b.imm(entryBytes - 1))));
  const gate = b.systemBytes(b.add(b.state(State.idtBase), offset), entryBytes);
  const gateLow = b.load(gate, 0, 4);
  const gateHigh = b.load(gate, 4, 4);
  const cpl = b.state(State.cpl);
  b.unusual(b.ne(b.and(gateHigh, b.imm(Access.present | gateTypeMask)), b.imm(Access.present | gateType)));
  b.unusual(b.lessUnsigned(dplOf(b, gateHigh), cpl));
  const selector = b.shr(gateLow, b.imm(16));
  b.unusual(b.eq(b.and(selector, b.imm(nullMask)), b.state(State.exitSelector)));

  // the handler's code segment decides the level, the TSS has that level's stack
  const code = gdtEntry(b, selector);
  const level = dplOf(b, code.high);
  b.unusual(b.ne(code.low, b.imm(flatLow)));
  b.unusual(b.ne(b.and(code.high, b.imm(codeMask)), b.imm(plainCode)));
  b.unusual(b.isZero(b.lessUnsigned(level, cpl)));
  const stackSlot = b.add(b.shl(level, b.imm(3)), b.imm(tssStack0));
  b.unusual(b.ne(b.and(b.state(field(tr, SegmentField.access)), b.imm(tssTypeMask)), b.imm(tssType)));
  b.unusual(b.lessUnsigned(b.state(field(tr, SegmentField.limit)), b.add(stackSlot, b.imm(7))));
  const slot = b.systemBytes(b.add(b.state(field(tr, SegmentField.base)), stackSlot), 8);
  const newEsp = b.load(slot, 0, 4);
  const newSs = b.load(slot, 4, 2);
  b.unusual(b.ne(b.and(newSs, b.imm(rplMask)), level));
  const stackHigh = flatEntry(b, newSs, level, plainData, dataMask);
  const top = b.sub(newEsp, b.imm(frameBytes));
  const frame = b.systemBytes(top, frameBytes, true);

  const cleared = b.or(
    b.imm(Eflags.tf | Eflags.nt | Eflags.rf | Eflags.vm),
    b.select(b.and(gateHigh, b.imm(trapGateBit)), b.imm(0), b.imm(Eflags.if)),
  );
  b.store(frame, 0, 4, b.next());
  b.store(frame, 4, 4, b.state(field(cs, SegmentField.selector)));
  b.store(frame, 8, 4, readFlags(b));
  b.store(frame, 12, 4, b.gpr(esp, 4));
  b.store(frame, 16, 4, b.state(field(ss, SegmentField.selector)));
  b.setGpr(esp, 4, top);
  setFlat(b, ss, newSs, stackHigh);
  setFlat(b, cs, b.or(b.and(selector, b.imm(~rplMask)), level), code.high);
  b.setEflags(b.and(b.eflags(), b.xor(cleared, b.imm(-1))));
  b.setLevel(level);
  const counter = b.add(b.shl(vector, b.imm(2)), b.imm(State.deliveries));
  b.store(counter, 0, 4, b.add(b.load(counter, 0, 4), b.imm(1)));
  b.jump(b.or(b.and(gateHigh, b.imm(0xffff_0000)), b.and(gateLow, b.imm(0xffff))));
}

/** EFLAGS bits in an IRET frame, or before it, that the general rules have to look at. */
const unusualFlags = Eflags.vm | Eflags.tf | Eflags.ac | Eflags.nt;
const returnable = Eflags.df | Eflags.id;

/** IRET, 32-bit, to an outer level or the same one. */
export function quickReturn<V>(b: PrivilegedBuilder<V>): void {
  const old = b.eflags();
  const top = b.gpr(esp, 4);
  const cpl = b.state(State.cpl);
  b.unusual(b.and(old, b.imm(Eflags.nt | Eflags.ac)));
  const frame = b.flatBytes(top, frameBytes, false);
  const flags = b.load(frame, 8, 4);
  b.unusual(b.and(flags, b.imm(unusualFlags)));
  const selector = b.load(frame, 4, 2);
  const level = b.and(selector, b.imm(rplMask));
  b.unusual(b.lessUnsigned(level, cpl));
  const codeHigh = flatEntry(b, selector, level, plainCode, codeMask);

  const to = b.load(frame, 0, 4);
  const iopl = b.and(b.shr(old, b.imm(Eflags.ioplShift)), b.imm(3));
  const mask = b.or(b.imm(returnable), b.or(
    b.select(b.lessUnsigned(iopl, cpl), b.imm(0), b.imm(Eflags.if)),
    b.select(cpl, b.imm(0), b.imm(Eflags.iopl | Eflags.vif | Eflags.vip)),
  ));
  b.when(b.eq(level, cpl), () => b.setGpr(esp, 4, b.add(top, b.imm(12))), () => {
    const outerSs = b.load(frame, 16, 2);
    b.unusual(b.ne(b.and(outerSs, b.imm(rplMask)), level));
    const stackHigh = flatEntry(b, outerSs, level, plainData, dataMask);
    // a segment more privileged than where we go is taken away, a null one becomes 0: not here
    for (const segment of [ds, es, fs, gs]) {
      const access = b.state(field(segment, SegmentField.access));
      b.unusual(b.select(b.and(access, b.imm(Access.present)), b.lessUnsigned(dplOf(b, access), level), b.state(field(segment, SegmentField.selector))));
    }
    b.setGpr(esp, 4, b.load(frame, 12, 4));
    setFlat(b, ss, outerSs, stackHigh);
    b.setLevel(level);
  });
  setFlat(b, cs, selector, codeHigh);
  b.setEflags(b.or(b.and(old, b.xor(mask, b.imm(-1))), b.and(flags, mask)));
  setArithmeticFlags(b, flags);
  b.jump(to);
}

/** Mode bits that say DS and ES are flat: they must stay as they are. */
const modeBit: Readonly<Record<number, number>> = { [ds]: Mode.flatDs, [es]: Mode.flatEs };

/** Load a data segment register other than SS. DS and ES: flat before and after. FS and GS: any data segment, or null. */
function quickLoad<V>(b: PrivilegedBuilder<V>, segment: number, selector: V): void {
  const cpl = b.state(State.cpl);
  const rpl = b.and(selector, b.imm(rplMask));
  const inner = b.select(b.lessUnsigned(cpl, rpl), rpl, cpl);
  const flat = modeBit[segment];
  if (flat !== undefined) {
    const { low, high } = gdtEntry(b, selector);
    b.unusual(b.isZero(b.and(b.state(State.mode), b.imm(flat))));
    b.unusual(b.ne(low, b.imm(flatLow)));
    b.unusual(b.ne(b.and(high, b.imm(dataMask)), b.imm(plainData)));
    b.unusual(b.lessUnsigned(dplOf(b, high), inner));
    setFlat(b, segment, selector, high);
    return;
  }
  b.when(b.and(selector, b.imm(nullMask)), () => {
    const { low, high } = gdtEntry(b, selector);
    b.unusual(b.ne(b.and(high, b.imm(anyDataMask)), b.imm(anyData)));
    b.unusual(b.lessUnsigned(dplOf(b, high), inner));
    const base = b.or(b.or(b.shr(low, b.imm(16)), b.shl(b.and(high, b.imm(0xff)), b.imm(16))), b.and(high, b.imm(0xff00_0000 | 0)));
    const raw = b.or(b.and(low, b.imm(0xffff)), b.and(high, b.imm(0x000f_0000)));
    const limit = b.select(b.and(high, b.imm(Access.granular)), b.or(b.shl(raw, b.imm(12)), b.imm(0xfff)), raw);
    setSegment(b, segment, selector, base, limit, b.and(high, b.imm(cacheMask)));
  }, () => setSegment(b, segment, selector, b.imm(0), b.imm(0), b.imm(0)));
}

/** MOV to DS, ES, FS or GS. */
export function quickMoveToSegment(segment: number): <V>(b: PrivilegedBuilder<V>) => void {
  return (b) => quickLoad(b, segment, b.get(0));
}

/** MOV from any segment register to a general one. */
export function quickMoveFromSegment(segment: number): <V>(b: PrivilegedBuilder<V>) => void {
  return (b) => b.set(0, b.state(field(segment, SegmentField.selector)));
}

/** PUSH of a segment register, 32-bit. Intel's processors write no more than the selector. */
export function quickPushSegment(segment: number): <V>(b: PrivilegedBuilder<V>) => void {
  return (b) => {
    const selector = b.state(field(segment, SegmentField.selector));
    if (b.undefinedResults === 'amd') return b.push(selector, 4);
    const top = b.sub(b.gpr(esp, 4), b.imm(4));
    b.store(b.flatBytes(top, 4, true), 0, 2, selector);
    b.setGpr(esp, 4, top);
  };
}

/** POP of DS, ES, FS or GS, 32-bit. */
export function quickPopSegment(segment: number): <V>(b: PrivilegedBuilder<V>) => void {
  return (b) => {
    const top = b.gpr(esp, 4);
    quickLoad(b, segment, b.load(b.flatBytes(top, 4, false), 0, 2));
    b.setGpr(esp, 4, b.add(top, b.imm(4)));
  };
}

/** PUSHF, 32-bit. */
export function quickPushFlags<V>(b: PrivilegedBuilder<V>): void {
  b.push(b.and(readFlags(b), b.imm(~(Eflags.vm | Eflags.rf))), 4);
}

/** POPF, 32-bit. */
export function quickPopFlags<V>(b: PrivilegedBuilder<V>): void {
  const old = b.eflags();
  b.unusual(b.and(old, b.imm(Eflags.nt | Eflags.ac)));
  const top = b.gpr(esp, 4);
  const flags = b.load(b.flatBytes(top, 4, false), 0, 4);
  b.unusual(b.and(flags, b.imm(Eflags.tf | Eflags.ac | Eflags.nt)));
  const cpl = b.state(State.cpl);
  const iopl = b.and(b.shr(old, b.imm(Eflags.ioplShift)), b.imm(3));
  const mask = b.or(b.imm(returnable), b.or(
    b.select(b.lessUnsigned(iopl, cpl), b.imm(0), b.imm(Eflags.if)), b.select(cpl, b.imm(0), b.imm(Eflags.iopl)),
  ));
  b.setGpr(esp, 4, b.add(top, b.imm(4)));
  b.setEflags(b.or(b.and(old, b.xor(mask, b.imm(-1))), b.and(flags, mask)));
  setArithmeticFlags(b, flags);
}

/** VERW of a selector in the GDT. */
export function quickVerifyWrite<V>(b: PrivilegedBuilder<V>): void {
  const selector = b.get(0);
  const { high } = gdtEntry(b, selector);
  const kind = b.and(high, b.imm(Access.notSystem | Access.code | Access.writable));
  const cpl = b.state(State.cpl);
  const rpl = b.and(selector, b.imm(rplMask));
  const inner = b.select(b.lessUnsigned(cpl, rpl), rpl, cpl);
  const refused = b.or(b.ne(kind, b.imm(Access.notSystem | Access.writable)), b.lessUnsigned(dplOf(b, high), inner));
  b.setFlags(refused, b.signWord(), b.addend(), b.sum());
}

/** PUSHA, 32-bit. */
export function quickPushAll<V>(b: PrivilegedBuilder<V>): void {
  const top = b.sub(b.gpr(esp, 4), b.imm(32));
  const frame = b.flatBytes(top, 32, true);
  for (let register: number = eax; register <= edi; register++) b.store(frame, (7 - register) * 4, 4, b.gpr(register, 4));
  b.setGpr(esp, 4, top);
}

/** POPA, 32-bit. */
export function quickPopAll<V>(b: PrivilegedBuilder<V>): void {
  const top = b.gpr(esp, 4);
  const frame = b.flatBytes(top, 32, false);
  for (let register: number = eax; register <= edi; register++) {
    if (register !== esp) b.setGpr(register, 4, b.load(frame, (7 - register) * 4, 4));
  }
  b.setGpr(esp, 4, b.add(top, b.imm(32)));
}
