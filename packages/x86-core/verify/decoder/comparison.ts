/*
 * Both decoders over a stream of encodings.
 */
import { Decoder as IcedDecoder, Instruction as Reading } from 'iced-x86';
import type { CpuidModel } from '../../src/cpuid.js';
import { Decoder, newInstruction } from '../../src/decode.js';
import '../../src/semantics/index.js';
import { differs } from './judge.js';
import { exists, icedOptions, planOf } from './plan.js';
import { Probe } from './probe.js';
import { rightful } from './rightful.js';

/** Bytes of one encoding: no instruction is longer than 15. */
export const slotBytes = 16;

/** A disagreement that nothing excuses. */
export interface Disagreement {
  readonly bits: number;
  readonly bytes: Uint8Array;
  readonly what: string;
}

/** Compares, and counts. */
export class Comparison {
  decodes = 0;
  /** Encodings that both take for an instruction. */
  instructions = 0;
  disagreements = 0;
  /** Differences that are ours by right, by the entry that says so. */
  readonly excused = new Map<string, number>();
  readonly examples: Disagreement[] = [];
  readonly #features: number;
  readonly #decoder: Decoder;
  readonly #probe: Probe;
  readonly #insn = newInstruction();
  readonly #reading = new Reading();
  readonly #show: number;

  constructor(model: CpuidModel, show = 20) {
    this.#features = model.basic[1]?.edx ?? 0;
    this.#decoder = new Decoder(this.#features);
    this.#probe = new Probe(model);
    this.#show = show;
  }

  /** Compare the encodings in `slots`, of slotBytes each. @param bits of the code segment: 16 or 32 */
  compare(slots: Uint8Array, bits: number): void {
    const iced = new IcedDecoder(bits, slots, icedOptions);
    for (let at = 0; at < slots.length; at += slotBytes) {
      iced.position = at;
      iced.decodeOut(this.#reading);
      const what = this.#judge(slots, at, bits === 32);
      this.decodes++;
      if (what === undefined) continue;
      const excuse = rightful.find((entry) => entry.covers(this.#insn, planOf(this.#reading), slots, at));
      if (excuse !== undefined) {
        this.excused.set(excuse.name, (this.excused.get(excuse.name) ?? 0) + 1);
        continue;
      }
      this.disagreements++;
      if (this.examples.length < this.#show) {
        this.examples.push({ bits, bytes: slots.slice(at, at + slotBytes), what: `${planOf(this.#reading).code}: ${what}` });
      }
    }
    iced.free();
  }

  #judge(slots: Uint8Array, at: number, big: boolean): string | undefined {
    const insn = this.#insn;
    if (!this.#decoder.decode(insn, slots, at, at + slotBytes, big)) return 'the bytes end too early';
    const plan = planOf(this.#reading);
    const theirs = exists(plan, this.#features) && !/^Ud[012]$/.test(plan.mnemonic);
    const { name } = insn.definition;
    const ours = name !== 'undefined' && name !== 'too_long' && !(insn.definition.rare && this.#probe.undefined(insn));
    if (ours !== theirs) return ours ? `taken for ${name}` : `${name}: not taken for an instruction`;
    if (!ours) return undefined;
    this.instructions++;
    return differs(insn, this.#reading, plan);
  }
}
