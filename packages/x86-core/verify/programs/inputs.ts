/*
 * Files for the applets to work on: made by arithmetic, so the same everywhere and every time.
 */
import { Random } from '../../src/testing/random.js';

const syllables = ['ka', 'lo', 'mi', 'ne', 'ru', 'sa', 'to', 'vi', 'wen', 'zu', 'bra', 'dim', 'fol', 'gat', 'hep', 'jor'] as const;

/** Text in lines: words, numbers, tabs, some lines twice. */
export function textFile(lines: number, seed = 1): Uint8Array {
  const random = new Random(seed);
  const word = (): string => Array.from({ length: 1 + random.below(4) }, () => random.pick(syllables)).join('');
  const out: string[] = [];
  for (let i = 0; i < lines; i++) {
    const words = Array.from({ length: 1 + random.below(12) }, () => (random.oneIn(6) ? String(random.word() >>> random.below(30)) : word()));
    out.push(random.oneIn(10) && out.length > 0 ? random.pick(out) : words.join(random.oneIn(8) ? '\t' : ' '));
  }
  return Buffer.from(`${out.join('\n')}\n`);
}

/** A table for awk: name, two floating-point numbers, an integer. */
export function tableFile(rows: number, seed = 2): Uint8Array {
  const random = new Random(seed);
  let out = '';
  for (let i = 0; i < rows; i++) {
    const x = (random.word() / 2 ** 32 - 0.5) * 10 ** (random.below(12) - 4);
    out += `${random.pick(syllables)} ${x.toPrecision(9)} ${(random.word() / 2 ** 26).toFixed(4)} ${random.word() >>> random.below(32)}\n`;
  }
  return Buffer.from(out);
}

/** Bytes that compress a little: random, with repeats. */
export function binaryFile(length: number, seed = 3): Uint8Array {
  const random = new Random(seed);
  const out = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const run = Math.min(1 + random.below(300), length - at);
    if (at > 1000 && random.oneIn(2)) out.copyWithin(at, at - 1 - random.below(900), at - 1 - random.below(900) + run);
    else for (let i = 0; i < run; i++) out[at + i] = random.oneIn(3) ? random.below(4) : random.word();
    at += run;
  }
  return out;
}

/** Text with some of its lines changed, dropped and added. */
export function editedText(text: Uint8Array, seed = 4): Uint8Array {
  const random = new Random(seed);
  return Buffer.from(Buffer.from(text).toString().split('\n').flatMap((line) => {
    if (random.oneIn(40)) return [];
    if (random.oneIn(40)) return [line, `${line} again`];
    return random.oneIn(40) ? [line.toUpperCase()] : [line];
  }).join('\n'));
}
