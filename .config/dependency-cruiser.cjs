/** The package graph: who may know whom. */
const graph = {
  descriptors: [],
  hrtimer: [],
  'mmu-shadow': [],
  'x86-core': ['descriptors'],
  'lg-host': ['descriptors', 'hrtimer', 'mmu-shadow', 'x86-core'],
  'lg-guest': [],
  'lg-launcher': ['hrtimer', 'lg-guest', 'lg-host', 'x86-core'],
};
const packages = Object.keys(graph);
const tests = '\\.(test|test-support)\\.ts$|/testing/|/bench/';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } } },
    { name: 'no-orphans', severity: 'warn', from: { orphan: true, pathNot: '\\.d\\.ts$|\\.config\\.ts$' }, to: {} },
    ...packages.map((name) => ({
      name: `${name}-knows-its-place`,
      comment: `${name} may import ${graph[name].join(', ') || 'no other package'}${name === 'lg-guest' ? ' but lg-host/abi' : ''}.`,
      severity: 'error',
      from: { path: `^packages/${name}/src`, pathNot: tests },
      to: {
        path: `^packages/(${packages.filter((other) => other !== name && !graph[name].includes(other)).join('|')})/`,
        ...(name === 'lg-guest' ? { pathNot: '^packages/lg-host/(src|dist)/abi' } : {}),
      },
    })),
    {
      name: 'platform-neutral',
      comment: 'Only the entries for Node may import from it.',
      severity: 'error',
      from: { path: '^packages/[^/]+/src', pathNot: `${tests}|/src/node(\\.ts$|/)|/src/cli(\\.ts$|/)|/src/testing\\.ts$|/verify/` },
      to: { dependencyTypes: ['core'] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    combinedDependencies: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '/dist/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['@lguest/source', 'import', 'default'] },
  },
};
