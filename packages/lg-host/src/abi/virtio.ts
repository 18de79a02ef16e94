/*P:050
 * virtio, as it was before it was a standard.
 *
 * The driver in the Guest and the device in the Launcher share a ring of buffers (a split virtqueue in the legacy
 * layout, every integer little-endian) and a handful of numbers: device ids, status bits, feature bits. They are here
 * because both sides need them and neither may import the other. Values: virtio 0.9.5 and OASIS virtio 1.0, the
 * "legacy interface" sections.
 */

/** Virtio device ids. */
export const VirtioId = { none: 0, net: 1, block: 2, console: 3, rng: 4, balloon: 5, p9: 9 } as const;

/** Bits of a device's status byte. */
export const VirtioStatus = { acknowledge: 1, driver: 2, driverOk: 4, featuresOk: 8, failed: 0x80 } as const;

/** Flags of a descriptor. */
export const VringDescFlag = { next: 1, write: 2, indirect: 4 } as const;
/** Bytes of one descriptor. */
export const VRING_DESC_BYTES = 16;
/** Byte offsets within a descriptor: address (u64), length (u32), flags (u16), next (u16). */
export const VringDescOffset = { address: 0, length: 8, flags: 12, next: 14 } as const;
/** Byte offsets within the available ring: flags (u16), index (u16), entries (u16 each). */
export const VringAvailOffset = { flags: 0, index: 2, ring: 4 } as const;
/** Bit of the available ring's flags: the driver wants no interrupt. */
export const VRING_AVAIL_NO_INTERRUPT = 1;
/** Byte offsets within the used ring: flags (u16), index (u16), entries. */
export const VringUsedOffset = { flags: 0, index: 2, ring: 4 } as const;
/** Bit of the used ring's flags: the device wants no notification. */
export const VRING_USED_NO_NOTIFY = 1;
/** Bytes of one entry of the used ring: id (u32), length written (u32). */
export const VRING_USED_ENTRY_BYTES = 8;
/** Byte offsets within an entry of the used ring. */
export const VringUsedEntryOffset = { id: 0, length: 4 } as const;
/** Alignment of the used ring, and of the whole. */
export const VRING_ALIGN = 4096;

/** Where the three parts of a legacy split ring lie, in bytes from its start. */
export interface VringLayout {
  readonly descriptors: number;
  readonly available: number;
  readonly used: number;
  /** Bytes of the whole ring. */
  readonly bytes: number;
}

/** Layout of a ring of `num` descriptors (a power of two, at most 32768). */
export function vringLayout(num: number, align: number = VRING_ALIGN): VringLayout {
  const available = num * VRING_DESC_BYTES;
  // the available ring ends in an event word, so does the used ring; both are there even where nobody uses them
  const availableEnd = available + VringAvailOffset.ring + num * 2 + 2;
  const used = Math.ceil(availableEnd / align) * align;
  return { descriptors: 0, available, used, bytes: used + VringUsedOffset.ring + num * VRING_USED_ENTRY_BYTES + 2 };
}

/** Feature bit numbers that any device may offer. */
export const VirtioFeature = { notifyOnEmpty: 24, ringIndirectDesc: 28, ringEventIdx: 29 } as const;

/** Feature bit numbers of a block device. */
export const VirtioBlkFeature = {
  barrier: 0, sizeMax: 1, segMax: 2, geometry: 4, readOnly: 5, blockSize: 6, scsi: 7, flush: 9, topology: 10,
} as const;
/** Byte offsets of a block device's configuration: capacity (u64, sectors), size_max (u32), seg_max (u32). */
export const VirtioBlkConfig = { capacity: 0, sizeMax: 8, segMax: 12, bytes: 16 } as const;
/** Request types of a block device. */
export const VirtioBlkType = { in: 0, out: 1, scsi: 2, flush: 4, getId: 8 } as const;
/** Byte offsets within a block request's header: type (u32), ioprio (u32), sector (u64). */
export const VirtioBlkHeader = { type: 0, ioprio: 4, sector: 8, bytes: 16 } as const;
/** The status byte that ends a block request. */
export const VirtioBlkStatus = { ok: 0, ioError: 1, unsupported: 2 } as const;
/** Bytes of a sector, whatever the disk behind it thinks. */
export const VIRTIO_BLK_SECTOR_BYTES = 512;
/** Bytes of the string a getId request returns. */
export const VIRTIO_BLK_ID_BYTES = 20;

/** Feature bit numbers of a network device. */
export const VirtioNetFeature = {
  csum: 0, guestCsum: 1, mac: 5, gso: 6, guestTso4: 7, guestTso6: 8, guestEcn: 9, guestUfo: 10, hostTso4: 11,
  hostTso6: 12, hostEcn: 13, hostUfo: 14, mrgRxbuf: 15, status: 16,
} as const;
/** Bytes of the header before each frame, without mergeable receive buffers. */
export const VIRTIO_NET_HEADER_BYTES = 10;

/** Queue indices of a console. */
export const VirtioConsoleQueue = { input: 0, output: 1 } as const;
/** Feature bit numbers of a console. */
export const VirtioConsoleFeature = { size: 0, multiport: 1 } as const;
