/*H:105
 * A machine to put a Guest in.
 *
 * Machine-physical memory starts with the Guest's: there, guest-physical and machine-physical addresses are the same
 * numbers. Above it are frames the Guest has no address for: the Switcher page first, then those the shadow page tables
 * are made of. Gates that name the Host's code segment end a run of the CPU.
 */
import { Machine, type MachineOptions } from '@lguest/x86-core';
import { LGUEST_CS, PAGE_SIZE } from './abi/segments.js';
import { LguestError } from './error.js';

/** Frames of the Host when nothing else is said: one for the Switcher page, the rest for shadow page tables. 8 MiB. */
export const DEFAULT_HOST_PAGES = 2048;
/** With fewer frames not even one shadow page table could be built. */
export const MIN_HOST_PAGES = 64;
/** 4 GiB of pages: guest-physical addresses have 32 bits. */
const MAX_GUEST_PAGES = 0x10_0000;

/** What machineFor() needs to know. Everything else is handed to the machine as it is. */
export interface LguestMachineOptions extends Omit<MachineOptions, 'physicalBytes' | 'exitSelector'> {
  /** Pages of guest memory: RAM and, after it, the pages of the devices. */
  guestPages: number;
  /** Pages for the Host's own use, at least MIN_HOST_PAGES. Default DEFAULT_HOST_PAGES. */
  hostPages?: number;
}

/**
 * A machine with room for a Guest and its Host.
 * @throws LguestError 'bad-option' when a page count is out of range.
 */
export function machineFor(options: LguestMachineOptions): Machine {
  const { guestPages, hostPages = DEFAULT_HOST_PAGES, ...rest } = options;
  checkGuestPages(guestPages);
  if (!Number.isInteger(hostPages) || hostPages < MIN_HOST_PAGES) {
    throw new LguestError('bad-option', `hostPages is ${hostPages}; it must be a whole number of at least ${MIN_HOST_PAGES}.`);
  }
  return new Machine({ ...rest, physicalBytes: (guestPages + hostPages) * PAGE_SIZE, exitSelector: LGUEST_CS });
}

/** Throws unless a number of guest pages makes sense. */
export function checkGuestPages(guestPages: number): void {
  if (!Number.isInteger(guestPages) || guestPages < 1 || guestPages >= MAX_GUEST_PAGES) {
    throw new LguestError('bad-option', `guestPages is ${guestPages}; it must be a whole number from 1 to ${MAX_GUEST_PAGES - 1}.`);
  }
}
