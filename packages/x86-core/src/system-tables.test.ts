/*
 * What only an operating system can do, in cases that an independent emulator has answered (verify/tables/system-*.txt), on
 * every engine: a supervisor boots, runs them one after the other, and tells what came of each.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runOurs } from '../verify/system/run.js';
import { formatSystemCase, parseSystemCase } from '../verify/system/text.js';
import { tell } from '../verify/system/told.js';

const directory = join(import.meta.dirname, '../verify/tables');
const tables = readdirSync(directory).filter((file) => file.startsWith('system-')).map((file) => {
  const lines = readFileSync(join(directory, file), 'utf8').split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return [file.replace('.txt', ''), lines] as const;
});
const patience = 300_000;
/** Most of what a case takes is the supervisor, which is slow on the reference engine; and what a system instruction does is the reference's work on all. */
const share = { reference: 4, interpreter: 1, jit: 1 } as const;

describe.each(['reference', 'interpreter', 'jit'] as const)('%s engine', (engine) => {
  it.each(tables)('%s', (_, all) => {
    const lines = all.filter((_line, i) => i % share[engine] === 0);
    const cases = lines.map((line) => parseSystemCase(line));
    const outcomes = runOurs(engine, cases.map(({ c }) => c));
    const wrong = cases.flatMap(({ c, manual }, i) => {
      const now = formatSystemCase(c, tell(c, outcomes[i]!), manual);
      return now === lines[i] ? [] : [`${lines[i]}\n    now: ${now}`];
    });
    expect(wrong).toEqual([]);
  }, patience);
});

it('the tables have exceptions beside what went well, from every state', () => {
  const all = tables.flatMap(([, lines]) => lines);
  expect(all.length).toBeGreaterThan(8000);
  for (const state of ['ring0', 'ring1', 'ring2', 'ring3', 'v86', 'real']) {
    const own = all.filter((line) => line.includes(` | ${state} `));
    expect([state, own.some((line) => line.includes('| #')), own.some((line) => line.includes('| int f0'))]).toEqual([state, true, true]);
  }
});
