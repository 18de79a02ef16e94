/*D:100
 * Finding devices.
 *
 * No bus to probe: the page above RAM lists what there is. A driver takes a device by walking its status byte up, as
 * virtio asks (acknowledge, driver, driver ok), telling the Launcher at the two points where it must look: the reset and
 * the features. Ours accept no features; all devices work without.
 */
import { source } from '../language/b.js';

/** findDevice(type, first): its record; startDevice(record); deviceConfig(record). Interrupt numbers to drivers. */
export const bus = source('bus')`
var interruptHandlers[LGUEST_IRQS], interruptQueues[LGUEST_IRQS], interruptCounts[LGUEST_IRQS];

function recordBytes(record) {
  return DeviceOffset_queues + load8(record + DeviceOffset_numVq) * QUEUE_RECORD_BYTES +
    2 * load8(record + DeviceOffset_featureLen) + load8(record + DeviceOffset_configLen);
}

// The first record of a type at or after a place in the list; 0 when there is none.
function findDevice(type, record) {
  while (load8(record) != VirtioId_none) {
    if (load8(record) == type) return record;
    record += recordBytes(record);
  }
  return 0;
}

function deviceConfig(record) {
  return record + DeviceOffset_queues + load8(record + DeviceOffset_numVq) * QUEUE_RECORD_BYTES + 2 * load8(record + DeviceOffset_featureLen);
}

function devicePhysical(address) { return address - DEVICE_WINDOW + memoryBytes; }

function setStatus(record, status) {
  store8(record + DeviceOffset_status, status);
}

function notifyDevice(record) {
  hypercall(LHCALL_NOTIFY, devicePhysical(record), 0, 0, 0);
}

function resetDevice(record) {
  setStatus(record, 0);
  notifyDevice(record);
  setStatus(record, VirtioStatus_acknowledge | VirtioStatus_driver);
  // the accepted features are all zero, and this is how the Launcher hears of it
  notifyDevice(record);
}

function startDevice(record) {
  setStatus(record, VirtioStatus_acknowledge | VirtioStatus_driver | VirtioStatus_driverOk);
}

function blockInterrupt(irq) {
  lguestData[LguestDataOffset_blockedInterrupts / 4] = lguestData[LguestDataOffset_blockedInterrupts / 4] | (1 << irq);
}

function unblockInterrupt(irq) {
  lguestData[LguestDataOffset_blockedInterrupts / 4] = lguestData[LguestDataOffset_blockedInterrupts / 4] & ~(1 << irq);
}

function takeInterrupt(irq, handler, queue) {
  interruptHandlers[irq] = handler;
  interruptQueues[irq] = queue;
  unblockInterrupt(irq);
}

// A device's interrupt stays blocked while its driver is at work; the clock's handler is too short to bother.
function handleInterrupt(irq) {
  stampAtInterrupt = timestamp();
  interruptCounts[irq] = interruptCounts[irq] + 1;
  if (irq == LGUEST_TIMER_IRQ) {
    clockInterrupt();
    return;
  }
  var handler = interruptHandlers[irq];
  if (handler == 0) return;
  blockInterrupt(irq);
  handler(interruptQueues[irq]);
  unblockInterrupt(irq);
}
`;
