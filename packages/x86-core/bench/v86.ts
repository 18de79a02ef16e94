/*
 * A bench program on npm's v86, by its multiboot option. It has no BIOS, disk or screen, and as much memory as ours.
 */
import { V86 } from 'v86';
import { BEGIN_PORT, MEMORY_BYTES, RESULT_PORT } from './programs.js';
import { patience, RoundCounter, type Side } from './runner.js';

/** The parts of v86 below its published types that a bench needs. */
interface Inside {
  v86: { cpu: { io: { register_write(port: number, device: object, w8: Write, w16: Write, w32: Write): void } } };
}
type Write = (value: number) => void;

const sleep = (milliseconds: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

/** v86. @param wasmPath path or URL of its WebAssembly @param jit false for its interpreter alone */
export const v86 = (wasmPath: string, jit: boolean): Side => async (image) => {
  const emulator = new V86({
    wasm_path: wasmPath,
    memory_size: MEMORY_BYTES,
    vga_memory_size: 1 << 20,
    multiboot: { buffer: image.slice().buffer },
    autostart: false,
    disable_speaker: true,
    disable_keyboard: true,
    disable_mouse: true,
    ...{ disable_jit: !jit },
  });
  const counter = new RoundCounter();
  await new Promise<void>((resolve) => { emulator.add_listener('emulator-ready', () => resolve()); });
  let retired = 0;
  let perRound = 0;
  const count = (): void => {
    const now = emulator.get_instruction_counter();
    perRound = (now - retired) >>> 0; // the counter has 32 bits
    retired = now;
  };
  const listen = (port: number, heard: Write): void => {
    const write: Write = (value) => { heard(value); count(); };
    (emulator as unknown as Inside).v86.cpu.io.register_write(port, {}, write, write, write);
  };
  listen(RESULT_PORT, (value) => counter.report(value));
  listen(BEGIN_PORT, () => counter.mark());
  return {
    results: () => [...counter.results],
    instructionsPerRound: () => perRound,
    run: async (milliseconds) => {
      counter.begin(milliseconds);
      const end = performance.now() + milliseconds + patience;
      await emulator.run();
      await sleep(milliseconds);
      while (!counter.done && performance.now() < end) await sleep(1);
      await emulator.stop();
      return counter.end();
    },
    stop: async () => { await emulator.destroy(); },
  };
};
