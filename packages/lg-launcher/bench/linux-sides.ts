/*
 * One boot of Linux to its shell, in this process: in our Guest, or on npm's v86 as a PC. Both have the same source
 * version and the same initial ramdisk; the kernels differ in what they are built for.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { V86 } from 'v86';
import { bootGuest } from '../src/index.js';

const MIB = 1 << 20;
/** v86 puts the initial ramdisk at 64 MiB, so there must be more. */
const MEMORY = 128 * MIB;
/** What busybox asks with. */
const PROMPT = '/ # ';
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

/** A boot that arrived. */
export interface Boot {
  /** From the start of the process to the kernel's first instruction in protected mode, milliseconds. */
  readonly toKernel: number;
  /** From there to the prompt. */
  readonly toPrompt: number;
  /** The processor time that took, of all threads. */
  readonly processor: number;
  /** Retired up to the prompt; v86's include the BIOS. */
  readonly instructions: number;
}

const processorTime = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** Boot. @throws Error when the prompt does not come. */
export function bootOnce(side: SideName, images: Images): Promise<Boot> {
  return side === 'v86' ? bootV86(images) : bootOurs(side, images);
}

async function bootOurs(engine: 'interpreter' | 'jit', images: Images): Promise<Boot> {
  const vm = await bootGuest({
    engine, kernel: readFileSync(images.kernel), kernelName: images.kernel, initrd: readFileSync(images.initrd),
    memory: MEMORY, commandLine: 'console=hvc0', expect: PROMPT, timeout: PATIENCE_SECONDS,
  });
  const toKernel = performance.now(); // it runs from the next turn of the event loop on
  const before = processorTime();
  const exit = await vm.exit;
  const toPrompt = performance.now() - toKernel;
  const processor = processorTime() - before;
  if (exit.reason !== 'expected') throw new Error(`the Guest did not get to its prompt: ${exit.message}`);
  return { toKernel, toPrompt, processor, instructions: vm.stats().host.instructions };
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

async function bootV86(images: Images): Promise<Boot> {
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
  let entry: { at: number; processor: number } | undefined;
  const write: Write = () => { entry ??= { at: performance.now(), processor: processorTime() }; };
  (emulator as unknown as Inside).v86.cpu.io.register_write(COPROCESSOR_RESET_PORT, {}, write, write, write);
  const arrived = new Promise<number>((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => reject(new Error(`v86 did not get to the prompt; its last words: ${text.slice(-1000)}`)), PATIENCE_SECONDS * 1000);
    emulator.add_listener('serial0-output-byte', (byte: number) => {
      text += String.fromCharCode(byte);
      if (!text.endsWith(PROMPT)) return;
      clearTimeout(timer);
      resolve(performance.now());
    });
  });
  await emulator.run();
  const end = await arrived;
  const processor = processorTime();
  const instructions = emulator.get_instruction_counter() >>> 0;
  await emulator.destroy();
  if (entry === undefined) throw new Error('v86 printed a prompt without a kernel');
  return { toKernel: entry.at, toPrompt: end - entry.at, processor: processor - entry.processor, instructions };
}
