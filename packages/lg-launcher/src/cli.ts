#!/usr/bin/env node
/*
 * The `lguest` command. All of it is in program.ts; before that is read, Node is asked to keep what it compiles of it.
 */
import nodeModule from 'node:module';

/** Node has this from 22.1 on. It keeps compiled code in the directory for temporary files, for the next start. */
interface CompileCache { enableCompileCache?(): unknown }

(nodeModule as CompileCache).enableCompileCache?.();
await import('./program.js');
