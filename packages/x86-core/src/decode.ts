/*S:160
 * From bytes to an Instruction.
 *
 * Prefixes, opcode, ModRM, displacement, immediates: the tables of opcodes.ts are compiled into forms, and
 * decode() walks the bytes by them. It looks at bytes only; whether they may be fetched is the caller's business.
 */
import { type Definition, definitionOf } from './definition.js';
import { type Instruction, Repeat, SlotKind } from './instruction.js';
import { oneByteMap, twoByteMap } from './opcodes.js';
import { Register, SegmentRegister } from './state.js';

/** The longest instruction the processor accepts, in bytes. */
export const maxInstructionLength = 15;

/** Operand kinds of a compiled form. */
const Operand = {
  rm: 0, reg: 1, memory: 2, opcodeReg: 3, accumulator: 4, cl: 5, imm8: 6, imm8Signed: 7, imm16: 8, immSized: 9, one: 10,
  moffs: 11, relative8: 12, relativeSized: 13, farPointer: 14,
} as const;

/** Sizes of a compiled operand: fixed bytes, or by operand size. */
const bySize = 0;

interface Form {
  readonly definition: Definition;
  readonly modrm: boolean;
  /** ModRM's top bits mean nothing: its low bits always name a register. */
  readonly registerOnly: boolean;
  /** With 66, F2 or F3 in front it is another instruction, none of ours. */
  readonly plain: boolean;
  readonly operands: readonly number[];
  readonly sizes: readonly number[];
  /** Size of the form as a whole: 1, 2, 4 or bySize. */
  readonly size: number;
  readonly memoryOnly: boolean;
}

const operandLetters: Record<string, readonly [operand: number, size: number]> = {
  Eb: [Operand.rm, 1], Ew: [Operand.rm, 2], Ev: [Operand.rm, bySize],
  Gb: [Operand.reg, 1], Gw: [Operand.reg, 2], Gv: [Operand.reg, bySize],
  M: [Operand.memory, bySize], Zb: [Operand.opcodeReg, 1], Zv: [Operand.opcodeReg, bySize],
  Ab: [Operand.accumulator, 1], Av: [Operand.accumulator, bySize], C: [Operand.cl, 1],
  Ib: [Operand.imm8, 1], Sb: [Operand.imm8Signed, bySize], Iw: [Operand.imm16, 2], Iz: [Operand.immSized, bySize],
  1: [Operand.one, 1], Ob: [Operand.moffs, 1], Ov: [Operand.moffs, bySize],
  Jb: [Operand.relative8, bySize], Jz: [Operand.relativeSized, bySize], P: [Operand.farPointer, bySize],
};

/** A form's place among its map's: 256 opcodes × 8 ModRM middle fields × memory or register. */
const formIndex = (opcode: number, modrm: number): number =>
  (opcode << 4) | ((modrm >>> 2) & 0xe) | (modrm >= 0xc0 ? 1 : 0);

/** Definitions that exist once per address size. */
const byAddressSize = /^(loop|loope|loopne|jcxz)$/;

/** Whether a ModRM byte follows an opcode. */
const Modrm = { none: 0, follows: 1, unknown: 2 } as const;

/** The forms of an opcode map. An opcode's are compiled when it is first met: nobody has all of them in his program. */
class OpcodeMap {
  /** By formIndex(); null is #UD. */
  readonly #forms: (Form | null)[] = new Array<Form | null>(256 * 16).fill(null);
  readonly #modrms = new Uint8Array(256).fill(Modrm.unknown);
  /** By opcode. */
  readonly #lines: string[][] = [];
  readonly #addressBits: number;

