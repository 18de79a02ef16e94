import { defineConfig } from 'tsup';

/* Benchmarks run bundled from source: no build of the package is needed, and no test runner wraps the modules. */
export default defineConfig({
  entry: ['bench/directories.ts', 'bench/hot-paths.ts'],
  outDir: 'node_modules/.bench',
  format: ['esm'],
  target: 'es2022',
  splitting: false,
});
