/*
 * Decoding by example.
 *
 * Most instructions have been met before, with another displacement, another immediate and at another address perhaps. What
 * they have in common with those, their head (prefix, opcode, ModRM and SIB), decides everything else: handler, registers,
 * length. So the first of them is decoded by the Decoder, and leaves a template: its record, and where numbers go in it.
 * The following ones are copied from that by generated code (decode-run.ts).
 *
 * A template is found by its head. Layout.heads has a word for each pair of first bytes. Where these are the whole head, that
 * word says which template it is and how long the instruction: so where the next one begins is known by two loads, and the
 * host's CPU can have several instructions in work at once. For longer heads it says how long they are; their templates are in
 * a hash table, Layout.templates. So are those of all modes but the usual one.
 */
import { SlotKind, type Instruction } from '../instruction.js';
import { Layout, Mode } from '../state.js';
import { Field, recordSize } from './record.js';

/** Byte offsets in a template, and its size. */
export const Template = {
  /** The record, as far as it does not depend on what follows the head. */
  record: 0,
  /** i64: keyOf() of the head. */
  key: 32,
  /** i32: an Outline. */
  outline: 40,
  /**
   * i32 each. A number is made of the word at its place in the instruction: bits that count, their sign's, then what the
   * record has in its field is added (less the sign's bit, which so is extended), and of the immediate some bits are kept.
   */
  displacementMask: 44,
  displacementSign: 48,
  immediateMask: 52,
  immediateSign: 56,
  immediateKept: 60,
  /** u8 each, in a field of the record that no template has: bytes before the displacement and before the immediate. */
  displacementAt: Field.remaining,
  immediateAt: Field.remaining + 1,
  size: 64,
} as const;

/** What a decoded run needs to know of an instruction beside its record, in one word. */
export const Outline = {
  /** Bytes, 1 to 15. */
  length: 15,
  /** See Definition. */
  ends: 1 << 4,
  branches: 1 << 5,
  /** Its numbers in the table of fused pairs, as the second half and as the first; 0 for what is never fused. */
  secondShift: 8,
  secondMask: 0x3f,
  firstShift: 16,
} as const;

/** Entries of Layout.fusions in a row: u16 each, the handler of two instructions, or 0. A row belongs to a first half. */
export const fusionRow = Outline.secondMask + 1;
/** Rows there is room for. */
export const mostFusionRows = 512;

/**
 * What two first bytes say, in a word: the address of their template in Layout.shortTemplates, if they have one, with the low
 * bits of its Outline (length, ends, branches) in the address's own; and in the highest bits a head of so many bytes (1 to 3),
 * or one of these. 0: nothing is known.
 */
export const Head = {
  /** The third byte is ModRM, and says whether there is a fourth. */
  modrmThird: 4,
  /** The first byte is a prefix: ask again from the second on. */
  prefixed: 5,
  shift: 25,
  outline: 0x3f,
  template: 0x01ff_ffc0,
} as const;
/** The longest head that has its template there. */
const shortHead = 2;
/** Templates there is room for. */
const mostShort = (Layout.arena - Layout.shortTemplates) / Template.size;
/** The mode whose short templates these are: that of systems which do without segments. */
export const usualMode = Mode.flatDs | Mode.flatEs | Mode.flatSs;

/** Templates, as a power of two. */
export const templateBits = 12;
/** Bits of a key: five bytes of the head, mode bits, and one that says that there is a key. */
export const headBits = 40;
const present = 1n << 44n;
/** An odd number that spreads keys over the table: 2^64 divided by the golden ratio. */
export const spread = 0x9e37_79b9_7f4a_7c15n;
const longestHead = 5;

/** What a page's mode adds to the keys of its instructions. */
export function modeKey(mode: number): bigint {
  return (BigInt(mode) << BigInt(headBits)) | present;
}

/** A ModRM byte that a SIB byte follows. */
function hasSib(modrm: number): boolean {
  return modrm < 0xc0 && (modrm & 7) === 4;
}

/** Can a template stand for all instructions with this one's head? */
function isTypical(insn: Instruction): boolean {
  const { name, branches } = insn.definition;
  if (name === 'undefined' || name === 'too_long' || insn.addressSize === 2 || insn.prefixes > 1 || insn.head > longestHead) return false;
  if (branches && insn.operandSize === 2) return false;
  // more bytes than that are two immediates
  return insn.immediateBytes <= 2 || (insn.immediateBytes === 4 && insn.operandSize === 4);
}

/** The tables of one machine. */
export class Templates {
  readonly #u8: Uint8Array;
  readonly #i32: Int32Array;
  readonly #view: DataView;
  /** Short templates there are. */
  #short = 0;

