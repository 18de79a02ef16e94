/*
 * Which processor answers here. CPUID may be asked by any program, so the oracle asks it as a case.
 */
import { Batch, plainStart } from './case.js';
import type { Oracle } from './oracle.js';
import type { UndefinedResults } from '../src/undefined-results.js';
import { Register } from '../src/state.js';
import { Leaf7, type Remembered } from './x87-pointers.js';

/** The processor underneath, by its own account. */
export interface Underneath {
  /** Twelve letters. */
  vendor: string;
  family: number;
  model: number;
  /** Whose undefined results to expect of it. */
  undefinedResults: UndefinedResults;
  /** These are known from this family itself: undefined flags must agree as well. */
  measured: boolean;
  /** What it remembers of x87 instructions. */
  remembered: Remembered;
}

const cpuid = [0x0f, 0xa2];
const amd = 'AuthenticAMD';
const intel = 'GenuineIntel';
/** Those that src/undefined-results.ts was measured on: Zen 5, and Sapphire Rapids. */
const measuredFamily: Readonly<Record<string, number>> = { [amd]: 0x1a, [intel]: 6 };
const extendedFamily = 0xf;
const leaves = [0, 1, 7] as const;

/** Ask it. */
export function underneath(oracle: Oracle): Underneath {
  const batch = new Batch(leaves.length);
  leaves.forEach((leaf, i) => {
    const c = batch.at(i);
    plainStart(c);
    c.setCode(cpuid);
    c.setRegister(Register.eax, leaf);
  });
  const answers = oracle.run(batch);
  const name = new Uint8Array(12);
  const view = new DataView(name.buffer);
  [Register.ebx, Register.edx, Register.ecx].forEach((register, i) => view.setUint32(4 * i, answers.at(0).register(register), true));
  const vendor = new TextDecoder('latin1').decode(name);
  const signature = answers.at(1).register(Register.eax);
  const baseFamily = (signature >>> 8) & 0xf;
  const family = baseFamily === extendedFamily ? baseFamily + ((signature >>> 20) & 0xff) : baseFamily;
  const model = ((signature >>> 4) & 0xf) | ((signature >>> 12) & 0xf0);
  const leaf7 = answers.at(0).register(Register.eax) < 7 ? 0 : answers.at(2).register(Register.ebx);
  const remembered = {
    operand: (leaf7 & Leaf7.operandOnExceptionsOnly) === 0, selectors: (leaf7 & Leaf7.noSelectors) === 0,
    opcode: vendor !== intel,
  };
  return { vendor, family, model, undefinedResults: vendor === amd ? 'amd' : 'intel', measured: measuredFamily[vendor] === family, remembered };
}
