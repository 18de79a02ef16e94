/*
 * Comparing two traces of different kernels.
 *
 * Addresses differ from build to build, counts with configuration and luck. What stays is the shape: which kinds of
 * events a kernel makes, and in which order it makes each for the first time. That order reads like a table of contents
 * of a boot (page faults, LGUEST_INIT, page tables, GDT, IDT, …), and a Host that does something wrong shows in it.
 */

/** Words that start a line about something the Guest did; 'init' is how older recordings call hypercall 1. */
const KIND = /\b(trap|hc|ahc|irq) (\d+)\b|\b(init)\b/;

/**
 * The kind of a line of a trace: 'trap 14', 'hc 4', 'ahc 7' (from the ring), 'irq 0'. Undefined for lines about
 * something else. Takes lines of formatTraceEvent() and of recordings made inside lguest's own Host.
 */
export function traceKind(line: string): string | undefined {
  const match = KIND.exec(line);
  if (match === null) return undefined;
  return match[3] === undefined ? `${match[1]} ${Number(match[2])}` : 'hc 1';
}

/** The kinds in a trace, in the order of their first appearance. */
export function firstKinds(lines: Iterable<string>): string[] {
  const kinds = new Set<string>();
  for (const line of lines) {
    const kind = traceKind(line);
    if (kind !== undefined) kinds.add(kind);
  }
  return [...kinds];
}
