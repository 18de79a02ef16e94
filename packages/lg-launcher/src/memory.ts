/*
 * The Guest's memory, as the Launcher needs it: bytes from guest-physical 0 up to a limit. Everything that comes from a
 * Guest as an address goes through isInside() first.
 */

/** Guest-physical memory. x86-core's PhysicalMemory is one, but for the limit: see guestMemoryOf(). */
export interface GuestMemory {
  /** One past the last guest-physical address: RAM and device pages. */
  readonly limit: number;
  /** At least `limit` bytes; byte 0 is guest-physical 0. After writing through it call invalidate(). */
  readonly bytes: Uint8Array;
  read16(address: number): number;
  read32(address: number): number;
  /** The write functions tell the CPU by themselves. */
  write8(address: number, value: number): void;
  write16(address: number, value: number): void;
  write32(address: number, value: number): void;
  /** Tell the CPU that these bytes were written: code it has translated there is stale. */
  invalidate(address: number, length: number): void;
}

/** Whether `length` bytes from `address` lie in guest memory. Numbers of any size are welcome; nothing overflows. */
export function isInside(memory: GuestMemory, address: number, length: number): boolean {
  return address >= 0 && length >= 0 && length <= memory.limit && address <= memory.limit - length;
}

/** Guest memory over a machine's physical memory, of which the Guest has the first `limit` bytes. */
export function guestMemoryOf(physical: Omit<GuestMemory, 'limit'>, limit: number): GuestMemory {
  return {
    limit,
    bytes: physical.bytes,
    read16: (address) => physical.read16(address),
    read32: (address) => physical.read32(address),
    write8: (address, value) => physical.write8(address, value),
    write16: (address, value) => physical.write16(address, value),
    write32: (address, value) => physical.write32(address, value),
    invalidate: (address, length) => physical.invalidate(address, length),
  };
}

/** Copy bytes into guest memory. The caller has checked that they fit. */
export function copyIn(memory: GuestMemory, address: number, source: Uint8Array): void {
  memory.bytes.set(source, address);
  memory.invalidate(address, source.length);
}
