/*
 * The recorded answers of real processors (verify/tables), asked of every engine; and that no encoding lacks a case.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { differences, withinOneUnit } from '../verify/compare.js';
import { RegionSubject } from '../verify/region-subject.js';
import { Subject, interpreterEngine, referenceEngine } from '../verify/subject.js';
import { formatCase, parseCase } from '../verify/table.js';
import { caseOf, parseTable } from '../verify/table-file.js';
import { asRemembered, rememberedByRecorded } from '../verify/x87-pointers.js';
import type { CaseView } from '../verify/case.js';
import { parseSystemCase } from '../verify/system/text.js';
import { endCode } from '../verify/system/world.js';
import { Decoder, newInstruction } from './decode.js';
import { oneByteMap, twoByteMap } from './opcodes.js';
import type { UndefinedResults } from './undefined-results.js';

const directory = join(import.meta.dirname, '../verify/tables');
const read = (path: string): Map<string, string[]> => parseTable(readFileSync(path, 'utf8'));
const namesIn = (path: string): string[] => readdirSync(path).filter((file) => file.endsWith('.txt')).map((file) => file.replace('.txt', ''));
const everything = namesIn(directory).map((name) => ({ name, groups: read(join(directory, `${name}.txt`)) }));
const linesOf = (groups: Map<string, string[]>): string[] => [...groups.values()].flat();
// those about what only an operating system can do are asked in system-tables.test.ts
const tables = everything.filter(({ name }) => !name.startsWith('system-'));
const systemTables = everything.filter(({ name }) => name.startsWith('system-'));

const readAll = (maker: string): Map<string, Map<string, string[]>> =>
  new Map(namesIn(join(directory, maker)).map((name) => [name, read(join(directory, maker, `${name}.txt`))]));
/**
 * The tables hold an AMD's answers. Beside them are those that an Intel gives otherwise, and some to further cases; and an
 * AMD's to cases that no Intel has been asked about.
 */
const otherwise = { intel: readAll('intel'), amd: readAll('amd') };

/** Lines by the maker whose answers they hold, with their groups. Of what an AMD alone was asked only every `share`th. */
function answersOf(maker: UndefinedResults, name: string, groups: Map<string, string[]>, share: number): [group: string, line: string][] {
  const further = otherwise[maker].get(name) ?? new Map<string, string[]>();
  let count = 0;
  return [...new Set([...groups.keys(), ...further.keys()])].flatMap((group) => {
    const others = new Map((further.get(group) ?? []).map((line) => [caseOf(line), line]));
    const answered = (groups.get(group) ?? []).map((line) => others.get(caseOf(line)) ?? line);
    const more = [...others.values()].filter(() => maker === 'intel' || count++ % share === 0);
    return [...new Set([...answered, ...more])].map((line): [string, string] => [group, line]);
  });
}

const remembered = { amd: { operand: true, opcode: true, selectors: true }, intel: rememberedByRecorded };
const patience = 60_000;

type Runner = (maker: UndefinedResults) => { run(c: CaseView): void };
/** The last column: of the lines in tables/amd, which are many, the JIT gets every fourth, for it takes a millisecond or two to make a region of each. */
const engines: readonly (readonly [string, Runner, number])[] = [
  ['reference', (maker) => new Subject(referenceEngine, maker), 1],
  ['interpreter', (maker) => new Subject(interpreterEngine, maker), 1],
  ['jit', (maker) => new RegionSubject(maker), 4],
];
const makers = ['intel', 'amd'] as const;
describe.each(engines.flatMap(([name, runner, share]) => makers.map((maker) => [name, maker, runner, share] as const)))('%s engine, undefined results of %s', (_, maker, runner, share) => {
  const subject = runner(maker);
  it.each(tables.map(({ name, groups }) => [name, groups] as const))('%s', (name, groups) => {
    const wrong: string[] = [];
    for (const [group, line] of answersOf(maker, name, groups, share)) {
      const { before, after } = parseCase(line);
      const answer = before.copy();
      subject.run(answer);
      const ours = asRemembered(remembered[maker], group, answer);
      const found = differences(after, ours);
      if (found.length > 0 && !(name === 'x87-transcendental' && withinOneUnit(after, ours))) wrong.push(`${line}\n    ${found.join('  ')}`);
    }
    expect(wrong).toEqual([]);
  }, patience);
});

it('regions have executed most of what they are made of', () => {
  const subject = new RegionSubject('intel');
  const lines = linesOf(tables.find(({ name }) => name === 'integer-arithmetic')!.groups);
  for (const line of lines) subject.run(parseCase(line).before.copy());
  expect(subject.cases).toBe(lines.length);
  expect(subject.inRegions).toBeGreaterThan(lines.length / 2);
});

describe('the tables', () => {
  it('read back as they are written', () => {
    for (const groups of [...tables.map((table) => table.groups), ...otherwise.intel.values(), ...otherwise.amd.values()]) {
      for (const line of linesOf(groups)) expect(formatCase(parseCase(line))).toBe(line);
    }
  });

  it('of an Intel hold hundreds of answers, each another than the AMD gave', () => {
    let count = 0;
    for (const [name, groups] of otherwise.intel) {
      const first = tables.find((table) => table.name === name)!.groups;
      for (const [group, lines] of groups) {
        for (const line of lines) expect(first.get(group) ?? []).not.toContain(line);
        count += lines.length;
      }
    }
    expect(count).toBeGreaterThan(400);
  });

  it('hold thousands of lines about numbers in floating point and vectors, faults beside what went well', () => {
    const names = tables.map(({ name }) => name).filter((name) => /^(x87|vector)-/.test(name));
    expect(names.length).toBe(10);
    for (const name of names) {
      const lines = [tables.find((table) => table.name === name)!.groups, otherwise.amd.get(name) ?? new Map<string, string[]>()].flatMap(linesOf);
      const faults = lines.filter((line) => line.includes('| #')).length;
      expect([name, new Set(lines.map(caseOf)).size >= 2000, faults >= 10, faults < lines.length / 2]).toEqual([name, true, true, true]);
    }
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
    for (const { groups } of tables) for (const line of linesOf(groups)) see(parseCase(line).before.code, true);
    for (const { groups } of systemTables) {
      for (const line of linesOf(groups)) {
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
