/*D:110
 * A virtqueue, from the driver's side.
 *
 * Three tables in shared memory: descriptors (where buffers are), the available ring (what we offer), the used ring
 * (what comes back). The device reads the first two and writes the third, so nobody needs a lock. Free descriptors are
 * chained through their own next fields.
 */
import { source } from '../language/b.js';

/** queueOpen, queueAdd, queueOffer, queueKick, queueTake. */
export const virtqueue = source('virtqueue')`
struct Queue { ring, size, available, used, freeHead, freeCount, offered, taken, takenAddress, takenLength, queueIrq }

// Set up from queue number index of a device record.
function queueOpen(queue, record, index) {
  var at = record + DeviceOffset_queues + index * QUEUE_RECORD_BYTES;
  queue->size = load16(at + QueueOffset_num);
  queue->queueIrq = load16(at + QueueOffset_irq);
  queue->ring = DEVICE_WINDOW + load32(at + QueueOffset_pfn) * PAGE_SIZE - memoryBytes;
  queue->available = queue->ring + queue->size * VRING_DESC_BYTES;
  var end = queue->available + VringAvailOffset_ring + queue->size * 2 + 2;
  queue->used = (end + VRING_ALIGN - 1) & ~(VRING_ALIGN - 1);
  queue->freeHead = 0;
  queue->freeCount = queue->size;
  queue->offered = 0;
  queue->taken = 0;
  for (var i = 0; i < queue->size; i++) store16(queue->ring + i * VRING_DESC_BYTES + VringDescOffset_next, i + 1);
}

function descriptorAt(queue, index) { return queue->ring + index * VRING_DESC_BYTES; }

// Describe a buffer, by physical address, in front of a chain that starts at next (~0: the last). Its number.
function queueAdd(queue, address, length, flags, next) {
  var index = queue->freeHead;
  var descriptor = descriptorAt(queue, index);
  queue->freeHead = load16(descriptor + VringDescOffset_next);
  queue->freeCount--;
  store32(descriptor + VringDescOffset_address, address);
  store32(descriptor + VringDescOffset_address + 4, 0);
  store32(descriptor + VringDescOffset_length, length);
  if (next != ~0) {
    flags = flags | VringDescFlag_next;
    store16(descriptor + VringDescOffset_next, next);
  }
  store16(descriptor + VringDescOffset_flags, flags);
  return index;
}

// Put a chain into the available ring. The index moves last.
function queueOffer(queue, head) {
  store16(queue->available + VringAvailOffset_ring + (queue->offered % queue->size) * 2, head);
  queue->offered = (queue->offered + 1) & 0xffff;
  store16(queue->available + VringAvailOffset_index, queue->offered);
}

function queueKick(queue) {
  if (load16(queue->used + VringUsedOffset_flags) & VRING_USED_NO_NOTIFY) return;
  hypercall(LHCALL_NOTIFY, devicePhysical(queue->ring), 0, 0, 0);
}

// Whether to be interrupted when something comes back.
function queueInterrupts(queue, wanted) {
  store16(queue->available + VringAvailOffset_flags, wanted ? 0 : VRING_AVAIL_NO_INTERRUPT);
}

// Take back a chain the device is done with: 1, with its first buffer's address and the bytes written; or 0.
function queueTake(queue) {
  if (queue->taken == load16(queue->used + VringUsedOffset_index)) return 0;
  var entry = queue->used + VringUsedOffset_ring + (queue->taken % queue->size) * VRING_USED_ENTRY_BYTES;
  var index = load32(entry + VringUsedEntryOffset_id);
  queue->takenLength = load32(entry + VringUsedEntryOffset_length);
  queue->takenAddress = load32(descriptorAt(queue, index) + VringDescOffset_address);
  queue->taken = (queue->taken + 1) & 0xffff;
  while (1) {
    var descriptor = descriptorAt(queue, index);
    var more = load16(descriptor + VringDescOffset_flags) & VringDescFlag_next;
    var next = load16(descriptor + VringDescOffset_next);
    store16(descriptor + VringDescOffset_next, queue->freeHead);
    queue->freeHead = index;
    queue->freeCount++;
    if (!more) return 1;
    index = next;
  }
}
`;
