/*
 * Writes the tables: asks the real processor about some random cases of every group, strips from each what does not
 * matter, and keeps one line per case.
 *
 *   record DIRECTORY [--seed N]
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Batch, Case, CaseView, Fx, Place, plainStart, stopVector } from './case.js';
import { files } from './groups.js';
import { Oracle } from './oracle.js';
import { Random } from '../src/testing/random.js';
import { formatCase } from './table.js';
import { leavesHalf, type Open, undefinedAfter } from './undefined.js';
import type { Group } from './x87-cases.js';

/** Cases tried per group, kept per kind of case, and kept at least. */
const tried = 1500;
const atLeast = 12;
const atMost = 90;
/** The same instructions in other surroundings, and many of a kind, get fewer lines. */
const briefly = 6;
const surroundings = /^(16-bit|segmented|vector) /;
const prefixes = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3];
const arithmeticFlags = 0x8d5;
const startEflags = 0x202;
const pageFault = 14;

/** Cases alike in opcode, operand kind and outcome are of one kind. */
function kindOf(before: CaseView, after: CaseView): string {
  const { code } = before;
  let at = 0;
  while (prefixes.includes(code[at]!)) at++;
  const two = code[at] === 0x0f;
  const opcode = two ? 0x100 | code[at + 1]! : code[at]!;
  const modrm = code[at + (two ? 2 : 1)]!;
  const middle = (modrm >> 3) & 7;
  return [opcode, middle, modrm >= 0xc0, after.word(Case.vector)].join();
}

/** Places of a case that can be set to their plain value, as [offset, length] in the bytes. */
const fields: readonly (readonly [number, number])[] = [
  ...Array.from({ length: 8 }, (_, r) => [Case.registers + 4 * r, 4] as const),
  ...Array.from({ length: Place.windowBytes / 8 }, (_, i) => [Case.window + 8 * i, 8] as const),
  ...Array.from({ length: 8 }, (_, i) => [Case.fxsave + Fx.st + 16 * i, 10] as const),
  ...Array.from({ length: 8 }, (_, i) => [Case.fxsave + Fx.xmm + 16 * i, 16] as const),
];

/** Compare what the answers say, leaving out what a field that does not matter carries along. */
function sameAnswer(after: CaseView, changed: CaseView, offset: number, length: number): boolean {
  const ranges: readonly (readonly [number, number])[] = [[0, Case.cr2 + 4], [Case.selectors, Case.selectorBytes], [Case.fxsave, 5], [Case.fxsave + Fx.mxcsr, 4], [Case.fxsave + Fx.st, 128], [Case.fxsave + Fx.xmm, 128], [Case.window, Place.windowBytes]];
  for (const [start, count] of ranges) {
    for (let i = start; i < start + count; i++) {
      if (i >= offset && i < offset + length) continue;
      if (i >= Case.cr2 && i < Case.cr2 + 4 && after.word(Case.vector) !== pageFault) continue;
      if (after.bytes[i] !== changed.bytes[i]) return false;
    }
  }
  return true;
}

/** Try to set one field of every case to its plain value; keep it where the answer stays the same. */
function simplify(oracle: Oracle, before: Batch, after: Batch, offset: number, length: number): Batch {
  const plain = new CaseView();
  plainStart(plain);
  const attempt = before.clone();
  for (let i = 0; i < attempt.count; i++) attempt.at(i).bytes.set(plain.bytes.subarray(offset, offset + length), offset);
  const answer = oracle.run(attempt);
  const kept = after.clone();
  for (let i = 0; i < before.count; i++) {
    const [b, a, changed] = [before.at(i), after.at(i), answer.at(i)];
    const turned = a.fx16(Fx.status) >> 11 !== b.fx16(Fx.status) >> 11;
    const isStack = offset >= Case.fxsave && offset < Case.window;
    // a stack register is found elsewhere after a push or pop: leave those as they are
    if (isStack && offset < Case.fxsave + Fx.xmm && turned) continue;
    if (!sameAnswer(a, changed, offset, length)) continue;
    // the field itself must have come through untouched
    const untouched = Array.from({ length }, (_, k) => offset + k).every(
      (k) => a.bytes[k] === b.bytes[k] && changed.bytes[k] === plain.bytes[k],
    );
    if (!untouched) continue;
    b.bytes.set(attempt.at(i).bytes);
    kept.at(i).bytes.set(changed.bytes);
  }
  return kept;
}

