import { defineConfig } from 'tsup';
import { shared } from '../../.config/tsup.base.js';

export default defineConfig({ ...shared, entry: { index: 'src/index.ts', node: 'src/node.ts', testing: 'src/testing.ts', cli: 'src/cli.ts' } });
