/*
 * Operations against the reference: every encoding that has one, on numbers of all sorts, with control words that let
 * it run and others. One instruction at a time, and the whole state page is compared.
 */
import { describe, expect, it } from 'vitest';
import { type EngineName, ExitReason, Machine, SegmentRegister } from '../index.js';
import { Decoder, newInstruction } from '../decode.js';
import { readEflags } from '../flags.js';
import { Access, Cr0, Cr4, State } from '../state.js';
import { Random } from '../testing/random.js';

/** Each encoding has a page of its own: one that keeps changing would get no regions. */
const firstPage = 0x10_0000;
const pageSize = 0x1000;
const dataAt = 0x2000;
const idtAt = 0x3000;
const dataBytes = 0x40;
const exitSelector = 0x10;
const repetitions = Number(process.env['LGUEST_FUZZ'] ?? 20);

function makeMachine(engine: EngineName): Machine {
  const machine = new Machine({ physicalBytes: 16 << 20, engine, exitSelector, jit: { hotAfter: 1, steps: false } });
  const { cpu, physical } = machine;
  const access = Access.present | Access.notSystem | Access.writable | Access.accessed | Access.big | Access.granular;
  cpu.cr0 = Cr0.pe | Cr0.ne | Cr0.et;
  cpu.cr4 = Cr4.osfxsr | Cr4.osxmmexcpt;
  for (const register of [SegmentRegister.es, SegmentRegister.ss, SegmentRegister.ds]) {
    cpu.setSegment(register, { selector: 0x18, base: 0, limit: 0xffff_ffff, access });
  }
  cpu.setSegment(SegmentRegister.cs, { selector: 0x8, base: 0, limit: 0xffff_ffff, access: access | Access.code });
  for (let vector = 0; vector < 32; vector++) {
    physical.write32(idtAt + 8 * vector, exitSelector << 16);
    physical.write32(idtAt + 8 * vector + 4, 0x8e00);
  }
  cpu.setIdt(idtAt, 0xff);
  return machine;
}

/** Length of an encoding with its immediate. */
function lengthOf(bytes: readonly number[]): number {
  const insn = newInstruction();
  new Decoder(-1).decode(insn, Uint8Array.from([...bytes, 0, 0, 0, 0]), 0, bytes.length + 4, true);
  return insn.length;
}

/** Encodings that have an operation: opcode bytes and ModRM, memory forms with [esi]. */
function encodings(): number[][] {
  const found: number[][] = [];
  const decoder = new Decoder(-1);
  const insn = newInstruction();
  const consider = (bytes: number[]): void => {
    const code = Uint8Array.from([...bytes, 1, 2, 3, 4, 5, 6, 7]);
    if (decoder.decode(insn, code, 0, code.length, true) && insn.definition.findCall?.(insn, -1)) found.push(bytes);
  };
  for (let opcode = 0xd8; opcode <= 0xdf; opcode++) {
    for (let middle = 0; middle < 8; middle++) consider([opcode, (middle << 3) | 6]);
    for (let modrm = 0xc0; modrm <= 0xff; modrm++) consider([opcode, modrm]);
  }
  consider([0x9b]);
  consider([0x0f, 0x77]);
  for (const prefix of [[], [0x66], [0xf3], [0xf2]]) {
    for (let opcode = 0; opcode < 0x100; opcode++) {
      if (opcode === 0x77) continue;
      for (const modrm of [0x06, 0x1e, 0xd1, 0xe3, 0xf9, 0xca]) consider([...prefix, 0x0f, opcode, modrm]);
    }
  }
  return found;
}

const doubles = [0, -0, 1, -1, 0.1, 1e300, -1e300, 1e-300, 5e-324, 2 ** -1022, Infinity, -Infinity, Number.NaN, Number.MAX_VALUE, 2 ** 31, -(2 ** 31), 0.5, 2.5, 3.5, 1e10];

/** Sixteen bytes of a sort that some instruction finds ordinary: all of one random kind. */
function sixteenBytes(random: Random): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  const number = (): number => random.pick([random.pick(doubles), random.below(100), (random.word() / 1000) * random.pick([1, 1e-20, 1e20]), random.below(9) / 8]);
  switch (random.below(5)) {
    case 0: for (let i = 0; i < 16; i++) bytes[i] = random.below(256); break;
    case 1: for (let i = 0; i < 16; i += 4) view.setInt32(i, random.pick([random.below(70), -random.below(9), random.word()]), true); break;
    case 2: for (let i = 0; i < 16; i += 4) view.setFloat32(i, number(), true); break;
    default: for (let i = 0; i < 16; i += 8) view.setFloat64(i, number(), true);
  }
  return bytes;
}

/** An 80-bit number: mostly normal, near 1; sometimes anything. */
function tenBytes(random: Random): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, random.oneIn(2) ? 0 : random.word(), true);
  view.setUint32(4, (random.oneIn(2) ? random.word() & 0xff00_0000 : random.word()) | (random.oneIn(20) ? 0 : 1 << 31), true);
  const exponent = random.pick([0x3fff + random.below(70) - 35, 0x3fff, 0x3fff + random.below(3), random.below(0x8000), 0x3fff + 31, 0x3fff + 63]);
  view.setUint16(8, (random.oneIn(2) ? 0x8000 : 0) | exponent, true);
  if (random.oneIn(6)) bytes.fill(0, 0, 9);
  if (random.oneIn(6)) bytes[9] = random.below(2) << 7;
  return bytes;
}

