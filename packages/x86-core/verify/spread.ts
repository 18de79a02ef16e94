/*
 * Which lines a table gets, of those that it could get: as many as possible that differ from each other.
 *
 * The next line always goes to the group that has the fewest, and there to the kind of which there are fewest. So what is
 * rare is kept, a fault beside what went well, and what random cases are full of does not push it out.
 */

/** A line of a table. */
export interface Line {
  readonly text: string;
  readonly group: string;
  /** Lines of one kind have the same instruction and the same outcome. */
  readonly kind: string;
  /** All that could go wrong with it: of two lines that have the same, one is enough. */
  readonly gist: string;
}

/** Counts by name. */
class Counts extends Map<string, number> {
  of(name: string): number {
    return this.get(name) ?? 0;
  }

  count(name: string): void {
    this.set(name, this.of(name) + 1);
  }

  /** The name of the smallest count; undefined if there are no names. */
  least(names: Iterable<string>): string | undefined {
    let best: string | undefined;
    for (const name of names) if (best === undefined || this.of(name) < this.of(best)) best = name;
    return best;
  }
}

/** Waiting lines by group and kind, without those whose gist is there already. */
function sorted(have: readonly Line[], candidates: readonly Line[]): Map<string, Map<string, Line[]>> {
  const known = new Set(have.map(({ group, gist }) => `${group} ${gist}`));
  const waiting = new Map<string, Map<string, Line[]>>();
  for (const line of candidates) {
    const key = `${line.group} ${line.gist}`;
    if (known.has(key)) continue;
    known.add(key);
    const kinds = waiting.get(line.group) ?? new Map<string, Line[]>();
    waiting.set(line.group, kinds);
    kinds.set(line.kind, [...(kinds.get(line.kind) ?? []), line]);
  }
  return waiting;
}

/**
 * Lines to add to those a table has, until it has `wanted` of them or the candidates have come to an end; none of a kind
 * of which there are `perKind`. Of candidates that are as good as each other the first is taken.
 */
export function additions(have: readonly Line[], candidates: readonly Line[], wanted: number, perKind = Infinity): Line[] {
  const waiting = sorted(have, candidates);
  const inGroup = new Counts();
  const ofKind = new Counts();
  const count = ({ group, kind }: Line): void => {
    inGroup.count(group);
    ofKind.count(`${group} ${kind}`);
  };
  have.forEach(count);
  const added: Line[] = [];
  while (have.length + added.length < wanted) {
    const group = inGroup.least(waiting.keys());
    if (group === undefined) break;
    const kinds = waiting.get(group)!;
    const kind = ofKind.least([...kinds.keys()].map((name) => `${group} ${name}`))!.slice(group.length + 1);
    const lines = kinds.get(kind)!;
    const full = ofKind.of(`${group} ${kind}`) >= perKind;
    const line = lines.shift()!;
    if (lines.length === 0 || full) kinds.delete(kind);
    if (kinds.size === 0) waiting.delete(group);
    if (full) continue;
    count(line);
    added.push(line);
  }
  return added;
}
