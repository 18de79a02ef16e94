#!/usr/bin/env node
/*
 * The `lguest` command. All of it is in program.ts; before that is read, we see to it that what is compiled of it is kept.
 */
import nodeModule, { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { compileProgram } from './node/compiled-code.js';

/** Node has this from 22.1 on. */
interface CompileCache { enableCompileCache?(): unknown }

const program = fileURLToPath(new URL('program.cjs', import.meta.url));
const node = nodeModule as CompileCache;
if (node.enableCompileCache) {
  node.enableCompileCache();
  createRequire(import.meta.url)(program);
} else {
  const compiled = compileProgram(program);
  if (!compiled.isKept) process.once('exit', () => compiled.keep());
  compiled.run();
}
