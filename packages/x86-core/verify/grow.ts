/*
 * More lines for a file of tables/: of thousands of random cases those that differ most from each other and from those
 * that are there.
 *
 * A case is looked at twice: as it was drawn, and when everything that does not matter has its plain value (simplify.ts),
 * for then many turn out to be one.
 */
import type { Batch, CaseView } from './case.js';
import type { Ask } from './either-operand.js';
import { describe } from './gist.js';
import { additions, type Line } from './spread.js';
import { parseCase } from './table.js';
import { leavesHalf } from './undefined.js';
import type { Group } from './x87-cases.js';

/** Makes cases of a group, and lines of cases. */
export interface Recorder {
  readonly ask: Ask;
  /** Random cases that can be asked. */
  draw(group: Group, count: number): Batch;
  /** Lines for cases, made readable. */
  lines(name: string, cases: readonly CaseView[]): string[];
}

const drawn = 6000;
/** Of what is simplified so many times as much as is wanted: the rest turns out to be like another. */
const spare = 2;
const atLeast = 30;
/** Lines of one kind, those that are there included. */
const perKind = 32;

function lineOf(group: string, text: string): Line {
  const { before, after } = parseCase(text);
  return { text, group, ...describe(before, after) };
}

/** Lines of a group from which to choose. */
function candidates({ ask, draw, lines }: Recorder, group: Group, count: number): Line[] {
  const batch = draw(group, drawn);
  if (batch.count === 0) return [];
  const answers = ask(batch);
  const places = Array.from({ length: batch.count }, (_, i) => i).filter((i) => !leavesHalf(group.name, answers.at(i), 'amd'));
  const raw = places.map((i): Line => ({ text: String(i), group: group.name, ...describe(batch.at(i), answers.at(i)) }));
  const chosen = additions([], raw, count).map(({ text }) => batch.at(Number(text)));
  return chosen.length === 0 ? [] : lines(group.name, chosen).map((text) => lineOf(group.name, text));
}

/** Lines to add to a file that has some, by group, so that it comes to `wanted` lines if there are so many. */
export function grow(recorder: Recorder, groups: readonly Group[], known: ReadonlyMap<string, readonly string[]>, wanted: number): Map<string, string[]> {
  const have = [...known].flatMap(([name, texts]) => texts.map((text) => lineOf(name, text)));
  const count = Math.max(atLeast, Math.ceil((spare * wanted) / groups.length));
  const all = have.length < wanted ? groups.flatMap((group) => candidates(recorder, group, count)) : [];
  const added = additions(have, all, wanted, perKind);
  return new Map(groups.map(({ name }) => [name, added.filter(({ group }) => group === name).map(({ text }) => text)] as const));
}
