/*
 * One encoding, read by both decoders, compared field by field.
 */
import { type Instruction as Reading, OpKind, Register as IcedRegister } from 'iced-x86';
import { type Instruction, Repeat, SlotKind } from '../../src/instruction.js';
import { rightName, sizeless } from './names.js';
import { type Plan, Role, registerBytes, registerNumber } from './plan.js';

const maskOf = (bytes: number): number => (bytes === 4 ? -1 : bytes === 2 ? 0xffff : 0xff);
const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;

/** What differs in the memory operand that ModRM or an offset describes. */
function memoryDiffers(ours: Instruction, theirs: Reading): string | undefined {
  if (!ours.memory) return 'no memory operand';
  const base = theirs.memoryBase;
  const index = theirs.memoryIndex;
  if (ours.base !== (base === IcedRegister.None ? -1 : registerNumber[base])) return `base ${ours.base}, not ${IcedRegister[base]}`;
  if (ours.index !== (index === IcedRegister.None ? -1 : registerNumber[index])) return `index ${ours.index}, not ${IcedRegister[index]}`;
  if (ours.index >= 0 && 1 << ours.scale !== theirs.memoryIndexScale) return `scale ${1 << ours.scale}, not ${theirs.memoryIndexScale}`;
  const bytes = base !== IcedRegister.None ? registerBytes[base] : index !== IcedRegister.None ? registerBytes[index] : theirs.memoryDisplSize;
  if (bytes !== ours.addressSize) return `address size ${ours.addressSize}, not ${bytes}`;
  const mask = maskOf(ours.addressSize);
  const displacement = Number(theirs.memoryDisplacement) & mask;
  if ((ours.displacement & mask) !== displacement) return `displacement ${hex(ours.displacement)}, not ${hex(displacement)}`;
  const segment = registerNumber[theirs.memorySegment];
  return ours.segment === segment ? undefined : `segment ${ours.segment}, not ${segment}`;
}

/** What differs in an address that a register alone makes, in a string instruction for example. */
function pointedDiffers(ours: Instruction, theirs: Reading, kind: OpKind): string | undefined {
  const narrow = kind === OpKind.MemorySegSI || kind === OpKind.MemorySegDI || kind === OpKind.MemoryESDI ||
    (kind === OpKind.Memory && registerBytes[theirs.memoryBase] === 2);
  if (narrow !== (ours.addressSize === 2)) return `address size ${ours.addressSize}, not as in ${OpKind[kind]}`;
  if (kind === OpKind.MemoryESDI || kind === OpKind.MemoryESEDI) return undefined;
  const segment = registerNumber[theirs.memorySegment];
  return ours.segment === segment ? undefined : `segment ${ours.segment}, not ${segment}`;
}

function immediateOf(theirs: Reading, kind: OpKind): number {
  switch (kind) {
    case OpKind.Immediate8: return theirs.immediate8;
    case OpKind.Immediate8_2nd: return Number(theirs.immediate(1));
    case OpKind.Immediate16: return theirs.immediate16;
    case OpKind.Immediate32: return theirs.immediate32;
    case OpKind.Immediate8to16: return theirs.immediate8to16;
    case OpKind.Immediate8to32: return theirs.immediate8to32;
    default: return Number.NaN;
  }
}

/** Where a branch goes, `next` being the address of the instruction behind it. */
function nearDiffers(ours: Instruction, theirs: Reading, kind: OpKind): string | undefined {
  const wide = kind === OpKind.NearBranch32;
  if (wide !== (ours.operandSize === 4)) return `branch of ${ours.operandSize} bytes, not as in ${OpKind[kind]}`;
  const target = wide ? theirs.nearBranch32 >>> 0 : theirs.nearBranch16;
  const own = (theirs.nextIP32 + ours.immediate) & maskOf(ours.operandSize);
  return (wide ? own >>> 0 : own) === target ? undefined : `target ${hex(own)}, not ${hex(target)}`;
}

