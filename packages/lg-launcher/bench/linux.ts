/*
 * From the kernel's entry to the shell: Linux in our Guest against the same Linux on v86. `npm run bench:linux`; see
 * README.md for what it needs.
 *
 * Every boot has a process of its own, as a user's has: engines that are warm from the boot before would flatter those
 * that are slow to start. The sides take turns, so that all of them see the same machine.
 */
import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Boot, bootOnce, type Images, type SideName, sideNames } from './linux-sides.js';

const DEFAULT_ROUNDS = 5;
/** Where Debian's package `seabios` puts it. */
const DEFAULT_BIOS = '/usr/share/seabios/bios.bin';

/** A row of the table: who, and from which kernel. */
interface Row { readonly name: string; readonly side: SideName; readonly images: Images }

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

function rowsFrom(env: NodeJS.ProcessEnv): Row[] | undefined {
  const { LGUEST_TEST_KERNEL: kernel, LGUEST_TEST_INITRD: initrd, LGUEST_BENCH_PC_KERNEL: pcKernel } = env;
  const bios = env['LGUEST_BENCH_BIOS'] ?? DEFAULT_BIOS;
  if (kernel === undefined || initrd === undefined || pcKernel === undefined) {
    console.log('skipped; set LGUEST_TEST_KERNEL, LGUEST_TEST_INITRD and LGUEST_BENCH_PC_KERNEL (see bench/README.md)');
    return undefined;
  }
  if (!existsSync(bios)) {
    console.log(`skipped; v86 needs a SeaBIOS, and there is none at ${bios}: set LGUEST_BENCH_BIOS`);
    return undefined;
  }
  // v86 takes a bzImage, so ours is compared as one; a vmlinux beside it needs no unpacking, and gets a row of its own
  const forms = ['bzImage', 'vmlinux'].map((name) => join(dirname(kernel), name)).filter((path) => existsSync(path));
  const kernels = forms.includes(kernel) ? forms : [kernel];
  const ours = kernels.flatMap((path) => (['interpreter', 'jit'] as const).map((side) => (
    { name: `${side}, ${basename(path)}`, side, images: { kernel: path, initrd, pcKernel, bios } })));
  return [...ours, { name: 'v86', side: 'v86', images: { kernel, initrd, pcKernel, bios } }];
}

const run = promisify(execFile);
const self = fileURLToPath(import.meta.url);

async function bootInAProcess({ side, images }: Row): Promise<Boot> {
  const { stdout } = await run(process.execPath, [self, '--boot', side, JSON.stringify(images)]);
  return JSON.parse(stdout) as Boot;
}

async function compare(rows: readonly Row[], rounds: number, json: string | undefined): Promise<void> {
  const boots = new Map<Row, Boot[]>(rows.map((row) => [row, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [row, done] of boots) {
      const boot = await bootInAProcess(row);
      done.push(boot);
      console.error(`round ${round + 1}: ${row.name} ${boot.toPrompt.toFixed(0)} ms`);
    }
  }
  const theirs = boots.get(rows.at(-1)!)!;
  const results = [...boots].map(([{ name }, done]) => ({
    name,
    toKernel: median(done.map((boot) => boot.toKernel)),
    toPrompt: median(done.map((boot) => boot.toPrompt)),
    processor: median(done.map((boot) => boot.processor)),
    instructions: median(done.map((boot) => boot.instructions)),
    // of each round, for the machine is not the same in all of them
    ratio: median(done.map((boot, round) => theirs[round]!.toPrompt / boot.toPrompt)),
    processorRatio: median(done.map((boot, round) => theirs[round]!.processor / boot.processor)),
    boots: done,
  }));
  console.log('| | process to kernel, ms | kernel to prompt, ms | v86 to this | processor, ms | v86 to this | million instructions |\n|---|---|---|---|---|---|---|');
  for (const { name, toKernel, toPrompt, ratio, processor, processorRatio, instructions } of results) {
    console.log(`| ${name} | ${toKernel.toFixed(0)} | ${toPrompt.toFixed(0)} | ${ratio.toFixed(2)} | ${processor.toFixed(0)} | ${processorRatio.toFixed(2)} | ${(instructions / 1e6).toFixed(0)} |`);
  }
  if (json === undefined) return;
  const { node } = process.versions;
  writeFileSync(json, `${JSON.stringify({ date: new Date().toISOString(), node, machine: cpus()[0]?.model, cores: cpus().length, rounds, results }, undefined, 2)}\n`);
}

const [first, ...rest] = process.argv.slice(2);
if (first === '--boot') {
  const boot = await bootOnce(sideNames.find((name) => name === rest[0])!, JSON.parse(rest[1]!) as Images);
  process.stdout.write(JSON.stringify(boot), () => process.exit(0)); // v86 leaves timers behind
} else {
  const rows = rowsFrom(process.env);
  const rounds = Number(process.env['LGUEST_BENCH_ROUNDS'] ?? DEFAULT_ROUNDS);
  if (rows !== undefined) await compare(rows, rounds, first);
}
