import { defineConfig } from 'tsup';

/** The native comparison is a program of its own, built aside and run at once. */
export default defineConfig({
  entry: { native: 'verify/native.ts', record: 'verify/record.ts', decoder: 'verify/decoder/main.ts', programs: 'verify/programs/main.ts', fuzz: 'verify/fuzz/main.ts', system: 'verify/system/main.ts' },
  format: ['esm'],
  noExternal: [/^@lguest\//],
  // it reads its WebAssembly from beside itself
  external: ['iced-x86'],
  esbuildOptions(options) {
    options.conditions = ['@lguest/source'];
  },
  target: 'es2022',
  outDir: 'node_modules/.verify',
  dts: false,
  silent: true,
});
