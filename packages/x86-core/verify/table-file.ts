/*
 * A file of tables/: lines under the names of their groups.
 */

/** Group → lines, in the file's order. */
export function parseTable(text: string): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  let lines: string[] = [];
  // the first line is about the file
  for (const line of text.split('\n').slice(1)) {
    if (line.startsWith('# ')) {
      const name = line.slice(2);
      // several groups may have one name
      lines = groups.get(name) ?? [];
      groups.set(name, lines);
    } else if (line !== '') lines.push(line);
  }
  return groups;
}

/** The file's text; `about` is its first line. Groups without lines are left out. */
export function formatTable(about: string, groups: ReadonlyMap<string, readonly string[]>): string {
  const parts = [...groups].filter(([, lines]) => lines.length > 0).map(([name, lines]) => `# ${name}\n${lines.join('\n')}\n`);
  return `# ${about}\n\n${parts.join('\n')}`;
}

/** The part of a line that is the case, without its answer. */
export function caseOf(line: string): string {
  return line.slice(0, line.lastIndexOf(' |'));
}
