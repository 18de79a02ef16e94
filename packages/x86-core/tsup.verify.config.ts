import { defineConfig } from 'tsup';

/** The native comparison is a program of its own, built aside and run at once. */
export default defineConfig({
  entry: { native: 'verify/native.ts', record: 'verify/record.ts' },
  format: ['esm'],
  target: 'es2022',
  outDir: 'node_modules/.verify',
  dts: false,
  silent: true,
});
