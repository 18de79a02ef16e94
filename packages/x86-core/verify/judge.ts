/*
 * How a case went: the processor's answer and ours, and the short list of what may differ (README.md).
 */
import type { CaseView } from './case.js';
import { differences, withinOneUnit } from './compare.js';
import { type Ask, eitherOperand } from './either-operand.js';
import { eitherFault, leavesHalf, undefinedAfter } from './undefined.js';
import type { Underneath } from './underneath.js';
import { asRemembered } from './x87-pointers.js';
import { type Group, transcendentalGroups } from './x87-cases.js';

/** How a case went. */
export interface Verdict {
  /** What differs from what the manual promises. */
  wrong: string[];
  /** What else differs: results that it leaves open. */
  open: string[];
  /** Something differs that the list in README.md excuses. */
  excused: boolean;
}

const excused: Verdict = { wrong: [], open: [], excused: true };

/** Compare a case's answers; `answer` is ours. The processor may be asked for more. */
export function judge(ask: Ask, processor: Underneath, group: Group, before: CaseView, real: CaseView, answer: CaseView): Verdict {
  const { name } = group;
  const { undefinedResults, measured, remembered } = processor;
  const half = leavesHalf(name, real, undefinedResults);
  const ours = asRemembered(remembered, name, answer);
  const open = differences(real, ours, 0, half);
  if (open.length === 0) return { wrong: [], open, excused: differences(real, answer).length > 0 };
  const near = transcendentalGroups.includes(group) && withinOneUnit(real, ours);
  if (near || eitherFault(name, real, ours, undefinedResults)) return excused;
  if (!measured && eitherOperand(ask, before, real, ours)) return excused;
  const { flags, result } = undefinedAfter(name, before);
  const wrong = result ? [] : differences(real, ours, flags, half);
  return { wrong, open: wrong.length > 0 ? [] : open, excused: false };
}
