import { defineConfig, type Options } from 'tsup';

/* Benchmarks run bundled from source: no build of the packages is needed, and no test runner wraps the modules. */
const common: Options = {
  outDir: 'node_modules/.bench',
  format: ['esm'],
  target: 'es2022',
  noExternal: [/^@lguest\//, '@defasm/core'],
  external: ['v86'],
  esbuildOptions(options) {
    options.conditions = ['@lguest/source'];
  },
};

export default defineConfig([
  { ...common, entry: ['bench/main.ts', 'bench/instructions.ts'] },
  { ...common, entry: ['bench/page.ts'], platform: 'browser', splitting: false, outExtension: () => ({ js: '.js' }) },
]);
