/*
 * Boot a kernel file without a Launcher: the Host and the CPU are real, there are no devices, and what the kernel says
 * by NOTIFY before it has a console is collected. Time is virtual.
 */
import { TimerQueue, VirtualClock } from '@lguest/hrtimer';
import { Lguest, machineFor } from '@lguest/lg-host';
import * as abi from '@lguest/lg-host/abi';

const RAM = 4 << 20;
const GUEST_PAGES = RAM / abi.PAGE_SIZE + abi.DEVICE_PAGES;
const SLICE = 200_000;
const MOST_SLICES = 200;
const NANOSECONDS_PER_TICK = 10n;
/** Of an ELF file: where its entry and program headers are told, and the fields of those. */
const Elf = { entry: 24, headerCount: 44, headers: 52, headerBytes: 32, offset: 4, physical: 12, fileBytes: 16 } as const;

/** What became of a kernel. `heard` is everything it said. */
export interface Outcome {
  readonly heard: string;
  readonly end: string;
}

/** Run until it ends; `end` is its last message, or why the Host killed it. @throws Error when it does not end. */
export function boot(elf: Uint8Array): Outcome {
  const file = new DataView(elf.buffer, elf.byteOffset);
  const machine = machineFor({ guestPages: GUEST_PAGES, hostPages: 512, engine: 'reference' });
  const { physical } = machine;
  for (let i = 0; i < file.getUint16(Elf.headerCount, true); i++) {
    const header = Elf.headers + i * Elf.headerBytes;
    const offset = file.getUint32(header + Elf.offset, true);
    const place = file.getUint32(header + Elf.physical, true);
    const bytes = elf.subarray(offset, offset + file.getUint32(header + Elf.fileBytes, true));
    physical.bytes.set(bytes, place);
    physical.invalidate(place, bytes.length);
  }
  physical.write32(abi.BootParamsOffset.hardwareSubarch, abi.BOOT_SUBARCH_LGUEST);
  physical.write32(abi.BootParamsOffset.e820Map + abi.E820Offset.size, RAM);

  const clock = new VirtualClock(0n);
  const timers = new TimerQueue(clock);
  const guest = new Lguest({ machine, guestPages: GUEST_PAGES, entry: file.getUint32(Elf.entry, true), timers });
  let heard = '';
  let ticks = guest.ticks;
  try {
    for (let slice = 0; slice < MOST_SLICES; slice++) {
      const exit = guest.runSlice(SLICE);
      clock.advance(BigInt(guest.ticks - ticks) * NANOSECONDS_PER_TICK);
      ticks = guest.ticks;
      if (exit.kind === 'notify') heard += textAt(physical.bytes, exit.address);
      else if (exit.kind === 'shutdown') return { heard, end: exit.message };
      else if (exit.kind === 'killed') return { heard, end: exit.reason };
      else if (exit.kind === 'halted') {
        if (exit.wakeAt === undefined) throw new Error(`asleep for ever, after ${JSON.stringify(heard)}`);
        clock.advanceTo(exit.wakeAt);
      }
      timers.run();
    }
  } finally {
    guest.dispose();
  }
  throw new Error(`no end in sight, after ${JSON.stringify(heard)}`);
}

function textAt(memory: Uint8Array, address: number): string {
  return new TextDecoder().decode(memory.subarray(address, memory.indexOf(0, address)));
}
