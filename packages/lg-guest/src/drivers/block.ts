/*D:130
 * The disk.
 *
 * A request is three buffers in a row: what to do, the data, and a byte for the answer. The task that asked sleeps; the
 * interrupt wakes it. One request at a time is enough for a shell.
 */
import { source } from '../language/b.js';

/** blockTransfer(type, sector, buffer page, bytes): the status byte. blockSectors: the size, 0 without a disk. */
export const blockDriver = source('block')`
bytes blockQueue[size_Queue], blockHeader[VirtioBlkHeader_bytes];
var blockSectors, blockStatus, blockBusy, blockDone, blockRequests;

function blockStart() {
  var record = findDevice(VirtioId_block, DEVICE_WINDOW);
  if (record == 0) return;
  resetDevice(record);
  queueOpen(blockQueue, record, 0);
  takeInterrupt(blockQueue->queueIrq, diskInterrupt, blockQueue);
  startDevice(record);
  blockSectors = load32(deviceConfig(record) + VirtioBlkConfig_capacity);
}

function diskInterrupt(queue) {
  while (queueTake(queue)) blockDone = 1;
  wakeUp(blockQueue);
}

function blockTransfer(type, sector, buffer, length) {
  while (blockBusy) sleepOn(&blockBusy);
  blockBusy = 1;
  blockDone = 0;
  blockRequests++;
  blockHeader[0] = type;
  blockHeader[1] = 0;
  blockHeader[2] = sector;
  blockHeader[3] = 0;
  blockStatus = 0xff;
  var last = queueAdd(blockQueue, physicalOf(&blockStatus), 1, VringDescFlag_write, ~0);
  var data = queueAdd(blockQueue, physicalOf(buffer), length, type == VirtioBlkType_in ? VringDescFlag_write : 0, last);
  queueOffer(blockQueue, queueAdd(blockQueue, physicalOf(blockHeader), VirtioBlkHeader_bytes, 0, data));
  queueKick(blockQueue);
  while (!blockDone) sleepOn(blockQueue);
  blockBusy = 0;
  wakeUp(&blockBusy);
  return blockStatus & 0xff;
}
`;
