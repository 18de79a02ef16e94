/*D:140
 * Random bytes: an empty buffer goes out, a full one comes back.
 */
import { source } from '../language/b.js';

/** rngRead(buffer, length): bytes got; 0 without a device. */
export const rngDriver = source('rng')`
bytes rngQueue[size_Queue];
var rngPresent, rngBusy, rngDone;

function rngStart() {
  var record = findDevice(VirtioId_rng, DEVICE_WINDOW);
  if (record == 0) return;
  resetDevice(record);
  queueOpen(rngQueue, record, 0);
  takeInterrupt(rngQueue->queueIrq, rngInterrupt, rngQueue);
  startDevice(record);
  rngPresent = 1;
}

function rngInterrupt(queue) {
  while (queueTake(queue)) rngDone = queue->takenLength;
  wakeUp(rngQueue);
}

function rngRead(buffer, length) {
  if (!rngPresent) return 0;
  while (rngBusy) sleepOn(&rngBusy);
  rngBusy = 1;
  rngDone = 0;
  queueOffer(rngQueue, queueAdd(rngQueue, physicalOf(buffer), length, VringDescFlag_write, ~0));
  queueKick(rngQueue);
  while (rngDone == 0) sleepOn(rngQueue);
  rngBusy = 0;
  wakeUp(&rngBusy);
  return rngDone;
}
`;
