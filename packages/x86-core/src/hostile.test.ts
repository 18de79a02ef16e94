/*
 * All engines agree about machines in any mode, whatever is in their tables (testing/hostile.ts), with interrupts between
 * runs, and between all instructions. LGUEST_FUZZ=N asks for N machines. `npm run verify:fuzz` runs one engine for long.
 */
import { expect, it } from 'vitest';
import { HostileDuel } from './testing/hostile-duel.js';

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

const fewer = many || 12;
it.each(['any', 'busy'] as const)('engines agree where verify:fuzz takes them (%s machines)', (kind) => {
  const duel = new HostileDuel('reference', 'interpreter', 'jit');
  for (let seed = first; seed < first + fewer; seed++) expect(duel.fuzz(kind, seed)).toBeUndefined();
  if (kind === 'any') return;
  // most of it is done by the engines that are asked about
  const [, interpreter, jit] = duel.work;
  expect(interpreter!.reference).toBeLessThan(duel.retired / 3);
  expect(jit!.reference).toBeLessThan(duel.retired / 3);
  expect(jit!.regions).toBeGreaterThan(duel.retired / 5);
  expect(jit!.compiled).toBeGreaterThan(fewer);
}, 180_000 + many * 1000);

// page tables that change before a load of a segment register, which flushes nothing; an x87 store that does not happen
it.each([[500_456, 'any'], [1459, 'any']] as const)('engines agree about machine %i', (seed, kind) => {
  expect(new HostileDuel('reference', 'interpreter', 'jit').fuzz(kind, seed)).toBeUndefined();
});

it.each([791, 1188])('engines agree when entries of page tables are changed behind their backs (machine %i)', (seed) => {
  expect(new HostileDuel('reference', 'interpreter', 'jit').fight(seed, 30, false)).toBeUndefined();
});
