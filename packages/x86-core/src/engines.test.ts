/*
 * The engines agree on random programs (testing/duel.ts). LGUEST_FUZZ=N asks for N programs instead of a few hundred;
 * a difference names the seed, which gives the same program again.
 */
import { expect, it } from 'vitest';
import type { JitOptions } from './index.js';
import { Duel } from './testing/duel.js';

const usual = 400;
const few = 12;
const many = Number(process.env['LGUEST_FUZZ'] ?? 0);
/** The usual seeds are always the same; with LGUEST_FUZZ they are new each time. */
const first = many > 0 ? Date.now() & 0x3fff_ffff : 1;

it.each(['interpreter', 'jit'] as const)('reference and %s agree on every state, memory and exit, wherever the budget ends', (engine) => {
  const duel = new Duel('reference', engine);
  for (let seed = first; seed < first + (many || usual); seed++) expect(duel.fight(seed)).toBeUndefined();
  const { regions, interpreter, reference } = duel.work;
  // the rest is faults, and what is no engine's business but the reference's
  expect(reference).toBeLessThan((interpreter + regions) / 3);
  if (engine === 'jit') expect(regions).toBeGreaterThan(interpreter / 5);
}, 180_000 + many * 100);

/** Each part of the JIT on its own is not there, or as small as can be. */
const lacks: readonly JitOptions[] = [
  { windows: false }, { assume: false }, { inline: false }, { guesses: false }, { calls: false }, { links: false }, { steps: true }, { maxInstructions: 7 }, { maxRegions: 3 }, { maxBytes: 30_000 },
  { windows: false, assume: false, inline: false, guesses: false, calls: false, links: false },
];
it.each(lacks)('reference and jit agree with %o', (options) => {
  const duel = new Duel('reference', 'jit', options);
  for (let seed = first; seed < first + (many || few); seed++) expect(duel.fight(seed)).toBeUndefined();
  expect(duel.work.compiled).toBeGreaterThan(0);
}, 180_000 + many * 100);

it('reference and jit agree in lockstep, which finds no region that is wrong', () => {
  const duel = new Duel('reference', 'jit', { lockstep: true });
  for (let seed = first; seed < first + (many || few); seed++) expect(duel.fight(seed)).toBeUndefined();
  expect(duel.work.compared).toBeGreaterThan(0);
}, 180_000 + many * 100);
