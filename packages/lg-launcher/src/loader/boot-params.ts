/*L:130
 * A page of answers to questions the kernel is about to ask: how much memory, where is the command line, where the
 * initrd, and what kind of machine is this? One kind: lguest.
 */
import {
  BOOT_KERNEL_ALIGNMENT, BOOT_LOADER_UNDEFINED, BOOT_PARAMS_ADDRESS, BOOT_PROTOCOL_VERSION, BOOT_SUBARCH_LGUEST,
  BootParamsOffset, COMMAND_LINE_ADDRESS, E820_RAM, E820Offset, LOADFLAG_KEEP_SEGMENTS,
} from '@lguest/lg-host/abi';
import type { GuestMemory } from '../memory.js';

/** What differs from Guest to Guest. */
export interface BootFacts {
  readonly ramBytes: number;
  /** Guest-physical, or 0 for none. */
  readonly initrdAddress: number;
  readonly initrdBytes: number;
}

/** Write boot_params; everything not written is zero already. RAM is below 4 GiB, so high words stay zero. */
export function writeBootParams(memory: GuestMemory, facts: BootFacts): void {
  const at = (offset: number): number => BOOT_PARAMS_ADDRESS + offset;
  memory.write8(at(BootParamsOffset.e820Entries), 1);
  memory.write32(at(BootParamsOffset.e820Map + E820Offset.address), 0);
  memory.write32(at(BootParamsOffset.e820Map + E820Offset.size), facts.ramBytes);
  memory.write32(at(BootParamsOffset.e820Map + E820Offset.type), E820_RAM);

  memory.write16(at(BootParamsOffset.version), BOOT_PROTOCOL_VERSION);
  memory.write8(at(BootParamsOffset.typeOfLoader), BOOT_LOADER_UNDEFINED);
  memory.write8(at(BootParamsOffset.loadflags), LOADFLAG_KEEP_SEGMENTS);
  memory.write32(at(BootParamsOffset.ramdiskImage), facts.initrdAddress);
  memory.write32(at(BootParamsOffset.ramdiskSize), facts.initrdBytes);
  memory.write32(at(BootParamsOffset.cmdLinePtr), COMMAND_LINE_ADDRESS);
  memory.write32(at(BootParamsOffset.kernelAlignment), BOOT_KERNEL_ALIGNMENT);
  memory.write32(at(BootParamsOffset.hardwareSubarch), BOOT_SUBARCH_LGUEST);
}
