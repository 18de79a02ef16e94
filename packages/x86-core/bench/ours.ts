/*
 * A bench program on this package's CPU: flat 32-bit segments, no paging, as a multiboot loader leaves a machine.
 */
import { Access, Cr0, type EngineName, ExitReason, Machine, type PortBus, SegmentRegister } from '../src/index.js';
import { BEGIN_PORT, LOAD_ADDRESS, MEMORY_BYTES, RESULT_PORT } from './programs.js';
import { patience, RoundCounter, type Side } from './runner.js';

const BUDGET = 100_000;
const flat = Access.present | Access.notSystem | Access.writable | Access.accessed | Access.big | Access.granular;
/** In ring 0, the whole of 4 GiB. */
export const dataSegment = { selector: 0x10, base: 0, limit: 0xffff_ffff, access: flat };
const codeSegment = { selector: 0x08, base: 0, limit: 0xffff_ffff, access: flat | Access.code };
/** A selector no program uses: nothing here leaves by a gate. */
const exitSelector = 0x50;

/** A machine in flat protected mode that will start at LOAD_ADDRESS. */
export function createFlatMachine(options: { engine: EngineName; ports?: PortBus }): Machine {
  const machine = new Machine({ physicalBytes: MEMORY_BYTES, exitSelector, ...options });
  const { cpu } = machine;
  cpu.setSegment(SegmentRegister.cs, codeSegment);
  for (const register of [SegmentRegister.ss, SegmentRegister.ds, SegmentRegister.es]) cpu.setSegment(register, dataSegment);
  cpu.cr0 = Cr0.pe | Cr0.et;
  cpu.eip = LOAD_ADDRESS;
  return machine;
}

/** One of our engines. */
export const ours = (engine: EngineName): Side => async (image) => {
  const counter = new RoundCounter();
  let retired = 0;
  let perRound = 0;
  const machine = createFlatMachine({
    engine,
    ports: {
      read: () => 0,
      write: (port, _size, value) => {
        if (port === BEGIN_PORT) counter.mark();
        else if (port === RESULT_PORT) counter.report(value);
        else return;
        perRound = machine.cpu.retired - retired;
        retired = machine.cpu.retired;
      },
    },
  });
  const { cpu, physical } = machine;
  physical.write(LOAD_ADDRESS, image);
  return {
    results: () => [...counter.results],
    instructionsPerRound: () => perRound,
    run: async (milliseconds) => {
      counter.begin(milliseconds);
      const end = performance.now() + milliseconds + patience;
      while (!counter.done && performance.now() < end) {
        if (cpu.run(BUDGET).reason !== ExitReason.budget) throw new Error(`the program has left its loop, at ${cpu.eip.toString(16)}`);
      }
      return counter.end();
    },
  };
};