/** What differs in their operand `i`, which plays `role`; `at` is our slot for it, or -1. */
function operandDiffers(ours: Instruction, theirs: Reading, plan: Plan, i: number, role: number, at: number): string | undefined {
  const kind = theirs.opKind(i);
  const slot = at >= 0 ? ours.kind[at]! : SlotKind.none;
  const sized = slot !== SlotKind.none && !sizeless.has(ours.definition.name);
  switch (role) {
    case Role.middle: case Role.special: case Role.low: case Role.opcode: case Role.registerOrMemory: {
      if (kind === OpKind.Memory) break;
      const register = theirs.opRegister(i);
      const field = role === Role.middle || role === Role.special ? (ours.modrm >> 3) & 7 : role === Role.opcode ? ours.opcode & 7 : ours.modrm & 7;
      if (registerNumber[register] !== field) return `the encoding's field is ${field}, not ${IcedRegister[register]}`;
      if (ours.memory && role !== Role.middle && role !== Role.special) return `memory, not ${IcedRegister[register]}`;
      if (slot === SlotKind.none) return undefined;
      if (slot !== SlotKind.register || ours.register[at] !== field) return `no register ${IcedRegister[register]}`;
      if (sized && ours.slotSize[at] !== registerBytes[register]) return `${ours.slotSize[at]} bytes, not ${IcedRegister[register]}`;
      return undefined;
    }
    case Role.memory: case Role.offset: break;
    case Role.immediate: {
      const value = immediateOf(theirs, kind);
      const own = slot === SlotKind.immediate && at === 1 && ours.kind[0] === SlotKind.immediate ? ours.immediate2 : ours.immediate;
      if (slot !== SlotKind.none && slot !== SlotKind.immediate) return `no immediate ${hex(value)}`;
      return (own | 0) === (value | 0) || (kind === OpKind.Immediate8to16 && own === (value & 0xffff)) ? undefined
        : `immediate ${hex(own)}, not ${hex(value)}`;
    }
    case Role.constant: return slot === SlotKind.immediate && ours.immediate === 1 ? undefined : 'no constant 1';
    case Role.near: return nearDiffers(ours, theirs, kind);
    case Role.far: {
      const wide = kind === OpKind.FarBranch32;
      const offset = wide ? theirs.farBranch32 : theirs.farBranch16;
      if (wide !== (ours.operandSize === 4)) return `far pointer of ${ours.operandSize} bytes`;
      return (ours.immediate | 0) === (offset | 0) && ours.immediate2 === theirs.farBranchSelector ? undefined
        : `far pointer ${hex(ours.immediate2)}:${hex(ours.immediate)}, not ${hex(theirs.farBranchSelector)}:${hex(offset)}`;
    }
    case Role.pointed: case Role.pointedInEs: return pointedDiffers(ours, theirs, kind);
    default: {
      // a register named by the opcode: ours is one of general registers, or nothing
      if (slot === SlotKind.none) return undefined;
      const register = theirs.opRegister(i);
      return slot === SlotKind.register && ours.register[at] === registerNumber[register] &&
        (registerBytes[register] === 0 || ours.slotSize[at] === registerBytes[register]) ? undefined : `not ${IcedRegister[register]}`;
    }
  }
  if (slot !== SlotKind.none && slot !== SlotKind.memory) return 'no memory in its place';
  if (sized && plan.memoryBytes !== ours.slotSize[at]) return `${ours.slotSize[at]} bytes of memory, not ${plan.memoryBytes}`;
  return memoryDiffers(ours, theirs);
}

/**
 * What differs between two readings of an encoding that both take for an instruction, or undefined.
 * @param theirs decoded with any instruction pointer
 */
export function differs(ours: Instruction, theirs: Reading, plan: Plan): string | undefined {
  if (ours.length !== theirs.length) return `length ${ours.length}, not ${theirs.length}`;
  const { name } = ours.definition;
  if (!rightName(name, ours.opcode, plan)) return `taken for ${name}`;
  if (ours.lock !== theirs.hasLockPrefix) return `lock ${ours.lock}`;
  if (ours.segmentOverride !== theirs.hasSegmentPrefix) return `segment override ${ours.segmentOverride}`;
  if (plan.operandSize !== 0 && plan.operandSize !== ours.operandSize) return `operand size ${ours.operandSize}, not ${plan.operandSize}`;
  if (plan.addressSize !== 0 && plan.addressSize !== ours.addressSize) return `address size ${ours.addressSize}, not ${plan.addressSize}`;
  // what a form without slots works on is told by nothing else
  const size = ours.definition.string ? plan.memoryBytes : plan.operandSize;
  if (size !== 0 && ours.size !== size && !sizeless.has(name)) return `size ${ours.size}, not ${size}`;
  if (ours.definition.string && (ours.repeat === Repeat.rep) !== theirs.hasRepPrefix) return `repeat ${ours.repeat}`;
  if (ours.definition.string && (ours.repeat === Repeat.repne) !== theirs.hasRepnePrefix) return `repeat ${ours.repeat}`;
  // vector instructions read their registers out of ModRM themselves: no slots but an immediate's
  let at = 0;
  for (let i = 0; i < plan.roles.length; i++) {
    const role = plan.roles[i]!;
    const listed = role !== Role.special && !plan.vector && at < ours.kind.length && ours.kind[at] !== SlotKind.none;
    const found = operandDiffers(ours, theirs, plan, i, role, listed ? at++ : -1);
    if (found !== undefined) return `operand ${i}: ${found}`;
  }
  return plan.vector || at === ours.kind.length || ours.kind[at] === SlotKind.none ? undefined : 'an operand too many';
}
