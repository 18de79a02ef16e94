/*M:100
 * Is it lguest?
 *
 * The best answer is a recording of a real Guest under the real Host, and one of the same kind of Guest under ours. The
 * two kernels were not built by the same compiler, so addresses differ, and counts differ a little. What must agree is
 * the shape: which kinds of things happen, and in which order they happen first.
 */

/** What one line of a recording says. */
export interface RecordedEvent {
  /** "trap 14 err 2", "hc 18", "ahc 7", "irq 0", "init". */
  readonly kind: string;
}

/** A stretch of equal kinds. */
export interface Run {
  readonly kind: string;
  readonly count: number;
}

/** Two recordings side by side. */
export interface ShapeComparison {
  /** Kinds of each in the order of their first appearance. */
  readonly firstSeen: { readonly reference: readonly string[]; readonly ours: readonly string[] };
  /** Kinds only one of them has. */
  readonly onlyReference: readonly string[];
  readonly onlyOurs: readonly string[];
  /** How often each kind occurs. */
  readonly counts: ReadonlyMap<string, { readonly reference: number; readonly ours: number }>;
  /** Length of the longest common subsequence of the collapsed runs, and those lengths themselves. */
  readonly common: number;
  readonly runs: { readonly reference: number; readonly ours: number };
}

const LINE = /\bLGT (trap|hc|ahc|irq|init)\b(?: (\d+))?(?: err ([0-9a-f]+))?/;

/** Events of a recording, in order; lines that are none are left out. */
export function readRecording(text: string): RecordedEvent[] {
  const events: RecordedEvent[] = [];
  for (const line of text.split('\n')) {
    const match = LINE.exec(line);
    if (match === null) continue;
    const [, what, number, error] = match;
    const parts = [what!, ...(number === undefined ? [] : [number]), ...(error === undefined ? [] : [`err ${error}`])];
    events.push({ kind: parts.join(' ') });
  }
  return events;
}

/** Repetitions collapsed: A A B A A A becomes A×2 B×1 A×3. */
export function collapse(events: readonly RecordedEvent[]): Run[] {
  const runs: { kind: string; count: number }[] = [];
  for (const { kind } of events) {
    const last = runs.at(-1);
    if (last?.kind === kind) last.count++;
    else runs.push({ kind, count: 1 });
  }
  return runs;
}

/** Compare two recordings. @param prefix look at so many collapsed runs of each for `common`; that takes prefix² steps. */
export function compareShapes(reference: readonly RecordedEvent[], ours: readonly RecordedEvent[], prefix = 4000): ShapeComparison {
  const seen = { reference: firstSeen(reference), ours: firstSeen(ours) };
  const counts = new Map<string, { reference: number; ours: number }>();
  for (const [side, events] of [['reference', reference], ['ours', ours]] as const) {
    for (const { kind } of events) {
      const entry = counts.get(kind) ?? { reference: 0, ours: 0 };
      entry[side]++;
      counts.set(kind, entry);
    }
  }
  const runs = { reference: collapse(reference).slice(0, prefix), ours: collapse(ours).slice(0, prefix) };
  return {
    firstSeen: seen,
    onlyReference: seen.reference.filter((kind) => !seen.ours.includes(kind)),
    onlyOurs: seen.ours.filter((kind) => !seen.reference.includes(kind)),
    counts,
    common: longestCommon(runs.reference, runs.ours),
    runs: { reference: runs.reference.length, ours: runs.ours.length },
  };
}

/** A table for people. */
export function formatComparison(comparison: ShapeComparison): string {
  const lines = [`${'kind'.padEnd(20)} ${'reference'.padStart(10)} ${'ours'.padStart(10)}`];
  for (const [kind, { reference, ours }] of [...comparison.counts].sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))) {
    lines.push(`${kind.padEnd(20)} ${String(reference).padStart(10)} ${String(ours).padStart(10)}`);
  }
  lines.push('', `first seen, reference: ${comparison.firstSeen.reference.join(', ')}`);
  lines.push(`first seen, ours:      ${comparison.firstSeen.ours.join(', ')}`);
  lines.push(`runs in common: ${comparison.common} of ${comparison.runs.reference} (reference) and ${comparison.runs.ours} (ours)`);
  return lines.join('\n');
}

function firstSeen(events: readonly RecordedEvent[]): string[] {
  return [...new Set(events.map(({ kind }) => kind))];
}

/** Length of the longest common subsequence of kinds, by the row-at-a-time table. */
function longestCommon(a: readonly Run[], b: readonly Run[]): number {
  let previous = new Uint32Array(b.length + 1);
  let current = new Uint32Array(b.length + 1);
  for (const { kind } of a) {
    for (let j = 0; j < b.length; j++) {
      current[j + 1] = b[j]!.kind === kind ? previous[j]! + 1 : Math.max(previous[j + 1]!, current[j]!);
    }
    [previous, current] = [current, previous];
  }
  return previous[b.length]!;
}
