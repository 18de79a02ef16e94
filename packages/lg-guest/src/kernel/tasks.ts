/*G:240
 * Tasks.
 *
 * A task is an address space, a ring-1 stack and a state. Task 0 is the kernel itself with nothing to do; task 1 is
 * init; all others are copies somebody made with fork.
 */
import { source } from '../language/b.js';

/** The task table; making, forking, ending tasks. */
export const tasks = source('tasks')`
struct Task {
  pid, state, stackTop, stackPointer, directory, parent, exitStatus, wakeAt, channel, killed, cpuTime, faults,
  switches, waitsFor, name[4], tls[6]
}
const FREE = 0;
const READY = 1;
const SLEEPING = 2;    // until wakeAt
const BLOCKED = 3;     // until somebody wakes its channel
const ZOMBIE = 4;      // over; its parent has not asked yet

bytes taskTable[size_Task * MAX_TASKS], kernelStacks[KERNEL_STACK_BYTES * MAX_TASKS];
var current, nextPid, forks;

function taskAt(index) { return taskTable + index * size_Task; }

function findTask(pid) {
  for (var i = 1; i < MAX_TASKS; i++)
    if (taskAt(i)->state != FREE && taskAt(i)->pid == pid) return taskAt(i);
  return 0;
}

// A free slot with a stack, ready to return to user space with the registers of a frame; 0 when there is none.
function newTask(name) {
  for (var i = 1; i < MAX_TASKS; i++) {
    var task = taskAt(i);
    if (task->state != FREE) continue;
    fillWords(task, 0, size_Task / 4);
    task->directory = newDirectory();
    if (task->directory == 0) return 0;
    task->pid = nextPid;
    nextPid++;
    task->stackTop = kernelStacks + (i + 1) * KERNEL_STACK_BYTES;
    copyText(task + offset_name, name, 16);
    makeThreadSegment(task + offset_tls, USER_DATA);
    return task;
  }
  return 0;
}

// The stack of a task that has never run: a frame to return with, below it what switchStacks() wants to pop.
function prepareStack(task) {
  var frame = task->stackTop - size_Frame;
  var stack = frame - 6 * 4;
  stack[0] = USER_TLS_SELECTOR;
  stack[5] = returnFromTrap;
  task->stackPointer = stack;
  return frame;
}

function startInit() {
  var task = newTask("init");
  var frame = prepareStack(task);
  fillWords(frame, 0, size_Frame / 4);
  frame->frameDs = GUEST_USER_DS;
  frame->frameEs = GUEST_USER_DS;
  frame->frameCs = GUEST_USER_CS;
  frame->frameSs = GUEST_USER_DS;
  frame->frameEip = USER_CODE;
  frame->frameEsp = USER_STACK_TOP;
  frame->frameEflags = GUEST_START_EFLAGS;
  task->state = READY;
}

// The child is the parent with another number and name; where the parent gets that number, the child gets 0.
function forkTask(name) {
  var child = newTask(name);
  if (child == 0) return ~0;
  if (!copyUserPages(current->directory, child->directory)) {
    freeUserPages(child->directory);
    frameRelease(child->directory);
    return ~0;
  }
  var frame = prepareStack(child);
  copyBytes(frame, current->stackTop - size_Frame, size_Frame);
  frame->frameEax = 0;
  child->parent = current;
  child->state = READY;
  forks++;
  return child->pid;
}

// End the current task. Its address space goes at once; the stack we stand on stays until the slot is used again.
function exitTask(status) {
  if (current->pid == INIT_PID) panic("init is gone");
  for (var i = 1; i < MAX_TASKS; i++) {
    var task = taskAt(i);
    if (task->parent != current) continue;
    task->parent = 0;
    if (task->state == ZOMBIE) task->state = FREE;
  }
  var directory = current->directory;
  current->directory = 0;
  hypercallLater(LHCALL_NEW_PGTABLE, physicalOf(kernelDirectory), 0, 0, 0);
  hypercall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0);
  freeUserPages(directory);
  frameRelease(directory);
  current->exitStatus = status;
  current->state = FREE;
  if (current->parent != 0) {
    current->state = ZOMBIE;
    wakeUp(current->parent);
  }
  schedule();
}

// A task dies by itself, on its way back to user space.
function killTask(task) {
  task->killed = 1;
  if (task->state == SLEEPING || task->state == BLOCKED) task->state = READY;
  needReschedule = 1;
}

// A child that is over and nobody waited for: its pid, or ~0.
function reapTask() {
  for (var i = 1; i < MAX_TASKS; i++) {
    var task = taskAt(i);
    if (task->state != ZOMBIE || task->parent != current) continue;
    task->state = FREE;
    task->parent = 0;
    return task->pid;
  }
  return ~0;
}

// Wait for a child to end (pid, or any with 0); its status. ~0 when there is no such child, or we are killed.
function waitTask(pid) {
  while (!current->killed) {
    var some = 0;
    for (var i = 1; i < MAX_TASKS; i++) {
      var task = taskAt(i);
      if (task->parent != current || task->state == FREE || (pid != 0 && task->pid != pid)) continue;
      some = 1;
      if (task->state != ZOMBIE) continue;
      task->state = FREE;
      task->parent = 0;
      return task->exitStatus;
    }
    if (!some) return ~0;
    current->waitsFor = pid;
    sleepOn(current);
    current->waitsFor = 0;
  }
  return ~0;
}
`;
