/*
 * Build time: the command's program gets the interpreter, which x86-core brings ready-made, as a file beside it. In its
 * JavaScript the host would read it through again at every start, and keep it with the compiled code besides.
 */
import { pathToFileURL } from 'node:url';

/** What an esbuild plugin answers. */
interface Loaded {
  contents: string | Uint8Array;
  loader: 'js' | 'file';
}

/** The part of an esbuild plugin's build object that is used here. */
interface PluginBuild {
  onResolve(options: { filter: RegExp }, callback: () => { path: string; namespace: string }): void;
  onLoad(options: { filter: RegExp; namespace?: string }, callback: (place: { path: string }) => Promise<Loaded>): void;
}

const readyMadeModule = /[\\/]x86-core[\\/]dist[\\/]ready-made\.js$/;
const namespace = 'interpreter-file';

/** What stands for it in a CommonJS script. Where the file has gone astray the interpreter is generated. */
const reader = `import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import name from '${namespace}';
export function readyMade() {
  try {
    return readFileSync(join(__dirname, name));
  } catch {
    return undefined;
  }
}
`;

/** An esbuild plugin that does so. The file's name tells its contents, so that a program never finds another one's. */
export const interpreterFile = {
  name: namespace,
  setup(build: PluginBuild): void {
    let bytes: Uint8Array;
    build.onLoad({ filter: readyMadeModule }, async ({ path }) => {
      const { readyMade } = (await import(pathToFileURL(path).href)) as { readyMade: () => Uint8Array };
      bytes = readyMade();
      return { contents: reader, loader: 'js' };
    });
    build.onResolve({ filter: new RegExp(`^${namespace}$`) }, () => ({ path: 'interpreter.bin', namespace }));
    build.onLoad({ filter: /./, namespace }, async () => ({ contents: bytes, loader: 'file' }));
  },
};
