import { defineConfig } from 'tsup';

/* Benchmarks run bundled from source: no build of the packages is needed, and no test runner wraps the modules. */
export default defineConfig({
  entry: ['bench/boot.ts', 'bench/first-run.ts', 'bench/linux.ts', 'bench/soak.ts', 'bench/start.ts'],
  outDir: 'node_modules/.bench',
  format: ['esm'],
  target: 'es2022',
  noExternal: [/^@lguest\//],
  external: ['v86'],
  esbuildOptions(options) {
    options.conditions = ['@lguest/source'];
  },
});
