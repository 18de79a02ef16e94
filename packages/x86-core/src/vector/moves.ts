/*
 * Moves between vector registers, general registers and memory.
 */
import type { Instruction } from '../instruction.js';
import type { Processor } from '../processor.js';
import { Register, SegmentRegister, State } from '../state.js';
import { readRm, writeRegister as writeGeneral, writeRm } from '../operands.js';
import { destination as d, source as s } from './lanes.js';
import { address, beginStore, low, middle, readMemory, readOperand, readRegister, writeMemory, writeRegister } from './operands.js';

/** What an instruction does after its checks. */
export type Run = (cpu: Processor, insn: Instruction) => void;

const mmx = 8;
const xmm = 16;

/** Whole registers: MOVQ mm, MOVAPS, MOVUPS, MOVDQA, MOVDQU. */
export function loadWhole(bytes: number, aligned: boolean): Run {
  return (cpu, insn) => {
    readOperand(cpu, insn, bytes, bytes, d, aligned);
    writeRegister(cpu, middle(insn), bytes);
  };
}

/** The same towards memory. */
export function storeWhole(bytes: number, aligned: boolean): Run {
  return (cpu, insn) => {
    readRegister(cpu, middle(insn), bytes, d);
    beginStore(cpu, insn, bytes);
    if (insn.memory) writeMemory(cpu, address(cpu, insn, bytes, true, aligned), bytes);
    else writeRegister(cpu, low(insn), bytes);
  };
}

/** MOVNTQ, MOVNTPS, MOVNTDQ: the hint means nothing here. */
export function storeNonTemporal(bytes: number): Run {
  return storeWhole(bytes, bytes === xmm);
}

/** MOVSS, MOVSD: from memory the rest becomes zero, from a register it stays. */
export function loadScalar(bytes: number): Run {
  return (cpu, insn) => {
    if (insn.memory) {
      d.u64.fill(0n);
      readMemory(cpu, address(cpu, insn, bytes, false, false), bytes, d);
    } else {
      readRegister(cpu, middle(insn), xmm, d);
      readRegister(cpu, low(insn), xmm, s);
      d.u8.set(s.u8.subarray(0, bytes));
    }
    writeRegister(cpu, middle(insn), xmm);
  };
}

export function storeScalar(bytes: number): Run {
  return (cpu, insn) => {
    if (insn.memory) {
      readRegister(cpu, middle(insn), xmm, d);
      writeMemory(cpu, address(cpu, insn, bytes, true, false), bytes);
    } else {
      readRegister(cpu, low(insn), xmm, d);
      readRegister(cpu, middle(insn), xmm, s);
      d.u8.set(s.u8.subarray(0, bytes));
      writeRegister(cpu, low(insn), xmm);
    }
  };
}

/** MOVQ xmm from xmm or memory: the upper half becomes zero. */
export const loadQuadword: Run = (cpu, insn) => {
  readOperand(cpu, insn, xmm, mmx, d);
  d.u64[1] = 0n;
  writeRegister(cpu, middle(insn), xmm);
};

/** MOVQ to xmm or memory. */
export const storeQuadword: Run = (cpu, insn) => {
  readRegister(cpu, middle(insn), xmm, d);
  d.u64[1] = 0n;
  if (insn.memory) writeMemory(cpu, address(cpu, insn, mmx, true, false), mmx);
  else writeRegister(cpu, low(insn), xmm);
};

/** MOVD from a general register or memory. */
export function loadDoubleword(bytes: number): Run {
  return (cpu, insn) => {
    const value = readRm(cpu, insn, 4);
    d.u64.fill(0n);
    d.u32[0] = value;
    writeRegister(cpu, middle(insn), bytes);
  };
}

/** MOVD to a general register or memory. */
export function storeDoubleword(bytes: number): Run {
  return (cpu, insn) => {
    readRegister(cpu, middle(insn), bytes, d);
    beginStore(cpu, insn, bytes);
    writeRm(cpu, insn, 4, d.u32[0]!);
  };
}

/**
 * MOVLPS, MOVHPS, MOVLPD, MOVHPD, MOVHLPS, MOVLHPS: one half of a register.
 * @param half which half of the destination: 0 or 1. Between registers it comes from the other one.
 */
export function loadHalf(half: number): Run {
  return (cpu, insn) => {
    readOperand(cpu, insn, xmm, mmx, s);
    readRegister(cpu, middle(insn), xmm, d);
    d.u64[half] = s.u64[insn.memory ? 0 : 1 - half]!;
    writeRegister(cpu, middle(insn), xmm);
  };
}

export function storeHalf(half: number): Run {
  return (cpu, insn) => {
    readRegister(cpu, middle(insn), xmm, d);
    d.u64[0] = d.u64[half]!;
    writeMemory(cpu, address(cpu, insn, mmx, true, false), mmx);
  };
}

/** MOVQ2DQ. */
export const mmxToXmm: Run = (cpu, insn) => {
  d.u64[1] = 0n;
  readRegister(cpu, low(insn), mmx, d);
  writeRegister(cpu, middle(insn), xmm);
};

/** MOVDQ2Q. */
export const xmmToMmx: Run = (cpu, insn) => {
  readRegister(cpu, low(insn), xmm, d);
  writeRegister(cpu, middle(insn), mmx);
};

/** MOVNTI. */
export const storeGeneral: Run = (cpu, insn) => {
  writeRm(cpu, insn, 4, cpu.i32[(State.gpr >> 2) + middle(insn)]!);
};

/** PINSRW. */
export function insertWord(bytes: number): Run {
  return (cpu, insn) => {
    const word = insn.memory ? readRm(cpu, insn, 2) : cpu.i32[(State.gpr >> 2) + low(insn)]!;
    readRegister(cpu, middle(insn), bytes, d);
    d.u16[insn.immediate & (bytes / 2 - 1)] = word;
    writeRegister(cpu, middle(insn), bytes);
  };
}

/** PEXTRW. */
export function extractWord(bytes: number): Run {
  return (cpu, insn) => {
    readRegister(cpu, low(insn), bytes, d);
    writeGeneral(cpu, middle(insn), 4, d.u16[insn.immediate & (bytes / 2 - 1)]!);
  };
}

/** PMOVMSKB, MOVMSKPS, MOVMSKPD: the top bits of lanes. */
export function signMask(bytes: number, lane: 1 | 4 | 8): Run {
  return (cpu, insn) => {
    readRegister(cpu, low(insn), bytes, d);
    let mask = 0;
    for (let i = 0; i < bytes / lane; i++) mask |= (d.u8[(i + 1) * lane - 1]! >> 7) << i;
    writeGeneral(cpu, middle(insn), 4, mask);
  };
}

/** MASKMOVQ, MASKMOVDQU: bytes whose mask has its top bit set, to where EDI points. */
export function storeMasked(bytes: number): Run {
  return (cpu, insn) => {
    readRegister(cpu, middle(insn), bytes, d);
    readRegister(cpu, low(insn), bytes, s);
    const edi = cpu.i32[(State.gpr >> 2) + Register.edi]!;
    const offset = insn.addressSize === 2 ? edi & 0xffff : edi;
    const segment = insn.segmentOverride ? insn.segment : SegmentRegister.ds;
    const at: number[] = [];
    for (let i = 0; i < bytes; i++) {
      at.push(s.u8[i]! & 0x80 ? cpu.linear(segment, (offset + i) >>> 0, 1, true) : -1);
    }
    for (const linear of at) if (linear >= 0) cpu.probeWrite(linear, 1);
    at.forEach((linear, i) => {
      if (linear >= 0) cpu.write8(linear, d.u8[i]!);
    });
  };
}