  constructor(u8: Uint8Array, i32: Int32Array, view: DataView) {
    this.#u8 = u8;
    this.#i32 = i32;
    this.#view = view;
  }

  /**
   * An instruction has been decoded from the bytes at an address, and a record written: have it at hand for the next time.
   * Nothing happens where the next one might differ in more than numbers.
   */
  remember(insn: Instruction, bytes: number, record: number, mode: number, outline: number): void {
    if (!isTypical(insn)) return;
    const { head, prefixes } = insn;
    const short = prefixes === 0 && head <= shortHead && mode === usualMode && this.#short < mostShort;
    const slot = short ? Layout.shortTemplates + this.#short++ * Template.size : this.#slotFor(this.#keyOf(bytes, head, mode));
    this.#write(slot, insn, record, outline);
    this.#noteHead(insn, bytes, short ? slot | (outline & Head.outline) : 0);
  }

  #write(slot: number, insn: Instruction, record: number, outline: number): void {
    const u8 = this.#u8;
    const i32 = this.#i32;
    u8.copyWithin(slot, record, record + recordSize);
    const put = (at: number, value: number): void => { i32[(slot + at) >> 2] = value; };
    const number = (field: number, bytes: number, mask: number, sign: number): void => {
      const signBit = bytes === 0 ? 0 : 1 << (8 * bytes - 1);
      put(mask, bytes === 0 ? 0 : signBit | (signBit - 1));
      put(sign, signBit);
      put(field, (bytes === 0 ? i32[(slot + field) >> 2]! : 0) - signBit);
    };
    const { head, displacementBytes, immediateBytes } = insn;
    number(Field.displacement, displacementBytes, Template.displacementMask, Template.displacementSign);
    number(Field.immediate, immediateBytes, Template.immediateMask, Template.immediateSign);
    put(Template.immediateKept, immediateBytes === 0 ? -1 : immediateMask(insn));
    put(Template.outline, outline);
    u8[slot + Template.displacementAt] = head;
    u8[slot + Template.immediateAt] = head + displacementBytes;
  }

  /** Note how long heads with these first bytes are, and their template if it is a short one's. */
  #noteHead(insn: Instruction, bytes: number, template: number): void {
    const u8 = this.#u8;
    const opcode = bytes + insn.prefixes;
    const [first, second] = [u8[opcode]!, u8[opcode + 1]!];
    if (insn.prefixes > 0) this.#noteFirst(u8[bytes]!, Head.prefixed, 0);
    if (insn.opcode >= 0x100) this.#note(first, second, insn.modrm < 0 ? 2 : Head.modrmThird, template);
    else if (insn.modrm < 0) this.#noteFirst(first, 1, template);
    else this.#note(first, second, hasSib(insn.modrm) ? 3 : 2, template);
  }

  #note(first: number, second: number, head: number, template: number): void {
    const at = (Layout.heads >> 2) + (first << 8) + second;
    // the same opcode in another mode leaves what is known of it
    this.#i32[at] = (head << Head.shift) | (template || this.#i32[at]! & (Head.template | Head.outline));
  }

  /** The first byte decides alone. */
  #noteFirst(byte: number, head: number, template: number): void {
    const at = (Layout.heads >> 2) + (byte << 8);
    if (template !== 0) this.#i32.fill((head << Head.shift) | template, at, at + 0x100);
    else for (let second = 0; second < 0x100; second++) this.#note(byte, second, head, template);
  }

  #keyOf(bytes: number, head: number, mode: number): bigint {
    let key = modeKey(mode);
    for (let i = 0; i < head; i++) key |= BigInt(this.#u8[bytes + i]!) << BigInt(8 * i);
    return key;
  }

  /** Where a key may go: one of two neighbours. The newest comes first; the second is the one to give way. */
  #slotFor(key: bigint): number {
    const hash = Number(BigInt.asUintN(64, key * spread) >> BigInt(64 - templateBits));
    const slot = Layout.templates + hash * Template.size;
    if (this.#i32[(slot + Template.key + 4) >> 2] !== 0 && this.#view.getBigInt64(slot + Template.key, true) !== key)
      this.#u8.copyWithin(slot ^ Template.size, slot, slot + Template.size);
    this.#view.setBigInt64(slot + Template.key, key, true);
    return slot;
  }
}

/** Bits that remain of an immediate which is extended from its highest bit. */
function immediateMask(insn: Instruction): number {
  const { immediateBytes, immediateSigned } = insn;
  const size = immediateSigned && !insn.definition.branches ? insn.slotSize[insn.kind.indexOf(SlotKind.immediate)]! : immediateSigned ? 4 : immediateBytes;
  return size === 4 ? -1 : size === 2 ? 0xffff : 0xff;
}
