#!/usr/bin/env node
/*
 * The `lguest` command. All of it is in program.ts; before that is read, we see to it that what is compiled of it is kept.
 * This becomes a CommonJS script: to set up modules of the other sort takes Node 10 ms.
 */
import nodeModule from 'node:module';
import { join } from 'node:path';
import { compileProgram } from './node/compiled-code.js';

/** Node has this from 22.1 on. */
interface CompileCache { enableCompileCache?(): unknown }

const program = join(__dirname, 'program.cjs');
const node = nodeModule as CompileCache;
if (node.enableCompileCache) {
  node.enableCompileCache();
  require(program);
} else {
  const compiled = compileProgram(program);
  if (!compiled.isKept) process.once('exit', () => compiled.keep());
  compiled.run();
}
