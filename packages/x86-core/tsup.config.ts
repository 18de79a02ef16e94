import { defineConfig } from 'tsup';
import { shared } from '../../.config/tsup.base.js';
import { embedInterpreter } from './src/interpreter/embed.js';

export default defineConfig({ ...shared, entry: { index: 'src/index.ts' }, esbuildPlugins: [embedInterpreter] });
