/*
 * All engines agree about machines in any mode, whatever is in their tables (testing/hostile.ts), with interrupts between
 * runs, and between all instructions. LGUEST_FUZZ=N asks for N machines. `npm run verify:fuzz` runs one engine for long.
 */
import { expect, it } from 'vitest';
import { HostileDuel } from './testing/hostile.js';

const many = Number(process.env['LGUEST_FUZZ'] ?? 0);
const count = many || 60;
const first = many > 0 ? Date.now() & 0x3fff_ffff : 1;

it.each([false, true])('engines agree in every mode (interrupts after each instruction: %s)', (everywhere) => {
  const duel = new HostileDuel('reference', 'interpreter', 'jit');
  for (let seed = first; seed < first + count; seed++) expect(duel.fight(seed, 30, everywhere)).toBeUndefined();
  expect(duel.retired).toBeGreaterThan(count * 10);
  // all sorts of ends are met: budgets, page faults, protection faults, undefined opcodes, double faults
  for (const end of ['exit 1', 'gate 14', 'gate 13', 'gate 6', 'gate 8']) expect([...duel.ends.keys()].some((key) => key.startsWith(end))).toBe(true);
}, 180_000 + many * 200);

it.each([791, 1188])('engines agree when entries of page tables are changed behind their backs (machine %i)', (seed) => {
  expect(new HostileDuel('reference', 'interpreter', 'jit').fight(seed, 30, false)).toBeUndefined();
});
