import { defineConfig } from 'tsup';
import { shared } from '../../.config/tsup.base.js';
import { embedKernel } from './src/image/embed.js';

export default defineConfig({ ...shared, entry: { index: 'src/index.ts', build: 'src/build.ts' }, esbuildPlugins: [embedKernel] });
