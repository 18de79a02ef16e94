/*
 * The tour: prints the numbered comments of all packages in their order, as one story. A comment that opens with a
 * letter and a number, such as `P:100`, is a stop. Fails when a number is used twice or a chapter is missing.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const chapters = { P: 'Preparation', G: 'Guest', D: 'Drivers', L: 'Launcher', H: 'Host', S: 'Switcher', M: 'Mastery' };
const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..');
const stop = /^[ \t]*\/\*([PGDLHSM]):(\d{3})[ \t]*\n([\s\S]*?)\*\//gm;

/** All TypeScript sources below a directory. */
function* sources(directory) {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) {
      if (!['node_modules', 'dist', '.turbo'].includes(entry.name)) yield* sources(path);
    } else if (entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts')) yield path;
  }
}

const stops = new Map();
const problems = [];
for (const path of sources(join(root, 'packages'))) {
  for (const [, letter, number, body] of readFileSync(path, 'utf8').matchAll(stop)) {
    const key = `${letter}:${number}`;
    const place = relative(root, path);
    if (stops.has(key)) problems.push(`${key} stands in ${place} and in ${stops.get(key).place}`);
    stops.set(key, { letter, number, place, text: body.replace(/^[ \t]*\* ?/gm, '').trim() });
  }
}
for (const [letter, name] of Object.entries(chapters)) {
  const chapter = [...stops.values()].filter((each) => each.letter === letter).sort((a, b) => a.number.localeCompare(b.number));
  if (chapter.length === 0) problems.push(`the chapter ${name} (${letter}) has no stop`);
  else if (!process.argv.includes('--check')) {
    console.log(`\n${'═'.repeat(100)}\n${name}\n${'═'.repeat(100)}`);
    for (const { number, place, text } of chapter) console.log(`\n── ${letter}:${number} ── ${place}\n\n${text}`);
  }
}
for (const problem of problems) console.error(`tour: ${problem}`);
if (problems.length > 0) process.exit(1);
console.error(`tour: ${stops.size} stops`);
