/*
 * Is an encoding #UD when it is executed?
 *
 * The decoder lets some encodings through whose definition raises #UD itself: the x87's and the vector units' holes,
 * control registers that do not exist. So they are executed once, on a processor where nothing else is in the way, and
 * the answer is kept.
 */
import { CpuFault, Vector } from '../../src/fault.js';
import { type Instruction, Repeat } from '../../src/instruction.js';
import type { CpuidModel } from '../../src/cpuid.js';
import type { Processor } from '../../src/processor.js';
import { ReferenceEngine } from '../../src/reference.js';
import { Cr0, Cr4, Layout, State } from '../../src/state.js';
import { At, makeProcessor, resetProtected } from '../../src/testing/protected.js';

const stateBytes = 0x1000;
/** All pointers go here: aligned, and far from code and tables. */
const pointer = 0x4_0000;
const defaultControl = 0x37f;
const defaultMxcsr = 0x1f80;
const unknown = 2;

/** Asks a processor of one model, and remembers. */
export class Probe {
  readonly #cpu: Processor;
  readonly #reference: ReferenceEngine;
  readonly #start: Uint8Array;
  /** By opcode (9 bits), ModRM, and the prefixes 66, F2 or F3. */
  readonly #known = new Uint8Array(512 * 256 * 6).fill(unknown);

  constructor(model: CpuidModel) {
    const cpu = makeProcessor({ cpuid: model });
    resetProtected(cpu);
    this.#cpu = cpu;
    this.#reference = new ReferenceEngine(cpu);
    const { i32 } = cpu;
    i32[State.cr0 >> 2] = Cr0.pe | Cr0.et;
    i32[State.cr4 >> 2] = Cr4.osfxsr;
    i32[State.fpuControl >> 2] = defaultControl;
    i32[State.mxcsr >> 2] = defaultMxcsr;
    i32.fill(pointer, State.gpr >> 2, (State.gpr >> 2) + 8);
    cpu.updateMode();
    this.#start = cpu.u8.slice(Layout.state, Layout.state + stateBytes);
  }

  /** Does the instruction raise #UD where it may? Meaningful for instructions that the decoder has let through. */
  undefined(insn: Instruction): boolean {
    const { opcode, repeat, operandPrefix } = insn;
    const modrm = Math.max(insn.modrm, 0);
    const at = ((opcode * 256 + modrm) * 3 + repeat) * 2 + (operandPrefix ? 1 : 0);
    if (this.#known[at] === unknown) this.#known[at] = this.#ask(opcode, modrm, repeat, operandPrefix) ? 1 : 0;
    return this.#known[at] === 1;
  }

  #ask(opcode: number, modrm: number, repeat: number, operandPrefix: boolean): boolean {
    const cpu = this.#cpu;
    cpu.u8.set(this.#start, Layout.state);
    const code: number[] = [];
    if (operandPrefix) code.push(0x66);
    if (repeat !== Repeat.none) code.push(repeat === Repeat.rep ? 0xf3 : 0xf2);
    if (opcode >= 0x100) code.push(0x0f);
    code.push(opcode & 0xff, modrm, ...new Array<number>(12).fill(0));
    cpu.u8.set(code, Layout.physical + At.code);
    try {
      this.#reference.step();
    } catch (thrown) {
      if (!(thrown instanceof CpuFault)) throw thrown;
      return thrown.vector === Vector.invalidOpcode;
    }
    return false;
  }
}
