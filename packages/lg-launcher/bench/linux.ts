/*
 * Linux in our Guest against the same Linux on v86: from the kernel's entry to the shell (`npm run bench:linux`), and what
 * the shell then does (`npm run bench:commands`). See README.md for what it needs.
 *
 * Every Linux has a process of its own, as a user's has: engines that are warm from the one before would flatter those
 * that are slow to start. The sides take turns, so that all of them see the same machine.
 */
import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Images, type SideName, sideNames, startLinux, type Work } from './linux-sides.js';

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

/** A session at the shell. */
interface Session {
  readonly toKernel: number;
  readonly boot: Work;
  /** Of each command, each time it was given. */
  readonly commands: readonly (readonly Work[])[];
}

/** What the shell is given: a name for the table, and the line. Each makes what it works on, and throws it away. */
const COMMANDS: readonly (readonly [name: string, line: string])[] = [
  ['compress', 'gzip -c bin/busybox | gunzip | md5sum'],
  ['awk', 'awk "BEGIN { for (i = 0; i < 100000; i++) { n[i % 1000] += i / 7; s = s + length(i) }; print s, n[5] }"'],
  ['sort', 'hexdump -C bin/busybox | head -n 20000 | sort -k 3 | md5sum'],
  ['sed, grep', 'hexdump -C bin/busybox | head -n 20000 | sed -E "s/([0-9a-f]+) +([0-9a-f]+)/\\2 \\1/g" | grep -cE "(0[0-9]|f[a-f]) .*7[0-9].*"'],
  ['find, ls', 'find . -xdev | wc -l; ls -lR proc/sys sys bin 2>&1 | wc -l'],
  ['300 processes', 'i=0; while [ $i -lt 300 ]; do bin/true; i=$((i+1)); done'],
  ['copy', 'dd if=/dev/zero of=tmp/f bs=64k count=500 2>&1 | wc -l; cat tmp/f | dd of=/dev/null bs=4k 2>&1 | wc -l; rm tmp/f'],
  ['shell loop', 'i=0; while [ $i -lt 30000 ]; do i=$((i+1)); case $i in *77) x=$i;; esac; done; echo $x'],
];
const TIMES = 4;

const run = promisify(execFile);
const self = fileURLToPath(import.meta.url);

async function sessionInAProcess({ side, images }: Row, lines: readonly string[]): Promise<Session> {
  const { stdout } = await run(process.execPath, [self, '--session', side, JSON.stringify(images), JSON.stringify(lines)]);
  return JSON.parse(stdout) as Session;
}

async function session(side: SideName, images: Images, lines: readonly string[]): Promise<Session> {
  const linux = await startLinux(side, images);
  const commands: Work[][] = lines.map(() => []);
  for (const [i, line] of lines.entries()) {
    for (let time = 0; time < TIMES; time++) commands[i]!.push(await linux.command(line));
  }
  await linux.stop();
  return { toKernel: linux.toKernel, boot: linux.boot, commands };
}

async function takeTurns(rows: readonly Row[], rounds: number, lines: readonly string[]): Promise<Map<Row, Session[]>> {
  const sessions = new Map<Row, Session[]>(rows.map((row) => [row, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [row, done] of sessions) {
      const one = await sessionInAProcess(row, lines);
      done.push(one);
      console.error(`round ${round + 1}: ${row.name} ${one.boot.milliseconds.toFixed(0)} ms`);
    }
  }
  return sessions;
}

/** How much longer v86 took. Of each round, for the machine is not the same in all of them. */
function ratio(ours: readonly number[], theirs: readonly number[]): number {
  return median(ours.map((value, round) => theirs[round]! / value));
}

function printBoots(sessions: Map<Row, Session[]>): void {
  const theirs = [...sessions.values()].at(-1)!;
  console.log('| | process to kernel, ms | kernel to prompt, ms | v86 to this | processor, ms | v86 to this | million instructions |\n|---|---|---|---|---|---|---|');
  for (const [{ name }, done] of sessions) {
    const of = (what: (one: Session) => number): [number, number] => [median(done.map(what)), ratio(done.map(what), theirs.map(what))];
    const [toPrompt, faster] = of(({ boot }) => boot.milliseconds);
    const [processor, cheaper] = of(({ boot }) => boot.processor);
    const [instructions] = of(({ boot }) => boot.instructions);
    const [toKernel] = of((one) => one.toKernel);
    console.log(`| ${name} | ${toKernel.toFixed(0)} | ${toPrompt.toFixed(0)} | ${faster.toFixed(2)} | ${processor.toFixed(0)} | ${cheaper.toFixed(2)} | ${instructions.toFixed(0)} |`);
  }
}

function printCommands(sessions: Map<Row, Session[]>): void {
  const theirs = [...sessions.values()].at(-1)!;
  const ours = [...sessions].slice(0, -1);
  const titles = ours.map(([{ name }]) => `| ${name} | v86 to this | again | v86 to this `).join('');
  console.log(`| milliseconds | v86 | again ${titles}| million instructions |`);
  console.log(`|---|---|---${'|---|---|---|---'.repeat(ours.length)}|---|`);
  for (const [i, [name]] of COMMANDS.entries()) {
    const first = ({ commands }: Session): number => commands[i]![0]!.milliseconds;
    const again = ({ commands }: Session): number => median(commands[i]!.slice(1).map((work) => work.milliseconds));
    const cells = ours.map(([, done]) => [first, again].map((what) => (
      `${median(done.map(what)).toFixed(0)} | ${ratio(done.map(what), theirs.map(what)).toFixed(2)}`)).join(' | '));
    const instructions = median(ours[0]![1].map(({ commands }) => median(commands[i]!.map((work) => work.instructions))));
    console.log(`| ${name} | ${median(theirs.map(first)).toFixed(0)} | ${median(theirs.map(again)).toFixed(0)} | ${cells.join(' | ')} | ${instructions.toFixed(0)} |`);
  }
}

async function compare(what: string | undefined, json: string | undefined): Promise<void> {
  const all = rowsFrom(process.env);
  if (all === undefined) return;
  const rounds = Number(process.env['LGUEST_BENCH_ROUNDS'] ?? DEFAULT_ROUNDS);
  const commands = what === 'commands';
  // the kernel's form makes no difference any more
  const rows = commands ? [all.findLast(({ side }) => side === 'jit')!, all.at(-1)!] : all;
  const sessions = await takeTurns(rows, rounds, commands ? COMMANDS.map(([, line]) => line) : []);
  printBoots(sessions);
  if (commands) printCommands(sessions);
  if (json === undefined) return;
  const { node } = process.versions;
  const results = [...sessions].map(([{ name }, done]) => ({ name, sessions: done }));
  writeFileSync(json, `${JSON.stringify({ date: new Date().toISOString(), node, machine: cpus()[0]?.model, cores: cpus().length, commands: COMMANDS, rounds, results }, undefined, 2)}\n`);
}

const [first, ...rest] = process.argv.slice(2);
if (first === '--session') {
  const done = await session(sideNames.find((name) => name === rest[0])!, JSON.parse(rest[1]!) as Images, JSON.parse(rest[2]!) as string[]);
  process.stdout.write(JSON.stringify(done), () => process.exit(0)); // v86 leaves timers behind
} else await compare(first, rest[0]);
