import { copyFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { defineConfig } from 'tsup';
import { shared } from '../../.config/tsup.base.js';
import { interpreterFile } from './src/node/interpreter-file.js';

const library = { ...shared, entry: { index: 'src/index.ts', node: 'src/node.ts', testing: 'src/testing.ts' } };

/** Scripts, whose compiled code can be kept in all versions of Node (node/compiled-code.ts). */
const script = { ...shared, format: ['cjs' as const], outExtension: () => ({ js: '.cjs' }), clean: false, dts: false, sourcemap: false, splitting: false };

/** What the command begins with. */
const command = { ...script, entry: { cli: 'src/cli.ts' } };

/**
 * The command's program carries all it needs with it: finding and reading a few dozen modules takes longer than everything
 * else that it does before the Guest's first instruction.
 */
const program = {
  ...script,
  entry: { program: 'src/program.ts' },
  minify: true,
  // but for the disassemblers, which hardly anybody wants
  noExternal: [/^(?!iced-x86$|wabt$)/],
  esbuildPlugins: [interpreterFile],
  // a script that is compiled apart (node/compiled-code.ts) gets require() only
  esbuildOptions: (options: { supported?: Record<string, boolean> }) => { options.supported = { 'dynamic-import': false }; },
  onSuccess: async () => {
    const licence = join(dirname(createRequire(import.meta.url).resolve('commander')), 'LICENSE');
    copyFileSync(licence, 'dist/LICENSE.commander');
  },
};

export default defineConfig([library, command, program]);
