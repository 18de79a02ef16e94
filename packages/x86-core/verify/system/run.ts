/*
 * The supervisor on QEMU, and on our engines.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EngineName, ExitReason, Machine, SegmentRegister } from '../../src/index.js';
import { buildImage, consolePort, entryPoint, imageBase } from './supervisor.js';
import { type Answer, decodeAnswers, type SystemCase } from './system-case.js';

/** A case in which the machine shut down, or went on for ever. */
export type Lost = 'shutdown' | 'endless';
export type Outcome = Answer | Lost;

const ramBytes = 16 << 20;
/** Cases per boot. */
const mostCases = 4000;
const secondsPerBoot = 30;
/** Instructions per case at most, those of the supervisor included. */
const budgetPerCase = 400_000;
/** What Multiboot promises: flat segments, whatever the selectors are. */
const flat = { selector: 8, base: 0, limit: 0xffff_ffff } as const;
const codeAccess = 0x00c0_9b00;
const dataAccess = 0x00c0_9300;

/** What QEMU's bus answers where no device is: ones, or 0 for words that are not aligned. */
const emptyBus = (port: number, size: number): number => (port % size === 0 ? 2 ** (8 * size) - 1 : 0);

/** Runs an image until its end, or until it is lost; returns its output. */
type Boot = (image: Uint8Array) => { output: Uint8Array; lost: Lost };

/** All cases; after one in which the machine is lost, another boot does the rest. */
function runAll(cases: readonly SystemCase[], boot: Boot): Outcome[] {
  const outcomes: Outcome[] = [];
  while (outcomes.length < cases.length) {
    const rest = cases.slice(outcomes.length, outcomes.length + mostCases);
    const { output, lost } = boot(buildImage(rest));
    const answers = decodeAnswers(output);
    answers.forEach(({ registers }, i) => {
      if (registers.index !== i) throw new Error(`answer ${i} says that it is number ${registers.index}`);
    });
    outcomes.push(...answers);
    if (answers.length < rest.length) outcomes.push(lost);
  }
  return outcomes;
}

/** A machine of ours whose low memory and image the cases use. */
export function runOurs(engine: EngineName, cases: readonly SystemCase[]): Outcome[] {
  const output: number[] = [];
  const machine = new Machine({
    // where makers differ about PUSH of segment registers and order, QEMU is with AMD's processors
    physicalBytes: ramBytes, engine, undefinedResults: 'amd', jit: { hotAfter: 1, steps: false },
    ports: { read: emptyBus, write: (port, _size, value) => { if (port === consolePort) output.push(value & 0xff); } },
  });
  const { cpu, physical } = machine;
  return runAll(cases, (image) => {
    output.length = 0;
    cpu.reset();
    physical.write(imageBase, image);
    cpu.cr0 = 0x11;
    for (let register = 0; register < 6; register++) cpu.setSegment(register, { ...flat, access: register === SegmentRegister.cs ? codeAccess : dataAccess });
    cpu.eip = entryPoint;
    for (let before = -1; output.length > before;) {
      before = output.length;
      const exit = cpu.run(budgetPerCase);
      if (exit.reason !== ExitReason.budget) return { output: Uint8Array.from(output), lost: 'shutdown' };
    }
    return { output: Uint8Array.from(output), lost: 'endless' };
  });
}

const program = 'qemu-system-i386';
/** The features of our default model, and no more. */
const model = 'qemu32,-pni,-sep,-apic,-mtrr,-pat,-mce,-vme,-x2apic,-hypervisor,+nx';

/** QEMU's version, or undefined when it cannot be had. */
export function qemuVersion(): string | undefined {
  const { status, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return status === 0 ? stdout.split('\n')[0] : undefined;
}

/** @param accelerator 'tcg', the translator, or 'kvm' */
export function runQemu(accelerator: string, cases: readonly SystemCase[]): Outcome[] {
  const directory = mkdtempSync(join(tmpdir(), 'verify-system-'));
  const [image, console] = [join(directory, 'image'), join(directory, 'console')];
  try {
    return runAll(cases, (bytes) => {
      writeFileSync(image, bytes);
      const { stderr, error } = spawnSync(program, [
        '-accel', accelerator, '-cpu', model, '-m', '16', '-nodefaults', '-display', 'none', '-no-reboot', '-kernel', image,
        '-debugcon', `file:${console}`, '-device', 'isa-debug-exit,iobase=0xf4,iosize=4',
      ], { encoding: 'utf8', timeout: 1000 * secondsPerBoot });
      const late = (error as NodeJS.ErrnoException | undefined)?.code === 'ETIMEDOUT';
      if (error !== undefined && !late) throw new Error(`QEMU does not run (${String(error)}): ${stderr}`);
      return { output: readFileSync(console), lost: late ? 'endless' : 'shutdown' };
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
}
