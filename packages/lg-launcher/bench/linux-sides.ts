/*
 * Linux with a shell, in this process: in our Guest, or on npm's v86 as a PC. Both have the same source version and the
 * same initial ramdisk; the kernels differ in what they are built for.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { V86 } from 'v86';
import { bootGuest } from '../src/index.js';
import { scriptedConsole } from '../src/testing.js';

const MIB = 1 << 20;
/** v86 puts the initial ramdisk at 64 MiB, so there must be more. */
const MEMORY = 128 * MIB;
/** What busybox asks with; its line editor asks terminals where the cursor is. */
const PROMPT = '/ # ';
const LATER_PROMPT = new RegExp(`${PROMPT}(${String.fromCharCode(0x1b)}\\[6n)?$`);
const PATIENCE_SECONDS = 300;

/** Who boots it. */
export const sideNames = ['interpreter', 'jit', 'v86'] as const;
export type SideName = (typeof sideNames)[number];

/** What is booted. */
export interface Images {
  /** For us: lguest support, vmlinux or bzImage. */
  readonly kernel: string;
  /** For v86: a bzImage with a serial console. */
  readonly pcKernel: string;
  readonly initrd: string;
  /** For v86: a SeaBIOS. */
  readonly bios: string;
}

/** How long something took, and what it took. */
export interface Work {
  readonly milliseconds: number;
  /** Processor time of all threads, milliseconds. */
  readonly processor: number;
  /** Retired, in millions. */
  readonly instructions: number;
}

/** A Linux that has arrived at its prompt. */
export interface Linux {
  /** From the start of the process to the kernel's first instruction in protected mode, milliseconds. */
  readonly toKernel: number;
  /** From there to the prompt; v86's instructions include the BIOS. */
  readonly boot: Work;
  /** Have the shell do something, up to its next prompt. */
  command(line: string): Promise<Work>;
  stop(): Promise<void>;
}

/** What the clocks and a counter say. */
interface Moment { readonly at: number; readonly processor: number; readonly instructions: number }

function moment(instructions: number): Moment {
  const { user, system } = process.cpuUsage();
  return { at: performance.now(), processor: (user + system) / 1000, instructions };
}

const between = (from: Moment, to: Moment): Work => ({
  milliseconds: to.at - from.at, processor: to.processor - from.processor, instructions: (to.instructions - from.instructions) / 1e6,
});

/** Boot. @throws Error when the prompt does not come. */
export function startLinux(side: SideName, images: Images): Promise<Linux> {
  return side === 'v86' ? startV86(images) : startOurs(side, images);
}

async function startOurs(engine: 'interpreter' | 'jit', images: Images): Promise<Linux> {
  const vm = await bootGuest({
    engine, kernel: readFileSync(images.kernel), kernelName: images.kernel, initrd: readFileSync(images.initrd),
    memory: MEMORY, commandLine: 'console=hvc0', timeout: PATIENCE_SECONDS,
  });
  const now = (): Moment => moment(vm.stats().host.instructions);
  const entry = now(); // it runs from the next turn of the event loop on
  const talk = scriptedConsole(vm);
  await talk.waitFor(PROMPT);
  const boot = between(entry, now());
  return {
    toKernel: entry.at,
    boot,
    command: async (line) => {
      const before = now();
      await talk.command(line, LATER_PROMPT);
      return between(before, now());
    },
    stop: async () => { await vm.stop(); },
  };
}

/** The parts of v86 below its published types that a bench needs. */
interface Inside {
  v86: { cpu: { io: { register_write(port: number, device: object, ...writes: Write[]): void } } };
}
type Write = (value: number) => void;

/**
 * The real-mode part of a PC's kernel writes here to reset the coprocessor, right before it enters protected mode at the
 * address where our Guests start.
 */
const COPROCESSOR_RESET_PORT = 0xf1;

async function startV86(images: Images): Promise<Linux> {
  const require = createRequire(import.meta.url);
  const file = (path: string) => ({ buffer: new Uint8Array(readFileSync(path)).buffer });
  const emulator = new V86({
    wasm_path: require.resolve('v86').replace(/libv86\.mjs$/, 'v86.wasm'),
    memory_size: MEMORY,
    vga_memory_size: MIB,
    bios: file(images.bios),
    bzimage: file(images.pcKernel),
    initrd: file(images.initrd),
    cmdline: 'console=ttyS0',
    autostart: false,
    disable_speaker: true,
  });
  await new Promise<void>((resolve) => { emulator.add_listener('emulator-ready', () => resolve()); });
  let retired = 0;
  const now = (): Moment => {
    // theirs is a counter of 32 bits
    retired += (emulator.get_instruction_counter() - retired) >>> 0;
    return moment(retired);
  };
  let entry: Moment | undefined;
  const write: Write = () => { entry ??= { ...now(), instructions: 0 }; };
  (emulator as unknown as Inside).v86.cpu.io.register_write(COPROCESSOR_RESET_PORT, {}, write, write, write);
  let text = '';
  let seen: (() => void) | undefined;
  emulator.add_listener('serial0-output-byte', (byte: number) => {
    text += String.fromCharCode(byte);
    if (seen !== undefined && LATER_PROMPT.test(text)) seen();
  });
  const prompt = (): Promise<Moment> => new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`v86 did not get to the prompt; its last words: ${text.slice(-1000)}`)), PATIENCE_SECONDS * 1000);
    text = '';
    seen = () => {
      seen = undefined;
      clearTimeout(timer);
      resolve(now());
    };
  });
  const arrival = prompt();
  await emulator.run();
  const end = await arrival;
  if (entry === undefined) throw new Error('v86 printed a prompt without a kernel');
  return {
    toKernel: entry.at,
    boot: between(entry, end),
    command: async (line) => {
      const before = now();
      const answer = prompt();
      emulator.serial0_send(`${line}\n`);
      return between(before, await answer);
    },
    stop: async () => { await emulator.destroy(); },
  };
}
