/*
 * CMPS when neither of its operands can be had: which one a processor reports is its own choice. Zen 5 looks at the source
 * first, Zen 3 and Intel's processors at the destination.
 *
 * On a processor that ours was not measured on, another choice than ours is excused when the processor itself says that
 * both operands fault, each just as one of the two has reported: LODS asks for the source alone, SCAS for the destination.
 */
import { Batch, Case, type CaseView } from './case.js';
import { differences } from './compare.js';

/** Runs cases on the processor underneath. */
export type Ask = (batch: Batch) => Batch;

const cmps = 0xa6;
const lods = 0xac;
const scas = 0xae;
/** The low opcode bit is the operand size. */
const wideBit = 1;
const prefixes = new Set([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67]);
const repeats = new Set([0xf2, 0xf3]);
const trap = [Case.vector, Case.errorCode, Case.cr2];

/** Another string instruction with the prefixes of a CMPS, but not repeated. Undefined when the code is no CMPS. */
function instead(code: Uint8Array, opcode: number): number[] | undefined {
  const at = code.findIndex((byte) => !prefixes.has(byte) && !repeats.has(byte));
  if (at < 0 || (code[at]! & ~wideBit) !== cmps) return undefined;
  return [...code.subarray(0, at)].filter((byte) => !repeats.has(byte)).concat(opcode | (code[at]! & wideBit));
}

/** Did two answers end in the same exception? Where in the page of CR2 is left open, as ever. */
function sameTrap(a: CaseView, b: CaseView): boolean {
  return differences(a, b, 0, true).length === 0;
}

/**
 * May the processor underneath and ours report different operands of this CMPS? They must agree in everything but the
 * exception, and the processor must confirm both exceptions.
 */
export function eitherOperand(ask: Ask, before: CaseView, real: CaseView, ours: CaseView): boolean {
  const asOurs = real.copy();
  for (const field of trap) asOurs.setWord(field, ours.word(field));
  if (differences(asOurs, ours).length > 0) return false;
  const probes = new Batch(2);
  for (const [i, opcode] of [lods, scas].entries()) {
    const code = instead(before.code, opcode);
    if (code === undefined) return false;
    const probe = probes.at(i);
    probe.bytes.set(before.bytes);
    // a repeated one may have got some elements further
    for (let r = 0; r < 8; r++) probe.setRegister(r, real.register(r));
    probe.setCode(code);
  }
  const answers = ask(probes);
  const [source, destination] = [answers.at(0), answers.at(1)];
  return (sameTrap(source, real) && sameTrap(destination, ours)) || (sameTrap(source, ours) && sameTrap(destination, real));
}
