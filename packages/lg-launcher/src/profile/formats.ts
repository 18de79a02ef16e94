/*
 * Profiles as files: for speedscope (https://www.speedscope.app, whose file format is published with it), and as "collapsed
 * stacks", a line for each, which flame-graph scripts and most viewers read.
 */
import { type GuestProfiler, pageName } from './profiler.js';
import type { SymbolTable } from './symbols.js';

/** A stack with names, the outermost first, and instructions spent there. */
interface NamedStack {
  readonly frames: readonly string[];
  readonly weight: number;
}

/** The profile as the file name wants it: `.json` is speedscope's, everything else collapsed stacks. */
export function formatProfile(profiler: GuestProfiler, symbols: SymbolTable, fileName: string, title: string): string {
  const stacks = namedStacks(profiler, symbols);
  return fileName.endsWith('.json') ? speedscope(stacks, title) : collapsed(stacks);
}

/** Stacks that differ in addresses only, but not in names, are one. */
function namedStacks(profiler: GuestProfiler, symbols: SymbolTable): NamedStack[] {
  const weights = new Map<string, number>();
  for (const { user, addresses, looks } of profiler.entries) {
    // a return address may lie behind the end of a function that does not return
    const names = addresses.map((address, i) => symbols.nameAt(i === 0 ? address : address - 1) ?? pageName(address));
    const key = [user ? 'user' : 'kernel', ...names.reverse()].join(';');
    weights.set(key, (weights.get(key) ?? 0) + looks * profiler.period);
  }
  return [...weights].map(([key, weight]) => ({ frames: key.split(';'), weight })).sort((a, b) => b.weight - a.weight);
}

function collapsed(stacks: readonly NamedStack[]): string {
  return stacks.map(({ frames, weight }) => `${frames.join(';')} ${weight}\n`).join('');
}

function speedscope(stacks: readonly NamedStack[], title: string): string {
  const numbers = new Map<string, number>();
  const numberOf = (name: string): number => {
    if (!numbers.has(name)) numbers.set(name, numbers.size);
    return numbers.get(name)!;
  };
  const samples = stacks.map(({ frames }) => frames.map(numberOf));
  const weights = stacks.map(({ weight }) => weight);
  return `${JSON.stringify({
    $schema: 'https://www.speedscope.app/file-format-schema.json',
    exporter: 'lguest',
    name: title,
    activeProfileIndex: 0,
    shared: { frames: [...numbers.keys()].map((name) => ({ name })) },
    profiles: [{
      type: 'sampled', name: `${title}, by instructions`, unit: 'none', startValue: 0, endValue: weights.reduce((sum, weight) => sum + weight, 0), samples, weights,
    }],
  })}\n`;
}