/** Set EFLAGS to the plain value where no result depends on it. */
function simplifyFlags(oracle: Oracle, before: Batch, after: Batch): Batch {
  const attempt = before.clone();
  for (let i = 0; i < attempt.count; i++) attempt.at(i).setWord(Case.eflags, startEflags);
  const answer = oracle.run(attempt);
  const kept = after.clone();
  for (let i = 0; i < before.count; i++) {
    const [b, a, changed] = [before.at(i), after.at(i), answer.at(i)];
    if (!sameAnswer(a, changed, Case.eflags, 4)) continue;
    const carried = ~(b.word(Case.eflags) ^ a.word(Case.eflags));
    const moved = a.word(Case.eflags) ^ changed.word(Case.eflags);
    if ((moved & ~carried & arithmeticFlags) !== 0) continue;
    b.bytes.set(attempt.at(i).bytes);
    kept.at(i).bytes.set(changed.bytes);
  }
  return kept;
}

/** A case worth a line, and what is undefined after it. */
interface Chosen {
  bytes: Uint8Array;
  open: Open;
}

/** Choose cases of one group: one of every kind, and some more that went well. */
function choose(oracle: Oracle, group: Group, seed: number, brief: boolean): Chosen[] {
  const random = new Random(seed);
  const all = new Batch(tried);
  for (let i = 0; i < tried; i++) group.make(random, all.at(i));
  const answers = oracle.run(all);
  const kinds = new Set<string>();
  const chosen: number[] = [];
  const rest: number[] = [];
  for (let i = 0; i < tried; i++) {
    if (leavesHalf(group.name, answers.at(i))) continue;
    const kind = kindOf(all.at(i), answers.at(i));
    if (!kinds.has(kind) && chosen.length < (brief ? briefly : atMost)) chosen.push(i);
    else if (answers.at(i).word(Case.vector) === stopVector) rest.push(i);
    kinds.add(kind);
  }
  while (chosen.length < (brief ? briefly : atLeast) && rest.length > 0) chosen.push(rest.shift()!);
  return chosen.map((i) => ({ bytes: all.at(i).bytes, open: undefinedAfter(group.name, all.at(i)) }));
}

/** The text of one file. */
function record(oracle: Oracle, groups: readonly Group[], seed: number): string {
  const parts = groups.map((group) => ({ group, chosen: choose(oracle, group, seed, surroundings.test(group.name)) }));
  const cases = parts.flatMap(({ chosen }) => chosen);
  const before = new Batch(cases.length);
  cases.forEach(({ bytes }, i) => before.at(i).bytes.set(bytes));
  let after = oracle.run(before);
  for (const [offset, length] of fields) after = simplify(oracle, before, after, offset, length);
  after = simplifyFlags(oracle, before, after);
  let at = 0;
  return parts.map(({ group, chosen }) => {
    const lines = chosen.map(({ open }) => {
      const line = formatCase({ before: before.at(at), after: after.at(at), open });
      at++;
      return line;
    });
    return `# ${group.name}\n${lines.join('\n')}\n`;
  }).join('\n');
}

const directory = process.argv[2];
if (directory === undefined) throw new Error('usage: record DIRECTORY [--seed N]');
const seedAt = process.argv.indexOf('--seed');
const seed = seedAt < 0 ? 1 : Number(process.argv[seedAt + 1]);
mkdirSync(directory, { recursive: true });
const oracle = new Oracle();
for (const [name, groups] of Object.entries(files)) {
  const text = record(oracle, groups, seed);
  writeFileSync(join(directory, `${name}.txt`), `# bytes | before | after (see ../table.ts); recorded on a real processor\n\n${text}`);
  console.log(name, text.split('\n').length);
}
oracle.dispose();
