#!/usr/bin/env node
/*
 * The `lguest` command. What it does is in cli/main.ts; this file only makes it a program.
 */
import { main } from './cli/main.js';

const status = await main(process.argv.slice(2));
// what was printed may still be on its way when stdout is a pipe; an open terminal must not keep us here
process.stdout.write('', () => process.exit(status));
