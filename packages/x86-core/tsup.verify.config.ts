import { defineConfig } from 'tsup';

/** The native comparison is a program of its own, built aside and run at once. */
export default defineConfig({
  entry: { native: 'verify/native.ts', record: 'verify/record.ts' },
  format: ['esm'],
  noExternal: [/^@lguest\//],
  esbuildOptions(options) {
    options.conditions = ['@lguest/source'];
  },
  target: 'es2022',
  outDir: 'node_modules/.verify',
  dts: false,
  silent: true,
});
