/*
 * The excuse for CMPS in verify:native, with a processor of ours in the place of the real one: it looks at the destination
 * first, and what is compared with it at the source.
 */
import { describe, expect, it } from 'vitest';
import { type Batch, Case, CaseView, Place, localSelector, plainStart } from '../verify/case.js';
import { differences } from '../verify/compare.js';
import { eitherOperand } from '../verify/either-operand.js';
import { Subject } from '../verify/subject.js';
import { Random } from './testing/random.js';

const processor = new Subject(undefined, 'intel');
const other = new Subject(undefined, 'amd');
const [ecx, esi, edi] = [1, 6, 7];

function ask(batch: Batch): Batch {
  const answers = batch.clone();
  for (let i = 0; i < answers.count; i++) processor.run(answers.at(i));
  return answers;
}

function answerOf(subject: Subject, before: CaseView): CaseView {
  const answer = before.copy();
  subject.run(answer);
  return answer;
}

interface Operands { code: readonly number[]; from: number; to: number; count?: number }

function makeCase({ code, from, to, count = 5 }: Operands, change: (c: CaseView) => void = () => undefined): CaseView {
  const c = new CaseView();
  plainStart(c);
  c.setCode(code);
  c.setRegister(ecx, count);
  c.setRegister(esi, from);
  c.setRegister(edi, to);
  change(c);
  return c;
}

const nothing = Place.nothing;
const neither: readonly (readonly [string, CaseView])[] = [
  ['cmpsb', makeCase({ code: [0xa6], from: nothing, to: 0x3000 })],
  ['cmpsd', makeCase({ code: [0xa7], from: 0x3000, to: nothing - 2 })],
  ['cmpsw with 16-bit addresses', makeCase({ code: [0x66, 0x67, 0xa7], from: 0x1000, to: 0x5000 })],
  ['#GP for one, #PF for the other', makeCase({ code: [0x26, 0xa7], from: 0x80, to: nothing }, (c) => c.setSelector(0, localSelector('data32Short')))],
  ['gs: without a segment', makeCase({ code: [0x65, 0xa6], from: 0, to: nothing })],
  // equal elements up to the end of the read-only page for one, of the data page for the other
  ['repe cmpsb', makeCase({ code: [0xf3, 0xa6], from: nothing, to: 0x3000, count: 9 })],
  ['repe cmpsb, some elements further', makeCase({ code: [0xf3, 0xa6], from: nothing - 3, to: nothing - 3, count: 9 }, (c) => c.setSelector(0, localSelector('pages')))],
];

describe('a CMPS without both operands', () => {
  it.each(neither)('%s', (_, before) => {
    const [real, ours] = [answerOf(processor, before), answerOf(other, before)];
    const untouched = [real.copy(), ours.copy()] as const;
    if (differences(real, ours).length > 0) expect(eitherOperand(ask, before, real, ours)).toBe(true);
    expect(differences(real, untouched[0]).concat(differences(ours, untouched[1]))).toEqual([]);
  });

  it('is reported one way or the other by the two', () => {
    expect(neither.filter(([, before]) => differences(answerOf(processor, before), answerOf(other, before)).length > 0).length).toBeGreaterThan(4);
  });
});

describe('is not excused', () => {
  const before = makeCase({ code: [0xf3, 0xa7], from: nothing, to: 0x3000 });
  const real = answerOf(processor, before);
  const ours = answerOf(other, before);

  it.each<[string, (c: CaseView) => void]>([
    ['another exception', (c) => c.setWord(Case.vector, 13)],
    ['another error code', (c) => c.setWord(Case.errorCode, 6)],
    ['another address', (c) => c.setWord(Case.cr2, 0x7000)],
    ['no exception', (c) => c.setWord(Case.vector, 3)],
    ['another place', (c) => c.setWord(Case.eip, Place.code + 1)],
    ['another register', (c) => c.setRegister(esi, nothing + 4)],
    ['another count', (c) => c.setRegister(ecx, 4)],
    ['another flag', (c) => c.setWord(Case.eflags, c.word(Case.eflags) ^ 0x40)],
    ['another byte of memory', (c) => { c.window[7]! ^= 1; }],
  ])('%s', (_, change) => {
    expect(eitherOperand(ask, before, real, ours)).toBe(true);
    const wrong = ours.copy();
    change(wrong);
    expect(eitherOperand(ask, before, real, wrong)).toBe(false);
  });

  it('a fault of ours where the processor has the operand', () => {
    const available = makeCase({ code: [0xa7], from: Place.window, to: 0x3000 });
    const wrong = answerOf(processor, available);
    wrong.setWord(Case.cr2, Place.window);
    expect(eitherOperand(ask, available, answerOf(processor, available), wrong)).toBe(false);
  });

  it('another instruction', () => {
    const scas = makeCase({ code: [0xae], from: nothing, to: 0x3000 });
    const wrong = answerOf(processor, scas);
    wrong.setWord(Case.cr2, nothing);
    expect(eitherOperand(ask, scas, answerOf(processor, scas), wrong)).toBe(false);
  });

  it('any of a thousand wrong answers', () => {
    const random = new Random(1);
    for (let i = 0; i < 1000; i++) {
      const wrong = ours.copy();
      const at = random.pick([Case.vector, Case.errorCode, Case.eip, Case.registers + 4 * random.below(8), Case.window + 4 * random.below(64)]);
      // an exception's error code tells a fetch from a read only here and there
      wrong.setWord(at, wrong.word(at) ^ (1 << random.pick([0, 1, 2, 3, 5, 6, 7, 12, 20, 31])));
      expect(eitherOperand(ask, before, real, wrong), `offset ${at}`).toBe(false);
    }
  });
});