function setState(machine: Machine, random: Random): void {
  const { cpu, physical } = machine;
  const { i32, u8 } = cpu.processor;
  cpu.regs.set(Array.from({ length: 8 }, () => random.word()));
  cpu.regs[6] = dataAt + (random.oneIn(12) ? random.below(16) : 0);
  cpu.eflags = 2 | (random.word() & 0x8d5);
  i32[State.fpuControl >> 2] = random.pick([0x37f, 0x37f, 0x37f, 0xf7f, 0x27f, 0x77f, 0x37e, 0x35f, 0x340 | random.below(64)]);
  i32[State.fpuStatus >> 2] = random.pick([0, 0x20, 0x20 | (random.word() & 0x4700), random.word() & 0x473f]);
  // an error that is pending, and a coprocessor that is not to be had
  if (random.oneIn(12)) {
    i32[State.fpuControl >> 2] = 0x37e;
    i32[State.fpuStatus >> 2] = 0x8081;
  }
  cpu.cr0 = Cr0.pe | Cr0.ne | Cr0.et | (random.oneIn(12) ? Cr0.ts : 0);
  i32[State.fpuTop >> 2] = random.below(8);
  i32[State.fpuTags >> 2] = random.pick([0x55, 0xaa, 0xff, 0x0f, random.below(256)]);
  i32[State.mxcsr >> 2] = random.pick([0x1f80, 0x1fa0, 0x1fa0, 0x9fc0, 0x3fa0, 0x1f00, random.word() & 0xffff]);
  for (let i = 0; i < 8; i++) {
    u8.set(random.oneIn(5) ? sixteenBytes(random) : tenBytes(random), State.fpu + 16 * i);
    u8.fill(0, State.fpu + 16 * i + 10, State.fpu + 16 * i + 16);
    u8.set(sixteenBytes(random), State.xmm + 16 * i);
  }
  const data = random.oneIn(3) ? tenBytes(random) : sixteenBytes(random);
  for (let i = 0; i < dataBytes; i += 16) physical.write(dataAt + i, i === 0 ? data : sixteenBytes(random));
}

/** What must be the same, as text. */
function snapshot(machine: Machine, exit: { reason: number; vector: number }): string {
  const { cpu, physical } = machine;
  const { u8, i32 } = cpu.processor;
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex').replace(/(.{32})/g, '$1 ');
  return [
    `${exit.reason} ${exit.reason === ExitReason.gate ? exit.vector : ''} eip ${cpu.eip.toString(16)} eflags ${readEflags(i32).toString(16)}`,
    `registers ${hex(u8.subarray(State.gpr, State.gpr + 32))}`,
    `x87 ${hex(u8.subarray(State.fpuControl, State.fpu))} top ${i32[State.fpuTop >> 2]}`,
    `stack ${hex(u8.subarray(State.fpu, State.fpu + 128))}`,
    `xmm ${hex(u8.subarray(State.xmm, State.xmm + 128))} mxcsr ${i32[State.mxcsr >> 2]!.toString(16)}`,
    `data ${hex(physical.bytes.subarray(dataAt, dataAt + dataBytes))}`,
  ].join('\n');
}

describe('operations', () => {
  const all = encodings();
  const machines = [makeMachine('reference'), makeMachine('interpreter'), makeMachine('jit')] as const;

  it('exist for what programs use', () => {
    expect(all.length).toBeGreaterThan(900);
  });

  /** Encodings whose operation has been seen to work. */
  const worked = new Set<string>();

  it('do what the reference does', () => {
    const wrong: string[] = [];
    let count = 0;
    for (const [number, code] of all.entries()) {
      const codeAt = firstPage + number * pageSize;
      for (const { physical } of machines) {
        // immediates behind the instruction, and then a jump back: after its first run a region begins there
        const length = lengthOf(code);
        physical.write(codeAt, Uint8Array.from([...code, ...new Array<number>(length - code.length).fill(0x90), 0xeb, -(length + 2) & 0xff]));
      }
      for (let i = 0; i < repetitions; i++) {
        const seed = ++count;
        // what has an immediate has a region for each
        if (i % 4 === 3 && lengthOf(code) > code.length) {
          for (const { physical } of machines) physical.write8(codeAt + code.length, new Random(seed).pick([seed & 0xff, seed & 7]));
        }
        const stepped = machines[1].cpu.statistics.instructions.reference;
        const texts = machines.map((machine) => {
          setState(machine, new Random(seed));
          machine.cpu.eip = codeAt;
          return snapshot(machine, machine.cpu.run(2));
        });
        if (machines[1].cpu.statistics.instructions.reference === stepped) worked.add(code.join());
        const other = texts.slice(1).find((text) => text !== texts[0]);
        if (other !== undefined && wrong.length < 10) {
          wrong.push(`${code.map((byte) => byte.toString(16)).join(' ')} seed ${seed}, engine ${texts.indexOf(other)}\n${texts[0]}\n---\n${other}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it('are what runs, not the reference', () => {
    const idle = all.filter((code) => !worked.has(code.join()));
    expect(idle.length / all.length).toBeLessThan(0.2);
    expect(machines[2].cpu.statistics.regions.compiled).toBeGreaterThan(all.length / 2);
  });
});