  constructor(lines: readonly string[], addressBits: number) {
    for (const line of lines) (this.#lines[opcodeOf(line)] ??= []).push(line);
    this.#addressBits = addressBits;
  }

  /** Does a ModRM byte follow? Then the form depends on it. */
  hasModrm(opcode: number): boolean {
    if (this.#modrms[opcode] === Modrm.unknown) this.#compile(opcode);
    return this.#modrms[opcode] === Modrm.follows;
  }

  /** The form of an opcode for which hasModrm() was asked. */
  form(opcode: number, modrm: number): Form | null { return this.#forms[formIndex(opcode, modrm)]!; }

  /** All forms in their places. */
  all(): readonly (Form | null)[] {
    for (let opcode = 0; opcode < 256; opcode++) this.hasModrm(opcode);
    return this.#forms;
  }

  #compile(opcode: number): void {
    this.#modrms[opcode] = Modrm.none;
    for (const line of this.#lines[opcode] ?? []) {
      const [place, ...words] = line.split(' ') as [string, ...string[]];
      const middle = place.length > 2 ? Number(place.slice(3)) : undefined;
      const kind = words[0] === 'mem' || words[0] === 'reg' ? words.shift() : undefined;
      const form = formOf(words, kind !== undefined || middle !== undefined, this.#addressBits);
      for (let slot = 0; slot < 16; slot++) {
        if (middle !== undefined && slot >> 1 !== middle) continue;
        if (kind !== undefined && (slot & 1) !== (kind === 'reg' ? 1 : 0)) continue;
        if (form.memoryOnly && (slot & 1) === 1) continue;
        this.#forms[(opcode << 4) | slot] = form;
      }
      if (form.modrm) this.#modrms[opcode] = Modrm.follows;
    }
  }
}

const opcodeOf = (line: string): number => Number.parseInt(line.slice(0, 2), 16);

/** A line's form. @param words its name and what follows @param dependsOnModrm it is one of several */
function formOf(words: string[], dependsOnModrm: boolean, addressBits: number): Form {
  const name = words.shift()!;
  const letters = words.filter((word) => word in operandLetters);
  const operands = letters.map((word) => operandLetters[word]!);
  const explicit = words.find((word) => word === 'b' || word === 'v');
  const first = operands[0];
  const size = explicit ? (explicit === 'b' ? 1 : bySize)
    : first === undefined || first[0] === Operand.imm16 ? bySize
    : first[0] === Operand.imm8 && operands[1] ? operands[1][1] : first[0] === Operand.imm8 ? bySize : first[1];
  return {
    definition: definitionOf(byAddressSize.test(name) ? `${name}_${addressBits}` : name),
    modrm: dependsOnModrm || words.includes('modrm') || words.includes('low') || letters.some((word) => /^[EGM]/.test(word)),
    registerOnly: words.includes('low'),
    plain: words.includes('plain'),
    operands: operands.map(([operand]) => operand),
    sizes: operands.map(([, bytes]) => bytes),
    size,
    memoryOnly: letters.includes('M'),
  };
}

interface Maps { readonly one: OpcodeMap; readonly two: OpcodeMap }

const builtMaps = new Map<number, Maps>();

/** The maps for 16- or 32-bit addresses; built when first asked for. */
function mapsFor(addressBits: number): Maps {
  const known = builtMaps.get(addressBits);
  if (known) return known;
  const maps = { one: new OpcodeMap(oneByteMap, addressBits), two: new OpcodeMap(twoByteMap, addressBits) };
  builtMaps.set(addressBits, maps);
  return maps;
}

/** Base and index registers of 16-bit addressing, by r/m (SDM volume 2, table 2-1); -1 is none. */
const base16 = [Register.ebx, Register.ebx, Register.ebp, Register.ebp, Register.esi, Register.edi, Register.ebp, Register.ebx];
const index16 = [Register.esi, Register.edi, Register.esi, Register.edi, -1, -1, -1, -1];

/** Every combination of definition, operand kinds and sizes that 32-bit code can decode to, without repetitions. */
export function* operandForms(): Generator<{
  definition: Definition; size: number; operandSize: number; kinds: number[]; sizes: number[];
}> {
  const { one, two } = mapsFor(32);
  const seen = new Set<string>();
  /** Forms met in an even place, where r/m is memory, and in an odd one, where it is a register. */
  const met = [new Set<Form>(), new Set<Form>()] as const;
  for (const map of [one, two]) {
    for (const [at, form] of map.all().entries()) {
      if (!form || met[at & 1]!.has(form)) continue;
      met[at & 1]!.add(form);
      for (const operandSize of [4, 2]) {
        const sized = (size: number): number => (size === bySize ? operandSize : size);
        const kinds = form.operands.map((operand) => {
          if (operand === Operand.moffs || operand === Operand.memory) return SlotKind.memory;
          if (operand === Operand.rm) return (at & 1) === 0 && form.modrm ? SlotKind.memory : SlotKind.register;
          return operand <= Operand.cl ? SlotKind.register : SlotKind.immediate;
        });
        const sizes = form.sizes.map(sized);
        const key = [form.definition.name, sized(form.size), operandSize, kinds, sizes].join();
        if (seen.has(key)) continue;
        seen.add(key);
        yield { definition: form.definition, size: sized(form.size), operandSize, kinds, sizes };
      }
    }
  }
}

/** A fresh record for decode() to fill. */
export function newInstruction(): Instruction {
  return {
    definition: definitionOf('undefined'), opcode: 0, modrm: -1, length: 0,
    prefixes: 0, head: 0, displacementBytes: 0, immediateBytes: 0, immediateSigned: false,
    operandPrefix: false, operandSize: 4, size: 4, addressSize: 4,
    segment: SegmentRegister.ds, segmentOverride: false, lock: false, repeat: Repeat.none, memory: false, base: -1, index: -1,
    scale: 0, displacement: 0, immediate: 0, immediate2: 0,
    kind: new Uint8Array(3), register: new Uint8Array(3), slotSize: new Uint8Array(3),
  };
}

/** Decodes instructions out of byte arrays. One per engine: it keeps its place in fields. */
export class Decoder {
  /** Most programs never have an address of 16 bits. */
  #maps16: Maps | undefined;
  readonly #maps32 = mapsFor(32);
  readonly #undefined = definitionOf('undefined');
  readonly #tooLong = definitionOf('too_long');
  readonly #features: number;
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #end = 0;
  #short = false;
  /** The end of a page, and the beginning of another. */
  readonly #seam = new Uint8Array(maxInstructionLength + 1);

  /** @param features the CPU's feature word (CPUID leaf 1, EDX): instructions that need others are undefined */
  constructor(features = -1) {
    this.#features = features;
  }

  /**
   * Decode the instruction at bytes[at..end) into `insn`.
   *
   * @param big the code segment's default size: true for 32-bit code
   * @returns false when the bytes end before the instruction does (nothing in `insn` then means anything). Undefined
   *   opcodes decode as the definition `undefined`, more than 15 bytes as `too_long`; both raise when executed.
   */
  decode(insn: Instruction, bytes: Uint8Array, at: number, end: number, big: boolean): boolean {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
    this.#short = false;
    insn.operandPrefix = false;
    insn.operandSize = big ? 4 : 2;
    insn.addressSize = big ? 4 : 2;
    insn.segmentOverride = false;
    insn.segment = SegmentRegister.ds;
    insn.lock = false;
    insn.repeat = Repeat.none;
    insn.memory = false;
    insn.base = insn.index = -1;
    insn.scale = insn.displacement = 0;
    insn.modrm = -1;
    insn.immediate = insn.immediate2 = 0;
    insn.displacementBytes = 0;
    insn.immediateSigned = false;
    insn.kind[0] = insn.kind[1] = insn.kind[2] = SlotKind.none;
    this.#decode(insn, big);
    insn.length = this.#at - at;
    if (this.#short && insn.length <= maxInstructionLength) return false;
    if (insn.length > maxInstructionLength) {
      insn.definition = this.#tooLong;
      insn.length = maxInstructionLength;
    }
    return true;
  }

  /**
   * The same for an instruction that decode() did not find whole, being at a page's end: it goes on in the page that begins at
   * bytes[next].
   */
  decodeAcross(insn: Instruction, bytes: Uint8Array, at: number, end: number, next: number, big: boolean): boolean {
    const seam = this.#seam;
    const head = end - at;
    seam.set(bytes.subarray(at, end));
    seam.set(bytes.subarray(next, next + seam.length - head), head);
    return this.decode(insn, seam, 0, seam.length, big);
  }

  #byte(): number {
    if (this.#at >= this.#end) {
      this.#short = true;
      this.#at++;
      return 0;
    }
    return this.#bytes[this.#at++]!;
  }

  #signedByte(): number {
    return (this.#byte() << 24) >> 24;
  }

  #word(): number {
    const low = this.#byte();
    return low | (this.#byte() << 8);
  }

  #dword(): number {
    const low = this.#word();
    return low | (this.#word() << 16);
  }

  /** Prefix bytes, in any order and number; returns the first byte that is none. */
  #prefixes(insn: Instruction, big: boolean): number {
    for (let count = 0; ; count++) {
      const byte = this.#byte();
      switch (byte) {
        case 0x26: case 0x2e: case 0x36: case 0x3e:
          insn.segment = (byte >> 3) & 3;
          insn.segmentOverride = true;
          break;
        case 0x64: case 0x65:
          insn.segment = byte - 0x60;
          insn.segmentOverride = true;
          break;
        case 0x66:
          insn.operandPrefix = true;
          insn.operandSize = big ? 2 : 4;
          break;
        case 0x67: insn.addressSize = big ? 2 : 4; break;
        case 0xf0: insn.lock = true; break;
        case 0xf2: insn.repeat = Repeat.repne; break;
        case 0xf3: insn.repeat = Repeat.rep; break;
        default: return byte;
      }
      if (count >= maxInstructionLength) return byte;
    }
  }

  #decode(insn: Instruction, big: boolean): void {
    const start = this.#at;
    let opcode = this.#prefixes(insn, big);
    insn.prefixes = this.#at - start - 1;
    const maps = insn.addressSize === 4 ? this.#maps32 : (this.#maps16 ??= mapsFor(16));
    let map = maps.one;
    insn.opcode = opcode;
    if (opcode === 0x0f) {
      opcode = this.#byte();
      map = maps.two;
      insn.opcode = 0x100 | opcode;
    }
    if (map.hasModrm(opcode)) insn.modrm = this.#byte();
    insn.head = this.#at - start;
    const form = map.form(opcode, insn.modrm & 0xff);
    const prefixed = insn.operandPrefix || insn.repeat !== Repeat.none;
    if (!form || (form.definition.feature & ~this.#features) !== 0 || (form.plain && prefixed)) {
      insn.definition = this.#undefined;
      return;
    }
    insn.definition = form.definition;
    insn.size = form.size === bySize ? insn.operandSize : form.size;
    if (form.modrm && !form.registerOnly && insn.modrm < 0xc0) this.#address(insn);
    for (let slot = 0; slot < form.operands.length; slot++) this.#operand(insn, form, slot);
    insn.immediateBytes = this.#at - start - insn.head - insn.displacementBytes;
    if (insn.lock && !(form.definition.lockable && insn.kind[0] === SlotKind.memory)) insn.definition = this.#undefined;
  }

  /** The memory operand that ModRM, SIB and displacement describe. */
  #address(insn: Instruction): void {
    const mod = insn.modrm >> 6;
    const rm = insn.modrm & 7;
    insn.memory = true;
    let start = this.#at;
    if (insn.addressSize === 2) {
      if (mod === 0 && rm === 6) {
        insn.base = -1;
        insn.displacement = this.#word();
      } else {
        insn.base = base16[rm]!;
        insn.index = index16[rm]!;
        if (mod === 1) insn.displacement = this.#signedByte();
        else if (mod === 2) insn.displacement = this.#word();
      }
    } else {
      let base = rm;
      if (rm === 4) {
        const sib = this.#byte();
        insn.head++;
        start++;
        base = sib & 7;
        const index = (sib >> 3) & 7;
        if (index !== Register.esp) {
          insn.index = index;
          insn.scale = sib >> 6;
        }
      }
      if (base === Register.ebp && mod === 0) {
        insn.base = -1;
        insn.displacement = this.#dword();
      } else {
        insn.base = base;
        if (mod === 1) insn.displacement = this.#signedByte();
        else if (mod === 2) insn.displacement = this.#dword();
      }
    }
    insn.displacementBytes = this.#at - start;
    if (!insn.segmentOverride && (insn.base === Register.ebp || insn.base === Register.esp))
      insn.segment = SegmentRegister.ss;
  }

  #operand(insn: Instruction, form: Form, slot: number): void {
    const fixed = form.sizes[slot]!;
    const size = fixed === bySize ? insn.operandSize : fixed;
    insn.slotSize[slot] = size;
    const mask = size === 4 ? -1 : size === 2 ? 0xffff : 0xff;
    switch (form.operands[slot]) {
      case Operand.rm:
      case Operand.memory:
        if (insn.memory) {
          insn.kind[slot] = SlotKind.memory;
          return;
        }
        return this.#register(insn, slot, insn.modrm & 7);
      case Operand.reg: return this.#register(insn, slot, (insn.modrm >> 3) & 7);
      case Operand.opcodeReg: return this.#register(insn, slot, insn.opcode & 7);
      case Operand.accumulator: return this.#register(insn, slot, Register.eax);
      case Operand.cl: return this.#register(insn, slot, Register.ecx);
      case Operand.moffs:
        insn.memory = true;
        insn.base = insn.index = -1;
        insn.scale = 0;
        insn.displacement = insn.addressSize === 4 ? this.#dword() : this.#word();
        insn.displacementBytes = insn.addressSize;
        insn.kind[slot] = SlotKind.memory;
        return;
      case Operand.imm8:
        // the only form with two plain immediates is ENTER
        if (slot > 0 && insn.kind[0] === SlotKind.immediate) insn.immediate2 = this.#byte();
        else insn.immediate = this.#byte();
        break;
      case Operand.imm8Signed:
        insn.immediate = this.#signedByte() & mask;
        insn.immediateSigned = true;
        break;
      case Operand.imm16: insn.immediate = this.#word(); break;
      case Operand.immSized: insn.immediate = insn.operandSize === 4 ? this.#dword() : this.#word(); break;
      case Operand.one: insn.immediate = 1; break;
      case Operand.relative8:
        insn.immediate = this.#signedByte();
        insn.immediateSigned = true;
        break;
      case Operand.relativeSized:
        insn.immediate = insn.operandSize === 4 ? this.#dword() : (this.#word() << 16) >> 16;
        break;
      default:
        insn.immediate = insn.operandSize === 4 ? this.#dword() : this.#word();
        insn.immediate2 = this.#word();
    }
    insn.kind[slot] = SlotKind.immediate;
  }

  #register(insn: Instruction, slot: number, register: number): void {
    insn.kind[slot] = SlotKind.register;
    insn.register[slot] = register;
  }
}
