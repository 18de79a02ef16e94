/*
 * Does it keep its size? A Linux that works, round after round, and what this process weighs after each.
 * `npm run bench:soak [-- engine rounds work]`; lines are a table. What grows from the second round to the last, leaks.
 *
 * "over RAM" is the resident memory of the whole process, JavaScript engine included, without the Guest's RAM, all of
 * which is resident by then: see touch().
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

/** What is done in a round. */
const WORK = {
  /** 1250, of each kind that shells make. */
  processes: [
    'i=0; while [ $i -lt 250 ]; do (exit 0); i=$((i+1)); done', // fork
    'i=0; while [ $i -lt 250 ]; do /bin/true; i=$((i+1)); done', // fork and exec
    'i=0; while [ $i -lt 125 ]; do echo $i | grep -q 7; i=$((i+1)); done', // pipes
    'i=0; while [ $i -lt 125 ]; do x=$(seq 1 100 | sort -rn | head -1); i=$((i+1)); done', // and more of them
  ],
  /** Programs that have little code in common: there is always something to compile. The shell is in the root directory. */
  programs: [
    'head -c 600000 bin/busybox > tmp/b; hexdump -C tmp/b | head -n 12000 > tmp/t',
    'gzip -9 -c tmp/b | gunzip | sha256sum',
    'bzip2 -c tmp/t | bunzip2 | md5sum',
    'sort tmp/t | uniq -c | sort -rn | sha1sum',
    'awk "{ n[\\$3]++; s += NR / 7 } END { for (k in n) if (n[k] > m) m = n[k]; print m, s }" tmp/t',
    'sed -E "s/([0-9a-f]+) +([0-9a-f]+)/\\\\2 \\\\1/g; /^0/y/abc/xyz/" tmp/t | crc32',
    'grep -cE "(0[0-9]|f[a-f]) .*7[0-9].*" tmp/t',
    'echo "scale=200; 4*a(1); e(1); l(2)" | bc -l | tail -n 1; dc -e "2 400^ 3 300^ * p" | wc -c',
    'tar cf - bin etc 2> /dev/null | sha512sum',
    'base64 tmp/b | tr A-Z a-z | fold -w 60 | cut -c 3-30 | md5sum',
    'unexpand tmp/t | expand | tac | rev | sum; factor 600851475143 1234567890189',
    'find . -xdev 2> /dev/null | cpio -o -H newc 2> /dev/null | od -d | wc',
  ],
};
/** Processes made so far, by the kernel's own count. */
const COUNT = 'grep processes /proc/stat';

const { LGUEST_TEST_KERNEL: kernel, LGUEST_TEST_INITRD: initrd } = process.env;
const [engine = 'auto', rounds = String(DEFAULT_ROUNDS), work = 'processes'] = process.argv.slice(2);

/** Where x86-core has physical address 0 in a machine's memory (Layout.physical), and how far apart a host's pages are. */
const RAM_AT = 64 * MIB;
const PAGE = 4096;
const { Memory } = WebAssembly;
let machine: WebAssembly.Memory | undefined;
WebAssembly.Memory = new Proxy(Memory, {
  construct(target, parameters: [WebAssembly.MemoryDescriptor]) {
    const memory = Reflect.construct(target, parameters) as WebAssembly.Memory;
    if (memory.buffer.byteLength > RAM_AT) machine = memory;
    return memory;
  },
});

/** What nobody has written yet is not resident: write what is there to all of RAM, so that just that can be taken off. */
function touch(): void {
  const ram = new Uint8Array(machine!.buffer, RAM_AT, RAM_MIB * MIB);
  for (let at = 0; at < ram.length; at += PAGE) ram[at] = ram[at]!;
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

async function soak(kernelPath: string, initrdPath: string, lines: readonly string[]): Promise<void> {
  const vm = await bootGuest({
    kernel: readFileSync(kernelPath), initrd: readFileSync(initrdPath), memory: RAM_MIB * MIB, commandLine: 'console=hvc0 quiet',
    engine: engine as 'auto',
  });
  const talk = scriptedConsole(vm);
  const started = performance.now();
  await talk.waitFor(PROMPT);
  console.log('| round | seconds | processes | million instructions | over RAM, MiB | JavaScript heap | other than RAM, external | decoded code, KiB | emptied | regions | modules | dropped | their KiB | compiled for, ms | at a time |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|');
  for (let round = 0; round <= Number(rounds); round++) {
    if (round > 0) for (const line of lines) await talk.command(line, PROMPT);
    const processes = /processes (\d+)/.exec(await talk.command(COUNT, PROMPT))![1];
    touch();
    collectGarbage();
    const { rss, heapUsed, external } = process.memoryUsage();
    const { host, cpu } = vm.stats();
    const { codeBytes, evictions, regions } = cpu as EngineStatistics;
    const cells = [
      round, ((performance.now() - started) / 1000).toFixed(0), processes, (host.instructions / 1e6).toFixed(0), ((rss / MIB) - RAM_MIB).toFixed(1), (heapUsed / MIB).toFixed(1),
      ((external / MIB) - RAM_MIB).toFixed(1), (codeBytes / 1024).toFixed(0), evictions, regions.compiled, regions.modules, regions.dropped, (regions.bytes / 1024).toFixed(0),
      regions.milliseconds.toFixed(0), regions.longestMilliseconds.toFixed(1),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
  await vm.stop();
}

if (kernel === undefined || initrd === undefined) console.log('skipped; set LGUEST_TEST_KERNEL and LGUEST_TEST_INITRD (see bench/README.md)');
else if (!Object.hasOwn(WORK, work)) console.log(`there is no work ${work}, only ${Object.keys(WORK).join(' and ')}`);
else await soak(kernel, initrd, WORK[work as keyof typeof WORK]);
