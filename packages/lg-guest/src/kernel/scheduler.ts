/*G:250
 * Whose turn it is.
 *
 * Round robin: the next ready task after the current one runs until it waits for something or the clock ticks. When
 * nobody is ready the idle task tells the Host to let us sleep until an interrupt comes: HALT. It does so with
 * interrupts off, so that one that comes just before is not slept through; the Host switches them on as it wakes us.
 */
import { source } from '../language/b.js';

/** schedule(), sleepOn(channel), wakeUp(channel), idle(). All with interrupts off. */
export const scheduler = source('scheduler')`
var needReschedule, contextSwitches, halts;

function nextTask() {
  var index = (current - taskTable) / size_Task;
  for (var i = 1; i <= MAX_TASKS; i++) {
    index = (index + 1) % MAX_TASKS;
    if (index != 0 && taskAt(index)->state == READY) return taskAt(index);
  }
  return taskAt(0);
}

function schedule() {
  needReschedule = 0;
  var next = nextTask();
  if (next != current) {
    if (next != taskAt(0)) clockRun();
    switchTo(next);
  }
  // we are back, perhaps much later
  if (current->killed) needReschedule = 1;
}

// Called by the entry code when a task is about to return to user space and something has happened.
function beforeUser() {
  if (current->killed) exitTask(~0);
  schedule();
}

function sleepOn(channel) {
  current->channel = channel;
  current->state = BLOCKED;
  schedule();
}

function wakeUp(channel) {
  for (var i = 1; i < MAX_TASKS; i++) {
    var task = taskAt(i);
    if (task->state != BLOCKED || task->channel != channel) continue;
    task->state = READY;
    needReschedule = 1;
  }
}

function sleepUntil(milliseconds) {
  current->wakeAt = milliseconds;
  current->state = SLEEPING;
  schedule();
}

function idle() {
  while (1) {
    irqDisable();
    schedule();
    if (nextTask() != current) continue;
    clockRest();
    halts++;
    hypercall(LHCALL_HALT, 0, 0, 0, 0);
  }
}
`;
