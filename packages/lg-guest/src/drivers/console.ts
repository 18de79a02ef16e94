/*D:120
 * The console.
 *
 * Output is the simplest driver there is: offer the text, kick, and wait until it comes back, which it has by the time
 * the kick returns. Input is the other way round: empty buffers lie with the device before anybody types. A buffer goes
 * back to the device only when there is room for everything the device holds, so whatever is typed ahead (or poured in
 * from a pipe) waits, here or in the Launcher, and is never lost.
 */
import { source } from '../language/b.js';

/** print(format, …), consoleWrite(text, length), consoleRead(buffer, most). Before the device is up, text goes out by NOTIFY. */
export const consoleDriver = source('console')`
const INPUT_BUFFERS = 4;
const INPUT_BYTES = 256;
const TYPED_BYTES = 4096;
const CONTROL_C = 3;

bytes consoleInput[size_Queue], consoleOutput[size_Queue], inputBuffers[INPUT_BUFFERS * INPUT_BYTES], typed[TYPED_BYTES];
bytes printBuffer[PAGE_SIZE];
var consoleReady, typedHead, typedCount, heldBuffers[INPUT_BUFFERS], heldCount, withDevice, printLength;

function offerInput(address) {
  queueOffer(consoleInput, queueAdd(consoleInput, address, INPUT_BYTES, VringDescFlag_write, ~0));
  withDevice++;
}

function consoleStart() {
  var record = findDevice(VirtioId_console, DEVICE_WINDOW);
  if (record == 0) panic("no console device");
  resetDevice(record);
  queueOpen(consoleInput, record, VirtioConsoleQueue_input);
  queueOpen(consoleOutput, record, VirtioConsoleQueue_output);
  queueInterrupts(consoleOutput, 0);
  takeInterrupt(consoleInput->queueIrq, inputInterrupt, consoleInput);
  takeInterrupt(consoleOutput->queueIrq, outputInterrupt, consoleOutput);
  startDevice(record);
  for (var i = 0; i < INPUT_BUFFERS; i++) offerInput(physicalOf(inputBuffers + i * INPUT_BYTES));
  queueKick(consoleInput);
  consoleReady = 1;
}

// Nothing to do: output is waited for, and queueTake() there has seen it. Only a bench asks for this interrupt.
function outputInterrupt(queue) {
  while (queueTake(queue)) {}
}

function inputInterrupt(queue) {
  while (queueTake(queue)) {
    var buffer = virtualOf(queue->takenAddress);
    for (var i = 0; i < queue->takenLength; i++) {
      var c = load8(buffer + i);
      if (c == CONTROL_C && interruptForeground()) continue;
      store8(typed + (typedHead + typedCount) % TYPED_BYTES, c);
      typedCount++;
    }
    withDevice--;
    heldBuffers[heldCount] = queue->takenAddress;
    heldCount++;
  }
  returnBuffers();
  wakeUp(typed);
}

// Room for what the device may still bring, and for one buffer more: then it may have one more.
function returnBuffers() {
  var returned = 0;
  while (heldCount > 0 && typedCount + (withDevice + 1) * INPUT_BYTES <= TYPED_BYTES) {
    heldCount--;
    offerInput(heldBuffers[heldCount]);
    returned = 1;
  }
  if (returned) queueKick(consoleInput);
}

// Control-C ends the program that a shell (a child of init) waits for by number: the one in the foreground.
function interruptForeground() {
  for (var i = 1; i < MAX_TASKS; i++) {
    var task = taskAt(i);
    if (task->state != BLOCKED || task->waitsFor == 0) continue;
    if (task->parent == 0 || task->parent->pid != INIT_PID) continue;
    var child = findTask(task->waitsFor);
    if (child == 0) continue;
    killTask(child);
    return 1;
  }
  return 0;
}

// At least one character, at most so many and not beyond the end of a line, into kernel memory; how many. 0 only when
// the reader was killed. (The next line may be for somebody else.)
function consoleRead(buffer, most) {
  while (typedCount == 0) {
    if (current->killed) return 0;
    sleepOn(typed);
  }
  var count = 0;
  while (count < most && typedCount > 0) {
    var c = load8(typed + typedHead);
    store8(buffer + count, c);
    typedHead = (typedHead + 1) % TYPED_BYTES;
    typedCount--;
    count++;
    if (c == '\n' || c == '\r') break;
  }
  returnBuffers();
  return count;
}

// Text in kernel memory. The device has it when this returns.
function consoleWrite(text, length) {
  if (length == 0) return;
  queueOffer(consoleOutput, queueAdd(consoleOutput, physicalOf(text), length, 0, ~0));
  queueKick(consoleOutput);
  while (!queueTake(consoleOutput)) {}
}

function printPut(c) {
  if (printLength < PAGE_SIZE - 1) {
    store8(printBuffer + printLength, c);
    printLength++;
  }
}

function print(format, ...) {
  var flags = irqSave();
  printLength = 0;
  formatTo(printPut, format, arguments() + 4);
  store8(printBuffer + printLength, 0);
  if (consoleReady) consoleWrite(printBuffer, printLength);
  else hypercall(LHCALL_NOTIFY, physicalOf(printBuffer), 0, 0, 0);
  irqRestore(flags);
}
`;
