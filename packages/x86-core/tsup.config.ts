import { defineConfig } from 'tsup';
import { shared } from '../../.config/tsup.base.js';

export default defineConfig({ ...shared, entry: { index: 'src/index.ts' } });
