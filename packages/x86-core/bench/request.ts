/*
 * What the command line asks for.
 */
import { parseArgs } from 'node:util';
import { type Effort, quick, thorough } from './measure.js';
import { type Program, programs } from './programs.js';

export const sideNames = ['v86', 'v86-interpreter', 'reference', 'interpreter', 'jit', 'native'] as const;
export type SideName = (typeof sideNames)[number];
const usualSides: readonly SideName[] = ['v86', 'interpreter', 'jit', 'native'];

export const usage = `npm run bench -- [options] [program…]

  --quick              a fast look: fewer and shorter turns
  --sides A,B,…        of ${sideNames.join(', ')}; usually ${usualSides.join(',')}
  --chromium           in Chromium instead of Node (CHROMIUM is the path of another one)
  --json FILE          write all numbers
  --chart FILE         write an SVG with a bar for each ratio to v86
  --update-readme      put the numbers into results/, the charts and the READMEs
  --from FILE          measure nothing; take the numbers of an earlier --json

programs: ${programs.map(({ name }) => name).join(', ')}`;

export interface Request {
  readonly programs: readonly Program[];
  readonly sides: readonly SideName[];
  readonly effort: Effort;
  readonly chromium: boolean;
  readonly json: string | undefined;
  readonly chart: string | undefined;
  readonly from: string | undefined;
  readonly updateReadme: boolean;
}

/** A sentence for the user is thrown as an Error. */
export function readRequest(args: readonly string[]): Request | 'help' {
  const { values, positionals } = parseArgs({
    args: [...args], allowPositionals: true,
    options: {
      help: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false }, sides: { type: 'string', default: usualSides.join(',') },
      chromium: { type: 'boolean', default: false }, json: { type: 'string' }, chart: { type: 'string' }, from: { type: 'string' },
      'update-readme': { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  for (const name of positionals) {
    if (!programs.some((program) => program.name === name)) throw new Error(`there is no program ${name}; there are ${programs.map((program) => program.name).join(', ')}`);
  }
  const sides = values.sides.split(',');
  for (const name of sides) {
    if (!isSide(name)) throw new Error(`there is no side ${name}; there are ${sideNames.join(', ')}`);
  }
  const partly = positionals.length > 0 || values.quick || usualSides.some((name) => !sides.includes(name));
  if (values['update-readme'] && partly) throw new Error('--update-readme wants the whole table: all programs, the usual sides, no --quick');
  return {
    programs: positionals.length === 0 ? programs : programs.filter(({ name }) => positionals.includes(name)),
    sides: sides.filter(isSide), effort: values.quick ? quick : thorough, chromium: values.chromium,
    json: values.json, chart: values.chart, from: values.from, updateReadme: values['update-readme'],
  };
}

function isSide(name: string): name is SideName {
  return (sideNames as readonly string[]).includes(name);
}
