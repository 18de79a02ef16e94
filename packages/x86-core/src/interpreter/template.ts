/*
 * Decoding by example.
 *
 * Most instructions have been met before, with another displacement, another immediate and at another address perhaps. What
 * they have in common with those, their head (prefix, opcode, ModRM and SIB), decides everything else: handler, registers,
 * length. So the first of them is decoded by the Decoder, and leaves a template: its record, and where numbers go in it.
 * The following ones are copied from that by generated code (decode-run.ts).
 *
 * A template is found by its head, and a head's length by its first bytes. Both tables lie in the machine's memory:
 * Layout.heads has a byte for each pair of first bytes, Layout.templates is a hash table of templates.
 */
import { SlotKind, type Instruction } from '../instruction.js';
import { Layout } from '../state.js';
import { Field, recordSize } from './record.js';

/** Byte offsets in a template, and its size. */
export const Template = {
  /** The record, as far as it does not depend on what follows the head. */
  record: 0,
  /** i64: keyOf() of the head. */
  key: 32,
  /** i32: an Outline. */
  outline: 40,
  /** i32 each: bits of the displacement and of the immediate that count. */
  displacementMask: 44,
  immediateMask: 48,
  /** u8 each: bytes before the displacement and the immediate; how far to shift a word there up, and down again with its sign. */
  displacementAt: 52,
  displacementShift: 53,
  immediateAt: 54,
  immediateShift: 55,
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

/** What two first bytes say: a head of so many bytes (1 to 3), or one of these. 0: nothing is known. */
export const Head = {
  /** The third byte is ModRM, and says whether there is a fourth. */
  modrmThird: 4,
  /** The first byte is a prefix: ask again from the second on. */
  prefixed: 5,
} as const;

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
  /** Opcodes (as Instruction.opcode) without ModRM whose heads are known. */
  readonly #bare = new Set<number>();

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
    this.#noteHead(insn, bytes);
    const key = this.#keyOf(bytes, insn.head, mode);
    const slot = this.#slotFor(key);
    const u8 = this.#u8;
    const view = this.#view;
    u8.copyWithin(slot, record, record + recordSize);
    view.setUint16(slot + Field.offset, 0, true);
    view.setUint16(slot + Field.remaining, 0, true);
    view.setBigInt64(slot + Template.key, key, true);
    view.setInt32(slot + Template.outline, outline, true);
    const { head, displacementBytes, immediateBytes } = insn;
    if (displacementBytes > 0) view.setInt32(slot + Field.displacement, 0, true);
    if (immediateBytes > 0) view.setInt32(slot + Field.immediate, 0, true);
    if (insn.definition.branches) view.setInt32(slot + Field.link, 0, true);
    view.setInt32(slot + Template.displacementMask, displacementBytes > 0 ? -1 : 0, true);
    view.setInt32(slot + Template.immediateMask, immediateMask(insn), true);
    u8[slot + Template.displacementAt] = head;
    u8[slot + Template.displacementShift] = displacementBytes === 1 ? 24 : 0;
    u8[slot + Template.immediateAt] = head + displacementBytes;
    u8[slot + Template.immediateShift] = immediateBytes === 1 ? 24 : immediateBytes === 2 ? 16 : 0;
  }

  /** Note how long heads with these first bytes are. */
  #noteHead(insn: Instruction, bytes: number): void {
    const u8 = this.#u8;
    const opcode = bytes + insn.prefixes;
    const first = u8[opcode]!;
    if (insn.prefixes > 0) this.#noteFirst(u8[bytes]!, Head.prefixed);
    if (insn.opcode >= 0x100) u8[Layout.heads + first + (u8[opcode + 1]! << 8)] = insn.modrm < 0 ? 2 : Head.modrmThird;
    else if (insn.modrm < 0) this.#noteFirst(first, 1);
    else u8[Layout.heads + first + (insn.modrm << 8)] = hasSib(insn.modrm) ? 3 : 2;
  }

  /** The first byte decides alone. */
  #noteFirst(byte: number, head: number): void {
    if (this.#bare.has(byte)) return;
    this.#bare.add(byte);
    for (let second = 0; second < 0x100; second++) this.#u8[Layout.heads + byte + (second << 8)] = head;
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
    return slot;
  }
}

/** Bits that remain of an immediate which is extended from its highest bit. */
function immediateMask(insn: Instruction): number {
  const { immediateBytes, immediateSigned } = insn;
  if (immediateBytes === 0) return 0;
  const size = immediateSigned && !insn.definition.branches ? insn.slotSize[insn.kind.indexOf(SlotKind.immediate)]! : immediateSigned ? 4 : immediateBytes;
  return size === 4 ? -1 : size === 2 ? 0xffff : 0xff;
}
