/*
 * Readable cases: what does not matter to a case's outcome gets its plain value.
 */
import { type Batch, Case, CaseView, Fx, Place, plainStart } from './case.js';
import type { Ask } from './either-operand.js';

const arithmeticFlags = 0x8d5;
const startEflags = 0x202;
const pageFault = 14;
/** An x87 register in the image, and TOP in the status word. */
const registerBytes = 16;
const topShift = 11;

/** Places of a case that can be set to their plain value, as [offset, length] in the bytes. */
const fields: readonly (readonly [number, number])[] = [
  ...Array.from({ length: 8 }, (_, r) => [Case.registers + 4 * r, 4] as const),
  ...Array.from({ length: Place.windowBytes / 8 }, (_, i) => [Case.window + 8 * i, 8] as const),
  ...Array.from({ length: 8 }, (_, i) => [Case.fxsave + Fx.st + 16 * i, 10] as const),
  ...Array.from({ length: 8 }, (_, i) => [Case.fxsave + Fx.xmm + 16 * i, 16] as const),
];

/** Where a field of a case is in its answer: an x87 register is another one relative to TOP after a push or a pop. */
function afterwards(before: CaseView, after: CaseView, offset: number): number {
  const i = (offset - Case.fxsave - Fx.st) / registerBytes;
  if (!(i >= 0 && i < 8)) return offset;
  const turned = ((after.fx16(Fx.status) >> topShift) - (before.fx16(Fx.status) >> topShift)) & 7;
  return Case.fxsave + Fx.st + registerBytes * ((i - turned) & 7);
}

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
function simplify(ask: Ask, before: Batch, after: Batch, offset: number, length: number): Batch {
  const plain = new CaseView();
  plainStart(plain);
  const attempt = before.clone();
  for (let i = 0; i < attempt.count; i++) attempt.at(i).bytes.set(plain.bytes.subarray(offset, offset + length), offset);
  const answer = ask(attempt);
  const kept = after.clone();
  for (let i = 0; i < before.count; i++) {
    const [b, a, changed] = [before.at(i), after.at(i), answer.at(i)];
    const there = afterwards(b, a, offset);
    if (!sameAnswer(a, changed, there, length)) continue;
    // the field itself must have come through untouched
    const untouched = Array.from({ length }, (_, k) => k).every(
      (k) => a.bytes[there + k] === b.bytes[offset + k] && changed.bytes[there + k] === plain.bytes[offset + k],
    );
    if (!untouched) continue;
    b.bytes.set(attempt.at(i).bytes);
    kept.at(i).bytes.set(changed.bytes);
  }
  return kept;
}

/** Set EFLAGS to the plain value where no result depends on it. */
function simplifyFlags(ask: Ask, before: Batch, after: Batch): Batch {
  const attempt = before.clone();
  for (let i = 0; i < attempt.count; i++) attempt.at(i).setWord(Case.eflags, startEflags);
  const answer = ask(attempt);
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

/** Simplify cases in place, as far as the processor's answers stay what they are. @returns the answers */
export function simplified(ask: Ask, before: Batch): Batch {
  let after = ask(before);
  for (const [offset, length] of fields) after = simplify(ask, before, after, offset, length);
  return simplifyFlags(ask, before, after);
}
