/*
 * Does it keep its size? A Linux that makes processes by the thousand, round after round, and what this process weighs
 * after each. `npm run bench:soak [-- engine rounds]`; lines are a table. What grows from the second round to the last,
 * leaks.
 *
 * "over RAM" is the resident memory of the whole process, JavaScript engine included, without the Guest's RAM, all of
 * which the Guest has touched before.
 */
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { EngineStatistics } from '@lguest/x86-core';
import { bootGuest } from '../src/index.js';
import { scriptedConsole } from '../src/testing.js';

const MIB = 1 << 20;
const RAM_MIB = 64;
const DEFAULT_ROUNDS = 10;
/** Of busybox; its line editor asks terminals where the cursor is. */
const PROMPT = new RegExp(`/ # (${String.fromCharCode(0x1b)}\\[6n)?$`);

/** A round: 1000 processes of each kind that shells make. */
const WORK = [
  'i=0; while [ $i -lt 250 ]; do (exit 0); i=$((i+1)); done', // fork
  'i=0; while [ $i -lt 250 ]; do /bin/true; i=$((i+1)); done', // fork and exec
  'i=0; while [ $i -lt 125 ]; do echo $i | grep -q 7; i=$((i+1)); done', // pipes
  'i=0; while [ $i -lt 125 ]; do x=$(seq 1 100 | sort -rn | head -1); i=$((i+1)); done', // and more of them
];
/** Processes made so far, by the kernel's own count. */
const COUNT = 'grep processes /proc/stat';
/** Pages the kernel has not touched yet are not resident: fill them, and give them back. */
const TOUCH = `dd if=/dev/zero of=/tmp/fill bs=1M count=${RAM_MIB} 2>/dev/null; rm /tmp/fill`;

const { LGUEST_TEST_KERNEL: kernel, LGUEST_TEST_INITRD: initrd } = process.env;
const [engine = 'auto', rounds = String(DEFAULT_ROUNDS)] = process.argv.slice(2);

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

async function soak(kernelPath: string, initrdPath: string): Promise<void> {
  const vm = await bootGuest({
    kernel: readFileSync(kernelPath), initrd: readFileSync(initrdPath), memory: RAM_MIB * MIB, commandLine: 'console=hvc0 quiet',
    engine: engine as 'auto',
  });
  const talk = scriptedConsole(vm);
  await talk.waitFor(PROMPT);
  await talk.command(TOUCH, PROMPT);
  console.log('| round | processes | million instructions | over RAM, MiB | JavaScript heap | other than RAM, external | decoded code, KiB | emptied | regions | dropped | their KiB |\n|---|---|---|---|---|---|---|---|---|---|---|');
  for (let round = 0; round <= Number(rounds); round++) {
    if (round > 0) for (const line of WORK) await talk.command(line, PROMPT);
    const processes = /processes (\d+)/.exec(await talk.command(COUNT, PROMPT))![1];
    collectGarbage();
    const { rss, heapUsed, external } = process.memoryUsage();
    const { host, cpu } = vm.stats();
    const { codeBytes, evictions, regions } = cpu as EngineStatistics;
    const cells = [
      round, processes, (host.instructions / 1e6).toFixed(0), ((rss / MIB) - RAM_MIB).toFixed(1), (heapUsed / MIB).toFixed(1),
      ((external / MIB) - RAM_MIB).toFixed(1), (codeBytes / 1024).toFixed(0), evictions, regions.compiled, regions.dropped, (regions.bytes / 1024).toFixed(0),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
  await vm.stop();
}

if (kernel === undefined || initrd === undefined) console.log('skipped; set LGUEST_TEST_KERNEL and LGUEST_TEST_INITRD (see bench/README.md)');
else await soak(kernel, initrd);
