import { copyFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { defineConfig } from 'tsup';
import { shared } from '../../.config/tsup.base.js';

const library = { ...shared, entry: { index: 'src/index.ts', node: 'src/node.ts', testing: 'src/testing.ts' } };

/** What the command begins with. */
const command = { ...shared, entry: { cli: 'src/cli.ts' }, clean: false, dts: false, sourcemap: false };

/**
 * The command's program carries all it needs with it: finding and reading a few dozen modules takes longer than everything
 * else that it does before the Guest's first instruction.
 */
const program = {
  ...shared,
  entry: { program: 'src/program.ts' },
  // a script, whose compiled code can be kept in all versions of Node (node/compiled-code.ts)
  format: ['cjs' as const],
  outExtension: () => ({ js: '.cjs' }),
  clean: false,
  dts: false,
  sourcemap: false,
  minify: true,
  splitting: false,
  // but for the disassemblers, which hardly anybody wants
  noExternal: [/^(?!iced-x86$|wabt$)/],
  onSuccess: async () => {
    const licence = join(dirname(createRequire(import.meta.url).resolve('commander')), 'LICENSE');
    copyFileSync(licence, 'dist/LICENSE.commander');
  },
};

export default defineConfig([library, command, program]);
