/*
 * Build time: generate the interpreter and the units once and for all, and put them into the package.
 */
import '../cpu.js';
import { generateInterpreter } from './generate.js';
import { packInterpreter } from './packed.js';

/** The part of an esbuild plugin's build object that is used here. */
interface PluginBuild {
  onLoad(options: { filter: RegExp }, callback: () => { contents: string; loader: 'js' }): void;
}

const readyMadeModule = /[\\/]interpreter[\\/]ready-made\.ts$/;
/** What most machines are built with. */
const usual = 'intel';

/** The module that stands for ready-made.ts in the package. */
export function readyMadeText(): string {
  const packed = packInterpreter(generateInterpreter(usual), usual);
  // as a string for JSON.parse(), which is quicker than reading the same as JavaScript
  return `const text = ${JSON.stringify(JSON.stringify(packed))};
export function readyMade() { return JSON.parse(text); }
`;
}

/** An esbuild plugin that replaces ready-made.ts by a generated interpreter. */
export const embedInterpreter = {
  name: 'embed-interpreter',
  setup(build: PluginBuild): void {
    build.onLoad({ filter: readyMadeModule }, () => ({ contents: readyMadeText(), loader: 'js' }));
  },
};
