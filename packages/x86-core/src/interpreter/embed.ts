/*
 * Build time: generate the interpreter and the units once and for all, and put them into the package.
 *
 * They go into a module of their own, dist/ready-made.js. So a program that is bundled of this package can have them from
 * elsewhere, a file for instance, by replacing a module that exports the same function.
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

function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** The module that stands for ready-made.ts in the package. */
export function readyMadeText(): string {
  return `const text = ${JSON.stringify(toBase64(packInterpreter(generateInterpreter(usual), usual)))};
export function readyMade() {
  if (Uint8Array.fromBase64 !== undefined) return Uint8Array.fromBase64(text);
  // a loop over that many bytes, which nobody has compiled yet, takes milliseconds
  if (globalThis.Buffer !== undefined) return new Uint8Array(globalThis.Buffer.from(text, 'base64'));
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
`;
}

/** An esbuild plugin that replaces ready-made.ts by a generated interpreter. */
export const embedInterpreter = {
  name: 'embed-interpreter',
  setup(build: PluginBuild): void {
    build.onLoad({ filter: readyMadeModule }, () => ({ contents: readyMadeText(), loader: 'js' }));
  },
};
