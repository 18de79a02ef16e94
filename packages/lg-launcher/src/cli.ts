#!/usr/bin/env node
/*
 * The `lguest` command. All of it is in program.ts; before that is read, we see to it that what is compiled of it is kept.
 * This becomes a CommonJS script: to set up modules of the other sort takes Node 10 ms.
 */
import { join } from 'node:path';
import { compileProgram } from './node/compiled-code.js';
import type * as Program from './program.js';

const program = compileProgram(join(__dirname, 'program.cjs'));
const { hasBooted } = program.run() as typeof Program;
// one that only said how it is used has compiled next to nothing, and later ones would have to make do with that
if (!program.isKept) process.once('exit', () => { if (hasBooted()) program.keep(); });
