/*
 * Two results of one job: what differs, in words.
 */
import type { Result } from './run.js';

/** The outcome of a comparison: nothing, something that the manual permits, or a difference. */
export interface Verdict {
  /** Lines that differ in the last places of a transcendental result. */
  approximate: number;
  lines: number;
  difference?: string;
}

/** How far the result of a composed function may be from the processor's, in units of its last place. */
const tolerance = { float: 1n, double: 1n, long: 16n } as const;

/** The number a line of libm's begins with, as an integer in which neighbours differ by one. */
function leading(line: string): { kind: keyof typeof tolerance; value: bigint } | undefined {
  const word = /^ (?:([0-9a-f]{4})\.)?([0-9a-f]{8,16}) /.exec(line);
  if (word === null) return undefined;
  const [, top, digits] = word;
  if (top !== undefined) {
    const high = BigInt(`0x${top}`);
    // the integer bit is part of the significand: leave it out, so that the exponent follows on
    const magnitude = ((high & 0x7fffn) << 63n) | (BigInt(`0x${digits}`) & 0x7fff_ffff_ffff_ffffn);
    return { kind: 'long', value: high & 0x8000n ? -magnitude : magnitude };
  }
  const bits = BigInt(`0x${digits}`);
  const sign = 1n << BigInt(digits!.length * 4 - 1);
  return { kind: digits!.length === 8 ? 'float' : 'double', value: bits & sign ? sign - bits : bits };
}

/** True when two lines differ in nothing but the last places of the number they begin with. */
function near(a: string, b: string, factor: number): boolean {
  const [x, y] = [leading(a), leading(b)];
  if (x === undefined || y === undefined || x.kind !== y.kind) return false;
  const distance = x.value > y.value ? x.value - y.value : y.value - x.value;
  const rest = (line: string): string => line.replace(/^ \S+/, '');
  return distance <= tolerance[x.kind] * BigInt(factor) && rest(a) === rest(b);
}

const short = (line: string | undefined): string => (line === undefined ? '(nothing)' : line.length > 150 ? `${line.slice(0, 150)}…` : line);

function firstDifference(native: readonly string[], ours: readonly string[], skip: (a: string, b: string) => boolean): string | undefined {
  for (let i = 0; i < Math.max(native.length, ours.length); i++) {
    const [a, b] = [native[i], ours[i]];
    if (a === b || (a !== undefined && b !== undefined && skip(a, b))) continue;
    return `line ${i + 1}:\n      processor: ${short(a)}\n      ours:      ${short(b)}`;
  }
  return undefined;
}

const lines = (bytes: Uint8Array): string[] => Buffer.from(bytes).toString('latin1').split('\n');

/** Compare everything a job leaves behind. `approximate`: see Job. */
export function compareResults(native: Result, ours: Result, approximate: number): Verdict {
  let off = 0;
  const found: string[] = [];
  if (native.end !== ours.end) found.push(`ended with ${ours.end} instead of ${native.end}`);
  const output = firstDifference(lines(native.output), lines(ours.output), (a, b) => {
    const permitted = approximate > 0 && near(a, b, approximate);
    if (permitted) off++;
    return permitted;
  });
  if (output !== undefined) found.push(`output, ${output}`);
  const errors = firstDifference(lines(native.errors), lines(ours.errors), () => false);
  if (errors !== undefined) found.push(`errors, ${errors}`);
  for (const name of new Set([...native.files.keys(), ...ours.files.keys()])) {
    const [a, b] = [native.files.get(name), ours.files.get(name)];
    if (a === undefined || b === undefined) found.push(`file ${name} is only ${a === undefined ? 'ours' : "the processor's"}`);
    else if (Buffer.compare(a, b) !== 0) found.push(`file ${name} differs`);
  }
  return { approximate: off, lines: lines(native.output).length - 1, ...(found.length > 0 && { difference: found.join('\n    ') }) };
}
