/*
 * The recorded answers of a real processor (verify/tables), asked of every engine; and that no encoding lacks a case.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { differences, withinOneUnit } from '../verify/compare.js';
import { Subject, interpreterEngine, referenceEngine } from '../verify/subject.js';
import { formatCase, parseCase } from '../verify/table.js';
import { CaseView } from '../verify/case.js';
import { parseSystemCase } from '../verify/system/text.js';
import { endCode } from '../verify/system/world.js';
import { Decoder, newInstruction } from './decode.js';
import { oneByteMap, twoByteMap } from './opcodes.js';

const directory = join(import.meta.dirname, '../verify/tables');
const everything = readdirSync(directory).map((file) => ({
  name: file.replace('.txt', ''),
  lines: readFileSync(join(directory, file), 'utf8').split('\n').filter((line) => line !== '' && !line.startsWith('#')),
}));
// those about what only an operating system can do are asked in system-tables.test.ts
const tables = everything.filter(({ name }) => !name.startsWith('system-'));
const systemTables = everything.filter(({ name }) => name.startsWith('system-'));

const engines = [['reference', referenceEngine], ['interpreter', interpreterEngine]] as const;
// the answers are an AMD's: with its undefined results ours are the same altogether
describe.each(engines.flatMap(([name, factory]) => [[name, 'intel', factory], [name, 'amd', factory]] as const))('%s engine, undefined results of %s', (_, maker, factory) => {
  const subject = new Subject(factory, maker);
  it.each(tables.map(({ name, lines }) => [name, lines] as const))('%s', (name, lines) => {
    const wrong: string[] = [];
    for (const line of lines) {
      const { before, after, open } = parseCase(line);
      if (maker === 'intel' && open.result) continue;
      const ours = new CaseView(before.bytes.slice());
      subject.run(ours);
      const found = differences(after, ours, maker === 'intel' ? open.flags : 0);
      if (found.length > 0 && !(name === 'x87-transcendental' && withinOneUnit(after, ours))) wrong.push(`${line}\n    ${found.join('  ')}`);
    }
    expect(wrong).toEqual([]);
  });
});

describe('the tables', () => {
  it('read back as they are written', () => {
    for (const { lines } of tables) for (const line of lines) expect(formatCase(parseCase(line))).toBe(line);
  });

  it('have a case for every encoding of the opcode maps', () => {
    const seen = new Set<string>();
    const decoder = new Decoder();
    const insn = newInstruction();
    // a sequence has many instructions; the first will do
    const see = (code: Uint8Array, wide: boolean): void => {
      if (!decoder.decode(insn, code, 0, code.length, wide)) return;
      const middle = (insn.modrm >> 3) & 7;
      for (const place of ['', `/${middle}`]) for (const kind of ['', insn.modrm >= 0xc0 ? ' reg' : ' mem']) seen.add(`${insn.opcode.toString(16)}${place}${kind}`);
    };
    for (const { lines } of tables) for (const line of lines) see(parseCase(line).before.code, true);
    for (const { lines } of systemTables) {
      for (const line of lines) {
        const { c } = parseSystemCase(line);
        see(Uint8Array.from([...c.code, ...endCode]), c.state.startsWith('ring'));
      }
    }
    const missing: string[] = [];
    for (const [map, base] of [[oneByteMap, 0], [twoByteMap, 0x100]] as const) {
      for (const entry of map) {
        const [place, ...words] = entry.split(' ') as [string, ...string[]];
        const kind = words[0] === 'mem' || words[0] === 'reg' ? ` ${words.shift()}` : '';
        const opcode = (base + Number.parseInt(place.slice(0, 2), 16)).toString(16);
        if (!seen.has(`${opcode}${place.slice(2)}${kind}`)) missing.push(entry);
      }
    }
    expect(missing).toEqual([]);
  });
});
