import { defineConfig } from 'tsup';
import { shared } from '../../.config/tsup.base.js';
import { embedInterpreter } from './src/interpreter/embed.js';

const readyMade = {
  ...shared, entry: { 'ready-made': 'src/interpreter/ready-made.ts' }, clean: false, dts: false, sourcemap: false, esbuildPlugins: [embedInterpreter],
};

export default defineConfig([{ ...shared, entry: { index: 'src/index.ts' }, external: ['./ready-made.js'] }, readyMade]);
