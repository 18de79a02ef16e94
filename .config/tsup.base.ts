import type { Options } from 'tsup';

/** What all packages share; each gives its entries. */
export const shared: Options = {
  format: ['esm'],
  target: 'es2022',
  dts: { compilerOptions: { ignoreDeprecations: '6.0' } },
  clean: true,
  sourcemap: true,
};
