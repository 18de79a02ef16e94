/*P:040
 * The lguest bus: a page of device descriptors.
 *
 * No PCI, no probing. The page right above RAM holds packed records, one per device, ended by a type of 0. A record
 * names the virtqueues (which lie in the pages after it) and their virtual interrupts; the Guest writes the status byte
 * and the features it accepts, and says so with LHCALL_NOTIFY and the record's address.
 */

/** Pages above RAM that belong to devices: the descriptor page and the virtqueues. */
export const DEVICE_PAGES = 256;
/** Bytes of the descriptor page. */
export const DESCRIPTOR_PAGE_BYTES = 4096;

/** Byte offsets of the fixed part of a record. The queues follow it. */
export const DeviceOffset = {
  /** u8: virtio device id, 0 after the last record. */
  type: 0,
  /** u8 */
  numVq: 1,
  /** u8: bytes of each of the two feature bitmaps. */
  featureLen: 2,
  /** u8 */
  configLen: 3,
  /** u8: virtio status bits, written by the Guest. */
  status: 4,
  /** First of num_vq queue records. */
  queues: 5,
} as const;

/** Byte offsets within one queue record. */
export const QueueOffset = {
  /** u16: ring size in descriptors. */
  num: 0,
  /** u16: virtual interrupt. */
  irq: 2,
  /** u32: page number of the ring. */
  pfn: 4,
} as const;
/** Bytes of one queue record. */
export const QUEUE_RECORD_BYTES = 8;

/** Offset of queue record `queue` in its device record. */
export function queueOffset(queue: number): number {
  return DeviceOffset.queues + queue * QUEUE_RECORD_BYTES;
}

/** Offset of the features the device offers. */
export function offeredFeaturesOffset(numVq: number): number {
  return DeviceOffset.queues + numVq * QUEUE_RECORD_BYTES;
}

/** Offset of the features the Guest accepts. */
export function acceptedFeaturesOffset(numVq: number, featureLen: number): number {
  return offeredFeaturesOffset(numVq) + featureLen;
}

/** Offset of the configuration space. */
export function configOffset(numVq: number, featureLen: number): number {
  return offeredFeaturesOffset(numVq) + 2 * featureLen;
}

/** Bytes of a whole device record. */
export function deviceRecordBytes(numVq: number, featureLen: number, configLen: number): number {
  return configOffset(numVq, featureLen) + configLen;
}

/** Ring size of a virtqueue, in descriptors, as the Launcher sets it up. */
export const VIRTQUEUE_SIZE = 256;
/** Virtual irqs below this one work in every Guest (one without an IO-APIC has 16). */
export const SAFE_IRQS = 16;
